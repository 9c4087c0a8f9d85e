// SPDX-License-Identifier: Apache-2.0
// Shared parameters and the layers of sequences: finite differences in double, names, bad input.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"

namespace sequence_test {

using namespace mmdl;

namespace {

template <class Net, class Input>
void check(const GradientCheck& options = {}) {
  const GradientReport result = check_gradients<Net, Input>(options);
  INFO(result.report);
  CHECK(result.ok);
}

struct Twin {
  static constexpr const char* name = "neighbour";
};
struct Words {
  static constexpr const char* name = "words";
};
using Image = Shape<7, 5, 4>;
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("one layer at several places") {
  using One = Shared<Twin, Linear<5>>;
  using Net = Sequential<Parallel<Sequential<One, Tanh>, One>, Join, Linear<2>>;
  using Two = List<Shape<4>, Shape<4>>;
  check<Net, Two>();
  check<Sequential<Linear<4>, One, Linear<4>, One, Tanh, Linear<4>, One>, Shape<3>>();
  CHECK(parameter_count<Net, Two> == 4 * 5 + 5 + 10 * 2 + 2);
  Model<Net, Two> model;
  CHECK(model.names() == Names{"branch1.neighbour.linear1.weight", "branch1.neighbour.linear1.bias",
                               "linear1.weight", "linear1.bias"});
}

TEST_CASE("one layer over each of several inputs, and shared parts within shared parts") {
  using Inner = Sequential<Linear<3>, BatchNorm, Shared<Twin, Linear<2>>>;
  using Net = Sequential<ForEach<Inner>, Join, Linear<3>, Shared<Twin, Linear<2>>>;
  using Three = List<Shape<4>, Shape<4>, Shape<4>>;
  check<Net, Three>({.samples = 4});
  Model<Net, Three> model;
  CHECK(model.names() == Names{"each1.linear1.weight", "each1.linear1.bias", "each1.batch_norm1.weight",
                               "each1.batch_norm1.bias", "each1.batch_norm1.running_mean",
                               "each1.batch_norm1.running_variance", "each1.neighbour.linear1.weight",
                               "each1.neighbour.linear1.bias", "linear1.weight", "linear1.bias"});
  // A shared part that is there before the layer that holds it too.
  using Before = Sequential<ForEach<Shared<Twin, Linear<3>>>,
                            ForEach<Sequential<Linear<4>, Shared<Twin, Linear<3>>, Linear<2>>>, Add>;
  check<Before, List<Shape<4>, Shape<4>>>();
  // Two windows of one size over maps of two sizes.
  check<Sequential<ForEach<Sequential<Conv<3>, Relu, GlobalAveragePool>>, Maximum>,
        List<Image, Shape<4, 6, 4>>>();
}

TEST_CASE("a shared layer frozen at one place is not trained at all") {
  using One = Shared<Twin, Linear<4>>;
  using Net = Sequential<Linear<4>, One, Tanh, Frozen<One>, Linear<3>>;
  check<Net, Shape<4>>();
  Model<Net, Shape<4>> model(3);
  Trainer trainer{model, MeanSquaredError{}, Sgd{.learning_rate = 0.1f}};
  const auto span = model.parameter("neighbour.linear1.weight");
  const std::vector<float> before(span.begin(), span.end());
  Tensor<Shape<4>> x(3);
  Tensor<Shape<3>> y(3);
  for (std::size_t i = 0; i < 12; ++i) x.data()[i] = static_cast<float>(i) * 0.1f;
  for (std::size_t i = 0; i < 9; ++i) y.data()[i] = 1.0f;
  const std::vector<float> first(model.parameters().begin(), model.parameters().end());
  trainer.step(x, y);
  CHECK(std::vector<float>(span.begin(), span.end()) == before);
  CHECK(std::vector<float>(model.parameters().begin(), model.parameters().end()) != first);
}

TEST_CASE("joins, factors, softmax") {
  check<Heads<Identity, Tanh>, Image>();
  check<Sequential<Heads<Tanh, Conv<4>, Identity>, Add>, Image>();
  check<Sequential<Heads<Tanh, Conv<4>, Identity>, Maximum>, Image>();
  check<Sequential<Heads<Identity, Identity>, Maximum>, Image>();
  check<Product<Tanh, Conv<1>>, Image>();
  check<Product<Conv<3>, Sequential<GlobalAveragePool, Linear<3>, Sigmoid>>, Image>();
  check<Product<Identity, Sequential<GlobalAveragePool, Linear<1>>>, Image>({.samples = 1});
  check<Multiply, List<Shape<3, 5, 7>, Shape<1, 1, 7>>>();
  check<Softmax, Image>();
  // Branches of several outputs: all of them in one list.
  using Two = Heads<Linear<3>, Sequential<Tanh, Linear<3>>>;
  check<Sequential<Heads<Two, Linear<3>, Two>, Pick<0, 2, 3, 4>,
                   Heads<Add, Pick<1>, Sequential<Pick<2, 3>, Maximum>>>,
        Shape<4>>();
  check<Sequential<Parallel<Two, Linear<3>>, Maximum>, List<Shape<4>, Shape<5>>>();
  check<Sequential<Linear<1>, Softmax, Linear<2>>, Shape<3>>();
  check<Sequential<Pick<1, 0>, Parallel<Linear<3>, Identity>, Add>, List<Shape<3>, Shape<5>>>();
}

TEST_CASE("maximum: a NaN of any input is one of the output, and equal numbers have one winner") {
  Model<Maximum, List<Shape<3>, Shape<3>, Shape<3>>> model;
  Tensor<Shape<3>> a(1), b(1), c(1);
  a.data()[0] = b.data()[1] = c.data()[2] = std::nanf("");
  const auto y = model.predict(a, b, c);
  for (int i = 0; i < 3; ++i) CHECK(std::isnan(y[0][static_cast<std::size_t>(i)]));
  // The same value three times: its gradient is that of the output, once.
  Model<Sequential<Linear<2>, Heads<Identity, Identity, Identity>, Maximum>, Shape<1>> same;
  Trainer trainer{same, MeanSquaredError{}, Sgd{.learning_rate = 0.0f}};
  trainer.with_gradients_kept();
  Tensor<Shape<1>> x(1);
  Tensor<Shape<2>> target(1);
  x.data()[0] = 1.0f;
  const auto before = same.predict(x);
  trainer.step(x, target);
  CHECK(same.gradients()[0] == doctest::Approx(2.0f * before.data()[0]));
}

TEST_CASE("steps of sequences") {
  check<Linear<4>, Shape<5, 3>>();
  check<Linear<4, Transposed>, Shape<5, 3>>();
  check<Sequential<Linear<6, Transposed, Bias<false>>, Relu, Linear<2>>, Shape<7>>({.samples = 1});
  check<Sequential<Heads<Step<0>, Step<2>>, Multiply>, Shape<3, 4>>();
  check<OverSteps<5>, Shape<3>>();
  check<Sequential<OverSteps<2>, Tanh, Step<1>>, Shape<600>>({.samples = 3, .probes = 20});
}

TEST_CASE("embedding") {
  const std::vector<double> indices{4, 0, 4, 3, 3, 0};  // two samples of three
  check<Embedding<5, 7>, Shape<3>>({.given = {indices}});
  // One table to read words from and to score them with.
  using Tied =
      Sequential<Shared<Words, Embedding<5, 7>>, Tanh, Shared<Words, Linear<5, Transposed, Bias<false>>>>;
  check<Tied, Shape<3>>({.given = {indices}});
  CHECK(parameter_count<Tied, Shape<3>> == 35);

  Model<Embedding<5, 2>, Shape<3>> model;
  Tensor<Shape<3>> x(2);
  for (const float bad : {5.0f, -1.0f, 0.5f, std::nanf(""), 1e30f}) {
    x.data()[4] = bad;
    try {
      model.predict(x);
      FAIL("no error");
    } catch (const Error& error) {
      INFO(error.what());
      CHECK(std::string(error.what()).find("embedding: index 2 of sample 2") != std::string::npos);
      CHECK(std::string(error.what()).find("from 0 to 4") != std::string::npos);
    }
  }
  x.data()[4] = 3.0f;
  const auto y = model.predict(x);
  const auto table = model.parameter("embedding1.weight");
  CHECK(y.data()[8] == table[6]);
  CHECK(y.data()[9] == table[7]);
  CHECK(y.data()[0] == table[0]);
}

TEST_CASE("LSTM: gradients of all inputs and parameters") {
  check<Lstm<4>, Shape<5, 3>>();
  check<Lstm<1>, Shape<1, 1>>({.samples = 1});
  check<Lstm<3, WithState, ForgetBias>, Shape<4, 2>>({.samples = 3});
  using State = List<Shape<4, 3>, Shape<5>, Shape<5>>;
  check<Lstm<5>, State>();
  check<Lstm<5, WithState>, State>();
  check<Sequential<Lstm<5, WithState>, Pick<2>>, State>();
  const std::vector<double> mask{1, 1, 0, 0, 1, 0, 1, 1};
  check<Lstm<5, WithState>, List<Shape<4, 3>, Shape<4>>>({.given = {{}, mask}});
  check<Lstm<5, WithState>, List<Shape<4, 3>, Shape<5>, Shape<5>, Shape<4>>>({.given = {{}, {}, {}, mask}});
  // The last steps in no sample of the batch: of some, of all but the first, of all.
  for (const std::vector<double>& short_mask :
       {std::vector<double>{1, 0, 0, 0, 0, 1, 0, 0}, {1, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}}) {
    check<Lstm<5, WithState>, List<Shape<4, 3>, Shape<4>>>({.given = {{}, short_mask}});
    check<Lstm<5, WithState>, List<Shape<4, 3>, Shape<5>, Shape<5>, Shape<4>>>(
        {.given = {{}, {}, {}, short_mask}});
  }
  // Two layers, and one cell unrolled by hand.
  check<Sequential<Lstm<3>, Lstm<4>, Step<2>, Linear<2>>, Shape<3, 2>>();
  using Cell = Shared<Twin, Lstm<3, WithState>>;
  check<Sequential<Cell, Parallel<Identity, Tanh, Identity>, Cell, Pick<0>>,
        List<Shape<1, 3>, Shape<3>, Shape<3>>>();
}

TEST_CASE("LSTM: a masked step is no step, and a sequence is its steps one after the other") {
  using Whole = Lstm<6, WithState>;
  Model<Whole, List<Shape<4, 3>, Shape<6>, Shape<6>, Shape<4>>> whole(5);
  Model<Whole, List<Shape<1, 3>, Shape<6>, Shape<6>>> cell(5);
  Tensor<Shape<4, 3>> x(1);
  Tensor<Shape<6>> h(1), c(1);
  Tensor<Shape<4>> mask(1);
  for (std::size_t i = 0; i < 12; ++i) x.data()[i] = std::sin(static_cast<float>(i));
  for (std::size_t i = 0; i < 6; ++i) h.data()[i] = 0.1f * static_cast<float>(i), c.data()[i] = -h.data()[i];
  for (const std::size_t present : {0UL, 1UL, 3UL}) mask.data()[present] = 1.0f;
  const auto [all, last_h, last_c] = whole.predict(x, h, c, mask);
  for (std::size_t t = 0; t < 4; ++t) {
    if (mask.data()[t] > 0.0f) {
      Tensor<Shape<1, 3>> step(1);
      std::copy_n(x.data() + 3 * t, 3, step.data());
      auto [y, next_h, next_c] = cell.predict(step, h, c);
      h = std::move(next_h);
      c = std::move(next_c);
    }
    for (std::size_t u = 0; u < 6; ++u)
      CHECK(all.data()[6 * t + u] == doctest::Approx(h.data()[u]).epsilon(1e-5));
  }
  for (std::size_t u = 0; u < 6; ++u) {
    CHECK(last_h.data()[u] == doctest::Approx(h.data()[u]).epsilon(1e-5));
    CHECK(last_c.data()[u] == doctest::Approx(c.data()[u]).epsilon(1e-5));
  }
}

TEST_CASE("LSTM: what it starts from, and a wide one on several threads") {
  Model<Lstm<3, ForgetBias>, Shape<4, 2>> model;
  const auto bias = model.parameter("lstm1.bias");
  for (std::size_t i = 0; i < 12; ++i) CHECK(bias[i] == (i / 3 == 1 ? 1.0f : 0.0f));
  check<Lstm<40>, Shape<3, 70>>({.samples = 5, .probes = 6});
}

TEST_CASE("transposed weights: laid out in advance, and with narrow values") {
  using Net = Sequential<Linear<40, Transposed>, Tanh, Linear<19, Transposed, Bias<false>>>;
  Model<Net, Shape<3, 37>> model(3), packed(3);
  Model<Net, Shape<3, 37>, Cpu<BFloat16>> narrow(3), narrow_packed(3);
  packed.prepare_inference();
  narrow_packed.prepare_inference();
  Tensor<Shape<3, 37>> x(2);
  fill_normal(x, 9);
  const auto expected = model.predict(x), narrow_expected = narrow.predict(x);
  CHECK(packed.predict(x) == expected);
  CHECK(narrow_packed.predict(x) == narrow_expected);
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(std::fabs(expected.data()[i] - narrow_expected.data()[i]) < 0.03f);
  Trainer trainer{narrow, MeanSquaredError{}, Sgd{.learning_rate = 0.05f}};
  Tensor<Shape<3, 19>> y(2);
  const float first = trainer.step(x, y);
  for (int i = 0; i < 20; ++i) trainer.step(x, y);
  CHECK(trainer.evaluate(x, y) < 0.7f * first);
}

TEST_CASE("narrow values: an LSTM keeps its sums and its state in float") {
  using Net = Sequential<Lstm<16>, Step<4>, Heads<Softmax, Identity, Tanh>, Maximum>;
  Model<Net, Shape<5, 8>> model(3);
  Model<Net, Shape<5, 8>, Cpu<BFloat16>> narrow(3);
  Tensor<Shape<5, 8>> x(3);
  for (std::size_t i = 0; i < 120; ++i) x.data()[i] = std::cos(static_cast<float>(i));
  const auto expected = model.predict(x), found = narrow.predict(x);
  for (std::size_t i = 0; i < 48; ++i) CHECK(std::fabs(expected.data()[i] - found.data()[i]) < 0.02f);
  Trainer trainer{narrow, MeanSquaredError{}, Sgd{.learning_rate = 0.1f}};
  Tensor<Shape<16>> y(3);
  const float first = trainer.step(x, y);
  for (int i = 0; i < 20; ++i) trainer.step(x, y);
  CHECK(trainer.evaluate(x, y) < 0.7f * first);
}

}  // namespace sequence_test
