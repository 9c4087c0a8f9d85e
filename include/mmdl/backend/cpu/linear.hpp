// SPDX-License-Identifier: Apache-2.0
// The fully connected layer: a product of the samples and the weights.
#pragma once

#include "column_sums.hpp"
#include "gemm.hpp"
#include "kernel.hpp"

namespace mmdl::detail {

/// y = activation(x * w + bias), x: samples x inputs, w: inputs x outputs, both row-major. PyTorch: `linear`
/// (its weights are transposed). The backward requires a node without a joined activation.
template <class T>
struct CpuKernel<operators::Linear, T> {
  static long workspace(const Node& node, int, bool training) {
    return gemm_workspace<T>(node.input.size(), node.output.channels, training);
  }

  static long packed_size(const Node& node, int) {
    return packed_factor_size<T>(node.input.size(), node.output.channels);
  }
  static void pack(const Node& node, int, const Wide<T>* weight, Packed<T>* to) {
    WeightMatrix<Wide<T>> b;
    b.data = weight;
    b.stride = node.output.channels;
    pack_factor<T>(b, node.input.size(), node.output.channels, to);
  }

  static void forward(const ForwardArguments<T>& a) {
    const long inputs = a.node->input.size(), outputs = a.node->output.channels;
    auto g = product(a.inputs[0], a.samples, inputs, a.parameters[0], a.output, outputs);
    g.b.stride = outputs;
    g.epilogue.shift = a.parameters[1];
    g.epilogue.activation = a.node->activation;
    g.packed_b = a.packed;
    gemm(g, a.workspace);
  }

  static void backward(const BackwardArguments<T>& a) {
    const long inputs = a.node->input.size(), outputs = a.node->output.channels;
    if (a.parameter_gradients[0] != nullptr) {
      auto g = product(a.inputs[0], a.samples, inputs, a.output_gradient, a.parameter_gradients[0], outputs);
      g.transpose_a = true;
      g.layout.grid_width = inputs;
      g.b.stride = outputs;
      g.epilogue.accumulate = a.accumulate_parameters;
      gemm(g, a.workspace, true);
    }
    if (a.parameter_gradients[1] != nullptr)
      column_sums(a.output_gradient, static_cast<long>(a.samples), outputs, a.parameter_gradients[1],
                  a.accumulate_parameters);
    if (a.input_gradients[0] != nullptr) {
      auto g = product(a.output_gradient, a.samples, outputs, a.parameters[0], a.input_gradients[0], inputs);
      g.b.stride = outputs;
      g.b.transposed = true;
      g.b.channels = outputs;
      g.epilogue.accumulate = a.accumulate[0];
      gemm(g, a.workspace);
    }
  }

 private:
  template <class Second, class Output>
  static Gemm<T, Output> product(const T* a, long rows, long depth, const Second* b, Output* output,
                                 long columns) {
    Gemm<T, Output> g;
    g.a = plain_matrix(a, rows, depth, depth);
    g.b.data = b;
    g.columns = columns;
    g.output = output;
    g.layout = {1, rows, 0, 0, columns};
    return g;
  }
};

}  // namespace mmdl::detail
