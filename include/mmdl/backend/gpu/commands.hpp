// SPDX-License-Identifier: Apache-2.0
// Records what a program does on a device. Recorded twice: first to learn what memory it takes, then with it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "device.hpp"

namespace mmdl::detail {

/// A list of commands under construction. Operators call `launch`, `convolve` and the rest; in the first
/// recording the addresses they pass mean nothing yet, and only `scratch_bytes` is kept.
class GpuCommands {
 public:
  /// `scratch`: memory that operators take turns at; null in the first recording.
  GpuCommands(Device& device, void* scratch, bool tf32)
      : device_(&device), scratch_(reinterpret_cast<std::uintptr_t>(scratch)), tf32_(tf32) {}

  bool tf32() const { return tf32_; }

  /// The scratch memory begins anew: what earlier operators had there is no longer needed.
  void begin_operator() { used_ = 0; }
  /// Room for `count` numbers until the next `begin_operator`.
  template <class U>
  U* scratch(long count) {
    const std::uintptr_t place = scratch_ + used_;
    used_ += (static_cast<std::size_t>(count) * sizeof(U) + 255) / 256 * 256;
    needed_ = std::max(needed_, used_);
    return reinterpret_cast<U*>(place);
  }
  std::size_t scratch_bytes() const { return needed_; }

  void launch(const KernelText& text, Grid grid, const KernelArguments& arguments) {
    if (grid.blocks_x == 0 || grid.blocks_y == 0) return;
    Command command;
    command.kind = Command::Kind::launch;
    command.kernel = device_->kernel(text);
    command.grid = grid;
    command.arguments = arguments;
    commands_.push_back(command);
  }
  /// Whether the plan computes what comes behind the convolution too.
  bool convolve(const ConvolutionProblem& problem, const ConvolutionOperands& operands) {
    Command command;
    command.kind = Command::Kind::convolve;
    command.plan = device_->plan(problem);
    command.operands = operands;
    command.workspace = scratch<unsigned char>(static_cast<long>(command.plan->workspace()));
    commands_.push_back(command);
    return command.plan->joins_epilogue();
  }
  void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes == 0 || to == from) return;
    Command command;
    command.kind = Command::Kind::copy;
    command.to = to;
    command.from = from;
    command.bytes = bytes;
    commands_.push_back(command);
  }
  void clear(void* to, std::size_t bytes) {
    if (bytes == 0) return;
    Command command;
    command.kind = Command::Kind::clear;
    command.to = to;
    command.bytes = bytes;
    commands_.push_back(command);
  }

  const std::vector<Command>& commands() const { return commands_; }
  std::vector<Command> take() { return std::move(commands_); }

  // Of the operator that is recorded now, where it has them: its weights as `GpuKernelTable::packed` asked
  // for, and what is added behind them: its bias, or what came of the batch norm that was folded in.
  const void* packed_weight = nullptr;
  const float* packed_shift = nullptr;
  /// Where kernels find the step's number: what random numbers depend on.
  const void* step_state = nullptr;

 private:
  Device* device_;
  std::uintptr_t scratch_;
  std::size_t used_ = 0, needed_ = 0;
  bool tf32_;
  std::vector<Command> commands_;
};

/// Blocks of `threads` that cover `count` threads.
inline unsigned blocks_for(long count, long threads) {
  return static_cast<unsigned>((count + threads - 1) / threads);
}

}  // namespace mmdl::detail
