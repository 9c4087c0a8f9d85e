// SPDX-License-Identifier: Apache-2.0
// Which device models are built on.
#pragma once

#include <atomic>
#include <memory>

#include "device.hpp"

namespace mmdl {

namespace detail {

/// Opens GPU number `ordinal`; set by the header that knows CUDA.
using DeviceOpener = std::shared_ptr<Device> (*)(int ordinal);
inline DeviceOpener& device_opener() {
  static DeviceOpener opener = nullptr;
  return opener;
}

struct GpuSettings {
  std::atomic<int> ordinal{0};
  std::atomic<bool> tf32{false};
  std::shared_ptr<Device> device;  // in place of a GPU (tests)
};
inline GpuSettings& gpu_settings() {
  static GpuSettings settings;
  return settings;
}

inline std::shared_ptr<Device> gpu_device() {
  if (gpu_settings().device) return gpu_settings().device;
  if (device_opener() == nullptr)
    fail("GPU", "a program without CUDA", "mmdl/gpu.hpp included and mmdl::gpu linked");
  return device_opener()(gpu_settings().ordinal);
}
inline bool tf32_allowed() { return gpu_settings().tf32; }

}  // namespace detail

/// Models that are built from now on lie on GPU number `ordinal`, counted from 0. PyTorch:
/// `torch.cuda.set_device`.
inline void use_gpu(int ordinal) {
  if (ordinal < 0) detail::fail("GPU: number", std::to_string(ordinal), "0 or more");
  detail::gpu_settings().ordinal = ordinal;
}

/// Whether models that are built from now on may multiply float32 with 10 bits of fraction (TF32), several
/// times as fast; not allowed at first. PyTorch: `torch.backends.cudnn.allow_tf32`.
inline void allow_tf32(bool allowed) { detail::gpu_settings().tf32 = allowed; }

}  // namespace mmdl
