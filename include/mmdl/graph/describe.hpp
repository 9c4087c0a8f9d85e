// SPDX-License-Identifier: Apache-2.0
// A network described: names of its parts and parameters, a table, a drawing.
#pragma once

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "../graph/program.hpp"

namespace mmdl {

namespace detail {

/// A graph without its type: what descriptions, names and the executor read.
struct GraphView {
  const Node* nodes = nullptr;
  int node_count = 0;
  const Entry* entries = nullptr;
  int entry_count = 0;
  const Scope* scopes = nullptr;
  int scope_count = 0;
  int inputs = 0;
  Wires outputs;
  long parameters = 0;
  long states = 0;
};

template <class G>
constexpr GraphView view_of(const G& graph) {
  return {graph.nodes,    G::node_count, graph.entries, G::entry_count,   graph.scopes,
          G::scope_count, graph.inputs,  graph.outputs, graph.parameters, graph.states};
}

// What makes texts is cold: a program makes each once, so they had better compile fast than run fast.

/// "scale3.block2." for each scope: kinds are numbered within their parent, from 1.
[[gnu::cold]] inline std::vector<std::string> scope_paths(const GraphView& graph) {
  std::vector<std::string> paths(static_cast<std::size_t>(graph.scope_count));
  for (int s = 1; s < graph.scope_count; ++s) {
    const Scope& scope = graph.scopes[s];
    std::string path = paths[static_cast<std::size_t>(scope.parent)] + scope.kind;
    if (scope.numbered) {
      int number = 1;
      for (int earlier = 1; earlier < s; ++earlier)
        if (graph.scopes[earlier].parent == scope.parent &&
            std::strcmp(graph.scopes[earlier].kind, scope.kind) == 0)
          ++number;
      path += std::to_string(number);
    }
    paths[static_cast<std::size_t>(s)] = path + ".";
  }
  return paths;
}

/// "scale3.block2.conv1" for each node: layers are numbered by their kind within their scope, from 1.
[[gnu::cold]] inline std::vector<std::string> node_names(const GraphView& graph) {
  const std::vector<std::string> paths = scope_paths(graph);
  std::vector<std::string> names(static_cast<std::size_t>(graph.node_count));
  std::vector<std::pair<const char*, int>> kinds;  // of each scope in turn, with a count
  std::vector<std::vector<std::pair<const char*, int>>> seen(static_cast<std::size_t>(graph.scope_count));
  for (int n = 0; n < graph.node_count; ++n) {
    const Node& node = graph.nodes[n];
    auto& counts = seen[static_cast<std::size_t>(node.scope)];
    int number = 0;
    for (auto& [kind, count] : counts)
      if (std::strcmp(kind, node.name) == 0) number = ++count;
    if (number == 0) counts.emplace_back(node.name, number = 1);
    names[static_cast<std::size_t>(n)] =
        paths[static_cast<std::size_t>(node.scope)] + node.name + std::to_string(number);
  }
  return names;
}

/// "scale3.block2.conv1.weight" for each parameter and state entry.
[[gnu::cold]] inline std::vector<std::string> entry_names(const GraphView& graph) {
  const std::vector<std::string> nodes = node_names(graph);
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(graph.entry_count));
  for (int e = 0; e < graph.entry_count; ++e)
    names.push_back(nodes[static_cast<std::size_t>(graph.entries[e].node)] + "." +
                    graph.entries[e].spec.name);
  return names;
}

inline std::string with_separators(long value) {
  std::string digits = std::to_string(value);
  for (int place = static_cast<int>(digits.size()) - 3; place > (value < 0 ? 1 : 0); place -= 3)
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  return digits;
}

inline std::string extent_text(Extent e) {
  if (e.height == 1 && e.width == 1) return std::to_string(e.channels);
  return std::to_string(e.height) + "x" + std::to_string(e.width) + "x" + std::to_string(e.channels);
}

/// Numbers of the parameters that stand at this node: a layer's at its first place alone.
inline long entry_numbers(const GraphView& graph, const Node& node) {
  long total = 0;
  for (int entry : node.entries)
    if (entry >= 0 && graph.entries[entry].node == node.source) total += graph.entries[entry].spec.count();
  return total;
}

[[gnu::cold]] inline std::string summary_table(const GraphView& graph, long inference, long training) {
  const std::vector<std::string> names = node_names(graph);
  std::size_t width = 8;
  for (const std::string& name : names) width = width < name.size() ? name.size() : width;
  std::string text;
  const auto row = [&](const std::string& a, const std::string& b, const std::string& c, const std::string& d,
                       const std::string& e) {
    std::vector<char> line(width + 96);
    std::snprintf(line.data(), line.size(), "%-*s  %14s  %13s  %16s  %13s\n", static_cast<int>(width),
                  a.c_str(), b.c_str(), c.c_str(), d.c_str(), e.c_str());
    text += line.data();
  };
  row("layer", "output", "parameters", "multiply-adds", "bytes");
  long work = 0;
  for (int n = 0; n < graph.node_count; ++n) {
    const Node& node = graph.nodes[n];
    work += node.multiply_adds;
    row(names[static_cast<std::size_t>(n)] + (node.frozen ? " (frozen)" : ""), extent_text(node.output),
        with_separators(entry_numbers(graph, node)), with_separators(node.multiply_adds),
        with_separators(4 * node.output.size()));
  }
  row("total", "", with_separators(graph.parameters), with_separators(work), "");
  text += "activations per sample, float32: inference " + with_separators(inference) +
          " bytes, training step " + with_separators(training) + " bytes\n";
  return text;
}

/// "relu" and so on, for a label.
constexpr const char* activation_name(Activation activation) {
  switch (activation) {
    case Activation::none:
      return "none";
    case Activation::relu:
      return "relu";
    case Activation::relu6:
      return "relu6";
    case Activation::sigmoid:
      return "sigmoid";
    case Activation::tanh:
      return "tanh";
  }
  return "";
}

/// `layers` gives the names; `graph` is the same network, fused or not.
[[gnu::cold]] inline std::string dot_drawing(const GraphView& layers, const GraphView& graph) {
  const std::vector<std::string> names = node_names(layers);
  std::string text = "digraph network {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n";
  for (int n = 0; n < graph.node_count; ++n) {
    const Node& node = graph.nodes[n];
    if (node.merged) continue;
    std::string label = names[static_cast<std::size_t>(node.source)];
    if (node.has_batch_norm) label += " + batch norm";
    if (node.has_residual && !node.activation_first) label += " + residual";
    if (node.activation != Activation::none)
      label += node.kind == OperatorKind::activation
                   ? std::string(" (") + activation_name(node.activation) + ")"
                   : std::string(" + ") + activation_name(node.activation);
    if (node.has_residual && node.activation_first) label += " + residual";
    if (node.streamed) label += ", streamed";
    text += "  n" + std::to_string(n) + " [label=\"" + label + "\\n" + extent_text(node.output) + "\"" +
            (node.frozen ? ", style=dashed" : "") + "];\n";
    for (int i = 0; i < node.input_count; ++i)
      text += "  n" + std::to_string(node.inputs[i]) + " -> n" + std::to_string(n) + ";\n";
  }
  for (int i = 0; i < graph.outputs.count; ++i)
    text += "  n" + std::to_string(graph.outputs.id[i]) + " -> output" + std::to_string(i + 1) + ";\n";
  return text + "}\n";
}

}  // namespace detail

/// A table of the network: a row for each layer with its name, output, parameters, multiply-adds and the
/// bytes of its output (per sample, float32), then the totals and the planned memory. PyTorch: torchinfo's
/// `summary(net)`.
template <class Net, class Input>
std::string summary() {
  return detail::summary_table(detail::view_of(detail::graph_of<Net, detail::Unwrap<Input>>),
                               inference_bytes<Net, Input>, training_bytes<Net, Input>);
}

/// The network as a drawing in Graphviz' language: `dot -Tsvg`. `Fused` draws what inference runs.
template <class Net, class Input, bool Fused = false>
std::string dot() {
  using Of = detail::Unwrap<Input>;
  const detail::GraphView layers = detail::view_of(detail::graph_of<Net, Of>);
  if constexpr (Fused)
    return detail::dot_drawing(layers,
                               detail::view_of(detail::Program<Net, Of, detail::Mode::inference>::graph));
  else
    return detail::dot_drawing(layers, layers);
}

}  // namespace mmdl
