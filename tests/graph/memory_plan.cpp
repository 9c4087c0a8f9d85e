// SPDX-License-Identifier: Apache-2.0
// The memory plan against a simulation: each place of the arena carries the tag of what was written there
// last, and every read must find the tag of what it came for.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"

using namespace mmdl;
using detail::Mode;
using detail::Node;

namespace {

constexpr long unit = 16;  // plans are multiples of this

template <class Program>
class Simulation {
  static constexpr const auto& graph = Program::graph;
  static constexpr const auto& plan = Program::plan;
  static constexpr const auto& backward = Program::backward;
  static constexpr int count = static_cast<int>(std::size(Program::graph.nodes));

 public:
  explicit Simulation(Mode mode)
      : tags_(static_cast<std::size_t>(plan.total / unit), -1), tag_of_(count, -1) {
    REQUIRE(plan.total % unit == 0);
    forward();
    for (int i = 0; i < graph.outputs.count; ++i) expect_value(graph.outputs.id[i], count);
    if (mode != Mode::inference)
      run_backward();
    else
      REQUIRE(backward.again_count == 0);
  }

 private:
  static long units(int value) { return detail::rounded(graph.nodes[value].output.size()) / unit; }

  void write(long offset, long length, int tag) {
    REQUIRE(offset >= 0);
    REQUIRE(offset % unit == 0);
    REQUIRE(offset / unit + length <= static_cast<long>(tags_.size()));
    for (long i = 0; i < length; ++i) tags_[static_cast<std::size_t>(offset / unit + i)] = tag;
  }
  void expect(long offset, long length, int tag, const std::string& what) const {
    bool intact = offset >= 0;
    for (long i = 0; intact && i < length; ++i)
      intact = tags_[static_cast<std::size_t>(offset / unit + i)] == tag;
    INFO(what);
    REQUIRE(intact);
  }
  void expect_value(int value, int reader) const {
    if (value < graph.inputs) return;
    expect(plan.value[value], units(value), tag_of_[static_cast<std::size_t>(value)],
           "value " + std::to_string(value) + " read by " + std::to_string(reader));
  }
  /// A value as the backward finds it: at its second place where it is computed again.
  void expect_kept(int value, int reader) const {
    if (value < graph.inputs || plan.again[value] < 0) return expect_value(value, reader);
    expect(plan.again[value], units(value), again_tag(value),
           "value " + std::to_string(value) + ", computed again, read by " + std::to_string(reader));
  }
  static int again_tag(int value) { return 2 * count + value; }
  static bool overlap(long a, long a_units, long b, long b_units) {
    return a < b + b_units * unit && b < a + a_units * unit;
  }

  void forward() {
    for (int n = graph.inputs; n < count; ++n) {
      const Node& node = graph.nodes[n];
      if (node.merged) continue;
      for (int i = 0; i < node.input_count; ++i) {
        const int input = node.inputs[i];
        expect_value(input, n);
        if (input < graph.inputs || !overlap(plan.value[n], units(n), plan.value[input], units(input)))
          continue;
        REQUIRE(detail::may_overwrite(node, i));  // only then may output and input share a place, exactly
        REQUIRE(plan.value[n] == plan.value[input]);
      }
      write(plan.value[n], units(n), n);
      tag_of_[static_cast<std::size_t>(n)] = n;
    }
  }

  int gradient_tag(int value) const { return count + backward.holder[value]; }
  void expect_gradient(int value) const {
    expect(plan.gradient[value], units(value), gradient_tag(value), "gradient of " + std::to_string(value));
  }

  void run_backward() {
    std::vector<bool> written(count, false);
    for (int i = 0; i < graph.outputs.count; ++i) {
      const int value = graph.outputs.id[i];
      if (backward.holder[value] < 0) continue;
      write(plan.gradient[value], units(value), gradient_tag(value));
      written[static_cast<std::size_t>(value)] = true;
    }
    for (int i = 0; i < graph.outputs.count; ++i)
      expect_value(graph.outputs.id[i], count);  // the loss reads them
    for (int n = count - 1; n >= graph.inputs; --n) {
      const Node& node = graph.nodes[n];
      if (!backward.runs[n]) continue;
      REQUIRE(written[static_cast<std::size_t>(n)]);
      compute_again(n);
      expect_gradient(n);
      const int read = detail::reads_inputs(node) ? node.input_count - (node.has_residual ? 1 : 0) : 0;
      for (int i = 0; i < read; ++i) expect_kept(node.inputs[i], n);
      if (node.needs_output) expect_kept(n, n);
      for (int i = 0; i < node.input_count; ++i) {
        const int input = node.inputs[i];
        if (backward.holder[input] < 0) continue;
        const bool shared = backward.holder[input] == backward.holder[n];
        REQUIRE(shared == overlap(plan.gradient[input], units(input), plan.gradient[n], units(n)));
        REQUIRE(backward.accumulate[n][i] == written[static_cast<std::size_t>(input)]);
        if (backward.accumulate[n][i])
          expect_gradient(input);
        else if (!shared)
          write(plan.gradient[input], units(input), gradient_tag(input));
        written[static_cast<std::size_t>(input)] = true;
      }
      // What is read again below must have survived the writes.
      for (int i = 0; i < read; ++i) expect_kept(node.inputs[i], n);
    }
    REQUIRE(again_ == again_count);
  }

  void compute_again(int step) {
    for (; again_ < again_count; ++again_) {
      const int n = backward.again[again_];
      if (backward.again_before[n] != step) return;
      REQUIRE(backward.dropped[n]);
      const Node& node = graph.nodes[n];
      for (int i = 0; i < node.input_count; ++i) expect_kept(node.inputs[i], n);
      write(plan.again[n], units(n), again_tag(n));
      for (int i = 0; i < node.input_count; ++i) expect_kept(node.inputs[i], n);  // not overwritten
    }
  }

  static constexpr auto again_count = static_cast<unsigned>(backward.again_count);
  unsigned again_ = 0;  // how many values have been computed again
  std::vector<int> tags_;
  std::vector<int> tag_of_;
};

template <class Net, class Input>
void simulate() {
  Simulation<detail::Program<Net, Input, Mode::inference>>{Mode::inference};
  Simulation<detail::Program<Net, Input, Mode::training>>{Mode::training};
  Simulation<detail::Program<Net, Input, Mode::training_with_inputs>>{Mode::training_with_inputs};
}

using Photo = Shape<224, 224, 3>;
using Image = Shape<9, 9, 4>;
template <class Visual>
using Classifier = Sequential<Visual, Linear<10>>;

template <class Net, class Input>
constexpr long unplanned() {  // every value and every gradient kept apart, float32
  long total = 0;
  for (const Node& node : detail::graph_of<Net, Input>.nodes) total += 8 * node.output.size();
  return total;
}

}  // namespace

TEST_CASE("no two live buffers overlap: large networks") {
  simulate<Classifier<MultiScale<ResNet18, NoFusion>>, Photo>();
  simulate<Classifier<MultiScale<ResNet101>>, Photo>();
  simulate<Classifier<MultiScale<ResNet50, MaxPoolFusion, Scales<3, 4, 5>>>, Photo>();
  simulate<Classifier<MultiScale<ResNet50, ConcatFusion>>, Photo>();
  simulate<Classifier<MultiScale<Checkpointed<ResNet50>>>, Photo>();
  simulate<Classifier<MultiScale<MobileNet<>, NoFusion>>, Photo>();
  simulate<Classifier<MultiScale<GoogLeNet>>, Photo>();
  simulate<Annotator<MultiScale<ResNet101>, Mlp<2048, 2048>, Labels<81>>, List<Photo, Shape<1000>>>();
  simulate<Annotator<Frozen<MultiScale<ResNet18>>, Mlp<64, 512>, Labels<81>>, List<Photo, Shape<1000>>>();
}

TEST_CASE("no two live buffers overlap: branches, sharing, one value used often") {
  simulate<Residual<Identity>, Image>();
  simulate<Residual<Residual<Residual<Relu>>, Sigmoid>, Image>();
  simulate<Sequential<Conv<4>, Product<Identity, Sigmoid>, Residual<Relu, Tanh>, Conv<3>>, Image>();
  simulate<Sequential<Conv<4>, Concat<Identity, Relu, Conv<2>>, BatchNorm, Relu, MaxPool<2>>, Image>();
  simulate<Sequential<Conv<4>, BatchNorm, Heads<Relu, Identity, Dropout<20>>, Join, Dropout<50>, Conv<2>>,
           Image>();
  simulate<
      Sequential<Conv<4>, Frozen<Residual<Sequential<Conv<4>, BatchNorm, Relu>>>, Residual<Identity>, Relu>,
      Image>();
  simulate<Sequential<Conv<4>, Heads<Sequential<Relu, Conv<2>>, Sequential<BatchNorm, Relu>>>, Image>();
}

TEST_CASE("a plan needs a fraction of what keeping everything would") {
  using Net = MultiScale<ResNet101>;
  CHECK(training_bytes<Net, Photo> < unplanned<Net, Photo>() / 3);
  CHECK(inference_bytes<Net, Photo> < training_bytes<Net, Photo> / 4);
  // Depth costs inference nothing.
  CHECK(inference_bytes<MultiScale<ResNet152>, Photo> == inference_bytes<MultiScale<ResNet50>, Photo>);
  // A frozen backbone keeps no activations of its own.
  using Trained = Classifier<MultiScale<ResNet101, NoFusion>>;
  using FrozenBelow = Classifier<Frozen<MultiScale<ResNet101, NoFusion>>>;
  CHECK(training_bytes<FrozenBelow, Photo> < training_bytes<Trained, Photo> / 4);
}
