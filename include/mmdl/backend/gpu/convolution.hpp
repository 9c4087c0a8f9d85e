// SPDX-License-Identifier: Apache-2.0
// The convolution and the fully connected layer, which is one of a single place: cuDNN's products, and what
// they leave out.
#pragma once

#include "column_sums.hpp"
#include "elementwise.hpp"
#include "packed_weight.hpp"

namespace mmdl::detail {

/// The three products of a convolution with what comes behind the forward.
template <class T>
struct GpuConvolution {
  static void forward(GpuCommands& commands, ConvolutionProblem problem, const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const float* bias = commands.packed_shift;
    const T* residual = node.has_residual ? a.inputs[node.input_count - 1] : nullptr;
    ConvolutionOperands operands;
    operands.x = const_cast<T*>(a.inputs[0]);
    operands.w = const_cast<void*>(commands.packed_weight);
    operands.y = a.output;
    // A product reads its operands in an order of its own: it must not write over one of them.
    const bool over_residual = residual != nullptr && residual == a.output;
    if (over_residual) operands.y = commands.scratch<T>(a.samples * node.output.size());
    const bool joinable = !node.activation_first && !over_residual &&
                          (node.activation == Activation::none || node.activation == Activation::relu ||
                           node.activation == Activation::relu6);
    if (joinable) {
      problem.has_bias = bias != nullptr;
      problem.has_residual = residual != nullptr;
      problem.activation = node.activation;
      operands.bias = bias;
      operands.residual = residual;
    }
    const bool joined = commands.convolve(problem, operands) && joinable;
    if (joined || (bias == nullptr && residual == nullptr && node.activation == Activation::none)) return;
    std::string body = "float v = x0;";
    if (bias != nullptr) body += " v += bias;";
    if (residual == nullptr)
      body += " y0 = activate<ACTIVATION>(v);";
    else
      body += node.activation_first ? " y0 = activate<ACTIVATION>(v) + x1;"
                                    : " y0 = activate<ACTIVATION>(v + x1);";
    ElementwiseKernelOf<T> kernel("convolution_epilogue", body);
    kernel.read(static_cast<const T*>(operands.y));
    if (residual != nullptr) kernel.read(residual);
    if (bias != nullptr) kernel.channels(node.output.channels).per_channel("bias", bias);
    kernel.write(a.output)
        .set("ACTIVATION", static_cast<long>(node.activation))
        .launch(commands, a.samples * node.output.size());
  }

  static void backward(GpuCommands& commands, ConvolutionProblem problem, const BackwardArguments<T>& a,
                       const PackedWeight& layout, long rows) {
    const Node& node = *a.node;
    ConvolutionOperands operands;
    operands.y = const_cast<T*>(a.output_gradient);
    if (a.parameter_gradients[1] != nullptr)
      gpu_column_sums(commands, a.output_gradient, rows, node.output.channels, a.parameter_gradients[1],
                      a.accumulate_parameters);
    if (a.parameter_gradients[0] != nullptr) {
      T* packed = commands.scratch<T>(layout.rows * layout.columns);
      problem.pass = ConvolutionPass::weight_gradient;
      operands.x = const_cast<T*>(a.inputs[0]);
      operands.w = packed;
      commands.convolve(problem, operands);
      unpack_gradient(commands, static_cast<const T*>(packed), layout, a.parameter_gradients[0],
                      a.accumulate_parameters);
    }
    if (a.input_gradients[0] == nullptr) return;
    const long count = a.samples * node.input.size();
    problem.pass = ConvolutionPass::input_gradient;
    T* gradient = a.accumulate[0] ? commands.scratch<T>(count) : a.input_gradients[0];
    operands.x = gradient;
    operands.w = const_cast<void*>(commands.packed_weight);
    commands.convolve(problem, operands);
    if (a.accumulate[0])
      ElementwiseKernelOf<T>("accumulate", "y0 = x0;")
          .read(static_cast<const T*>(gradient))
          .write(a.input_gradients[0], true)
          .launch(commands, count);
  }
};

/// As the CPU's `CpuKernel<operators::Convolution, T>`.
template <class T>
struct GpuKernel<operators::Convolution, T> {
  static PackedWeight packed(const Node& node) {
    return {static_cast<long>(node.window.kernel_height) * node.window.kernel_width *
                (node.input.channels / node.window.groups),
            node.output.channels, false};
  }

  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    GpuConvolution<T>::forward(commands, problem(commands, *a.node, a.samples), a);
  }
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    GpuConvolution<T>::backward(commands, problem(commands, *a.node, a.samples), a, packed(*a.node),
                                a.samples * a.node->output.pixels());
  }

 private:
  static ConvolutionProblem problem(const GpuCommands& commands, const Node& node, int samples) {
    ConvolutionProblem p;
    p.number = number_type<T>;
    p.tf32 = commands.tf32();
    p.samples = samples;
    p.input = node.input;
    p.output = node.output;
    p.window = node.window;
    return p;
  }
};

/// The libraries treat one as any other.
template <class T>
struct GpuKernel<operators::DepthwiseConvolution, T> : GpuKernel<operators::Convolution, T> {};

/// As the CPU's `CpuKernel<operators::Linear, T>`: every row of every sample is a sample of one place.
template <class T>
struct GpuKernel<operators::Linear, T> {
  static PackedWeight packed(const Node& node) {
    return {inputs_of(node), node.output.channels, node.weight_transposed};
  }

  static void forward(GpuCommands& commands, const ForwardArguments<T>& a) {
    GpuConvolution<T>::forward(commands, problem(commands, *a.node, a.samples), a);
  }
  static void backward(GpuCommands& commands, const BackwardArguments<T>& a) {
    GpuConvolution<T>::backward(commands, problem(commands, *a.node, a.samples), a, packed(*a.node),
                                a.samples * a.node->output.pixels());
  }

 private:
  /// Numbers of a row: a step's, or a whole map's.
  static long inputs_of(const Node& node) { return node.input.size() / node.output.pixels(); }
  static ConvolutionProblem problem(const GpuCommands& commands, const Node& node, int samples) {
    ConvolutionProblem p;
    p.number = number_type<T>;
    p.tf32 = commands.tf32();
    p.samples = static_cast<int>(samples * node.output.pixels());
    p.input = {1, 1, static_cast<int>(inputs_of(node))};
    p.output = {1, 1, node.output.channels};
    return p;
  }
};

}  // namespace mmdl::detail
