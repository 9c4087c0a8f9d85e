// SPDX-License-Identifier: Apache-2.0
// The kernel of a user's element-wise layer, from two functions of one number.
#pragma once

#include <type_traits>

#include "activation.hpp"

namespace mmdl::detail {

/// y = User::forward(x) and dx = User::backward(x, y, dy), element by element. The user's functions take and
/// return `T`, or float alone: then a double is passed through float (the node says `single_precision`).
template <class User, class T>
struct ElementwiseKernel {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    parallel_ranges(a.samples * a.node->output.size(), parallel_grain, [&](long begin, long end) {
      for (long i = begin; i < end; ++i)
        a.output[i] = static_cast<Wide<T>>(User::forward(static_cast<Number>(a.inputs[0][i])));
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    if (a.input_gradients[0] == nullptr) return;
    const bool accumulate = a.accumulate[0];
    parallel_ranges(a.samples * a.node->output.size(), parallel_grain, [&](long begin, long end) {
      for (long i = begin; i < end; ++i) {
        const Wide<T> gradient = static_cast<Wide<T>>(
            User::backward(static_cast<Number>(a.inputs[0][i]), static_cast<Number>(a.output[i]),
                           static_cast<Number>(a.output_gradient[i])));
        a.input_gradients[0][i] = accumulate ? a.input_gradients[0][i] + gradient : gradient;
      }
    });
  }

 private:
  // The unevaluated call asks only for the type it returns; its conversion to float is what is looked for.
  static constexpr bool takes_double = std::is_same_v<decltype(User::forward(double{})), double>;
  using Number = std::conditional_t<std::is_same_v<T, double> && !takes_double, float, Wide<T>>;
};

}  // namespace mmdl::detail
