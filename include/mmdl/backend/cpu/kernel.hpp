// SPDX-License-Identifier: Apache-2.0
// How the CPU backend finds an operator's kernels.
#pragma once

#include "../../graph/arguments.hpp"
#include "../../graph/operators.hpp"

namespace mmdl::detail {

/// Specialised for each operator `Op` in the file of its name:
///   static void forward(const ForwardArguments<T>&);
///   static void backward(const BackwardArguments<T>&);
///   static long workspace(const Node&, int samples, bool training);   // numbers of T
template <class Op, class T>
struct CpuKernel;

}  // namespace mmdl::detail
