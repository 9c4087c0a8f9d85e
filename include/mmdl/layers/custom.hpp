// SPDX-License-Identifier: Apache-2.0
// Layers of a user's own: element-wise ones, and operators from scratch.
#pragma once

#include <array>
#include <type_traits>

#include "../graph/arguments.hpp"
#include "../graph/lower.hpp"

namespace mmdl {

namespace operators {
template <class User>
struct Elementwise {};
template <class User>
struct Custom {};
}  // namespace operators

namespace detail {
template <class User>
constexpr const char* custom_name() {
  if constexpr (requires { User::name; })
    return User::name;
  else
    return "custom";
}
}  // namespace detail

/// Base of an element-wise layer: `struct Softplus : ElementwiseLayer<Softplus>` with two static functions,
/// `forward(x)` giving y, and `backward(x, y, dy)` giving dx, for one number. They take and return float, or
/// are templates over the number type (then double is checked in double). Any shape, kept. PyTorch: a
/// `torch.autograd.Function` of one tensor.
template <class User>
struct ElementwiseLayer {
  template <class In>
  using output = In;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    detail::Node node;
    node.kind = detail::OperatorKind::custom;
    node.name = detail::custom_name<User>();
    node.input = node.output = detail::extent_of<In>();
    node.single_precision = std::is_same_v<decltype(User::forward(double{})), float>;
    return detail::Wires::of(builder.template add<operators::Elementwise<User>>(node, x));
  }
};

/// One value of a custom operator: `samples` x height x width x channels numbers, contiguous.
template <class T>
struct View {
  T* data = nullptr;
  int samples = 0, height = 1, width = 1, channels = 1;

  long size() const { return static_cast<long>(samples) * height * width * channels; }
  explicit operator bool() const { return data != nullptr; }
  /// The number at sample n, row h, column w, channel c.
  T& operator()(int n, int h, int w, int c) const {
    return data[((static_cast<long>(n) * height + h) * width + w) * channels + c];
  }
  /// The number at place i of sample n, counted from the sample's first.
  T& operator()(int n, long i) const { return data[static_cast<long>(n) * height * width * channels + i]; }
};

/// What a custom operator's `forward` is given.
template <class T>
class ForwardView {
 public:
  explicit ForwardView(const detail::ForwardArguments<T>& arguments) : arguments_(arguments) {}
  int samples() const { return arguments_.samples; }
  bool training() const { return arguments_.training; }
  View<const T> input(int i = 0) const { return view(arguments_.inputs[i], arguments_.extents[i]); }
  View<T> output() const { return view(arguments_.output, arguments_.node->output); }
  const detail::Wide<T>* parameter(int i) const { return arguments_.parameters[i]; }

 private:
  template <class U>
  View<U> view(U* data, detail::Extent e) const {
    return {data, samples(), e.height, e.width, e.channels};
  }
  const detail::ForwardArguments<T>& arguments_;
};

/// What a custom operator's `backward` is given. Gradients are zero at entry and are to be added to; a view
/// or pointer that is null is not wanted.
template <class T>
class BackwardView {
 public:
  BackwardView(const detail::BackwardArguments<T>& arguments) : arguments_(arguments) {}
  int samples() const { return arguments_.samples; }
  bool training() const { return arguments_.training; }
  View<const T> input(int i = 0) const { return view(arguments_.inputs[i], arguments_.extents[i]); }
  View<const T> output() const { return view(arguments_.output, arguments_.node->output); }
  View<const T> output_gradient() const { return view(arguments_.output_gradient, arguments_.node->output); }
  View<T> input_gradient(int i = 0) const {
    return view(arguments_.input_gradients[i], arguments_.extents[i]);
  }
  const detail::Wide<T>* parameter(int i) const { return arguments_.parameters[i]; }
  detail::Wide<T>* parameter_gradient(int i) const { return arguments_.parameter_gradients[i]; }

 private:
  template <class U>
  View<U> view(U* data, detail::Extent e) const {
    return {data, samples(), e.height, e.width, e.channels};
  }
  const detail::BackwardArguments<T>& arguments_;
};

/// Height, width and channels of one sample.
using Extent = detail::Extent;

/// A parameter tensor of a custom operator: its name (as it stands in weight files), how it is drawn, its
/// extents, and the fan-in for initializers that need one.
using Parameter = detail::EntrySpec;

/// Base of an operator written from scratch: `struct ChannelScale : OperatorLayer<ChannelScale>`. The
/// operator has
///   template <class In> using output = ...;                      its shape rule (In: a Shape, or a List of
///   several) static constexpr std::array<Parameter, N> parameters(Extent input);      at most 4, may be left
///   out template <class T> static void forward(const ForwardView<T>&); template <class T> static void
///   backward(const BackwardView<T>&);
/// and, if it likes, `static constexpr const char* name`, `needs_input = false`, `needs_output = false` (what
/// the backward does not read is not kept), `static constexpr long multiply_adds(extent)`. Prove it with
/// `check_gradients`.
template <class User>
struct OperatorLayer {
  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    using Out = typename User::template output<In>;
    detail::Node node;
    node.kind = detail::OperatorKind::custom;
    node.name = detail::custom_name<User>();
    node.input = detail::extent_of<detail::At<0, detail::AsList<In>>>();
    node.output = detail::extent_of<Out>();
    if constexpr (requires { User::needs_input; }) node.needs_inputs = User::needs_input;
    if constexpr (requires { User::needs_output; }) node.needs_output = User::needs_output;
    if constexpr (requires { User::multiply_adds(node.input); })
      node.multiply_adds = User::multiply_adds(node.input);
    if constexpr (requires { User::parameters(node.input); }) {
      const auto specs = User::parameters(node.input);
      static_assert(specs.size() <= detail::max_entries, "mmdl: an operator has at most 4 parameter tensors");
      return detail::Wires::of(builder.template add<operators::Custom<User>>(node, x, specs.data(),
                                                                             static_cast<int>(specs.size())));
    } else {
      return detail::Wires::of(builder.template add<operators::Custom<User>>(node, x));
    }
  }
};

}  // namespace mmdl
