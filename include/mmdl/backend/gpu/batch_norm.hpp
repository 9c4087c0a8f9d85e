// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, with the residual and the activation that fusion put after it.
#pragma once

#include "../check_batch_norm.hpp"
#include "column_sums.hpp"
#include "elementwise.hpp"

namespace mmdl::detail {

inline constexpr const char* batch_norm_coefficients_text = R"cuda(
// For each channel scale, shift and mean: from the batch's moments (MODE 0), from those kept (1), from the running
// statistics (2).
extern "C" __global__ void __launch_bounds__(MODE == 0 ? 1024 : 256) batch_norm_coefficients(Arguments a) {
  const float* gamma = (const float*)a.p[2];
  const float* beta = (const float*)a.p[3];
  float* running_mean = (float*)a.p[4];
  float* running_variance = (float*)a.p[5];
  float* saved = (float*)a.p[6];
  float* scale = (float*)a.p[7];
  double sums[SUMS];
  int c = blockIdx.x * 256 + threadIdx.x;
  if (MODE == 0) {
    sum_parts((const float*)a.p[1], (int)a.n[1], sums);
    if (threadIdx.x >= 32) return;
    c = COLUMN;
  }
  if (c >= CHANNELS) return;
  float mean, inverse;
  if (MODE == 0) {
    const double count = (double)a.n[0], shifted = sums[0] / count;
    const double deviation = sums[1] - sums[0] * shifted;
    const double positive = deviation > 0.0 ? deviation : (deviation == deviation ? 0.0 : deviation);
    const double true_mean = to_float(((const Number*)a.p[0])[c]) + shifted;
    mean = (float)true_mean;
    inverse = (float)(1.0 / sqrt(positive / count + EPSILON_MILLIONTHS * 1e-6));
    const double momentum = MOMENTUM_MILLIONTHS * 1e-6;
    running_mean[c] = (float)((1.0 - momentum) * running_mean[c] + momentum * true_mean);
    running_variance[c] = (float)((1.0 - momentum) * running_variance[c] + momentum * positive / (count - 1.0));
    saved[c] = mean;
    saved[CHANNELS + c] = inverse;
  } else if (MODE == 1) {
    mean = saved[c];
    inverse = saved[CHANNELS + c];
  } else {
    mean = running_mean[c];
    inverse = (float)(1.0 / sqrt((double)running_variance[c] + EPSILON_MILLIONTHS * 1e-6));
  }
  scale[c] = gamma[c] * inverse;
  scale[ROOM + c] = beta[c] - mean * scale[c];
  scale[2 * ROOM + c] = mean;
}
)cuda";

inline constexpr const char* batch_norm_gradient_coefficients_text = R"cuda(
// The parameters' gradients, and slope and constant of dx = scale * dz + slope * (x - mean) + constant.
extern "C" __global__ void __launch_bounds__(1024) batch_norm_gradient_coefficients(Arguments a) {
  const float* saved = (const float*)a.p[2];
  const float* running_variance = (const float*)a.p[3];
  float* dgamma = (float*)a.p[4];
  float* dbeta = (float*)a.p[5];
  float* scale = (float*)a.p[1];
  double sums[SUMS];
  sum_parts((const float*)a.p[0], (int)a.n[1], sums);
  const int c = COLUMN;
  if (threadIdx.x >= 32 || c >= CHANNELS) return;
  const double sum = sums[0];
  const double inverse = TRAINING ? (double)saved[CHANNELS + c]
                                  : 1.0 / sqrt((double)running_variance[c] + EPSILON_MILLIONTHS * 1e-6);
  const double products = sums[1] * inverse;
  if (dgamma != 0) dgamma[c] = (float)(ACCUMULATE ? dgamma[c] + products : products);
  if (dbeta != 0) dbeta[c] = (float)(ACCUMULATE ? dbeta[c] + sum : sum);
  const double factor = TRAINING ? (double)scale[c] / (double)a.n[0] : 0.0;
  scale[3 * ROOM + c] = (float)(-factor * products * inverse);
  scale[4 * ROOM + c] = (float)(-factor * sum);
}
)cuda";

/// What batch norm's kernels know of each channel, in vectors that begin at multiples of 16 bytes.
struct GpuBatchNormCoefficients {
  GpuBatchNormCoefficients(GpuCommands& commands, long channels, int vectors)
      : room((channels + 3) / 4 * 4), all(commands.scratch<float>(vectors * room)) {}
  const float* scale() const { return all; }
  const float* shift() const { return all + room; }
  const float* mean() const { return all + 2 * room; }
  const float* slope() const { return all + 3 * room; }
  const float* constant() const { return all + 4 * room; }

  long room;
  float* all;
};

/// As the CPU's `CpuKernel<operators::BatchNorm, T>`: bound by memory, with one reading for the statistics,
/// one reading and one writing; backward two readings and one writing. Sums of a part of the rows are floats,
/// those of the parts doubles.
template <class T>
struct GpuKernel<operators::BatchNorm, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const long rows = a.samples * node.output.pixels(), channels = node.output.channels;
    check_batch_norm(node, rows, a.training);
    const GpuBatchNormCoefficients of_channels(commands, channels, 3);
    long parts = 0;
    KernelArguments k;
    if (a.training && !a.again) {
      // Of x - pivot and of its square, pivot the channel's first number, which keeps the square small.
      RowSums<T> moments("batch_norm_moments", "      k0[j] = to_float(((const Number*)a.p[1])[c]);",
                         "        const float d = x0 - k0[j]; s0[j] += d; s1[j] += d * d;", 2);
      const auto sums = moments.read(a.inputs[0]).launch(commands, rows, channels);
      k.p[1] = sums.first;
      parts = sums.second;
    }
    coefficients(commands, node, a.training ? (a.again ? 1 : 0) : 2, a.inputs[0], rows, parts, a.parameters,
                 a.states, a.saved, of_channels, k);
    const bool residual = node.has_residual;
    ElementwiseKernelOf<T> kernel("batch_norm_normalise",
                                  std::string("const float v = x0 * scale + shift;") +
                                      (!residual               ? " y0 = activate<ACTIVATION>(v);"
                                       : node.activation_first ? " y0 = activate<ACTIVATION>(v) + x1;"
                                                               : " y0 = activate<ACTIVATION>(v + x1);"));
    kernel.read(a.inputs[0]);
    if (residual) kernel.read(a.inputs[node.input_count - 1]);
    kernel.write(a.output)
        .channels(channels)
        .per_channel("scale", of_channels.scale())
        .per_channel("shift", of_channels.shift())
        .set("ACTIVATION", static_cast<long>(node.activation))
        .launch(commands, rows * channels);
  }

  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    const long rows = a.samples * node.output.pixels(), channels = node.output.channels;
    check_batch_norm(node, rows, a.training);
    const GpuBatchNormCoefficients of_channels(commands, channels, 5);
    const bool masked = node.activation != Activation::none;
    const bool from_output =
        masked && ((node.has_residual && !node.activation_first) || a.inputs[0] == nullptr);
    coefficients(commands, node, a.training ? 1 : 2, a.inputs[0], rows, 0, a.parameters,
                 const_cast<float* const*>(a.states), const_cast<float*>(a.saved), of_channels, {});
    const bool wants_parameters = a.parameter_gradients[0] != nullptr || a.parameter_gradients[1] != nullptr;
    const bool moved = a.training && a.input_gradients[0] != nullptr;
    if (wants_parameters || moved) sums(commands, a, from_output, rows, of_channels, wants_parameters);
    write(commands, a, from_output, rows, of_channels);
  }

 private:
  static void coefficients(GpuCommands& commands, const Node& node, int mode, const T* x, long rows,
                           long parts, const float* const* parameters, float* const* states, float* saved,
                           const GpuBatchNormCoefficients& of_channels, KernelArguments k) {
    const long channels = node.output.channels;
    KernelText text("batch_norm_coefficients", std::string(sum_parts_text) + batch_norm_coefficients_text);
    text.number<T>()
        .set("CHANNELS", channels)
        .set("ROOM", of_channels.room)
        .set("SUMS", 2)
        .set("MODE", mode)
        .set("EPSILON_MILLIONTHS", node.epsilon_millionths)
        .set("MOMENTUM_MILLIONTHS", node.momentum_millionths);
    k.p[0] = const_cast<T*>(x);
    k.p[2] = const_cast<float*>(parameters[0]);
    k.p[3] = const_cast<float*>(parameters[1]);
    k.p[4] = states[0];
    k.p[5] = states[1];
    k.p[6] = saved;
    k.p[7] = of_channels.all;
    k.n[0] = rows;
    k.n[1] = parts;
    commands.launch(text, mode == 0 ? sum_parts_grid(channels) : Grid{blocks_for(channels, 256), 1, 256}, k);
  }

  static void sums(GpuCommands& commands, const BackwardArguments<T>& a, bool from_output, long rows,
                   const GpuBatchNormCoefficients& of_channels, bool wants_parameters) {
    const Node& node = *a.node;
    const long channels = node.output.channels;
    // Of dz and of dz * (x - mean), dz the gradient behind the activation.
    RowSums<T> gradients("batch_norm_gradient_sums",
                         "      k0[j] = ((const float*)a.p[EXTRA])[c];\n"
                         "      k1[j] = ((const float*)a.p[EXTRA + 1])[c];\n"
                         "      k2[j] = ((const float*)a.p[EXTRA + 2])[c];",
                         std::string("        const float y = ") +
                             (from_output ? "x2" : "x0 * k0[j] + k1[j]") +
                             ";\n        const float dz = activation_gradient<ACTIVATION>(y, x1);\n"
                             "        s0[j] += dz; s1[j] += dz * (x0 - k2[j]);",
                         2);
    gradients.read(a.inputs[0]).read(a.output_gradient);
    if (from_output) gradients.read(a.output);
    const auto [partial, parts] = gradients.extra(of_channels.scale())
                                      .extra(of_channels.shift())
                                      .extra(of_channels.mean())
                                      .set("ACTIVATION", static_cast<long>(node.activation))
                                      .launch(commands, rows, channels);
    KernelText combine("batch_norm_gradient_coefficients",
                       std::string(sum_parts_text) + batch_norm_gradient_coefficients_text);
    combine.set("CHANNELS", channels)
        .set("ROOM", of_channels.room)
        .set("SUMS", 2)
        .set("TRAINING", a.training ? 1 : 0)
        .set("EPSILON_MILLIONTHS", node.epsilon_millionths)
        .set("ACCUMULATE", a.accumulate_parameters ? 1 : 0);
    KernelArguments c;
    c.p[0] = partial;
    c.p[1] = of_channels.all;
    c.p[2] = const_cast<float*>(a.saved);
    c.p[3] = const_cast<float*>(a.states[1]);
    c.p[4] = wants_parameters ? a.parameter_gradients[0] : nullptr;
    c.p[5] = wants_parameters ? a.parameter_gradients[1] : nullptr;
    c.n[0] = rows;
    c.n[1] = parts;
    commands.launch(combine, sum_parts_grid(channels), c);
  }

  /// The gradients of the input and of the residual, which may lie in dy's own array.
  static void write(GpuCommands& commands, const BackwardArguments<T>& a, bool from_output, long rows,
                    const GpuBatchNormCoefficients& of_channels) {
    const Node& node = *a.node;
    const bool masked = node.activation != Activation::none;
    T* dx = a.input_gradients[0];
    T* residual = node.has_residual ? a.input_gradients[node.input_count - 1] : nullptr;
    const bool residual_accumulates = node.has_residual && a.accumulate[node.input_count - 1];
    const bool residual_gets_dz = masked && !node.activation_first;
    if (residual == a.output_gradient && !residual_gets_dz && !residual_accumulates) residual = nullptr;
    const bool recomputes = masked && !from_output, moved = dx != nullptr && a.training;
    const bool reads_x = a.inputs[0] != nullptr && (recomputes || moved);
    const std::string x = "x1", y = reads_x ? "x2" : "x1";
    std::string body = "const float dy = x0;";
    if (!masked)
      body += " const float dz = dy;";
    else if (from_output)
      body += " const float dz = activation_gradient<ACTIVATION>(" + y + ", dy);";
    else
      body += " const float dz = activation_gradient<ACTIVATION>(" + x + " * scale + shift, dy);";
    int outputs = 0;
    if (dx != nullptr)
      body += " y" + std::to_string(outputs++) +
              (moved ? " = dz * scale + ((" + x + " - mean) * slope + constant);" : " = dz * scale;");
    if (residual != nullptr)
      body += " y" + std::to_string(outputs) + (residual_gets_dz ? " = dz;" : " = dy;");
    ElementwiseKernelOf<T> kernel("batch_norm_gradient", body);
    kernel.read(a.output_gradient);
    if (reads_x) kernel.read(a.inputs[0]);
    if (from_output) kernel.read(a.output);
    if (dx != nullptr) kernel.write(dx, a.accumulate[0]);
    if (residual != nullptr) kernel.write(residual, residual_accumulates);
    kernel.channels(node.output.channels).per_channel("scale", of_channels.scale());
    if (recomputes) kernel.per_channel("shift", of_channels.shift());
    if (moved)
      kernel.per_channel("mean", of_channels.mean())
          .per_channel("slope", of_channels.slope())
          .per_channel("constant", of_channels.constant());
    kernel.set("ACTIVATION", static_cast<long>(node.activation))
        .launch(commands, rows * node.output.channels);
  }
};

}  // namespace mmdl::detail
