// SPDX-License-Identifier: Apache-2.0
// Which algorithm computes a convolution.
#pragma once

#include <atomic>

namespace mmdl {

/// How the CPU computes convolutions. `direct`: the matrix product of patches. `winograd`: by minimal
/// filtering wherever it can (3x3, stride 1 or 2, no dilation, one group, channels in whole vectors). With
/// stride 1 it is F(4x4, 3x3), with a quarter of the multiplications and rounding errors some ten times
/// larger (still below 1e-4 of the largest output in float32); with stride 2 it has 81 multiplications in
/// place of 144, and half of that error, or on small maps 25 in place of 36, and hardly any. `automatic`:
/// whichever is faster, in double always `direct`. PyTorch: oneDNN's and cuDNN's choice,
/// `torch.backends.cudnn.benchmark`.
enum class ConvolutionMethod : unsigned char { automatic, direct, winograd };

namespace detail {
inline std::atomic<ConvolutionMethod> convolution_method_setting{ConvolutionMethod::automatic};
}

/// The method of all convolutions of this process from now on. A step is reproducible to the bit under one
/// method. Not while a network runs on another thread.
inline void set_convolution_method(ConvolutionMethod method) { detail::convolution_method_setting = method; }
/// The method that is set; at first `automatic`.
inline ConvolutionMethod convolution_method() { return detail::convolution_method_setting; }

}  // namespace mmdl
