// SPDX-License-Identifier: Apache-2.0
// The activation functions, alone and as the tail of other kernels.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "../../core/threads.hpp"
#include "channel_vectors.hpp"
#include "kernel.hpp"
#include "simd.hpp"
#include "stream.hpp"
#include "vector.hpp"

namespace mmdl::detail {

// The comparisons are written so that a NaN passes through, as in PyTorch, and so that each is one
// instruction.
template <class T>
inline T relu(T x) {
  return T{0} > x ? T{0} : x;
}
template <class T>
inline T relu6(T x) {
  const T positive = relu(x);
  return T{6} < positive ? T{6} : positive;
}
/// 1 / (1 + exp(-x)), exact to the smallest numbers: the exponential never overflows.
template <class T>
inline T sigmoid(T x) {
  const T e = std::exp(-std::fabs(x));
  return (x >= T{0} ? T{1} : e) / (T{1} + e);
}

/// The number type of a vector, or the number's own.
template <class V>
struct NumberOf {
  using type = std::remove_cvref_t<decltype(V{}[0])>;
};
template <class T>
requires std::is_floating_point_v<T>
struct NumberOf<T> {
  using type = T;
};

/// All bits set where x, a number or a vector, is negative (not for -0 + 0), else none.
template <class V>
inline auto negative_mask(V x) {
  using T = typename NumberOf<V>::type;
  using Integer = std::conditional_t<sizeof(T) == sizeof(std::int32_t), std::int32_t, std::int64_t>;
  constexpr int sign = 8 * sizeof(T) - 1;
  if constexpr (std::is_same_v<T, V>) {
    return std::bit_cast<Integer>(x) >> sign;
  } else {
    return std::bit_cast<typename IntegersOf<V, Integer>::type>(x) >> sign;
  }
}

/// `value` where y > 0, and with `relu6` y < 6, else zero. Made of signs and not of comparisons, for those
/// become a load of `value` under a mask, which starts when the mask is known: half the speed where memory is
/// the limit.
template <bool relu6, class V>
inline V keep_if_passed(V y, V value) {
  using T = typename NumberOf<V>::type;
  auto mask = negative_mask(V{} - y);
  if constexpr (relu6) mask &= negative_mask(y - T{6});
  return std::bit_cast<V>(std::bit_cast<decltype(mask)>(value) & mask);
}

template <class A, class B>
inline bool same_array(const A* a, const B* b) {
  return static_cast<const void*>(a) == static_cast<const void*>(b);
}

/// y[i] = activation(x[i]) for `count` numbers; `y` may be `x`.
template <class From, class To>
inline void activate(Activation activation, const From* x, To* y, long count) {
  switch (activation) {
    case Activation::none:
      if (same_array(x, y)) return;
      MMDL_SIMD
      for (long i = 0; i < count; ++i) y[i] = x[i];
      return;
    case Activation::relu:
      MMDL_SIMD
      for (long i = 0; i < count; ++i) y[i] = relu(wide(x[i]));
      return;
    case Activation::relu6:
      MMDL_SIMD
      for (long i = 0; i < count; ++i) y[i] = relu6(wide(x[i]));
      return;
    case Activation::sigmoid:
      for (long i = 0; i < count; ++i) y[i] = sigmoid(wide(x[i]));
      return;
    case Activation::tanh:
      for (long i = 0; i < count; ++i) y[i] = std::tanh(wide(x[i]));
      return;
  }
}

/// dx[i] = dy[i] * activation'(x[i]), from the output y alone (`y` is not read for the identity). `dx` may be
/// `dy`. PyTorch's subgradients: relu passes where y > 0, relu6 where 0 < y < 6.
template <class T, class To>
inline void activation_gradient(Activation activation, const T* y, const T* dy, To* dx, long count) {
  using W = Wide<T>;
  switch (activation) {
    case Activation::none:
      if (same_array(dy, dx)) return;
      MMDL_SIMD
      for (long i = 0; i < count; ++i) dx[i] = dy[i];
      return;
    case Activation::relu:
      MMDL_SIMD
      for (long i = 0; i < count; ++i) dx[i] = keep_if_passed<false>(wide(y[i]), wide(dy[i]));
      return;
    case Activation::relu6:
      MMDL_SIMD
      for (long i = 0; i < count; ++i) dx[i] = keep_if_passed<true>(wide(y[i]), wide(dy[i]));
      return;
    case Activation::sigmoid:
      MMDL_SIMD
      for (long i = 0; i < count; ++i) dx[i] = dy[i] * (y[i] * (W{1} - y[i]));
      return;
    case Activation::tanh:
      MMDL_SIMD
      for (long i = 0; i < count; ++i) dx[i] = dy[i] * (W{1} - y[i] * y[i]);
      return;
  }
}

/// to[i] = from[i], or to[i] += from[i].
template <class From, class To>
inline void store(const From* from, To* to, long count, bool accumulate) {
  if constexpr (is_narrow<To>)  // the compiler would round the results bit by bit
    if (accumulate || !std::is_same_v<From, To>) {
      for_channel_vectors<To>(count, [=]<class V>(V, long i) {
        V value = load_vector<V>(from + i);
        if (accumulate) value += load_vector<V>(static_cast<const To*>(to) + i);
        store_vector(to + i, value);
      });
      return;
    }
  if (accumulate) {
    MMDL_SIMD
    for (long i = 0; i < count; ++i) to[i] = to[i] + from[i];
  } else if (!same_array(from, to)) {
    MMDL_SIMD
    for (long i = 0; i < count; ++i) to[i] = from[i];
  }
}

/// Calls `body(begin, length)` for pieces of [0, count) of at most `chunk_length`, on all threads.
template <class Body>
inline void parallel_chunks(long count, const Body& body) {
  parallel_ranges(count, parallel_grain, [&](long begin, long end) {
    for (long i = begin; i < end; i += chunk_length) body(i, end - i < chunk_length ? end - i : chunk_length);
  });
}

/// The activation `node->activation` alone, from inputs[0] to the output, which may be the same array;
/// likewise the gradients. PyTorch: `relu`, `hardtanh(0, 6)`, `sigmoid`, `tanh`.
template <class T>
struct CpuKernel<operators::Activation, T> {
  static long workspace(const Node&, int, bool) { return 0; }

  static void forward(const ForwardArguments<T>& a) {
    const long count = a.samples * a.node->output.size();
    const T* x = a.inputs[0];
    const bool whole = a.node->activation == Activation::relu && x != a.output && !is_narrow<T>;
    if (whole && worth_streaming(a.output, count * static_cast<long>(sizeof(T)))) {
      stream_results(count, parallel_grain, a.output, [x]<class V>(V zero, long i) {
        const V value = load_vector<V>(x + i);
        return zero > value ? zero : value;
      });
      return;
    }
    parallel_ranges(count, parallel_grain, [&](long begin, long end) {
      activate(a.node->activation, x + begin, a.output + begin, end - begin);
    });
  }

  static void backward(const BackwardArguments<T>& a) {
    T* gradient = a.input_gradients[0];
    if (gradient == nullptr) return;
    const Activation activation = a.node->activation;
    parallel_chunks(a.samples * a.node->output.size(), [&](long i, long length) {
      const T* y = activation == Activation::none ? nullptr : a.output + i;
      if (a.accumulate[0]) {
        Wide<T> scratch[chunk_length];
        activation_gradient(activation, y, a.output_gradient + i, scratch, length);
        store(scratch, gradient + i, length, true);
      } else {
        activation_gradient(activation, y, a.output_gradient + i, gradient + i, length);
      }
    });
  }
};

}  // namespace mmdl::detail
