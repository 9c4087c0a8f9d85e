// SPDX-License-Identifier: Apache-2.0
// A device that computes nothing: it notes the kernels and convolutions that programs ask for, and how much
// memory.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mmdl/backend/gpu/open_device.hpp>
#include <set>
#include <string>
#include <vector>

namespace mmdl_test {

using namespace mmdl::detail;

class RecordingDevice : public Device {
 public:
  std::string name() const override { return "recording device"; }
  std::pair<std::size_t, std::size_t> memory() const override {
    return {std::size_t{1} << 40, std::size_t{1} << 40};
  }
  void* allocate(std::size_t bytes) override {
    const std::uintptr_t place = next_;
    next_ += (bytes + 511) / 256 * 256;
    taken += bytes;
    return reinterpret_cast<void*>(place);
  }
  void release(void*) noexcept override {}
  void* allocate_host(std::size_t bytes) override { return std::malloc(bytes); }
  void release_host(void* memory) noexcept override { std::free(memory); }
  void upload(void*, const void*, std::size_t) override {}
  void download(void* to, const void*, std::size_t bytes) override {
    if (bytes > 0) std::memset(to, 0, bytes);
  }
  const void* kernel(const KernelText& text) override {
    texts.try_emplace(text.name() + text.source(), text);
    return this;
  }
  const ConvolutionPlan* plan(const ConvolutionProblem& problem) override {
    problems.try_emplace(problem.key(), problem);
    return &plan_;
  }
  void run(std::span<const Command>) override {}
  std::unique_ptr<CapturedCommands> capture(std::span<const Command> commands) override {
    commands_captured = commands.size();
    return std::make_unique<CapturedCommands>();
  }
  void run(const CapturedCommands&) override {}
  void feed(int, void*, const void*, std::size_t) override {}
  void await_feed(int) override {}
  void mark_consumed(int) override {}
  void await_consumed(int) override {}
  void wait() override {}

  std::map<std::string, KernelText> texts;
  std::map<std::string, ConvolutionProblem> problems;
  std::size_t taken = 0, commands_captured = 0;

 private:
  class NoPlan : public ConvolutionPlan {
   public:
    std::size_t workspace() const override { return 0; }
    bool joins_epilogue() const override { return false; }
  };
  NoPlan plan_;
  std::uintptr_t next_ = std::uintptr_t{1} << 40;
};

/// Models that are built while this lives lie on the given device.
class OnDevice {
 public:
  explicit OnDevice(std::shared_ptr<Device> device) { gpu_settings().device = std::move(device); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { gpu_settings().device.reset(); }
};

}  // namespace mmdl_test
