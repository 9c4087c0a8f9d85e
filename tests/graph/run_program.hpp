// SPDX-License-Identifier: Apache-2.0
// Runs any program of a network, so that what a pass changes can be compared with what it was made from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "mmdl/mmdl.hpp"

namespace networks {

/// What a program computed.
template <class Number>
struct Run {
  std::vector<Number> outputs, gradients, states;
};

/// Weights between -1 and 1, variances between 0.5 and 1.5.
template <class Engine>
void draw(Engine& engine) {
  for (int e = 0; e < engine.graph().entry_count; ++e) {
    const detail::Entry& entry = engine.graph().entries[e];
    auto* data = engine.entry_data(e);
    const double least = std::string(entry.spec.name) == "running_variance" ? 0.5 : -1.0;
    const double width = least < 0.0 ? 2.0 : 1.0;
    for (long i = 0; i < entry.spec.count(); i += 4) {
      const auto bits = random_bits(5, static_cast<std::uint64_t>(e), static_cast<std::uint64_t>(i));
      for (long j = i; j < std::min(i + 4, entry.spec.count()); ++j)
        data[j] = static_cast<std::remove_reference_t<decltype(*data)>>(
            least + width * uniform_from_bits(bits[static_cast<std::size_t>(j - i)]));
    }
  }
}

/// Runs a program, forward and backward, from the same weights, inputs and gradients every time. It knows no
/// network's type, so that it is compiled once for all of them.
template <class T>
Run<detail::Wide<T>> run_view(detail::Engine<T>& engine, const detail::ProgramView& program,
                              const detail::TrainingKernels<T>& kernels, int samples) {
  using Number = detail::Wide<T>;
  draw(engine);
  std::vector<std::vector<Number>> inputs;
  std::vector<const Number*> pointers;
  for (int i = 0; i < program.inputs; ++i) {
    inputs.emplace_back(static_cast<std::size_t>(samples * program.nodes[i].output.size()));
    detail::fill_normals(inputs.back().data(), 0, static_cast<long>(inputs.back().size()), 3,
                         static_cast<std::uint64_t>(i), 1.0f);
    pointers.push_back(inputs.back().data());
  }
  engine.forward(program, kernels, samples, pointers, {9, 4});
  Run<Number> result;
  for (int o = 0; o < program.outputs.count; ++o) {
    const long size = samples * program.nodes[program.outputs.id[o]].output.size();
    const Number* y = engine.output(program, o);
    result.outputs.insert(result.outputs.end(), y, y + size);
    if (Number* g = engine.output_gradient(program, o); g != nullptr) {
      detail::fill_normals(g, 0, size, 4, static_cast<std::uint64_t>(o), 1.0f);
      engine.output_gradient_written(program, o);
    }
  }
  if (program.training) {
    std::fill_n(engine.gradients(), engine.graph().parameters, Number{0});
    engine.backward(program, kernels, samples, {9, 4});
    result.gradients.assign(engine.gradients(), engine.gradients() + engine.graph().parameters);
  }
  result.states.assign(engine.states(), engine.states() + engine.graph().states);
  return result;
}

/// The same for a program by its type: P has the members of `detail::Program`.
template <class P, detail::Mode mode, class M>
auto run(M& model, int samples) {
  static constexpr detail::ProgramView program = detail::program_view<P, mode>();
  return run_view(model.engine(), program, M::training_kernels(), samples);
}

}  // namespace networks
