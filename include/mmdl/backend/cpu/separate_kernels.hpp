// SPDX-License-Identifier: Apache-2.0
// The kernels of the library's own operators where they are compiled apart: mmdl/kernels.hpp defines them.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>

#include "../../core/shape.hpp"
#include "kernel.hpp"
#include "vector.hpp"

namespace mmdl::detail {

template <class... Ops>
using NarrowOperators =
    List<operators::Activation, operators::Add, operators::AveragePool, operators::BatchNorm,
         operators::BroadcastProduct, operators::Concat, operators::Convolution,
         operators::DepthwiseConvolution, operators::Dropout, operators::GlobalAveragePool, operators::Linear,
         operators::Lstm, operators::MaxPool, operators::Maximum, operators::OverSteps, operators::Product,
         operators::Slice, operators::Softmax, Ops...>;
/// The operators that have kernels for T and need nothing of a user's.
template <class T>
using BuiltInOperators =
    std::conditional_t<is_narrow<T>, NarrowOperators<>, NarrowOperators<operators::Embedding>>;

template <class Op, class Ops>
inline constexpr int place_in_list = -1;  ///< of a type that is not in the list
template <class Op, class First, class... Rest>
inline constexpr int place_in_list<Op, List<First, Rest...>> =
    std::is_same_v<Op, First>
        ? 0
        : (place_in_list<Op, List<Rest...>> < 0 ? -1 : 1 + place_in_list<Op, List<Rest...>>);

/// Whether the operator's kernels for T are another file's.
#ifdef MMDL_SEPARATE_KERNELS
template <class Op, class T>
inline constexpr bool compiled_apart = place_in_list<Op, BuiltInOperators<T>> >= 0;
#else
template <class Op, class T>
inline constexpr bool compiled_apart = false;
#endif

#ifdef _OPENMP
inline constexpr bool compiled_with_openmp = true;
#else
inline constexpr bool compiled_with_openmp = false;
#endif

/// All their tables. Files that are compiled for other vectors, or one with OpenMP and one without, would
/// share functions that differ: they name other tables, so that the linker refuses.
template <class T, int VectorBytes = simd_bytes, bool OpenMp = compiled_with_openmp>
struct SeparateKernels {
  using Operators = BuiltInOperators<T>;

  template <class Op>
  static constexpr std::size_t place = static_cast<std::size_t>(place_in_list<Op, Operators>);
  static const std::array<KernelTable<T>, Operators::count> forward;
  static const std::array<BackwardKernel<T>, Operators::count> backward;
};
#ifdef MMDL_SEPARATE_KERNELS
extern template struct SeparateKernels<float>;
extern template struct SeparateKernels<double>;
extern template struct SeparateKernels<BFloat16>;
#endif

}  // namespace mmdl::detail
