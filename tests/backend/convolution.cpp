// SPDX-License-Identifier: Apache-2.0
// The convolution's kernels against its definition.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <mmdl/backend/cpu/convolution.hpp>
#include <mmdl/core/tensor.hpp>
#include <vector>

#include "convolution_reference.hpp"
#include "operator_kernels.hpp"

namespace convolution_test {

using namespace mmdl;
using namespace mmdl::detail;
using reference::Numbers;

namespace {

template <class T>
std::vector<T> as(const Numbers& numbers) {
  return std::vector<T>(numbers.begin(), numbers.end());
}

/// Winograd's transforms lose a digit to the direct sums.
template <class T>
double tolerance() {
  const double direct = std::is_same_v<T, float> ? 3e-6 : 1e-14;
  return convolution_method() == ConvolutionMethod::winograd ? 20 * direct : direct;
}

/// All convolutions of a scope by one method.
struct Forced {
  explicit Forced(ConvolutionMethod method) { set_convolution_method(method); }
  ~Forced() { set_convolution_method(ConvolutionMethod::automatic); }
  Forced(const Forced&) = delete;
  Forced& operator=(const Forced&) = delete;
};

/// A node of the given window; the output's extent follows from it.
Node convolution(Extent input, int channels, Window window) {
  Node node;
  node.kind = OperatorKind::convolution;
  node.input_count = 1;
  node.input = input;
  node.window = window;
  const auto extent = [&](int size, int pads, int taps) {
    return (size + pads - window.dilation * (taps - 1) - 1) / window.stride + 1;
  };
  node.output = {extent(input.height, window.pad_top + window.pad_bottom, window.kernel_height),
                 extent(input.width, window.pad_left + window.pad_right, window.kernel_width), channels};
  return node;
}

/// Calls `body` with the kernels that a layer would take for the node.
template <class T, class Body>
auto with_kernel(const Node& node, const Body& body) {
  const int groups = node.window.groups;
  if (groups > 1 && groups == node.input.channels && groups == node.output.channels)
    return body(kernel_test::OperatorKernels<operators::DepthwiseConvolution, T>{});
  return body(kernel_test::OperatorKernels<operators::Convolution, T>{});
}

/// Scratch of exactly the size asked for, behind it numbers that must stay.
template <class T>
struct Scratch {
  Buffer<T> buffer;
  long count;
  Scratch(const Node& node, int samples, bool training)
      : count(with_kernel<T>(node, [&](auto kernel) { return kernel.workspace(node, samples, training); })) {
    buffer.reserve(static_cast<std::size_t>(count + 64));
    for (long i = 0; i < count; ++i) buffer.data()[i] = std::numeric_limits<T>::quiet_NaN();
    for (long i = count; i < count + 64; ++i) buffer.data()[i] = T{7};
  }
  bool intact() const {
    return std::all_of(buffer.data() + count, buffer.data() + count + 64, [](T x) { return x == T{7}; });
  }
};

template <class T>
std::vector<T> run_forward(const Node& node, int samples, const std::vector<const T*>& inputs,
                           const std::vector<const T*>& parameters, const std::vector<T*>& states = {}) {
  Scratch<T> scratch(node, samples, false);
  std::vector<T> y(static_cast<std::size_t>(samples * node.output.size()),
                   std::numeric_limits<T>::quiet_NaN());
  ForwardArguments<T> a;
  a.node = &node;
  a.samples = samples;
  std::copy(inputs.begin(), inputs.end(), a.inputs);
  std::copy(parameters.begin(), parameters.end(), a.parameters);
  std::copy(states.begin(), states.end(), a.states);
  a.output = y.data();
  a.workspace = scratch.buffer.data();
  with_kernel<T>(node, [&](auto kernel) { kernel.forward(a); });
  CHECK(scratch.intact());
  return y;
}

template <class T>
struct Gradients {
  std::vector<T> dx, dw, db;
  friend bool operator==(const Gradients&, const Gradients&) = default;
};

/// The gradients; with `accumulate` they are added to ones.
template <class T>
Gradients<T> run_backward(const Node& node, int samples, const std::vector<T>& x, const std::vector<T>& w,
                          const std::vector<T>& dy, bool accumulate) {
  Scratch<T> scratch(node, samples, true);
  const T start = accumulate ? T{1} : std::numeric_limits<T>::quiet_NaN();
  Gradients<T> g{std::vector<T>(x.size(), start), std::vector<T>(w.size(), start),
                 std::vector<T>(static_cast<std::size_t>(node.output.channels), start)};
  BackwardArguments<T> a;
  a.node = &node;
  a.samples = samples;
  a.inputs[0] = x.data();
  a.output_gradient = dy.data();
  a.parameters[0] = w.data();
  a.input_gradients[0] = g.dx.data();
  a.parameter_gradients[0] = g.dw.data();
  a.parameter_gradients[1] = g.db.data();
  a.accumulate[0] = a.accumulate_parameters = accumulate;
  a.workspace = scratch.buffer.data();
  with_kernel<T>(node, [&](auto kernel) { kernel.backward(a); });
  CHECK(scratch.intact());
  return g;
}

long weight_count(const Node& node) {
  return static_cast<long>(node.window.kernel_height) * node.window.kernel_width * node.input.channels /
         node.window.groups * node.output.channels;
}

/// The forward and the three gradients of one node, with one and two threads, in one number type.
template <class T>
void check(const Node& node, int samples) {
  CAPTURE(node.input.height);
  CAPTURE(node.input.width);
  CAPTURE(node.input.channels);
  CAPTURE(node.output.channels);
  CAPTURE(node.window.kernel_height);
  CAPTURE(node.window.stride);
  CAPTURE(node.window.dilation);
  CAPTURE(node.window.groups);
  CAPTURE(samples);
  const Numbers x = reference::random_numbers(samples * node.input.size(), 1);
  const Numbers w = reference::random_numbers(weight_count(node), 2);
  const Numbers dy = reference::random_numbers(samples * node.output.size(), 3);
  const auto tx = as<T>(x), tw = as<T>(w), tdy = as<T>(dy);
  const Numbers y = reference::forward(node, samples, x, w);
  const Numbers dx = reference::backward_data(node, samples, dy, w);
  const Numbers dw = reference::backward_weights(node, samples, x, dy);
  Numbers db(static_cast<std::size_t>(node.output.channels));
  for (std::size_t i = 0; i < dy.size(); ++i) db[i % db.size()] += dy[i];
  const auto plus_one = [](Numbers numbers) {
    for (double& number : numbers) number += 1;
    return numbers;
  };
  const int threads_before = thread_count();
  for (int threads : {1, 2, 5}) {
    CAPTURE(threads);
    set_thread_count(threads);
    const auto found = run_forward<T>(node, samples, {tx.data()}, {tw.data()});
    CHECK(reference::relative_error(found, y) < tolerance<T>());
    CHECK(found == run_forward<T>(node, samples, {tx.data()}, {tw.data()}));
    const auto gradients = run_backward(node, samples, tx, tw, tdy, false);
    CHECK(reference::relative_error(gradients.dx, dx) < tolerance<T>());
    CHECK(reference::relative_error(gradients.dw, dw) < tolerance<T>());
    CHECK(reference::relative_error(gradients.db, db) < tolerance<T>());
    CHECK(gradients == run_backward(node, samples, tx, tw, tdy, false));
    const auto sums = run_backward(node, samples, tx, tw, tdy, true);
    CHECK(reference::relative_error(sums.dx, plus_one(dx)) < tolerance<T>());
    CHECK(reference::relative_error(sums.dw, plus_one(dw)) < tolerance<T>());
    CHECK(reference::relative_error(sums.db, plus_one(db)) < tolerance<T>());
  }
  set_thread_count(threads_before);
}

void check_both(const Node& node, int samples) {
  check<float>(node, samples);
  check<double>(node, samples);
}

Window window(int kernel, int stride, int pad, int dilation = 1, int groups = 1) {
  return {kernel, kernel, stride, dilation, groups, pad, pad, pad, pad};
}

}  // namespace

TEST_CASE("convolution: 1x1 is a plain product, of any size") {
  check_both(convolution({5, 3, 7}, 9, window(1, 1, 0)), 3);
  check_both(convolution({1, 1, 1}, 1, window(1, 1, 0)), 1);
  check_both(convolution({9, 11, 33}, 65, window(1, 1, 0)), 2);
  check_both(convolution({7, 7, 300}, 40, window(1, 1, 0)), 1);  // deeper than a block
  check_both(convolution({4, 4, 16}, 600, window(1, 1, 0)), 1);  // wider than a block
  // Tiles one below the other, and what whole ones leave of rows and columns.
  check_both(convolution({13, 11, 150}, 170, window(1, 1, 0)), 2);
}

TEST_CASE("convolution: 1x1 with stride, where most of the input gets no gradient") {
  check_both(convolution({8, 8, 16}, 24, window(1, 2, 0)), 3);
  check_both(convolution({7, 9, 5}, 6, window(1, 2, 0)), 1);
  check_both(convolution({7, 10, 5}, 6, window(1, 3, 0)), 2);
  check_both(convolution({13, 11, 140}, 170, window(1, 2, 0)), 3);
}

TEST_CASE("convolution: windows, strides that do not divide, dilation") {
  check_both(convolution({9, 7, 5}, 6, window(3, 1, 1)), 3);
  check_both(convolution({10, 11, 16}, 32, window(3, 2, 1)), 2);
  check_both(convolution({23, 21, 3}, 20, window(7, 2, 3)), 2);
  check_both(convolution({13, 12, 4}, 5, window(5, 3, 0)), 1);
  check_both(convolution({12, 11, 6}, 7, window(3, 1, 2, 2)), 3);
  check_both(convolution({12, 11, 6}, 7, window(3, 2, 2, 2)), 1);  // dilation and stride share a factor
  check_both(convolution({12, 11, 6}, 7, window(3, 3, 2, 2)), 1);
  check_both(convolution({3, 3, 40}, 50, window(3, 1, 1)), 1);
  check_both(convolution({17, 16, 1}, 8, window(3, 1, 1)), 3);   // pieces and rows of results shorter than
  check_both(convolution({15, 17, 8}, 16, window(3, 1, 1)), 2);  // a vector, half a vector, whole ones
  check_both(convolution({9, 9, 2}, 4, window(5, 1, 2)), 2);
  check_both(convolution({8, 7, 4}, 20, {2, 3, 1, 1, 2, 0, 1, 1, 1}), 3);  // two groups
  check_both(convolution({2, 3, 4}, 5, window(3, 1, 2)), 1);               // more padding than image
  check_both(convolution({2, 2, 4}, 5, window(2, 3, 0)), 2);               // stride greater than the image
}

TEST_CASE("convolution: uneven padding and windows") {
  check_both(convolution({9, 8, 5}, 6, {3, 3, 2, 1, 1, 0, 0, 1, 1}), 3);
  check_both(convolution({9, 8, 5}, 6, {3, 3, 2, 1, 1, 1, 0, 0, 1}), 1);
  check_both(convolution({9, 8, 5}, 6, {1, 5, 1, 1, 1, 0, 2, 0, 2}), 2);
  check_both(convolution({9, 8, 5}, 6, {4, 2, 2, 1, 1, 3, 0, 1, 1}), 2);
}

TEST_CASE("convolution: groups") {
  check_both(convolution({6, 5, 8}, 6, window(3, 1, 1, 1, 2)), 3);
  check_both(convolution({6, 5, 8}, 12, window(3, 2, 1, 1, 4)), 1);
  check_both(convolution({6, 5, 8}, 40, window(1, 1, 0, 1, 2)), 2);
  check_both(convolution({6, 5, 4}, 8, window(3, 1, 1, 1, 4)), 2);  // two filters a channel
}

TEST_CASE("convolution: depthwise") {
  check_both(convolution({6, 5, 8}, 8, window(3, 1, 1, 1, 8)), 3);
  check_both(convolution({9, 12, 37}, 37, window(3, 2, 1, 1, 37)), 2);
  check_both(convolution({12, 11, 20}, 20, window(3, 1, 2, 2, 20)), 1);
  check_both(convolution({11, 12, 33}, 33, {5, 3, 2, 1, 33, 1, 0, 2, 1}), 2);
  check_both(convolution({2, 2, 3}, 3, window(5, 1, 2, 1, 3)), 1);
  // Groups of places within and at the edges of a line, whole vectors, a half and the rest.
  check_both(convolution({4, 23, 27}, 27, window(3, 1, 1, 1, 27)), 2);
  check_both(convolution({7, 7, 16}, 16, window(3, 1, 1, 1, 16)), 2);
  check_both(convolution({9, 30, 24}, 24, {3, 3, 2, 1, 24, 0, 0, 1, 1}), 2);
  check_both(convolution({5, 15, 40}, 40, {3, 3, 2, 1, 40, 1, 1, 1, 1}), 1);
  check_both(convolution({5, 1, 24}, 24, window(3, 1, 1, 1, 24)), 1);  // every place sees one column
  check_both(convolution({3, 20, 8}, 8, {1, 3, 1, 1, 8, 0, 2, 0, 2}), 2);
  check_both(convolution({40, 3, 16}, 16, window(3, 1, 1, 1, 16)), 2);  // more lines than are summed at once
  // Threads that begin within a sample, and lines that no window is over.
  check_both(convolution({33, 17, 24}, 24, window(3, 1, 2, 2, 24)), 3);
  check_both(convolution({34, 35, 32}, 32, window(2, 3, 0, 1, 32)), 3);
  check_both(convolution({3, 2, 64}, 64, window(5, 2, 4, 1, 64)), 40);
}

TEST_CASE("convolution: Winograd's algorithm, forced, wherever it applies") {
  const Forced forced(ConvolutionMethod::winograd);
  check_both(convolution({9, 7, 16}, 32, window(3, 1, 1)), 3);
  check_both(convolution({4, 4, 32}, 16, window(3, 1, 1)), 1);
  check_both(convolution({1, 1, 16}, 16, window(3, 1, 1)), 1);
  check_both(convolution({2, 3, 16}, 48, window(3, 1, 2)), 1);  // more padding than image
  check_both(convolution({13, 11, 48}, 80, window(3, 1, 0)), 2);
  check_both(convolution({9, 8, 16}, 16, {3, 3, 1, 1, 1, 0, 2, 2, 0}), 3);  // uneven padding
  check_both(convolution({31, 29, 16}, 16, window(3, 1, 1)), 2);            // many tiles, few columns
  check_both(convolution({6, 5, 144}, 128, window(3, 1, 1)), 3);            // few tiles, many columns
  check<float>(convolution({5, 9, 16}, 1056, window(3, 1, 1)), 1);          // all of it by panels
  check<float>(convolution({14, 14, 64}, 96, window(3, 1, 1)), 2);
  // Where it does not apply, the direct product takes over.
  CHECK_FALSE(WinogradConvolution<float>::applies(convolution({9, 7, 16}, 32, window(3, 3, 1)), 3));
  CHECK_FALSE(WinogradConvolution<float>::applies(convolution({9, 7, 16}, 32, window(3, 1, 2, 2)), 3));
  CHECK_FALSE(WinogradConvolution<float>::applies(convolution({9, 7, 16}, 32, window(3, 1, 1, 1, 2)), 3));
  CHECK_FALSE(WinogradConvolution<float>::applies(convolution({9, 7, 17}, 32, window(3, 1, 1)), 3));
  CHECK_FALSE(WinogradConvolution<float>::applies(convolution({9, 7, 16}, 32, window(5, 1, 2)), 3));
}

TEST_CASE("convolution: Winograd's algorithm with a stride of 2") {
  const Forced forced(ConvolutionMethod::winograd);
  CHECK(WinogradConvolution<float>::applies(convolution({9, 7, 16}, 32, window(3, 2, 1)), 3));
  check_both(convolution({9, 7, 16}, 32, window(3, 2, 1)), 3);
  check_both(convolution({16, 16, 32}, 16, window(3, 2, 1)), 1);
  check_both(convolution({17, 18, 16}, 16, window(3, 2, 1)), 2);
  check_both(convolution({1, 1, 16}, 16, window(3, 2, 1)), 1);
  check_both(convolution({2, 3, 16}, 48, window(3, 2, 2)), 1);  // more padding than image
  check_both(convolution({13, 20, 48}, 80, window(3, 2, 0)), 2);
  check_both(convolution({9, 8, 16}, 16, {3, 3, 2, 1, 1, 0, 2, 2, 0}), 3);  // uneven padding
  check_both(convolution({12, 10, 16}, 16, {3, 3, 2, 1, 1, 0, 0, 1, 1}), 2);
  check_both(convolution({11, 12, 16}, 16, {3, 3, 2, 1, 1, 1, 4, 3, 0}), 2);
  check_both(convolution({61, 59, 16}, 16, window(3, 2, 1)), 2);    // many tiles, few columns
  check_both(convolution({12, 10, 144}, 128, window(3, 2, 1)), 3);  // few tiles, many columns
  check_both(convolution({5, 27, 16}, 32, window(3, 2, 1)), 2);     // 3 x 14 outputs, by tiles of 2 x 2
  check_both(convolution({11, 4, 48}, 32, {3, 3, 2, 1, 1, 0, 2, 1, 0}), 3);
  check<float>(convolution({28, 28, 48}, 160, window(3, 2, 1)), 2);
  check<float>(convolution({9, 17, 16}, 1056, window(3, 2, 1)), 1);
  check<float>(convolution({28, 28, 64}, 96, window(3, 2, 1)), 2);
}

TEST_CASE("convolution: lines of three tiles of 14 rows, of seven of six") {
  const Forced forced(ConvolutionMethod::direct);  // those within the image are read where they are
  check_both(convolution({9, 84, 3}, 33, window(7, 2, 3)), 2);
  check_both(convolution({5, 42, 100}, 40, window(3, 1, 1)), 2);
}

TEST_CASE("convolution: Winograd's panels by blocks of channels, or of tiles") {
  const Forced forced(ConvolutionMethod::winograd);
  check<float>(convolution({9, 7, 528}, 48, window(3, 1, 1)), 1);    // sums wait for the next channels
  check<float>(convolution({9, 11, 544}, 48, window(3, 2, 1)), 1);   // the same by tiles of a stride
  check<float>(convolution({41, 43, 16}, 144, window(3, 1, 1)), 2);  // more tiles than sums can wait
}

TEST_CASE("convolution: the method is chosen by the size, and double is computed directly") {
  const Node node = convolution({28, 28, 64}, 64, window(3, 1, 1));
  CHECK(WinogradConvolution<float>::applies(node, 1));
  CHECK_FALSE(WinogradConvolution<double>::applies(node, 1));
  CHECK_FALSE(WinogradConvolution<float>::applies(convolution({4, 4, 64}, 64, window(3, 1, 1)), 1));
  CHECK_FALSE(WinogradConvolution<float>::applies(convolution({2, 2, 64}, 64, window(3, 1, 1)), 9));
  // With a stride of 2: tiles of 4 x 4, of 2 x 2 for 14 x 14 outputs, and none for 7 x 7.
  CHECK(WinogradConvolution<float>::applies(convolution({56, 56, 64}, 64, window(3, 2, 1)), 1));
  CHECK(WinogradConvolution<float>::applies(convolution({28, 28, 256}, 256, window(3, 2, 1)), 1));
  CHECK_FALSE(WinogradConvolution<float>::applies(convolution({28, 28, 64}, 64, window(3, 2, 1)), 1));
  CHECK_FALSE(WinogradConvolution<float>::applies(convolution({14, 14, 512}, 512, window(3, 2, 1)), 64));
  // Its gradients from more tiles on.
  CHECK_FALSE(
      WinogradConvolution<float>::gradient_applies(convolution({56, 56, 64}, 64, window(3, 2, 1)), 1));
  CHECK(WinogradConvolution<float>::gradient_applies(convolution({56, 56, 64}, 64, window(3, 2, 1)), 2));
  const Forced forced(ConvolutionMethod::direct);
  CHECK_FALSE(WinogradConvolution<float>::applies(node, 1));
}

TEST_CASE("convolution: a few real sizes") {
  const Forced forced(ConvolutionMethod::direct);
  check<float>(convolution({14, 14, 64}, 96, window(3, 1, 1)), 2);
  check<float>(convolution({28, 28, 64}, 32, window(1, 1, 0)), 3);  // weights' depth divided among threads
}

TEST_CASE_TEMPLATE("convolution: everything that fusion joins", T, float, double) {
  const Forced forced(ConvolutionMethod::winograd);  // of the 16 channels; the others are direct as ever
  for (const Node& plain :
       {convolution({6, 5, 16}, 48, window(3, 1, 1)), convolution({6, 5, 7}, 41, window(3, 1, 1)),
        convolution({5, 4, 300}, 10, window(1, 1, 0)), convolution({7, 5, 30}, 140, window(1, 2, 0)),
        convolution({6, 5, 8}, 6, window(3, 1, 1, 1, 2)), convolution({7, 9, 3}, 16, window(3, 1, 1)),
        convolution({5, 8, 5}, 8, window(3, 1, 1)), convolution({6, 6, 1}, 4, window(3, 1, 1)),
        convolution({7, 5, 21}, 21, window(3, 2, 1, 1, 21))})
    for (int options = 0; options < 16; ++options)
      for (Activation activation :
           {Activation::none, Activation::relu, Activation::relu6, Activation::sigmoid, Activation::tanh}) {
        Node node = plain;
        const bool bias = (options & 1) != 0;
        node.has_batch_norm = (options & 2) != 0;
        node.has_residual = (options & 4) != 0;
        node.activation_first = (options & 8) != 0;
        node.activation = activation;
        node.epsilon_millionths = 1000;
        node.input_count = node.has_residual ? 2 : 1;
        const int samples = 2;
        const Numbers x = reference::random_numbers(samples * node.input.size(), 1);
        const Numbers w = reference::random_numbers(weight_count(node), 2);
        const Numbers residual = reference::random_numbers(samples * node.output.size(), 3);
        const long channels = node.output.channels;
        const Numbers b = reference::random_numbers(channels, 4),
                      gamma = reference::random_numbers(channels, 5);
        const Numbers beta = reference::random_numbers(channels, 6),
                      mean = reference::random_numbers(channels, 7);
        Numbers variance = reference::random_numbers(channels, 8);
        for (double& v : variance) v = static_cast<double>(static_cast<float>(0.1 + v * v));
        Numbers expected = reference::forward(node, samples, x, w);
        for (std::size_t i = 0; i < expected.size(); ++i) {
          const std::size_t c = i % reference::at(channels);
          double y = expected[i] + (bias ? b[c] : 0.0);
          if (node.has_batch_norm) y = (y - mean[c]) / std::sqrt(variance[c] + 1e-3) * gamma[c] + beta[c];
          if (node.activation_first) y = reference::activate(activation, y);
          if (node.has_residual) y += residual[i];
          expected[i] = node.activation_first ? y : reference::activate(activation, y);
        }
        const auto tx = as<T>(x), tw = as<T>(w), tr = as<T>(residual), tb = as<T>(b), tg = as<T>(gamma),
                   te = as<T>(beta);
        auto tm = as<T>(mean), tv = as<T>(variance);
        const auto before = tm;
        const auto found =
            run_forward<T>(node, samples, {tx.data(), tr.data()},
                           {tw.data(), bias ? tb.data() : nullptr, node.has_batch_norm ? tg.data() : nullptr,
                            node.has_batch_norm ? te.data() : nullptr},
                           {tm.data(), tv.data()});
        CAPTURE(options);
        CAPTURE(static_cast<int>(activation));
        // A sum of some hundred products before a squashing function: its error counts in full.
        CHECK(reference::relative_error(found, expected) < 30 * tolerance<T>());
        CHECK(tm == before);
      }
}

TEST_CASE("convolution: gradients that nobody wants are not computed, not-a-number is not hidden") {
  const Node node = convolution({6, 5, 4}, 6, window(3, 1, 1));
  const auto x = as<float>(reference::random_numbers(node.input.size(), 1));
  const auto w = as<float>(reference::random_numbers(weight_count(node), 2));
  const auto dy = as<float>(reference::random_numbers(node.output.size(), 3));
  const auto all = run_backward(node, 1, x, w, dy, false);
  for (int wanted = 0; wanted < 8; ++wanted) {
    Scratch<float> scratch(node, 1, true);
    std::vector<float> dx(x.size(), -1.0f), dw(w.size(), -1.0f), db(6, -1.0f);
    BackwardArguments<float> a;
    a.node = &node;
    a.samples = 1;
    a.output_gradient = dy.data();
    a.parameters[0] = w.data();
    if ((wanted & 1) != 0) a.input_gradients[0] = dx.data();
    if ((wanted & 2) != 0) a.parameter_gradients[0] = dw.data(), a.inputs[0] = x.data();
    if ((wanted & 4) != 0) a.parameter_gradients[1] = db.data();
    a.workspace = scratch.buffer.data();
    kernel_test::OperatorKernels<operators::Convolution, float>::backward(a);
    CHECK(dx == ((wanted & 1) != 0 ? all.dx : std::vector<float>(x.size(), -1.0f)));
    CHECK(dw == ((wanted & 2) != 0 ? all.dw : std::vector<float>(w.size(), -1.0f)));
    CHECK(db == ((wanted & 4) != 0 ? all.db : std::vector<float>(6, -1.0f)));
  }

  for (Activation activation : {Activation::relu, Activation::relu6, Activation::sigmoid, Activation::tanh}) {
    Node active = node;
    active.activation = activation;
    auto bad = x;
    bad[0] = std::numeric_limits<float>::quiet_NaN();
    CHECK(std::isnan(run_forward<float>(active, 1, {bad.data()}, {w.data()})[0]));
  }
}

}  // namespace convolution_test
