// SPDX-License-Identifier: Apache-2.0
// The transforms of 3x3 convolutions with a stride of 2, and of their gradients, by minimal filtering.
#pragma once

#include "vector.hpp"

namespace mmdl::detail {

// Along one line: y[i] = w0 x[2 i] + w1 x[2 i + 1] + w2 x[2 i + 2]. The even inputs are filtered by two taps,
// w0 and w2: F(n, 2), n outputs by n + 1 products in place of 2 n. The odd ones are multiplied by w1 as they
// are: n products by one number, which come behind the others. So a tile of 4 x 4 outputs takes 81 products
// in place of 144, one of 2 x 2 takes 25 in place of 36. Yepez and Ko, "Stride 2 1-D, 2-D, and 3-D Winograd
// for convolutional neural networks", 2020. The gradients are the transposed matrices: Lavin and Gray, "Fast
// algorithms for convolutional neural networks", 2015.

/// F(Outputs, 2): y = A^T ((G w) * (B^T d)).
template <class T, int Outputs>
struct TwoTaps;

/// At the points 0, 1, -1, 2 and infinity.
template <class T>
struct TwoTaps<T, 4> {
  /// B^T d.
  template <class V>
  static void input(const V* d, V* t) {
    const V outer = d[3] - d[1];
    t[0] = T{2} * (d[0] - d[2]) + outer;
    t[1] = outer - d[2] - d[1];
    t[2] = outer + T{3} * (d[1] - d[2]);
    t[3] = outer;
    t[4] = T{2} * (d[1] - d[3]) + d[4] - d[2];
  }
  /// G w.
  template <class V>
  static void weights(const V& first, const V& second, V* u) {
    constexpr T half = T{1} / T{2}, third = T{1} / T{3}, sixth = T{1} / T{6};
    u[0] = half * first;
    u[1] = -half * (first + second);
    u[2] = sixth * (second - first);
    u[3] = sixth * first + third * second;
    u[4] = second;
  }
  /// A^T m.
  template <class V>
  static void output(const V* m, V* y) {
    const V sum = m[1] + m[2], difference = m[1] - m[2];
    y[0] = m[0] + sum + m[3];
    y[1] = difference + T{2} * m[3];
    y[2] = sum + T{4} * m[3];
    y[3] = difference + T{8} * m[3] + m[4];
  }
  /// A y.
  template <class V>
  static void output_gradient(const V* y, V* m) {
    const V even = y[0] + y[2], odd = y[1] + y[3];
    m[0] = y[0];
    m[1] = even + odd;
    m[2] = even - odd;
    m[3] = y[0] + T{2} * y[1] + T{4} * y[2] + T{8} * y[3];
    m[4] = y[3];
  }
  /// G^T u.
  template <class V>
  static void weights_gradient(const V* u, V& first, V& second) {
    constexpr T half = T{1} / T{2}, third = T{1} / T{3}, sixth = T{1} / T{6};
    first = half * (u[0] - u[1]) + sixth * (u[3] - u[2]);
    second = sixth * u[2] - half * u[1] + third * u[3] + u[4];
  }
};

/// At the points 0, 1 and infinity: no number but ones. Its errors are hardly larger than the direct sum's.
template <class T>
struct TwoTaps<T, 2> {
  template <class V>
  static void input(const V* d, V* t) {
    t[0] = d[0] - d[1];
    t[1] = d[1];
    t[2] = d[2] - d[1];
  }
  template <class V>
  static void weights(const V& first, const V& second, V* u) {
    u[0] = first;
    u[1] = first + second;
    u[2] = second;
  }
  template <class V>
  static void output(const V* m, V* y) {
    y[0] = m[0] + m[1];
    y[1] = m[1] + m[2];
  }
  template <class V>
  static void output_gradient(const V* y, V* m) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[1];
  }
  template <class V>
  static void weights_gradient(const V* u, V& first, V& second) {
    first = u[0] + u[1];
    second = u[1] + u[2];
  }
};

/// B^T d: the even inputs of a line, and the odd ones as they are.
template <class T, int Outputs>
struct StridedWinogradInput {
  static constexpr int step = 2 * Outputs, from = 2 * Outputs + 1, to = 2 * Outputs + 1;
  template <class V>
  static void line(const V (&d)[from], V (&t)[to]) {
    V even[Outputs + 1];
    MMDL_UNROLL
    for (int i = 0; i <= Outputs; ++i) even[i] = d[2 * i];
    TwoTaps<T, Outputs>::input(even, t);
    MMDL_UNROLL
    for (int i = 0; i < Outputs; ++i) t[Outputs + 1 + i] = d[2 * i + 1];
  }
};

/// G w, the last for all the odd inputs.
template <class T, int Outputs>
struct StridedWinogradWeights {
  static constexpr int from = 3, to = Outputs + 2;
  template <class V>
  static void line(const V (&w)[from], V (&u)[to]) {
    TwoTaps<T, Outputs>::weights(w[0], w[2], u);
    u[Outputs + 1] = w[1];
  }
};

/// A^T m.
template <class T, int Outputs>
struct StridedWinogradOutput {
  static constexpr int from = 2 * Outputs + 1, to = Outputs;
  template <class V>
  static void line(const V (&m)[from], V (&y)[to]) {
    TwoTaps<T, Outputs>::output(m, y);
    MMDL_UNROLL
    for (int i = 0; i < Outputs; ++i) y[i] += m[Outputs + 1 + i];
  }
};

// The gradient of the input: w1 dy[i] and w2 dy[i] + w0 dy[i + 1] by turns, 2 n numbers from n + 1. With the
// weights turned the two taps are in the order of above.

/// B^T d.
template <class T, int Outputs>
struct StridedWinogradGradientInput {
  static constexpr int step = Outputs, from = Outputs + 1, to = 2 * Outputs + 1;
  template <class V>
  static void line(const V (&d)[from], V (&t)[to]) {
    TwoTaps<T, Outputs>::input(d, t);
    MMDL_UNROLL
    for (int i = 0; i < Outputs; ++i) t[Outputs + 1 + i] = d[i];
  }
};

/// A^T m.
template <class T, int Outputs>
struct StridedWinogradGradientOutput {
  static constexpr int from = 2 * Outputs + 1, to = 2 * Outputs;
  template <class V>
  static void line(const V (&m)[from], V (&y)[to]) {
    V filtered[Outputs];
    TwoTaps<T, Outputs>::output(m, filtered);
    MMDL_UNROLL
    for (int i = 0; i < Outputs; ++i) y[2 * i] = m[Outputs + 1 + i], y[2 * i + 1] = filtered[i];
  }
};

/// A y, for the gradient of the output.
template <class T, int Outputs>
struct StridedWinogradOutputGradient {
  static constexpr int step = Outputs, from = Outputs, to = 2 * Outputs + 1;
  template <class V>
  static void line(const V (&y)[from], V (&m)[to]) {
    TwoTaps<T, Outputs>::output_gradient(y, m);
    MMDL_UNROLL
    for (int i = 0; i < Outputs; ++i) m[Outputs + 1 + i] = y[i];
  }
};

/// G^T u, for the gradient of the weights.
template <class T, int Outputs>
struct StridedWinogradWeightsGradient {
  static constexpr int from = Outputs + 2, to = 3;
  template <class V>
  static void line(const V (&u)[from], V (&w)[to]) {
    TwoTaps<T, Outputs>::weights_gradient(u, w[0], w[2]);
    w[1] = u[Outputs + 1];
  }
};

}  // namespace mmdl::detail
