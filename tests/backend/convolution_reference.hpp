// SPDX-License-Identifier: Apache-2.0
// The convolution as its definition says, in double: the ground truth of the tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <mmdl/core/random.hpp>
#include <mmdl/graph/node.hpp>
#include <vector>

namespace reference {

using mmdl::Activation;
using mmdl::detail::Node;
using Numbers = std::vector<double>;

inline std::size_t at(long index) { return static_cast<std::size_t>(index); }

/// `count` normal numbers that float represents exactly.
inline Numbers random_numbers(long count, std::uint64_t seed) {
  Numbers numbers(at(count));
  for (std::size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = static_cast<double>(mmdl::random_normal(seed, 0, i));
  return numbers;
}

inline double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::relu6:
      return std::min(std::max(x, 0.0), 6.0);
    case Activation::sigmoid:
      return 1.0 / (1.0 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
  }
  return x;
}

/// Calls `visit(x index, w index, y index)` for every product that the convolution adds.
template <class Visit>
void for_products(const Node& node, int samples, const Visit& visit) {
  const auto& w = node.window;
  const long in_group = node.input.channels / w.groups, out_group = node.output.channels / w.groups;
  for (long n = 0; n < samples; ++n)
    for (long p = 0; p < node.output.height; ++p)
      for (long q = 0; q < node.output.width; ++q)
        for (long i = 0; i < w.kernel_height; ++i)
          for (long j = 0; j < w.kernel_width; ++j) {
            const long y = p * w.stride - w.pad_top + i * w.dilation;
            const long x = q * w.stride - w.pad_left + j * w.dilation;
            if (y < 0 || y >= node.input.height || x < 0 || x >= node.input.width) continue;
            for (long o = 0; o < node.output.channels; ++o)
              for (long c = 0; c < in_group; ++c)
                visit(((n * node.input.height + y) * node.input.width + x) * node.input.channels +
                          o / out_group * in_group + c,
                      ((i * w.kernel_width + j) * in_group + c) * node.output.channels + o,
                      ((n * node.output.height + p) * node.output.width + q) * node.output.channels + o);
          }
}

inline Numbers forward(const Node& node, int samples, const Numbers& x, const Numbers& w) {
  Numbers y(at(samples * node.output.size()));
  for_products(node, samples, [&](long i, long j, long k) { y[at(k)] += x[at(i)] * w[at(j)]; });
  return y;
}

inline Numbers backward_data(const Node& node, int samples, const Numbers& dy, const Numbers& w) {
  Numbers dx(at(samples * node.input.size()));
  for_products(node, samples, [&](long i, long j, long k) { dx[at(i)] += dy[at(k)] * w[at(j)]; });
  return dx;
}

inline Numbers backward_weights(const Node& node, int samples, const Numbers& x, const Numbers& dy) {
  Numbers dw(at(static_cast<long>(node.window.kernel_height) * node.window.kernel_width *
                node.input.channels / node.window.groups * node.output.channels));
  for_products(node, samples, [&](long i, long j, long k) { dw[at(j)] += x[at(i)] * dy[at(k)]; });
  return dw;
}

/// The greatest difference from the expected numbers, relative to the greatest of these.
template <class T>
double relative_error(const std::vector<T>& found, const Numbers& expected) {
  double greatest = 1e-30, difference = found.size() == expected.size() ? 0.0 : 1e30;
  for (std::size_t i = 0; i < expected.size() && i < found.size(); ++i) {
    greatest = std::max(greatest, std::fabs(expected[i]));
    const double d = std::fabs(static_cast<double>(found[i]) - expected[i]);
    difference = d <= difference ? difference : d;  // a NaN counts
    if (!(d <= 1e30)) return 1e30;
  }
  return difference / greatest;
}

}  // namespace reference
