// SPDX-License-Identifier: Apache-2.0
// What the GPU backend asks of a device: memory, kernels, convolutions, and lists of commands that run in
// order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../../core/error.hpp"
#include "convolution_problem.hpp"
#include "kernel_text.hpp"

namespace mmdl::detail {

/// How many blocks of how many threads a kernel runs with.
struct Grid {
  unsigned blocks_x = 1;
  unsigned blocks_y = 1;
  unsigned threads = 256;
};

/// The one argument of every kernel: what it is given stands in fixed places, so that launching is the same
/// for all of them. `kernel_text.hpp` has the same structure in the kernels' language.
struct KernelArguments {
  void* p[24] = {};
  long long n[8] = {};
  float f[8] = {};
};

/// A convolution prepared for one problem; made and owned by a device.
class ConvolutionPlan {
 public:
  ConvolutionPlan() = default;
  ConvolutionPlan(const ConvolutionPlan&) = delete;
  ConvolutionPlan& operator=(const ConvolutionPlan&) = delete;
  virtual ~ConvolutionPlan() = default;
  /// Bytes of scratch memory that a run takes.
  virtual std::size_t workspace() const = 0;
  /// Whether a run computes what the problem asks for behind the convolution (bias, residual, activation); if
  /// not, a run gives the convolution alone.
  virtual bool joins_epilogue() const = 0;
};

/// One step of a recorded program.
struct Command {
  enum class Kind : unsigned char { launch, convolve, copy, clear };
  Kind kind = Kind::launch;
  const void* kernel = nullptr;  ///< launch: as `Device::kernel` gave it
  Grid grid;
  KernelArguments arguments;
  const ConvolutionPlan* plan = nullptr;  ///< convolve
  ConvolutionOperands operands;
  void* workspace = nullptr;
  void* to = nullptr;  ///< copy, clear
  const void* from = nullptr;
  std::size_t bytes = 0;
};

/// Commands that a device has taken in as a whole, to be run many times with one call.
class CapturedCommands {
 public:
  CapturedCommands() = default;
  CapturedCommands(const CapturedCommands&) = delete;
  CapturedCommands& operator=(const CapturedCommands&) = delete;
  virtual ~CapturedCommands() = default;
};

/// A device: one queue on which everything runs in order, and a second one that brings the next batch.
/// Pointers are addresses of the device unless said otherwise. Every function throws `Error` when the device
/// reports one.
class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  /// What it is, for messages.
  virtual std::string name() const = 0;
  /// Bytes that are free, and bytes in all.
  virtual std::pair<std::size_t, std::size_t> memory() const = 0;
  /// Memory aligned to 256 bytes; null when there is not as much.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) noexcept = 0;
  /// Memory of the host that copies run from without waiting.
  virtual void* allocate_host(std::size_t bytes) = 0;
  virtual void release_host(void* memory) noexcept = 0;

  /// Copies from and to the host; when they return, the host's memory may be used again (and holds the
  /// numbers).
  virtual void upload(void* to, const void* from, std::size_t bytes) = 0;
  virtual void download(void* to, const void* from, std::size_t bytes) = 0;

  /// The kernel of a text, compiled at the first call.
  virtual const void* kernel(const KernelText& text) = 0;
  /// The way to compute a convolution; found at the first call. Throws `Error` where there is none.
  virtual const ConvolutionPlan* plan(const ConvolutionProblem& problem) = 0;

  virtual void run(std::span<const Command> commands) = 0;
  virtual std::unique_ptr<CapturedCommands> capture(std::span<const Command> commands) = 0;
  virtual void run(const CapturedCommands& commands) = 0;

  /// Copies from `allocate_host`'s memory beside the commands. `slot` (0 or 1) names the copy: `await_feed`
  /// makes later commands wait for it, `mark_consumed` says that the commands so far were the last to read
  /// it, and `await_consumed` makes the host wait until they have.
  virtual void feed(int slot, void* to, const void* from, std::size_t bytes) = 0;
  virtual void await_feed(int slot) = 0;
  virtual void mark_consumed(int slot) = 0;
  virtual void await_consumed(int slot) = 0;

  /// Waits until everything has run.
  virtual void wait() = 0;
};

/// Memory of a device that grows and frees itself. Its contents are garbage after growing.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceBuffer() { clear(); }

  /// Makes room for `bytes`; true where the address has changed. Throws `Error`, which says what was needed
  /// and what is free, where there is no room; `what` names the use.
  bool reserve(const std::shared_ptr<Device>& device, std::size_t bytes, const char* what) {
    if (bytes <= capacity_) return false;
    clear();
    data_ = device->allocate(bytes);
    if (data_ == nullptr) {
      const auto [free, total] = device->memory();
      fail(device->name() + ": memory for " + what,
           std::to_string(free >> 20) + " MiB free of " + std::to_string(total >> 20) + " MiB",
           std::to_string((bytes + (1U << 20) - 1) >> 20) + " MiB");
    }
    device_ = device;
    capacity_ = bytes;
    return true;
  }
  void clear() noexcept {
    if (data_ != nullptr) device_->release(data_);
    data_ = nullptr;
    capacity_ = 0;
    device_.reset();
  }
  template <class U>
  U* as() const {
    return static_cast<U*>(data_);
  }
  std::size_t capacity() const { return capacity_; }

 private:
  void swap(DeviceBuffer& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
  }
  std::shared_ptr<Device> device_;
  void* data_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace mmdl::detail
