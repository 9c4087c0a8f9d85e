// SPDX-License-Identifier: Apache-2.0
// The transforms of Winograd's minimal filtering F(4x4, 3x3), of F(2x2, 3x3), and of their gradients.
#pragma once

#include "vector.hpp"

namespace mmdl::detail {

// Along one line: 3 taps over 6 inputs give 4 outputs by 6 products in place of 12, at the points 0, 1, -1,
// 2, -2 and infinity: y = A^T ((G w) * (B^T d)). The gradients are the transposed matrices: Lavin and Gray,
// "Fast algorithms for convolutional neural networks", 2015.

/// B^T d.
template <class T>
struct WinogradInput {
  static constexpr int step = 4;  // from one tile's window to the next
  static constexpr int from = 6, to = 6;
  template <class V>
  static void line(const V (&d)[6], V (&t)[6]) {
    const V even = d[4] - T{4} * d[2], odd = d[3] - T{4} * d[1];
    const V even_outer = d[4] - d[2], odd_outer = T{2} * (d[3] - d[1]);
    t[0] = T{4} * d[0] - T{5} * d[2] + d[4];
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = even_outer + odd_outer;
    t[4] = even_outer - odd_outer;
    t[5] = T{4} * d[1] - T{5} * d[3] + d[5];
  }
};

/// G w.
template <class T>
struct WinogradWeights {
  static constexpr int from = 3, to = 6;
  template <class V>
  static void line(const V (&w)[3], V (&u)[6]) {
    constexpr T sixth = T{1} / T{6}, twelfth = T{1} / T{12}, twenty_fourth = T{1} / T{24};
    const V outer = sixth * (w[0] + w[2]), middle = sixth * w[1];
    const V far = twenty_fourth * w[0] + sixth * w[2], far_middle = twelfth * w[1];
    u[0] = T{0.25} * w[0];
    u[1] = -outer - middle;
    u[2] = middle - outer;
    u[3] = far + far_middle;
    u[4] = far - far_middle;
    u[5] = w[2];
  }
};

/// A^T m.
template <class T>
struct WinogradOutput {
  static constexpr int from = 6, to = 4;
  template <class V>
  static void line(const V (&m)[6], V (&y)[4]) {
    const V sum = m[1] + m[2], difference = m[1] - m[2];
    const V far_sum = m[3] + m[4], far_difference = m[3] - m[4];
    y[0] = m[0] + sum + far_sum;
    y[1] = difference + T{2} * far_difference;
    y[2] = sum + T{4} * far_sum;
    y[3] = difference + T{8} * far_difference + m[5];
  }
};

/// A y, for the gradient of the output.
template <class T>
struct WinogradOutputGradient {
  static constexpr int step = 4;
  static constexpr int from = 4, to = 6;
  template <class V>
  static void line(const V (&y)[4], V (&m)[6]) {
    const V even = y[0] + y[2], odd = y[1] + y[3];
    const V far_even = y[0] + T{4} * y[2], far_odd = T{2} * y[1] + T{8} * y[3];
    m[0] = y[0];
    m[1] = even + odd;
    m[2] = even - odd;
    m[3] = far_even + far_odd;
    m[4] = far_even - far_odd;
    m[5] = y[3];
  }
};

/// G^T u, for the gradient of the weights.
template <class T>
struct WinogradWeightsGradient {
  static constexpr int from = 6, to = 3;
  template <class V>
  static void line(const V (&u)[6], V (&w)[3]) {
    constexpr T sixth = T{1} / T{6}, twelfth = T{1} / T{12}, twenty_fourth = T{1} / T{24};
    const V sum = sixth * (u[1] + u[2]), far_sum = u[3] + u[4];
    w[0] = T{0.25} * u[0] - sum + twenty_fourth * far_sum;
    w[1] = sixth * (u[2] - u[1]) + twelfth * (u[3] - u[4]);
    w[2] = sixth * far_sum - sum + u[5];
  }
};

// F(2x2, 3x3), for narrow values. Along one line: 3 taps over 4 inputs give 2 outputs by 4 products in place
// of 6, at the points 0, 1, -1 and infinity. Of the larger tiles' matrices these have the smallest numbers:
// the transformed factors are rounded to narrow ones, which makes the error of values twice that of the
// direct product. That of the weights' gradient is as large as if the gradient itself were narrow.

/// B^T d.
struct SmallWinogradInput {
  static constexpr int step = 2, from = 4, to = 4;
  template <class V>
  static void line(const V (&d)[4], V (&t)[4]) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[1] - d[3];
  }
};

/// G w.
struct SmallWinogradWeights {
  static constexpr int from = 3, to = 4;
  template <class V>
  static void line(const V (&w)[3], V (&u)[4]) {
    const V outer = 0.5f * (w[0] + w[2]), middle = 0.5f * w[1];
    u[0] = w[0];
    u[1] = outer + middle;
    u[2] = outer - middle;
    u[3] = w[2];
  }
};

/// A^T m.
struct SmallWinogradOutput {
  static constexpr int from = 4, to = 2;
  template <class V>
  static void line(const V (&m)[4], V (&y)[2]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
  }
};

/// A y, for the gradient of the output.
struct SmallWinogradOutputGradient {
  static constexpr int step = 2, from = 2, to = 4;
  template <class V>
  static void line(const V (&y)[2], V (&m)[4]) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = -y[1];
  }
};

/// G^T u, for the gradient of the weights.
struct SmallWinogradWeightsGradient {
  static constexpr int from = 4, to = 3;
  template <class V>
  static void line(const V (&u)[4], V (&w)[3]) {
    const V sum = 0.5f * (u[1] + u[2]);
    w[0] = u[0] + sum;
    w[1] = 0.5f * (u[1] - u[2]);
    w[2] = sum + u[3];
  }
};

/// Transforms a square of vectors along its columns and then along its rows: `load(i, j)` gives the numbers,
/// `store(i, j, value)` takes the result. Only the lines are unrolled: no register keeps a part of the square
/// until it is used again.
template <class V, class Transform, class Load, class Store>
void transform_square_of(Transform, const Load& load, const Store& store) {
  constexpr int from = Transform::from, to = Transform::to;
  V half[to][from];
  for (int j = 0; j < from; ++j) {
    V column[from], result[to];
    MMDL_UNROLL
    for (int i = 0; i < from; ++i) column[i] = load(i, j);
    Transform::line(column, result);
    MMDL_UNROLL
    for (int i = 0; i < to; ++i) half[i][j] = result[i];
  }
  for (int i = 0; i < to; ++i) {
    V result[to];
    Transform::line(half[i], result);
    MMDL_UNROLL
    for (int j = 0; j < to; ++j) store(i, j, result[j]);
  }
}

}  // namespace mmdl::detail
