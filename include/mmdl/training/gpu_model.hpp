// SPDX-License-Identifier: Apache-2.0
// Models on the GPU.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include "../training/gpu_engine.hpp"
#include "../training/model.hpp"

namespace mmdl {

namespace detail {

template <>
struct EngineOf<Gpu> {
  using type = GpuEngine<float>;
  static constexpr long slice_bytes = 4L << 30;
  static constexpr bool streams = false;
};
template <>
struct EngineOf<GpuBFloat16> {
  using type = GpuEngine<BFloat16>;
  static constexpr long slice_bytes = 4L << 30;
  static constexpr bool streams = false;
};

template <class ModelType>
concept OnGpu = std::is_same_v<typename ModelType::backend, Gpu> ||
    std::is_same_v<typename ModelType::backend, GpuBFloat16>;

}  // namespace detail

/// The loss of a step on the GPU, which may still be under way: converting it to a number waits for the step.
/// Throws `Error` then if the loss (or, with clipping, the gradient's norm) was not finite: that step has
/// changed nothing. It can be read until 64 further steps were made, while the trainer lives.
class DeviceLoss {
 public:
  explicit DeviceLoss(std::function<float()> read) : read_(std::move(read)) {}
  operator float() const { return read_(); }

 private:
  std::function<float()> read_;
};

}  // namespace mmdl
