// SPDX-License-Identifier: Apache-2.0
// Weights of other frameworks. For the built-in backbones their names are known, and one call does it:
//   load_pretrained(model, "resnet50.safetensors", "visual.");  // of torchvision or timm
//   load_pretrained(model, "mobilenet.safetensors");            // of Keras
// Here a backbone of one's own, whose file has PyTorch's names and layouts; it is written first, so as to
// have one.
#include <cstdio>
#include <mmdl/mmdl.hpp>
#include <string>
#include <vector>

using namespace mmdl;

// In PyTorch: stem = Sequential(Conv2d(3, 4, 3, padding=1), ReLU()), body = Sequential(Conv2d(4, 8, 3, 2, 1),
// ReLU()).
using Small = Backbone<Sequential<Conv<4>, Relu>, Sequential<Conv<8, Stride<2>>, Relu>>;
using Image = Shape<16, 16, 3>;
using Annotating = Annotator<MultiScale<Small>, NoText, Labels<5>, NoQuantity>;

// Its names: which tensor of the file is a parameter of ours, and which scale a tensor of the file belongs
// to.
constexpr ForeignNaming small_naming{"the small network",
                                     {"stem.0.weight", "body.0.weight"},
                                     [](std::string_view own) -> std::optional<ForeignTensor> {
                                       if (own == "scale1.conv1.weight")
                                         return ForeignTensor{"stem.0.weight", ForeignLayout::filters_first};
                                       if (own == "scale1.conv1.bias") return ForeignTensor{"stem.0.bias"};
                                       if (own == "scale2.conv1.weight")
                                         return ForeignTensor{"body.0.weight", ForeignLayout::filters_first};
                                       if (own == "scale2.conv1.bias") return ForeignTensor{"body.0.bias"};
                                       return std::nullopt;
                                     },
                                     [](std::string_view name) {
                                       return name.starts_with("stem.")   ? 1
                                              : name.starts_with("body.") ? 2
                                              : name.starts_with("head.") ? 0
                                                                          : -1;
                                     }};

/// What scripts/convert_checkpoint.py makes of a checkpoint: kernels are [out][in][height][width].
void write_file(const std::string& path, std::int64_t width) {
  std::vector<float> numbers(4096);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i) / 100.0f;
  SafetensorsWriter writer;
  writer.add("stem.0.weight", {width, 3, 3, 3}, numbers.data());
  writer.add("stem.0.bias", {width}, numbers.data());
  writer.add("body.0.weight", {8, width, 3, 3}, numbers.data());
  writer.add("body.0.bias", {8}, numbers.data());
  writer.add("head.weight", {10, 8}, numbers.data());  // its classifier is left out, and reported
  writer.write(path);
}

int main() {
  write_file("small.safetensors", 4);
  Model<Annotating, Image> model;
  const WeightReport report = load_pretrained(model, "small.safetensors", small_naming, "visual.");
  std::printf("%s\n", report.str().c_str());
  bool ok = report.loaded == 4 && report.extra == std::vector<std::string>{"head.weight"};
  // Ours are [height][width][in][out]: the second filter's first number is at the second place.
  ok = ok && model.parameter("visual.scale1.conv1.weight")[1] == 27.0f / 100.0f;

  write_file("wide.safetensors", 6);
  try {  // the backbone is loaded whole or not at all
    load_pretrained(model, "wide.safetensors", small_naming, "visual.");
    ok = false;
  } catch (const Error& error) {
    std::printf("%s\n", error.what());
  }
  return ok ? 0 : 1;
}
