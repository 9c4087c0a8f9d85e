// SPDX-License-Identifier: Apache-2.0
// Fusion and pruning. A fused node takes the place (the number) of the last of its parts, so no consumer has
// to be told; the earlier parts are marked merged and are skipped by all that follows.
#pragma once

#include "../graph/graph.hpp"

namespace mmdl::detail {

/// What a graph is prepared for.
enum class Mode : unsigned char {
  inference,            ///< running statistics, no gradients
  training,             ///< gradients of the parameters that are not frozen
  training_with_inputs  ///< and of the network's inputs (gradient checks)
};

/// For each value, whether its gradient is wanted: something at or before it is trained.
template <class G>
struct Wanted {
  bool gradient[static_cast<unsigned>(G::node_count)] = {};
};

template <class G>
constexpr Wanted<G> find_wanted(const G& graph, Mode mode) {
  Wanted<G> wanted;
  if (mode == Mode::inference) return wanted;
  for (int n = 0; n < G::node_count; ++n) {
    const Node& node = graph.nodes[n];
    bool any = n < graph.inputs ? mode == Mode::training_with_inputs : !node.frozen && node.entries[0] >= 0;
    for (int i = 0; i < node.input_count; ++i) any = any || wanted.gradient[node.inputs[i]];
    wanted.gradient[n] = any;
  }
  return wanted;
}

/// How often each value is read; being an output of the network counts too.
template <class G>
struct Uses {
  int count[static_cast<unsigned>(G::node_count)] = {};
};

template <class G>
constexpr Uses<G> count_uses(const G& graph) {
  Uses<G> uses;
  for (int n = 0; n < G::node_count; ++n) {
    const Node& node = graph.nodes[n];
    if (node.merged) continue;
    for (int i = 0; i < node.input_count; ++i) ++uses.count[node.inputs[i]];
  }
  for (int i = 0; i < graph.outputs.count; ++i) ++uses.count[graph.outputs.id[i]];
  return uses;
}

/// Whether a node of this kind is run: its kernels are those of its source, the first of its parts.
template <class G>
constexpr bool runs_kind(const G& graph, OperatorKind kind) {
  for (const Node& node : graph.nodes)
    if (!node.merged && node.kind == kind) return true;
  return false;
}

/// Marks what no output depends on as merged.
template <class G>
constexpr void prune_unused(G& graph) {
  bool used[static_cast<unsigned>(G::node_count)] = {};
  for (int i = 0; i < graph.outputs.count; ++i) used[graph.outputs.id[i]] = true;
  for (int n = G::node_count - 1; n >= 0; --n) {
    Node& node = graph.nodes[n];
    if (!used[n] && n >= graph.inputs) node.merged = true;
    if (node.merged) continue;
    for (int i = 0; i < node.input_count; ++i) used[node.inputs[i]] = true;
  }
}

/// Takes dropout out where it does nothing: its consumers read its input. Not where it is an output: outputs
/// are values of their own.
template <class G>
constexpr void remove_idle_dropout(G& graph, Mode mode) {
  int replacement[static_cast<unsigned>(G::node_count)] = {};
  const auto is_output = [&](int value) {
    for (int i = 0; i < graph.outputs.count; ++i)
      if (graph.outputs.id[i] == value) return true;
    return false;
  };
  for (int n = 0; n < G::node_count; ++n) {
    Node& node = graph.nodes[n];
    replacement[n] = n;
    for (int i = 0; i < node.input_count; ++i) node.inputs[i] = replacement[node.inputs[i]];
    if (node.kind != OperatorKind::dropout || is_output(n)) continue;
    if (mode == Mode::inference || node.frozen || node.rate_percent == 0) {
      node.merged = true;
      replacement[n] = node.inputs[0];
    }
  }
}

/// Puts `first` in the place of `second`, which is its only reader, and marks it merged.
constexpr void merge(Node& first, Node& second) {
  second = first;
  first.merged = true;
}

/// Convolution, then batch norm by running statistics: scale and shift in the convolution's epilogue.
constexpr void merge_batch_norm(Node& convolution, Node& norm) {
  const Node was = norm;
  merge(convolution, norm);
  norm.has_batch_norm = true;
  norm.epsilon_millionths = was.epsilon_millionths;
  norm.entries[2] = was.entries[0];
  norm.entries[3] = was.entries[1];
  norm.states[0] = was.states[0];
  norm.states[1] = was.states[1];
}

/// Convolution or batch norm, then an addition of another value.
constexpr void merge_residual(Node& first, Node& add, int other) {
  merge(first, add);
  add.inputs[add.input_count++] = other;
  add.has_residual = true;
  add.activation_first = add.activation != Activation::none;
}

constexpr void merge_activation(Node& first, Node& activation) {
  const Activation kind = activation.activation;
  merge(first, activation);
  activation.activation = kind;
  // Batch norm computes the mask again from its input, where that is kept and tells the sign.
  activation.needs_output =
      activation.kind != OperatorKind::batch_norm || activation.has_residual || activation.frozen;
}

/// The graph with convolution + batch norm + residual + activation joined where that is the same computation:
/// all of it in inference and in frozen parts that need no gradient; in training, batch norm + residual +
/// ReLU.
template <class G>
constexpr G fuse(G graph, Mode mode) {
  remove_idle_dropout(graph, mode);
  prune_unused(graph);
  const Wanted<G> wanted = find_wanted(graph, mode);
  const Uses<G> uses = count_uses(graph);
  for (int n = graph.inputs; n < G::node_count; ++n) {
    Node& node = graph.nodes[n];
    if (node.merged) continue;
    // No gradient passes here and no batch statistics are taken: every join is allowed.
    const bool plain = mode == Mode::inference || (node.frozen && !wanted.gradient[n]);
    const auto only_reader = [&](int value) { return value >= graph.inputs && uses.count[value] == 1; };
    Node& before = graph.nodes[node.inputs[0]];
    const bool can_join = only_reader(node.inputs[0]) && (!plain || mode == Mode::inference || before.frozen);
    if (node.kind == OperatorKind::batch_norm) {
      if (plain && can_join && before.kind == OperatorKind::convolution && !before.has_batch_norm &&
          !before.has_residual && before.activation == Activation::none)
        merge_batch_norm(before, node);
    } else if (node.kind == OperatorKind::add && node.input_count == 2) {
      for (int i = 0; i < 2; ++i) {
        Node& term = graph.nodes[node.inputs[i]];
        if (!only_reader(node.inputs[i]) || term.has_residual) continue;
        if (plain && mode != Mode::inference && !term.frozen) continue;
        const bool joins = term.kind == OperatorKind::convolution ? plain
                           : term.kind == OperatorKind::batch_norm
                               ? plain || term.activation == Activation::none
                               : false;
        if (!joins) continue;
        merge_residual(term, node, node.inputs[1 - i]);
        break;
      }
    } else if (node.kind == OperatorKind::activation && can_join && before.activation == Activation::none) {
      const bool relu = node.activation == Activation::relu || node.activation == Activation::relu6;
      if ((plain && (before.kind == OperatorKind::convolution || before.kind == OperatorKind::linear)) ||
          (before.kind == OperatorKind::batch_norm && relu) ||
          (plain && before.kind == OperatorKind::add && relu))
        merge_activation(before, node);
    }
  }
  return graph;
}

}  // namespace mmdl::detail
