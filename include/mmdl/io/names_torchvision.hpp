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
  if (own->scale == 1)
    return own->part.empty() && own->number == 1 ? torch_tensor(layer, *own) : std::nullopt;
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

/// Convolutions of the five blocks of VGG-16.
inline constexpr std::array<int, 5> vgg16_convolutions{2, 2, 3, 3, 3};

/// "scale2.conv1.weight" is "features.5.weight": each convolution counts with its ReLU (and batch norm), each
/// block with its pooling. The three linear layers are "classifier.0", ".3" and ".6", between ReLU and
/// dropout.
template <bool Norm>
std::optional<ForeignTensor> vgg_tensor(std::string_view name) {
  const std::optional<OwnName> own = parse_own_name(name);
  if (!own || !own->part.empty()) return std::nullopt;
  if (own->scale == 0 && own->is("linear") && own->number <= 3) {
    std::optional<ForeignTensor> tensor =
        torch_tensor("classifier." + std::to_string(3 * (own->number - 1)) + ".", *own);
    if (tensor && own->number == 1) tensor->channels = 512;
    return tensor;
  }
  if (own->scale < 1 || own->scale > 5 || !(own->is("conv") || (Norm && own->is("batch_norm"))))
    return std::nullopt;
  constexpr int layers = Norm ? 3 : 2;
  const auto scale = static_cast<std::size_t>(own->scale - 1);
  if (own->number > vgg16_convolutions[scale]) return std::nullopt;
  int index = layers * (own->number - 1) + (own->is("conv") ? 0 : 1);
  for (std::size_t below = 0; below < scale; ++below) index += layers * vgg16_convolutions[below] + 1;
  return torch_tensor("features." + std::to_string(index) + ".", *own);
}

template <bool Norm>
int vgg_scale(std::string_view foreign) {
  NameReader name(foreign);
  if (name.take("classifier.")) return 0;
  int index = 0;
  if (!name.take("features.") || !name.take_index(index) || !name.take(".")) return -1;
  for (std::size_t scale = 0; scale < vgg16_convolutions.size(); ++scale) {
    const int size = (Norm ? 3 : 2) * vgg16_convolutions[scale] + 1;
    if (index < size) return static_cast<int>(scale) + 1;
    index -= size;
  }
  return -1;
}

/// "scale3.inception3b.branch2.conv2.weight" is "inception3b.branch2.1.conv.weight". The fourth branch begins
/// with a pooling.
inline std::optional<ForeignTensor> googlenet_tensor(std::string_view name) {
  const std::optional<OwnName> own = parse_own_name(name);
  if (!own) return std::nullopt;
  if (own->scale == 0 && own->part.empty() && own->is("linear") && own->number == 1)
    return torch_tensor("fc.", *own);
  if (own->scale < 1 || own->scale > 5 || !(own->is("conv") || own->is("batch_norm"))) return std::nullopt;
  const std::string layer = own->is("conv") ? "conv." : "bn.";
  if (own->scale <= 2) {
    if (!own->part.empty() || own->number > own->scale) return std::nullopt;
    return torch_tensor("conv" + std::to_string(own->number + own->scale - 1) + "." + layer, *own);
  }
  NameReader part(own->part);
  const std::string module = "inception" + std::to_string(own->scale);
  if (!part.take(module) || part.rest().size() < 2 || part.rest()[1] != '.') return std::nullopt;
  const char letter = part.rest()[0];
  part.take(part.rest().substr(0, 2));
  int branch = 0;
  if (!part.take_part("branch", branch) || !part.done() || branch > 4) return std::nullopt;
  if (own->number > (branch == 2 || branch == 3 ? 2 : 1)) return std::nullopt;
  std::string where = module + letter + ".branch" + std::to_string(branch) + ".";
  if (branch == 4) where += std::to_string(own->number) + ".";
  if (branch == 2 || branch == 3) where += std::to_string(own->number - 1) + ".";
  return torch_tensor(where + layer, *own);
}

inline int googlenet_scale(std::string_view foreign) {
  NameReader name(foreign);
  if (name.take("conv1.")) return 1;
  if (name.take("conv2.") || name.take("conv3.")) return 2;
  if (name.take("fc.") || name.take("aux1.") || name.take("aux2.")) return 0;
  int scale = 0;
  if (!name.take("inception") || !name.take_number(scale) || scale < 3 || scale > 5) return -1;
  return scale;
}

}  // namespace detail

/// ResNet-18 to 152 with the names of torchvision: conv1, bn1, layer1.0.conv1, layer1.0.downsample.0, fc.
/// timm's resnet18 to resnet152 have the same; its variants with other layers (a deep stem,
/// squeeze-and-excitation, wider or grouped convolutions) are other networks, and are refused by what
/// differs.
inline constexpr ForeignNaming torchvision_resnet{"torchvision's ResNet",
                                                  {"layer1.0.conv1.weight", "layer1.0.bn1.weight"},
                                                  detail::resnet_tensor,
                                                  detail::resnet_scale};

/// VGG-16 with the names of torchvision: features.0, ..., features.28, classifier.0, classifier.3,
/// classifier.6.
inline constexpr ForeignNaming torchvision_vgg{"torchvision's VGG",
                                               {"features.0.weight", "features.2.weight"},
                                               detail::vgg_tensor<false>,
                                               detail::vgg_scale<false>};

/// The same with batch norm (vgg16_bn): features.0, features.1, ..., features.41.
inline constexpr ForeignNaming torchvision_vgg_bn{"torchvision's VGG with batch norm",
                                                  {"features.0.weight", "features.1.running_mean"},
                                                  detail::vgg_tensor<true>,
                                                  detail::vgg_scale<true>};

/// GoogLeNet (Inception v1 with batch norm) with the names of torchvision: conv1.conv, conv1.bn,
/// inception3a.branch1.conv, inception3a.branch2.0.conv, fc; the auxiliary classifiers aux1 and aux2 are left
/// out.
inline constexpr ForeignNaming torchvision_googlenet{
    "torchvision's GoogLeNet",
    {"inception3a.branch1.conv.weight", "inception3a.branch1.bn.weight"},
    detail::googlenet_tensor,
    detail::googlenet_scale};

}  // namespace mmdl
