// SPDX-License-Identifier: Apache-2.0
// The memory plan against a simulation: each place of the arena carries the tag of what was written there
// last, and every read must find the tag of what it came for.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"

namespace memory_plan_test {

using namespace mmdl;
using detail::Mode;
using detail::Node;

namespace {

constexpr long unit = 16;  // plans are multiples of this

/// Knows no network's type, so that it is compiled once for all of them.
class Simulation {
 public:
  /// `holder`, `dropped`: those of the program's backward.
  Simulation(const detail::ProgramView& program, const int* holder, const bool* dropped)
      : p_(program),
        holder_(holder),
        dropped_(dropped),
        tags_(static_cast<std::size_t>(program.total / unit), -1),
        tag_of_(static_cast<std::size_t>(program.node_count), -1) {
    REQUIRE(p_.total % unit == 0);
    forward();
    for (int i = 0; i < p_.outputs.count; ++i) expect_value(p_.outputs.id[i], p_.node_count);
    if (p_.training)
      run_backward();
    else
      REQUIRE(p_.again_count == 0);
  }

 private:
  long units(int value) const { return detail::rounded(p_.nodes[value].output.size()) / unit; }

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
    if (value < p_.inputs) return;
    expect(p_.value[value], units(value), tag_of_[static_cast<std::size_t>(value)],
           "value " + std::to_string(value) + " read by " + std::to_string(reader));
  }
  /// A value as the backward finds it: at its second place where it is computed again.
  void expect_kept(int value, int reader) const {
    if (value < p_.inputs || p_.again_value[value] < 0) return expect_value(value, reader);
    expect(p_.again_value[value], units(value), again_tag(value),
           "value " + std::to_string(value) + ", computed again, read by " + std::to_string(reader));
  }
  int again_tag(int value) const { return 2 * p_.node_count + value; }
  static bool overlap(long a, long a_units, long b, long b_units) {
    return a < b + b_units * unit && b < a + a_units * unit;
  }

  void forward() {
    for (int n = p_.inputs; n < p_.node_count; ++n) {
      const Node& node = p_.nodes[n];
      if (node.merged || node.streamed) continue;
      for (int i = 0; i < node.input_count; ++i) {
        const int input = node.inputs[i];
        if (p_.nodes[input].streamed) {
          read_for(input, n);
          continue;
        }
        expect_value(input, n);
        if (input < p_.inputs || !overlap(p_.value[n], units(n), p_.value[input], units(input))) continue;
        REQUIRE(detail::may_overwrite(node, i));  // only then may output and input share a place, exactly
        REQUIRE(p_.value[n] == p_.value[input]);
      }
      write(p_.value[n], units(n), n);
      tag_of_[static_cast<std::size_t>(n)] = n;
    }
  }

  /// What a streamed value is computed from, by its reader.
  void read_for(int streamed, int reader) const {
    const Node& node = p_.nodes[streamed];
    REQUIRE(p_.value[streamed] == -1);
    for (int i = 0; i < node.input_count; ++i) {
      const int input = node.inputs[i];
      expect_value(input, reader);
      if (input >= p_.inputs)
        REQUIRE_FALSE(overlap(p_.value[reader], units(reader), p_.value[input], units(input)));
    }
  }

  int gradient_tag(int value) const { return p_.node_count + holder_[value]; }
  void expect_gradient(int value) const {
    expect(p_.gradient[value], units(value), gradient_tag(value), "gradient of " + std::to_string(value));
  }

  void run_backward() {
    std::vector<bool> written(static_cast<std::size_t>(p_.node_count), false);
    for (int i = 0; i < p_.outputs.count; ++i) {
      const int value = p_.outputs.id[i];
      if (holder_[value] < 0) continue;
      write(p_.gradient[value], units(value), gradient_tag(value));
      written[static_cast<std::size_t>(value)] = true;
    }
    for (int i = 0; i < p_.outputs.count; ++i)
      expect_value(p_.outputs.id[i], p_.node_count);  // the loss reads them
    for (int n = p_.node_count - 1; n >= p_.inputs; --n) {
      const Node& node = p_.nodes[n];
      if (!p_.runs_backward[n]) continue;
      REQUIRE(written[static_cast<std::size_t>(n)]);
      compute_again(n);
      expect_gradient(n);
      const int read = detail::reads_inputs(node) ? node.input_count - (node.has_residual ? 1 : 0) : 0;
      for (int i = 0; i < read; ++i) expect_kept(node.inputs[i], n);
      if (node.needs_output) expect_kept(n, n);
      for (int i = 0; i < node.input_count; ++i) {
        const int input = node.inputs[i];
        if (holder_[input] < 0) continue;
        const bool shared = holder_[input] == holder_[n];
        REQUIRE(shared == overlap(p_.gradient[input], units(input), p_.gradient[n], units(n)));
        REQUIRE(p_.accumulate[n][i] == written[static_cast<std::size_t>(input)]);
        if (p_.accumulate[n][i])
          expect_gradient(input);
        else if (!shared)
          write(p_.gradient[input], units(input), gradient_tag(input));
        written[static_cast<std::size_t>(input)] = true;
      }
      // What is read again below must have survived the writes.
      for (int i = 0; i < read; ++i) expect_kept(node.inputs[i], n);
    }
    REQUIRE(again_ == p_.again_count);
  }

  void compute_again(int step) {
    for (; again_ < p_.again_count; ++again_) {
      const int n = p_.again[again_];
      if (p_.again_before[n] != step) return;
      REQUIRE(dropped_[n]);
      const Node& node = p_.nodes[n];
      for (int i = 0; i < node.input_count; ++i) expect_kept(node.inputs[i], n);
      write(p_.again_value[n], units(n), again_tag(n));
      for (int i = 0; i < node.input_count; ++i) expect_kept(node.inputs[i], n);  // not overwritten
    }
  }

  int again_ = 0;  // how many values have been computed again
  const detail::ProgramView& p_;
  const int* holder_;
  const bool* dropped_;
  std::vector<int> tags_;
  std::vector<int> tag_of_;
};

template <class Net, class Input, Mode mode>
void simulate() {
  using P = detail::Program<Net, Input, mode>;
  static constexpr detail::ProgramView program = detail::program_view<P, mode>();
  Simulation(program, P::backward.holder, P::backward.dropped);
}

template <class Net, class Input>
void simulate() {
  simulate<Net, Input, Mode::inference>();
  simulate<Net, Input, Mode::training>();
  simulate<Net, Input, Mode::training_with_inputs>();
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

}  // namespace memory_plan_test
