// SPDX-License-Identifier: Apache-2.0
// What the backward computes again instead of keeping it: values that cost one reading of what is kept
// anyway.
#pragma once

#include "../graph/differentiate.hpp"

namespace mmdl::detail {

/// What may be computed again.
struct RecomputeLimits {
  int chain = 0;      ///< blocks of a residual chain, from one whose output is kept
  long products = 0;  ///< multiply-adds of a convolution for each number of its output
};

constexpr RecomputeLimits recompute_limits(Keeping keeping) {
  return keeping == Keeping::little ? RecomputeLimits{2, 512} : RecomputeLimits{3, 192};
}

/// Decides which of the values that the backward reads are dropped after their last reader in the forward,
/// and computed again before their first reader in the backward:
///  - the outputs of batch norm, with the activation and the residual joined to it, sums, concatenations and
///    activations: one pass over memory, from what is kept or dropped itself; a norm among the inputs that is
///    not there is computed again too. Where that would lead back over more than `chain` nodes of several
///    inputs (the blocks of a residual network), the value is kept;
///  - the outputs of max pooling, from an input that is kept;
///  - the outputs of convolutions of few products (1x1 from few channels, depthwise, a stem over colours),
///    from an input whose own computation takes no convolution: so none is computed for the sake of another.
/// Not where the value would be away for less than half of the time from its forward to its last reader (the
/// end of a network, or a value that the end reads): the arena is largest when the backward begins, and there
/// it would be back already.
template <class G>
constexpr void choose_dropped(const G& graph, Backward<G::node_count>& backward) {
  constexpr int count = G::node_count;
  int first_reader[static_cast<unsigned>(count)] = {};  // the first backward step (highest node)
  int chain[static_cast<unsigned>(count)] = {};         // of a dropped value: blocks from one that is kept
  bool convolved[static_cast<unsigned>(count)] = {};    // computing it again takes a convolution
  int end = 0;                                          // of the forward
  for (int n = graph.inputs; n < count; ++n) {
    if (backward.runs[n]) for_each_read(graph.nodes[n], n, [&](int value) { first_reader[value] = n; });
    if (!graph.nodes[n].merged) end = n + 1;
  }
  const auto there = [&](int value) {
    return value < graph.inputs || backward.kept[value] || backward.dropped[value];
  };
  const auto drop = [&](int n) {
    const Node& node = graph.nodes[n];
    backward.dropped[n] = true;
    convolved[n] = node.kind == OperatorKind::convolution;
    for (int i = 0; i < node.input_count; ++i) {
      convolved[n] = convolved[n] || convolved[node.inputs[i]];
      if (chain[n] < chain[node.inputs[i]]) chain[n] = chain[node.inputs[i]];
    }
    if (node.input_count > 1) ++chain[n];
  };
  const auto is_plain_norm = [&](int value) {  // one that its input is enough for
    const Node& node = graph.nodes[value];
    return node.kind == OperatorKind::batch_norm && !node.has_residual && node.keeping != Keeping::all &&
           there(node.inputs[0]);
  };
  for (int n = graph.inputs; n < count; ++n) {
    const Node& node = graph.nodes[n];
    const RecomputeLimits limits = recompute_limits(node.keeping);
    if (node.merged || node.keeping == Keeping::all || !backward.kept[n] || 2 * first_reader[n] >= n + end)
      continue;
    if (node.kind == OperatorKind::convolution) {
      if (!node.has_residual && there(node.inputs[0]) && !convolved[node.inputs[0]] &&
          node.multiply_adds <= limits.products * node.output.size())
        drop(n);
    } else if (is_plain_norm(n)) {
      drop(n);
    } else if (node.kind == OperatorKind::batch_norm || node.kind == OperatorKind::add ||
               node.kind == OperatorKind::concat || node.kind == OperatorKind::activation) {
      bool possible = true;
      for (int i = 0; i < node.input_count; ++i) {
        const int value = node.inputs[i];
        possible = possible && (there(value) || is_plain_norm(value)) && chain[value] < limits.chain;
      }
      if (!possible) continue;
      for (int i = 0; i < node.input_count; ++i)
        if (!there(node.inputs[i])) drop(node.inputs[i]);
      drop(n);
    } else if (node.kind == OperatorKind::max_pool) {
      if (!backward.dropped[node.inputs[0]] && there(node.inputs[0])) drop(n);
    }
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
