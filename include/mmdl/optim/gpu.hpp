// SPDX-License-Identifier: Apache-2.0
// The optimizers as kernels of the GPU.
#pragma once

#include <array>
#include <cmath>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "../backend/gpu/kernel.hpp"
#include "../optim/adam.hpp"
#include "../optim/any_optimizer.hpp"
#include "../optim/parameter_range.hpp"
#include "../optim/rms_prop.hpp"
#include "../optim/sgd.hpp"

namespace mmdl::detail {

/// An optimizer's rule for one parameter p with its gradient g and its states s0 and s1. `decay` is the
/// weight decay that holds there; f are the options, r the numbers of the step.
struct GpuUpdate {
  std::string body;
  std::array<float, 6> options{};
  float decay = 0.0f;
  bool decay_all = false;
};

inline GpuUpdate gpu_update(const Sgd& o) {
  GpuUpdate u{"", {o.momentum}, o.weight_decay, o.decay_all};
  u.body = "const float gradient = g + decay * p;\n";
  if (o.momentum == 0.0f)
    u.body += "p -= r[0] * gradient;";
  else
    u.body += std::string("s0 = f[0] * s0 + gradient;\n") +
              (o.nesterov ? "p -= r[0] * (gradient + f[0] * s0);" : "p -= r[0] * s0;");
  return u;
}
inline std::array<float, 4> gpu_step_numbers(const Sgd&, float rate, long) { return {rate}; }

template <class Options>
GpuUpdate gpu_adam_update(const Options& o, bool decoupled) {
  GpuUpdate u{"", {o.beta1, o.beta2, o.epsilon}, o.weight_decay, o.decay_all};
  u.body = std::string(decoupled ? "const float gradient = g, kept = 1.0f - r[2] * decay;\n"
                                 : "const float gradient = g + decay * p, kept = 1.0f;\n") +
           "s0 = f[0] * s0 + (1.0f - f[0]) * gradient;\n"
           "s1 = f[1] * s1 + (1.0f - f[1]) * gradient * gradient;\n"
           "p = p * kept - r[0] * s0 / (sqrtf(s1) / r[1] + f[2]);";
  return u;
}
template <class Options>
std::array<float, 4> gpu_adam_numbers(const Options& o, float rate, long step) {
  const double t = static_cast<double>(step + 1);
  return {static_cast<float>(static_cast<double>(rate) / (1.0 - std::pow(static_cast<double>(o.beta1), t))),
          static_cast<float>(std::sqrt(1.0 - std::pow(static_cast<double>(o.beta2), t))), rate};
}
inline GpuUpdate gpu_update(const Adam& o) { return gpu_adam_update(o, false); }
inline GpuUpdate gpu_update(const AdamW& o) { return gpu_adam_update(o, true); }
inline std::array<float, 4> gpu_step_numbers(const Adam& o, float rate, long step) {
  return gpu_adam_numbers(o, rate, step);
}
inline std::array<float, 4> gpu_step_numbers(const AdamW& o, float rate, long step) {
  return gpu_adam_numbers(o, rate, step);
}

inline GpuUpdate gpu_update(const RmsProp& o) {
  GpuUpdate u{"", {o.alpha, o.epsilon, o.momentum}, o.weight_decay, o.decay_all};
  u.body =
      "const float gradient = g + decay * p;\n"
      "s0 = f[0] * s0 + (1.0f - f[0]) * gradient * gradient;\n"
      "const float move = gradient / (sqrtf(s0) + f[1]);\n";
  u.body += o.momentum > 0.0f ? "s1 = f[2] * s1 + move;\np -= r[0] * s1;" : "p -= r[0] * move;";
  return u;
}
inline std::array<float, 4> gpu_step_numbers(const RmsProp&, float rate, long) { return {rate}; }

inline GpuUpdate gpu_update(const AnyOptimizer& o) {
  return std::visit([](const auto& chosen) { return gpu_update(chosen); }, o.chosen);
}
inline std::array<float, 4> gpu_step_numbers(const AnyOptimizer& o, float rate, long step) {
  return std::visit([&](const auto& chosen) { return gpu_step_numbers(chosen, rate, step); }, o.chosen);
}

/// A part of the flat buffers that one block treats; the same structure in the kernels' language.
struct ParameterChunk {
  long long begin = 0;
  int count = 0;
  float decay = 0.0f;
};
inline constexpr int chunk_numbers = 2048;

inline std::vector<ParameterChunk> parameter_chunks(std::span<const ParameterRange> ranges, float decay,
                                                    bool decay_all) {
  std::vector<ParameterChunk> chunks;
  for (const ParameterRange& range : ranges)
    for (long begin = range.begin; begin < range.end; begin += chunk_numbers)
      chunks.push_back({begin, static_cast<int>(std::min<long>(chunk_numbers, range.end - begin)),
                        range.decay || decay_all ? decay : 0.0f});
  return chunks;
}

inline constexpr const char* step_state_text = R"cuda(
struct StepState {
  Bits64 seed, step;
  float rate[4];
  float losses[8];
  float total, norm, factor;
  int failed;
  float recent_totals[64];
  int recent_failures[64];
};
struct Chunk { long long begin; int count; float decay; };
)cuda";

/// Records p = update(p, g) for all chunks, unless the step has failed.
inline void record_update(GpuCommands& commands, const GpuUpdate& update, const void* chunks,
                          long chunk_count, float* parameters, const float* gradients, float* const* slots,
                          int slot_count, void* state) {
  std::string loads, stores;
  for (int s = 0; s < 2; ++s) {
    const std::string name = "s" + std::to_string(s);
    if (s < slot_count) {
      loads += "    float " + name + " = ((float*)a.p[" + std::to_string(4 + s) + "])[at];\n";
      stores += "    ((float*)a.p[" + std::to_string(4 + s) + "])[at] = " + name + ";\n";
    }
  }
  KernelText text(
      "update_parameters",
      step_state_text +
          std::string("extern \"C\" __global__ void __launch_bounds__(256) update_parameters(Arguments a) {\n"
                      "  const StepState& state = *(const StepState*)a.p[3];\n"
                      "  if (state.failed) return;\n"
                      "  const Chunk chunk = ((const Chunk*)a.p[2])[blockIdx.x];\n"
                      "  const float* r = state.rate; const float* f = a.f;\n"
                      "  const float decay = chunk.decay; (void)r; (void)f; (void)decay;\n"
                      "  for (int i = threadIdx.x; i < chunk.count; i += 256) {\n"
                      "    const long long at = chunk.begin + i;\n"
                      "    float p = ((float*)a.p[0])[at];\n"
                      "    const float g = ((const float*)a.p[1])[at] * state.factor;\n") +
          loads + update.body + "\n" + stores + "    ((float*)a.p[0])[at] = p;\n  }\n}\n");
  KernelArguments k;
  k.p[0] = parameters;
  k.p[1] = const_cast<float*>(gradients);
  k.p[2] = const_cast<void*>(chunks);
  k.p[3] = state;
  for (int s = 0; s < slot_count; ++s) k.p[4 + s] = slots[s];
  for (std::size_t i = 0; i < update.options.size(); ++i) k.f[i] = update.options[i];
  commands.launch(text, {static_cast<unsigned>(chunk_count), 1, 256}, k);
}

inline constexpr const char* gradient_norm_text = R"cuda(
extern "C" __global__ void __launch_bounds__(256) gradient_squares(Arguments a) {
  __shared__ double shared[256];
  const Chunk chunk = ((const Chunk*)a.p[1])[blockIdx.x];
  const float* g = (const float*)a.p[0] + chunk.begin;
  double sum = 0.0;
  for (int i = threadIdx.x; i < chunk.count; i += 256) sum += (double)g[i] * (double)g[i];
  shared[threadIdx.x] = sum;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) ((double*)a.p[2])[blockIdx.x] = shared[0];
}
// After the losses and, with clipping, the squares: does the step count, and by how much?
extern "C" __global__ void __launch_bounds__(256) judge_step(Arguments a) {
  __shared__ double shared[256];
  StepState& state = *(StepState*)a.p[0];
  double sum = 0.0;
  if (CLIPS)
    for (long long i = threadIdx.x; i < a.n[0]; i += 256) sum += ((const double*)a.p[1])[i];
  shared[threadIdx.x] = sum;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x != 0) return;
  float total = 0.0f;
  for (int i = 0; i < LOSSES; ++i) total += state.losses[i];
  const float norm = (float)sqrt(shared[0]);
  state.total = total;
  state.norm = CLIPS ? norm : 0.0f;
  state.factor = CLIPS && norm > a.f[0] ? a.f[0] / (norm + 1e-6f) : 1.0f;
  state.failed = !(total - total == 0.0f) ? 1 : CLIPS && !(norm - norm == 0.0f) ? 2 : 0;
  if (TRAINING) {
    state.recent_totals[state.step % 64] = state.failed == 2 ? norm : total;
    state.recent_failures[state.step % 64] = state.failed;
  }
}
extern "C" __global__ void __launch_bounds__(256) undo_statistics(Arguments a) {
  const long long i = (long long)blockIdx.x * 256 + threadIdx.x;
  if (i < a.n[0] && ((const StepState*)a.p[0])->failed) ((float*)a.p[1])[i] = ((const float*)a.p[2])[i];
}
extern "C" __global__ void begin_step(Arguments a) {
  StepState& state = *(StepState*)a.p[0];
  state.seed = (Bits64)a.n[0];
  state.step = (Bits64)a.n[1];
  for (int i = 0; i < 4; ++i) state.rate[i] = a.f[i];
}
)cuda";

}  // namespace mmdl::detail
