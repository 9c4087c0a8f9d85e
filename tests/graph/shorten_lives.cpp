// SPDX-License-Identifier: Apache-2.0
// The order of the nodes: the same computation, shorter lives.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"
#include "networks.hpp"
#include "run_program.hpp"

namespace shorten_lives_test {

using namespace mmdl;
using detail::Mode;

namespace {

/// A network in the order of its layers.
template <class Net, class Input, Mode mode>
struct InOrder {
  static constexpr auto graph = detail::fuse(detail::graph_of<Net, Input>, mode);
  static constexpr auto backward = detail::recompute(graph, detail::differentiate(graph, mode));
  static constexpr auto plan = detail::plan_memory(graph, backward, mode);
};

template <class Net, class Input, Mode mode = Mode::inference>
constexpr long in_order_bytes = 4 * InOrder<Net, Input, mode>::plan.total;

/// Every node stands once, behind what it reads; the outputs are those of before. Knows no network's type, so
/// that it is compiled once for all of them.
void check_order(const detail::GraphView& before, const detail::GraphView& after) {
  std::vector<int> sources, expected;
  for (int n = 0; n < after.node_count; ++n) {
    if (!before.nodes[n].merged) expected.push_back(before.nodes[n].source);
    if (after.nodes[n].merged) continue;
    sources.push_back(after.nodes[n].source);
    for (int i = 0; i < after.nodes[n].input_count; ++i) {
      CHECK(after.nodes[n].inputs[i] < n);
      CHECK_FALSE(after.nodes[after.nodes[n].inputs[i]].merged);
    }
  }
  for (int i = 0; i < after.inputs; ++i) CHECK(after.nodes[i].kind == detail::OperatorKind::input);
  std::sort(sources.begin(), sources.end());
  std::sort(expected.begin(), expected.end());
  CHECK(sources == expected);
  REQUIRE(after.outputs.count == before.outputs.count);
  for (int i = 0; i < after.outputs.count; ++i)
    CHECK(after.nodes[after.outputs.id[i]].source == before.nodes[before.outputs.id[i]].source);
}

template <class Net, class Input, Mode mode>
void check_order() {
  check_order(detail::view_of(InOrder<Net, Input, mode>::graph),
              detail::view_of(detail::Program<Net, Input, mode>::graph));
}

/// How much of the network lives at a time.
template <class Graph>
constexpr long live_peak_of(const Graph& graph) {
  return live_peak(graph, detail::NodeOrder(graph));
}

void expect_equal(const networks::Run<float>& plain, const networks::Run<float>& moved, long plain_peak,
                  long moved_peak) {
  CHECK(moved_peak <= plain_peak);
  CHECK(plain.outputs == moved.outputs);
}

template <class Net, class Input>
void check(const char* name) {
  CAPTURE(name);
  check_order<Net, Input, Mode::inference>();
  check_order<Net, Input, Mode::training>();
  using Before = InOrder<Net, Input, Mode::inference>;
  using After = detail::Program<Net, Input, Mode::inference>;
  Model<Net, Input> model;
  expect_equal(networks::run<Before, Mode::inference>(model, 3),
               networks::run<After, Mode::inference>(model, 3), live_peak_of(Before::graph),
               live_peak_of(After::graph));
}

using Photo = Shape<224, 224, 3>;
using Image = Shape<8, 8, 64>;

}  // namespace

TEST_CASE("another order computes the same") {
  networks::for_each([]<class Net, class Input>(const char* name) { check<Net, Input>(name); });
  check<MultiScale<ResNet18>, Shape<64, 64, 3>>("MS-CNN over ResNet-18");
  check<MultiScale<ResNet50>, Shape<64, 64, 3>>("MS-CNN over ResNet-50");
}

TEST_CASE("a fusion block's convolution runs when its scale is there") {
  using Net = MultiScale<ResNet101>;
  constexpr auto& graph = detail::Program<Net, Photo, Mode::inference>::graph;
  int readers = 0;  // of the first scale
  for (int n = graph.inputs; n < graph.node_count && n < 5; ++n)
    readers += !graph.nodes[n].merged && graph.nodes[n].inputs[0] == 1 ? 1 : 0;
  CHECK(readers == 2);
  CHECK(inference_bytes<Net, Photo> < in_order_bytes<Net, Photo>);
  CHECK(inference_bytes<Net, Photo> == inference_bytes<MultiScale<ResNet101, NoFusion>, Photo>);
  CHECK(training_bytes<MultiScale<ResNet18>, Photo> <
        in_order_bytes<MultiScale<ResNet18>, Photo, Mode::training>);
}

TEST_CASE("a projection that makes little of much runs as soon as what it reads is not needed else") {
  using Body = Sequential<Conv<64>, Conv<16>, Conv<16>>;
  using Net = Sequential<Conv<64>, Residual<Body, Conv<16>>, Conv<4>>;
  constexpr auto& graph = detail::Program<Net, Image, Mode::inference>::graph;
  CHECK(graph.nodes[2].inputs[0] == 1);  // the body's first
  CHECK(graph.nodes[3].inputs[0] == 1);
  // One that makes as much as it reads stays where it is.
  using Even = Sequential<Conv<64>, Residual<Sequential<Conv<64>, Conv<64>, Conv<64>>, Conv<64>>, Conv<4>>;
  constexpr auto& even = detail::Program<Even, Image, Mode::inference>::graph;
  CHECK(even.nodes[2].inputs[0] == 1);
  CHECK(even.nodes[3].inputs[0] == 2);
}

TEST_CASE("a sum lies over the residual that nothing reads later") {
  using Block = resnet::Bottleneck<16, 1, Identity>;
  constexpr long map = 8 * 8 * 64 * 4;
  static_assert(inference_bytes<Repeat<3, Block>, Image> == map + 2 * map / 4);
  // Not where the product is written in parts.
  using Deep = Residual<Sequential<Conv<256, Kernel<1>>, Conv<64, Kernel<1>>>>;
  static_assert(inference_bytes<Repeat<3, Deep>, Image> == 2 * map + 4 * map);
}

}  // namespace shorten_lives_test
