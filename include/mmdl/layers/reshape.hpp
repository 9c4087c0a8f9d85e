// SPDX-License-Identifier: Apache-2.0
// Layers that compute nothing: they change the shape's type alone, or nothing at all.
#pragma once

#include "../graph/lower.hpp"

namespace mmdl {

/// y = x. PyTorch: `torch.nn.Identity`.
struct Identity {
  template <class In>
  using output = In;
  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder&, detail::Wires x) {
    return x;
  }
};

/// The same numbers as one vector: `Shape<H, W, C>` to `Shape<H * W * C>`, in NHWC order (PyTorch's
/// `torch.nn.Flatten` of a contiguous NCHW tensor has the channels outermost). Costs nothing.
struct Flatten {
  template <class In>
  using output = Shape<static_cast<int>(In::size)>;
  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder&, detail::Wires x) {
    return x;
  }
};

}  // namespace mmdl
