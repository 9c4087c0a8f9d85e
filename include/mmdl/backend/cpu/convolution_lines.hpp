// SPDX-License-Identifier: Apache-2.0
// A convolution whose output is never in memory as a whole: its reader computes it line by line.
#pragma once

#include "convolution_epilogue.hpp"
#include "convolution_patches.hpp"
#include "gemm.hpp"

namespace mmdl::detail {

/// The lines of a convolution of one group without residual, with what else fusion joined to it. Made before
/// the threads start; each thread then has a `Part` of its own.
template <class T>
class ConvolutionLines {
  using W = Wide<T>;

 public:
  /// Numbers of scratch wanted, at the workspace of the convolution's arguments.
  static long workspace(const Node& node) {
    return epilogue_workspace(node) + packed_size(node) + thread_count() * gemm_block_size<T>();
  }

  explicit ConvolutionLines(const ForwardArguments<T>& a)
      : width_(a.node->output.width),
        lines_(a.node->output.height),
        blocks_(a.workspace + epilogue_workspace(*a.node) + packed_size(*a.node)) {
    const Node& node = *a.node;
    g_.a = convolution_patches(node, a.samples, a.inputs[0]);
    g_.b.data = a.parameters[0];
    g_.b.stride = g_.columns = node.output.channels;
    g_.epilogue = convolution_epilogue(a);
    g_.packed_b = a.packed;
    if (a.packed != nullptr) return;
    // Each line would pack the weights again.
    auto* const packed = reinterpret_cast<Packed<T>*>(a.workspace + epilogue_workspace(node));
    pack_factor<T>(g_.b, g_.depth(), g_.columns, packed);
    g_.packed_b = packed;
  }

  /// What one thread writes lines by.
  class Part {
   public:
    Part(const ConvolutionLines& lines, long part)
        : lines_(lines), part_(lines.g_, lines.blocks_ + part * gemm_block_size<T>()) {}

    /// The first `count` pixels of a line of a sample's output, `pixel_stride` numbers apart.
    void operator()(long sample, long line, long count, T* to, long pixel_stride) {
      const long row = (sample * lines_.lines_ + line) * lines_.width_;
      part_.run(row, row + count, 0, lines_.g_.columns, 0, lines_.g_.depth(), to,
                {1, lines_.width_, 0, 0, pixel_stride}, false);
    }

   private:
    const ConvolutionLines& lines_;
    GemmPart<T, T> part_;
  };

 private:
  static long packed_size(const Node& node) {
    return divide_up(packed_factor_size<T>(weight_rows(node), node.output.channels), 16) * 16;
  }

  Gemm<T> g_;
  long width_, lines_;
  W* blocks_;  // of the parts' products
};

}  // namespace mmdl::detail
