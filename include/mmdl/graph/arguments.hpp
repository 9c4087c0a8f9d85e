// SPDX-License-Identifier: Apache-2.0
// What a kernel is given: a node's constants and the places of its operands.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "../core/bfloat16.hpp"
#include "../graph/node.hpp"

namespace mmdl::detail {

/// What a product reads its second factor as once it is packed: numbers, or pairs of narrow ones.
template <class T>
using Packed = std::conditional_t<is_narrow<T>, std::uint32_t, T>;

/// Where the random numbers of a forward and of its backward come from (dropout): the same key gives the same
/// mask, so no mask is kept.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
};

/// A node's forward. Values are `samples` x the node's extents, contiguous, NHWC; they are kept as T, all
/// else as Wide<T>.
template <class T>
struct ForwardArguments {
  const Node* node = nullptr;
  int samples = 0;
  bool training = false;  ///< batch statistics, dropout; false in inference and in a frozen part
  bool again = false;     ///< computed again in the backward: the same numbers, and no statistic moves
  const T* inputs[max_inputs] = {};             ///< the residual, where the node has one, is the last
  Extent extents[max_inputs] = {};              ///< their extents
  T* output = nullptr;                          ///< may equal inputs[0] where the node is in place
  const Wide<T>* parameters[max_entries] = {};  ///< null where the node has none
  Wide<T>* states[max_states] = {};             ///< running statistics, updated in training
  Wide<T>* saved = nullptr;  ///< node->saved numbers, for the backward (and there already if `again`)
  const Packed<T>* packed = nullptr;  ///< the weight as `pack` left it; null: not packed
  Wide<T>* workspace = nullptr;       ///< as many numbers as the kernel asked for; garbage at entry
  /// The forward of a streamed inputs[0] (which is null then): the kernel computes its lines.
  const ForwardArguments* feeder = nullptr;
  RandomKey random;
};

/// An optimizer's step for one parameter, to be called as soon as numbers of its gradient are complete: what
/// is updated then needs no buffer of gradients, and is found in the caches.
template <class T>
struct ParameterUpdate {
  void (*run)(const void* optimizer, long begin, const T* gradients, long count, bool decays) = nullptr;
  const void* optimizer = nullptr;
  long begin = 0;  ///< of the parameter among all
  bool decays = true;

  explicit operator bool() const { return run != nullptr; }
  /// Updates the numbers [at, at + count) of the parameter from their gradients, on any thread.
  void operator()(long at, const T* gradients, long count) const {
    run(optimizer, begin + at, gradients, count, decays);
  }
};

/// A node's backward: from the gradient of its output, the gradients of its inputs and of its parameters.
template <class T>
struct BackwardArguments {
  const Node* node = nullptr;
  int samples = 0;
  bool training = true;
  const T* inputs[max_inputs] = {};  ///< null unless node->needs_inputs
  Extent extents[max_inputs] = {};   ///< their extents
  const T* output = nullptr;         ///< null unless node->needs_output
  const T* output_gradient = nullptr;
  T* input_gradients[max_inputs] = {};  ///< null where not wanted. May equal output_gradient: for in-place
                                        ///< operators the first, for a residual its own (then written last)
  bool accumulate[max_inputs] = {};     ///< add to input_gradients[i] instead of writing it
  const Wide<T>* parameters[max_entries] = {};
  Wide<T>* parameter_gradients[max_entries] = {};  ///< null where not wanted
  long parameter_sizes[max_entries] = {};
  /// To be called once for each number of the first parameter, when nothing reads the parameter any more; its
  /// gradient is then free to use as scratch. Null: the gradient is to be written. Only for kernels with
  /// `updates_weight`.
  ParameterUpdate<Wide<T>> update;
  bool accumulate_parameters = false;  ///< add to them (a layer used at several places) instead of writing
  const Wide<T>* states[max_states] = {};
  const Wide<T>* saved = nullptr;
  Wide<T>* workspace = nullptr;
  RandomKey random;
};

/// The kernels of one operator on one backend and number type: plain function pointers, one set a program.
/// The backward is apart: a program that only predicts compiles none.
template <class T>
struct KernelTable {
  void (*forward)(const ForwardArguments<T>&) = nullptr;
  long (*workspace)(const Node&, int samples, bool training) = nullptr;  ///< numbers of scratch wanted
  // For inference with packed weights; null for operators that have none.
  long (*packed_size)(const Node&, int samples) = nullptr;  ///< numbers of the packed weight; 0: not wanted
  void (*pack)(const Node&, int samples, const Wide<T>* weight, Packed<T>* to) = nullptr;
  long (*lines_workspace)(const Node&) = nullptr;  ///< numbers of scratch wanted where the node is streamed
};

/// The backward of an operator.
template <class T>
struct BackwardKernel {
  void (*run)(const BackwardArguments<T>&) = nullptr;
  bool updates_weight = false;  ///< it calls `update` itself
};

/// What training runs: all kernels of each node of the graph.
template <class T>
struct TrainingKernels {
  std::span<const KernelTable<T>* const> forward;
  std::span<const BackwardKernel<T>* const> backward;
};

}  // namespace mmdl::detail
