// SPDX-License-Identifier: Apache-2.0
// Two inputs, two outputs: a small annotator sees a picture and its tags, and says which labels and how many.
#include <cstdio>
#include <mmdl/mmdl.hpp>
#include <type_traits>

using namespace mmdl;

using Image = Shape<16, 16, 3>;
using Tags = Shape<12>;
using Trunk = Backbone<Sequential<Conv<8, Bias<false>>, BatchNorm, Relu>,               // 16 x 16 x 8
                       Sequential<Conv<16, Stride<2>, Bias<false>>, BatchNorm, Relu>>;  //  8 x  8 x 16
using Quantity = Sequential<Linear<32, HeNormal>, Relu, Linear<1>>;
using Net = Annotator<MultiScale<Trunk>, Mlp<16>, Labels<3>, Quantity>;
using Inputs = List<Image, Tags>;
static_assert(std::is_same_v<output_shape<Net, Inputs>, List<Shape<3>, Shape<1>>>);

// Label c is a spot of colour c. Tags are the labels, half of them forgotten, and words that mean nothing.
void draw(auto& images, auto& tags, auto& labels, auto& quantities, Random& random) {
  fill_normal(images, random.bits());
  for (int n = 0; n < images.samples(); ++n) {
    const int set = 1 + random.below(7);  // of the 7 sets that are not empty
    quantities(n, 0) = 0;
    for (int t = 0; t < Tags::size; ++t) tags(n, t) = t >= 3 && random.below(4) == 0 ? 1.0f : 0.0f;
    for (int c = 0; c < 3; ++c) {
      labels(n, c) = (set >> c & 1) != 0 ? 1.0f : 0.0f;
      if (labels(n, c) == 0.0f) continue;
      quantities(n, 0) += 1;
      tags(n, c) = random.below(2) == 0 ? 1.0f : 0.0f;
      const int x = random.below(12), y = random.below(12);
      for (int i = 0; i < 16; ++i) images(n, y + i / 4, x + i % 4, c) += 5.0f;
    }
  }
}

int main() {
  Model<Net, Inputs> model;
  const Losses losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.5f}};  // one for each output
  Trainer trainer{model, losses, Adam{.learning_rate = 5e-3f}};
  Tensor<Image> images(32);
  Tensor<Tags> tags(32);
  Tensor<Shape<3>> labels(32);
  Tensor<Shape<1>> quantities(32);
  Random random(/*seed=*/5);
  for (int step = 0; step < 300; ++step) {
    draw(images, tags, labels, quantities, random);
    trainer.step(images, tags, labels, quantities);  // the inputs, then the targets, in the network's order
  }
  std::printf("losses: labels %.3f, quantity %.3f\n", static_cast<double>(trainer.losses()[0]),
              static_cast<double>(trainer.losses()[1]));

  draw(images, tags, labels, quantities, random);  // new ones
  const auto [logits, quantity] = model.predict(images, tags);
  AnnotationMetrics metrics(3);
  for (int n = 0; n < 32; ++n)
    metrics.add(labels[n], select_labels(logits, quantity, n));  // the top m, m predicted
  std::printf("H-F1 %.3f\n", metrics.scores().h_f1);
  return metrics.scores().h_f1 > 0.9 ? 0 : 1;
}
