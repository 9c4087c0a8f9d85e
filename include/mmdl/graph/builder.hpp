// SPDX-License-Identifier: Apache-2.0
// What layers lower themselves into. One builder records the graph (or only counts), another collects
// kernels.
#pragma once

#include <initializer_list>
#include <string_view>

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

  /// What is added between `begin_replay` and `end_replay` takes the entries from number `first` on, in
  /// order, instead of new ones: a layer at its second place. `next_entry()` before the first place gives
  /// `first`.
  constexpr int next_entry() const { return size_.entries; }
  constexpr void begin_replay(int first) {
    replays_[replay_depth_++] = {replay_, first};
    replay_ = first;
  }
  /// Whether the parameters asked for had the names and extents of those taken.
  constexpr bool end_replay() {
    const Replay ended = replays_[--replay_depth_];
    // A shared part that was first met within another one stands among the other's entries.
    replay_ = ended.first >= 0 && ended.outer == ended.first ? replay_ : ended.outer;
    const bool same = !differs_;
    differs_ = false;
    return same;
  }
  /// The same by a key: its first place makes entries, all others take them. Ends with `end_replay`.
  constexpr void begin_shared(const char* key) {
    for (int i = 0; i < shared_count_; ++i)
      if (std::string_view(shared_[i].key) == key) return begin_replay(shared_[i].first);
    shared_[shared_count_++] = {key, size_.entries};
    begin_replay(-1);
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
      int& slot = spec.state ? node.states[state++] : node.entries[parameter++];
      if (replay_ >= 0) {
        slot = take_entry(spec);
        continue;
      }
      if (entries_ != nullptr) entries_[size_.entries] = {spec, size_.nodes, total, frozen_ > 0};
      slot = size_.entries++;
      total += spec.count();
    }
    return push(node);
  }

  constexpr int take_entry(const EntrySpec& spec) {
    const int entry = replay_++;
    if (entries_ == nullptr) return entry;
    differs_ = differs_ || entry >= size_.entries || !same_tensor(entries_[entry].spec, spec);
    if (!differs_ && frozen_ > 0) entries_[entry].frozen = true;
    return entry;
  }

  constexpr int push(Node& node) {
    node.source = size_.nodes;
    node.scope = scope_;
    node.frozen = frozen_ > 0;
    node.keeping = keeping_;
    if (nodes_ != nullptr) nodes_[size_.nodes] = node;
    return size_.nodes++;
  }

  struct Replay {
    int outer = -1, first = -1;
  };
  struct SharedPart {
    const char* key = nullptr;
    int first = 0;
  };
  static constexpr int max_shared = 64;  // keys of one network
  static constexpr int max_depth = 64;   // of named parts within named parts; does not grow with the network

  Node* nodes_ = nullptr;
  Entry* entries_ = nullptr;
  Scope* scopes_ = nullptr;
  GraphSize size_{0, 0, 1};  // scope 0 is the whole network
  int scope_ = 0;
  int depth_ = 0;
  int saved_scopes_[max_depth] = {};
  int frozen_ = 0;
  Keeping keeping_ = Keeping::usual;
  int replay_ = -1;  // the entry to be taken next; -1: entries are made
  int replay_depth_ = 0;
  Replay replays_[max_depth] = {};
  SharedPart shared_[max_shared] = {};
  int shared_count_ = 0;
  bool differs_ = false;
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
  constexpr int next_entry() const { return 0; }
  constexpr void begin_replay(int) {}
  constexpr bool end_replay() { return true; }
  constexpr void begin_shared(const char*) {}

 private:
  constexpr int push(const typename Backend::Kernels* kernels) {
    kernels_[count_] = kernels;
    return count_++;
  }
  const typename Backend::Kernels** kernels_;
  int count_ = 0;
};

}  // namespace mmdl::detail
