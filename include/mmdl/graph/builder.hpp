// SPDX-License-Identifier: Apache-2.0
// What layers lower themselves into. One builder records the graph (or only counts), another collects
// kernels.
#pragma once

#include <initializer_list>

#include "../graph/graph.hpp"

namespace mmdl::detail {

/// Records nodes, entries and scopes; without arrays to fill, it counts them.
class GraphBuilder {
 public:
  constexpr GraphBuilder() = default;
  constexpr GraphBuilder(Node* nodes, Entry* entries, Scope* scopes)
      : nodes_(nodes), entries_(entries), scopes_(scopes) {}

  constexpr int add_input(Extent extent) {
    Node node;
    node.name = "input";
    node.output = extent;
    node.needs_inputs = node.needs_output = false;
    return push(node);
  }

  /// Appends a node that runs operator `Op` on the values `inputs`; gives the number of its output.
  template <class Op>
  constexpr int add(Node node, const Wires& inputs, std::initializer_list<EntrySpec> entries = {}) {
    return add(node, inputs, entries.begin(), static_cast<int>(entries.size()));
  }

  template <class Op>
  constexpr int add(Node node, const Wires& inputs, const EntrySpec* specs, int count) {
    return add(node, inputs, specs, count);
  }

  /// Opens a named part of the structure; names of what follows begin with it.
  constexpr void enter(const char* kind, bool numbered = true) {
    if (scopes_ != nullptr) scopes_[size_.scopes] = {scope_, kind, numbered};
    saved_scopes_[depth_++] = scope_;
    scope_ = size_.scopes++;
  }
  constexpr void leave() { scope_ = saved_scopes_[--depth_]; }

  /// What is added between the two is frozen: it runs as in inference and is not trained.
  constexpr void freeze() { ++frozen_; }
  constexpr void thaw() { --frozen_; }

  /// How much of what is added from here on keeps for the backward; gives what held before.
  constexpr Keeping keep(Keeping keeping) {
    const Keeping before = keeping_;
    keeping_ = keeping;
    return before;
  }

  constexpr GraphSize size() const { return size_; }
  constexpr long parameters() const { return parameters_; }
  constexpr long states() const { return states_; }

 private:
  constexpr int add(Node& node, const Wires& inputs, const EntrySpec* specs, int count) {
    node.input_count = inputs.count;
    for (int i = 0; i < inputs.count; ++i) node.inputs[i] = inputs.id[i];
    int parameter = 0, state = 0;
    for (int i = 0; i < count; ++i) {
      const EntrySpec& spec = specs[i];
      long& total = spec.state ? states_ : parameters_;
      if (entries_ != nullptr) entries_[size_.entries] = {spec, size_.nodes, total, frozen_ > 0};
      (spec.state ? node.states[state++] : node.entries[parameter++]) = size_.entries++;
      total += spec.count();
    }
    return push(node);
  }

  constexpr int push(Node& node) {
    node.source = size_.nodes;
    node.scope = scope_;
    node.frozen = frozen_ > 0;
    node.keeping = keeping_;
    if (nodes_ != nullptr) nodes_[size_.nodes] = node;
    return size_.nodes++;
  }

  static constexpr int max_depth = 64;  // of named parts within named parts; does not grow with the network

  Node* nodes_ = nullptr;
  Entry* entries_ = nullptr;
  Scope* scopes_ = nullptr;
  GraphSize size_{0, 0, 1};  // scope 0 is the whole network
  int scope_ = 0;
  int depth_ = 0;
  int saved_scopes_[max_depth] = {};
  int frozen_ = 0;
  Keeping keeping_ = Keeping::usual;
  long parameters_ = 0;
  long states_ = 0;
};

/// Collects the kernels of each node, in the order of the graph, from a backend.
template <class Backend>
class KernelCollector {
 public:
  explicit constexpr KernelCollector(const typename Backend::Kernels** kernels) : kernels_(kernels) {}

  constexpr int add_input(Extent) { return push(nullptr); }
  template <class Op>
  constexpr int add(const Node&, const Wires&, std::initializer_list<EntrySpec> = {}) {
    return push(Backend::template kernels<Op>());
  }
  template <class Op>
  constexpr int add(const Node&, const Wires&, const EntrySpec*, int) {
    return push(Backend::template kernels<Op>());
  }
  constexpr void enter(const char*, bool = true) {}
  constexpr void leave() {}
  constexpr void freeze() {}
  constexpr void thaw() {}
  constexpr Keeping keep(Keeping keeping) { return keeping; }

 private:
  constexpr int push(const typename Backend::Kernels* kernels) {
    kernels_[count_] = kernels;
    return count_++;
  }
  const typename Backend::Kernels** kernels_;
  int count_ = 0;
};

}  // namespace mmdl::detail
