// SPDX-License-Identifier: Apache-2.0
// Batches for the stages: images from a loader, or rows that were computed once.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <mmdl/core/random.hpp>
#include <mmdl/core/threads.hpp>
#include <mmdl/data/loader.hpp>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

namespace reproduce {

/// Writes one sample's numbers; `view` is 0 for the picture as it is, 1 for its mirror image.
using Column = std::function<void(long sample, int view, std::span<float> out)>;

/// Samples of rows that need no decoding: features of a cache, tags, labels. Each sample comes once an epoch,
/// in one of its views, drawn by seed and epoch. `Shapes`: a training step's tensors.
template <class... Shapes>
class RowSource {
 public:
  RowSource(std::vector<long> samples, int views, int batch, bool shuffle, std::uint64_t seed,
            std::array<Column, sizeof...(Shapes)> columns)
      : samples_(std::move(samples)),
        views_(views),
        batch_(batch),
        shuffle_(shuffle),
        seed_(seed),
        columns_(std::move(columns)) {
    order_.resize(samples_.size());
  }

  int batches() const {
    const int samples = static_cast<int>(samples_.size());
    return shuffle_ ? std::max(1, samples / batch_) : (samples + batch_ - 1) / batch_;
  }
  int size() const { return size_; }

  void start_epoch(int epoch) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    mmdl::Random random(seed_ ^ 0x726F7773U, static_cast<std::uint64_t>(epoch));
    if (shuffle_)
      for (std::size_t i = order_.size(); i > 1; --i)
        std::swap(order_[i - 1], order_[static_cast<std::size_t>(random.below(static_cast<int>(i)))]);
    shift_ = shuffle_ ? random.below(views_) : 0;
    next_ = 0;
  }

  /// In training a short last batch is left out where there is a whole one.
  bool next() {
    const std::size_t left = order_.size() - next_;
    size_ = static_cast<int>(std::min(left, static_cast<std::size_t>(batch_)));
    if (size_ == 0 || (shuffle_ && size_ < batch_ && next_ > 0)) return false;
    fill(std::index_sequence_for<Shapes...>{});
    next_ += static_cast<std::size_t>(size_);
    return true;
  }

  template <class F>
  auto apply(const F& f) {
    return std::apply(f, tensors_);
  }

 private:
  template <std::size_t... I>
  void fill(std::index_sequence<I...>) {
    ((std::get<I>(tensors_).samples() == size_ ? void() : std::get<I>(tensors_).resize(size_)), ...);
    mmdl::detail::parallel_ranges(size_, 1, [&](long begin, long end) {
      for (long row = begin; row < end; ++row) {
        const std::size_t place = order_[next_ + static_cast<std::size_t>(row)];
        // Every sample changes its view from epoch to epoch.
        const int view = shuffle_ && views_ > 1
                             ? static_cast<int>((place + static_cast<std::size_t>(shift_)) %
                                                static_cast<std::size_t>(views_))
                             : 0;
        (columns_[I](samples_[place], view, std::get<I>(tensors_)[static_cast<int>(row)]), ...);
      }
    });
  }

  std::vector<long> samples_;
  int views_, batch_;
  bool shuffle_;
  std::uint64_t seed_;
  std::array<Column, sizeof...(Shapes)> columns_;
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;
  int size_ = 0, shift_ = 0;
  std::tuple<mmdl::Tensor<Shapes>...> tensors_;
};

/// Batches of images from a loader; `Whole`: with tags and quantities.
template <class Loader, bool Whole>
class ImageSource {
 public:
  explicit ImageSource(Loader& loader) : loader_(&loader) {}
  int batches() const { return loader_->batches(); }
  int size() const { return batch_.size(); }
  void start_epoch(int epoch) { loader_->start_epoch(epoch); }
  bool next() { return loader_->next(batch_); }
  template <class F>
  auto apply(const F& f) {
    if constexpr (Whole)
      return f(batch_.images, batch_.tags, batch_.labels, batch_.quantities);
    else
      return f(batch_.images, batch_.labels);
  }

 private:
  Loader* loader_;
  typename Loader::Batch batch_;
};

}  // namespace reproduce
