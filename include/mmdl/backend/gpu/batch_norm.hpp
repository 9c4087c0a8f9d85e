// SPDX-License-Identifier: Apache-2.0
// Batch normalisation, with the residual and the activation that fusion put after it.
#pragma once

#include "../check_batch_norm.hpp"
#include "column_sums.hpp"
#include "elementwise.hpp"

namespace mmdl::detail {

inline constexpr const char* batch_norm_coefficients_text = R"cuda(
// For each channel scale and shift: from the batch's moments (MODE 0), from those kept (1), from the running
// statistics (2).
extern "C" __global__ void __launch_bounds__(256) batch_norm_coefficients(Arguments a) {
  const int c = blockIdx.x * 256 + threadIdx.x;
  if (c >= CHANNELS) return;
  const float* gamma = (const float*)a.p[2];
  const float* beta = (const float*)a.p[3];
  float* running_mean = (float*)a.p[4];
  float* running_variance = (float*)a.p[5];
  float* saved = (float*)a.p[6];
  float* scale = (float*)a.p[7];
  float mean, inverse;
  if (MODE == 0) {
    const float* partial = (const float*)a.p[1];
    double sum = 0.0, squares = 0.0;
    for (long long part = 0; part < a.n[1]; ++part) {
      sum += partial[(part * 2) * CHANNELS + c];
      squares += partial[(part * 2 + 1) * CHANNELS + c];
    }
    const double count = (double)a.n[0], shifted = sum / count;
    const double deviation = squares - sum * shifted;
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
  scale[CHANNELS + c] = beta[c] - mean * scale[c];
}
)cuda";

inline constexpr const char* batch_norm_gradient_coefficients_text = R"cuda(
// The parameters' gradients, and slope and constant of dx = scale * dz + slope * (x - mean) + constant.
extern "C" __global__ void __launch_bounds__(256) batch_norm_gradient_coefficients(Arguments a) {
  const int c = blockIdx.x * 256 + threadIdx.x;
  if (c >= CHANNELS) return;
  const float* partial = (const float*)a.p[0];
  const float* scale = (const float*)a.p[1];
  const float* saved = (const float*)a.p[2];
  const float* running_variance = (const float*)a.p[3];
  float* dgamma = (float*)a.p[4];
  float* dbeta = (float*)a.p[5];
  float* slope = (float*)a.p[6];
  double sum = 0.0, products = 0.0;
  for (long long part = 0; part < a.n[1]; ++part) {
    sum += partial[(part * 2) * CHANNELS + c];
    products += partial[(part * 2 + 1) * CHANNELS + c];
  }
  const double inverse = TRAINING ? (double)saved[CHANNELS + c]
                                  : 1.0 / sqrt((double)running_variance[c] + EPSILON_MILLIONTHS * 1e-6);
  products *= inverse;
  if (dgamma != 0) dgamma[c] = (float)(ACCUMULATE ? dgamma[c] + products : products);
  if (dbeta != 0) dbeta[c] = (float)(ACCUMULATE ? dbeta[c] + sum : sum);
  const double factor = TRAINING ? (double)scale[c] / (double)a.n[0] : 0.0;
  slope[c] = (float)(-factor * products * inverse);
  slope[CHANNELS + c] = (float)(-factor * sum);
}
)cuda";

/// As the CPU's `CpuKernel<operators::BatchNorm, T>`: bound by memory, with one reading for the statistics,
/// one reading and one writing; backward two readings and one writing. Sums of a part of the rows are floats,
/// those of the parts doubles.
template <class T>
struct GpuKernel<operators::BatchNorm, T> {
  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const long rows = a.samples * node.output.pixels(), channels = node.output.channels;
    check_batch_norm(node, rows, a.training);
    float* scale = commands.scratch<float>(2 * channels);
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
                 a.states, a.saved, scale, k);
    const bool residual = node.has_residual;
    ElementwiseKernelOf<T> kernel(
        "batch_norm_normalise",
        std::string("const float* scale = (const float*)a.p[EXTRA]; const int c = (int)(i % CHANNELS);"
                    " const float v = x0 * scale[c] + scale[CHANNELS + c];") +
            (!residual               ? " y0 = activate<ACTIVATION>(v);"
             : node.activation_first ? " y0 = activate<ACTIVATION>(v) + x1;"
                                     : " y0 = activate<ACTIVATION>(v + x1);"));
    kernel.read(a.inputs[0]);
    if (residual) kernel.read(a.inputs[node.input_count - 1]);
    kernel.write(a.output)
        .extra(scale)
        .set("CHANNELS", channels)
        .set("ACTIVATION", static_cast<long>(node.activation))
        .launch(commands, rows * channels);
  }

  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    const long rows = a.samples * node.output.pixels(), channels = node.output.channels;
    check_batch_norm(node, rows, a.training);
    float* scale = commands.scratch<float>(2 * channels);
    float* slope = commands.scratch<float>(2 * channels);
    const bool masked = node.activation != Activation::none;
    const bool from_output =
        masked && ((node.has_residual && !node.activation_first) || a.inputs[0] == nullptr);
    const float* mean = a.training ? a.saved : a.states[0];
    coefficients(commands, node, a.training ? 1 : 2, a.inputs[0], rows, 0, a.parameters,
                 const_cast<float* const*>(a.states), const_cast<float*>(a.saved), scale, {});
    const bool wants_parameters = a.parameter_gradients[0] != nullptr || a.parameter_gradients[1] != nullptr;
    const bool moved = a.training && a.input_gradients[0] != nullptr;
    if (wants_parameters || moved) sums(commands, a, from_output, rows, mean, scale, slope, wants_parameters);
    write(commands, a, from_output, rows, mean, scale, slope);
  }

 private:
  static void coefficients(GpuCommands& commands, const Node& node, int mode, const T* x, long rows,
                           long parts, const float* const* parameters, float* const* states, float* saved,
                           float* scale, KernelArguments k) {
    KernelText text("batch_norm_coefficients", batch_norm_coefficients_text);
    text.number<T>()
        .set("CHANNELS", node.output.channels)
        .set("MODE", mode)
        .set("EPSILON_MILLIONTHS", node.epsilon_millionths)
        .set("MOMENTUM_MILLIONTHS", node.momentum_millionths);
    k.p[0] = const_cast<T*>(x);
    k.p[2] = const_cast<float*>(parameters[0]);
    k.p[3] = const_cast<float*>(parameters[1]);
    k.p[4] = states[0];
    k.p[5] = states[1];
    k.p[6] = saved;
    k.p[7] = scale;
    k.n[0] = rows;
    k.n[1] = parts;
    commands.launch(text, {blocks_for(node.output.channels, 256), 1, 256}, k);
  }

  static void sums(GpuCommands& commands, const BackwardArguments<T>& a, bool from_output, long rows,
                   const float* mean, float* scale, float* slope, bool wants_parameters) {
    const Node& node = *a.node;
    const long channels = node.output.channels;
    // Of dz and of dz * (x - mean), dz the gradient behind the activation.
    RowSums<T> gradients("batch_norm_gradient_sums",
                         "      k0[j] = ((const float*)a.p[EXTRA])[c];\n"
                         "      k1[j] = ((const float*)a.p[EXTRA])[CHANNELS + c];\n"
                         "      k2[j] = ((const float*)a.p[EXTRA + 1])[c];",
                         std::string("        const float y = ") +
                             (from_output ? "x2" : "x0 * k0[j] + k1[j]") +
                             ";\n        const float dz = activation_gradient<ACTIVATION>(y, x1);\n"
                             "        s0[j] += dz; s1[j] += dz * (x0 - k2[j]);",
                         2);
    gradients.read(a.inputs[0]).read(a.output_gradient);
    if (from_output) gradients.read(a.output);
    const auto [partial, parts] = gradients.extra(scale)
                                      .extra(mean)
                                      .set("ACTIVATION", static_cast<long>(node.activation))
                                      .launch(commands, rows, channels);
    KernelText combine("batch_norm_gradient_coefficients", batch_norm_gradient_coefficients_text);
    combine.set("CHANNELS", channels)
        .set("TRAINING", a.training ? 1 : 0)
        .set("EPSILON_MILLIONTHS", node.epsilon_millionths)
        .set("ACCUMULATE", a.accumulate_parameters ? 1 : 0);
    KernelArguments c;
    c.p[0] = partial;
    c.p[1] = scale;
    c.p[2] = const_cast<float*>(a.saved);
    c.p[3] = const_cast<float*>(a.states[1]);
    c.p[4] = wants_parameters ? a.parameter_gradients[0] : nullptr;
    c.p[5] = wants_parameters ? a.parameter_gradients[1] : nullptr;
    c.p[6] = slope;
    c.n[0] = rows;
    c.n[1] = parts;
    commands.launch(combine, {blocks_for(channels, 256), 1, 256}, c);
  }

  /// The gradients of the input and of the residual, which may lie in dy's own array.
  static void write(GpuCommands& commands, const BackwardArguments<T>& a, bool from_output, long rows,
                    const float* mean, float* scale, float* slope) {
    const Node& node = *a.node;
    const bool masked = node.activation != Activation::none;
    T* dx = a.input_gradients[0];
    T* residual = node.has_residual ? a.input_gradients[node.input_count - 1] : nullptr;
    const bool residual_accumulates = node.has_residual && a.accumulate[node.input_count - 1];
    const bool residual_gets_dz = masked && !node.activation_first;
    if (residual == a.output_gradient && !residual_gets_dz && !residual_accumulates) residual = nullptr;
    const bool reads_x =
        a.inputs[0] != nullptr && ((masked && !from_output) || (dx != nullptr && a.training));
    std::string body =
        "const int c = (int)(i % CHANNELS); (void)c;"
        " const float* scale = (const float*)a.p[EXTRA];"
        " const float* slope = (const float*)a.p[EXTRA + 1];"
        " const float* mean = (const float*)a.p[EXTRA + 2];"
        " (void)scale; (void)slope; (void)mean; const float dy = x0;";
    int next = 1, outputs = 0;
    ElementwiseKernelOf<T> kernel("batch_norm_gradient", "");
    std::string x, y;
    if (reads_x) x = "x" + std::to_string(next++);
    if (from_output) y = "x" + std::to_string(next++);
    if (!masked)
      body += " const float dz = dy;";
    else if (from_output)
      body += " const float dz = activation_gradient<ACTIVATION>(" + y + ", dy);";
    else
      body += " const float dz = activation_gradient<ACTIVATION>(" + x +
              " * scale[c] + scale[CHANNELS + c], dy);";
    if (dx != nullptr) {
      body += " y" + std::to_string(outputs++) + " = dz * scale[c]";
      if (a.training) body += " + ((" + x + " - mean[c]) * slope[c] + slope[CHANNELS + c])";
      body += ";";
    }
    if (residual != nullptr)
      body += " y" + std::to_string(outputs++) + (residual_gets_dz ? " = dz;" : " = dy;");
    kernel = ElementwiseKernelOf<T>("batch_norm_gradient", body);
    kernel.read(a.output_gradient);
    if (reads_x) kernel.read(a.inputs[0]);
    if (from_output) kernel.read(a.output);
    if (dx != nullptr) kernel.write(dx, a.accumulate[0]);
    if (residual != nullptr) kernel.write(residual, residual_accumulates);
    kernel.extra(scale)
        .extra(slope)
        .extra(mean)
        .set("CHANNELS", node.output.channels)
        .set("ACTIVATION", static_cast<long>(node.activation))
        .launch(commands, rows * node.output.channels);
  }
};

}  // namespace mmdl::detail
