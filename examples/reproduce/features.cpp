// SPDX-License-Identifier: Apache-2.0
// Columns of a split's rows.
#include "features.hpp"

#include <mmdl/training/weights.hpp>

namespace reproduce {

void prepare(Split& split, const mmdl::TagVocabulary& vocabulary) {
  split.tags.resize(split.manifest->samples.size());
  for (std::size_t i = 0; i < split.tags.size(); ++i)
    for (const std::string& tag : split.manifest->samples[i].tags)
      if (const int column = vocabulary.column(tag); column >= 0) split.tags[i].push_back(column);
  split.usable.resize(split.tags.size());
  std::iota(split.usable.begin(), split.usable.end(), 0L);
}

namespace {

class Fingerprint {
 public:
  void add(std::uint64_t bits) {
    hash_ = mmdl::detail::mixed(hash_ ^ mmdl::detail::mixed(bits + 0x9e3779b97f4a7c15U));
  }
  void add(const std::string& text) {
    add(text.size());
    for (const char c : text) add(static_cast<unsigned char>(c));
  }
  std::string str() const {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += digits[hash_ >> shift & 15U];
    return text;
  }

 private:
  std::uint64_t hash_ = 0;
};

}  // namespace

std::string fingerprint(const mmdl::Manifest& manifest) {
  Fingerprint print;
  for (const std::string& label : manifest.labels) print.add(label);
  for (const mmdl::Sample& sample : manifest.samples) {
    print.add(sample.image);
    print.add(sample.labels.size());
    for (const int label : sample.labels) print.add(static_cast<std::uint64_t>(label));
    print.add(sample.tags.size());
    for (const std::string& tag : sample.tags) print.add(tag);
  }
  return print.str();
}

std::string fingerprint(const mmdl::TagVocabulary& vocabulary) {
  Fingerprint print;
  for (const std::string& word : vocabulary.words()) print.add(word);
  return print.str();
}

Column label_column(const Split& split) {
  return [&split](long sample, int, std::span<float> out) {
    std::fill(out.begin(), out.end(), 0.0f);
    for (const int label : split.manifest->samples[static_cast<std::size_t>(sample)].labels)
      out[static_cast<std::size_t>(label)] = 1.0f;
  };
}

Column tag_column(const Split& split) {
  return [&split](long sample, int, std::span<float> out) {
    std::fill(out.begin(), out.end(), 0.0f);
    for (const int tag : split.tags[static_cast<std::size_t>(sample)])
      out[static_cast<std::size_t>(tag)] = 1.0f;
  };
}

Column quantity_column(const Split& split) {
  return [&split](long sample, int, std::span<float> out) {
    out[0] = static_cast<float>(split.manifest->samples[static_cast<std::size_t>(sample)].labels.size());
  };
}

Column quantity_class_column(const Split& split) {
  return [&split](long sample, int, std::span<float> out) {
    std::fill(out.begin(), out.end(), 0.0f);
    const std::size_t quantity = split.manifest->samples[static_cast<std::size_t>(sample)].labels.size();
    out[std::min(quantity, out.size() - 1)] = 1.0f;
  };
}

Column cache_column(const mmdl::FeatureCache& cache, long samples, long begin) {
  return [&cache, samples, begin](long sample, int view, std::span<float> out) {
    const auto row = cache.row(view * samples + sample);
    std::copy_n(row.begin() + begin, out.size(), out.begin());
  };
}

Column joined(Column first, std::size_t first_size, Column second) {
  return [first = std::move(first), first_size, second = std::move(second)](long sample, int view,
                                                                            std::span<float> out) {
    first(sample, view, out.first(first_size));
    second(sample, view, out.subspan(first_size));
  };
}

void mirror(float* pictures, int samples, int height, int width) {
  mmdl::detail::parallel_ranges(static_cast<long>(samples) * height, 1, [&](long begin, long end) {
    for (long line = begin; line < end; ++line) {
      float* row = pictures + line * width * 3;
      for (int left = 0, right = width - 1; left < right; ++left, --right)
        std::swap_ranges(row + left * 3, row + left * 3 + 3, row + right * 3);
    }
  });
}

}  // namespace reproduce
