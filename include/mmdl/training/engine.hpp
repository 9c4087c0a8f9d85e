// SPDX-License-Identifier: Apache-2.0
// Runs a network's programs on host memory. One instance for each number type, whatever the networks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "../backend/cpu/convolution_method.hpp"
#include "../backend/cpu/kernel.hpp"
#include "../core/threads.hpp"
#include "../training/operands.hpp"
#include "../training/parameter_store.hpp"
#include "../training/update_order.hpp"

namespace mmdl::detail {

/// The memory of one model (its parameters, the arena of its values, kept as T) and the loop over its nodes.
template <class T>
class Engine : public ParameterStore<Wide<T>> {
  using W = Wide<T>;

 public:
  using ParameterStore<W>::graph;
  using ParameterStore<W>::gradients;
  using ParameterStore<W>::entry_data;
  using ParameterStore<W>::place;

  /// `kernels`: one for each node of the graph that inference runs, at the node's place, from static memory.
  Engine(const GraphView& network, std::span<const KernelTable<T>* const> kernels, std::uint64_t seed)
      : ParameterStore<W>(network, seed), kernels_(kernels), saved_offsets_(saved_offsets(network)) {
    saved_.reserve(static_cast<std::size_t>(saved_offsets_.back()));
  }

  /// Bytes of the arena as it was last needed, and of the kernels' scratch memory.
  std::size_t arena_bytes() const { return arena_.capacity() * sizeof(T); }
  std::size_t workspace_bytes() const { return workspace_.capacity() * sizeof(W); }

  /// Runs the forward of inference; the outputs are then at `value(program, output)`.
  void forward(const ProgramView& program, int samples, std::span<const W* const> inputs, RandomKey key) {
    run_forward(program, kernels_, samples, inputs, key);
  }
  /// Runs the forward of any program.
  void forward(const ProgramView& program, const TrainingKernels<T>& kernels, int samples,
               std::span<const W* const> inputs, RandomKey key) {
    run_forward(program, kernels.forward, samples, inputs, key);
  }

  /// Runs the backward of the last forward of this program. The gradients of the outputs are in place
  /// already.
  void backward(const ProgramView& program, const TrainingKernels<T>& kernels, int samples, RandomKey key) {
    Places<T> places = places_of(program, samples);
    places.gradients = gradients();
    run_backward(places, kernels, key, [&](BackwardArguments<T>& a, int, const auto& run) { run(a); });
    this->gradients_kept(true);
  }

  /// The same with each parameter updated as soon as its gradient is complete and nothing reads it any more:
  /// of the gradients only those of one node are there at a time. `update`: of the flat buffer's numbers.
  void backward(const ProgramView& program, const TrainingKernels<T>& kernels, int samples, RandomKey key,
                const ParameterUpdate<W>& update) {
    if (updates_.program != program.nodes) updates_ = UpdateOrder(program, graph());
    scratch_.reserve(static_cast<std::size_t>(updates_.size));
    this->gradients_kept(false);
    Places<T> places = places_of(program, samples);
    places.gradients = scratch_.data();
    places.gradient_places = updates_.places.data();
    const auto update_of = [&](int index) {
      const Entry& entry = graph().entries[index];
      return ParameterUpdate<W>{update.run, update.optimizer, entry.offset, entry.spec.decay};
    };
    run_backward(places, kernels, key, [&](BackwardArguments<T>& a, int n, const auto& run) {
      const auto entry_update = [&](int i) {
        const int index = a.node->entries[i];
        if (index < 0 || a.parameter_gradients[i] == nullptr || !updates_.last(index, n))
          return ParameterUpdate<W>{};
        return update_of(index);
      };
      const auto source = static_cast<std::size_t>(a.node->source);
      const bool by_kernel = kernels.backward[source]->updates_weight && !a.accumulate_parameters;
      if (by_kernel) a.update = entry_update(0);
      run(a);
      for (int i = by_kernel ? 1 : 0; i < max_entries; ++i)
        if (const auto whole = entry_update(i))
          update_parameter(whole, a.parameter_gradients[i], a.parameter_sizes[i]);
    });
    for (const int index : updates_.without_gradient) {
      const long count = graph().entries[index].spec.count();
      std::fill_n(scratch_.data(), count, W{});
      update_parameter(update_of(index), scratch_.data(), count);
    }
  }

  /// Where a value of the current batch lies.
  const T* value(const ProgramView& program, int value) const {
    return places_of(program, samples_).value(value);
  }
  /// Where a value's gradient lies; null when it has none.
  T* gradient(const ProgramView& program, int value) { return places_of(program, samples_).gradient(value); }

  /// Whether inference keeps the weights packed from one call to the next.
  void pack_weights(bool keep) {
    packs_ = keep;
    packed_at_ = -1;
    if (!keep) packed_ = {};
  }
  std::size_t packed_bytes() const { return packed_.capacity() * sizeof(Packed<T>); }

  /// Copies the numbers of the network's output `index` to `to`.
  void copy_output(const ProgramView& program, int index, W* to) const {
    const T* const from = value(program, program.outputs.id[index]);
    parallel_ranges(output_size(program, index), 1 << 15,
                    [&](long begin, long end) { store(from + begin, to + begin, end - begin, false); });
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
  /// Calls `step(arguments, node, run)` for each backward step, `run(arguments)` being its kernel.
  template <class Step>
  void run_backward(const Places<T>& places, const TrainingKernels<T>& kernels, RandomKey key,
                    const Step& step) {
    for_backward(
        *places.program, [&](int n) { forward_step(places, kernels.forward, n, key, /*again=*/true); },
        [&](int n) {
          BackwardArguments<T> a = places.backward(n, key);
          a.workspace = workspace_.data();
          step(a, n, kernels.backward[static_cast<std::size_t>(a.node->source)]->run);
        });
  }

  using ForwardKernels = std::span<const KernelTable<T>* const>;

  void run_forward(const ProgramView& program, ForwardKernels kernels, int samples,
                   std::span<const W* const> inputs, RandomKey key) {
    prepare(program, kernels, samples);
    take_inputs(program, inputs);
    if (packs_ && !program.training) pack(program, kernels, samples);
    const Places<T> places = places_of(program, samples);
    for (int n = program.inputs; n < program.node_count; ++n)
      if (!program.nodes[n].merged && !program.nodes[n].streamed)
        forward_step(places, kernels, n, key, /*again=*/false);
  }

  Places<T> places_of(const ProgramView& program, int samples) const {
    Places<T> p;
    p.program = &program;
    p.entries = graph().entries;
    p.samples = samples;
    p.arena = const_cast<T*>(arena_.data());
    std::copy(std::begin(inputs_), std::end(inputs_), p.inputs);
    auto* self = const_cast<Engine*>(this);
    p.parameters = self->host_parameters();
    p.states = self->host_states();
    p.saved = const_cast<W*>(saved_.data());
    p.saved_offsets = &saved_offsets_;
    return p;
  }

  void forward_step(const Places<T>& places, ForwardKernels kernels, int n, RandomKey key, bool again) {
    ForwardArguments<T> a = places.forward(n, again, key), feeder;
    const auto& kernel = kernel_of(*a.node, kernels);
    a.packed = packed_of(places, n);
    a.workspace = workspace_.data();
    const int input = a.node->inputs[0];
    if (places.program->nodes[input].streamed) {
      feeder = places.forward(input, again, key);
      feeder.packed = packed_of(places, input);
      feeder.workspace = a.workspace + rounded(kernel.workspace(*a.node, samples_, false));
      a.feeder = &feeder;
    }
    kernel.forward(a);
  }
  const Packed<T>* packed_of(const Places<T>& places, int n) const {
    const bool there =
        packs_ && !places.program->training && packed_places_[static_cast<std::size_t>(n)] >= 0;
    return there ? packed_.data() + packed_places_[static_cast<std::size_t>(n)] : nullptr;
  }

  /// Packs the weights anew where they have changed, or where a kernel's method at this batch wants others.
  [[gnu::cold]] void pack(const ProgramView& program, ForwardKernels kernels, int samples) {
    std::vector<long> places(static_cast<std::size_t>(program.node_count), -1);
    long total = 0;
    for (int n = program.inputs; n < program.node_count; ++n) {
      const Node& node = program.nodes[n];
      if (node.merged || kernel_of(node, kernels).pack == nullptr) continue;
      const long size = kernel_of(node, kernels).packed_size(node, samples);
      if (size == 0) continue;
      places[static_cast<std::size_t>(n)] = total;
      total += rounded(size);
    }
    if (packed_at_ == this->changes() && places == packed_places_) return;
    packed_.reserve(static_cast<std::size_t>(total));
    for (int n = program.inputs; n < program.node_count; ++n)
      if (places[static_cast<std::size_t>(n)] >= 0)
        kernel_of(program.nodes[n], kernels)
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

  static const KernelTable<T>& kernel_of(const Node& node, ForwardKernels kernels) {
    return *kernels[static_cast<std::size_t>(node.source)];
  }

  /// Makes room for a batch: the only place where memory is taken, and only when the batch, the program, or
  /// what else the kernels' scratch depends on changes.
  void prepare(const ProgramView& program, ForwardKernels kernels, int samples) {
    const int threads = thread_count();
    const ConvolutionMethod method = convolution_method();
    if (program.nodes == prepared_ && samples == samples_ && threads == threads_ && method == method_) return;
    make_room(program, kernels, samples);
    prepared_ = program.nodes;
    samples_ = samples;
    threads_ = threads;
    method_ = method;
  }
  [[gnu::cold]] void make_room(const ProgramView& program, ForwardKernels kernels, int samples) {
    long workspace = 0;
    for (int n = program.inputs; n < program.node_count; ++n) {
      const Node& node = program.nodes[n];
      if (node.merged || node.streamed) continue;
      long wanted = kernel_of(node, kernels).workspace(node, samples, program.training);
      const Node& input = program.nodes[node.inputs[0]];
      if (input.streamed) wanted = rounded(wanted) + kernel_of(input, kernels).lines_workspace(input);
      workspace = std::max(workspace, wanted);
    }
    workspace_.reserve(static_cast<std::size_t>(workspace));
    arena_.reserve(static_cast<std::size_t>(program.total) * static_cast<std::size_t>(samples));
  }

  ForwardKernels kernels_;  // of inference
  Buffer<T> arena_, narrow_inputs_;
  Buffer<W> saved_, workspace_, border_;
  Buffer<W> scratch_;  // the gradients of a node's parameters
  UpdateOrder updates_;
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
