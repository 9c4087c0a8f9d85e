// SPDX-License-Identifier: Apache-2.0
// Runs a network's programs on host memory. One instance for each number type, whatever the networks.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../backend/cpu/activation.hpp"
#include "../backend/cpu/convolution_method.hpp"
#include "../core/tensor.hpp"
#include "../core/threads.hpp"
#include "../graph/arguments.hpp"
#include "../graph/describe.hpp"

namespace mmdl::detail {

/// A program without its type.
struct ProgramView {
  const Node* nodes = nullptr;
  int node_count = 0;
  int inputs = 0;
  Wires outputs;
  const bool* runs_backward = nullptr;
  const bool (*accumulate)[max_inputs] = nullptr;
  const bool* accumulate_parameters = nullptr;
  const long* value = nullptr;
  const long* gradient = nullptr;
  const int* again = nullptr;  // what the backward computes again, in this order; before which step; where
  int again_count = 0;
  const int* again_before = nullptr;
  const long* again_value = nullptr;
  long total = 0;
  bool training = false;
};

template <class Program, Mode mode>
constexpr ProgramView program_view() {
  return {.nodes = Program::graph.nodes,
          .node_count = static_cast<int>(std::size(Program::graph.nodes)),
          .inputs = Program::graph.inputs,
          .outputs = Program::graph.outputs,
          .runs_backward = Program::backward.runs,
          .accumulate = Program::backward.accumulate,
          .accumulate_parameters = Program::backward.accumulate_parameters,
          .value = Program::plan.value,
          .gradient = Program::plan.gradient,
          .again = Program::backward.again,
          .again_count = Program::backward.again_count,
          .again_before = Program::backward.again_before,
          .again_value = Program::plan.again,
          .total = Program::plan.total,
          .training = mode != Mode::inference};
}

/// Draws one parameter tensor. The stream is the hash of its name, so a part has the same first weights in
/// any network that holds it under that name.
template <class T>
void draw_entry(const EntrySpec& spec, const std::string& name, std::uint64_t seed, T* data) {
  std::uint64_t stream = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : name) stream = (stream ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  const long count = spec.count();
  const float fan_in = static_cast<float>(spec.fan_in);
  switch (spec.initializer) {
    case Initializer::zeros:
      std::fill_n(data, count, T{0});
      break;
    case Initializer::ones:
      std::fill_n(data, count, T{1});
      break;
    case Initializer::he_normal:
      parallel_ranges(count, 4096, [&](long begin, long end) {
        fill_normals(data, begin, end, seed, stream, std::sqrt(2.0f / fan_in));
      });
      break;
    case Initializer::normal:
      parallel_ranges(count, 4096,
                      [&](long begin, long end) { fill_normals(data, begin, end, seed, stream, 1.0f); });
      break;
    case Initializer::second_quarter_ones:
      std::fill_n(data, count, T{0});
      std::fill_n(data + count / 4, count / 4, T{1});
      break;
    case Initializer::uniform_fan_in: {
      const float bound = 1.0f / std::sqrt(fan_in);
      parallel_ranges(count, 4096, [&](long begin, long end) {
        for (long i = begin; i < end; ++i)
          data[i] = static_cast<T>(
              bound * (2.0f * random_uniform(seed, stream, static_cast<std::uint64_t>(i)) - 1.0f));
      });
      break;
    }
  }
}

/// The parameters of one model, their gradients and the running statistics, with their names.
template <class T>
class ParameterStore {
 public:
  ParameterStore(const GraphView& graph, std::uint64_t seed)
      : graph_(graph), names_(entry_names(graph)), seed_(seed) {
    parameters_.reserve(static_cast<std::size_t>(graph.parameters));
    states_.reserve(static_cast<std::size_t>(graph.states));
    for (int e = 0; e < graph.entry_count; ++e)
      draw_entry(graph.entries[e].spec, names_[static_cast<std::size_t>(e)], seed, entry_data(e));
  }

  const GraphView& graph() const { return graph_; }
  const std::vector<std::string>& names() const { return names_; }
  std::uint64_t seed() const { return seed_; }

  // What gives a place to write at counts as a change.
  T* parameters() {
    ++changes_;
    return parameters_.data();
  }
  const T* parameters() const { return parameters_.data(); }
  T* states() {
    ++changes_;
    return states_.data();
  }
  const T* states() const { return states_.data(); }

  /// The flat gradient buffer, zero where nothing was computed.
  T* gradients() {
    if (gradients_.capacity() == 0 && graph_.parameters > 0) {
      gradients_.reserve(static_cast<std::size_t>(graph_.parameters));
      std::fill_n(gradients_.data(), graph_.parameters, T{});
    }
    return gradients_.data();
  }

  T* entry_data(int entry) {
    ++changes_;
    return place(entry);
  }
  const T* entry_data(int entry) const { return const_cast<ParameterStore*>(this)->place(entry); }

 protected:
  T* place(int entry) {
    const Entry& e = graph_.entries[entry];
    return (e.spec.state ? states_.data() : parameters_.data()) + e.offset;
  }
  long changes() const { return changes_; }

 private:
  GraphView graph_;
  std::vector<std::string> names_;
  std::uint64_t seed_;
  Buffer<T> parameters_, gradients_, states_;
  long changes_ = 0;
};

/// The memory of one model (its parameters, the arena of its values, kept as T) and the loop over its nodes.
template <class T>
class Engine : public ParameterStore<Wide<T>> {
  using W = Wide<T>;

 public:
  using ParameterStore<W>::graph;
  using ParameterStore<W>::gradients;
  using ParameterStore<W>::entry_data;
  using ParameterStore<W>::place;

  Engine(const GraphView& network, std::vector<const KernelTable<T>*> kernels, std::uint64_t seed)
      : ParameterStore<W>(network, seed), kernels_(std::move(kernels)) {
    saved_offsets_.reserve(static_cast<std::size_t>(network.node_count));
    long saved = 0;
    for (int n = 0; n < network.node_count; ++n) {
      saved_offsets_.push_back(saved);
      saved += rounded(network.nodes[n].saved);
    }
    saved_.reserve(static_cast<std::size_t>(saved));
  }

  /// Bytes of the arena as it was last needed, and of the kernels' scratch memory.
  std::size_t arena_bytes() const { return arena_.capacity() * sizeof(T); }
  std::size_t workspace_bytes() const { return workspace_.capacity() * sizeof(W); }

  /// Runs the forward; the outputs are then at `value(program, output)`.
  void forward(const ProgramView& program, int samples, std::span<const W* const> inputs, RandomKey key) {
    prepare(program, samples);
    take_inputs(program, inputs);
    if (packs_ && !program.training) pack(program, samples);
    for (int n = program.inputs; n < program.node_count; ++n) {
      if (!program.nodes[n].merged) forward_step(program, n, samples, key, /*again=*/false);
    }
  }

  /// Runs the backward of the last forward of this program. The gradients of the outputs are in place
  /// already.
  void backward(const ProgramView& program, int samples, RandomKey key) {
    int again = 0;
    for (int n = program.node_count - 1; n >= program.inputs; --n) {
      if (!program.runs_backward[n]) continue;
      for (; again < program.again_count && program.again_before[program.again[again]] == n; ++again)
        forward_step(program, program.again[again], samples, key, /*again=*/true);
      const Node& node = program.nodes[n];
      BackwardArguments<T> a;
      a.node = &node;
      a.samples = samples;
      a.training = !node.frozen;
      for (int i = 0; i < node.input_count; ++i) {
        const int input = node.inputs[i];
        a.extents[i] = program.nodes[input].output;
        if (reads_inputs(node)) a.inputs[i] = kept_value(program, input);
        a.input_gradients[i] = gradient(program, input);
        a.accumulate[i] = program.accumulate[n][i];
      }
      a.accumulate_parameters = program.accumulate_parameters[n];
      if (node.needs_output) a.output = kept_value(program, n);
      a.output_gradient = gradient(program, n);
      for (int i = 0; i < max_entries; ++i) {
        if (node.entries[i] < 0) continue;
        const Entry& entry = graph().entries[node.entries[i]];
        a.parameters[i] = place(node.entries[i]);
        a.parameter_sizes[i] = entry.spec.count();
        if (!entry.frozen) a.parameter_gradients[i] = gradients() + entry.offset;
      }
      for (int i = 0; i < max_states; ++i)
        if (node.states[i] >= 0) a.states[i] = place(node.states[i]);
      a.saved = saved_.data() + saved_offsets_[static_cast<std::size_t>(node.source)];
      a.workspace = workspace_.data();
      a.random = key;
      kernel(node).backward(a);
    }
  }

  /// Where a value of the current batch lies.
  const T* value(const ProgramView& program, int value) const {
    if (value < program.inputs) return inputs_[value];
    return arena_.data() + program.value[value] * samples_;
  }

  /// Where a value's gradient lies; null when it has none.
  T* gradient(const ProgramView& program, int value) {
    return program.gradient[value] < 0 ? nullptr : arena_.data() + program.gradient[value] * samples_;
  }

  /// Whether inference keeps the weights packed from one call to the next.
  void pack_weights(bool keep) {
    packs_ = keep;
    packed_at_ = -1;
    if (!keep) packed_ = {};
  }
  std::size_t packed_bytes() const { return packed_.capacity() * sizeof(Packed<T>); }

  /// Copies the numbers of the network's output `index` to `to`.
  void copy_output(const ProgramView& program, int index, W* to) const {
    store(value(program, program.outputs.id[index]), to, output_size(program, index), false);
  }

  /// The numbers of output `index` as losses read them.
  const W* output(const ProgramView& program, int index) {
    if constexpr (is_narrow<T>) {
      copy_output(program, index, border(program, index));
      return border(program, index);
    } else {
      return value(program, program.outputs.id[index]);
    }
  }
  /// Where a loss writes the gradient of output `index`, then tells so; null when it has none.
  W* output_gradient(const ProgramView& program, int index) {
    T* const to = gradient(program, program.outputs.id[index]);
    if constexpr (is_narrow<T>) {
      return to == nullptr ? nullptr : border(program, index) + output_size(program, index);
    } else {
      return to;
    }
  }
  void output_gradient_written(const ProgramView& program, int index) {
    if constexpr (is_narrow<T>) {
      T* const to = gradient(program, program.outputs.id[index]);
      if (to != nullptr)
        store(static_cast<const W*>(output_gradient(program, index)), to, output_size(program, index), false);
    }
  }

 private:
  /// Runs the forward of node n; `again`: in the backward, from what is kept, to its second place.
  void forward_step(const ProgramView& program, int n, int samples, RandomKey key, bool again) {
    const Node& node = program.nodes[n];
    ForwardArguments<T> a;
    a.node = &node;
    a.samples = samples;
    a.training = program.training && !node.frozen;
    a.again = again;
    for (int i = 0; i < node.input_count; ++i) {
      a.inputs[i] = again ? kept_value(program, node.inputs[i]) : value(program, node.inputs[i]);
      a.extents[i] = program.nodes[node.inputs[i]].output;
    }
    a.output = const_cast<T*>(again ? kept_value(program, n) : value(program, n));
    for (int i = 0; i < max_entries; ++i)
      if (node.entries[i] >= 0) a.parameters[i] = place(node.entries[i]);
    for (int i = 0; i < max_states; ++i)
      if (node.states[i] >= 0) a.states[i] = place(node.states[i]);
    a.saved = saved_.data() + saved_offsets_[static_cast<std::size_t>(node.source)];
    if (packs_ && !program.training && packed_places_[static_cast<std::size_t>(n)] >= 0)
      a.packed = packed_.data() + packed_places_[static_cast<std::size_t>(n)];
    a.workspace = workspace_.data();
    a.random = key;
    kernel(node).forward(a);
  }

  /// Where the backward finds a value: at its second place if it was computed again.
  const T* kept_value(const ProgramView& program, int value) const {
    if (value < program.inputs || program.again_value[value] < 0) return this->value(program, value);
    return arena_.data() + program.again_value[value] * samples_;
  }

  /// Packs the weights anew where they have changed, or where a kernel's method at this batch wants others.
  void pack(const ProgramView& program, int samples) {
    std::vector<long> places(static_cast<std::size_t>(program.node_count), -1);
    long total = 0;
    for (int n = program.inputs; n < program.node_count; ++n) {
      const Node& node = program.nodes[n];
      if (node.merged || kernel(node).pack == nullptr) continue;
      const long size = kernel(node).packed_size(node, samples);
      if (size == 0) continue;
      places[static_cast<std::size_t>(n)] = total;
      total += rounded(size);
    }
    if (packed_at_ == this->changes() && places == packed_places_) return;
    packed_.reserve(static_cast<std::size_t>(total));
    for (int n = program.inputs; n < program.node_count; ++n)
      if (places[static_cast<std::size_t>(n)] >= 0)
        kernel(program.nodes[n])
            .pack(program.nodes[n], samples, place(program.nodes[n].entries[0]),
                  packed_.data() + places[static_cast<std::size_t>(n)]);
    packed_places_ = std::move(places);
    packed_at_ = this->changes();
  }

  /// Numbers of output `index` for the whole batch.
  long output_size(const ProgramView& program, int index) const {
    return samples_ * program.nodes[program.outputs.id[index]].output.size();
  }

  /// The place of an output and, behind it, of its gradient as floats, where values are narrow.
  W* border(const ProgramView& program, int index) {
    long offset = 0;
    for (int i = 0; i < index; ++i) offset += 2 * output_size(program, i);
    return border_.data() + offset;
  }

  /// Inputs are the caller's own; where values are narrow, they are rounded into a buffer of ours.
  void take_inputs(const ProgramView& program, std::span<const W* const> inputs) {
    if constexpr (is_narrow<T>) {
      long total = 0, outputs = 0;
      for (int i = 0; i < program.inputs; ++i) total += samples_ * program.nodes[i].output.size();
      for (int i = 0; i < program.outputs.count; ++i) outputs += 2 * output_size(program, i);
      narrow_inputs_.reserve(static_cast<std::size_t>(total));
      border_.reserve(static_cast<std::size_t>(outputs));
      T* to = narrow_inputs_.data();
      for (int i = 0; i < program.inputs; ++i) {
        const long size = samples_ * program.nodes[i].output.size();
        const W* from = inputs[static_cast<std::size_t>(i)];
        parallel_ranges(size, 1 << 16,
                        [&](long begin, long end) { store(from + begin, to + begin, end - begin, false); });
        inputs_[i] = to;
        to += size;
      }
    } else {
      std::copy(inputs.begin(), inputs.end(), inputs_);
    }
  }

  const KernelTable<T>& kernel(const Node& node) const {
    return *kernels_[static_cast<std::size_t>(node.source)];
  }

  /// Makes room for a batch: the only place where memory is taken, and only when the batch, the program, or
  /// what else the kernels' scratch depends on changes.
  void prepare(const ProgramView& program, int samples) {
    const int threads = thread_count();
    const ConvolutionMethod method = convolution_method();
    if (program.nodes == prepared_ && samples == samples_ && threads == threads_ && method == method_) return;
    long workspace = 0;
    for (int n = program.inputs; n < program.node_count; ++n) {
      const Node& node = program.nodes[n];
      if (node.merged) continue;
      workspace = std::max(workspace, kernel(node).workspace(node, samples, program.training));
    }
    workspace_.reserve(static_cast<std::size_t>(workspace));
    arena_.reserve(static_cast<std::size_t>(program.total) * static_cast<std::size_t>(samples));
    prepared_ = program.nodes;
    samples_ = samples;
    threads_ = threads;
    method_ = method;
  }

  std::vector<const KernelTable<T>*> kernels_;
  Buffer<T> arena_, narrow_inputs_;
  Buffer<W> saved_, workspace_, border_;
  std::vector<long> saved_offsets_;
  Buffer<Packed<T>> packed_;
  std::vector<long> packed_places_;  // of each node; -1: not packed
  long packed_at_ = -1;              // the changes that the packed weights have seen
  bool packs_ = false;
  const T* inputs_[max_inputs] = {};
  const Node* prepared_ = nullptr;
  int samples_ = 0;
  int threads_ = 0;
  ConvolutionMethod method_ = ConvolutionMethod::automatic;
};

}  // namespace mmdl::detail
