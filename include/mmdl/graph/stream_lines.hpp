// SPDX-License-Identifier: Apache-2.0
// Values that are never in memory as a whole: a depthwise convolution computes the lines of its input itself,
// a few at a time.
#pragma once

#include "../graph/fuse.hpp"

namespace mmdl::detail {

constexpr bool is_depthwise(const Node& node) {
  return node.kind == OperatorKind::convolution &&
         is_depthwise(node.window.groups, node.input.channels, node.output.channels);
}

/// Lines of a map that is worth it: smaller ones stay in the caches. Where threads divide the lines, each
/// computes those at the edge of its part once more.
inline constexpr int streamed_lines = 56;

/// Whether the node computes a line of its output from a few of its input, at the rate of the whole.
constexpr bool computes_lines(const Node& node) {
  return node.kind == OperatorKind::convolution && node.window.groups == 1 && !node.has_residual &&
         (node.window.pointwise() || node.input.channels <= 4) && node.output.height >= streamed_lines;
}

/// The graph of inference in which convolutions before depthwise ones are streamed: marked, and run by their
/// only reader. What they read then lives until that reader has run.
template <class G>
constexpr G stream_lines(G graph, Mode mode) {
  if (mode != Mode::inference) return graph;
  const Uses<G> uses = count_uses(graph);
  for (int n = graph.inputs; n < G::node_count; ++n) {
    const Node& node = graph.nodes[n];
    if (node.merged || !is_depthwise(node) || node.inputs[0] < graph.inputs) continue;
    Node& before = graph.nodes[node.inputs[0]];
    before.streamed = uses.count[node.inputs[0]] == 1 && computes_lines(before);
  }
  return graph;
}

/// For each node, the step at which it runs: its own, or its reader's if it is streamed.
template <class G>
struct RunTimes {
  int step[static_cast<unsigned>(G::node_count)] = {};
};

template <class G>
constexpr RunTimes<G> run_times(const G& graph) {
  RunTimes<G> times;
  for (int n = 0; n < G::node_count; ++n) {
    const Node& node = graph.nodes[n];
    times.step[n] = n;
    if (!node.merged && node.input_count > 0 && graph.nodes[node.inputs[0]].streamed)
      times.step[node.inputs[0]] = n;
  }
  return times;
}

}  // namespace mmdl::detail
