// SPDX-License-Identifier: Apache-2.0
// A batch of samples: the sample's shape is static, the number of samples is not.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "../core/buffer.hpp"
#include "../core/error.hpp"
#include "../core/random.hpp"
#include "../core/shape.hpp"

namespace mmdl {

/// A batch of samples of static shape `S`, contiguous, the sample outermost, channels innermost (NHWC).
/// A new tensor is zero. PyTorch: a contiguous `torch.Tensor` of shape (samples, ...), channels last.
template <class S, class T = float>
class Tensor {
  static_assert(detail::is_shape<S>, "mmdl: Tensor takes a Shape: Tensor<Shape<32, 32, 3>>");

 public:
  using shape = S;
  using value_type = T;

  Tensor() = default;
  /// `samples` zeros-filled samples. Throws `Error` when `samples` is negative.
  explicit Tensor(int samples) { resize(samples); }
  Tensor(const Tensor& other) { *this = other; }
  Tensor(Tensor&& other) noexcept
      : buffer_(std::move(other.buffer_)), samples_(std::exchange(other.samples_, 0)) {}
  Tensor& operator=(Tensor&& other) noexcept {
    buffer_ = std::move(other.buffer_);
    samples_ = std::exchange(other.samples_, 0);
    return *this;
  }
  Tensor& operator=(const Tensor& other) {
    if (this != &other) {
      buffer_.reserve(other.size());
      samples_ = other.samples_;
      std::copy_n(other.data(), other.size(), data());
    }
    return *this;
  }

  /// Changes the number of samples and sets all to zero. Memory is kept when it is large enough.
  void resize(int samples) {
    resize_unfilled(samples);
    std::fill_n(data(), size(), T{});
  }
  /// The same for who writes all numbers anyway: they are anything. Throws likewise. PyTorch: `torch.empty`.
  void resize_unfilled(int samples) {
    if (samples < 0) detail::fail("Tensor: samples", std::to_string(samples), "0 or more");
    buffer_.reserve(static_cast<std::size_t>(samples) * static_cast<std::size_t>(S::size));
    samples_ = samples;
  }

  int samples() const { return samples_; }
  std::size_t size() const { return static_cast<std::size_t>(samples_) * static_cast<std::size_t>(S::size); }
  T* data() { return buffer_.data(); }
  const T* data() const { return buffer_.data(); }

  /// One sample's numbers.
  std::span<T> operator[](int sample) {
    return {data() + static_cast<std::size_t>(sample) * S::size, static_cast<std::size_t>(S::size)};
  }
  std::span<const T> operator[](int sample) const {
    return {data() + static_cast<std::size_t>(sample) * S::size, static_cast<std::size_t>(S::size)};
  }

  /// The number at `(sample, h, w, c)` or `(sample, i)`: one index for each extent. Not range-checked.
  template <class... Indices>
  T& operator()(int sample, Indices... indices) {
    return data()[offset(sample, indices...)];
  }
  template <class... Indices>
  const T& operator()(int sample, Indices... indices) const {
    return data()[offset(sample, indices...)];
  }

  /// Equal in the number of samples and in every number (so a NaN makes it false).
  friend bool operator==(const Tensor& a, const Tensor& b) {
    return a.samples_ == b.samples_ && std::equal(a.data(), a.data() + a.size(), b.data());
  }

 private:
  template <class... Indices>
  static std::size_t offset(int sample, Indices... indices) {
    static_assert(sizeof...(Indices) == S::rank, "mmdl: one index for the sample and one for each extent");
    std::size_t place = static_cast<std::size_t>(sample);
    int axis = 0;
    ((place = place * static_cast<std::size_t>(S::extents[static_cast<std::size_t>(axis++)]) +
              static_cast<std::size_t>(indices)),
     ...);
    return place;
  }

  detail::Buffer<T> buffer_;
  int samples_ = 0;
};

/// Fills with independent standard normal numbers of a seed. PyTorch: `tensor.normal_()`.
template <class S, class T>
void fill_normal(Tensor<S, T>& tensor, std::uint64_t seed) {
  detail::fill_normals(tensor.data(), 0, static_cast<long>(tensor.size()), seed, 0, 1.0f);
}

/// Fills with independent numbers of [low, high). PyTorch: `tensor.uniform_(low, high)`.
template <class S, class T>
void fill_uniform(Tensor<S, T>& tensor, std::uint64_t seed, T low = T{0}, T high = T{1}) {
  for (std::size_t i = 0; i < tensor.size(); ++i)
    tensor.data()[i] = low + (high - low) * static_cast<T>(random_uniform(seed, 0, i));
}

}  // namespace mmdl
