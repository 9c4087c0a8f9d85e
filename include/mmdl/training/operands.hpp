// SPDX-License-Identifier: Apache-2.0
// Where a program's values lie, and what a kernel is given of them.
#pragma once

#include <vector>

#include "../graph/arguments.hpp"
#include "../graph/describe.hpp"
#include "../training/program_view.hpp"

namespace mmdl::detail {

/// The places of everything that a program for one batch reads and writes, on the host or on a device.
template <class T>
struct Places {
  const ProgramView* program = nullptr;
  const Entry* entries = nullptr;  ///< of the graph
  int samples = 0;
  T* arena = nullptr;
  const T* inputs[max_inputs] = {};
  Wide<T>* parameters = nullptr;
  Wide<T>* gradients = nullptr;
  const long* gradient_places = nullptr;  ///< of each entry among `gradients`; null: the parameters' places
  Wide<T>* states = nullptr;
  Wide<T>* saved = nullptr;
  const std::vector<long>* saved_offsets = nullptr;  ///< of each node of the unfused graph

  /// Where a value of the current batch lies; null if it is streamed.
  const T* value(int value) const {
    if (value < program->inputs) return inputs[value];
    return program->nodes[value].streamed ? nullptr : arena + program->value[value] * samples;
  }
  /// Where a value's gradient lies; null when it has none.
  T* gradient(int value) const {
    return program->gradient[value] < 0 ? nullptr : arena + program->gradient[value] * samples;
  }
  /// Where the backward finds a value: at its second place if it was computed again.
  const T* kept_value(int value) const {
    if (value < program->inputs || program->again_value[value] < 0) return this->value(value);
    return arena + program->again_value[value] * samples;
  }

  /// What the forward of node n is given; `again`: in the backward, from what is kept, to its second place.
  ForwardArguments<T> forward(int n, bool again, RandomKey key) const {
    const Node& node = program->nodes[n];
    ForwardArguments<T> a;
    a.node = &node;
    a.samples = samples;
    a.training = program->training && !node.frozen;
    a.again = again;
    for (int i = 0; i < node.input_count; ++i) {
      a.inputs[i] = again ? kept_value(node.inputs[i]) : value(node.inputs[i]);
      a.extents[i] = program->nodes[node.inputs[i]].output;
    }
    a.output = const_cast<T*>(again ? kept_value(n) : value(n));
    for (int i = 0; i < max_entries; ++i) a.parameters[i] = entry(node.entries[i]);
    for (int i = 0; i < max_states; ++i) a.states[i] = entry(node.states[i]);
    a.saved = saved + (*saved_offsets)[static_cast<std::size_t>(node.source)];
    a.random = key;
    return a;
  }

  /// What the backward of node n is given.
  BackwardArguments<T> backward(int n, RandomKey key) const {
    const Node& node = program->nodes[n];
    BackwardArguments<T> a;
    a.node = &node;
    a.samples = samples;
    a.training = !node.frozen;
    for (int i = 0; i < node.input_count; ++i) {
      const int input = node.inputs[i];
      a.extents[i] = program->nodes[input].output;
      if (reads_inputs(node)) a.inputs[i] = kept_value(input);
      a.input_gradients[i] = gradient(input);
      a.accumulate[i] = program->accumulate[n][i];
    }
    a.accumulate_parameters = program->accumulate_parameters[n];
    if (node.needs_output) a.output = kept_value(n);
    a.output_gradient = gradient(n);
    for (int i = 0; i < max_entries; ++i) {
      if (node.entries[i] < 0) continue;
      const Entry& e = entries[node.entries[i]];
      a.parameters[i] = entry(node.entries[i]);
      a.parameter_sizes[i] = e.spec.count();
      if (!e.frozen) a.parameter_gradients[i] = gradients + gradient_place(node.entries[i]);
    }
    for (int i = 0; i < max_states; ++i) a.states[i] = entry(node.states[i]);
    a.saved = saved + (*saved_offsets)[static_cast<std::size_t>(node.source)];
    a.random = key;
    return a;
  }

  long gradient_place(int entry) const {
    return gradient_places == nullptr ? entries[entry].offset : gradient_places[entry];
  }

  /// Where a parameter or a running statistic lies; null for none.
  Wide<T>* entry(int index) const {
    if (index < 0) return nullptr;
    const Entry& e = entries[index];
    return (e.spec.state ? states : parameters) + e.offset;
  }
};

/// Calls `again(n)` for each value that the backward computes again, and `step(n)` for each backward step, in
/// the order of their computation.
template <class Again, class Step>
void for_backward(const ProgramView& program, const Again& again, const Step& step) {
  int next = 0;
  for (int n = program.node_count - 1; n >= program.inputs; --n) {
    if (!program.runs_backward[n]) continue;
    for (; next < program.again_count && program.again_before[program.again[next]] == n; ++next)
      again(program.again[next]);
    step(n);
  }
}

/// Where the numbers lie that each node of a graph keeps whatever the batch; the last is their count.
[[gnu::cold]] inline std::vector<long> saved_offsets(const GraphView& graph) {
  std::vector<long> offsets;
  long saved = 0;
  for (int n = 0; n < graph.node_count; ++n) {
    offsets.push_back(saved);
    saved += rounded(graph.nodes[n].saved);
  }
  offsets.push_back(saved);
  return offsets;
}

}  // namespace mmdl::detail
