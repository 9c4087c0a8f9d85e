// SPDX-License-Identifier: Apache-2.0
// Convolutions on a GPU: cuDNN's plans, chosen by its heuristics or by timing them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "cudnn_convolution.hpp"
#include "device.hpp"
#include "gpu_cache.hpp"

namespace mmdl::detail {

/// A cuDNN plan and what it says of itself.
class CudaConvolutionPlan : public ConvolutionPlan {
 public:
  CudaConvolutionPlan(CudnnDescriptor plan, bool joins, const ConvolutionProblem& of)
      : problem(of),
        plan_(std::move(plan)),
        workspace_(static_cast<std::size_t>(
            std::max<std::int64_t>(plan_.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE), 0))),
        joins_(joins) {}

  std::size_t workspace() const override { return workspace_; }
  bool joins_epilogue() const override { return joins_; }
  CudnnDescriptor take() { return std::move(plan_); }
  const ConvolutionProblem problem;

  void run(cudnnHandle_t handle, const ConvolutionOperands& o, void* workspace) const {
    std::vector<std::int64_t> ids{CudnnConvolution::x_id, CudnnConvolution::w_id, CudnnConvolution::y_id};
    std::vector<void*> places{o.x, o.w, o.y};
    if (o.bias != nullptr) {
      ids.push_back(CudnnConvolution::bias_id);
      places.push_back(const_cast<void*>(o.bias));
    }
    if (o.residual != nullptr) {
      ids.push_back(CudnnConvolution::residual_id);
      places.push_back(const_cast<void*>(o.residual));
    }
    CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "a run");
    const auto count = static_cast<std::int64_t>(ids.size());
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, ids.data())
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, places.data())
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace)
        .finalize();
    Cudnn::get().check(Cudnn::get().cudnnBackendExecute(handle, plan_.get(), pack.get()),
                       "run a convolution");
  }

 private:
  CudnnDescriptor plan_;
  std::size_t workspace_;
  bool joins_;
};

/// Finds the plan of a problem on a device.
class CudaPlanner {
 public:
  /// `tuned`: how many plans are timed; 0 or 1: the heuristics' first is taken.
  CudaPlanner(Device& device, cudnnHandle_t cudnn, CUstream stream, std::size_t tuned)
      : device_(device), driver_(CudaDriver::get()), cudnn_(cudnn), stream_(stream), tuned_(tuned) {}

  /// With what comes behind the convolution if cuDNN can join it, else without.
  std::unique_ptr<CudaConvolutionPlan> find(const ConvolutionProblem& problem) {
    const CudnnTarget target{cudnn_, nullptr};
    for (const bool joined : {true, false}) {
      if (joined && !problem.has_epilogue()) continue;
      const CudnnConvolution convolution(problem, joined, target);
      std::vector<CudnnDescriptor> plans = convolution.plans(target, tuned_ > 1 ? tuned_ : 1);
      if (plans.empty()) continue;
      const std::size_t best = plans.size() > 1 ? fastest(problem, joined, plans) : 0;
      return std::make_unique<CudaConvolutionPlan>(std::move(plans[best]), joined, problem);
    }
    fail(device_.name() + ": cuDNN has no engine for the convolution '" + problem.key() + "'");
  }

 private:
  /// Times plans on memory of their own and remembers which was the best.
  std::size_t fastest(const ConvolutionProblem& p, bool joined, std::vector<CudnnDescriptor>& plans) {
    const GpuCache cache(gpu_cache_folder());
    const std::string key = "fastest of " + std::to_string(plans.size()) + " plans, cuDNN " +
                            std::to_string(Cudnn::get().cudnnGetVersion()) + ", " + device_.name() +
                            (joined ? ", joined, " : ", ") + p.key();
    std::string found;
    if (cache.find(key, found)) {
      const std::size_t index = static_cast<std::size_t>(std::strtoul(found.c_str(), nullptr, 10));
      if (index < plans.size()) return index;
    }
    const std::size_t number = p.number == NumberType::float32 ? 4 : 2;
    const auto bytes = [&](long count) { return number * static_cast<std::size_t>(count); };
    const long weights = static_cast<long>(p.output.channels) * p.window.kernel_height *
                         p.window.kernel_width * (p.input.channels / p.window.groups);
    const std::array<std::size_t, 5> sizes{
        bytes(p.samples * p.input.size()), bytes(weights), bytes(p.samples * p.output.size()),
        p.has_bias && joined ? 4U * static_cast<std::size_t>(p.output.channels) : 0U,
        p.has_residual && joined ? bytes(p.samples * p.output.size()) : 0U};
    std::array<void*, 5> places{};
    void* workspace = nullptr;
    std::size_t best = 0, most = 0;
    for (const CudnnDescriptor& plan : plans)
      most = std::max(most, static_cast<std::size_t>(std::max<std::int64_t>(
                                plan.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE), 0)));
    bool room = (workspace = device_.allocate(most)) != nullptr;
    for (std::size_t i = 0; i < sizes.size() && room; ++i) {
      if (sizes[i] == 0) continue;
      room = (places[i] = device_.allocate(sizes[i])) != nullptr;
      if (room)
        driver_.check(driver_.cuMemsetD8Async(reinterpret_cast<CUdeviceptr>(places[i]), 0, sizes[i], stream_),
                      "clear memory");
    }
    if (room) {
      const ConvolutionOperands operands{places[0], places[1], places[2], places[3], places[4]};
      float least = 3.0e38f;
      for (std::size_t i = 0; i < plans.size(); ++i) {
        CudaConvolutionPlan plan(std::move(plans[i]), joined, p);
        const float time = milliseconds(plan, operands, workspace);
        plans[i] = plan.take();
        if (time < least) least = time, best = i;
      }
      cache.keep(key, std::to_string(best));
    }
    for (void* place : places)
      if (place != nullptr) device_.release(place);
    if (workspace != nullptr) device_.release(workspace);
    return best;
  }

  float milliseconds(const CudaConvolutionPlan& plan, const ConvolutionOperands& operands, void* workspace) {
    CUevent begin = nullptr, end = nullptr;
    driver_.check(driver_.cuEventCreate(&begin, CU_EVENT_DEFAULT), "make an event");
    driver_.check(driver_.cuEventCreate(&end, CU_EVENT_DEFAULT), "make an event");
    float least = 3.0e38f;
    for (int run = 0; run < 4; ++run) {  // the first warms up
      driver_.check(driver_.cuEventRecord(begin, stream_), "time");
      plan.run(cudnn_, operands, workspace);
      driver_.check(driver_.cuEventRecord(end, stream_), "time");
      driver_.check(driver_.cuEventSynchronize(end), "time");
      float time = 0.0f;
      driver_.check(driver_.cuEventElapsedTime(&time, begin, end), "time");
      if (run > 0) least = std::min(least, time);
    }
    (void)driver_.cuEventDestroy(begin);
    (void)driver_.cuEventDestroy(end);
    return least;
  }

  Device& device_;
  const CudaDriver& driver_;
  cudnnHandle_t cudnn_;
  CUstream stream_;
  std::size_t tuned_;
};

}  // namespace mmdl::detail
