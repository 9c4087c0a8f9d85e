// SPDX-License-Identifier: Apache-2.0
// Which algorithm computes a convolution.
#pragma once

#include <atomic>

#include "../../graph/node.hpp"
#include "vector.hpp"

namespace mmdl {

/// How the CPU computes convolutions. `direct`: the matrix product of patches. `winograd`: F(4x4, 3x3)
/// wherever it can (3x3, stride 1, no dilation, one group, channels in whole vectors), with a quarter of the
/// multiplications and rounding errors some ten times larger (still below 1e-4 of the largest output in
/// float32). `automatic`: whichever is faster, in double always `direct`. PyTorch: oneDNN's and cuDNN's
/// choice, `torch.backends.cudnn.benchmark`.
enum class ConvolutionMethod : unsigned char { automatic, direct, winograd };

namespace detail {
inline std::atomic<ConvolutionMethod> convolution_method_setting{ConvolutionMethod::automatic};
}

/// The method of all convolutions of this process from now on. A step is reproducible to the bit under one
/// method. Not while a network runs on another thread.
inline void set_convolution_method(ConvolutionMethod method) { detail::convolution_method_setting = method; }
inline ConvolutionMethod convolution_method() { return detail::convolution_method_setting; }

namespace detail {

/// Whether Winograd's algorithm computes this node.
template <class T>
bool uses_winograd(const Node& node, long samples) {
  const ConvolutionMethod method = convolution_method();
  const Window& w = node.window;
  if (method == ConvolutionMethod::direct || w.kernel_height != 3 || w.kernel_width != 3 || w.stride != 1 ||
      w.dilation != 1 || w.groups != 1 || node.input.channels % simd_width<T> != 0 ||
      node.output.channels % simd_width<T> != 0)
    return false;
  if (method == ConvolutionMethod::winograd) return true;
  // In double the checks of gradients want the last digits. Thin layers spend more on the transforms than
  // they save in the product, and few tiles do not repay those of the weights.
  const long tiles = samples * ((node.output.height + 3) / 4) * ((node.output.width + 3) / 4);
  return sizeof(T) == 4 && node.input.channels >= 32 && node.output.channels >= 32 && tiles >= 8;
}

}  // namespace detail
}  // namespace mmdl
