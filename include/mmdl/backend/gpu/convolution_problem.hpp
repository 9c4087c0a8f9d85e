// SPDX-License-Identifier: Apache-2.0
// A convolution as a question to a library: everything that its answer may depend on.
#pragma once

#include <string>

#include "../../core/bfloat16.hpp"
#include "../../graph/node.hpp"

namespace mmdl::detail {

/// How numbers are kept on the device.
enum class NumberType : unsigned char { float32, bfloat16 };

template <class T>
inline constexpr NumberType number_type = is_narrow<T> ? NumberType::bfloat16 : NumberType::float32;

/// Which of a convolution's three products.
enum class ConvolutionPass : unsigned char { forward, input_gradient, weight_gradient };

/// One product of a convolution. Tensors are NHWC, weights [out][kernel h][kernel w][in / groups], all of
/// them of `number`; the bias is float32.
struct ConvolutionProblem {
  ConvolutionPass pass = ConvolutionPass::forward;
  NumberType number = NumberType::float32;
  bool tf32 = false;  ///< float32 may be multiplied with 10 bits of fraction
  int samples = 0;
  Extent input, output;
  Window window;
  // Behind the forward, in this order.
  bool has_bias = false;
  bool has_residual = false;
  Activation activation = Activation::none;

  /// Multiply-adds of the direct definition.
  double multiply_adds() const {
    return static_cast<double>(samples) * static_cast<double>(output.size()) * window.kernel_height *
           window.kernel_width * (input.channels / window.groups);
  }
  /// Bytes that are read and written at least, once each.
  double bytes() const {
    const double weights = static_cast<double>(output.channels) * window.kernel_height * window.kernel_width *
                           (input.channels / window.groups);
    const double maps = static_cast<double>(samples) *
                        static_cast<double>(input.size() + output.size() * (has_residual ? 2 : 1));
    return (weights + maps) * (number == NumberType::float32 ? 4.0 : 2.0);
  }

  bool has_epilogue() const { return has_bias || has_residual || activation != Activation::none; }

  /// The problem as a text: equal problems have equal texts.
  std::string key() const {
    std::string text = pass == ConvolutionPass::forward          ? "forward"
                       : pass == ConvolutionPass::input_gradient ? "input gradient"
                                                                 : "weight gradient";
    text += number == NumberType::float32 ? (tf32 ? " tf32" : " float32") : " bfloat16";
    const auto add = [&text](const char* name, long value) {
      text += ' ';
      text += name;
      text += ' ' + std::to_string(value);
    };
    add("samples", samples);
    add("in", input.height), add("x", input.width), add("x", input.channels);
    add("out", output.height), add("x", output.width), add("x", output.channels);
    add("kernel", window.kernel_height), add("x", window.kernel_width);
    add("stride", window.stride), add("dilation", window.dilation), add("groups", window.groups);
    add("pad", window.pad_top), add(",", window.pad_left), add(",", window.pad_bottom),
        add(",", window.pad_right);
    if (has_bias) text += " + bias";
    if (has_residual) text += " + residual";
    if (activation != Activation::none) add("activation", static_cast<int>(activation));
    return text;
  }
};

/// Where the tensors of a convolution lie. Of x, w and y the pass writes one and reads the others.
struct ConvolutionOperands {
  void* x = nullptr;
  void* w = nullptr;
  void* y = nullptr;
  const void* bias = nullptr;
  const void* residual = nullptr;
};

}  // namespace mmdl::detail
