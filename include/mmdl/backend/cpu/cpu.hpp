// SPDX-License-Identifier: Apache-2.0
// The CPU backend: kernels of all operators, and the type that finds them.
#pragma once

#include "../../core/require.hpp"
#include "activation.hpp"
#include "add.hpp"
#include "average_pool.hpp"
#include "batch_norm.hpp"
#include "broadcast_product.hpp"
#include "concat.hpp"
#include "convolution.hpp"
#include "custom.hpp"
#include "depthwise_convolution.hpp"
#include "dropout.hpp"
#include "embedding.hpp"
#include "global_average_pool.hpp"
#include "kernel.hpp"
#include "linear.hpp"
#include "lstm.hpp"
#include "max_pool.hpp"
#include "maximum.hpp"
#include "product.hpp"
#include "softmax.hpp"
#include "steps.hpp"

namespace mmdl {

template <class Operator, class Backend>
struct operator_has_no_kernel_on_backend;  ///< problem: the backend does not implement the operator

namespace detail {
template <class T, class = void>
inline constexpr bool is_complete = false;
template <class T>
inline constexpr bool is_complete<T, std::void_t<decltype(sizeof(T))>> = true;
}  // namespace detail

/// The CPU as a backend: `Model<Net, Input>` is `Model<Net, Input, Cpu<float>>`. With `Cpu<BFloat16>` values
/// and their gradients are kept as `BFloat16` and multiplied as such, which halves the memory and, where the
/// CPU has instructions for it, the time; sums, batch norm's statistics, parameters, their gradients and
/// optimizers stay float, and so do a model's tensors and files. PyTorch: `torch.autocast("cpu",
/// torch.bfloat16)`. `Cpu<double>` is there to check gradients.
template <class T = float>
struct Cpu {
  using value_type = T;
  using Kernels = detail::KernelTable<T>;

  /// The kernels of an operator: one set a program, however often the operator occurs.
  template <class Op>
  static constexpr const Kernels* kernels() {
    using Kernel = detail::CpuKernel<Op, T>;
    static_assert(detail::accepted<detail::is_complete<Kernel>, operator_has_no_kernel_on_backend<Op, Cpu>>);
    if constexpr (detail::is_complete<Kernel>) return &table<Kernel>;
    return nullptr;  // refused above
  }

  /// The backward's kernels, found in the same way, after the forward's.
  struct Backward {
    using Kernels = detail::BackwardKernel<T>;
    template <class Op>
    static constexpr const Kernels* kernels() {
      return &table<detail::CpuKernel<Op, T>>;
    }

   private:
    template <class Kernel>
    static constexpr Kernels make_table() {
      Kernels made{&Kernel::backward};
      if constexpr (requires { Kernel::updates_weight; }) made.updates_weight = true;
      return made;
    }
    template <class Kernel>
    static constexpr Kernels table = make_table<Kernel>();
  };

 private:
  template <class Kernel>
  static constexpr Kernels make_table() {
    Kernels made{&Kernel::forward, &Kernel::workspace};
    if constexpr (requires { &Kernel::pack; }) {
      made.packed_size = &Kernel::packed_size;
      made.pack = &Kernel::pack;
    }
    if constexpr (requires { &Kernel::lines_workspace; }) made.lines_workspace = &Kernel::lines_workspace;
    return made;
  }
  template <class Kernel>
  static constexpr Kernels table = make_table<Kernel>();
};

}  // namespace mmdl
