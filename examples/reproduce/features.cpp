// SPDX-License-Identifier: Apache-2.0
// Columns of a split's rows.
#include "features.hpp"

namespace reproduce {

using mmdl::detail::fail;

void prepare(Split& split, const mmdl::TagVocabulary& vocabulary) {
  split.tags.resize(split.manifest->samples.size());
  for (std::size_t i = 0; i < split.tags.size(); ++i)
    for (const std::string& tag : split.manifest->samples[i].tags)
      if (const int column = vocabulary.column(tag); column >= 0) split.tags[i].push_back(column);
  split.usable.resize(split.tags.size());
  std::iota(split.usable.begin(), split.usable.end(), 0L);
}

std::string fingerprint(const mmdl::Manifest& manifest) {
  std::uint64_t hash = 0;
  const auto add = [&](std::uint64_t bits) { hash = mmdl::detail::mixed(hash ^ mmdl::detail::mixed(bits + 0x9e3779b97f4a7c15U)); };
  const auto add_text = [&](const std::string& text) {
    add(text.size());
    for (const char c : text) add(static_cast<unsigned char>(c));
  };
  for (const std::string& label : manifest.labels) add_text(label);
  for (const mmdl::Sample& sample : manifest.samples) {
    add_text(sample.image);
    add(sample.labels.size());
    for (const int label : sample.labels) add(static_cast<std::uint64_t>(label));
    add(sample.tags.size());
    for (const std::string& tag : sample.tags) add_text(tag);
  }
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += digits[hash >> shift & 15U];
  return text;
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
    for (const int tag : split.tags[static_cast<std::size_t>(sample)]) out[static_cast<std::size_t>(tag)] = 1.0f;
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
  return [first = std::move(first), first_size, second = std::move(second)](long sample, int view, std::span<float> out) {
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
