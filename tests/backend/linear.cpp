// SPDX-License-Identifier: Apache-2.0
// The fully connected layer's kernels: they are those of a 1x1 convolution of one pixel, whose definition is
// known.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <mmdl/backend/cpu/column_sums.hpp>
#include <mmdl/core/tensor.hpp>
#include <vector>

#include "convolution_reference.hpp"
#include "operator_kernels.hpp"

namespace linear_test {

using namespace mmdl;
using namespace mmdl::detail;
using reference::Numbers;

namespace {

template <class T>
using Kernel = kernel_test::OperatorKernels<operators::Linear, T>;

template <class T>
std::vector<T> as(const Numbers& numbers) {
  return std::vector<T>(numbers.begin(), numbers.end());
}

Node linear(Extent input, int outputs) {
  Node node;
  node.kind = OperatorKind::linear;
  node.input_count = 1;
  node.input = input;
  node.output = {1, 1, outputs};
  return node;
}

template <class T>
void check(const Node& node, int samples) {
  CAPTURE(samples);
  CAPTURE(node.input.size());
  CAPTURE(node.output.channels);
  const double tolerance = std::is_same_v<T, float> ? 3e-6 : 1e-14;
  Node flat = node;  // the definition sees one pixel of many channels
  flat.input = {1, 1, static_cast<int>(node.input.size())};
  const long outputs = node.output.channels, weights = node.input.size() * outputs;
  const Numbers x = reference::random_numbers(samples * node.input.size(), 1);
  const Numbers w = reference::random_numbers(weights, 2), b = reference::random_numbers(outputs, 3);
  const Numbers dy = reference::random_numbers(samples * outputs, 4);
  const auto tx = as<T>(x), tw = as<T>(w), tb = as<T>(b), tdy = as<T>(dy);
  const Numbers product = reference::forward(flat, samples, x, w);
  Numbers dx = reference::backward_data(flat, samples, dy, w),
          dw = reference::backward_weights(flat, samples, x, dy);
  Numbers db(reference::at(outputs));
  for (std::size_t i = 0; i < dy.size(); ++i) db[i % db.size()] += dy[i];

  const int threads_before = thread_count();
  for (int threads : {1, 2, 5}) {
    CAPTURE(threads);
    set_thread_count(threads);
    Buffer<T> workspace(reference::at(Kernel<T>::workspace(node, samples, true)));
    for (Activation activation :
         {Activation::none, Activation::relu, Activation::relu6, Activation::sigmoid, Activation::tanh})
      for (bool bias : {false, true}) {
        Node active = node;
        active.activation = activation;
        std::vector<T> y(product.size(), std::numeric_limits<T>::quiet_NaN());
        ForwardArguments<T> a;
        a.node = &active;
        a.samples = samples;
        a.inputs[0] = tx.data();
        a.parameters[0] = tw.data();
        a.parameters[1] = bias ? tb.data() : nullptr;
        a.output = y.data();
        a.workspace = workspace.data();
        Kernel<T>::forward(a);
        Numbers expected = product;
        for (std::size_t i = 0; i < expected.size(); ++i)
          expected[i] = reference::activate(activation, expected[i] + (bias ? b[i % b.size()] : 0.0));
        // A squashing function's greatest value is 1, of a sum that may be large.
        CHECK(reference::relative_error(y, expected) < 30 * tolerance);
        const auto first = y;
        Kernel<T>::forward(a);
        CHECK(y == first);
      }
    for (double start : {0.0, 1.0}) {
      std::vector<T> found_dx(dx.size(), T{1}), found_dw(dw.size(), T{1}), found_db(db.size(), T{1});
      BackwardArguments<T> a;
      a.node = &node;
      a.samples = samples;
      a.inputs[0] = tx.data();
      a.output_gradient = tdy.data();
      a.parameters[0] = tw.data();
      a.input_gradients[0] = found_dx.data();
      a.parameter_gradients[0] = found_dw.data();
      a.parameter_gradients[1] = found_db.data();
      a.accumulate[0] = a.accumulate_parameters = start == 1.0;
      a.workspace = workspace.data();
      Kernel<T>::backward(a);
      const auto plus = [&](Numbers numbers) {
        for (double& number : numbers) number += start;
        return numbers;
      };
      CHECK(reference::relative_error(found_dx, plus(dx)) < tolerance);
      CHECK(reference::relative_error(found_dw, plus(dw)) < tolerance);
      CHECK(reference::relative_error(found_db, plus(db)) < tolerance);
      a.input_gradients[0] = a.parameter_gradients[0] = a.parameter_gradients[1] = nullptr;
      a.inputs[0] = nullptr;
      Kernel<T>::backward(a);  // nothing is wanted, nothing is read
    }
  }
  set_thread_count(threads_before);
}

}  // namespace

TEST_CASE_TEMPLATE("linear: outputs and gradients, one sample and many", T, float, double) {
  for (int samples : {1, 3, 4, 8, 14, 33}) {
    check<T>(linear({1, 1, 1}, 1), samples);
    check<T>(linear({1, 1, 17}, 5), samples);
    check<T>(linear({2, 3, 10}, 33), samples);
    check<T>(linear({1, 1, 700}, 129), samples);
  }
  check<T>(linear({1, 1, 90}, 1030), 2);
}

TEST_CASE("linear: a batch of several blocks, that divide unevenly") {
  check<float>(linear({1, 1, 31}, 300), 1301);
  check<double>(linear({1, 1, 15}, 40), 577);
  check<float>(linear({1, 1, 20}, 1100), 950);  // more than the caches hold, and few rows of the gradient
}

TEST_CASE("linear: weights that lie transposed have the same gradients, of few rows and of many") {
  const long inputs = 37, outputs = 21;
  for (const int samples : {1, 4, 5}) {
    CAPTURE(samples);
    const auto x = as<double>(reference::random_numbers(samples * inputs, 1));
    const auto dy = as<double>(reference::random_numbers(samples * outputs, 2));
    const auto w = as<double>(reference::random_numbers(inputs * outputs, 3));
    std::vector<double> dw[2], dx[2];
    for (const bool transposed : {false, true}) {
      Node node = linear({1, 1, static_cast<int>(inputs)}, static_cast<int>(outputs));
      node.weight_transposed = transposed;
      const auto place = [&](long i, long o) {
        return reference::at(transposed ? o * inputs + i : i * outputs + o);
      };
      std::vector<double> weight(w.size()), gradient(w.size()), input_gradient(x.size());
      for (long i = 0; i < inputs; ++i)
        for (long o = 0; o < outputs; ++o) weight[place(i, o)] = w[reference::at(i * outputs + o)];
      Buffer<double> workspace(reference::at(Kernel<double>::workspace(node, samples, true)));
      BackwardArguments<double> b;
      b.node = &node;
      b.samples = samples;
      b.inputs[0] = x.data();
      b.parameters[0] = weight.data();
      b.output_gradient = dy.data();
      b.parameter_gradients[0] = gradient.data();
      b.input_gradients[0] = input_gradient.data();
      b.workspace = workspace.data();
      Kernel<double>::backward(b);
      for (long i = 0; i < inputs; ++i)
        for (long o = 0; o < outputs; ++o) dw[transposed].push_back(gradient[place(i, o)]);
      dx[transposed] = input_gradient;
    }
    CHECK(reference::relative_error(dw[1], dw[0]) < 1e-14);
    CHECK(reference::relative_error(dx[1], dx[0]) < 1e-14);
  }
}

TEST_CASE("column sums: few columns, many rows, and the same for any number of threads") {
  const int threads = thread_count();
  for (const long rows : {1L, 7L, 1030L, 20000L})
    for (const long columns : {1L, 5L, 8L, 16L, 27L, 64L, 65L, 200L}) {
      CAPTURE(rows);
      CAPTURE(columns);
      const auto matrix = as<float>(reference::random_numbers(rows * columns, 1));
      std::vector<double> expected(reference::at(columns), 3.0);
      for (long i = 0; i < rows * columns; ++i)
        expected[reference::at(i % columns)] += static_cast<double>(matrix[reference::at(i)]);
      std::vector<float> sums[2];
      for (const int count : {1, 3}) {
        set_thread_count(count);
        auto& found = sums[count / 2];
        found.assign(reference::at(columns), 3.0f);
        column_sums(matrix.data(), rows, columns, found.data(), true);
      }
      set_thread_count(threads);
      CHECK(sums[0] == sums[1]);
      double worst = 0.0;
      for (long c = 0; c < columns; ++c)
        worst = std::fmax(
            worst, std::fabs(static_cast<double>(sums[0][reference::at(c)]) - expected[reference::at(c)]));
      CHECK(worst < 1e-3);
    }
}

}  // namespace linear_test
