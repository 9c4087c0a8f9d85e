// SPDX-License-Identifier: Apache-2.0
// The losses as kernels of the GPU.
#pragma once

#include <string>

#include "../backend/gpu/kernel.hpp"
#include "../losses/asymmetric.hpp"
#include "../losses/mean_squared_error.hpp"
#include "../losses/sequence_cross_entropy.hpp"
#include "../losses/sigmoid_cross_entropy.hpp"
#include "../losses/softmax_cross_entropy.hpp"
#include "../losses/spread_softmax_cross_entropy.hpp"
#include "../losses/warp.hpp"

namespace mmdl {

template <class Loss>
struct loss_has_no_kernel_on_gpu;  ///< problem: the loss is computed on the CPU only

namespace detail {

/// What a loss kernel needs to know; `body` is text that leaves the row's loss in `sum` of thread 0 and, with
/// GRADIENT, writes `dz`, which holds `scale` times the slope, for every column.
struct GpuLossText {
  std::string body;     ///< treats the row `z` of `SIZE` outputs with the row `y` of targets
  int target_size = 0;  ///< numbers of a row of targets
  float factors[6] = {};
  float weight = 1.0f;
  int active = 0;
};

inline constexpr const char* loss_rows_text = R"cuda(
// One block a row: its threads share the columns.
extern "C" __global__ void __launch_bounds__(128) loss_rows(Arguments a) {
  __shared__ float shared[128];
  const int row = blockIdx.x;
  const Number* z = (const Number*)a.p[0] + (long long)row * SIZE;
  const float* y = (const float*)a.p[1] + (long long)row * TARGETS;
  Number* dz = GRADIENT ? (Number*)a.p[2] + (long long)row * SIZE : 0;
  const float scale = a.f[6];
  float sum = 0.0f;
  (void)shared; (void)scale; (void)dz;
)cuda";

inline constexpr const char* loss_total_text = R"cuda(
// The mean over the rows, in an order that does not change.
extern "C" __global__ void __launch_bounds__(256) loss_total(Arguments a) {
  __shared__ double shared[256];
  const float* rows = (const float*)a.p[0];
  double sum = 0.0;
  for (long long row = threadIdx.x; row < a.n[0]; row += 256) sum += rows[row];
  shared[threadIdx.x] = sum;
  __syncthreads();
  for (int half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) *(float*)a.p[1] = (float)((double)a.f[0] * shared[0] / (double)a.n[0]);
}
)cuda";

/// The parts of a loss that takes every number by itself.
inline std::string elementwise_loss(const std::string& terms) {
  return "  for (int c = threadIdx.x; c < SIZE; c += 128) {\n"
         "    if (c >= COUNTED) { if (GRADIENT) put(dz[c], 0.0f); continue; }\n"
         "    const float x = to_float(z[c]), t = y[c]; float loss, slope;\n" +
         terms +
         "\n    sum += loss;\n    if (GRADIENT) put(dz[c], scale * slope);\n  }\n"
         "  sum = block_sum<128>(sum, shared);\n";
}

/// Softmax over columns from `first` to `first + count`: `largest` is the largest number, `log_sum` the
/// logarithm of the exponentials' sum.
inline constexpr const char* softmax_of_row =
    "    float largest = -3.402823466e38f;\n"
    "    for (int c = threadIdx.x; c < count; c += 128) { const float x = to_float(z[first + c]); if (x > "
    "largest || x "
    "!= x) largest = x; }\n"
    "    largest = block_maximum<128>(largest, shared);\n"
    "    float exponentials = 0.0f;\n"
    "    for (int c = threadIdx.x; c < count; c += 128) exponentials += expf(to_float(z[first + c]) - "
    "largest);\n"
    "    exponentials = block_sum<128>(exponentials, shared);\n"
    "    const float log_sum = logf(exponentials);\n";

template <class Loss>
struct GpuLoss;

template <>
struct GpuLoss<SigmoidCrossEntropy> {
  static GpuLossText text(const SigmoidCrossEntropy& loss, int size) {
    return {elementwise_loss("    const float e = expf(-fabsf(x));\n"
                             "    loss = (x > 0.0f ? x : 0.0f) - x * t + log1pf(e);\n"
                             "    slope = (x >= 0.0f ? 1.0f : e) / (1.0f + e) - t;"),
            size,
            {},
            loss.weight,
            loss.active};
  }
};

template <>
struct GpuLoss<MeanSquaredError> {
  static GpuLossText text(const MeanSquaredError& loss, int size) {
    return {elementwise_loss("    loss = (x - t) * (x - t);\n    slope = 2.0f * (x - t);"),
            size,
            {},
            loss.weight,
            0};
  }
};

template <>
struct GpuLoss<AsymmetricLoss> {
  static GpuLossText text(const AsymmetricLoss& o, int size) {
    return {
        elementwise_loss(
            "    const float e = expf(-fabsf(x)), small = e / (1.0f + e), large = 1.0f / (1.0f + e);\n"
            "    const float p = x >= 0.0f ? large : small, absent = x >= 0.0f ? small : large;\n"
            "    const float log_e = log1pf(e), gp = a.f[0], gn = a.f[1], m = a.f[2];\n"
            "    loss = 0.0f; slope = 0.0f;\n"
            "    if (t != 0.0f) {\n"
            "      const float l = (x < 0.0f ? -x : 0.0f) + log_e, f = gp == 0.0f ? 1.0f : powf(absent, "
            "gp);\n"
            "      loss += t * f * l; slope -= t * f * (absent + gp * p * l);\n"
            "    }\n"
            "    const float q = p - m;\n"
            "    if (t != 1.0f && !(q <= 0.0f)) {\n"
            "      const float rest = absent + m, l = m == 0.0f ? (x > 0.0f ? x : 0.0f) + log_e : "
            "-logf(rest);\n"
            "      const float f = gn == 0.0f ? 1.0f : powf(q, gn), r = m == 0.0f ? p : p * absent / rest;\n"
            "      loss += (1.0f - t) * f * l;\n"
            "      slope += (1.0f - t) * (f * r + (gn == 0.0f ? 0.0f : gn * powf(q, gn - 1.0f) * l * p * "
            "absent));\n"
            "    }"),
        size,
        {o.positive_focus, o.negative_focus, o.margin},
        o.weight,
        o.active};
  }
};

template <>
struct GpuLoss<SoftmaxCrossEntropy> {
  static GpuLossText text(const SoftmaxCrossEntropy& loss, int size) {
    return {std::string("  {\n    const int first = 0, count = SIZE;\n") + softmax_of_row +
                "    float mass = 0.0f;\n"
                "    for (int c = threadIdx.x; c < SIZE; c += 128) {\n"
                "      mass += y[c];\n"
                "      if (y[c] != 0.0f) sum -= y[c] * (to_float(z[c]) - largest - log_sum);\n    }\n"
                "    mass = block_sum<128>(mass, shared);\n"
                "    if (GRADIENT) for (int c = threadIdx.x; c < SIZE; c += 128)\n"
                "      put(dz[c], scale * (mass * expf(to_float(z[c]) - largest - log_sum) - y[c]));\n"
                "    sum = block_sum<128>(sum, shared);\n  }\n",
            size,
            {},
            loss.weight,
            0};
  }
};

template <>
struct GpuLoss<SpreadSoftmaxCrossEntropy> {
  static GpuLossText text(const SpreadSoftmaxCrossEntropy& loss, int size) {
    return {
        std::string("  {\n    const int first = 0, count = COUNTED;\n    float mass = 0.0f;\n"
                    "    for (int c = threadIdx.x; c < COUNTED; c += 128) mass += y[c];\n"
                    "    mass = block_sum<128>(mass, shared);\n") +
            softmax_of_row +
            "    for (int c = threadIdx.x; c < SIZE; c += 128) {\n"
            "      float gradient = 0.0f;\n"
            "      if (c < COUNTED && mass != 0.0f) {\n"
            "        const float log_probability = to_float(z[c]) - largest - log_sum, share = y[c] / mass;\n"
            "        if (share != 0.0f) sum -= share * log_probability;\n"
            "        gradient = expf(log_probability) - share;\n      }\n"
            "      if (GRADIENT) put(dz[c], scale * gradient);\n    }\n"
            "    sum = block_sum<128>(sum, shared);\n  }\n",
        size,
        {},
        loss.weight,
        loss.active};
  }
};

/// Draws what the CPU draws: threads share the labels, and one of them adds up in their order.
template <>
struct GpuLoss<Warp> {
  static GpuLossText text(const Warp& loss, int size) {
    return {"\n#define SEED ((Bits64)" + std::to_string(loss.seed ^ 0x57415250U) +
                "ull)\n"
                "  __shared__ int others[128];\n"
                "  __shared__ int trials[128];\n"
                "  const Bits64 step = GRADIENT ? ((const Bits64*)a.p[4])[1] : 0ull;\n"
                "  float absent = 0.0f;\n"
                "  for (int c = threadIdx.x; c < SIZE; c += 128) {\n"
                "    if (c < COUNTED && y[c] == 0.0f) absent += 1.0f;\n"
                "    if (GRADIENT) put(dz[c], 0.0f);\n  }\n"
                "  absent = block_sum<128>(absent, shared);\n"
                "  for (int first = 0; first < COUNTED && absent > 0.0f; first += 128) {\n"
                "    const int label = first + threadIdx.x;\n"
                "    others[threadIdx.x] = -1;\n"
                "    if (label < COUNTED && y[label] != 0.0f) {\n"
                "      Bits64 index = ((Bits64)row * SIZE + label) << 32;\n"
                "      for (int trial = 1; trial < COUNTED; ++trial) {\n"
                "        int other;\n"
                "        do {\n"
                "          other = (int)((Bits64)random_bits(SEED, step, index++).w[0] * COUNTED >> 32);\n"
                "        } while (y[other] != 0.0f);\n"
                "        if (!(to_float(z[other]) <= to_float(z[label]) - 1.0f)) {\n"
                "          others[threadIdx.x] = other;\n"
                "          trials[threadIdx.x] = trial;\n"
                "          break;\n        }\n      }\n    }\n"
                "    __syncthreads();\n"
                "    for (int i = 0; threadIdx.x == 0 && i < 128; ++i) {\n"
                "      if (others[i] < 0) continue;\n"
                "      float rank = 0.0f;\n"
                "      for (int r = 1; r <= (COUNTED - 1) / trials[i]; ++r) rank += 1.0f / (float)r;\n"
                "      sum += rank * (1.0f + to_float(z[others[i]]) - to_float(z[first + i]));\n"
                "      if (!GRADIENT) continue;\n"
                "      put(dz[others[i]], to_float(dz[others[i]]) + scale * rank);\n"
                "      put(dz[first + i], to_float(dz[first + i]) - scale * rank);\n    }\n"
                "    __syncthreads();\n  }\n",
            size,
            {},
            loss.weight,
            loss.active};
  }
};

template <int Length>
struct GpuLoss<SequenceCrossEntropy<Length>> {
  /// A target that is no class makes the loss NaN, which fails the step.
  static GpuLossText text(const SequenceCrossEntropy<Length>& loss, int) {
    return {
        "  const int count = SIZE / TARGETS;\n  for (int step = 0; step < TARGETS; ++step) {\n"
        "    const int first = step * count;\n    const float wanted = y[step];\n"
        "    if (wanted < 0.0f) {\n"
        "      if (GRADIENT) for (int c = threadIdx.x; c < count; c += 128) put(dz[first + c], 0.0f);\n"
        "      continue;\n    }\n" +
            std::string(softmax_of_row) +
            "    const int label = (int)wanted;\n"
            "    const bool valid = wanted < (float)count && wanted == (float)label;\n"
            "    if (threadIdx.x == 0)\n"
            "      sum += valid ? log_sum - (to_float(z[first + label]) - largest) : "
            "__uint_as_float(0x7fc00000u);\n"
            "    if (GRADIENT) for (int c = threadIdx.x; c < count; c += 128)\n"
            "      put(dz[first + c], scale * (expf(to_float(z[first + c]) - largest - log_sum) - (c == "
            "label ? 1.0f "
            ": 0.0f)));\n  }\n",
        Length,
        {},
        loss.weight,
        0};
  }
};

/// Records the loss of `samples` x `size` outputs to `value`, and its gradient unless `gradients` is null.
template <class T, class Loss>
void record_loss(GpuCommands& commands, const Loss& loss, const T* outputs, const float* targets,
                 T* gradients, float* value, int samples, int size) {
  const GpuLossText parts = GpuLoss<Loss>::text(loss, size);
  commands.begin_operator();
  float* rows = commands.scratch<float>(samples);
  KernelText text("loss_rows",
                  loss_rows_text + parts.body + "  if (threadIdx.x == 0) ((float*)a.p[3])[row] = sum;\n}\n");
  text.number<T>()
      .set("SIZE", size)
      .set("TARGETS", parts.target_size)
      .set("COUNTED", parts.active > 0 && parts.active < size ? parts.active : size)
      .set("GRADIENT", gradients != nullptr ? 1 : 0);
  KernelArguments k;
  k.p[0] = const_cast<T*>(outputs);
  k.p[1] = const_cast<float*>(targets);
  k.p[2] = gradients;
  k.p[3] = rows;
  k.p[4] = const_cast<void*>(commands.step_state);
  for (int i = 0; i < 6; ++i) k.f[i] = parts.factors[i];
  k.f[6] = parts.weight / static_cast<float>(samples);
  commands.launch(text, {static_cast<unsigned>(samples), 1, 128}, k);
  KernelArguments total;
  total.p[0] = rows;
  total.p[1] = value;
  total.n[0] = samples;
  total.f[0] = parts.weight;
  commands.launch(KernelText("loss_total", loss_total_text), {1, 1, 256}, total);
}

}  // namespace detail
}  // namespace mmdl
