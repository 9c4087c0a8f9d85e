// SPDX-License-Identifier: Apache-2.0
// The names of the built-in operators as types: a backend specialises its kernels on them.
#pragma once

namespace mmdl::operators {

struct Convolution {};
struct DepthwiseConvolution {};  // each channel by itself: groups as many as channels and filters
struct Linear {};
struct BatchNorm {};
struct Activation {};
struct Add {};
struct Product {};
struct Concat {};
struct MaxPool {};
struct AveragePool {};
struct GlobalAveragePool {};
struct Dropout {};
struct Softmax {};
struct Maximum {};
struct BroadcastProduct {};
struct Slice {};
struct OverSteps {};
struct Embedding {};
struct Lstm {};

}  // namespace mmdl::operators
