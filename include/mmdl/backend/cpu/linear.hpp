// SPDX-License-Identifier: Apache-2.0
// The fully connected layer: a product of the samples and the weights.
#pragma once

#include <algorithm>
#include <utility>

#include "column_sums.hpp"
#include "few_rows.hpp"
#include "gemm.hpp"
#include "kernel.hpp"

namespace mmdl::detail {

/// y = activation(x * w + bias) for each row of each sample, x: rows x inputs, w: inputs x outputs, both
/// row-major; with node->weight_transposed w lies there as outputs x inputs. PyTorch: `linear` (its weights
/// are transposed). The backward requires a node without a joined activation.
template <class T>
struct CpuKernel<operators::Linear, T> {
  static constexpr bool updates_weight = true;

  static long workspace(const Node& node, int, bool training) {
    const long inputs = inputs_of(node), outputs = node.output.channels;
    return gemm_workspace<T>(std::max(inputs, outputs), std::min(inputs, outputs), training);
  }

  static long packed_size(const Node& node, int) {
    return packed_factor_size<T>(inputs_of(node), node.output.channels);
  }
  static void pack(const Node& node, int, const Wide<T>* weight, Packed<T>* to) {
    WeightMatrix<Wide<T>> b;
    set_weight(node, b, weight, node.weight_transposed);
    pack_factor<T>(b, inputs_of(node), node.output.channels, to);
  }

  static void forward(const ForwardArguments<T>& a) {
    const Node& node = *a.node;
    const long inputs = inputs_of(node), outputs = node.output.channels;
    auto g = product(a.inputs[0], rows(a), inputs, a.parameters[0], a.output, outputs);
    set_weight(node, g.b, a.parameters[0], node.weight_transposed);
    g.epilogue.shift = a.parameters[1];
    g.epilogue.activation = node.activation;
    g.packed_b = a.packed;
    gemm(g, a.workspace);
  }

  static void backward(const BackwardArguments<T>& a) {
    const Node& node = *a.node;
    const long inputs = inputs_of(node), outputs = node.output.channels;
    if (a.input_gradients[0] != nullptr && !inner_products(rows(a), inputs, outputs, a)) {
      auto g = product(a.output_gradient, rows(a), outputs, a.parameters[0], a.input_gradients[0], inputs);
      set_weight(node, g.b, a.parameters[0], !node.weight_transposed);
      g.epilogue.accumulate = a.accumulate[0];
      gemm(g, a.workspace);
    }
    if (a.parameter_gradients[1] != nullptr)
      column_sums(a.output_gradient, rows(a), outputs, a.parameter_gradients[1], a.accumulate_parameters);
    if (a.parameter_gradients[0] != nullptr) {
      // The first factor is read as its transpose: x and dy, or dy and x for transposed weights.
      const T *first = a.inputs[0], *second = a.output_gradient;
      long height = inputs, width = outputs;
      if (node.weight_transposed) std::swap(first, second), std::swap(height, width);
      if (!outer_products(rows(a), first, height, second, width, a)) {
        auto g = product(first, rows(a), height, second, a.parameter_gradients[0], width);
        g.transpose_first();
        g.layout.grid_width = height;
        g.b.stride = width;
        g.epilogue.accumulate = a.accumulate_parameters;
        if (a.update) g.update = &a.update;
        gemm(g, a.workspace, true);
      }
    }
  }

 private:
  /// Numbers of a row: a step's, or a whole map's.
  static long inputs_of(const Node& node) { return node.input.size() / node.output.pixels(); }
  template <class Arguments>
  static long rows(const Arguments& a) {
    return a.samples * a.node->output.pixels();
  }

  /// The gradients of a few rows, read from and written to where they are; false where they are not for this.
  static bool outer_products(long rows, const T* first, long height, const T* second, long width,
                             const BackwardArguments<T>& a) {
    if constexpr (!is_narrow<T>) {
      if (rows <= few_rows)
        with_few_rows(rows, [&]<int Rows>() {
          FewRows<Rows, T>::outer(first, height, second, width, a.accumulate_parameters,
                                  a.parameter_gradients[0], a.update);
        });
      return rows <= few_rows;
    }
    return false;
  }
  static bool inner_products(long rows, long inputs, long outputs, const BackwardArguments<T>& a) {
    if constexpr (!is_narrow<T>) {
      const bool here = rows <= few_rows && !a.node->weight_transposed;
      if (here)
        with_few_rows(rows, [&]<int Rows>() {
          FewRows<Rows, T>::inner(a.parameters[0], inputs, a.output_gradient, outputs, a.accumulate[0],
                                  a.input_gradients[0]);
        });
      return here;
    }
    return false;
  }

  /// The weights as a second factor, or their transpose.
  template <class Matrix>
  static void set_weight(const Node& node, Matrix& b, const Wide<T>* weight, bool transposed) {
    b.data = weight;
    b.stride = node.weight_transposed ? inputs_of(node) : node.output.channels;
    b.transposed = transposed;
    if (transposed) b.channels = b.stride;
  }

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
