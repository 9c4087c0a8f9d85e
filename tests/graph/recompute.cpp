// SPDX-License-Identifier: Apache-2.0
// A backward that computes values again gives what one that keeps them gives, to the bit, in less memory.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"
#include "networks.hpp"
#include "run_program.hpp"

namespace recompute_test {

using namespace mmdl;
using detail::Mode;

namespace {

/// A network whose backward keeps all that it reads.
template <class Net, class Input, Mode mode>
struct Keeping {
  static constexpr auto graph = detail::shorten_lives(detail::fuse(detail::graph_of<Net, Input>, mode), mode);
  static constexpr auto backward = detail::differentiate(graph, mode);
  static constexpr auto plan = detail::plan_memory(graph, backward, mode);
};

template <class Net, class Input>
constexpr long kept_bytes = 4 * Keeping<Net, Input, Mode::training>::plan.total;

/// How many values the backward of a network computes again.
template <class Net, class Input>
constexpr int again = detail::Program<Net, Input, Mode::training>::backward.again_count;

template <class Number>
bool equal_bits(const std::vector<Number>& a, const std::vector<Number>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(Number)) == 0);
}

/// Knows no network's type, so that it is compiled once for all of them.
template <class Number>
void expect_equal(const std::string& name, const networks::Run<Number>& kept,
                  const networks::Run<Number>& computed) {
  CAPTURE(name);
  CHECK(equal_bits(kept.outputs, computed.outputs));
  CHECK(equal_bits(kept.gradients, computed.gradients));
  CHECK(equal_bits(kept.states, computed.states));
}

template <class Net, class Input, class Number>
void compare(const char* name) {
  constexpr Mode mode = Mode::training;
  Model<Net, Input, Cpu<Number>> model;
  const auto kept = networks::run<Keeping<Net, Input, mode>, mode>(model, 3);
  const auto computed = networks::run<detail::Program<Net, Input, mode>, mode>(model, 3);
  expect_equal(name, kept, computed);
}

using Image = Shape<7, 5, 4>;
using Photo = Shape<224, 224, 3>;
using networks::Norm;

}  // namespace

TEST_CASE("computing again changes no bit") {
  networks::for_each([]<class Net, class Input>(const char* name) { compare<Net, Input, float>(name); });
  compare<MultiScale<ResNet18>, Shape<40, 40, 3>, float>("MS-CNN over ResNet-18");
  compare<MultiScale<ResNet50>, Shape<40, 40, 3>, float>("MS-CNN over ResNet-50");
  compare<MultiScale<MobileNet<25>, NoFusion>, Shape<40, 40, 3>, float>("MobileNet");
  compare<MultiScale<networks::Tiny>, Shape<9, 9, 3>, BFloat16>("MS-CNN, narrow values");
  compare<networks::Block, Image, BFloat16>("block, narrow values");
}

TEST_CASE("what is computed again, and what is not") {
  // A long rest of the network, without norms: what stands at the end is not worth dropping.
  using Rest = Repeat<12, Sequential<Conv<4, Kernel<7>>, Tanh>>;
  using Wide = Conv<4, Kernel<7>, Bias<false>>;  // 196 products a number: kept
  static_assert(again<Sequential<Wide, BatchNorm, Relu, Rest>, Image> == 1);
  static_assert(again<Sequential<Rest, Wide, BatchNorm, Relu, Conv<4>>, Image> == 0);
  // A convolution of few products, but not one upon another; never the last that a kept value hangs on.
  static_assert(again<Sequential<Wide, BatchNorm, Conv<4, Kernel<1>>, BatchNorm, Rest>, Image> == 3);
  static_assert(again<Sequential<Conv<4>, BatchNorm, Conv<4>, BatchNorm, Rest>, Image> == 3);
  static_assert(again<Sequential<Conv<4>, Relu, Conv<4>, Relu, Rest>, Image> == 0);
  // Nothing is gained where the norm's input would not be kept without it.
  static_assert(again<Sequential<Wide, Frozen<Sequential<BatchNorm, Relu>>, Rest>, Image> == 0);
  static_assert(again<Sequential<Frozen<Sequential<Norm<4>, Relu, Norm<4>>>, Rest>, Image> == 0);
  // Sums, concatenations and poolings.
  using Positive = Sequential<Wide, BatchNorm, Relu>;
  static_assert(again<Sequential<Residual<Wide>, Rest>, Image> == 0);  // of what is not there
  static_assert(again<Sequential<Residual<Positive, Positive>, Rest>, Image> == 3);
  static_assert(again<Sequential<Concat<Positive, Positive>, Rest>, Image> == 3);
  static_assert(again<Sequential<Wide, Tanh, MaxPool<2>, Rest>, Image> == 1);
  static_assert(again<Sequential<Positive, MaxPool<2>, Rest>, Image> == 1);  // not from what is dropped
  compare<Sequential<Residual<Positive, Positive>, Concat<Positive, Positive>, MaxPool<2>, Rest>, Image,
          float>("sum, concatenation, pooling");
  static_assert(detail::Program<networks::Block, Image, Mode::inference>::backward.again_count == 0);
}

TEST_CASE("a chain of blocks is computed again from every fourth") {
  using Wide = Sequential<Conv<4, Kernel<7>, Bias<false>>, BatchNorm>;
  using Block = Sequential<Residual<Wide>, Relu>;
  using Rest = Repeat<30, Sequential<Conv<4, Kernel<7>>, Tanh>>;
  static_assert(again<Sequential<Wide, Repeat<1, Block>, Rest>, Image> == 2);
  static_assert(again<Sequential<Wide, Repeat<3, Block>, Rest>, Image> == 4);
  static_assert(again<Sequential<Wide, Repeat<4, Block>, Rest>, Image> == 4);
  static_assert(again<Sequential<Wide, Repeat<9, Block>, Rest>, Image> == 1 + 3 + 3 + 1);
  // The shortcut's norm, which no backward reads, comes with the sum.
  static_assert(again<Sequential<Residual<Wide, Wide>, Relu, Rest>, Image> == 2);
  constexpr auto& backward =
      detail::Program<Sequential<Wide, Repeat<3, Block>, Rest>, Image, Mode::training>::backward;
  for (int i = 1; i < backward.again_count; ++i) CHECK(backward.again[i] > backward.again[i - 1]);
  compare<Sequential<Wide, Repeat<9, Block>, Rest>, Image, float>("chain");
  compare<Sequential<Residual<Wide, Wide>, Relu, Repeat<5, Block>, Rest>, Image, BFloat16>("shortcut");
}

TEST_CASE("a part that keeps little, and one that keeps all") {
  using Wide = Sequential<Conv<4, Kernel<7>, Bias<false>>, BatchNorm, Relu>;
  using Dear = Sequential<Conv<4, Kernel<11>, Bias<false>>, BatchNorm, Relu>;  // 484 products a number
  using Rest = Repeat<20, Sequential<Conv<4, Kernel<7>>, Tanh>>;
  static_assert(again<Sequential<Wide, Dear, Wide, Rest>, Image> == 3);
  static_assert(again<Sequential<Checkpointed<Sequential<Wide, Dear, Wide>>, Rest>, Image> == 3 + 2);
  static_assert(again<Sequential<Checkpointed<Sequential<Wide, KeepActivations<Dear>, Wide>>, Rest>, Image> ==
                4);
  static_assert(again<KeepActivations<Sequential<Wide, Dear, Wide, Rest>>, Image> == 0);
  static_assert(again<KeepActivations<Sequential<Checkpointed<Wide>, Wide, Rest>>, Image> == 2);
  compare<Checkpointed<Sequential<Wide, Dear, Wide, Rest>>, Image, float>("little");
  compare<MultiScale<Checkpointed<ResNet50>>, Shape<40, 40, 3>, float>("MS-CNN, little");
  static_assert(training_bytes<MultiScale<Checkpointed<ResNet101>>, Photo> <
                training_bytes<MultiScale<ResNet101>, Photo> * 3 / 4);
  static_assert(training_bytes<KeepActivations<MultiScale<ResNet18>>, Photo> ==
                kept_bytes<MultiScale<ResNet18>, Photo>);
  static_assert(training_bytes<MultiScale<KeepActivations<ResNet18>>, Photo> >
                training_bytes<MultiScale<ResNet18>, Photo>);
  // The same weights under the same names.
  Model<Checkpointed<Wide>, Image> little(7);
  Model<KeepActivations<Wide>, Image> all(7);
  CHECK(little.names() == all.names());
}

TEST_CASE("computing again saves memory") {
  using Visual = MultiScale<ResNet101>;
  CHECK(training_bytes<Visual, Photo> < 0.5 * kept_bytes<Visual, Photo>);
  using Mobile = MultiScale<MobileNet<>, NoFusion>;
  CHECK(training_bytes<Mobile, Photo> < 0.4 * kept_bytes<Mobile, Photo>);
  using Inception = MultiScale<GoogLeNet, NoFusion>;
  CHECK(training_bytes<Inception, Photo> < 0.65 * kept_bytes<Inception, Photo>);
  using Plain = MultiScale<Vgg16, NoFusion>;  // no norm: poolings alone
  CHECK(training_bytes<Plain, Photo> < 0.95 * kept_bytes<Plain, Photo>);
}

}  // namespace recompute_test
