// SPDX-License-Identifier: Apache-2.0
// The GPU backend: kernels of all operators, and the type that finds them.
#pragma once

#include <type_traits>

#include "../../core/require.hpp"
#include "../cpu/cpu.hpp"
#include "activation.hpp"
#include "add.hpp"
#include "average_pool.hpp"
#include "batch_norm.hpp"
#include "broadcast_product.hpp"
#include "concat.hpp"
#include "convolution.hpp"
#include "custom.hpp"
#include "dropout.hpp"
#include "embedding.hpp"
#include "global_average_pool.hpp"
#include "kernel.hpp"
#include "lstm.hpp"
#include "max_pool.hpp"
#include "maximum.hpp"
#include "product.hpp"
#include "softmax.hpp"
#include "steps.hpp"

namespace mmdl {

/// A GPU as a backend, its values kept as T: `Gpu` is float, `GpuBFloat16` keeps values and their gradients
/// as `BFloat16`, while sums, batch norm's statistics, parameters, their gradients and optimizers stay float.
/// Tensors and files are the CPU's. An operator without a kernel is refused when compiling
/// (`operator_has_no_kernel_on_backend`). PyTorch: a module on `cuda`, `torch.autocast("cuda",
/// torch.bfloat16)`.
template <class T>
struct GpuBackend {
  using value_type = T;
  using Kernels = detail::GpuKernelTable<T>;

  template <class Op>
  static constexpr const Kernels* kernels() {
    using Kernel = detail::GpuKernel<Op, T>;
    static_assert(
        detail::accepted<detail::is_complete<Kernel>, operator_has_no_kernel_on_backend<Op, GpuBackend>>);
    if constexpr (detail::is_complete<Kernel>) return &table<Kernel>;
    return nullptr;  // refused above
  }

 private:
  template <class Kernel>
  static constexpr Kernels make_table() {
    Kernels made{&Kernel::forward, &Kernel::backward};
    if constexpr (requires { &Kernel::packed; }) made.packed = &Kernel::packed;
    return made;
  }
  template <class Kernel>
  static constexpr Kernels table = make_table<Kernel>();
};

/// The GPU, in float32: `Model<Net, Input, Gpu>`. See `GpuBackend`.
struct Gpu : GpuBackend<float> {};
/// The GPU, values kept as `BFloat16`: `Model<Net, Input, GpuBFloat16>`. See `GpuBackend`.
struct GpuBFloat16 : GpuBackend<BFloat16> {};

}  // namespace mmdl
