// SPDX-License-Identifier: Apache-2.0
// Options, shapes, parameters, arithmetic and memory: all of it constants that the compiler works out.
#include <mmdl/mmdl.hpp>
#include <type_traits>

using namespace mmdl;

using Image = Shape<32, 32, 3>;

// Options come in any order and have defaults: a 3x3 kernel, stride 1, a bias, padding that keeps an odd
// kernel's size.
static_assert(std::is_same_v<output_shape<Conv<8>, Image>, Shape<32, 32, 8>>);
static_assert(std::is_same_v<output_shape<Conv<8, Stride<2>, Kernel<5>>, Image>, Shape<16, 16, 8>>);
static_assert(std::is_same_v<output_shape<Conv<8, Padding<0>>, Image>, Shape<30, 30, 8>>);
static_assert(std::is_same_v<output_shape<Conv<8, Kernel<1, 7>, Dilation<2>>, Image>, Shape<32, 32, 8>>);
static_assert(std::is_same_v<output_shape<MaxPool<3, Stride<2>, Padding<1>>, Image>, Shape<16, 16, 3>>);
static_assert(std::is_same_v<output_shape<DepthwiseConv<Stride<2>>, Image>, Shape<16, 16, 3>>);
static_assert(std::is_same_v<output_shape<Flatten, Image>, Shape<3072>>);

// Joins: a body with a shortcut, branches side by side, several inputs and outputs.
static_assert(std::is_same_v<output_shape<Residual<Conv<3>>, Image>, Image>);
static_assert(std::is_same_v<output_shape<Residual<Conv<8>, Conv<8, Kernel<1>>>, Image>, Shape<32, 32, 8>>);
static_assert(
    std::is_same_v<output_shape<Concat<Conv<8>, Conv<4, Kernel<5>>, Identity>, Image>, Shape<32, 32, 15>>);
static_assert(
    std::is_same_v<output_shape<Heads<Flatten, GlobalAveragePool>, Image>, List<Shape<3072>, Shape<3>>>);
static_assert(std::is_same_v<output_shape<Join, List<Shape<5>, Shape<7>>>, Shape<12>>);

// Parameters and multiply-adds of the forward, per sample.
static_assert(parameter_count<Conv<8>, Image> == 3 * 3 * 3 * 8 + 8);
static_assert(parameter_count<Conv<8, Bias<false>>, Image> == 3 * 3 * 3 * 8);
static_assert(multiply_adds<Conv<8>, Image> == 32L * 32 * 8 * 3 * 3 * 3);

// Memory, in bytes per sample: what inference needs, and a training step with all its gradients.
using Block =
    Sequential<Residual<Sequential<Conv<16, Bias<false>>, BatchNorm, Relu, Conv<16, Bias<false>>, BatchNorm>>,
               Relu>;
template <int Blocks>
using Net = Sequential<Conv<16>, Repeat<Blocks, Block>, GlobalAveragePool, Linear<10>>;

// A deeper network needs the same for inference, and more for training, which keeps what the backward reads
// and what would be dear to compute again. `KeepActivations` keeps it all, `Checkpointed` less.
static_assert(inference_bytes<Net<8>, Image> == inference_bytes<Net<2>, Image>);
static_assert(training_bytes<Net<8>, Image> > training_bytes<Net<2>, Image>);
static_assert(training_bytes<Net<8>, Image> < training_bytes<KeepActivations<Net<8>>, Image> / 2);
static_assert(training_bytes<Checkpointed<Net<8>>, Image> < training_bytes<Net<8>, Image>);
// Batch norm joins its convolution in inference: no buffer of its own.
static_assert(inference_bytes<Sequential<Conv<16>, BatchNorm, Relu>, Image> == 4L * 32 * 32 * 16);

// So a budget is a line of code: the build fails when the network outgrows its machine.
static_assert(64 * training_bytes<Net<8>, Image> < 256 << 20, "64 samples are to be trained in 256 MB");

int main() {
  Model<Net<2>, Image> model;
  return model.parameters().size() == static_cast<std::size_t>(parameter_count<Net<2>, Image>) ? 0 : 1;
}
