// SPDX-License-Identifier: Apache-2.0
// Whole networks against PyTorch: inference, loss, every gradient, optimizer steps, running statistics.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "network_comparison.hpp"

namespace parity_test {

using namespace comparison;

namespace {

const SafetensorsFile& file() {
  static const SafetensorsFile opened(MMDL_GOLDEN_DIR "/networks.safetensors");
  return opened;
}

/// 1 where the uniform number of a name is below `share`.
template <class S, class T>
Tensor<S, T> mask(const std::string& name, float share) {
  Tensor<S, T> tensor(1);
  const std::vector<float> u = uniform(name, tensor.size());
  for (std::size_t i = 0; i < u.size(); ++i) tensor.data()[i] = u[i] < share ? T{1} : T{0};
  return tensor;
}

using MsCnn = Sequential<MultiScale<ResNet101>, Linear<10>>;

}  // namespace

TEST_CASE_TEMPLATE("ResNet-18 as PyTorch", T, float, double) {
  compare_classifier<T, Sequential<MultiScale<ResNet18, NoFusion>, Linear<10>>, 64>(file(), "resnet18", 2, 2,
                                                                                    1e-7);
}

TEST_CASE_TEMPLATE("MS-CNN over ResNet-101 as PyTorch, one image of 64 pixels", T, float, double) {
  compare_classifier<T, MsCnn, 64>(file(), "multi_scale_64", 1, 3, 1e-7);
}

TEST_CASE("MS-CNN over ResNet-101 as PyTorch, one image of 224 pixels") {
  compare_classifier<float, MsCnn, 224>(file(), "multi_scale_224", 1, 3, 1e-7);
}

TEST_CASE("the annotator over ResNet-101 as PyTorch") {
  using Input = List<Shape<64, 64, 3>, Shape<1000>>;
  Comparison compare(file(), "annotator");
  const auto picture = image<Shape<64, 64, 3>, float>(1);
  const auto tags = mask<Shape<1000>, float>("tags", 0.015625f);
  const auto labels = mask<Shape<81>, float>("labels", 0.0625f);
  Tensor<Shape<1>> quantity(1);
  quantity(0, 0) = 3.0f;
  {
    Model<Annotator<MultiScale<ResNet101>, Mlp<2048, 2048>, Labels<81>>, Input> model;
    CHECK(model.names().size() == compare.names("parameters").size() + compare.names("states").size());
    set_by_formula(model, 3);
    const auto [logits, count] = model.predict(picture, tags);
    compare.outputs("inference", "inference1", logits.data(), logits.size());
    compare.outputs("inference", "inference2", count.data(), count.size());
  }
  // Dropout's random numbers are our own: training is compared without.
  using Quantity = Sequential<Mlp<512, 256>, Linear<1>>;
  Model<Annotator<MultiScale<ResNet101>, Mlp<2048, 2048>, Labels<81>, Quantity>, Input> model;
  set_by_formula(model, 3);
  std::vector<double> outputs[2];
  Trainer trainer{model,
                  Losses{Recorded<SigmoidCrossEntropy>{{}, &outputs[0]},
                         Recorded<MeanSquaredError>{{.weight = 0.1f}, &outputs[1]}},
                  optimizer};
  trainer.with_gradients_kept();
  const std::vector<double> losses = compare.golden("losses");
  compare.add("losses", static_cast<double>(trainer.step(picture, tags, labels, quantity)) - losses[0],
              losses[0]);
  compare.outputs("training", "training1", outputs[0], outputs[0].size());
  compare.outputs("training", "training2", outputs[1], outputs[1].size());
  compare_gradients(compare, model);
  compare.add("losses", static_cast<double>(trainer.step(picture, tags, labels, quantity)) - losses[1],
              losses[1]);
  compare_values(compare, model, "parameters", "updated_samples");
  compare_values(compare, model, "states", "state_samples");
  compare.verify<float>(0.0);
}

}  // namespace parity_test
