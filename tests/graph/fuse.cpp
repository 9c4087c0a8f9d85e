// SPDX-License-Identifier: Apache-2.0
// A fused network gives what the unfused one gives, and says what it joined.
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"

namespace fuse_test {

using namespace mmdl;
using detail::Mode;

namespace {

/// The network as its layers stand, one node each: the reference.
template <class Net, class Input>
struct Unfused {
  static constexpr auto graph = detail::graph_of<Net, Input>;
  static constexpr auto backward = detail::differentiate(graph, Mode::inference);
  static constexpr auto plan = detail::plan_memory(graph, backward, Mode::inference);
};

template <class Net, class Input>
void compare(double tolerance = 1e-12) {
  using Fused = detail::Program<Net, Input, Mode::inference>;
  static constexpr auto fused = detail::program_view<Fused, Mode::inference>();
  static constexpr auto plain = detail::program_view<Unfused<Net, Input>, Mode::inference>();
  Model<Net, Input, Cpu<double>> model(3);
  auto& engine = model.engine();
  for (long i = 0; i < engine.graph().states; ++i)  // means around 0, variances above it
    engine.states()[i] = 0.3 + 0.5 * random_uniform(5, 0, static_cast<std::uint64_t>(i));
  constexpr int samples = 3;
  Tensor<Input, double> x(samples);
  fill_normal(x, 9);
  const double* inputs[] = {x.data()};
  engine.forward(plain, model.training_kernels(), samples, inputs, {});
  std::vector<std::vector<double>> expected;
  for (int o = 0; o < plain.outputs.count; ++o) {
    const double* y = engine.value(plain, plain.outputs.id[o]);
    expected.emplace_back(y, y + samples * plain.nodes[plain.outputs.id[o]].output.size());
  }
  engine.forward(fused, samples, inputs, {});
  REQUIRE(fused.outputs.count == plain.outputs.count);
  for (int o = 0; o < fused.outputs.count; ++o) {
    const double* y = engine.value(fused, fused.outputs.id[o]);
    double worst = 0.0, largest = 0.0;
    for (std::size_t i = 0; i < expected[static_cast<std::size_t>(o)].size(); ++i) {
      worst = std::max(worst, std::fabs(y[i] - expected[static_cast<std::size_t>(o)][i]));
      largest = std::max(largest, std::fabs(y[i]));
    }
    CHECK(largest > 0.0);
    CHECK(worst <= tolerance * largest);
  }
}

template <class Net, class Input, Mode mode = Mode::inference>
constexpr int node_count() {
  int count = 0;
  for (const auto& node : detail::Program<Net, Input, mode>::graph.nodes) count += node.merged ? 0 : 1;
  return count;
}

using Image = Shape<11, 9, 4>;
template <int Filters, int Step>
using Scale = Sequential<Conv<Filters, Kernel<3>, Stride<Step>, Bias<false>>, BatchNorm, Relu>;
using Tiny = Backbone<Scale<8, 1>, Scale<12, 2>, Scale<16, 2>>;

}  // namespace

TEST_CASE("fused equals unfused") {
  compare<Sequential<Conv<4>, BatchNorm, Relu>, Image>();
  compare<Sequential<Conv<4, Bias<false>>, BatchNorm, Relu6, DepthwiseConv<>, BatchNorm, Relu6>, Image>();
  compare<Sequential<Conv<4>, Relu, BatchNorm, Sigmoid>, Image>();
  compare<Sequential<Residual<Sequential<Conv<4>, BatchNorm>>, Relu>, Image>();
  compare<Sequential<Residual<Sequential<Conv<4>, BatchNorm, Relu>>, Tanh>, Image>();
  compare<Sequential<Residual<Sequential<BatchNorm, Relu, Conv<4>>>, Relu>, Image>();
  compare<
      Sequential<Residual<Sequential<Conv<6>, BatchNorm>, Sequential<Conv<6, Kernel<1>>, BatchNorm>>, Relu>,
      Image>();
  compare<Sequential<Residual<BatchNorm, Relu>, Residual<Identity>, Relu>, Image>();
  compare<Sequential<Conv<4>, Heads<BatchNorm, Relu, Identity>, Join, Dropout<50>, Conv<2>, Tanh>, Image>();
  compare<Sequential<Flatten, Linear<8>, Relu, Dropout<50>, Linear<4>, Sigmoid, Linear<2>, BatchNorm>,
          Image>();
  compare<MultiScale<Tiny>, Image>();
  compare<MultiScale<Tiny, MaxPoolFusion>, Image>();
  compare<MultiScale<Tiny, ConcatFusion>, Image>();
  compare<MultiScale<ResNet18>, Shape<40, 40, 3>>(1e-10);
}

TEST_CASE("what is joined") {
  CHECK(node_count<Sequential<Conv<4>, BatchNorm, Relu>, Image>() == 2);  // input, convolution
  CHECK(node_count<Sequential<Residual<Sequential<Conv<4>, BatchNorm>>, Relu>, Image>() == 2);
  CHECK(node_count<Sequential<Linear<4>, Relu, Dropout<50>, Linear<3>>, Shape<5>>() == 3);
  // A value that something else reads too stays.
  CHECK(node_count<Sequential<Conv<4>, Heads<BatchNorm, Identity>>, Image>() == 3);
  // In training the batch's statistics stand between convolution and norm.
  CHECK(node_count<Sequential<Conv<4>, BatchNorm, Relu>, Image, Mode::training>() == 3);
  CHECK(node_count<Frozen<Sequential<Conv<4>, BatchNorm, Relu>>, Image, Mode::training>() == 2);
  // ResNet-101: one node for each convolution, two poolings, the input.
  CHECK(node_count<MultiScale<ResNet101, NoFusion>, Shape<224, 224, 3>>() == 104 + 3);
}

TEST_CASE("scales above the last one in use are not built") {
  using Net = MultiScale<Tiny, ConvFusion, Scales<1, 2>>;
  CHECK(std::is_same_v<output_shape<Net, Image>, Shape<12>>);
  CHECK(parameter_count<Net, Image> == 4 * 9 * 8 + 16 + 8 * 9 * 12 + 24 + (8 * 9 * 8 + 16 + 8 * 12 + 24));
}

TEST_CASE("descriptions") {
  using Net = MultiScale<ResNet18>;
  using Photo = Shape<224, 224, 3>;
  const std::string table = summary<Net, Photo>();
  CHECK(table.find("scale3.block2.conv1") != std::string::npos);
  CHECK(table.find("fusion4.batch_norm2") != std::string::npos);
  CHECK(table.find("112x112x64") != std::string::npos);
  const std::string drawing = dot<Net, Photo, true>();
  CHECK(drawing.find("digraph") == 0);
  CHECK(drawing.find("scale2.block1.conv2 + batch norm + residual + relu") != std::string::npos);
  // 7x7 stem of ResNet: 112 * 112 places, 7 * 7 * 3 products each, 64 filters; a batch norm counts one a
  // number.
  CHECK(multiply_adds<Conv<64, Kernel<7>, Stride<2>>, Photo> == 112L * 112 * 7 * 7 * 3 * 64);
  CHECK(multiply_adds<Sequential<Linear<30>, BatchNorm>, Shape<20>> == 20 * 30 + 30);
}

TEST_CASE("names are unique and say where a parameter stands") {
  using Net = Annotator<MultiScale<ResNet18>, Mlp<16, 512>, Labels<5>>;
  const Model<Net, List<Shape<64, 64, 3>, Shape<10>>> model;
  const std::set<std::string> names(model.names().begin(), model.names().end());
  CHECK(names.size() == model.names().size());
  for (const char* name :
       {"visual.scale1.conv1.weight", "visual.scale3.block2.conv1.weight",
        "visual.scale3.block1.shortcut.batch_norm1.running_variance", "visual.fusion4.conv2.weight",
        "text.linear2.bias", "labels.linear1.weight", "quantity.linear3.bias"})
    CHECK_MESSAGE(names.count(name) == 1, name);
}

}  // namespace fuse_test
