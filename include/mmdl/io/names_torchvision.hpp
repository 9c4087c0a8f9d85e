// SPDX-License-Identifier: Apache-2.0
// The names of torchvision's networks, and of timm's where they are the same.
#pragma once

#include "../io/foreign_weights.hpp"

namespace mmdl {

namespace detail {

/// A parameter of a PyTorch layer `layer` ("layer1.0.conv1.") by our name for it.
inline std::optional<ForeignTensor> torch_tensor(const std::string& layer, const OwnName& own) {
  const bool norm = own.is("batch_norm");
  if (norm && own.parameter == "running_variance") return ForeignTensor{layer + "running_var"};
  if ((norm && own.parameter == "running_mean") || own.parameter == "bias")
    return ForeignTensor{layer + std::string(own.parameter)};
  if (own.parameter != "weight") return std::nullopt;
  return ForeignTensor{layer + "weight", norm               ? ForeignLayout::same
                                         : own.is("linear") ? ForeignLayout::units_first
                                                            : ForeignLayout::filters_first};
}

/// "scale3.block2.conv1.weight" is "layer2.1.conv1.weight", "….shortcut.batch_norm1.…" "….downsample.1.…".
inline std::optional<ForeignTensor> resnet_tensor(std::string_view name) {
  const std::optional<OwnName> own = parse_own_name(name);
  if (!own) return std::nullopt;
  if (own->scale == 0 && own->part.empty() && own->is("linear") && own->number == 1)
    return torch_tensor("fc.", *own);
  if (own->scale < 1 || own->scale > 5 || !(own->is("conv") || own->is("batch_norm"))) return std::nullopt;
  const std::string number = std::to_string(own->number);
  const std::string layer = (own->is("conv") ? "conv" : "bn") + number + ".";
  if (own->scale == 1) return own->part.empty() ? torch_tensor(layer, *own) : std::nullopt;
  NameReader part(own->part);
  int block = 0;
  if (!part.take_part("block", block)) return std::nullopt;
  const std::string where = "layer" + std::to_string(own->scale - 1) + "." + std::to_string(block - 1) + ".";
  if (part.done()) return torch_tensor(where + layer, *own);
  if (part.rest() != "shortcut." || own->number != 1) return std::nullopt;
  return torch_tensor(where + "downsample." + (own->is("conv") ? "0." : "1."), *own);
}

inline int resnet_scale(std::string_view foreign) {
  NameReader name(foreign);
  if (name.take("conv1.") || name.take("bn1.")) return 1;
  int layer = 0;
  if (name.take_part("layer", layer)) return layer <= 4 ? layer + 1 : -1;
  return name.take("fc.") ? 0 : -1;
}

}  // namespace detail

/// ResNet-18 to 152 with the names of torchvision: conv1, bn1, layer1.0.conv1, layer1.0.downsample.0, fc.
/// timm's resnet18 to resnet152 have the same; its variants with other layers (a deep stem,
/// squeeze-and-excitation, wider or grouped convolutions) are other networks, and are refused by what
/// differs.
inline constexpr ForeignNaming torchvision_resnet{"torchvision's ResNet",
                                                  {"conv1.weight", "layer1.0.conv1.weight"},
                                                  detail::resnet_tensor,
                                                  detail::resnet_scale};

}  // namespace mmdl
