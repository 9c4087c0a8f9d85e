// SPDX-License-Identifier: Apache-2.0
// The last pass of batch normalisation's forward: scale, shift, residual and activation.
#pragma once

#include "../../graph/arguments.hpp"
#include "activation.hpp"
#include "batch_norm_statistics.hpp"
#include "channel_vectors.hpp"
#include "simd.hpp"
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
  if constexpr (is_narrow<T>) {  // the compiler would round the results bit by bit
    for_channel_vectors<T>(channels, [=]<class V>(V, long c) {
      V value = load_vector<V>(x + c) * load_vector<V>(scale + c) + load_vector<V>(shift + c);
      if (activation_first) value = behind_activation<kind>(value);
      if (residual != nullptr) value += load_vector<V>(residual + c);
      store_vector(y + c, activation_first ? value : behind_activation<kind>(value));
    });
  } else if (residual == nullptr) {
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

/// Rows [begin, end). One function for each activation: inlined, there would be one for each way to run it.
template <Activation kind, class T>
[[gnu::noinline]] void normalise_slice(const ForwardArguments<T>& a, const Wide<T>* scale,
                                       const Wide<T>* shift, bool streams, long begin, long end) {
  const Node& node = *a.node;
  const long channels = node.output.channels;
  const bool first = node.activation_first;
  const T *const x = a.inputs[0], *const residual =
                                      node.has_residual ? a.inputs[node.input_count - 1] : nullptr;
  T* const y = a.output;
  const auto all = [&](const auto& one) {
    for (long at = begin * channels; at < end * channels; at += channels)
      one(x + at, scale, shift, residual == nullptr ? nullptr : residual + at, first, y + at, channels);
  };
  if constexpr (!is_narrow<T>)
    if (streams) {
      all([](auto... row) { normalise_streaming<kind>(row...); });
      return;
    }
  all([](auto... row) { normalise<kind>(row...); });
}

/// All rows, on all threads.
template <Activation kind, class T>
void normalise_rows(const ForwardArguments<T>& a, long rows, const Wide<T>* scale, const Wide<T>* shift) {
  const long channels = a.node->output.channels;
  const bool streams =
      !is_narrow<T> && a.output != a.inputs[0] && worth_streaming_rows(a.output, rows, channels);
  for_row_shares_from_end(
      rows, channels,
      [&](long begin, long end) { normalise_slice<kind>(a, scale, shift, streams, begin, end); },
      [&] {
        if (streams) streaming_done();
      });
}

}  // namespace mmdl::detail
