// SPDX-License-Identifier: Apache-2.0
// What the backward computes again instead of keeping it: values that cost one reading of what is kept
// anyway.
#pragma once

#include "../graph/differentiate.hpp"

namespace mmdl::detail {

/// Decides which of the values that the backward reads are dropped after their last reader in the forward,
/// and computed again before their first reader in the backward: the outputs of batch norm (with the
/// activation joined to it) whose input is kept for the norm's own backward. The norm's scale and shift are
/// there still, so the numbers are the same to the bit.
template <class G>
constexpr void choose_dropped(const G& graph, Backward<G::node_count>& backward) {
  for (int n = graph.inputs; n < G::node_count; ++n) {
    const Node& node = graph.nodes[n];
    if (node.merged || node.kind != OperatorKind::batch_norm || node.has_residual || !backward.kept[n])
      continue;
    const int input = node.inputs[0];
    backward.dropped[n] = input < graph.inputs || (backward.kept[input] && !backward.dropped[input]);
  }
}

/// The backward with fewer values kept. Walks down its steps: what a step reads and is not there is computed
/// again before it, after what that needs itself, and then stays until its own last reader.
template <class G>
constexpr Backward<G::node_count> recompute(const G& graph, Backward<G::node_count> backward) {
  constexpr int count = G::node_count;
  choose_dropped(graph, backward);
  bool there[static_cast<unsigned>(count)] = {};
  int pending[static_cast<unsigned>(count)] = {};
  const auto demand = [&](int value, int step) {
    backward.last_reader[value] = step;
    if (!backward.dropped[value] || there[value]) return;
    int depth = 0;
    pending[depth++] = value;
    while (depth > 0) {
      const int n = pending[depth - 1];
      const Node& node = graph.nodes[n];
      int missing = -1;
      for (int i = 0; i < node.input_count; ++i)
        if (backward.dropped[node.inputs[i]] && !there[node.inputs[i]]) missing = node.inputs[i];
      if (missing >= 0) {
        pending[depth++] = missing;
        continue;
      }
      for (int i = 0; i < node.input_count; ++i) {
        backward.kept[node.inputs[i]] = true;
        backward.last_reader[node.inputs[i]] = step;
      }
      there[n] = true;
      backward.again_before[n] = step;
      backward.again[backward.again_count++] = n;
      --depth;
    }
  };
  for (int n = count - 1; n >= graph.inputs; --n)
    if (backward.runs[n]) for_each_read(graph.nodes[n], n, [&](int value) { demand(value, n); });
  for (int n = 0; n < count; ++n)
    if (backward.dropped[n]) backward.kept[n] = false;
  return backward;
}

}  // namespace mmdl::detail
