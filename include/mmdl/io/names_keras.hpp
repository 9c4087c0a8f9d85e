// SPDX-License-Identifier: Apache-2.0
// The names of Keras' networks.
#pragma once

#include "../io/foreign_weights.hpp"

namespace mmdl {

namespace detail {

/// The block that a scale of MobileNet begins with (scale 1: after the first convolution), and the end of
/// them.
inline constexpr std::array<int, 6> mobilenet_first_block{1, 2, 4, 6, 12, 14};

/// "scale2.conv3.weight" is "conv_dw_3/depthwise_kernel", "scale2.batch_norm3.bias" is "conv_dw_3_bn/beta".
inline std::optional<ForeignTensor> mobilenet_tensor(std::string_view name) {
  const std::optional<OwnName> own = parse_own_name(name);
  if (!own || !own->part.empty()) return std::nullopt;
  if (own->scale == 0 && own->is("linear") && own->number == 1) {
    if (own->parameter == "weight") return ForeignTensor{"conv_preds/kernel", ForeignLayout::pointwise};
    if (own->parameter == "bias") return ForeignTensor{"conv_preds/bias"};
    return std::nullopt;
  }
  if (own->scale < 1 || own->scale > 5) return std::nullopt;
  // Convolutions of a scale: one of channels, then one of places, of each block in turn.
  std::string layer = "conv1";
  const int separable = own->scale == 1 ? own->number - 2 : own->number - 1;
  const bool depthwise = separable >= 0 && separable % 2 == 0;
  if (separable >= 0) {
    const int block = mobilenet_first_block[static_cast<std::size_t>(own->scale - 1)] + separable / 2;
    if (block >= mobilenet_first_block[static_cast<std::size_t>(own->scale)]) return std::nullopt;
    layer = (depthwise ? "conv_dw_" : "conv_pw_") + std::to_string(block);
  }
  if (own->is("conv") && own->parameter == "weight")
    return depthwise ? ForeignTensor{layer + "/depthwise_kernel", ForeignLayout::depthwise, layer + "/kernel"}
                     : ForeignTensor{layer + "/kernel"};
  if (!own->is("batch_norm")) return std::nullopt;
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> parameters{
      {{"weight", "gamma"},
       {"bias", "beta"},
       {"running_mean", "moving_mean"},
       {"running_variance", "moving_variance"}}};
  for (const auto& [ours, theirs] : parameters)
    if (own->parameter == ours) return ForeignTensor{layer + "_bn/" + std::string(theirs)};
  return std::nullopt;
}

inline int mobilenet_scale(std::string_view foreign) {
  NameReader name(foreign);
  if (name.take("conv1/") || name.take("conv1_bn/")) return 1;
  if (name.take("conv_preds/")) return 0;
  int block = 0;
  if (!(name.take("conv_dw_") || name.take("conv_pw_")) || !name.take_number(block)) return -1;
  if (!(name.take("/") || name.take("_bn/")) || block >= mobilenet_first_block.back()) return -1;
  int scale = 5;
  while (block < mobilenet_first_block[static_cast<std::size_t>(scale - 1)]) --scale;
  return scale;
}

}  // namespace detail

/// MobileNet v1 of any width with the names of Keras' layers and weights: "conv1/kernel", "conv1_bn/gamma",
/// "conv_dw_1/depthwise_kernel" ("conv_dw_1/kernel" since Keras 3), "conv_pw_1_bn/moving_variance",
/// "conv_preds/bias".
inline constexpr ForeignNaming keras_mobilenet{"Keras' MobileNet v1",
                                               {"conv_pw_1/kernel", "conv_dw_1_bn/gamma"},
                                               detail::mobilenet_tensor,
                                               detail::mobilenet_scale};

}  // namespace mmdl
