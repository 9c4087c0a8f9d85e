// SPDX-License-Identifier: Apache-2.0
// When the parameters are updated in a backward, and where their gradients lie until then.
#pragma once

#include <algorithm>
#include <vector>

#include "../graph/describe.hpp"
#include "../training/program_view.hpp"

namespace mmdl::detail {

/// The gradients of a node's parameters share the scratch of all nodes, for they are used up when the next
/// node begins; those of parameters that several nodes use have a place of their own behind it.
struct UpdateOrder {
  const Node* program = nullptr;
  std::vector<long> places;           ///< of each entry's gradient
  std::vector<int> last_users;        ///< the node whose backward completes the gradient; -1: none
  std::vector<int> without_gradient;  ///< entries that are trained but that no backward step reaches
  long size = 0;                      ///< numbers of the scratch

  UpdateOrder() = default;

  [[gnu::cold]] UpdateOrder(const ProgramView& view, const GraphView& graph)
      : program(view.nodes),
        places(static_cast<std::size_t>(graph.entry_count), 0),
        last_users(static_cast<std::size_t>(graph.entry_count), -1) {
    std::vector<int> users(places.size(), 0);
    for_users(view, graph, [&](int node, std::size_t entry) {
      ++users[entry];
      if (last_users[entry] < 0 || node < last_users[entry]) last_users[entry] = node;
    });
    int node_before = -1;
    long place = 0;
    for_users(view, graph, [&](int node, std::size_t entry) {
      if (users[entry] > 1) return;
      if (node != node_before) place = 0;
      node_before = node;
      places[entry] = place;
      place += rounded(graph.entries[entry].spec.count());
      size = std::max(size, place);
    });
    for (std::size_t e = 0; e < places.size(); ++e) {
      const Entry& entry = graph.entries[e];
      if (entry.spec.state || entry.frozen) continue;
      if (users[e] == 0) without_gradient.push_back(static_cast<int>(e));
      if (users[e] == 0) size = std::max(size, entry.spec.count());
    }
    for (std::size_t e = 0; e < places.size(); ++e)
      if (users[e] > 1) places[e] = size, size += rounded(graph.entries[e].spec.count());
  }

  /// Whether the backward of `node` completes the entry's gradient.
  bool last(int entry, int node) const { return last_users[static_cast<std::size_t>(entry)] == node; }

 private:
  /// Calls `body(node, entry)` for each trained parameter of each backward step.
  template <class Body>
  static void for_users(const ProgramView& view, const GraphView& graph, const Body& body) {
    for (int n = view.inputs; n < view.node_count; ++n) {
      if (!view.runs_backward[n]) continue;
      for (int i = 0; i < max_entries; ++i) {
        const int entry = view.nodes[n].entries[i];
        if (entry >= 0 && !graph.entries[entry].frozen) body(n, static_cast<std::size_t>(entry));
      }
    }
  }
};

}  // namespace mmdl::detail
