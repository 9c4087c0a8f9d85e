// SPDX-License-Identifier: Apache-2.0
// Memory plans, checked by playing the schedule: what each step reads must still be there, whole and
// complete.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"
#include "networks.hpp"

namespace played_plans_test {

using namespace mmdl;
using detail::Mode;
using detail::Node;
using detail::OperatorKind;

namespace {

/// A program as plain arrays that a test may change.
struct Schedule {
  std::vector<Node> nodes;
  int inputs = 0;
  detail::Wires outputs;
  std::vector<long> value, gradient;
  std::vector<long> again_value;         // second places of values that are computed again; -1: none
  std::vector<int> again, again_before;  // which, in order; before which step of the backward
  std::vector<bool> runs;
  std::vector<std::vector<bool>> accumulate;
  long total = 0;
  bool training = false;
};

template <class Net, class Input, Mode mode>
Schedule schedule_of() {
  using P = detail::Program<Net, Input, mode>;
  Schedule s;
  const auto count = static_cast<std::size_t>(P::graph.node_count);
  s.nodes.assign(P::graph.nodes, P::graph.nodes + count);
  s.inputs = P::graph.inputs;
  s.outputs = P::graph.outputs;
  s.value.assign(P::plan.value, P::plan.value + count);
  s.gradient.assign(P::plan.gradient, P::plan.gradient + count);
  s.again_value.assign(P::plan.again, P::plan.again + count);
  s.again.assign(P::backward.again, P::backward.again + P::backward.again_count);
  for (const int n : s.again) s.again_before.push_back(P::backward.again_before[n]);
  s.runs.assign(P::backward.runs, P::backward.runs + count);
  for (std::size_t n = 0; n < count; ++n)
    s.accumulate.emplace_back(P::backward.accumulate[n], P::backward.accumulate[n] + detail::max_inputs);
  s.total = P::plan.total;
  s.training = mode != Mode::inference;
  return s;
}

/// The arena while a schedule is played. Every stretch knows which values' (or gradients') numbers it holds;
/// a write destroys whatever it touches.
class Arena {
 public:
  explicit Arena(const Schedule& schedule) : s_(schedule) {}

  std::vector<std::string> play() {
    for (int n = s_.inputs; n < count(); ++n)
      if (!node(n).merged && !node(n).streamed) forward(n);
    if (s_.training) loss();
    if (s_.training)
      for (int n = count() - 1; n >= s_.inputs; --n)
        if (s_.runs[index(n)]) compute_again(n), backward(n);
    if (again_ < s_.again.size()) problem(0, "never computed again:", s_.again[again_]);
    if (!s_.training)
      for (int i = 0; i < s_.outputs.count; ++i) read(s_.outputs.id[i], count(), "an output");
    return problems_;
  }

 private:
  struct Stretch {
    long begin, end;
    // Values by number, gradients by count + number, second places by 2 * count + number.
    std::set<int> holds;
  };

  static std::size_t index(int n) { return static_cast<std::size_t>(n); }
  int count() const { return static_cast<int>(s_.nodes.size()); }
  const Node& node(int n) const { return s_.nodes[index(n)]; }
  int gradient_of(int value) const { return count() + value; }
  bool has_gradient(int value) const { return s_.gradient[index(value)] >= 0; }
  long begin_of(int id) const {
    if (id < count()) return s_.value[index(id)];
    return id < 2 * count() ? s_.gradient[index(id - count())] : s_.again_value[index(id - 2 * count())];
  }
  /// What the backward reads a value as: what was computed again, where it is.
  int kept(int value) const {
    return outside(value) || s_.again_value[index(value)] < 0 ? value : 2 * count() + value;
  }
  long end_of(int id) const { return begin_of(id) + node(id % count()).output.size(); }
  bool overlap(int a, int b) const { return begin_of(a) < end_of(b) && begin_of(b) < end_of(a); }
  bool outside(int id) const { return id < s_.inputs; }  // the network's inputs are the caller's

  void problem(int step, const std::string& what, int id) {
    problems_.push_back("step " + std::to_string(step) + ": " + what +
                        (id < count()       ? " value "
                         : id < 2 * count() ? " gradient "
                                            : " second value ") +
                        std::to_string(id % count()));
  }

  Stretch* find(int id) {
    for (Stretch& stretch : stretches_)
      if (stretch.holds.count(id) > 0) return &stretch;
    return nullptr;
  }

  void read(int id, int step, const std::string& who) {
    if (outside(id)) return;
    if (begin_of(id) < 0)
      problem(step, who + " reads, without a place,", id);
    else if (find(id) == nullptr)
      problem(step, who + " reads what is not there any more:", id);
  }

  /// Writes all of it. `beside`: what the stretch held stays true as well (a gradient passed on unchanged).
  void write(int id, int step, bool beside = false) {
    const long begin = begin_of(id), end = end_of(id);
    if (begin < 0 || end > s_.total) problem(step, "writes outside the arena", id);
    if (begin % 16 != 0) problem(step, "is not on a cache line:", id);
    std::set<int> holds{id};
    std::vector<Stretch> kept;
    for (Stretch& stretch : stretches_) {
      if (stretch.end <= begin || end <= stretch.begin)
        kept.push_back(stretch);
      else if (beside && stretch.begin == begin && stretch.end == end)
        holds.insert(stretch.holds.begin(), stretch.holds.end());
    }
    kept.push_back({begin, end, holds});
    stretches_ = kept;
  }

  void forward(int n) {
    const Node& at = node(n);
    for (int i = 0; i < at.input_count; ++i) {
      const int input = at.inputs[i];
      if (node(input).streamed) {
        read_for(input, n);
        continue;
      }
      read(input, n, "forward");
      if (outside(input) || !overlap(input, n)) continue;
      const bool same =
          detail::may_overwrite(at, i) && begin_of(input) == begin_of(n) && end_of(input) == end_of(n);
      if (!same) problem(n, "overwrites its own input,", input);
    }
    write(n, n);
  }

  /// What a streamed value is computed from, by its reader.
  void read_for(int streamed, int reader) {
    const Node& at = node(streamed);
    for (int i = 0; i < at.input_count; ++i) {
      read(at.inputs[i], reader, "streaming");
      if (!outside(at.inputs[i]) && overlap(at.inputs[i], reader))
        problem(reader, "overwrites what it streams from,", at.inputs[i]);
    }
  }

  void loss() {
    for (int i = 0; i < s_.outputs.count; ++i) {
      const int output = s_.outputs.id[i];
      read(output, count(), "the loss");
      if (!has_gradient(output)) continue;
      for (int j = 0; j < s_.outputs.count; ++j)
        if (!outside(s_.outputs.id[j]) && overlap(gradient_of(output), s_.outputs.id[j]))
          problem(count(), "the loss overwrites an output by", gradient_of(output));
      if (!written_.insert(output).second) problem(count(), "two losses write one", gradient_of(output));
      write(gradient_of(output), count());
    }
  }

  void compute_again(int step) {
    for (; again_ < s_.again.size() && s_.again_before[again_] == step; ++again_) {
      const int n = s_.again[again_], id = kept(n);
      const Node& at = node(n);
      for (int i = 0; i < at.input_count; ++i) {
        read(kept(at.inputs[i]), 2 * count() - step, "computing again");
        if (!outside(at.inputs[i]) && overlap(kept(at.inputs[i]), id))
          problem(step, "overwrites what it computes again from,", id);
      }
      write(id, 2 * count() - step);
    }
  }

  void backward(int n) {
    const Node& at = node(n);
    const int step = 2 * count() - n, own = gradient_of(n);
    read(own, step, "backward");
    std::vector<int> values;
    if (detail::reads_inputs(at))
      for (int i = 0; i < at.input_count - (at.has_residual ? 1 : 0); ++i)
        values.push_back(kept(at.inputs[i]));
    if (at.needs_output) values.push_back(kept(n));
    for (const int value : values) read(value, step, "backward");

    for (int i = 0; i < at.input_count; ++i) {
      const int input = at.inputs[i], id = gradient_of(input);
      if (!has_gradient(input)) continue;
      for (const int value : values)
        if (!outside(value) && overlap(id, value)) problem(step, "overwrites what it reads by", id);
      const bool residual = at.has_residual && i == at.input_count - 1;
      const bool rewrites = i == 0 && detail::may_overwrite_gradient(at);
      const bool passes = at.kind == OperatorKind::add || residual;
      const bool same_place = begin_of(id) == begin_of(own) && end_of(id) == end_of(own);
      const bool sum = at.kind == OperatorKind::add && at.activation == Activation::none && same_place;
      for (int j = 0; j < at.input_count;
           ++j)  // both terms of a sum may have the sum's own gradient for theirs
        if (at.inputs[j] != input && has_gradient(at.inputs[j]) && overlap(id, gradient_of(at.inputs[j])) &&
            !(sum && begin_of(gradient_of(at.inputs[j])) == begin_of(id)))
          problem(step, "writes two gradients to one place:", id);
      if (overlap(id, own) && !(same_place && (rewrites || passes)))
        problem(step, "overwrites the gradient that it reads by", id);
      const bool accumulates = s_.accumulate[index(n)][index(i)];
      if (accumulates != !written_.insert(input).second)
        problem(step, accumulates ? "adds to what was never written:" : "forgets what was there:", id);
      if (accumulates) read(id, step, "adding");
      const bool unchanged =
          passes && (at.activation == Activation::none || (residual && at.activation_first));
      write(id, step, /*beside=*/same_place && unchanged && !accumulates);
    }
    // Whoever adds to this gradient must have done so before it is read.
    for (int later = n; later > s_.inputs; --later)
      if (s_.runs[index(later - 1)])
        for (int i = 0; i < node(later - 1).input_count; ++i)
          if (node(later - 1).inputs[i] == n) problem(step, "reads before it is complete:", own);
  }

  const Schedule& s_;
  std::vector<Stretch> stretches_;
  std::vector<std::string> problems_;
  std::size_t again_ = 0;  // how many values have been computed again
  std::set<int> written_;  // values whose gradient has been written
};

void check(const std::string& network, const Schedule& schedule) {
  const auto problems = Arena(schedule).play();
  const std::string first = problems.empty() ? "" : problems.front();
  INFO(network, ": ", first);
  CHECK(problems.empty());
}

template <class Net, class Input>
void check(const std::string& network) {
  check(network, schedule_of<Net, Input, Mode::inference>());
  check(network, schedule_of<Net, Input, Mode::training>());
  check(network, schedule_of<Net, Input, Mode::training_with_inputs>());
}

using Picture = Shape<64, 64, 3>;
using Both = List<Shape<64, 64, 3>, Shape<100>>;
template <class Visual>
using Whole = Annotator<Visual, Mlp<64, 64>, Labels<81>>;

}  // namespace

TEST_CASE("plans of the paper's networks") {
  check<Sequential<MultiScale<ResNet18, NoFusion>, Linear<10>>, Picture>("ResNet-18");
  check<MultiScale<ResNet18, MaxPoolFusion>, Picture>("MS-CNN-MaxPool over ResNet-18");
  check<MultiScale<ResNet34, ConvFusion, Scales<2, 4>>, Picture>("MS-CNN, two scales");
  check<MultiScale<ResNet50, ConcatFusion>, Picture>("MS-CNN-AvgPool over ResNet-50");
  check("MS-CNN over ResNet-101", schedule_of<MultiScale<ResNet101>, Picture, Mode::inference>());
  check("MS-CNN over ResNet-101", schedule_of<MultiScale<ResNet101>, Picture, Mode::training>());
  check<Whole<MultiScale<ResNet18>>, Both>("annotator");
  check<Whole<Frozen<MultiScale<ResNet18>>>, Both>("annotator, image part frozen");
}

TEST_CASE("plans of networks with branches, sharing and frozen parts") {
  using namespace networks;
  for_each([]<class Net, class Input>(const char* name) { check<Net, Input>(name); });
}

TEST_CASE("the check of plans finds broken ones") {
  using Net =
      Sequential<Conv<4>, BatchNorm, Relu, Residual<Sequential<Conv<4>, BatchNorm>>, Relu, GlobalAveragePool>;
  const Schedule good = schedule_of<Net, Shape<8, 8, 4>, Mode::training>();
  REQUIRE(Arena(good).play().empty());
  int found = 0, tried = 0;
  for (std::size_t n = static_cast<std::size_t>(good.inputs); n < good.nodes.size(); ++n) {
    if (good.nodes[n].merged) continue;
    for (std::size_t other = static_cast<std::size_t>(good.inputs); other < n; ++other) {
      if (good.nodes[other].merged) continue;
      Schedule broken = good;
      broken.value[n] = good.value[other];
      if (broken.value[n] == good.value[n]) continue;
      ++tried;
      found += Arena(broken).play().empty() ? 0 : 1;
    }
  }
  CHECK(tried > 3);
  CHECK(found > 0);
  REQUIRE(!good.again.empty());
  for (std::size_t other = static_cast<std::size_t>(good.inputs); other < good.nodes.size(); ++other) {
    Schedule broken = good;
    long& place = broken.again_value[static_cast<std::size_t>(good.again.front())];
    if (good.nodes[other].merged || good.value[other] == place) continue;
    place = good.value[other];
    ++tried;
    found += Arena(broken).play().empty() ? 0 : 1;
  }
  Schedule late = good;
  late.again_before.front() = late.inputs;
  CHECK_FALSE(Arena(late).play().empty());
  Schedule outside = good;
  outside.total -= 16;
  CHECK_FALSE(Arena(outside).play().empty());
  for (std::size_t n = 0; n < good.nodes.size(); ++n)
    for (std::size_t i = 0; i < 2; ++i) {
      if (!good.accumulate[n][i]) continue;
      Schedule forgetful = good;
      forgetful.accumulate[n][i] = false;
      CHECK_FALSE(Arena(forgetful).play().empty());
    }
}

TEST_CASE("the figures of the plan are what training and inference take") {
  using Input = Shape<64, 64, 3>;
  using Net = Sequential<MultiScale<ResNet18, NoFusion>, Linear<10>>;
  using Still = Sequential<Frozen<MultiScale<ResNet18, NoFusion>>, Linear<10>>;
  static_assert(inference_bytes<Net, Input> < training_bytes<Net, Input>);
  static_assert(training_bytes<Still, Input> < training_bytes<Net, Input> / 2);
  // A frozen network below one layer: no more than inference, and the gradients of a few vectors.
  static_assert(training_bytes<Still, Input> <= inference_bytes<Still, Input> + 4 * (512 + 2 * 16));
  // A chain of equal convolutions needs two buffers in inference, whatever its length.
  using Chain = Repeat<9, Conv<4>>;
  static_assert(inference_bytes<Chain, Shape<8, 8, 4>> == 2 * 4 * 8 * 8 * 4);
  // Without a branch, activations in place cost nothing.
  static_assert(inference_bytes<Sequential<Tanh, Sigmoid, Tanh>, Shape<32>> == 4 * 32);
  Model<Net, Input> model;
  (void)model.predict(Tensor<Input>(3));
  CHECK(model.engine().arena_bytes() == 3 * static_cast<std::size_t>(inference_bytes<Net, Input>));
}

}  // namespace played_plans_test
