// SPDX-License-Identifier: Apache-2.0
// The CPU backend: kernels of all operators, and the type that finds them.
#pragma once

#include "../../core/require.hpp"
#include "custom.hpp"
#include "kernel_tables.hpp"
#include "separate_kernels.hpp"
#ifndef MMDL_SEPARATE_KERNELS
#  include "all_kernels.hpp"
#endif

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
    if constexpr (detail::compiled_apart<Op, T>) {
      return &Separate::forward[Separate::template place<Op>];
    } else {
      constexpr bool complete = detail::is_complete<detail::CpuKernel<Op, T>>;
      static_assert(detail::accepted<complete, operator_has_no_kernel_on_backend<Op, Cpu>>);
      if constexpr (complete) return &detail::kernel_table<Op, T>;
      return nullptr;  // refused above
    }
  }

  /// The backward's kernels, found in the same way, after the forward's.
  struct Backward {
    using Kernels = detail::BackwardKernel<T>;
    template <class Op>
    static constexpr const Kernels* kernels() {
      if constexpr (detail::compiled_apart<Op, T>)
        return &Separate::backward[Separate::template place<Op>];
      else
        return &detail::backward_kernel<Op, T>;
    }
  };

 private:
  using Separate = detail::SeparateKernels<T>;
};

}  // namespace mmdl
