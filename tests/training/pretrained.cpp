// SPDX-License-Identifier: Apache-2.0
// Weights of other frameworks: the framework's own outputs from files in its names, and every file that is
// refused.
#include <doctest/doctest.h>

#include <limits>

#include "foreign_files.hpp"

namespace pretrained_test {

using namespace training_test;

namespace {

const Golden& keras_network() {
  static const Golden made("pretrained_keras.safetensors", "mobilenet25");
  return made;
}

}  // namespace

TEST_CASE("ResNet-18 from a file of torchvision's names gives torchvision's logits") {
  const Golden golden("pretrained_torchvision.safetensors", "resnet18");
  const TemporaryFile file("resnet18.safetensors");
  FileTensors tensors = golden.tensors;
  tensors["bn1.num_batches_tracked"] = {{}, {5.0f}};  // no weight: passed over
  write(tensors, file.path);
  Classifier<ResNet18> model;
  const WeightReport report = load_pretrained(model, file.path);
  CHECK(report.complete());
  CHECK(report.loaded == static_cast<int>(golden.tensors.size()));
  CHECK(error_of(model, golden) < 1e-5);

  // A file of another depth, with the names of what differs.
  Classifier<ResNet34> deeper;
  const std::string message = message_of([&] { load_pretrained(deeper, file.path); });
  CHECK(has(message, "weights of torchvision's ResNet: found missing"));
  CHECK(has(message, "layer1.2.conv1.weight"));
  CHECK(has(
      refusal(model, golden.tensors, [](FileTensors& t) { t["layer3.2.conv1.weight"] = t["conv1.weight"]; }),
      "found extra 1 (layer3.2.conv1.weight), expected the tensors of the backbone"));
  // timm's variants share most names: what differs is named.
  CHECK(
      has(refusal(model, golden.tensors,
                  [](FileTensors& t) {
                    t["conv1.0.weight"] = t["conv1.weight"];
                    t.erase("conv1.weight");
                  }),
          "found missing 1 (conv1.weight); extra 1 (conv1.0.weight), expected the tensors of the backbone"));
  CHECK(has(refusal(model, golden.tensors,
                    [](FileTensors& t) {
                      t["conv1.weight"].shape = {7, 7, 3, 64};
                    }),
            "conv1.weight: found 7x7x3x64, expected 64x3x7x7"));
}

TEST_CASE("MobileNet from a file of Keras' names gives Keras' logits") {
  const TemporaryFile file("mobilenet.safetensors");
  write(keras_network().tensors, file.path);
  Classifier<MobileNet<25>> model;
  const WeightReport report = load_pretrained(model, file.path);
  CHECK(report.complete());
  CHECK(report.loaded == static_cast<int>(keras_network().tensors.size()));
  CHECK(error_of(model, keras_network()) < 1e-5);

  FileTensors newer;  // Keras 3 calls every kernel a kernel
  for (const auto& [name, tensor] : keras_network().tensors) {
    const std::size_t kernel = name.find("depthwise_kernel");
    newer[kernel == std::string::npos ? name : name.substr(0, kernel) + "kernel"] = tensor;
  }
  write(newer, file.path);
  Classifier<MobileNet<25>> again(2);
  CHECK(load_pretrained(again, file.path).complete());
  CHECK(everything(again) == everything(model));
}

TEST_CASE("the backbone alone, where the network has no such classifier") {
  const TemporaryFile file("backbone.safetensors"), other("lower.safetensors");
  write(keras_network().tensors, file.path);
  using Pixels = Shape<64, 64, 3>;
  Model<Annotator<MultiScale<MobileNet<25>>, NoText, Labels<3>, NoQuantity>, Pixels> model;
  const std::vector<float> labels(model.parameter("visual.fusion1.conv1.weight").begin(),
                                  model.parameter("visual.fusion1.conv1.weight").end());
  const WeightReport report = load_pretrained(model, file.path, "visual.");
  CHECK(report.loaded == 135);  // 27 convolutions, each with a batch norm of four
  CHECK(report.missing.empty());
  CHECK(report.mismatched.empty());
  CHECK(report.extra == std::vector<std::string>{"conv_preds/bias", "conv_preds/kernel"});
  const FileTensor& kernel = keras_network().tensors.at("conv_pw_13/kernel");
  CHECK(std::equal(kernel.values.begin(), kernel.values.end(),
                   model.parameter("visual.scale5.conv4.weight").begin()));
  CHECK(std::equal(labels.begin(), labels.end(), model.parameter("visual.fusion1.conv1.weight").begin()));
  CHECK(
      has(message_of([&] { load_pretrained(model, file.path); }),
          "no parameter 'scale1...' in the network, expected the prefix of its backbone, such as 'visual.'"));

  // Another number of classes is reported; the classifier stays as it was drawn.
  Classifier<MobileNet<25>, Linear<7>> seven;
  const float first = seven.parameter("linear1.weight")[0];
  const WeightReport partial = load_pretrained(seven, file.path);
  CHECK(partial.loaded == 135);
  CHECK(partial.mismatched ==
        std::vector<std::string>{"conv_preds/kernel: found 1x1x256x10, expected 1x1x256x7",
                                 "conv_preds/bias: found 10, expected 7"});
  CHECK(seven.parameter("linear1.weight")[0] == first);

  // So is a file without one, and what lies above the scales that are built.
  FileTensors headless = keras_network().tensors;
  headless.erase("conv_preds/kernel");
  headless.erase("conv_preds/bias");
  write(headless, other.path);
  Classifier<MobileNet<25>> ten;
  CHECK(load_pretrained(ten, other.path).missing ==
        std::vector<std::string>{"conv_preds/kernel", "conv_preds/bias"});
  Model<MultiScale<MobileNet<25>, NoFusion, Scales<4>>, Pixels> lower;
  const WeightReport above = load_pretrained(lower, other.path);
  CHECK(above.loaded == 115);
  CHECK(above.extra.size() == 20);

  // The type of the scales' training makes no difference.
  Model<MultiScale<Frozen<MobileNet<25>>>, Pixels> frozen;
  CHECK(load_pretrained(frozen, other.path).complete());
}

TEST_CASE("files that do not fit are refused, and nothing changes") {
  Classifier<MobileNet<25>> model;
  const auto refused = [&](const std::function<void(FileTensors&)>& change) {
    return refusal(model, keras_network().tensors, change);
  };
  CHECK(has(refused([](FileTensors& t) { t.erase("conv_dw_3_bn/beta"); }),
            "weights of Keras' MobileNet v1: found missing 1 (conv_dw_3_bn/beta), expected"));
  CHECK(has(refused([](FileTensors& t) {
              t["conv_pw_4/bias"] = {{32}, std::vector<float>(32)};
            }),
            "found extra 1 (conv_pw_4/bias), expected"));
  CHECK(has(refused([](FileTensors& t) { t["a\nb"] = {{1}, {0.0f}}; }), "found extra 1 (a\\x0ab)"));
  CHECK(has(refused([](FileTensors& t) {
              t["conv_dw_2/depthwise_kernel"].shape = {16, 1, 3, 3};
            }),
            "conv_dw_2/depthwise_kernel: found 16x1x3x3, expected 3x3x16x1"));
  CHECK(has(refused([](FileTensors& t) {
              t["conv_preds/kernel"].shape = {1, 1, 10, 256};
            }),
            "tensor 'conv_preds/kernel': found 1x1x10x256, expected 1x1x256x10"));
  CHECK(has(refused([](FileTensors& t) {
              t["conv_preds/kernel"].values[7] = std::numeric_limits<float>::quiet_NaN();
            }),
            "tensor 'conv_preds/kernel': number 7: found"));
  CHECK(has(refused([](FileTensors& t) {
              t["conv_pw_9_bn/moving_variance"].values[1] = std::numeric_limits<float>::infinity();
            }),
            "tensor 'conv_pw_9_bn/moving_variance': number 1: found inf, expected a finite number"));
  CHECK(has(refused([](FileTensors& t) { t.erase("conv_pw_1/kernel"); }),
            "expected the names of torchvision's ResNet, "));
  CHECK(has(refused([](FileTensors& t) { t.clear(); }), "found no tensors, expected the names of"));

  const TemporaryFile file("family.safetensors");
  write(keras_network().tensors, file.path);
  Classifier<MobileNet<50>> wider;
  CHECK(has(message_of([&] { load_pretrained(wider, file.path); }),
            "conv1/kernel: found 3x3x3x8, expected 3x3x3x16"));
  Classifier<ResNet18> other;
  CHECK(
      has(message_of([&] { load_pretrained(other, file.path); }),
          "which has nothing for 'scale2.block1.conv1.weight', expected weights of this network's backbone"));
  CHECK(has(message_of([&] { load_pretrained(model, file.path, torchvision_resnet); }),
            "torchvision's ResNet"));
  CHECK(has(message_of([&] { load_pretrained(model, "/no/such/file"); }), "/no/such/file"));
}

}  // namespace pretrained_test
