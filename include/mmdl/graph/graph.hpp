// SPDX-License-Identifier: Apache-2.0
// The flat graph that a network lowers to: arrays of plain values, filled and read by constexpr functions.
#pragma once

#include <string_view>

#include "../graph/node.hpp"

namespace mmdl {

/// How a parameter tensor is drawn. `he_normal`: normal with variance 2 / fan_in (He et al. 2015, for layers
/// before a ReLU). `uniform_fan_in`: uniform in +-1/sqrt(fan_in), PyTorch's default for linear layers.
/// `normal`: normal with variance 1. `second_quarter_ones`: zeros but for ones in the second quarter (the
/// forget gates of an LSTM).
enum class Initializer : unsigned char {
  zeros,
  ones,
  he_normal,
  uniform_fan_in,
  normal,
  second_quarter_ones
};

namespace detail {

/// A parameter tensor (or a state tensor, such as a running mean) as a layer asks for it.
struct EntrySpec {
  const char* name = "";
  Initializer initializer = Initializer::zeros;
  int rank = 1;
  int extents[4] = {1, 1, 1, 1};
  long fan_in = 1;
  bool decay = true;   ///< weight decay applies by default (not to biases and norms)
  bool state = false;  ///< a running statistic: saved with the weights, never trained

  constexpr long count() const {
    long product = 1;
    for (int axis = 0; axis < rank; ++axis) product *= extents[axis];
    return product;
  }
};

/// Whether two layers can use one tensor.
constexpr bool same_tensor(const EntrySpec& a, const EntrySpec& b) {
  bool same = std::string_view(a.name) == b.name && a.rank == b.rank && a.state == b.state;
  for (int axis = 0; same && axis < a.rank; ++axis) same = a.extents[axis] == b.extents[axis];
  return same;
}

/// A parameter or state tensor at its place in the flat buffer.
struct Entry {
  EntrySpec spec;
  int node = 0;  ///< the first that uses it, which names it
  long offset = 0;
  bool frozen = false;
};

/// A named part of the network's structure ("scale3" is kind "scale", the third of its parent).
struct Scope {
  int parent = -1;
  const char* kind = "";
  bool numbered = true;
};

/// The values that flow from one layer to the next.
struct Wires {
  int count = 0;
  int id[max_inputs] = {};

  static constexpr Wires of(int value) { return {1, {value}}; }
  constexpr void push(int value) { id[count++] = value; }
};

/// How many of each a network has; found by a first lowering that only counts.
struct GraphSize {
  int nodes = 0;
  int entries = 0;
  int scopes = 0;
};

/// A network as values. Nodes are in topological order; the first `inputs` of them are the network's inputs.
template <int Nodes, int Entries, int Scopes>
struct Graph {
  Node nodes[static_cast<unsigned>(Nodes)] = {};
  Entry entries[static_cast<unsigned>(Entries > 0 ? Entries : 1)] = {};
  Scope scopes[static_cast<unsigned>(Scopes)] = {};
  int inputs = 0;
  Wires outputs;
  long parameters = 0;  ///< numbers in the flat parameter buffer
  long states = 0;      ///< numbers in the flat state buffer

  static constexpr int node_count = Nodes;
  static constexpr int entry_count = Entries;
  static constexpr int scope_count = Scopes;
};

}  // namespace detail
}  // namespace mmdl
