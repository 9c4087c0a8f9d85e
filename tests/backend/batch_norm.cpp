// SPDX-License-Identifier: Apache-2.0
// Batch normalisation against plain loops in double.
#include <string>

#include "kernel_runner.hpp"
#include "operator_kernels.hpp"

namespace batch_norm_test {

namespace {

using namespace kernel_test;
using mmdl::Activation;

template <class T>
using BatchNorm = Runner<OperatorKernels<mmdl::operators::BatchNorm, T>, T>;

/// What the kernel must compute, from the definition.
struct Reference {
  std::vector<double> output, dx, dresidual, dgamma, dbeta, running_mean, running_variance;
};

template <class T>
Reference reference(const BatchNorm<T>& run) {
  const Node& node = run.node;
  const std::size_t channels = static_cast<std::size_t>(node.output.channels);
  const std::size_t size = run.inputs[0].size(), rows = size / channels;
  const double epsilon = node.epsilon_millionths * 1e-6, momentum = node.momentum_millionths * 1e-6;
  const double count = static_cast<double>(rows);
  Reference r;
  r.output.resize(size), r.dx.resize(size), r.dresidual.resize(size);
  r.dgamma.resize(channels), r.dbeta.resize(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    double mean = 0, squares = 0;
    for (std::size_t i = c; i < size; i += channels) mean += static_cast<double>(run.inputs[0][i]);
    mean /= count;
    for (std::size_t i = c; i < size; i += channels)
      squares += std::pow(static_cast<double>(run.inputs[0][i]) - mean, 2);
    double variance = squares / count;
    const double old_mean = static_cast<double>(run.states[0][c]);
    const double old_variance = static_cast<double>(run.states[1][c]);
    if (run.training) {
      r.running_mean.push_back((1 - momentum) * old_mean + momentum * mean);
      r.running_variance.push_back((1 - momentum) * old_variance + momentum * squares / (count - 1));
    } else {
      r.running_mean.push_back(mean = old_mean);
      r.running_variance.push_back(variance = old_variance);
    }
    const double inverse = 1 / std::sqrt(variance + epsilon);
    const double gamma = static_cast<double>(run.parameters[0][c]);
    std::vector<double> dz(size);
    for (std::size_t i = c; i < size; i += channels) {
      const double xhat = (static_cast<double>(run.inputs[0][i]) - mean) * inverse;
      const double residual = node.has_residual ? static_cast<double>(run.inputs[1][i]) : 0;
      double y = xhat * gamma + static_cast<double>(run.parameters[1][c]);
      if (!node.activation_first) y += residual;
      const bool passes =
          node.activation == Activation::none || (y > 0 && (node.activation == Activation::relu || y < 6));
      if (node.activation != Activation::none) y = std::fmax(y, 0);
      if (node.activation == Activation::relu6) y = std::fmin(y, 6);
      if (node.activation_first) y += residual;
      r.output[i] = y;
      const double dy = static_cast<double>(run.output_gradient[i]);
      dz[i] = passes ? dy : 0;
      r.dresidual[i] = node.activation_first ? dy : dz[i];
      r.dbeta[c] += dz[i];
      r.dgamma[c] += dz[i] * xhat;
    }
    for (std::size_t i = c; i < size; i += channels) {
      const double xhat = (static_cast<double>(run.inputs[0][i]) - mean) * inverse;
      const double batch = run.training ? (r.dbeta[c] + xhat * r.dgamma[c]) / count : 0;
      r.dx[i] = gamma * inverse * (dz[i] - batch);
    }
  }
  return r;
}

template <class T>
BatchNorm<T> example(int samples, int height, int width, int channels, Activation activation, bool residual,
                     double mean = 0.3, double deviation = 2.0) {
  BatchNorm<T> run;
  run.samples = samples;
  run.node.input = run.node.output = Extent{height, width, channels};
  run.node.saved = 2L * channels;
  run.node.activation = activation;
  run.node.has_residual = residual;
  run.node.input_count = residual ? 2 : 1;
  const long size = samples * run.node.output.size();
  run.inputs = {normal_values<T>(size, 1, mean, deviation)};
  if (residual) run.inputs.push_back(normal_values<T>(size, 2));
  run.parameters = {normal_values<T>(channels, 3, 1.5, 0.5), normal_values<T>(channels, 4)};
  run.states = {normal_values<T>(channels, 5, mean, deviation), std::vector<T>()};
  for (const T v : normal_values<T>(channels, 6)) run.states[1].push_back(T{1} + v * v);
  run.output_gradient = normal_values<T>(size, 7);
  return run;
}

template <class T>
void check_example(BatchNorm<T> run) {
  const Reference expected = reference(run);
  run.forward();
  CHECK(worst_difference(run.output, expected.output) < tolerance<T>());
  CHECK(worst_difference(run.states[0], expected.running_mean) < tolerance<T>());
  CHECK(worst_difference(run.states[1], expected.running_variance) < tolerance<T>());
  run.backward();
  CHECK(worst_difference(run.input_gradients[0], expected.dx) < tolerance<T>());
  if (run.node.has_residual)
    CHECK(worst_difference(run.input_gradients.back(), expected.dresidual) < tolerance<T>());
  CHECK(worst_difference(run.parameter_gradients[0], expected.dgamma) < 5 * tolerance<T>());
  CHECK(worst_difference(run.parameter_gradients[1], expected.dbeta) < 5 * tolerance<T>());

  auto added = run;
  added.accumulate = added.accumulate_parameters = true;
  added.backward();
  for (std::size_t i = 0; i < expected.dx.size(); ++i) {
    CHECK(added.input_gradients[0][i] == doctest::Approx(expected.dx[i] + 0.5).epsilon(1e-4));
    if (run.node.has_residual)
      CHECK(added.input_gradients[1][i] == doctest::Approx(expected.dresidual[i] + 0.5).epsilon(1e-4));
  }
  for (std::size_t c = 0; c < expected.dbeta.size(); ++c)
    CHECK(added.parameter_gradients[1][c] ==
          doctest::Approx(static_cast<double>(run.parameter_gradients[1][c]) + 0.5).epsilon(1e-5));

  if (run.node.has_residual) {
    auto shared = run;
    shared.residual_shares = true;
    shared.backward();
    CHECK(worst_difference(shared.input_gradients[0], run.input_gradients[0]) < tolerance<T>());
    CHECK(shared.input_gradients[1] == run.input_gradients[1]);
    CHECK(shared.parameter_gradients == run.parameter_gradients);
    shared.accumulate = true;  // into dx alone: the shared array is written
    shared.backward();
    CHECK(worst_difference(shared.input_gradients[0], added.input_gradients[0]) < tolerance<T>());
    CHECK(shared.input_gradients[1] == run.input_gradients[1]);
  }
  auto taken = run;
  taken.gradient_over_gradient = true;
  taken.backward();
  CHECK(worst_difference(taken.input_gradients[0], run.input_gradients[0]) < tolerance<T>());
}

}  // namespace

TEST_CASE_TEMPLATE("batch norm: forward and backward, every fusion", T, float, double) {
  for (const bool training : {true, false})
    for (const Activation activation : {Activation::none, Activation::relu, Activation::relu6})
      for (const bool residual : {false, true})
        for (const bool first : {false, true}) {
          auto run = example<T>(3, 5, 7, 19, activation, residual);
          run.training = training;
          run.node.activation_first = first;
          run.node.epsilon_millionths = 1000;
          run.node.momentum_millionths = 300;
          CAPTURE(training);
          CAPTURE(static_cast<int>(activation));
          CAPTURE(residual);
          CAPTURE(first);
          check_example(run);
        }
}

TEST_CASE_TEMPLATE("batch norm: shapes", T, float, double) {
  check_example(example<T>(2, 1, 1, 1, Activation::none, false));       // the smallest batch
  check_example(example<T>(1, 1, 2, 3, Activation::relu, true));        // one sample
  check_example(example<T>(5, 1, 1, 1100, Activation::relu, true));     // a vector, wider than two tiles
  check_example(example<T>(1, 13, 11, 513, Activation::relu6, false));  // one channel beyond a tile
  check_example(example<T>(4, 31, 29, 3, Activation::relu, false));     // many rows, few channels
  check_example(example<T>(2, 29, 23, 401, Activation::relu, true));    // threads divide the rows
}

TEST_CASE("batch norm: small variance around a large mean keeps its digits") {
  auto run = example<float>(4, 32, 32, 6, Activation::none, false, 1000.0, 0.5);
  run.node.momentum_millionths = 1000000;  // the running variance is the batch's
  const Reference expected = reference(run);
  run.forward();
  for (std::size_t c = 0; c < 6; ++c)
    CHECK(run.states[1][c] == doctest::Approx(expected.running_variance[c]).epsilon(2e-5));
}

TEST_CASE("batch norm: the same bits on any number of threads, and over its input") {
  const Extent divided_by_channels{2, 3, 300}, few_rows{7, 7, 130}, few_wide_rows{8, 8, 300},
      by_rows{28, 28, 65}, by_wide_rows{28, 28, 520};
  for (const Extent& map : {divided_by_channels, few_rows, few_wide_rows, by_rows, by_wide_rows})
    for (const bool residual : {false, true}) {
      auto one = example<float>(2, map.height, map.width, map.channels, Activation::relu, residual);
      auto two = one, three = one;
      {
        const Threads threads(1);
        one.forward(), one.backward();
      }
      {
        const Threads threads(2);
        two.forward(), two.backward();
      }
      {
        const Threads threads(3);
        three.output_over_input = true;
        three.forward(), three.backward();
      }
      check_equal(one, two);
      check_equal(one, three);
    }
}

TEST_CASE("batch norm: a map larger than the caches has the bits of one written over its input") {
  for (const bool residual : {false, true})
    for (const bool first : {false, true}) {
      auto run = example<float>(2, 129, 131, 64, Activation::relu6, residual);
      run.node.activation_first = first;
      auto over = run;
      over.output_over_input = true;
      run.forward(), over.forward();
      CHECK(run.output == over.output);
    }
}

TEST_CASE_TEMPLATE("batch norm: computed again, it gives the same bits and moves no statistic", T, float,
                   double) {
  for (const bool training : {true, false})
    for (const Activation activation : {Activation::none, Activation::relu, Activation::relu6})
      for (const bool residual : {false, true}) {
        auto run = example<T>(3, 5, 7, 19, activation, residual);
        run.training = training;
        run.forward();
        const auto first = run;
        if (training) run.states = {std::vector<T>(19, T{77}), std::vector<T>(19, T{77})};
        const auto states = run.states;
        run.again = true;
        run.forward();
        CHECK(run.output == first.output);
        CHECK(run.states == states);
        CHECK(run.saved == first.saved);
      }
}

TEST_CASE("batch norm: gradients that are not wanted are left alone") {
  auto run = example<double>(3, 4, 4, 8, Activation::relu, true);
  run.forward(), run.backward();
  std::vector<double> residual(run.inputs[0].size(), -1.0), dx(run.inputs[0].size(), -1.0);
  mmdl::detail::BackwardArguments<double> a;
  a.node = &run.node, a.samples = run.samples, a.training = true;
  a.inputs[0] = run.inputs[0].data(), a.output = run.output.data(),
  a.output_gradient = run.output_gradient.data();
  a.parameters[0] = run.parameters[0].data(), a.parameters[1] = run.parameters[1].data();
  a.saved = run.saved.data();
  using Kernel = OperatorKernels<mmdl::operators::BatchNorm, double>;
  mmdl::detail::Buffer<double> workspace(
      static_cast<std::size_t>(Kernel::workspace(run.node, run.samples, true)));
  a.workspace = workspace.data();
  a.input_gradients[1] = residual.data();
  Kernel::backward(a);
  CHECK(residual == run.input_gradients[1]);
  a.input_gradients[1] = nullptr, a.input_gradients[0] = dx.data();
  Kernel::backward(a);
  CHECK(worst_difference(dx, run.input_gradients[0]) < 1e-14);  // another loop, another rounding
}

TEST_CASE("batch norm: training on one value a channel is refused in one line") {
  auto run = example<float>(1, 1, 1, 4, Activation::none, false);
  run.node.name = "batch_norm";
  std::string message;
  try {
    run.forward();
  } catch (const mmdl::Error& error) {
    message = error.what();
  }
  CHECK(message.find("1 value a channel") != std::string::npos);
  CHECK(message.find('\n') == std::string::npos);
  run.training = false;
  CHECK_NOTHROW(run.forward());
  run.node.activation = Activation::tanh;
  CHECK_THROWS_AS(run.forward(), mmdl::Error);
}

}  // namespace batch_norm_test
