// SPDX-License-Identifier: Apache-2.0
// Runs a network's programs on a device: everything is recorded once for each batch size and then replayed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../backend/gpu/gpu.hpp"
#include "../backend/gpu/open_device.hpp"
#include "../training/gpu_weights.hpp"
#include "../training/operands.hpp"
#include "../training/parameter_store.hpp"

namespace mmdl::detail {

/// The memory of one model on a device and what is recorded of it. The host's copy of the weights stays the
/// one that files are read into; whichever of the two is older is brought up to date when it is needed.
template <class T>
class GpuEngine : public ParameterStore<float> {
 public:
  /// `kernels`: one for each node of the graph, from static memory. Throws `Error` where there is no device.
  GpuEngine(const GraphView& network, std::span<const GpuKernelTable<T>* const> kernels, std::uint64_t seed)
      : ParameterStore<float>(network, seed),
        kernels_(kernels),
        saved_offsets_(saved_offsets(network)),
        device_(gpu_device()),
        tf32_(tf32_allowed()) {
    auto mirror = std::make_unique<GpuWeights>(device_, network, host_parameters(), host_states());
    weights_ = mirror.get();
    mirror_ = std::move(mirror);
  }

  const std::shared_ptr<Device>& device() const { return device_; }
  bool tf32() const { return tf32_; }

  /// Bytes of the arena and of the scratch memory as they were last needed.
  std::size_t arena_bytes() const { return arena_.capacity(); }
  std::size_t workspace_bytes() const { return scratch_.capacity(); }

  /// Runs the forward of inference from host memory; the outputs are then fetched by `copy_output`.
  void forward(const ProgramView& program, int samples, std::span<const float* const> inputs, RandomKey) {
    upload_values();
    Recording& recording = inference(program, samples);
    for (int i = 0; i < program.inputs; ++i)
      device_->upload(staging_place(program, samples, i), inputs[static_cast<std::size_t>(i)],
                      sizeof(float) * static_cast<std::size_t>(samples * program.nodes[i].output.size()));
    pack(program);
    device_->run(*recording.captured);
    samples_ = samples;
  }

  /// Runs the last forward again on the inputs that the device has, `times` times, and waits: what computing
  /// alone takes.
  void repeat_forward(const ProgramView& program, int times) {
    Recording& recording = inference(program, samples_);
    for (int i = 0; i < times; ++i) device_->run(*recording.captured);
    device_->wait();
  }

  /// Copies the numbers of the network's output `index` to the host.
  void copy_output(const ProgramView& program, int index, float* to) const {
    device_->download(to, output_place(program, samples_, index),
                      sizeof(float) * static_cast<std::size_t>(output_size(program, samples_, index)));
  }

  /// Inference keeps its weights ready in any case.
  void pack_weights(bool) {}

  // For the trainer, which records a whole step.

  /// Records by `record(GpuCommands&)`, which is called twice: the second time with the memory that the first
  /// turned out to need, all addresses then being those that stay.
  template <class Record>
  std::vector<Command> record(const ProgramView& program, int samples, const Record& record) {
    packing(program);
    GpuCommands measured(*device_, nullptr, tf32_);
    record(measured);
    reserve(program, samples, measured.scratch_bytes());
    GpuCommands commands(*device_, scratch_.as<void>(), tf32_);
    record(commands);
    return commands.take();
  }
  /// How often an address has changed: what was recorded before is then void.
  long generation() const { return generation_; }

  void record_forward(GpuCommands& commands, const ProgramView& program, int samples) {
    take_inputs(commands, program, samples);
    const Places<T> places = places_of(program, samples);
    for (int n = program.inputs; n < program.node_count; ++n)
      if (!program.nodes[n].merged) forward_step(commands, places, n, false);
  }
  void record_backward(GpuCommands& commands, const ProgramView& program, int samples) {
    const Places<T> places = places_of(program, samples);
    for_backward(
        program, [&](int n) { forward_step(commands, places, n, true); },
        [&](int n) {
          begin(commands, program, n);
          const BackwardArguments<T> a = places.backward(n, {});
          kernel(*a.node).backward(commands, a);
        });
  }
  /// Records the packing of the weights that a program reads.
  void record_packing(GpuCommands& commands, const ProgramView& program) {
    packing(program).record(commands);
  }
  const T* output(const ProgramView& program, int samples, int index) const {
    return places_of(program, samples).value(program.outputs.id[index]);
  }
  T* output_gradient(const ProgramView& program, int samples, int index) const {
    return places_of(program, samples).gradient(program.outputs.id[index]);
  }
  /// Brings the host's weights to the device where they are newer.
  void upload_values() { weights_->upload(changes()); }
  /// Says that commands have changed parameters, statistics and gradients on the device.
  void changed_on_device() { weights_->changed(); }
  GpuWeights& weights() { return *weights_; }
  /// The gradients on the device, zero where nothing was computed.
  float* device_gradients() {
    make_gradients();
    return weights_->gradients(host_gradients());
  }
  /// Where host inputs are taken from, floats; `index` counts the network's inputs.
  float* staging_place(const ProgramView& program, int samples, int index) const {
    long offset = 0;
    for (int i = 0; i < index; ++i) offset += rounded_floats(samples * program.nodes[i].output.size());
    return staging_.as<float>() + offset;
  }
  static long rounded_floats(long count) { return (count + 63) / 64 * 64; }

 private:
  struct Recording {
    const Node* nodes = nullptr;
    int samples = 0;
    long generation = -1;
    std::unique_ptr<CapturedCommands> captured;
  };

  const GpuKernelTable<T>& kernel(const Node& node) const {
    return *kernels_[static_cast<std::size_t>(node.source)];
  }
  static long output_size(const ProgramView& program, int samples, int index) {
    return samples * program.nodes[program.outputs.id[index]].output.size();
  }
  float* output_place(const ProgramView& program, int samples, int index) const {
    long offset = 0;
    for (int i = 0; i < index; ++i) offset += rounded_floats(output_size(program, samples, i));
    return outputs_.as<float>() + offset;
  }

  Recording& inference(const ProgramView& program, int samples) {
    for (Recording& r : recordings_)
      if (r.nodes == program.nodes && r.samples == samples && r.generation == generation_) return r;
    std::vector<Command> commands = record(program, samples, [&](GpuCommands& c) {
      record_forward(c, program, samples);
      for (int i = 0; i < program.outputs.count; ++i)
        record_conversion(c, output(program, samples, i), output_place(program, samples, i),
                          output_size(program, samples, i));
    });
    // Batches come in few sizes; beyond that the oldest recordings go.
    recordings_.remove_if([&](const Recording& r) { return r.generation != generation_; });
    if (recordings_.size() >= 8) recordings_.pop_front();
    recordings_.push_back({program.nodes, samples, generation_, device_->capture(commands)});
    return recordings_.back();
  }

  /// Values of T as floats, or the other way.
  template <class From, class To>
  static void record_conversion(GpuCommands& commands, const From* from, To* to, long count) {
    if constexpr (std::is_same_v<From, To>) {
      commands.copy(to, from, static_cast<std::size_t>(count) * sizeof(To));
    } else {
      KernelText text(
          "convert", std::string(is_narrow<From> ? "typedef BFloat16 From; typedef float To;"
                                                 : "typedef float From; typedef BFloat16 To;") +
                         "extern \"C\" __global__ void convert(Arguments a) {\n"
                         "  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;\n"
                         "  if (i < a.n[0]) put(((To*)a.p[1])[i], to_float(((const From*)a.p[0])[i]));\n}\n");
      KernelArguments k;
      k.p[0] = const_cast<From*>(from);
      k.p[1] = to;
      k.n[0] = count;
      commands.launch(text, {blocks_for(count, 256), 1, 256}, k);
    }
  }

  /// Inputs as floats are the network's own; where values are narrow, they are rounded into another place.
  void take_inputs(GpuCommands& commands, const ProgramView& program, int samples) {
    if constexpr (is_narrow<T>)
      for (int i = 0; i < program.inputs; ++i)
        record_conversion(commands, staging_place(program, samples, i), narrow_place(program, samples, i),
                          samples * program.nodes[i].output.size());
  }
  T* narrow_place(const ProgramView& program, int samples, int index) const {
    long offset = 0;
    for (int i = 0; i < index; ++i) offset += rounded_floats(samples * program.nodes[i].output.size());
    return narrow_inputs_.as<T>() + offset;
  }

  Places<T> places_of(const ProgramView& program, int samples) const {
    Places<T> p;
    p.program = &program;
    p.entries = graph().entries;
    p.samples = samples;
    p.arena = arena_.as<T>();
    for (int i = 0; i < program.inputs; ++i) {
      if constexpr (is_narrow<T>)
        p.inputs[i] = narrow_place(program, samples, i);
      else
        p.inputs[i] = staging_place(program, samples, i);
    }
    p.parameters = weights_->parameters();
    p.states = weights_->states();
    p.gradients = weights_->gradients_if_any();
    p.saved = saved_.as<float>();
    p.saved_offsets = &saved_offsets_;
    return p;
  }

  void begin(GpuCommands& commands, const ProgramView& program, int n) {
    commands.begin_operator();
    commands.step_state = weights_->step_state();
    const GpuPacking<T>& packed = packing(program);
    commands.packed_weight = packed.weight(n);
    commands.packed_shift = packed.shift(n);
  }
  void forward_step(GpuCommands& commands, const Places<T>& places, int n, bool again) {
    begin(commands, *places.program, n);
    const ForwardArguments<T> a = places.forward(n, again, {});
    kernel(*a.node).forward(commands, a);
  }

  GpuPacking<T>& packing(const ProgramView& program) {
    for (GpuPacking<T>& p : packings_)
      if (p.program() == program.nodes) return p;
    packings_.emplace_back(device_, program, kernels_, graph().entries, *weights_);
    ++generation_;
    return packings_.back();
  }
  /// Packs the weights anew where they have changed.
  void pack(const ProgramView& program) {
    GpuPacking<T>& p = packing(program);
    if (p.packed_at == weights_->version()) return;
    GpuCommands commands(*device_, nullptr, tf32_);
    p.record(commands);
    device_->run(commands.commands());
    p.packed_at = weights_->version();
  }

  /// Makes room for a batch: the only place where memory is taken, and only when more is needed than before.
  void reserve(const ProgramView& program, int samples, std::size_t scratch_bytes) {
    long inputs = 0, outputs = 0;
    for (int i = 0; i < program.inputs; ++i)
      inputs += rounded_floats(samples * program.nodes[i].output.size());
    for (int i = 0; i < program.outputs.count; ++i)
      outputs += rounded_floats(output_size(program, samples, i));
    const std::size_t arena =
        static_cast<std::size_t>(program.total) * static_cast<std::size_t>(samples) * sizeof(T);
    const std::size_t floats = sizeof(float) * static_cast<std::size_t>(inputs);
    check_memory(program, samples, arena + scratch_bytes + 2 * floats);
    bool moved = arena_.reserve(device_, arena, "the activations");
    moved |= scratch_.reserve(device_, scratch_bytes, "scratch");
    moved |= staging_.reserve(device_, floats, "the inputs");
    if (is_narrow<T>) moved |= narrow_inputs_.reserve(device_, floats, "the inputs");
    moved |= outputs_.reserve(device_, sizeof(float) * static_cast<std::size_t>(outputs), "the outputs");
    moved |= saved_.reserve(device_, sizeof(float) * static_cast<std::size_t>(saved_offsets_.back()),
                            "batch statistics");
    if (moved) ++generation_;
  }

  /// Says what a batch needs, what is free, and which batch would fit, before anything is taken.
  void check_memory(const ProgramView& program, int samples, std::size_t needed) const {
    const std::size_t held =
        arena_.capacity() + scratch_.capacity() + staging_.capacity() + narrow_inputs_.capacity();
    if (needed <= held) return;
    const auto [free, total] = device_->memory();
    const std::size_t usable = free + held;
    if (needed <= usable) return;
    const std::size_t per_sample = needed / static_cast<std::size_t>(samples);
    const std::size_t fits = per_sample > 0 ? usable / per_sample : 0;
    fail(device_->name() + ": memory for a " + (program.training ? "training step" : "prediction") + " of " +
             std::to_string(samples) + " samples",
         std::to_string(usable >> 20) + " MiB free of " + std::to_string(total >> 20) + " MiB",
         std::to_string((needed + (1U << 20) - 1) >> 20) + " MiB (about " + std::to_string(fits) +
             " samples would fit)");
  }

  std::span<const GpuKernelTable<T>* const> kernels_;
  std::vector<long> saved_offsets_;
  std::shared_ptr<Device> device_;
  bool tf32_;
  GpuWeights* weights_ = nullptr;  // owned as the store's mirror
  std::list<GpuPacking<T>> packings_;
  DeviceBuffer arena_, scratch_, staging_, narrow_inputs_, outputs_, saved_;
  std::list<Recording> recordings_;
  long generation_ = 0;
  int samples_ = 0;
};

}  // namespace mmdl::detail
