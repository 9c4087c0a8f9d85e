// SPDX-License-Identifier: Apache-2.0
// A model's numbers on a device, and its weights in the layout of the device's products.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "../backend/gpu/gpu.hpp"
#include "../training/parameter_store.hpp"
#include "../training/program_view.hpp"

namespace mmdl::detail {

/// What changes from step to step, on the device: recorded commands read it there.
struct GpuStepState {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;
  float rate[4] = {};    ///< the optimizer's numbers of this step
  float losses[8] = {};  ///< one for each output, and what comes of them:
  float total = 0.0f;
  float norm = 0.0f;    ///< of the gradient, with clipping
  float factor = 1.0f;  ///< of the gradient, by clipping
  int failed = 0;       ///< 1: the loss was not finite, 2: the norm was not; nothing is changed then
  static constexpr int kept = 64;
  float recent_totals[kept] = {};  ///< of the last training steps, each at its number modulo `kept`
  int recent_failures[kept] = {};
};

/// Parameters, gradients and running statistics on a device beside the host's. `version` counts every change
/// on either side.
class GpuWeights : public DeviceMirror {
 public:
  GpuWeights(std::shared_ptr<Device> device, const GraphView& graph, float* parameters, float* states)
      : device_(std::move(device)),
        parameter_count_(graph.parameters),
        state_count_(graph.states),
        host_parameters_(parameters),
        host_states_(states) {}

  /// Brings the host's numbers to the device where `changes` says that they are newer.
  void upload(long changes) {
    if (uploaded_at_ == changes && values_.capacity() > 0) return;
    make_room();
    device_->upload(this->parameters(), host_parameters_, bytes(parameter_count_));
    device_->upload(states(), host_states_, bytes(state_count_));
    uploaded_at_ = changes;
    values_newer_ = false;
    ++version_;
  }
  /// Commands have changed the device's numbers.
  void changed() {
    values_newer_ = gradients_newer_ = true;
    ++version_;
  }
  long version() const { return version_; }

  void fetch_values() override {
    if (!values_newer_) return;
    device_->download(host_parameters_, parameters(), bytes(parameter_count_));
    device_->download(host_states_, states(), bytes(state_count_));
    values_newer_ = false;
  }
  void fetch_gradients() override {
    if (!gradients_newer_ || host_gradients_ == nullptr) return;
    device_->download(host_gradients_, gradients_.as<float>(), bytes(parameter_count_));
    gradients_newer_ = false;
  }

  float* parameters() const { return values_.as<float>() + state_room(); }
  float* states() const { return values_.as<float>(); }
  float* gradients_if_any() const { return gradients_.as<float>(); }
  float* gradients(float* host) {
    host_gradients_ = host;
    if (gradients_.reserve(device_, bytes(parameter_count_), "the gradients"))
      device_->upload(gradients_.as<float>(), host, bytes(parameter_count_));
    return gradients_.as<float>();
  }
  GpuStepState* step_state() {
    if (step_.reserve(device_, sizeof(GpuStepState), "the step")) {
      const GpuStepState empty;
      device_->upload(step_.as<void>(), &empty, sizeof empty);
    }
    return step_.as<GpuStepState>();
  }
  void make_room() { values_.reserve(device_, bytes(state_room() + parameter_count_) + 256, "the weights"); }

 private:
  static std::size_t bytes(long count) { return sizeof(float) * static_cast<std::size_t>(count); }
  long state_room() const { return (state_count_ + 63) / 64 * 64; }

  std::shared_ptr<Device> device_;
  long parameter_count_, state_count_;
  float *host_parameters_, *host_states_, *host_gradients_ = nullptr;
  DeviceBuffer values_, gradients_, step_;
  long uploaded_at_ = -1, version_ = 0;
  bool values_newer_ = false, gradients_newer_ = false;
};

/// The weights of one program in the layout of the device's products, all packed by one kernel.
template <class T>
class GpuPacking {
 public:
  GpuPacking(const std::shared_ptr<Device>& device, const ProgramView& program,
             std::span<const GpuKernelTable<T>* const> kernels, const Entry* entries, GpuWeights& weights)
      : nodes_(program.nodes),
        weights_(static_cast<std::size_t>(program.node_count), nullptr),
        shifts_(static_cast<std::size_t>(program.node_count), nullptr) {
    weights.make_room();
    const auto place = [&](int entry) -> const float* {
      if (entry < 0) return nullptr;
      return (entries[entry].spec.state ? weights.states() : weights.parameters()) + entries[entry].offset;
    };
    std::vector<PackingEntry> table;
    std::vector<int> owners;
    std::size_t total = 0;
    std::vector<std::size_t> at, shift_at;
    std::vector<bool> has_shift;
    for (int n = program.inputs; n < program.node_count; ++n) {
      const Node& node = program.nodes[n];
      const auto& kernel = *kernels[static_cast<std::size_t>(node.source)];
      if (node.merged || kernel.packed == nullptr) continue;
      const PackedWeight layout = kernel.packed(node);
      PackingEntry e;
      e.weight = place(node.entries[0]);
      e.bias = place(node.entries[1]);
      e.rows = layout.rows;
      e.columns = layout.columns;
      e.transposed = layout.transposed ? 1 : 0;
      e.first_tile = tiles_;
      tiles_ += (layout.rows + 31) / 32 * ((layout.columns + 31) / 32);
      at.push_back(total);
      total += aligned(static_cast<std::size_t>(layout.rows * layout.columns) * sizeof(T));
      shift_at.push_back(total);
      if (node.has_batch_norm) {
        e.gamma = place(node.entries[2]);
        e.beta = place(node.entries[3]);
        e.mean = place(node.states[0]);
        e.variance = place(node.states[1]);
        e.epsilon = static_cast<float>(node.epsilon_millionths) * 1e-6f;
      }
      has_shift.push_back(e.gamma != nullptr || e.bias != nullptr);
      if (has_shift.back()) total += aligned(static_cast<std::size_t>(layout.columns) * sizeof(float));
      table.push_back(e);
      owners.push_back(n);
    }
    count_ = static_cast<long>(table.size());
    if (count_ == 0) return;
    packed_.reserve(device, total, "the packed weights");
    for (std::size_t i = 0; i < table.size(); ++i) {
      auto* base = packed_.as<unsigned char>();
      table[i].packed = base + at[i];
      weights_[static_cast<std::size_t>(owners[i])] = table[i].packed;
      if (!has_shift[i]) continue;
      table[i].shift = reinterpret_cast<float*>(base + shift_at[i]);
      shifts_[static_cast<std::size_t>(owners[i])] = table[i].shift;
    }
    table_.reserve(device, table.size() * sizeof(PackingEntry), "the table of weights");
    device->upload(table_.as<void>(), table.data(), table.size() * sizeof(PackingEntry));
  }

  const Node* program() const { return nodes_; }
  const void* weight(int n) const { return weights_[static_cast<std::size_t>(n)]; }
  const float* shift(int n) const { return shifts_[static_cast<std::size_t>(n)]; }

  void record(GpuCommands& commands) const {
    if (count_ == 0) return;
    KernelText text("pack_weights", pack_weights_text);
    text.number<T>();
    KernelArguments k;
    k.p[0] = table_.template as<void>();
    k.n[0] = count_;
    commands.launch(text, {static_cast<unsigned>(tiles_), 1, 256}, k);
  }

  long packed_at = -1;  ///< the version of the weights that is packed

 private:
  static std::size_t aligned(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

  const Node* nodes_;
  std::vector<void*> weights_;
  std::vector<float*> shifts_;
  DeviceBuffer packed_, table_;
  long long tiles_ = 0;
  long count_ = 0;
};

}  // namespace mmdl::detail
