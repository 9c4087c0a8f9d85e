// SPDX-License-Identifier: Apache-2.0
// Convolutions as graphs of cuDNN: the product and, in the forward, what comes behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "convolution_problem.hpp"
#include "cudnn_graph.hpp"

namespace mmdl::detail {

/// The graph of a problem and the configurations that are worth a try, best first.
class CudnnConvolution {
 public:
  // The tensors' numbers, by which a run names their places.
  static constexpr std::int64_t x_id = 1, w_id = 2, y_id = 3, bias_id = 4, residual_id = 5;

  /// `joined`: with the bias, residual and activation of the problem.
  CudnnConvolution(const ConvolutionProblem& p, bool joined, const CudnnTarget& target) {
    const cudnnDataType_t number = p.number == NumberType::float32 ? CUDNN_DATA_FLOAT : CUDNN_DATA_BFLOAT16;
    const Window& w = p.window;
    const std::vector<std::int64_t> out{p.samples, p.output.channels, p.output.height, p.output.width};
    const bool more = joined && p.has_epilogue();
    CudnnDescriptor& x =
        keep(cudnn_tensor(x_id, {p.samples, p.input.channels, p.input.height, p.input.width}, number));
    CudnnDescriptor& weight = keep(cudnn_tensor(
        w_id, {p.output.channels, p.input.channels / w.groups, w.kernel_height, w.kernel_width}, number));
    // What flows on inside of the graph is float.
    CudnnDescriptor* y =
        &keep(more ? cudnn_tensor(next_id_++, out, CUDNN_DATA_FLOAT, true) : cudnn_tensor(y_id, out, number));
    CudnnDescriptor& convolution =
        keep(CudnnDescriptor(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "a convolution"));
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    convolution.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
        .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode)
        .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2)
        .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {w.dilation, w.dilation})
        .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {w.stride, w.stride})
        .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {w.pad_top, w.pad_left})
        .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {w.pad_bottom, w.pad_right})
        .finalize();
    product(p.pass, convolution, x, weight, *y);
    if (more) {
      // In the order of the pattern that cuDNN has compiled engines for: residual, bias, activation. With the
      // bias before the residual such an engine read memory that is nobody's (H200, batches of 8 and more).
      const bool clips = p.activation != Activation::none;
      if (p.has_residual) {
        CudnnDescriptor& residual = keep(cudnn_tensor(residual_id, out, number));
        y = &pointwise(CUDNN_POINTWISE_ADD, p, *y, &residual, !p.has_bias && !clips, out, number);
      }
      if (p.has_bias) {
        CudnnDescriptor& bias = keep(cudnn_tensor(bias_id, {1, p.output.channels, 1, 1}, CUDNN_DATA_FLOAT));
        y = &pointwise(CUDNN_POINTWISE_ADD, p, *y, &bias, !clips, out, number);
      }
      if (clips) y = &pointwise(CUDNN_POINTWISE_RELU_FWD, p, *y, nullptr, true, out, number);
    }
    graph_ = cudnn_operation_graph(target, operations_);
    allows_tensor_cores_ = p.number != NumberType::float32 || p.tf32;
  }

  /// Plans that support the graph, at most `count`, best first by the heuristics.
  std::vector<CudnnDescriptor> plans(const CudnnTarget& target, std::size_t count) const {
    std::vector<CudnnDescriptor> found;
    for (const auto mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK})
      for (const CudnnDescriptor& configuration : cudnn_proposals(target, graph_, mode)) {
        if (found.size() >= count) return found;
        // On float32 tensor cores multiply with 10 bits of fraction.
        if (!allows_tensor_cores_ &&
            (cudnn_engine_notes(configuration, CUDNN_NUMERICAL_NOTE_TENSOR_CORE) ||
             cudnn_engine_notes(configuration, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS)))
          continue;
        // Atomic additions come in an order of their own: a step must be the same each time.
        if (cudnn_engine_notes(configuration, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) continue;
        if (CudnnDescriptor plan = cudnn_plan(target, configuration)) found.push_back(std::move(plan));
      }
    return found;
  }

 private:
  CudnnDescriptor& keep(CudnnDescriptor descriptor) {
    descriptors_.push_back(std::make_unique<CudnnDescriptor>(std::move(descriptor)));
    return *descriptors_.back();
  }

  void product(ConvolutionPass pass, const CudnnDescriptor& convolution, const CudnnDescriptor& x,
               const CudnnDescriptor& w, const CudnnDescriptor& y) {
    const float one = 1.0f, zero = 0.0f;
    const auto add = [&](cudnnBackendDescriptorType_t type, cudnnBackendAttributeName_t alpha,
                         cudnnBackendAttributeName_t beta, cudnnBackendAttributeName_t window,
                         cudnnBackendAttributeName_t x_name, cudnnBackendAttributeName_t w_name,
                         cudnnBackendAttributeName_t y_name) {
      CudnnDescriptor& operation = keep(CudnnDescriptor(type, "a convolution"));
      operation.set(alpha, CUDNN_TYPE_FLOAT, 1, &one)
          .set(beta, CUDNN_TYPE_FLOAT, 1, &zero)
          .set(window, convolution)
          .set(x_name, x)
          .set(w_name, w)
          .set(y_name, y)
          .finalize();
      operations_.push_back(operation.get());
    };
    switch (pass) {
      case ConvolutionPass::forward:
        return add(
            CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
            CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y);
      case ConvolutionPass::input_gradient:
        return add(
            CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
            CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY);
      case ConvolutionPass::weight_gradient:
        return add(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
                   CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY);
    }
  }

  CudnnDescriptor& pointwise(cudnnPointwiseMode_t mode, const ConvolutionProblem& p, const CudnnDescriptor& x,
                             const CudnnDescriptor* second, bool last, const std::vector<std::int64_t>& size,
                             cudnnDataType_t number) {
    CudnnDescriptor& y = keep(last ? cudnn_tensor(y_id, size, number)
                                   : cudnn_tensor(next_id_++, size, CUDNN_DATA_FLOAT, true));
    CudnnDescriptor& rule = keep(CudnnDescriptor(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "a pointwise rule"));
    rule.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode)
        .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
    if (mode == CUDNN_POINTWISE_RELU_FWD) {
      const cudnnNanPropagation_t nan = CUDNN_PROPAGATE_NAN;
      const double six = 6.0;
      rule.set(CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION, 1, &nan);
      if (p.activation == Activation::relu6)
        rule.set(CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP, CUDNN_TYPE_DOUBLE, 1, &six);
    }
    rule.finalize();
    CudnnDescriptor& operation =
        keep(CudnnDescriptor(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "a pointwise operation"));
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, rule)
        .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (second != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *second);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y).finalize();
    operations_.push_back(operation.get());
    return y;
  }

  std::vector<std::unique_ptr<CudnnDescriptor>> descriptors_;
  std::vector<cudnnBackendDescriptor_t> operations_;
  CudnnDescriptor graph_;
  std::int64_t next_id_ = 16;
  bool allows_tensor_cores_ = true;
};

}  // namespace mmdl::detail
