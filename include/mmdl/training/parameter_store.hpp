// SPDX-License-Identifier: Apache-2.0
// The numbers of one model: parameters, their gradients, running statistics.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../core/random.hpp"
#include "../core/tensor.hpp"
#include "../core/threads.hpp"
#include "../graph/describe.hpp"

namespace mmdl::detail {

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

/// The other place where a model's numbers lie when a device computes with them.
class DeviceMirror {
 public:
  DeviceMirror() = default;
  DeviceMirror(const DeviceMirror&) = delete;
  DeviceMirror& operator=(const DeviceMirror&) = delete;
  virtual ~DeviceMirror() = default;
  /// Brings parameters and running statistics, or gradients, to the host where the device's are newer.
  virtual void fetch_values() = 0;
  virtual void fetch_gradients() = 0;
};

/// The parameters of one model, their gradients and the running statistics, with their names. Where a device
/// computes with them, what is asked for is brought to the host first.
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
    fetch();
    ++changes_;
    return parameters_.data();
  }
  const T* parameters() const {
    fetch();
    return parameters_.data();
  }
  T* states() {
    fetch();
    ++changes_;
    return states_.data();
  }
  const T* states() const {
    fetch();
    return states_.data();
  }

  /// Whether the gradients are those of the last training step (zero before the first).
  bool gradients_kept() const { return gradients_kept_; }
  /// The flat gradient buffer, zero where nothing was computed.
  T* gradients() {
    make_gradients();
    if (mirror_) mirror_->fetch_gradients();
    return gradients_.data();
  }

  T* entry_data(int entry) {
    fetch();
    ++changes_;
    return place(entry);
  }
  const T* entry_data(int entry) const {
    fetch();
    return const_cast<ParameterStore*>(this)->place(entry);
  }

 protected:
  void gradients_kept(bool kept) { gradients_kept_ = kept; }
  void make_gradients() {
    if (gradients_.capacity() == 0 && graph_.parameters > 0) {
      gradients_.reserve(static_cast<std::size_t>(graph_.parameters));
      std::fill_n(gradients_.data(), graph_.parameters, T{});
    }
  }
  T* place(int entry) {
    const Entry& e = graph_.entries[entry];
    return (e.spec.state ? states_.data() : parameters_.data()) + e.offset;
  }
  long changes() const { return changes_; }
  // The host's own numbers, whatever the device has.
  T* host_parameters() { return parameters_.data(); }
  T* host_states() { return states_.data(); }
  T* host_gradients() { return gradients_.data(); }

  std::unique_ptr<DeviceMirror> mirror_;

 private:
  void fetch() const {
    if (mirror_) mirror_->fetch_values();
  }

  GraphView graph_;
  std::vector<std::string> names_;
  std::uint64_t seed_;
  Buffer<T> parameters_, gradients_, states_;
  long changes_ = 0;
  bool gradients_kept_ = true;
};

}  // namespace mmdl::detail
