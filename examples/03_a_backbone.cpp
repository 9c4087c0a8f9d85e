// SPDX-License-Identifier: Apache-2.0
// A backbone of one's own under the fusion branch of the multi-scale network, in each variant and in two of
// one's own.
#include <cstdio>
#include <mmdl/mmdl.hpp>
#include <type_traits>

using namespace mmdl;

template <int Filters, int Step>
using Scale = Sequential<Conv<Filters, Stride<Step>, Bias<false>>, BatchNorm, Relu>;
using Image = Shape<32, 32, 3>;

// A backbone is its list of scales, from the finest to the coarsest; each one's output is a tap.
using Small = Backbone<Scale<16, 1>,   // 32 x 32 x 16
                       Scale<32, 2>,   // 16 x 16 x 32
                       Scale<64, 2>>;  //  8 x  8 x 64

using Plain = MultiScale<Small, NoFusion>;                // the last scale only
using Fused = MultiScale<Small>;                          // convolutions from scale to scale, summed
using Pooled = MultiScale<Small, MaxPoolFusion>;          // max pooling in place of the 3x3 convolution
using Stacked = MultiScale<Small, ConcatFusion>;          // every scale averaged, all of them joined
using Two = MultiScale<Small, ConvFusion, Scales<2, 3>>;  // only some scales

static_assert(std::is_same_v<output_shape<Plain, Image>, Shape<64>>);
static_assert(std::is_same_v<output_shape<Stacked, Image>, Shape<16 + 32 + 64>>);

// A fusion of one's own, first way: any layer that takes the list of taps. Each scale gives 24 features.
using Tap = Sequential<GlobalAveragePool, Linear<24, HeNormal>, Relu>;
using Projected = MultiScale<Small, Sequential<Parallel<Tap, Tap, Tap>, Join>>;
static_assert(std::is_same_v<output_shape<Projected, Image>, Shape<3 * 24>>);

// Second way: another block in the sum along the scales, from the fused value's shape to the next tap's.
struct SeparableFusion : SumFusion<SeparableFusion> {
  template <class From, class To>
  using block = Sequential<DepthwiseConv<Stride<scale_ratio<From, To>>, Bias<false>>, BatchNorm, Relu,
                           Conv<To::extents[2], Kernel<1>, Bias<false>>, BatchNorm, Relu>;
};
using Light = MultiScale<Small, SeparableFusion>;
static_assert(parameter_count<Light, Image> < parameter_count<Fused, Image>);

template <class Net>
bool works(const char* name) {
  Model<Net, Image> model;
  Tensor<Image> images(2);
  fill_normal(images, /*seed=*/7);
  const auto features = model.predict(images);
  std::printf("%-10s %6ld parameters, %3ld features\n", name, parameter_count<Net, Image>,
              output_shape<Net, Image>::size);
  return features.samples() == 2 && features == features;  // no NaN
}

int main() {
  const bool ok = works<Plain>("Plain") && works<Fused>("Fused") && works<Pooled>("Pooled") &&
                  works<Stacked>("Stacked") && works<Two>("Two") && works<Projected>("Projected") &&
                  works<Light>("Light");
  return ok ? 0 : 1;
}
