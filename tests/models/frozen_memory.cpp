// SPDX-License-Identifier: Apache-2.0
// Training what stands over a frozen backbone takes less than half of the memory of training all: by the
// plan, and in the arena of a step.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "mmdl/mmdl.hpp"

namespace frozen_memory_test {

using namespace mmdl;

namespace {

template <class B>
using Classifier = Sequential<MultiScale<B>, Linear<81>>;
using Large = Shape<224, 224, 3>;

// Activations and gradients of a step for each sample: the fusion branch over a frozen backbone, and all.
template <class B>
inline constexpr long frozen_bytes = training_bytes<Classifier<Frozen<B>>, Large>;
template <class B>
inline constexpr long all_bytes = training_bytes<Classifier<B>, Large>;

static_assert(frozen_bytes<ResNet101> * 2 < all_bytes<ResNet101>);
static_assert(frozen_bytes<ResNet101> * 7 < 2 * all_bytes<ResNet101>);  // in fact two sevenths
static_assert(frozen_bytes<GoogLeNet> * 19 < all_bytes<GoogLeNet> * 10);
static_assert(frozen_bytes<MobileNet<75>> * 3 < 2 * all_bytes<MobileNet<75>>);
static_assert(frozen_bytes<Vgg16> * 2 < all_bytes<Vgg16>);

// With nothing trained below the classifier the step keeps no activation: it needs no more than inference
// does.
using Features = Sequential<MultiScale<Frozen<ResNet101>, NoFusion>, Linear<81>>;
static_assert(training_bytes<Features, Large> <= inference_bytes<Features, Large> + 4 * 4096);

// What is frozen has no backward: only the fusion branch and the classifier are in the schedule.
template <class Net>
constexpr int backward_steps() {
  using Program = detail::Program<Net, Large, detail::Mode::training>;
  return static_cast<int>(
      std::count(std::begin(Program::backward.runs), std::end(Program::backward.runs), true));
}
static_assert(backward_steps<Features>() == 1);
static_assert(backward_steps<Classifier<Frozen<ResNet101>>>() ==
              backward_steps<Classifier<Frozen<ResNet18>>>());

template <class Net, class Image>
std::size_t arena_after_step(int samples, std::vector<float>* parameters = nullptr) {
  Model<Net, Image> model;
  Tensor<Image> x(samples);
  fill_normal(x, 1);
  Tensor<Shape<81>> y(samples);
  for (int i = 0; i < samples; ++i) y(i, i) = 1.0f;
  Trainer trainer{model, SigmoidCrossEntropy{}, Sgd{.learning_rate = 0.1f}};
  if (parameters != nullptr) parameters->assign(model.parameters().begin(), model.parameters().end());
  trainer.step(x, y);
  if (parameters != nullptr) {
    const auto now = model.parameters();
    const auto& names = model.names();
    for (std::size_t e = 0; e < names.size(); ++e) {
      const detail::Entry& entry = model.engine().graph().entries[e];
      if (entry.spec.state || entry.spec.rank < 2) continue;
      const bool same =
          std::equal(now.begin() + entry.offset, now.begin() + entry.offset + entry.spec.count(),
                     parameters->begin() + entry.offset);
      INFO(names[e]);
      CHECK(same == names[e].starts_with("scale"));
    }
  }
  return model.engine().arena_bytes();
}

}  // namespace

TEST_CASE("a step over a frozen backbone takes less than half of the memory, and leaves it as it was") {
  using Small = Shape<64, 64, 3>;
  constexpr int samples = 3;
  std::vector<float> parameters;
  const std::size_t frozen = arena_after_step<Classifier<Frozen<ResNet18>>, Small>(samples, &parameters);
  const std::size_t all = arena_after_step<Classifier<ResNet18>, Small>(samples);
  CHECK(frozen >= static_cast<std::size_t>(samples * training_bytes<Classifier<Frozen<ResNet18>>, Small>));
  CHECK(all >= static_cast<std::size_t>(samples * training_bytes<Classifier<ResNet18>, Small>));
  CHECK(2 * frozen < all);
}

}  // namespace frozen_memory_test
