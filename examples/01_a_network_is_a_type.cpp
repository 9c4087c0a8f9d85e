// SPDX-License-Identifier: Apache-2.0
// A network is a type. This one learns to tell circles from squares in pictures of 16 x 16 numbers.
#include <cmath>
#include <cstdio>
#include <mmdl/mmdl.hpp>

using namespace mmdl;

using Net = Sequential<                                 //
    Conv<8, Kernel<3>, Bias<false>>, BatchNorm, Relu,   // 16 x 16 x 8
    MaxPool<2>,                                         //  8 x  8 x 8
    Conv<16, Kernel<3>, Bias<false>>, BatchNorm, Relu,  //  8 x  8 x 16
    GlobalAveragePool,                                  // 16
    Linear<2>>;                                         //  2
using Picture = Shape<16, 16, 1>;

// Outlines somewhere in the picture, of any size, under noise; the class is a row with a 1 in it.
void draw(Tensor<Picture>& pictures, Tensor<Shape<2>>& classes, Random& random) {
  for (int n = 0; n < pictures.samples(); ++n) {
    const int square = random.below(2);
    const float x = random.uniform(5, 11), y = random.uniform(5, 11), radius = random.uniform(3, 5);
    for (int row = 0; row < 16; ++row)
      for (int column = 0; column < 16; ++column) {
        const float dx = std::fabs(static_cast<float>(column) - x),
                    dy = std::fabs(static_cast<float>(row) - y);
        const float distance = square == 1 ? std::fmax(dx, dy) : std::hypot(dx, dy);
        pictures(n, row, column, 0) =
            (std::fabs(distance - radius) < 0.7f ? 1.0f : 0.0f) + 0.1f * random.normal();
      }
    classes(n, 0) = square == 0 ? 1.0f : 0.0f;
    classes(n, 1) = square == 1 ? 1.0f : 0.0f;
  }
}

int main() {
  std::printf("%s\n",
              summary<Net, Picture>().c_str());  // a row for each layer: output, parameters, multiply-adds

  Model<Net, Picture> model;  // on the CPU, float32, weights drawn from a fixed seed
  Trainer trainer{model, SoftmaxCrossEntropy{}, Sgd{.learning_rate = 0.05f, .momentum = 0.9f}};
  Tensor<Picture> pictures(32);  // the batch is a run-time size
  Tensor<Shape<2>> classes(32);
  Random random(/*seed=*/1);
  for (int step = 1; step <= 300; ++step) {
    draw(pictures, classes, random);
    const float loss = trainer.step(pictures, classes);
    if (step % 100 == 0) std::printf("step %d: loss %.3f\n", step, static_cast<double>(loss));
  }

  draw(pictures, classes, random);  // new ones
  const Tensor<Shape<2>> scores = model.predict(pictures);
  int right = 0;
  for (int n = 0; n < 32; ++n) right += (scores(n, 1) > scores(n, 0)) == (classes(n, 1) == 1.0f) ? 1 : 0;
  std::printf("%d of 32 right\n", right);
  return right >= 29 ? 0 : 1;
}
