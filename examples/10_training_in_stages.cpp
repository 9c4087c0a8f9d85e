// SPDX-License-Identifier: Apache-2.0
// The annotator trained in the paper's stages: each is a type, what is done is frozen, features are computed
// once.
#include <cstdio>
#include <mmdl/mmdl.hpp>

using namespace mmdl;

template <int Filters, int Step>
using Scale = Sequential<Conv<Filters, Stride<Step>, Bias<false>>, BatchNorm, Relu>;
using Tiny = Backbone<Scale<8, 1>, Scale<16, 2>, Scale<32, 2>>;
using Image = Shape<16, 16, 3>;
using Features = Shape<32>;
constexpr int rows = 64, labels = 5;

// What the frozen stage costs no longer, known when compiling.
using Fusion = stages::TrainFusion<Tiny, ConvFusion, AllScales, labels>;
static_assert(2 * training_bytes<Fusion, Image> <
              training_bytes<stages::FineTuneBackbone<Tiny, labels>, Image> +
                  training_bytes<MultiScale<Tiny>, Image>);

int main() {
  Tensor<Image> images(rows);
  Tensor<Shape<labels>> truth(rows);
  Tensor<Shape<1>> quantities(rows);
  fill_normal(images, /*seed=*/1);
  for (int n = 0; n < rows; ++n) {
    truth(n, n % labels) = 1.0f;
    if (n % 2 == 0) truth(n, (n + 1) % labels) = 1.0f;
    quantities(n, 0) = n % 2 == 0 ? 2.0f : 1.0f;
  }
  const auto train = [](auto& trainer, const auto&... tensors) {
    float loss = 0;
    for (int step = 0; step < 20; ++step) loss = trainer.step(tensors...);
    std::printf("loss %.3f\n", static_cast<double>(loss));
  };

  Model<stages::FineTuneBackbone<Tiny, labels>, Image> backbone;  // 1: the backbone, a classifier on top
  Trainer first{backbone, SigmoidCrossEntropy{}, AdamW{.learning_rate = 0.01f}};
  train(first, images, truth);

  Model<Fusion, Image> fusion;  // 2: the fusion branch over the frozen backbone
  transfer(fusion, backbone, "visual.", "visual.");
  Trainer second{fusion, SigmoidCrossEntropy{}, AdamW{.learning_rate = 0.01f}};
  train(second, images, truth);

  Model<stages::VisualFeatures<MultiScale<Tiny>>, Image>
      visual;  // what both say of each image, computed once
  transfer(visual, fusion, "visual.", "visual.");
  FeatureCache cache("features.rows",
                     {network_fingerprint(visual), "64 made-up images", rows, Features::size});
  if (!cache.complete()) {  // else a run before has computed them
    const Tensor<Features> computed = visual.predict(images);
    for (int n = 0; n < rows; ++n) cache.put(n, computed[n]);
    cache.flush();
  }
  Tensor<Features> features(rows);
  for (int n = 0; n < rows; ++n) std::copy_n(cache.row(n).data(), Features::size, features[n].data());

  Model<stages::TrainLabels<labels>, Features> label_head;  // 3: the heads, separately
  Trainer third{label_head, SigmoidCrossEntropy{}, AdamW{.learning_rate = 0.05f}};
  train(third, features, truth);
  Model<stages::TrainQuantity<>, Features> quantity_head;
  Trainer fourth{quantity_head, MeanSquaredError{}, AdamW{.learning_rate = 0.01f}};
  EarlyStopping stopping(quantity_head, /*patience=*/3);  // keeps the weights of the best epoch
  while (!stopping.stop() && stopping.epochs() < 10) {
    train(fourth, features, quantities);
    stopping.update(
        static_cast<double>(fourth.evaluate(features, quantities)));  // better: on held-out images
  }
  stopping.restore();

  Model<Annotator<MultiScale<Tiny>, NoText, Labels<labels>>, Image> whole;  // the parts make the whole
  transfer(whole, fusion, "visual.", "visual.");
  transfer(whole, label_head, "labels.", "labels.");
  transfer(whole, quantity_head, "quantity.", "quantity.");
  const auto [logits, predicted] = whole.predict(images);
  return logits == label_head.predict(features) && predicted == quantity_head.predict(features) ? 0 : 1;
}
