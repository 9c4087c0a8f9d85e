// SPDX-License-Identifier: Apache-2.0
// One node of the flat graph: plain values, no types, so that every pass is an ordinary constexpr function.
#pragma once

namespace mmdl {

/// What an activation computes; `none` is the identity.
enum class Activation : unsigned char { none, relu, relu6, sigmoid, tanh };

namespace detail {

inline constexpr int max_inputs = 8;        // inputs of one node; wider joins are made of several nodes
inline constexpr int max_entries = 4;       // parameter tensors of one node
inline constexpr int max_states = 2;        // state tensors (running statistics) of one node
inline constexpr int one_pass_depth = 128;  // a product of this depth is written once, when it is complete

/// Height, width and channels of one sample of a value; a vector is 1 x 1 x channels.
struct Extent {
  int height = 1;
  int width = 1;
  int channels = 1;

  constexpr long pixels() const { return static_cast<long>(height) * width; }
  constexpr long size() const { return pixels() * channels; }
  friend constexpr bool operator==(const Extent&, const Extent&) = default;
};

/// The sliding window of a convolution or a pooling.
struct Window {
  int kernel_height = 1, kernel_width = 1;
  int stride = 1;
  int dilation = 1;
  int groups = 1;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;

  /// One place, one step, no padding: a convolution with it is a plain matrix product.
  constexpr bool pointwise() const {
    return kernel_height == 1 && kernel_width == 1 && stride == 1 && pad_top == 0 && pad_left == 0 &&
           pad_bottom == 0 && pad_right == 0;
  }
};

/// Whether a convolution takes each channel by itself, which is an operator apart. One group is a plain one.
constexpr bool is_depthwise(int groups, int channels, int filters) {
  return groups > 1 && groups == channels && groups == filters;
}

/// The operators that passes know by name. `custom` is a user's own; its kernels come with its type.
enum class OperatorKind : unsigned char {
  input,
  convolution,
  linear,
  batch_norm,
  activation,
  add,
  product,
  concat,
  max_pool,
  average_pool,
  global_average_pool,
  dropout,
  other,  ///< joined to nothing and shares nothing
  custom
};

/// How much of what its backward reads a part of the network keeps from the forward; see `recompute`.
enum class Keeping : unsigned char { usual, all, little };

/// One operator applied to earlier values. A node has one output, and the value's number is the node's.
struct Node {
  OperatorKind kind = OperatorKind::input;
  const char* name = "";  ///< the layer's kind as a word: "conv", "batch_norm"; also names its parameters
  int source = 0;         ///< the node of the unfused graph whose kernels run this node
  int scope = 0;          ///< where in the network's structure it stands (index into the graph's scopes)
  int input_count = 0;    ///< values read, the residual included
  int inputs[max_inputs] = {};          ///< their numbers, each smaller than this node's
  int input_channels[max_inputs] = {};  ///< concat: channels of each input
  Extent input;                         ///< extent of the first input
  Extent output;

  Window window;              ///< convolution and pooling
  bool count_padding = true;  ///< average pooling: padding counts in the divisor (PyTorch: count_include_pad)
  bool weight_transposed = false;        ///< linear: weights are [outputs][inputs]
  int first_row = 0, first_channel = 0;  ///< slice: where it begins
  int table_rows = 0;                    ///< embedding
  int rate_percent = 0;                  ///< dropout: the share of zeroed numbers
  int epsilon_millionths = 10;           ///< batch norm: epsilon in units of 1e-6
  int momentum_millionths = 100000;      ///< batch norm: momentum (PyTorch's convention) in units of 1e-6

  // What fusion has joined to this node. Order: convolution (or batch norm), scale and shift, residual,
  // activation; with `activation_first`, the activation comes before the residual.
  bool has_batch_norm = false;  ///< convolution only: multiplies and shifts by the running statistics
  bool has_residual = false;    ///< adds the last of the inputs
  bool activation_first = false;
  Activation activation = Activation::none;

  int entries[max_entries] = {-1, -1, -1,
                              -1};    ///< parameter entries: weight, bias; a fused norm's come third
  int states[max_states] = {-1, -1};  ///< state entries: running mean, running variance
  bool merged = false;                ///< skipped: its work is done by a later node, or is not needed
  bool streamed = false;  ///< has no place in memory: its only reader computes its lines as it needs them
  bool frozen = false;    ///< runs as in inference and gets no gradient
  Keeping keeping = Keeping::usual;  ///< what is computed again rather than kept
  bool needs_inputs = true;          ///< the backward reads the inputs' values
  bool needs_output = true;          ///< the backward reads the output's value
  bool in_place = false;             ///< the forward may write its output over its first input
  bool single_precision = false;  ///< written for float alone (a numeric gradient check widens its tolerance)
  long saved = 0;          ///< numbers kept from forward to backward whatever the batch (batch statistics)
  long multiply_adds = 0;  ///< per sample, forward
};

/// Whether the node's backward reads its inputs' values. Convolution, linear and batch norm need them for the
/// gradients of their parameters alone: a frozen one passes the gradient on without.
constexpr bool reads_inputs(const Node& node) {
  const bool parametric = node.kind == OperatorKind::convolution || node.kind == OperatorKind::linear ||
                          node.kind == OperatorKind::batch_norm;
  return node.needs_inputs && !(parametric && node.frozen);
}

/// Whether the node's forward may write its output over input i: each number of it is read before the one at
/// its place is written. Of a residual that is so where the kernel writes no partial sums before it.
constexpr bool may_overwrite(const Node& node, int i) {
  if (node.kind == OperatorKind::add) return true;
  if (node.has_residual && i == node.input_count - 1)
    return node.kind == OperatorKind::batch_norm ||
           (node.kind == OperatorKind::convolution && node.window.pointwise() && node.window.groups == 1 &&
            node.input.channels > 1 && node.input.channels <= one_pass_depth);
  return i == 0 && node.in_place;
}

/// Whether the node's backward may write the gradient of its first input over that of its output.
constexpr bool may_overwrite_gradient(const Node& node) {
  return node.kind == OperatorKind::activation || node.kind == OperatorKind::dropout ||
         (node.kind == OperatorKind::batch_norm && !node.has_residual);
}

}  // namespace detail
}  // namespace mmdl
