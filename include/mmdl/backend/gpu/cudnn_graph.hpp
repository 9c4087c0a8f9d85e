// SPDX-License-Identifier: Apache-2.0
// A thin wrapper of cuDNN's graph API: descriptors that destroy themselves and say what went wrong.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cuda_libraries.hpp"

namespace mmdl::detail {

/// One descriptor of cuDNN's backend. Attributes are set one by one, then it is finalized.
class CudnnDescriptor {
 public:
  CudnnDescriptor() = default;
  CudnnDescriptor(cudnnBackendDescriptorType_t type, const char* what) : what_(what) {
    Cudnn::get().check(Cudnn::get().cudnnBackendCreateDescriptor(type, &descriptor_),
                       std::string("create ") + what);
  }
  CudnnDescriptor(CudnnDescriptor&& other) noexcept { swap(other); }
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept {
    swap(other);
    return *this;
  }
  CudnnDescriptor(const CudnnDescriptor&) = delete;
  CudnnDescriptor& operator=(const CudnnDescriptor&) = delete;
  ~CudnnDescriptor() {
    if (descriptor_ != nullptr) Cudnn::get().cudnnBackendDestroyDescriptor(descriptor_);
  }

  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                       const void* values) {
    Cudnn::get().check(Cudnn::get().cudnnBackendSetAttribute(descriptor_, name, type, count, values),
                       std::string("describe ") + what_);
    return *this;
  }
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, const std::vector<std::int64_t>& values) {
    return set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data());
  }
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, std::int64_t value) {
    return set(name, CUDNN_TYPE_INT64, 1, &value);
  }
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
    return set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
  }
  CudnnDescriptor& set(cudnnBackendAttributeName_t name, const CudnnDescriptor& other) {
    const cudnnBackendDescriptor_t descriptor = other.get();
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &descriptor);
  }
  CudnnDescriptor& finalize() {
    Cudnn::get().check(Cudnn::get().cudnnBackendFinalize(descriptor_), std::string("finalize ") + what_);
    return *this;
  }
  /// As `finalize`, where "not supported" is an answer.
  bool try_finalize() { return Cudnn::get().cudnnBackendFinalize(descriptor_) == CUDNN_STATUS_SUCCESS; }

  std::int64_t integer(cudnnBackendAttributeName_t name) const {
    std::int64_t value = 0, count = 0;
    Cudnn::get().check(
        Cudnn::get().cudnnBackendGetAttribute(descriptor_, name, CUDNN_TYPE_INT64, 1, &count, &value),
        std::string("ask ") + what_);
    return value;
  }

  cudnnBackendDescriptor_t get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ != nullptr; }

 private:
  void swap(CudnnDescriptor& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(what_, other.what_);
  }
  cudnnBackendDescriptor_t descriptor_ = nullptr;
  const char* what_ = "";
};

/// For whom plans are made: a device that is there (`handle`), or one that is only described (`properties`),
/// which is enough for planning.
struct CudnnTarget {
  cudnnHandle_t handle = nullptr;
  const CudnnDescriptor* properties = nullptr;
};

/// A device by its description, in cuDNN's own notation.
inline CudnnDescriptor cudnn_device(const std::string& json) {
  CudnnDescriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "a device");
  device.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
             static_cast<std::int64_t>(json.size()), json.data());
  device.finalize();
  return device;
}

/// An NHWC tensor; `dimensions` in cuDNN's order N, C, H, W.
inline CudnnDescriptor cudnn_tensor(std::int64_t id, const std::vector<std::int64_t>& d, cudnnDataType_t type,
                                    bool is_virtual = false) {
  CudnnDescriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, "a tensor");
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, type)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, d)
      .set(CUDNN_ATTR_TENSOR_STRIDES, {d[1] * d[2] * d[3], 1, d[3] * d[1], d[1]})
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 16)
      .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual)
      .finalize();
  return tensor;
}

/// An operation graph of `operations` for a target.
inline CudnnDescriptor cudnn_operation_graph(const CudnnTarget& target,
                                             const std::vector<cudnnBackendDescriptor_t>& operations) {
  CudnnDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "a graph");
  if (target.handle != nullptr)
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &target.handle);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
            static_cast<std::int64_t>(operations.size()), operations.data());
  graph.finalize();
  return graph;
}

/// The configurations of engines that cuDNN's heuristics propose, best first.
inline std::vector<CudnnDescriptor> cudnn_proposals(const CudnnTarget& target, const CudnnDescriptor& graph,
                                                    cudnnBackendHeurMode_t mode) {
  CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "heuristics");
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
  if (target.properties != nullptr) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.properties);
  if (!heuristics.try_finalize()) return {};
  std::int64_t count = 0;
  const Cudnn& cudnn = Cudnn::get();
  if (cudnn.cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                     CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count,
                                     nullptr) != CUDNN_STATUS_SUCCESS)
    return {};
  std::vector<CudnnDescriptor> proposals;
  std::vector<cudnnBackendDescriptor_t> places;
  for (std::int64_t i = 0; i < count; ++i) {
    proposals.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "an engine's configuration");
    places.push_back(proposals.back().get());
  }
  std::int64_t found = 0;
  cudnn.check(cudnn.cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                             CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &found, places.data()),
              "ask heuristics");
  proposals.resize(static_cast<std::size_t>(found));
  return proposals;
}

/// Whether the configuration's engine says the note of itself.
inline bool cudnn_engine_notes(const CudnnDescriptor& configuration, cudnnBackendNumericalNote_t note) {
  const Cudnn& cudnn = Cudnn::get();
  CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR, "an engine");
  cudnnBackendDescriptor_t place = engine.get();
  std::int64_t count = 0;
  cudnn.check(cudnn.cudnnBackendGetAttribute(configuration.get(), CUDNN_ATTR_ENGINECFG_ENGINE,
                                             CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &place),
              "ask for an engine");
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  cudnn.check(cudnn.cudnnBackendGetAttribute(engine.get(), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                             CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT,
                                             &count, notes),
              "ask an engine");
  for (std::int64_t i = 0; i < count; ++i)
    if (notes[i] == note) return true;
  return false;
}

/// The plan of a configuration; empty where it does not support the graph.
inline CudnnDescriptor cudnn_plan(const CudnnTarget& target, const CudnnDescriptor& configuration) {
  CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "a plan");
  if (target.handle != nullptr)
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &target.handle);
  if (target.properties != nullptr) plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target.properties);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
  if (!plan.try_finalize()) return {};
  return plan;
}

}  // namespace mmdl::detail
