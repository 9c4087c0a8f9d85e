// SPDX-License-Identifier: Apache-2.0
// A backward that computes values again gives what one that keeps them gives, to the bit, in less memory.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"
#include "networks.hpp"
#include "run_program.hpp"

using namespace mmdl;
using detail::Mode;

namespace {

/// A network whose backward keeps all that it reads.
template <class Net, class Input, Mode mode>
struct Keeping {
  static constexpr auto graph = detail::fuse(detail::graph_of<Net, Input>, mode);
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

template <class Net, class Input, class Number>
void compare(const std::string& name) {
  CAPTURE(name);
  constexpr Mode mode = Mode::training;
  Model<Net, Input, Cpu<Number>> model;
  const auto kept = networks::run<Keeping<Net, Input, mode>, mode>(model, 3);
  const auto computed = networks::run<detail::Program<Net, Input, mode>, mode>(model, 3);
  CHECK(equal_bits(kept.outputs, computed.outputs));
  CHECK(equal_bits(kept.gradients, computed.gradients));
  CHECK(equal_bits(kept.states, computed.states));
}

using Image = Shape<7, 5, 4>;
using Photo = Shape<224, 224, 3>;
using networks::Norm;

}  // namespace

TEST_CASE("computing again changes no bit") {
  networks::for_each([]<class Net, class Input>(const char* name) { compare<Net, Input, float>(name); });
  compare<MultiScale<ResNet18>, Shape<40, 40, 3>, float>("MS-CNN over ResNet-18");
  compare<MultiScale<networks::Tiny>, Shape<9, 9, 3>, BFloat16>("MS-CNN, narrow values");
  compare<networks::Block, Image, BFloat16>("block, narrow values");
}

TEST_CASE("what is computed again, and what is not") {
  // The first norm's output is read by the second convolution; the last one's by nothing.
  static_assert(again<Sequential<Norm<4>, Relu, Norm<4>>, Image> == 1);
  // Nothing is gained where the norm's input would not be kept without it.
  static_assert(again<Sequential<Conv<4>, Frozen<Sequential<BatchNorm, Relu>>, Conv<2>>, Image> == 0);
  static_assert(again<Sequential<Conv<4>, Relu, Conv<4>>, Image> == 0);
  static_assert(again<Sequential<Frozen<Sequential<Norm<4>, Relu, Norm<4>>>, Conv<4>>, Image> == 0);
  static_assert(detail::Program<networks::Block, Image, Mode::inference>::backward.again_count == 0);
}

TEST_CASE("computing again saves memory") {
  CHECK(training_bytes<MultiScale<ResNet101>, Photo> < 0.85 * kept_bytes<MultiScale<ResNet101>, Photo>);
  using Mobile = MultiScale<MobileNet<>, NoFusion>;
  CHECK(training_bytes<Mobile, Photo> < 0.55 * kept_bytes<Mobile, Photo>);
  using Inception = MultiScale<GoogLeNet, NoFusion>;
  CHECK(training_bytes<Inception, Photo> < 0.8 * kept_bytes<Inception, Photo>);
  CHECK(training_bytes<Vgg16, Photo> == kept_bytes<Vgg16, Photo>);  // no norm, nothing to compute again
}
