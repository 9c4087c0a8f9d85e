// SPDX-License-Identifier: Apache-2.0
// The order of the nodes, changed where values then live shorter: a branch that makes little of much, such as
// the convolution of a fusion block, runs as soon as it can.
#pragma once

#include "../graph/fuse.hpp"

namespace mmdl::detail {

/// The nodes of a graph in an order of their own: the inputs, then what runs, then what was merged.
template <class G>
class NodeOrder {
  static constexpr unsigned count = static_cast<unsigned>(G::node_count);

 public:
  constexpr explicit NodeOrder(const G& graph) {
    for (const bool merged : {false, true})
      for (int n = 0; n < G::node_count; ++n)
        if (graph.nodes[n].merged == merged) append(n, merged);
  }

  constexpr int node(int place) const { return node_[place]; }
  constexpr int place(int node) const { return place_[node]; }
  constexpr int running() const { return running_; }  ///< inputs among them

  /// Puts the nodes at the places [first, last] before the one at `to`.
  constexpr void move(int first, int last, int to) {
    int between[count] = {};
    for (int p = to; p < first; ++p) between[p] = node_[p];
    const int length = last - first + 1;
    for (int i = 0; i < length; ++i) put(node_[first + i], to + i);
    for (int p = to; p < first; ++p) put(between[p], p + length);
  }

 private:
  constexpr void append(int node, bool merged) {
    put(node, next_++);
    running_ += merged ? 0 : 1;
  }
  constexpr void put(int node, int place) {
    node_[place] = node;
    place_[node] = place;
  }

  int node_[count] = {};
  int place_[count] = {};
  int next_ = 0;
  int running_ = 0;
};

/// The most numbers that live at once in the forward, each value in a place of its own.
template <class G>
constexpr long live_peak(const G& graph, const NodeOrder<G>& order) {
  Uses<G> left = count_uses(graph);
  long live = 0, peak = 0;
  for (int p = graph.inputs; p < order.running(); ++p) {
    const Node& node = graph.nodes[order.node(p)];
    live += node.output.size();
    peak = peak < live ? live : peak;
    for (int i = 0; i < node.input_count; ++i)
      if (--left.count[node.inputs[i]] == 0 && node.inputs[i] >= graph.inputs)
        live -= graph.nodes[node.inputs[i]].output.size();
  }
  return peak;
}

/// Moves runs of nodes up, to behind the last of the values that they read and behind the other readers of
/// those that die by it, where more numbers die than are born. One sweep; what reads its predecessor stays.
template <class G>
class LifeShortener {
 public:
  constexpr explicit LifeShortener(const G& graph) : graph_(graph), order_(graph), left_(count_uses(graph)) {
    for (int& reader : reader_) reader = -1;
  }

  constexpr NodeOrder<G> run() {
    for (int p = graph_.inputs; p < order_.running();) {
      const Run run = best_run(p);
      if (run.to < p) order_.move(p, run.last, run.to);
      const int first = run.to < p ? run.to : p;
      for (int q = first; q <= first + run.last - p; ++q) settle(order_.node(q));
      p = run.last + 1;
    }
    return order_;
  }

 private:
  struct Run {
    int last, to;  // the run's last place, and where its first node goes
  };

  /// The run from place p on that is worth most; the node at p alone, where it is, if there is none.
  constexpr Run best_run(int p) {
    Run best{p, p};
    long live = 0, died = 0, most = 0;
    int after = graph_.inputs - 1;  // the last place whose value the run needs
    int freed = after;              // the last other reader of what dies by the run
    int last = p;
    for (; last < order_.running(); ++last) {
      const Node& node = graph_.nodes[order_.node(last)];
      int needed = after;
      for (int i = 0; i < node.input_count; ++i) {
        const int at = order_.place(node.inputs[i]);
        if (at < p && at > needed) needed = at;
      }
      if (needed >= p - 1 || (needed > after && most > 0)) break;
      after = needed;
      live += node.output.size();
      for (int i = 0; i < node.input_count; ++i) {
        const int value = node.inputs[i];
        if (--left_.count[value] > 0 || value < graph_.inputs) continue;
        const long size = graph_.nodes[value].output.size();
        if (order_.place(value) >= p) {
          live -= size;
          continue;
        }
        died += size;
        const int other = reader_[value] < 0 ? after : order_.place(reader_[value]);
        freed = freed < other ? other : freed;
      }
      const int to = (after < freed ? freed : after) + 1;
      if (to < p && died - live > 0 && died - live >= most) {
        most = died - live;
        best = {last, to};
      }
    }
    for (int q = p; q < last; ++q) {
      const Node& node = graph_.nodes[order_.node(q)];
      for (int i = 0; i < node.input_count; ++i) ++left_.count[node.inputs[i]];
    }
    return best;
  }

  constexpr void settle(int n) {
    const Node& node = graph_.nodes[n];
    for (int i = 0; i < node.input_count; ++i) {
      int& reader = reader_[node.inputs[i]];
      if (reader < 0 || order_.place(reader) < order_.place(n)) reader = n;
      --left_.count[node.inputs[i]];
    }
  }

  const G& graph_;
  NodeOrder<G> order_;
  Uses<G> left_;                                           // readers that have no settled place yet
  int reader_[static_cast<unsigned>(G::node_count)] = {};  // the last that has one; -1: none
};

/// The graph with its lives shortened. Not where that raises the peak of inference; that of training
/// is at the end of the forward, and the gradients of what is read late live shorter too.
template <class G>
constexpr G shorten_lives(const G& graph, Mode mode) {
  const NodeOrder<G> order = LifeShortener<G>(graph).run();
  if (mode == Mode::inference && live_peak(graph, order) > live_peak(graph, NodeOrder<G>(graph)))
    return graph;
  G sorted = graph;
  for (int p = 0; p < G::node_count; ++p) {
    Node& node = sorted.nodes[p];
    node = graph.nodes[order.node(p)];
    for (int i = 0; i < node.input_count; ++i) node.inputs[i] = order.place(node.inputs[i]);
  }
  for (int i = 0; i < graph.outputs.count; ++i) sorted.outputs.id[i] = order.place(graph.outputs.id[i]);
  return sorted;
}

}  // namespace mmdl::detail
