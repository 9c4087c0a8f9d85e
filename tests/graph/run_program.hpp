// SPDX-License-Identifier: Apache-2.0
// Runs any program of a network, so that what a pass changes can be compared with what it was made from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"

namespace networks {

/// What a program computed.
template <class Number>
struct Run {
  std::vector<Number> outputs, gradients, states;
};

template <class Engine>
void draw(Engine& engine) {
  for (int e = 0; e < engine.graph().entry_count; ++e) {
    const detail::Entry& entry = engine.graph().entries[e];
    auto* data = engine.entry_data(e);
    for (long i = 0; i < entry.spec.count(); ++i) {
      const double u = random_uniform(5, static_cast<std::uint64_t>(e), static_cast<std::uint64_t>(i));
      const std::string name = entry.spec.name;
      data[i] = static_cast<std::remove_reference_t<decltype(*data)>>(
          name == "running_variance" ? 0.5 + u : 2.0 * u - 1.0);
    }
  }
}

/// Runs a program, forward and backward, from the same weights, inputs and gradients every time. P has the
/// members of `detail::Program`.
template <class P, detail::Mode mode, class M>
auto run(M& model, int samples) {
  static constexpr detail::ProgramView program = detail::program_view<P, mode>();
  auto& engine = model.engine();
  using Number = std::remove_reference_t<decltype(*engine.gradients())>;
  draw(engine);
  std::vector<std::vector<Number>> inputs;
  std::vector<const Number*> pointers;
  for (int i = 0; i < program.inputs; ++i) {
    inputs.emplace_back(static_cast<std::size_t>(samples * program.nodes[i].output.size()));
    detail::fill_normals(inputs.back().data(), 0, static_cast<long>(inputs.back().size()), 3,
                         static_cast<std::uint64_t>(i), 1.0f);
    pointers.push_back(inputs.back().data());
  }
  engine.forward(program, samples, pointers, {9, 4});
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
  if (mode != detail::Mode::inference) {
    std::fill_n(engine.gradients(), engine.graph().parameters, Number{0});
    engine.backward(program, model.backward_kernels(), samples, {9, 4});
    result.gradients.assign(engine.gradients(), engine.gradients() + engine.graph().parameters);
  }
  result.states.assign(engine.states(), engine.states() + engine.graph().states);
  return result;
}

}  // namespace networks
