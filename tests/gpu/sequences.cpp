// SPDX-License-Identifier: Apache-2.0
// Networks of sequences on the device against the CPU.
#include <doctest/doctest.h>

#include "comparison.hpp"

namespace sequences_test {

using namespace mmdl;
using namespace mmdl_test;

namespace {

constexpr Sgd sgd{.learning_rate = 0.05f, .momentum = 0.9f};

/// Ones for the first steps of each sample, then zeros; one sample has a hole.
template <int Length>
Tensor<Shape<Length>, float> drawn_mask(int samples) {
  Tensor<Shape<Length>, float> mask(samples);
  for (int n = 0; n < samples; ++n)
    for (int t = 0; t < Length; ++t) mask(n, t) = t <= n % Length ? 1.0f : 0.0f;
  if (samples > 2) mask(2, 0) = 0.0f;
  return mask;
}

struct Memory {
  static constexpr const char* name = "memory";
};

}  // namespace

TEST_CASE("slices, vectors at every step, softmax, factors") {
  on_devices([] {
    using Net = Sequential<OverSteps<3>, Linear<8>, Heads<Step<0>, Step<2>>, Multiply, Softmax, Linear<4>>;
    compare<Net, Shape<5>, Shape<4>>(SigmoidCrossEntropy{}, sgd);
    using PerPixel = Sequential<Heads<Conv<6, Kernel<3>>, Conv<1, Kernel<1>>>, Multiply, Flatten, Linear<3>>;
    compare<PerPixel, Shape<5, 4, 2>, Shape<3>>(SigmoidCrossEntropy{}, sgd);
    using PerChannel =
        Sequential<Heads<Conv<6, Kernel<3>>, Sequential<GlobalAveragePool, Linear<6>, Sigmoid>>, Multiply,
                   Flatten, Linear<3>>;
    compare<PerChannel, Shape<5, 4, 2>, Shape<3>>(SigmoidCrossEntropy{}, sgd);
    using One = Sequential<Heads<Conv<6, Kernel<3>>, Sequential<GlobalAveragePool, Linear<1>>>, Multiply,
                           Flatten, Linear<3>>;
    compare<One, Shape<5, 4, 2>, Shape<3>>(SigmoidCrossEntropy{}, sgd);
  });
}

TEST_CASE("an LSTM, with state and mask and without") {
  on_devices([] {
    compare<Sequential<Lstm<6, ForgetBias>, Flatten, Linear<3>>, Shape<4, 5>, Shape<3>>(SigmoidCrossEntropy{},
                                                                                        sgd);
    compare<Sequential<Lstm<3>, Lstm<4>, Step<2>, Linear<3>>, Shape<3, 2>, Shape<3>>(SigmoidCrossEntropy{},
                                                                                     sgd);
    compare<Sequential<Lstm<3>, Flatten, Linear<3>>, Shape<1, 2>, Shape<3>>(SigmoidCrossEntropy{}, sgd);
    using Masked = List<Shape<4, 3>, Shape<4>>;
    compare_tensors<Sequential<Lstm<5>, Flatten, Linear<3>>, Masked>(
        SigmoidCrossEntropy{}, sgd, {}, drawn_labels<Shape<3>>(5, 2), drawn<Shape<4, 3>>(5, 1),
        drawn_mask<4>(5));
    using Stateful = List<Shape<4, 3>, Shape<5>, Shape<5>, Shape<4>>;
    compare_tensors<Sequential<Lstm<5>, Flatten, Linear<3>>, Stateful>(
        SigmoidCrossEntropy{}, sgd, {}, drawn_labels<Shape<3>>(5, 2), drawn<Shape<4, 3>>(5, 1),
        drawn<Shape<5>>(5, 3), drawn<Shape<5>>(5, 4), drawn_mask<4>(5));
  });
}

TEST_CASE("words: an embedding whose weights are used again, a class at every step") {
  on_devices([] {
    Tensor<Shape<3>, float> words(4), classes(4);
    for (std::size_t i = 0; i < words.size(); ++i) {
      words.data()[i] = static_cast<float>((i * 7) % 5);
      classes.data()[i] = static_cast<float>((i * 3) % 6) - 1.0f;
    }
    using Net = Sequential<Shared<Memory, Embedding<5, 7>>, Lstm<7>,
                           Shared<Memory, Linear<5, Transposed, Bias<false>>>>;
    compare_tensors<Net, Shape<3>>(SequenceCrossEntropy<3>{}, sgd, {}, classes, words);
  });
}

TEST_CASE("an index outside of the table, and a target that is no class, fail the step and change nothing") {
  on_devices([] {
    using Net = Sequential<Embedding<5, 7>, Flatten, Linear<2>>;
    Model<Net, Shape<3>, Gpu> model;
    Trainer trainer{model, MeanSquaredError{}, sgd};
    const std::vector<float> before(model.parameters().begin(), model.parameters().end());
    Tensor<Shape<3>, float> words(1);
    words(0, 1) = 5.0f;
    CHECK_THROWS_WITH_AS((void)static_cast<float>(trainer.step(words, Tensor<Shape<2>, float>(1))),
                         doctest::Contains("training step 0: loss: found"), Error);
    CHECK(std::equal(before.begin(), before.end(), model.parameters().begin()));
    words(0, 1) = 4.0f;
    CHECK(static_cast<float>(trainer.step(words, Tensor<Shape<2>, float>(1))) > 0.0f);
  });
}

}  // namespace sequences_test
