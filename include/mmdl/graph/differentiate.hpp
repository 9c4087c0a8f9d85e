// SPDX-License-Identifier: Apache-2.0
// The backward pass as a schedule: nodes in reverse order, each gradient's buffer, and which writes add.
#pragma once

#include "../graph/fuse.hpp"

namespace mmdl::detail {

/// What the backward of each node does. Backward steps run from the last node to the first.
template <int Nodes>
struct Backward {
  bool runs[static_cast<unsigned>(Nodes)] = {};  ///< the node has a backward step
  int holder[static_cast<unsigned>(Nodes)] =
      {};  ///< the value in whose buffer this value's gradient lies; -1: none
  bool accumulate[static_cast<unsigned>(Nodes)][max_inputs] = {};  ///< this write adds
  bool kept[static_cast<unsigned>(Nodes)] = {};  ///< the value stays from the forward on, to be read again
  bool accumulate_parameters[static_cast<unsigned>(Nodes)] =
      {};                                              ///< a later node has written their gradients
  int last_reader[static_cast<unsigned>(Nodes)] = {};  ///< the last backward step (lowest node) that reads it

  // What `recompute` fills in; nothing of it by default.
  bool dropped[static_cast<unsigned>(Nodes)] = {};  ///< the value is not kept but computed again
  int again[static_cast<unsigned>(Nodes)] = {};     ///< these values, in the order of their computation
  int again_count = 0;
  int again_before[static_cast<unsigned>(Nodes)] =
      {};  ///< of a dropped value: the backward step that it precedes
};

/// Calls `body(value)` for each value that the backward of `node`, the node numbered n, reads.
template <class Body>
constexpr void for_each_read(const Node& node, int n, const Body& body) {
  // A residual is only added: its value is not read again.
  const int read = reads_inputs(node) ? node.input_count - (node.has_residual ? 1 : 0) : 0;
  for (int i = 0; i < read; ++i) body(node.inputs[i]);
  if (node.needs_output) body(n);
}

/// The values whose gradients lie in one buffer and have not been consumed yet.
struct SharedGradient {
  static constexpr int capacity = 4;
  int members[capacity] = {};
  int count = 0;
};

/// For each value, the highest numbered reader below a node: who writes into its gradient next.
/// Gradient sharing needs the question answered once per addition only, so the scan stays near linear.
template <class G>
constexpr int next_writer(const G& graph, const Backward<G::node_count>& backward, int value, int below) {
  for (int n = below - 1; n > value; --n) {
    if (graph.nodes[n].merged || !backward.runs[n]) continue;
    for (int i = 0; i < graph.nodes[n].input_count; ++i)
      if (graph.nodes[n].inputs[i] == value) return n;
  }
  return -1;
}

template <class G>
constexpr Backward<G::node_count> differentiate(const G& graph, Mode mode) {
  constexpr int count = G::node_count;
  Backward<count> backward;
  const Wanted<G> wanted = find_wanted(graph, mode);
  bool reached[static_cast<unsigned>(count)] = {};  // the value's gradient has been written at least once
  SharedGradient shared[static_cast<unsigned>(count)] = {};
  for (int n = 0; n < count; ++n) {
    backward.holder[n] = -1;
    backward.runs[n] = wanted.gradient[n] && !graph.nodes[n].merged && n >= graph.inputs;
  }
  const auto own_buffer = [&](int value) {
    backward.holder[value] = value;
    shared[value].members[0] = value;
    shared[value].count = 1;
  };
  for (int i = 0; i < graph.outputs.count; ++i) {
    const int value = graph.outputs.id[i];
    if (!wanted.gradient[value] || reached[value]) continue;
    reached[value] = true;
    own_buffer(value);
  }
  for (int n = count - 1; n >= graph.inputs; --n) {
    if (!backward.runs[n]) continue;
    if (!reached[n]) {
      backward.runs[n] = false;
      continue;
    }
    const Node& node = graph.nodes[n];
    const int holder = backward.holder[n];
    SharedGradient& group = shared[holder];
    const auto pending = [&] {  // values beside n whose gradient lies in this buffer and is still to be read
      int total = 0;
      for (int m = 0; m < group.count; ++m) total += group.members[m] < n ? 1 : 0;
      return total;
    };
    const auto compact = [&] {
      int kept = 0;
      for (int m = 0; m < group.count; ++m)
        if (group.members[m] <= n) group.members[kept++] = group.members[m];
      group.count = kept;
    };
    compact();
    // May `value` have its gradient in n's buffer, which then holds it without a copy? `changes`: n's
    // backward changes the buffer's numbers on the way. Every other value there must be read before this one
    // is added to.
    const auto may_share = [&](int value, bool changes) {
      if (reached[value] || group.count == SharedGradient::capacity) return false;
      if (pending() == 0) return true;
      if (changes) return false;
      const int writer = next_writer(graph, backward, value, n);
      for (int m = 0; m < group.count; ++m) {
        const int other = group.members[m];
        if (other >= n) continue;
        const int other_writer = next_writer(graph, backward, other, n);
        if (writer >= 0 && writer >= other) return false;
        if (other_writer >= 0 && other_writer >= value) return false;
      }
      return true;
    };
    const auto share = [&](int value) {
      backward.holder[value] = holder;
      group.members[group.count++] = value;
      reached[value] = true;
    };
    for (int i = 0; i < node.input_count; ++i) {
      const int value = node.inputs[i];
      if (!wanted.gradient[value]) continue;
      const bool residual = node.has_residual && i == node.input_count - 1;
      const bool passes_on =
          (node.kind == OperatorKind::add && node.activation == Activation::none) || residual;
      const bool rewrites = i == 0 && may_overwrite_gradient(node);
      const bool changes = rewrites || (residual && node.activation != Activation::none);
      bool repeated = false;  // the same value twice among the inputs: the second must add
      for (int j = 0; j < node.input_count; ++j) repeated = repeated || (j != i && node.inputs[j] == value);
      if (reached[value]) {
        backward.accumulate[n][i] = true;
      } else if ((passes_on || rewrites) && !repeated && may_share(value, changes)) {
        share(value);
      } else {
        own_buffer(value);
        reached[value] = true;
      }
    }
  }
  bool written[static_cast<unsigned>(G::entry_count > 0 ? G::entry_count : 1)] = {};
  for (int n = count - 1; n >= graph.inputs; --n) {
    const int entry = graph.nodes[n].entries[0];
    if (!backward.runs[n] || entry < 0) continue;
    backward.accumulate_parameters[n] = written[entry];
    written[entry] = true;
  }
  for (int n = 0; n < count; ++n) backward.last_reader[n] = count;
  for (int n = count - 1; n >= graph.inputs; --n) {
    if (!backward.runs[n]) continue;
    for_each_read(graph.nodes[n], n, [&](int value) {
      backward.kept[value] = true;
      backward.last_reader[value] = n;
    });
  }
  return backward;
}

}  // namespace mmdl::detail
