// SPDX-License-Identifier: Apache-2.0
// The layers of sequences against PyTorch: outputs, and gradients of inputs and parameters.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "mmdl/io/safetensors.hpp"
#include "mmdl/mmdl.hpp"

namespace golden_sequence_test {

using namespace mmdl;

namespace {

const SafetensorsFile& golden() {
  static const SafetensorsFile file(MMDL_GOLDEN_DIR "/sequence.safetensors");
  return file;
}

template <class T>
void check_near(const T* found, const std::vector<double>& expected, double bound, const std::string& what) {
  double worst = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(found[i]) - expected[i]);
    worst = std::isfinite(difference) ? std::max(worst, difference / (1 + std::fabs(expected[i]))) : INFINITY;
  }
  INFO(what, ": ", worst);
  CHECK(worst < bound);
}

/// Runs `Net` forward and backward on the numbers that the file holds under `name`.
template <class Net, class Input, class T>
void compare(const std::string& name, double bound, int samples) {
  using Program = detail::Program<Net, Input, detail::Mode::training_with_inputs>;
  static constexpr detail::ProgramView program =
      detail::program_view<Program, detail::Mode::training_with_inputs>();
  Model<Net, Input, Cpu<T>> model;
  auto& engine = model.engine();
  for (const std::string& parameter : model.names()) {
    const auto numbers = golden().doubles(name + "." + parameter);
    const auto place = model.parameter(parameter);
    REQUIRE(numbers.size() == place.size());
    std::transform(numbers.begin(), numbers.end(), place.begin(), [](double x) { return static_cast<T>(x); });
  }
  std::vector<std::vector<T>> inputs;
  std::vector<const T*> pointers;
  for (int i = 0; i < program.inputs; ++i) {
    const auto numbers = golden().doubles(name + ".input" + std::to_string(i + 1));
    REQUIRE(static_cast<long>(numbers.size()) == samples * program.nodes[i].output.size());
    inputs.emplace_back(numbers.begin(), numbers.end());
    pointers.push_back(inputs.back().data());
  }
  engine.forward(program, model.training_kernels(), samples, pointers, {});
  for (int o = 0; o < program.outputs.count; ++o) {
    const std::string number = std::to_string(o + 1);
    check_near(engine.value(program, program.outputs.id[o]), golden().doubles(name + ".output" + number),
               bound, name + ", output " + number);
  }
  for (int o = 0; o < program.outputs.count; ++o) {
    const auto direction = golden().doubles(name + ".direction" + std::to_string(o + 1));
    std::copy(direction.begin(), direction.end(), engine.output_gradient(program, o));
  }
  engine.backward(program, model.training_kernels(), samples, {});
  for (int i = 0; i < program.inputs; ++i) {
    const std::string gradient = name + ".input" + std::to_string(i + 1) + "_gradient";
    if (golden().find(gradient) != nullptr)
      check_near(engine.gradient(program, i), golden().doubles(gradient), bound, gradient);
  }
  for (int e = 0; e < engine.graph().entry_count; ++e) {
    const std::string gradient = name + "." + model.names()[static_cast<std::size_t>(e)] + "_gradient";
    check_near(engine.gradients() + engine.graph().entries[e].offset, golden().doubles(gradient), bound,
               gradient);
  }
}

template <class Net, class Input>
void compare_both(const std::string& name, int samples) {
  compare<Net, Input, double>(name, 1e-13, samples);
  compare<Net, Input, float>(name, 2e-6, samples);
}

}  // namespace

TEST_CASE("LSTM against PyTorch") {
  using Layer = Lstm<9, WithState>;
  compare<Layer, Shape<7, 5>, float>("lstm", 1e-5, 3);
  compare<Layer, Shape<7, 5>, double>("lstm", 1e-5, 3);
  compare<Layer, List<Shape<7, 5>, Shape<9>, Shape<9>>, float>("lstm_state", 1e-5, 3);
  // Sequences of different lengths: PyTorch's are packed, ours are masked.
  compare<Sequential<Layer, Pick<1, 2>>, List<Shape<7, 5>, Shape<9>, Shape<9>, Shape<7>>, float>(
      "lstm_masked", 1e-5, 3);
}

TEST_CASE("embedding, linear over steps, softmax, joins and factors against PyTorch") {
  compare_both<Embedding<5, 7>, Shape<3>>("embedding", 2);
  compare_both<Linear<4, Transposed>, Shape<3, 5>>("linear", 2);
  compare_both<Softmax, Shape<5, 6>>("softmax", 3);
  using Three = List<Shape<9>, Shape<9>, Shape<9>>;
  compare_both<Maximum, Three>("maximum", 2);
  compare_both<Add, Three>("add", 2);
  using Image = Shape<5, 3, 4>;
  compare_both<Multiply, List<Image, Shape<5, 3, 1>>>("pixel_factor", 2);
  compare_both<Multiply, List<Image, Shape<4>>>("channel_factor", 2);
  compare_both<Multiply, List<Image, Shape<1, 1, 1>>>("factor", 2);
}

}  // namespace golden_sequence_test
