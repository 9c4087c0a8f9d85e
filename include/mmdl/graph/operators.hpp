// SPDX-License-Identifier: Apache-2.0
// The names of the built-in operators as types: a backend specialises its kernels on them.
#pragma once

#include "../graph/node.hpp"

namespace mmdl::operators {

// `kind` stands where fusion may take an operator out of every place of a network: its nodes have this kind.

struct Convolution {};
struct DepthwiseConvolution {};  // each channel by itself: groups as many as channels and filters
struct Linear {};
struct BatchNorm {
  static constexpr auto kind = detail::OperatorKind::batch_norm;
};
struct Activation {
  static constexpr auto kind = detail::OperatorKind::activation;
};
struct Add {
  static constexpr auto kind = detail::OperatorKind::add;
};
struct Product {};
struct Concat {};
struct MaxPool {};
struct AveragePool {};
struct GlobalAveragePool {};
struct Dropout {
  static constexpr auto kind = detail::OperatorKind::dropout;
};
struct Softmax {};
struct Maximum {};
struct BroadcastProduct {};
struct Slice {};
struct OverSteps {};
struct Embedding {};
struct Lstm {};

}  // namespace mmdl::operators
