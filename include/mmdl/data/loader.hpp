// SPDX-License-Identifier: Apache-2.0
// Batches of a manifest's samples, prepared by worker threads ahead of the training step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/random.hpp"
#include "../core/shape.hpp"
#include "../core/tensor.hpp"
#include "../core/text.hpp"
#include "../data/manifest_builder.hpp"
#include "../data/prefetch.hpp"
#include "../data/sample_images.hpp"
#include "../data/vocabulary.hpp"

namespace mmdl {

struct LoaderOptions {
  int batch = 32;           ///< samples of a batch
  int workers = 2;          ///< threads that decode; 0: `next` does it itself
  int prefetch = 2;         ///< batches that may lie ready; bounds the memory
  std::uint64_t seed = 0;   ///< of the order and of the augmentation
  bool shuffle = true;      ///< an order of each epoch's own; else that of the manifest
  bool drop_last = false;   ///< leave out an epoch's last batch when it is short
  bool spare_room = false;  ///< fewer labels or tags than the type has room for will do: the rest stay 0
  bool strict = false;      ///< an image that cannot be used is an error; else it is skipped and reported
  ImageOptions images = {};
};

namespace detail {

/// The part of a batch that is there only with tags.
template <int Tags>
struct BatchTags {
  Tensor<Shape<Tags>> tags;  ///< 1 where the sample has the tag
};
template <>
struct BatchTags<0> {};

}  // namespace detail

/// Gives the samples of a manifest, epoch by epoch, as tensors of static shape: images `ImageShape` =
/// `Shape<height, width, 3>`, the binary vectors of `Tags` tags (0: none) and `Labels` labels, and the number
/// of labels. Order and contents depend on seed, epoch and manifest, never on the number of workers, the
/// cache or timing. An image that cannot be used is left out as if the manifest had it not: the next one
/// takes its place.
///
///     Loader<Shape<224, 224, 3>, 1000, 81> loader(manifest, vocabulary, {.batch = 32, .seed = 1});
///     decltype(loader)::Batch batch;
///     for (int epoch = 0; epoch < 10; ++epoch)
///       for (loader.start_epoch(epoch); loader.next(batch);) trainer.step(...);
///
/// One thread at a time may call its members. PyTorch: `torch.utils.data.DataLoader` over a `Dataset`.
template <class ImageShape, int Tags, int Labels>
class Loader {
  static_assert(ImageShape::rank == 3 && ImageShape::extents[ImageShape::rank - 1] == 3,
                "mmdl: a Loader's images are Shape<height, width, 3>");
  static_assert(Tags >= 0, "mmdl: a Loader has 0 tags (none) or more");
  static_assert(Labels >= 1, "mmdl: a Loader has at least one label");

 public:
  /// One batch. `tags` is a member where `Tags` is above 0.
  struct Batch : detail::BatchTags<Tags> {
    Tensor<ImageShape> images;     ///< normalised
    Tensor<Shape<Labels>> labels;  ///< 1 where the sample has the label
    Tensor<Shape<1>> quantities;   ///< how many labels the sample has
    std::vector<int> samples;      ///< which of the manifest's samples these are
    int size() const { return static_cast<int>(samples.size()); }
  };

  /// With tags. Throws `Error` when the manifest has no samples or not `Labels` labels, the vocabulary not
  /// `Tags` words, a sample a label that is none of the manifest's, or an option is out of range.
  Loader(Manifest manifest, TagVocabulary vocabulary, const LoaderOptions& options = {}) requires(Tags > 0)
      : Loader(Checked{}, std::move(manifest), std::move(vocabulary), options) {}

  /// Without tags. Throws `Error` as the other.
  explicit Loader(Manifest manifest, const LoaderOptions& options = {}) requires(Tags == 0)
      : Loader(Checked{}, std::move(manifest), TagVocabulary(), options) {}

  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Begins an epoch, 0 or more; one under way is given up. The workers start at once.
  void start_epoch(int epoch) {
    if (epoch < 0) detail::fail("Loader::start_epoch", std::to_string(epoch), "0 or more");
    prefetch_.start(static_cast<int>(order_.size()), [&] {
      epoch_ = epoch;
      delivered_ = 0;
      std::iota(order_.begin(), order_.end(), 0);
      if (!options_.shuffle) return;
      // The constant keeps the order apart from other streams of the same seed. Fisher and Yates.
      Random random(options_.seed ^ 0x73687566666C6521U, static_cast<std::uint64_t>(epoch));
      for (std::size_t i = order_.size(); i > 1; --i)
        std::swap(order_[i - 1], order_[static_cast<std::size_t>(random.below(static_cast<int>(i)))]);
    });
  }

  /// Fills `batch` with the next samples of the epoch and returns true, or empties it and returns false after
  /// the last. All batches have `options.batch` samples but the last, which has the rest. Memory of `batch`
  /// is used again. Throws `Error` before the first `start_epoch`, for an image that cannot be used when
  /// `strict`, and when an epoch would end without any batch since all images were skipped; what else a
  /// worker threw surfaces here. The epoch goes on after the sample that was at fault.
  bool next(Batch& batch) {
    if (epoch_ < 0) detail::fail("Loader::next", "no epoch under way", "start_epoch before it");
    const int wanted = std::min(options_.batch, prefetch_.remaining());
    resize(batch, wanted);
    while (batch.size() < wanted && prefetch_.remaining() > 0) {
      const int slot = prefetch_.next();
      const Slot& item = slots_[static_cast<std::size_t>(slot)];
      if (item.problem.empty())
        put(batch, item);
      else
        report(item);
      prefetch_.release();
    }
    if (batch.size() < options_.batch) {  // the last one
      if (delivered_ == 0 && !skipped_.empty() && (batch.size() == 0 || options_.drop_last))
        detail::fail(
            "Loader: epoch " + std::to_string(epoch_) + ": found " + std::to_string(skipped_.size()) +
            " images that cannot be used, and too few others for a batch; the first: " + skipped_.front());
      if (options_.drop_last) batch.samples.clear();
      shrink(batch);
    }
    delivered_ += batch.size();
    return batch.size() > 0;
  }

  /// Batches of an epoch in which no image is skipped.
  int batches() const {
    const int samples = static_cast<int>(order_.size());
    return samples / options_.batch + (samples % options_.batch != 0 && !options_.drop_last ? 1 : 0);
  }

  /// One message for each sample that was skipped so far, in the order met.
  const std::vector<std::string>& skipped() const { return skipped_; }

  /// Tags of the manifest (each occurrence) that the vocabulary has not.
  long unknown_tags() const { return unknown_tags_; }

  /// Bytes that the cache holds: a snapshot.
  std::size_t cached_bytes() const { return images_.cached_bytes(); }

  const Manifest& manifest() const { return manifest_; }
  const TagVocabulary& vocabulary() const { return vocabulary_; }
  const LoaderOptions& options() const { return options_; }

 private:
  struct Checked {};
  struct Slot {
    int sample = 0;
    std::string problem;
    std::vector<float> image;
  };

  Loader(Checked, Manifest&& manifest, TagVocabulary&& vocabulary, const LoaderOptions& options)
      : manifest_(check(std::move(manifest), vocabulary, options)),
        vocabulary_(std::move(vocabulary)),
        options_(options),
        order_(manifest_.samples.size()),
        tags_(order_.size()),
        reported_(order_.size(), false),
        images_(manifest_.root, order_.size(), options.images, options.seed, ImageShape::extents[1],
                ImageShape::extents[0]),
        slots_(static_cast<std::size_t>(slot_count(options, order_.size()))),
        prefetch_(options.workers, static_cast<int>(slots_.size()), [this](int position, int slot) {
          prepare(position, slots_[static_cast<std::size_t>(slot)]);
        }) {
    if constexpr (Tags > 0)
      for (std::size_t i = 0; i < tags_.size(); ++i)
        for (const auto& tag : manifest_.samples[i].tags) {
          const int column = vocabulary_.column(tag);
          if (column < 0)
            ++unknown_tags_;
          else
            tags_[i].push_back(column);
        }
  }

  static int slot_count(const LoaderOptions& options, std::size_t samples) {
    const long ahead =
        options.workers == 0 ? 1 : std::max<long>(options.workers, 1L * options.prefetch * options.batch);
    return static_cast<int>(std::min<long>(ahead, static_cast<long>(samples)));
  }

  static Manifest check(Manifest&& manifest, const TagVocabulary& vocabulary, const LoaderOptions& options) {
    const auto in_range = [](const char* option, long value, long low, long high) {
      if (value < low || value > high)
        detail::fail(std::string("Loader: ") + option, std::to_string(value),
                     std::to_string(low) + " to " + std::to_string(high));
    };
    in_range("batch", options.batch, 1, 1 << 20);
    in_range("workers", options.workers, 0, 256);
    in_range("prefetch", options.prefetch, 1, 1024);
    const auto samples = static_cast<long>(manifest.samples.size());
    in_range("samples of the manifest", samples, options.drop_last ? options.batch : 1, 0x7FFFFFFF);
    const auto fits = [&](const char* what, long found, long room, const char* unit) {
      if (found == room || (options.spare_room && found < room)) return;
      detail::fail(std::string("Loader: ") + what, std::to_string(found) + unit,
                   (options.spare_room ? "at most " : "") + std::to_string(room));
    };
    fits("manifest", static_cast<long>(manifest.labels.size()), Labels, " labels");
    fits("vocabulary", vocabulary.size(), Tags, " tags");
    for (const auto& sample : manifest.samples)
      for (const int label : sample.labels)
        if (label < 0 || label >= Labels)
          detail::fail("Loader: sample " + detail::quoted(sample.image), "label " + std::to_string(label),
                       "0 to " + std::to_string(Labels - 1));
    return std::move(manifest);
  }

  /// A worker's work. Reads what only `start_epoch` changes, while no worker runs.
  void prepare(int position, Slot& slot) {
    slot.sample = order_[static_cast<std::size_t>(position)];
    slot.problem.clear();
    slot.image.resize(static_cast<std::size_t>(ImageShape::size));
    try {
      images_.load(manifest_.samples[static_cast<std::size_t>(slot.sample)].image, epoch_, slot.sample,
                   slot.image);
    } catch (const Error& error) {
      if (options_.strict) throw;
      slot.problem = error.what();
    }
  }

  void put(Batch& batch, const Slot& slot) const {
    const int row = batch.size();
    const auto sample = static_cast<std::size_t>(slot.sample);
    std::copy(slot.image.begin(), slot.image.end(), batch.images[row].begin());
    if constexpr (Tags > 0)
      for (const int tag : tags_[sample]) batch.tags(row, tag) = 1.0f;
    for (const int label : manifest_.samples[sample].labels) batch.labels(row, label) = 1.0f;
    batch.quantities(row, 0) = static_cast<float>(manifest_.samples[sample].labels.size());
    batch.samples.push_back(slot.sample);
  }

  void report(const Slot& slot) {
    if (reported_[static_cast<std::size_t>(slot.sample)]) return;
    reported_[static_cast<std::size_t>(slot.sample)] = true;
    skipped_.push_back(slot.problem);
  }

  void resize(Batch& batch, int rows) const {
    batch.samples.clear();
    if (batch.images.samples() != rows) batch.images.resize(rows);  // else all of it is written over
    if constexpr (Tags > 0) batch.tags.resize(rows);
    batch.labels.resize(rows);
    batch.quantities.resize(rows);
  }

  /// Cuts the tensors to the number of samples.
  void shrink(Batch& batch) const {
    const auto cut = [&](auto& tensor) {
      if (tensor.samples() == batch.size()) return;
      std::remove_reference_t<decltype(tensor)> shorter(batch.size());
      std::copy_n(tensor.data(), shorter.size(), shorter.data());
      tensor = std::move(shorter);
    };
    cut(batch.images);
    if constexpr (Tags > 0) cut(batch.tags);
    cut(batch.labels);
    cut(batch.quantities);
  }

  const Manifest manifest_;
  const TagVocabulary vocabulary_;
  const LoaderOptions options_;
  std::vector<int> order_;
  int epoch_ = -1;
  long delivered_ = 0, unknown_tags_ = 0;
  std::vector<std::vector<int>> tags_;  ///< known tags of each sample, as columns
  std::vector<bool> reported_;
  std::vector<std::string> skipped_;
  detail::SampleImages images_;
  std::vector<Slot> slots_;
  detail::Prefetch prefetch_;  ///< last: its threads end before what they use
};

}  // namespace mmdl
