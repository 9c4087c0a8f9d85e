// SPDX-License-Identifier: Apache-2.0
// One layer by oneDNN (2.x, as in Debian 12): the peer of a layer of ours. Weights lie as oneDNN likes them
// best, and no change of layout is ever timed.
#pragma once

#include <vector>

#include "mmdl/mmdl.hpp"
#include "onednn_step.hpp"

namespace mmdl::bench {

/// How oneDNN is asked to compute. Its best for a layer is found by trying all.
enum class OneDnnWay {
  channels_last,  ///< activations as ours lie: NHWC
  own_layout,     ///< activations as oneDNN chooses: usually blocks of 16 channels
  winograd        ///< its Winograd convolutions, in its own layout; throws `dnnl::error` where it has none
};

constexpr const char* name_of(OneDnnWay way) {
  return way == OneDnnWay::channels_last ? "channels last"
         : way == OneDnnWay::own_layout  ? "own layout"
                                         : "winograd";
}

/// A convolution, linear layer, batch norm, ReLU or pooling, lowered to its `Node`, for a batch.
class OneDnnLayer {
 public:
  static constexpr bool supports(const detail::Node& node) {
    using Kinds = detail::OperatorKind;
    return node.kind == Kinds::convolution || node.kind == Kinds::linear || node.kind == Kinds::batch_norm ||
           node.kind == Kinds::max_pool || node.kind == Kinds::global_average_pool ||
           (node.kind == Kinds::activation && node.activation == Activation::relu);
  }

  /// Throws `dnnl::error` where oneDNN cannot compute the node that way.
  OneDnnLayer(const detail::Node& node, int samples, OneDnnWay way)
      : node_(node), samples_(samples), way_(way) {
    switch (node.kind) {
      case detail::OperatorKind::convolution:
        build_convolution();
        break;
      case detail::OperatorKind::linear:
        build_linear();
        break;
      case detail::OperatorKind::batch_norm:
        build_batch_norm();
        break;
      case detail::OperatorKind::activation:
        build_relu();
        break;
      default:
        build_pooling();
        break;
    }
  }

  OneDnnWay way() const { return way_; }

  void infer() { infer_.run(); }
  void train_forward() { train_.run(); }
  /// The gradients of parameters and input, for an output gradient of ones.
  void backward() {
    for (Step& step : backward_) step.run();
  }

  /// Gives every step the numbers that our layer has: input [samples][h][w][c], weight and bias as stored by
  /// it.
  void copy_in(const float* input, const float* weight, const float* bias) {
    for (Step* step : steps()) {
      step->put(DNNL_ARG_SRC, input, plain(node_.input));
      if (weight != nullptr && has_weights()) step->put(DNNL_ARG_WEIGHTS, weight, stored_weights());
      if (bias != nullptr) step->put(DNNL_ARG_BIAS, bias, {{node_.output.channels}, real, Tag::a});
    }
  }
  /// The output of the last `infer`, and the gradient of the input of the last `backward`, as ours lie.
  std::vector<float> output() { return infer_.get(DNNL_ARG_DST, plain(node_.output)); }
  std::vector<float> input_gradient() { return backward_[0].get(DNNL_ARG_DIFF_SRC, plain(node_.input)); }

 private:
  using Step = OneDnnStep;
  using Memory = dnnl::memory;
  using Layout = dnnl::memory::desc;
  using Tag = dnnl::memory::format_tag;
  using Dims = dnnl::memory::dims;
  using Kind = dnnl::prop_kind;
  using Algorithm = dnnl::algorithm;
  static constexpr auto real = dnnl::memory::data_type::f32;

  std::vector<Step*> steps() {
    std::vector<Step*> all{&infer_, &train_};
    for (Step& step : backward_) all.push_back(&step);
    return all;
  }

  // Layouts.
  Dims dims(const detail::Extent& e) const {
    if (node_.kind == detail::OperatorKind::linear) return {samples_, e.channels};
    return {samples_, e.channels, e.height, e.width};
  }
  Layout plain(const detail::Extent& e) const {
    return {dims(e), real, node_.kind == detail::OperatorKind::linear ? Tag::nc : Tag::nhwc};
  }
  /// Activations of convolutions and linear layers.
  Layout chosen(const detail::Extent& e) const {
    return way_ == OneDnnWay::channels_last ? plain(e) : Layout(dims(e), real, Tag::any);
  }
  /// Activations of the rest: "any" is not for them.
  Layout fixed(const detail::Extent& e) const {
    return {dims(e), real, way_ == OneDnnWay::channels_last ? Tag::nhwc : Tag::nChw16c};
  }
  bool has_weights() const {
    return node_.kind == detail::OperatorKind::convolution || node_.kind == detail::OperatorKind::linear;
  }
  Dims weight_dims() const {
    const auto& w = node_.window;
    if (node_.kind == detail::OperatorKind::linear) return {node_.output.channels, node_.input.channels};
    if (w.groups == 1) return {node_.output.channels, node_.input.channels, w.kernel_height, w.kernel_width};
    return {w.groups, node_.output.channels / w.groups, node_.input.channels / w.groups, w.kernel_height,
            w.kernel_width};
  }
  Layout stored_weights() const {
    if (node_.kind == detail::OperatorKind::linear) return {weight_dims(), real, Tag::io};
    return {weight_dims(), real, node_.window.groups == 1 ? Tag::hwio : Tag::hwigo};
  }
  Layout any_weights() const { return {weight_dims(), real, Tag::any}; }
  Layout any_bias() const {
    return node_.entries[1] < 0 ? Layout() : Layout({node_.output.channels}, real, Tag::any);
  }

  // Steps of layers with weights. `Forward` is the description of one; the gradients of data and of weights
  // are two primitives.
  template <class Primitive, class Description>
  Step forward_step(const Description& d) const {
    Step step{Primitive(d),
              {{DNNL_ARG_SRC, Step::drawn(d.src_desc())},
               {DNNL_ARG_WEIGHTS, Step::drawn(d.weights_desc())},
               {DNNL_ARG_DST, Step::drawn(d.dst_desc())}}};
    if (node_.entries[1] >= 0) step.arguments.emplace(DNNL_ARG_BIAS, Step::drawn(d.bias_desc()));
    return step;
  }
  template <class Data, class Weights, class DataDescription, class WeightsDescription>
  void add_backward(const DataDescription& d, const WeightsDescription& w) {
    backward_.push_back({Data(d),
                         {{DNNL_ARG_DIFF_DST, Step::filled(d.diff_dst_desc(), 1.0f)},
                          {DNNL_ARG_WEIGHTS, Step::drawn(d.weights_desc())},
                          {DNNL_ARG_DIFF_SRC, Step::drawn(d.diff_src_desc())}}});
    backward_.push_back({Weights(w),
                         {{DNNL_ARG_DIFF_DST, Step::filled(w.diff_dst_desc(), 1.0f)},
                          {DNNL_ARG_SRC, Step::drawn(w.src_desc())},
                          {DNNL_ARG_DIFF_WEIGHTS, Step::drawn(w.diff_weights_desc())}}});
    if (node_.entries[1] >= 0)
      backward_.back().arguments.emplace(DNNL_ARG_DIFF_BIAS, Step::drawn(w.diff_bias_desc()));
  }

  void build_convolution() {
    using Forward = dnnl::convolution_forward;
    using Data = dnnl::convolution_backward_data;
    using Weights = dnnl::convolution_backward_weights;
    const auto& w = node_.window;
    const auto algorithm =
        way_ == OneDnnWay::winograd ? Algorithm::convolution_winograd : Algorithm::convolution_auto;
    const Dims strides{w.stride, w.stride}, dilation{w.dilation - 1, w.dilation - 1};
    const Dims before{w.pad_top, w.pad_left}, after{w.pad_bottom, w.pad_right};
    const Layout in = chosen(node_.input), out = chosen(node_.output);
    const auto description = [&](Kind kind) {
      return Forward::primitive_desc(
          {kind, algorithm, in, any_weights(), any_bias(), out, strides, dilation, before, after},
          Step::engine());
    };
    infer_ = forward_step<Forward>(description(Kind::forward_inference));
    const auto training = description(Kind::forward_training);
    train_ = forward_step<Forward>(training);
    add_backward<Data, Weights>(
        Data::primitive_desc({algorithm, in, any_weights(), out, strides, dilation, before, after},
                             Step::engine(), training),
        Weights::primitive_desc(
            {algorithm, in, any_weights(), any_bias(), out, strides, dilation, before, after}, Step::engine(),
            training));
  }

  void build_linear() {
    using Forward = dnnl::inner_product_forward;
    using Data = dnnl::inner_product_backward_data;
    using Weights = dnnl::inner_product_backward_weights;
    const Layout in = chosen(node_.input), out = chosen(node_.output);
    const auto description = [&](Kind kind) {
      return Forward::primitive_desc({kind, in, any_weights(), any_bias(), out}, Step::engine());
    };
    infer_ = forward_step<Forward>(description(Kind::forward_inference));
    const auto training = description(Kind::forward_training);
    train_ = forward_step<Forward>(training);
    add_backward<Data, Weights>(
        Data::primitive_desc({in, any_weights(), out}, Step::engine(), training),
        Weights::primitive_desc({in, any_weights(), any_bias(), out}, Step::engine(), training));
  }

  void build_batch_norm() {
    using Forward = dnnl::batch_normalization_forward;
    using Backward = dnnl::batch_normalization_backward;
    using Flags = dnnl::normalization_flags;
    const Layout in = fixed(node_.input);
    const float epsilon = 1e-6f * static_cast<float>(node_.epsilon_millionths);
    const Flags affine = Flags::use_scale | Flags::use_shift;
    const Forward::primitive_desc training({Kind::forward_training, in, epsilon, affine}, Step::engine());
    const Layout row = training.mean_desc();
    infer_ = {Forward(Forward::primitive_desc(
                  {Kind::forward_inference, in, epsilon, affine | Flags::use_global_stats}, Step::engine())),
              {{DNNL_ARG_MEAN, Step::filled(row, 0.0f)}, {DNNL_ARG_VARIANCE, Step::filled(row, 1.0f)}}};
    train_ = {Forward(training),
              {{DNNL_ARG_MEAN, Step::filled(row, 0.0f)}, {DNNL_ARG_VARIANCE, Step::filled(row, 1.0f)}}};
    for (Step* step : {&infer_, &train_}) {
      step->arguments.insert({{DNNL_ARG_SRC, Step::drawn(in)},
                              {DNNL_ARG_DST, Step::drawn(in)},
                              {DNNL_ARG_SCALE, Step::filled(row, 1.0f)},
                              {DNNL_ARG_SHIFT, Step::filled(row, 0.0f)}});
    }
    const Backward::primitive_desc back({Kind::backward, in, in, epsilon, affine}, Step::engine(), training);
    backward_.push_back({Backward(back),
                         {{DNNL_ARG_SRC, Step::drawn(in)},
                          {DNNL_ARG_MEAN, train_.arguments.at(DNNL_ARG_MEAN)},
                          {DNNL_ARG_VARIANCE, train_.arguments.at(DNNL_ARG_VARIANCE)},
                          {DNNL_ARG_SCALE, Step::filled(row, 1.0f)},
                          {DNNL_ARG_SHIFT, Step::filled(row, 0.0f)},
                          {DNNL_ARG_DIFF_DST, Step::filled(in, 1.0f)},
                          {DNNL_ARG_DIFF_SRC, Step::drawn(in)},
                          {DNNL_ARG_DIFF_SCALE, Step::drawn(row)},
                          {DNNL_ARG_DIFF_SHIFT, Step::drawn(row)}}});
  }

  void build_relu() {
    using Forward = dnnl::eltwise_forward;
    using Backward = dnnl::eltwise_backward;
    const Layout in = fixed(node_.input);
    const auto description = [&](Kind kind) {
      return Forward::primitive_desc({kind, Algorithm::eltwise_relu, in, 0.0f, 0.0f}, Step::engine());
    };
    const auto training = description(Kind::forward_training);
    infer_ = {Forward(description(Kind::forward_inference)),
              {{DNNL_ARG_SRC, Step::drawn(in)}, {DNNL_ARG_DST, Step::drawn(in)}}};
    train_ = {Forward(training), {{DNNL_ARG_SRC, Step::drawn(in)}, {DNNL_ARG_DST, Step::drawn(in)}}};
    backward_.push_back({Backward(Backward::primitive_desc({Algorithm::eltwise_relu, in, in, 0.0f, 0.0f},
                                                           Step::engine(), training)),
                         {{DNNL_ARG_SRC, Step::drawn(in)},
                          {DNNL_ARG_DIFF_DST, Step::filled(in, 1.0f)},
                          {DNNL_ARG_DIFF_SRC, Step::drawn(in)}}});
  }

  void build_pooling() {
    using Forward = dnnl::pooling_forward;
    using Backward = dnnl::pooling_backward;
    const bool global = node_.kind == detail::OperatorKind::global_average_pool;
    const auto& w = node_.window;
    const Dims kernel =
        global ? Dims{node_.input.height, node_.input.width} : Dims{w.kernel_height, w.kernel_width};
    const Dims strides = global ? Dims{1, 1} : Dims{w.stride, w.stride};
    const Dims before = global ? Dims{0, 0} : Dims{w.pad_top, w.pad_left};
    const Dims after = global ? Dims{0, 0} : Dims{w.pad_bottom, w.pad_right};
    const auto algorithm = global ? Algorithm::pooling_avg_exclude_padding : Algorithm::pooling_max;
    const Layout in = fixed(node_.input), out = fixed(node_.output);
    const auto description = [&](Kind kind) {
      return Forward::primitive_desc({kind, algorithm, in, out, strides, kernel, before, after},
                                     Step::engine());
    };
    const auto training = description(Kind::forward_training);
    infer_ = {Forward(description(Kind::forward_inference)),
              {{DNNL_ARG_SRC, Step::drawn(in)}, {DNNL_ARG_DST, Step::drawn(out)}}};
    train_ = {Forward(training), {{DNNL_ARG_SRC, Step::drawn(in)}, {DNNL_ARG_DST, Step::drawn(out)}}};
    backward_.push_back(
        {Backward(Backward::primitive_desc({algorithm, in, out, strides, kernel, before, after},
                                           Step::engine(), training)),
         {{DNNL_ARG_DIFF_DST, Step::filled(out, 1.0f)}, {DNNL_ARG_DIFF_SRC, Step::drawn(in)}}});
    if (global) return;
    const Memory places(training.workspace_desc(),
                        Step::engine());  // of the largest numbers, from forward to backward
    train_.arguments.emplace(DNNL_ARG_WORKSPACE, places);
    backward_[0].arguments.emplace(DNNL_ARG_WORKSPACE, places);
  }

  detail::Node node_;
  int samples_;
  OneDnnWay way_;
  Step infer_, train_;
  std::vector<Step> backward_;
};

/// The layer in each way that oneDNN has for it.
inline std::vector<OneDnnLayer> onednn_layers(const detail::Node& node, int samples) {
  std::vector<OneDnnLayer> layers;
  for (const OneDnnWay way : {OneDnnWay::channels_last, OneDnnWay::own_layout, OneDnnWay::winograd}) {
    if (way == OneDnnWay::winograd && node.kind != detail::OperatorKind::convolution) continue;
    try {
      layers.emplace_back(node, samples, way);
    } catch (const dnnl::error&) {  // it has no such way for this layer
    }
  }
  return layers;
}

}  // namespace mmdl::bench
