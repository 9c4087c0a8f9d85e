// SPDX-License-Identifier: Apache-2.0
// How the CPU backend finds an operator's kernels.
#pragma once

#include "../../core/threads.hpp"
#include "../../graph/arguments.hpp"
#include "../../graph/operators.hpp"
#include "simd.hpp"

namespace mmdl::detail {

/// Specialised for each operator `Op` in the file of its name:
///   static void forward(const ForwardArguments<T>&);
///   static void backward(const BackwardArguments<T>&);
///   static long workspace(const Node&, int samples, bool training);   // numbers of T
/// A backward that calls `update` itself says so:
///   static constexpr bool updates_weight = true;
template <class Op, class T>
struct CpuKernel;

/// Updates a whole parameter, by all threads.
template <class T>
void update_parameter(const ParameterUpdate<T>& update, const T* gradients, long count) {
  parallel_ranges(count, parallel_grain,
                  [&](long begin, long end) { update(begin, gradients + begin, end - begin); });
}

}  // namespace mmdl::detail
