// SPDX-License-Identifier: Apache-2.0
// The rows of a study's splits: labels, tags and quantities from the manifest, features from caches.
#pragma once

#include <algorithm>
#include <memory>
#include <mmdl/core/tensor.hpp>
#include <mmdl/core/threads.hpp>
#include <mmdl/data/loader.hpp>
#include <mmdl/training/feature_cache.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "sources.hpp"
#include "workspace.hpp"

namespace reproduce {

/// One split of the data. Training images are computed in two views, as they are and mirrored.
struct Split {
  std::string name;
  const mmdl::Manifest* manifest = nullptr;
  int views = 1;
  std::vector<std::vector<int>> tags;  ///< of each sample, as columns of the vocabulary
  std::vector<long> usable;            ///< samples whose image could be read; all until one could not

  long samples() const { return static_cast<long>(manifest->samples.size()); }
};

void prepare(Split& split, const mmdl::TagVocabulary& vocabulary);

/// A text that changes with the images, their order, labels and tags.
std::string fingerprint(const mmdl::Manifest& manifest);
/// The same of the tags that a network reads.
std::string fingerprint(const mmdl::TagVocabulary& vocabulary);

Column label_column(const Split& split);
Column tag_column(const Split& split);
Column quantity_column(const Split& split);
/// 1 at the place of the quantity, the last place for it and all above.
Column quantity_class_column(const Split& split);
/// The numbers [begin, begin + out.size()) of a cached row.
Column cache_column(const mmdl::FeatureCache& cache, long samples, long begin = 0);
/// The one column's numbers, then the other's.
Column joined(Column first, std::size_t first_size, Column second);

/// Mirrors a batch of NHWC pictures left to right.
void mirror(float* pictures, int samples, int height, int width);

/// A split's features of one network.
struct Features {
  std::vector<std::shared_ptr<mmdl::FeatureCache>> caches;  ///< one a split
  int width = 0;
  std::string identity;  ///< changes whenever the features do
};

/// Fills the missing rows of a cache of features of images: `predict(batch)` gives a list of spans with the
/// samples' numbers one after the other, whose parts are put side by side in a row. Images that cannot be
/// read leave `split.usable`.
template <class Loader, class Predict>
void compute_image_rows(mmdl::FeatureCache& cache, Split& split, const mmdl::LoaderOptions& loading,
                        Workspace& work, const std::string& stage, Predict predict) {
  constexpr int height = std::remove_cvref_t<decltype(typename Loader::Batch{}.images)>::shape::extents[0];
  constexpr int width = std::remove_cvref_t<decltype(typename Loader::Batch{}.images)>::shape::extents[1];
  std::vector<float> row(static_cast<std::size_t>(cache.width()));
  for (int view = 0; view < split.views; ++view) {
    mmdl::Manifest missing{split.manifest->labels, {}, split.manifest->root};
    std::vector<long> numbers;
    for (const long sample : split.usable)
      if (!cache.has(view * split.samples() + sample)) {
        missing.samples.push_back(split.manifest->samples[static_cast<std::size_t>(sample)]);
        numbers.push_back(sample);
      }
    if (numbers.empty()) continue;
    Loader loader(std::move(missing), loading);
    typename Loader::Batch batch;
    int batches = 0;
    for (loader.start_epoch(0); loader.next(batch);) {
      if (view == 1) mirror(batch.images.data(), batch.size(), height, width);
      const auto parts = predict(batch.images);
      for (int i = 0; i < batch.size(); ++i) {
        auto out = row.begin();
        for (const std::span<const float> part : parts) {
          const auto size = static_cast<std::ptrdiff_t>(part.size()) / batch.size();
          out = std::copy_n(part.begin() + i * size, size, out);
        }
        cache.put(view * split.samples() +
                      numbers[static_cast<std::size_t>(batch.samples[static_cast<std::size_t>(i)])],
                  row);
      }
      if (++batches % 64 == 0) cache.flush();
      work.report(stage, static_cast<double>(cache.done()) / static_cast<double>(cache.rows()),
                  stage + " of " + split.name);
      if (interrupted())
        mmdl::detail::fail("interrupted while computing " + stage + "; the same command goes on from there");
    }
    for (const std::string& reason : loader.skipped()) work.line("left out: " + reason);
    cache.flush();
  }
  std::erase_if(split.usable, [&](long sample) { return !cache.has(sample); });
}

/// The same for a network over rows: `Inputs` are the shapes of its inputs.
template <class Model, class... Inputs>
void compute_rows(mmdl::FeatureCache& cache, const Split& split, Model& model, mmdl::List<Inputs...>,
                  const std::array<Column, sizeof...(Inputs)>& columns) {
  std::vector<long> missing;
  for (int view = 0; view < split.views; ++view)
    for (const long sample : split.usable)
      if (!cache.has(view * split.samples() + sample)) missing.push_back(view * split.samples() + sample);
  constexpr std::size_t most = 64;
  for (std::size_t begin = 0; begin < missing.size(); begin += most) {
    const std::size_t size = std::min(most, missing.size() - begin);
    std::tuple<mmdl::Tensor<Inputs>...> inputs{mmdl::Tensor<Inputs>(static_cast<int>(size))...};
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      mmdl::detail::parallel_ranges(static_cast<long>(size), 1, [&](long first, long last) {
        for (long i = first; i < last; ++i) {
          const long number = missing[begin + static_cast<std::size_t>(i)];
          (columns[I](number % split.samples(), static_cast<int>(number / split.samples()),
                      std::get<I>(inputs)[static_cast<int>(i)]),
           ...);
        }
      });
    }
    (std::index_sequence_for<Inputs...>{});
    const auto output = std::apply([&](const auto&... tensors) { return model.predict(tensors...); }, inputs);
    for (std::size_t i = 0; i < size; ++i) cache.put(missing[begin + i], output[static_cast<int>(i)]);
    if (begin / most % 64 == 63) cache.flush();
  }
  cache.flush();
}

}  // namespace reproduce
