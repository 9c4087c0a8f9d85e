// SPDX-License-Identifier: Apache-2.0
// The kernels of layers of a user's own.
#pragma once

#include <algorithm>

#include "../../core/threads.hpp"
#include "../../layers/custom.hpp"
#include "elementwise.hpp"
#include "kernel.hpp"

namespace mmdl::detail {

template <class User, class T>
struct CpuKernel<operators::Elementwise<User>, T> : ElementwiseKernel<User, T> {};

template <class User, class T>
struct CpuKernel<operators::Custom<User>, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) { User::template forward<T>(ForwardView<T>(a)); }

  /// Gives the operator gradients to add to: fresh ones are zeroed first.
  static void backward(const BackwardArguments<T>& a) {
    for (int i = 0; i < a.node->input_count; ++i)
      if (a.input_gradients[i] != nullptr && !a.accumulate[i])
        std::fill_n(a.input_gradients[i], a.samples * a.extents[i].size(), T{});
    if (!a.accumulate_parameters)
      for (int i = 0; i < max_entries; ++i)
        if (a.parameter_gradients[i] != nullptr)
          std::fill_n(a.parameter_gradients[i], a.parameter_sizes[i], Wide<T>{});
    User::template backward<T>(BackwardView<T>(a));
  }
};

}  // namespace mmdl::detail
