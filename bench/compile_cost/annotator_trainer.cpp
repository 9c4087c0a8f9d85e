// SPDX-License-Identifier: Apache-2.0
// A training step of the annotator of tests/compile/accept/03_annotator.cpp, which compiles the backward too.
#include <cstdio>
#include <mmdl/mmdl.hpp>

using namespace mmdl;

using Net = Annotator<MultiScale<ResNet101>, Mlp<2048, 2048>, Labels<81>>;
using Inputs = List<Shape<224, 224, 3>, Shape<1000>>;

int main() {
  Model<Net, Inputs> model;
  Trainer trainer{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{}},
                  Sgd{.learning_rate = 0.1f, .momentum = 0.9f}};
  const Tensor<Shape<224, 224, 3>> images(2);  // batch norm wants two
  const Tensor<Shape<1000>> tags(2);
  const Tensor<Shape<81>> labels(2);
  const Tensor<Shape<1>> quantities(2);
  std::printf("loss %g\n", static_cast<double>(trainer.step(images, tags, labels, quantities)));
}
