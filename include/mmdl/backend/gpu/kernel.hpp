// SPDX-License-Identifier: Apache-2.0
// How the GPU backend finds an operator's kernels.
#pragma once

#include "../../graph/arguments.hpp"
#include "../../graph/operators.hpp"
#include "commands.hpp"

namespace mmdl::detail {

/// A weight as the device's products read it: `columns` x `rows` numbers of the values' type, from
/// parameters that lie as `rows` x `columns` floats (or already turned round: `transposed`).
struct PackedWeight {
  long rows = 0;
  long columns = 0;
  bool transposed = false;
};

/// The kernels of one operator: they record commands. Pointers in the arguments are addresses of the device.
template <class T>
struct GpuKernelTable {
  using Forward = void (*)(GpuCommands&, const ForwardArguments<T>&);
  using Backward = void (*)(GpuCommands&, const BackwardArguments<T>&);
  Forward forward = nullptr;
  Backward backward = nullptr;
  PackedWeight (*packed)(const Node&) = nullptr;  ///< null: reads no packed weight
};

/// Specialised for each operator `Op` in the file of its name:
///   static void forward(GpuCommands&, const ForwardArguments<T>&);
///   static void backward(GpuCommands&, const BackwardArguments<T>&);
///   static PackedWeight packed(const Node&);   // may be left out
template <class Op, class T>
struct GpuKernel;

}  // namespace mmdl::detail
