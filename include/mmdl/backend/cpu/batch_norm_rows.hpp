// SPDX-License-Identifier: Apache-2.0
// The last pass of batch normalisation's forward: scale, shift, residual and activation.
#pragma once

#include "../../graph/arguments.hpp"
#include "activation.hpp"
#include "batch_norm_statistics.hpp"
#include "stream.hpp"

namespace mmdl::detail {

/// A number or a vector, behind the activation. A NaN passes.
template <Activation kind, class V>
inline V behind_activation(V x) {
  using T = typename NumberOf<V>::type;
  if constexpr (kind == Activation::relu || kind == Activation::relu6) x = V{} > x ? V{} : x;
  if constexpr (kind == Activation::relu6) {
    const V six = V{} + T{6};
    x = six < x ? six : x;
  }
  return x;
}

/// One row: y = activation(x * scale + shift + residual), or with the residual behind the activation.
template <Activation kind, class T>
inline void normalise(const T* x, const Wide<T>* scale, const Wide<T>* shift, const T* residual,
                      bool activation_first, T* y, long channels) {
  if (residual == nullptr) {
    MMDL_SIMD
    for (long c = 0; c < channels; ++c) y[c] = behind_activation<kind>(x[c] * scale[c] + shift[c]);
  } else if (activation_first) {
    MMDL_SIMD
    for (long c = 0; c < channels; ++c)
      y[c] = behind_activation<kind>(x[c] * scale[c] + shift[c]) + residual[c];
  } else {
    MMDL_SIMD
    for (long c = 0; c < channels; ++c)
      y[c] = behind_activation<kind>(x[c] * scale[c] + shift[c] + residual[c]);
  }
}

/// The same for whole vectors of channels, written past the caches.
template <Activation kind, class T>
inline void normalise_streaming(const T* x, const T* scale, const T* shift, const T* residual,
                                bool activation_first, T* y, long channels) {
  using V = Simd<T>;
  for (long c = 0; c < channels; c += simd_width<T>) {
    V value = load_vector<V>(x + c) * load_vector<V>(scale + c) + load_vector<V>(shift + c);
    if (activation_first) value = behind_activation<kind>(value);
    if (residual != nullptr) value += load_vector<V>(residual + c);
    stream_vector(y + c, activation_first ? value : behind_activation<kind>(value));
  }
}

/// All rows, on all threads.
template <Activation kind, class T>
void normalise_rows(const ForwardArguments<T>& a, long rows, const Wide<T>* scale, const Wide<T>* shift) {
  const Node& node = *a.node;
  const long channels = node.output.channels;
  const T* const residual = node.has_residual ? a.inputs[node.input_count - 1] : nullptr;
  const bool streams = channels % simd_width<T> == 0 && a.output != a.inputs[0] &&
                       worth_streaming(a.output, rows * channels * static_cast<long>(sizeof(T)));
  for_row_slices(rows, [&](long, long begin, long end) {
    const auto all = [&](const auto& one) {
      for (long at = begin * channels; at < end * channels; at += channels)
        one(a.inputs[0] + at, scale, shift, residual == nullptr ? nullptr : residual + at,
            node.activation_first, a.output + at, channels);
    };
    if constexpr (!is_narrow<T>)
      if (streams) {
        all(normalise_streaming<kind, T>);
        streaming_done();
        return;
      }
    all(normalise<kind, T>);
  });
}

}  // namespace mmdl::detail
