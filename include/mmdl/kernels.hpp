// SPDX-License-Identifier: Apache-2.0
// The CPU's kernels compiled once for all files of a program. CMake: mmdl_add_kernels.
#pragma once

#include <array>

#include "backend/cpu/all_kernels.hpp"
#include "backend/cpu/kernel_tables.hpp"
#include "backend/cpu/separate_kernels.hpp"

/// Compiles the kernels of `Cpu<type>` here, for the files of the program that are compiled with
/// `-DMMDL_SEPARATE_KERNELS`, which only call them. In one file, outside of all namespaces:
///
///     #include <mmdl/kernels.hpp>
///     MMDL_DEFINE_KERNELS(float);
///
/// `type` is float, double or `BFloat16`, for each of them once in a program. That file may be optimised more
/// than the others; it must be compiled with the same `-march` and `-fopenmp`: the linker refuses files for
/// vectors of another size, or one with OpenMP and one without. Kernels of the user's own layers stay with
/// the files that use them.
#define MMDL_DEFINE_KERNELS(type)        \
  namespace mmdl::detail {               \
  template struct SeparateKernels<type>; \
  }                                      \
  static_assert(true)

namespace mmdl::detail {

template <class T, class... Ops>
constexpr std::array<KernelTable<T>, sizeof...(Ops)> make_kernel_tables(List<Ops...>) {
  return {make_kernel_table<Ops, T>()...};
}
template <class T, class... Ops>
constexpr std::array<BackwardKernel<T>, sizeof...(Ops)> make_backward_kernels(List<Ops...>) {
  return {make_backward_kernel<Ops, T>()...};
}

template <class T, int VectorBytes, bool OpenMp>
constinit const std::array<KernelTable<T>, BuiltInOperators<T>::count>
    SeparateKernels<T, VectorBytes, OpenMp>::forward = make_kernel_tables<T>(BuiltInOperators<T>{});
template <class T, int VectorBytes, bool OpenMp>
constinit const std::array<BackwardKernel<T>, BuiltInOperators<T>::count>
    SeparateKernels<T, VectorBytes, OpenMp>::backward = make_backward_kernels<T>(BuiltInOperators<T>{});

}  // namespace mmdl::detail
