// SPDX-License-Identifier: Apache-2.0
// A program without its type: what engines run.
#pragma once

#include <iterator>

#include "../graph/program.hpp"

namespace mmdl::detail {

/// A program without its type.
struct ProgramView {
  const Node* nodes = nullptr;
  int node_count = 0;
  int inputs = 0;
  Wires outputs;
  const bool* runs_backward = nullptr;
  const bool (*accumulate)[max_inputs] = nullptr;
  const bool* accumulate_parameters = nullptr;
  const long* value = nullptr;
  const long* gradient = nullptr;
  const int* again = nullptr;  // what the backward computes again, in this order; before which step; where
  int again_count = 0;
  const int* again_before = nullptr;
  const long* again_value = nullptr;
  long total = 0;
  bool training = false;
};

template <class Program, Mode mode>
constexpr ProgramView program_view() {
  return {.nodes = Program::graph.nodes,
          .node_count = static_cast<int>(std::size(Program::graph.nodes)),
          .inputs = Program::graph.inputs,
          .outputs = Program::graph.outputs,
          .runs_backward = Program::backward.runs,
          .accumulate = Program::backward.accumulate,
          .accumulate_parameters = Program::backward.accumulate_parameters,
          .value = Program::plan.value,
          .gradient = Program::plan.gradient,
          .again = Program::backward.again,
          .again_count = Program::backward.again_count,
          .again_before = Program::backward.again_before,
          .again_value = Program::plan.again,
          .total = Program::plan.total,
          .training = mode != Mode::inference};
}

}  // namespace mmdl::detail
