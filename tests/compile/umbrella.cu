// SPDX-License-Identifier: Apache-2.0
// The whole library in a CUDA translation unit: nvcc reads every header, and plans and instantiates a
// network.
#include <mmdl/mmdl.hpp>
#if __has_include(<cudnn.h>)
#  include <mmdl/gpu.hpp>
#endif
#include <type_traits>

using namespace mmdl;

using Block = Residual<Sequential<Conv<8, Kernel<3>, Bias<false>>, BatchNorm, Relu>>;
using Net = Sequential<Conv<8, Kernel<3>>, Repeat<2, Block>, GlobalAveragePool, Linear<10>>;
using Image = Shape<8, 8, 3>;

static_assert(std::is_same_v<output_shape<Net, Image>, Shape<10>>);
static_assert(parameter_count<Net, Image> > 0);

__global__ void scale(float* values, float factor) { values[threadIdx.x] *= factor; }

int main() {
  Model<Net, Image> model;
  Trainer trainer{model, SoftmaxCrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  Tensor<Image> images(2);
  Tensor<Shape<10>> labels(2);
  return trainer.step(images, labels) >= 0.0f ? 0 : 1;
}
