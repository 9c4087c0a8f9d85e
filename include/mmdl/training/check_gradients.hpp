// SPDX-License-Identifier: Apache-2.0
// A layer's gradients proved by finite differences.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "../training/model.hpp"

namespace mmdl {

/// What `check_gradients` found.
struct GradientReport {
  bool ok = true;
  double worst = 0.0;  ///< the largest relative error
  std::string report;  ///< where it was, and both values there
};

/// How `check_gradients` looks. Zero means: chosen by the precision of the network's operators.
struct GradientCheck {
  int samples = 2;
  std::uint64_t seed = 7;
  double step = 0.0;  ///< of the central difference; 1e-5, or 1e-2 with float-only operators
  double tolerance =
      0.0;  ///< of |a - n| / max(|a|, |n|, largest gradient / 100); 1e-5, or 3e-2 with float-only ones
  int probes = 64;  ///< numbers looked at in each tensor, spread evenly
  /// The inputs by their places, instead of random numbers where not empty (indices, masks); the gradients of
  /// these are not looked at.
  std::vector<std::vector<double>> given = {};
};

namespace detail {

/// The part of the check that knows no network type.
template <class Double>  // a program that checks none compiles no engine of double
GradientReport check_gradients_of(Engine<Double>& engine, const ProgramView& program,
                                  const TrainingKernels<Double>& kernels, GradientCheck check) {
  bool single = false;
  for (int n = 0; n < program.node_count; ++n)
    single = single || (!program.nodes[n].merged && program.nodes[n].single_precision);
  if (check.step == 0.0) check.step = single ? 1e-2 : 1e-5;
  if (check.tolerance == 0.0) check.tolerance = single ? 3e-2 : 1e-5;

  const int samples = check.samples;
  const RandomKey key{check.seed, 0};
  const auto is_given = [&](int input) {
    const auto place = static_cast<std::size_t>(input);
    return place < check.given.size() && !check.given[place].empty();
  };
  std::vector<std::vector<double>> inputs, directions;
  std::vector<const double*> pointers;
  for (int i = 0; i < program.inputs; ++i) {
    inputs.emplace_back(static_cast<std::size_t>(samples * program.nodes[i].output.size()));
    fill_normals(inputs.back().data(), 0, static_cast<long>(inputs.back().size()), check.seed,
                 static_cast<std::uint64_t>(i), 1.0f);
    if (is_given(i)) {
      const auto& numbers = check.given[static_cast<std::size_t>(i)];
      if (numbers.size() != inputs.back().size())
        fail("gradient check: numbers given for input " + std::to_string(i + 1),
             std::to_string(numbers.size()), std::to_string(inputs.back().size()));
      inputs.back() = numbers;
    }
    pointers.push_back(inputs.back().data());
  }
  // The scalar that is differentiated: the outputs along fixed random directions.
  for (int o = 0; o < program.outputs.count; ++o) {
    directions.emplace_back(
        static_cast<std::size_t>(samples * program.nodes[program.outputs.id[o]].output.size()));
    fill_normals(directions.back().data(), 0, static_cast<long>(directions.back().size()), check.seed,
                 1000 + static_cast<std::uint64_t>(o), 1.0f);
  }
  const auto scalar = [&] {
    engine.forward(program, kernels, samples, pointers, key);
    double sum = 0.0;
    for (int o = 0; o < program.outputs.count; ++o) {
      const double* y = engine.value(program, program.outputs.id[o]);
      const auto& r = directions[static_cast<std::size_t>(o)];
      for (std::size_t k = 0; k < r.size(); ++k) sum += r[k] * y[k];
    }
    return sum;
  };

  scalar();
  for (int o = 0; o < program.outputs.count; ++o) {
    double* g = engine.gradient(program, program.outputs.id[o]);
    if (g != nullptr)
      std::copy(directions[static_cast<std::size_t>(o)].begin(),
                directions[static_cast<std::size_t>(o)].end(), g);
  }
  engine.backward(program, kernels, samples, key);

  struct Probe {
    std::string name;
    double* values;
    std::vector<double> gradient;
  };
  std::vector<Probe> probes;
  for (int i = 0; i < program.inputs; ++i) {
    const double* g = engine.gradient(program, i);
    if (g == nullptr || is_given(i)) continue;
    auto& x = inputs[static_cast<std::size_t>(i)];
    probes.push_back({"input " + std::to_string(i + 1), x.data(), {g, g + x.size()}});
  }
  for (int e = 0; e < engine.graph().entry_count; ++e) {
    const Entry& entry = engine.graph().entries[e];
    if (entry.spec.state || entry.frozen) continue;
    const double* g = engine.gradients() + entry.offset;
    probes.push_back(
        {engine.names()[static_cast<std::size_t>(e)], engine.entry_data(e), {g, g + entry.spec.count()}});
  }

  // The largest gradient anywhere sets the scale below which a difference is the noise of the sum itself.
  double overall = 1e-3;
  for (const Probe& probe : probes)
    for (double g : probe.gradient) overall = std::max(overall, std::fabs(g));
  const double middle = scalar();
  GradientReport result;
  for (Probe& probe : probes) {
    const auto count = static_cast<long>(probe.gradient.size());
    const long stride = std::max(1L, count / check.probes);
    for (long k = 0; k < count; k += stride) {
      const double analytic = probe.gradient[static_cast<std::size_t>(k)];
      double numeric = 0.0;
      const auto error_with = [&](double step) {
        const double x = probe.values[k];
        probe.values[k] = x + step;
        const double right = (scalar() - middle) / step;
        probe.values[k] = x - step;
        const double left = (middle - scalar()) / step;
        probe.values[k] = x;
        numeric = 0.5 * (left + right);
        const double scale = std::max({std::fabs(numeric), std::fabs(analytic), 0.01 * overall});
        const double error = std::fabs(numeric - analytic) / scale;
        // At a kink (a ReLU's zero, two equal maxima) any slope between the two sides is a gradient.
        const bool between = analytic >= std::min(left, right) && analytic <= std::max(left, right);
        return between && std::fabs(right - left) / scale > check.tolerance ? 0.0 : error;
      };
      double error = error_with(check.step);
      if (!(error <= check.tolerance)) error = error_with(0.1 * check.step);  // a kink nearby, perhaps
      if (!(error <= result.worst)) {
        result.worst = error;
        char text[160];
        std::snprintf(text, sizeof text,
                      "[%ld]: computed %.9g, by finite differences %.9g, relative error %.3g", k, analytic,
                      numeric, error);
        result.report = probe.name + text;
      }
    }
  }
  result.ok = !probes.empty() && result.worst <= check.tolerance;
  if (probes.empty()) result.report = "nothing to differentiate";
  return result;
}

}  // namespace detail

/// Compares the gradients of a layer or network, of its inputs and of all its parameters, with central finite
/// differences in double, on random inputs in training mode (at a kink, with the slopes of both sides):
/// `.ok`, `.worst`, and `.report` (where, and by how much). PyTorch: `torch.autograd.gradcheck`.
template <class Net, class Input>
GradientReport check_gradients(GradientCheck check = {}) {
  using Program = detail::Program<Net, detail::Unwrap<Input>, detail::Mode::training_with_inputs>;
  static constexpr detail::ProgramView program =
      detail::program_view<Program, detail::Mode::training_with_inputs>();
  Model<Net, Input, Cpu<double>> model(check.seed);
  return detail::check_gradients_of(model.engine(), program, model.training_kernels(), check);
}

}  // namespace mmdl
