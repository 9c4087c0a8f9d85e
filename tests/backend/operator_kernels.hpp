// SPDX-License-Identifier: Apache-2.0
// An operator's kernels as a model finds them: compiled with the test, or those of the library that it links.
#pragma once

#include "mmdl/backend/cpu/cpu.hpp"

namespace kernel_test {

template <class Op, class T>
struct OperatorKernels {
  static long workspace(const mmdl::detail::Node& node, int samples, bool training) {
    return table().workspace(node, samples, training);
  }
  static void forward(const mmdl::detail::ForwardArguments<T>& a) { table().forward(a); }
  static void backward(const mmdl::detail::BackwardArguments<T>& a) {
    mmdl::Cpu<T>::Backward::template kernels<Op>()->run(a);
  }
  /// 0 where no weight is packed.
  static long packed_size(const mmdl::detail::Node& node, int samples) {
    return table().packed_size == nullptr ? 0 : table().packed_size(node, samples);
  }
  static void pack(const mmdl::detail::Node& node, int samples, const mmdl::detail::Wide<T>* weight,
                   mmdl::detail::Packed<T>* to) {
    table().pack(node, samples, weight, to);
  }

 private:
  static const mmdl::detail::KernelTable<T>& table() { return *mmdl::Cpu<T>::template kernels<Op>(); }
};

}  // namespace kernel_test
