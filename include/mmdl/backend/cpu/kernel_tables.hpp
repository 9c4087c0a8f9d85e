// SPDX-License-Identifier: Apache-2.0
// An operator's kernels on the CPU as a table of function pointers.
#pragma once

#include "kernel.hpp"

namespace mmdl::detail {

template <class Op, class T>
constexpr KernelTable<T> make_kernel_table() {
  using Kernel = CpuKernel<Op, T>;
  KernelTable<T> made{&Kernel::forward, &Kernel::workspace};
  if constexpr (requires { &Kernel::pack; }) {
    made.packed_size = &Kernel::packed_size;
    made.pack = &Kernel::pack;
  }
  if constexpr (requires { &Kernel::lines_workspace; }) made.lines_workspace = &Kernel::lines_workspace;
  return made;
}

template <class Op, class T>
constexpr BackwardKernel<T> make_backward_kernel() {
  using Kernel = CpuKernel<Op, T>;
  BackwardKernel<T> made{&Kernel::backward};
  if constexpr (requires { Kernel::updates_weight; }) made.updates_weight = true;
  return made;
}

/// The tables of a program that compiles the kernels itself: one of each operator, wherever it occurs.
template <class Op, class T>
inline constexpr KernelTable<T> kernel_table = make_kernel_table<Op, T>();
template <class Op, class T>
inline constexpr BackwardKernel<T> backward_kernel = make_backward_kernel<Op, T>();

}  // namespace mmdl::detail
