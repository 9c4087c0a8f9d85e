// SPDX-License-Identifier: Apache-2.0
// What each consumer project builds: a network is planned, made and run.
#include <mmdl/mmdl.hpp>

using namespace mmdl;

using Net = Sequential<Conv<4, Kernel<3>>, Relu, GlobalAveragePool, Linear<2>>;
using Image = Shape<6, 6, 3>;

int main() {
  Model<Net, Image> model;
  Tensor<Image> images(3);
  fill_normal(images, 1);
  return model.predict(images).samples() == 3 ? 0 : 1;
}
