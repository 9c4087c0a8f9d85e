// SPDX-License-Identifier: Apache-2.0
// The three poolings against plain loops in double.
#include <limits>

#include "kernel_runner.hpp"
#include "operator_kernels.hpp"

namespace pool_test {

namespace {

using namespace kernel_test;
using mmdl::detail::Window;

struct PoolCase {
  int samples, height, width, channels;
  Window window;
};

Window window(int kernel_height, int kernel_width, int stride, int top, int left, int bottom, int right,
              int dilation = 1) {
  Window w;
  w.kernel_height = kernel_height, w.kernel_width = kernel_width, w.stride = stride, w.dilation = dilation;
  w.pad_top = top, w.pad_left = left, w.pad_bottom = bottom, w.pad_right = right;
  return w;
}

const std::vector<PoolCase> cases = {
    {1, 7, 9, 3, window(3, 3, 2, 1, 1, 1, 1)},
    {3, 14, 15, 65, window(3, 3, 2, 1, 1, 1, 1)},
    {2, 8, 8, 32, window(2, 2, 2, 0, 0, 0, 0)},
    {3, 9, 7, 8, window(2, 2, 2, 0, 0, 0, 0)},  // a line and a column that no window reaches; half a vector
    {1, 28, 28, 43, window(2, 2, 2, 0, 0, 0, 0)},
    {2, 6, 7, 9, window(2, 2, 2, 1, 1, 1, 1)},  // padding
    {2, 5, 6, 24, window(2, 2, 1, 1, 1, 0, 0)},
    {1, 5, 5, 1, window(5, 5, 1, 0, 0, 0, 0)},
    {2, 10, 7, 40, window(3, 2, 3, 0, 1, 2, 0)},  // a stride that does not divide, padding on some sides
    {1, 9, 9, 16, window(3, 3, 1, 1, 1, 1, 1)},
    {2, 6, 6, 5, window(1, 1, 3, 0, 0, 0, 0)},
    {2, 7, 7, 4, window(3, 3, 2, 0, 0, 2, 2)},
    {1, 8, 10, 20, window(3, 3, 2, 0, 0, 0, 0)},  // lines and columns that no window reaches
};

template <class Kernel, class T>
Runner<Kernel, T> example(const PoolCase& c) {
  Runner<Kernel, T> run;
  const Window& w = c.window;
  run.node.window = w;
  run.node.input = Extent{c.height, c.width, c.channels};
  run.node.output =
      Extent{(c.height + w.pad_top + w.pad_bottom - w.dilation * (w.kernel_height - 1) - 1) / w.stride + 1,
             (c.width + w.pad_left + w.pad_right - w.dilation * (w.kernel_width - 1) - 1) / w.stride + 1,
             c.channels};
  run.node.input_count = 1;
  run.samples = c.samples;
  run.inputs = {normal_values<T>(c.samples * run.node.input.size(), 1)};
  run.output_gradient = normal_values<T>(c.samples * run.node.output.size(), 2);
  return run;
}

/// Calls `body(output index, input index, or -1 in the padding)` for every place of every window, in scan
/// order.
template <class R, class Body>
void for_places(const R& run, const Body& body) {
  const Extent in = run.node.input, out = run.node.output;
  const Window& w = run.node.window;
  for (int n = 0; n < run.samples; ++n)
    for (int oh = 0; oh < out.height; ++oh)
      for (int ow = 0; ow < out.width; ++ow)
        for (int c = 0; c < out.channels; ++c)
          for (int i = 0; i < w.kernel_height; ++i)
            for (int j = 0; j < w.kernel_width; ++j) {
              const int h = oh * w.stride - w.pad_top + i * w.dilation,
                        v = ow * w.stride - w.pad_left + j * w.dilation;
              const bool inside = h >= 0 && h < in.height && v >= 0 && v < in.width;
              body(static_cast<std::size_t>(((n * out.height + oh) * out.width + ow) * out.channels + c),
                   inside ? ((n * in.height + h) * in.width + v) * in.channels + c : -1);
            }
}

template <class R>
void check_run(R run, const std::vector<double>& y, std::vector<double> dx, double bound) {
  R one = run;
  run.forward(), run.backward();
  CHECK(worst_difference(run.output, y) < bound);
  CHECK(worst_difference(run.input_gradients[0], dx) < bound);
  {
    const Threads threads(1);
    one.forward(), one.backward();
  }
  check_equal(run, one);
  run.accumulate = true;
  run.backward();
  for (double& d : dx) d += 0.5;
  CHECK(worst_difference(run.input_gradients[0], dx) < bound);
}

}  // namespace

TEST_CASE_TEMPLATE("max pool: forward and backward", T, float, double) {
  using Kernel = OperatorKernels<mmdl::operators::MaxPool, T>;
  auto all = cases;
  all.push_back({2, 11, 9, 6, window(3, 3, 2, 2, 1, 2, 1, 2)});
  all.push_back({1, 6, 9, 17, window(2, 2, 3, 1, 1, 2, 2, 2)});
  all.push_back({1, 8, 8, 33, window(5, 5, 1, 2, 2, 2, 2)});  // more windows over a pixel than one go serves
  all.push_back({2, 129, 131, 64, window(3, 3, 2, 1, 1, 1, 1)});  // written past the caches
  all.push_back({2, 129, 131, 64, window(2, 2, 2, 0, 0, 0, 0)});
  for (const PoolCase& c : all)
    for (const bool ties : {false, true}) {
      auto run = example<Kernel, T>(c);
      for (T& x : run.inputs[0])
        x = ties ? std::round(x) - T{3} : x - T{10};  // negative: padding must not win
      std::vector<double> y(run.output_gradient.size(), -INFINITY), dx(run.inputs[0].size());
      std::vector<int> winner(y.size());
      for_places(run, [&](std::size_t to, int from) {
        if (from < 0) return;
        const double x = static_cast<double>(run.inputs[0][static_cast<std::size_t>(from)]);
        if (x > y[to]) y[to] = x, winner[to] = from;
      });
      for (std::size_t i = 0; i < y.size(); ++i)
        dx[static_cast<std::size_t>(winner[i])] += static_cast<double>(run.output_gradient[i]);
      check_run(run, y, dx, tolerance<T>());
    }
}

TEST_CASE("max pool: infinities and NaN") {
  using Kernel = OperatorKernels<mmdl::operators::MaxPool, float>;
  auto run = example<Kernel, float>({1, 2, 4, 1, window(2, 2, 2, 0, 0, 0, 0)});
  const float infinity = std::numeric_limits<float>::infinity(),
              nan = std::numeric_limits<float>::quiet_NaN();
  run.inputs[0] = {-infinity, -infinity, 1, nan, -infinity, -infinity, 2, 3};
  run.output_gradient = {infinity, 1};
  run.forward(), run.backward();
  CHECK(run.output[0] == -infinity);
  CHECK(std::isnan(run.output[1]));
  CHECK(run.input_gradients[0][0] == infinity);
  CHECK(run.input_gradients[0][1] == 0.0f);
}

TEST_CASE_TEMPLATE("max pool: a NaN takes its windows' gradients, of several the last", T, float, double) {
  using Kernel = OperatorKernels<mmdl::operators::MaxPool, T>;
  for (const PoolCase& c : {PoolCase{2, 12, 11, 21, window(3, 3, 2, 1, 1, 1, 1)},
                            PoolCase{1, 9, 8, 17, window(3, 3, 1, 1, 1, 1, 1)},
                            PoolCase{1, 8, 9, 19, window(2, 2, 2, 0, 0, 0, 0)}}) {
    auto run = example<Kernel, T>(c);
    for (std::size_t i = 0; i < run.inputs[0].size(); i += 37)
      run.inputs[0][i] = std::numeric_limits<T>::quiet_NaN();
    std::vector<double> y(run.output_gradient.size(), -INFINITY), dx(run.inputs[0].size());
    std::vector<int> winner(y.size());
    for_places(run, [&](std::size_t to, int from) {
      if (from < 0) return;
      const double x = static_cast<double>(run.inputs[0][static_cast<std::size_t>(from)]);
      if (x > y[to] || std::isnan(x)) y[to] = x, winner[to] = from;
    });
    for (std::size_t i = 0; i < y.size(); ++i)
      dx[static_cast<std::size_t>(winner[i])] += static_cast<double>(run.output_gradient[i]);
    run.forward(), run.backward();
    CHECK(worst_difference(run.input_gradients[0], dx) < tolerance<T>());
    for (std::size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(run.output[i]) == std::isnan(y[i]));
  }
}

TEST_CASE_TEMPLATE("average pool: forward and backward", T, float, double) {
  using Kernel = OperatorKernels<mmdl::operators::AveragePool, T>;
  for (const PoolCase& c : cases)
    for (const bool count_padding : {false, true}) {
      auto run = example<Kernel, T>(c);
      run.node.count_padding = count_padding;
      std::vector<double> y(run.output_gradient.size()), dx(run.inputs[0].size()), places(y.size());
      for_places(run, [&](std::size_t to, int from) {
        if (from >= 0 || count_padding) places[to] += 1;
        if (from >= 0) y[to] += static_cast<double>(run.inputs[0][static_cast<std::size_t>(from)]);
      });
      for_places(run, [&](std::size_t to, int from) {
        if (from >= 0)
          dx[static_cast<std::size_t>(from)] += static_cast<double>(run.output_gradient[to]) / places[to];
      });
      for (std::size_t i = 0; i < y.size(); ++i) y[i] /= places[i];
      check_run(run, y, dx, tolerance<T>());
    }
}

TEST_CASE_TEMPLATE("average pool: a window beyond the padding counts no place there", T, float, double) {
  auto run =
      example<OperatorKernels<mmdl::operators::AveragePool, T>, T>({1, 3, 3, 1, window(2, 2, 2, 0, 0, 0, 0)});
  run.node.output = Extent{2, 2, 1};  // PyTorch: ceil_mode=True
  run.output_gradient.assign(4, T{1});
  run.inputs[0] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  run.forward(), run.backward();
  CHECK(run.output == std::vector<T>{T{3}, T{4.5}, T{7.5}, T{9}});
  CHECK(run.input_gradients[0] ==
        std::vector<T>{T{0.25}, T{0.25}, T{0.5}, T{0.25}, T{0.25}, T{0.5}, T{0.5}, T{0.5}, T{1}});
}

TEST_CASE_TEMPLATE("global average pool: forward and backward", T, float, double) {
  for (const Extent extent : {Extent{7, 7, 2048}, Extent{1, 1, 3}, Extent{56, 55, 5}, Extent{13, 11, 257}}) {
    Runner<OperatorKernels<mmdl::operators::GlobalAveragePool, T>, T> run;
    run.node.input = extent;
    run.node.output = Extent{1, 1, extent.channels};
    run.node.input_count = 1;
    run.samples = 3;
    run.inputs = {normal_values<T>(3 * extent.size(), 1, 0.5)};
    run.output_gradient = normal_values<T>(3L * extent.channels, 2);
    std::vector<double> y(run.output_gradient.size()), dx;
    const double pixels = static_cast<double>(extent.pixels());
    for (std::size_t i = 0; i < run.inputs[0].size(); ++i) {
      const auto sample = i / static_cast<std::size_t>(extent.size());
      const auto to =
          sample * static_cast<std::size_t>(extent.channels) + i % static_cast<std::size_t>(extent.channels);
      y[to] += static_cast<double>(run.inputs[0][i]) / pixels;
      dx.push_back(static_cast<double>(run.output_gradient[to]) / pixels);
    }
    check_run(run, y, dx, tolerance<T>());
  }
}

}  // namespace pool_test
