// SPDX-License-Identifier: Apache-2.0
// Models that keep their values narrow, and weights kept packed for inference.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <mmdl/mmdl.hpp>

namespace narrow_test {

using namespace mmdl;

namespace {

using Body = Sequential<Conv<32, Bias<false>>, BatchNorm, Relu, Conv<32, Bias<false>>, BatchNorm>;
using Net = Sequential<Conv<32, Kernel<5>, Stride<2>, Bias<false>>, BatchNorm, Relu, MaxPool<3, Stride<2>>,
                       Residual<Body>, Relu, Conv<48, Kernel<1>>, DepthwiseConv<Kernel<3>>, Relu, Dropout<10>,
                       GlobalAveragePool, Linear<10>>;
using Image = Shape<33, 33, 3>;
using Narrow = Model<Net, Image, Cpu<BFloat16>>;

struct Batch {
  Tensor<Image> images{10};
  Tensor<Shape<10>> classes{10};
  Batch() {
    fill_normal(images, 7);
    for (int i = 0; i < 10; ++i) classes(i, i) = 1.0f;
  }
};

template <class M>
std::vector<float> losses(M& model, int steps) {
  const Batch batch;
  Trainer trainer{model, SoftmaxCrossEntropy{}, Sgd{.learning_rate = 0.05f, .momentum = 0.9f}};
  std::vector<float> all;
  for (int i = 0; i < steps; ++i) all.push_back(trainer.step(batch.images, batch.classes));
  return all;
}

double largest_difference(const Tensor<Shape<10>>& a, const Tensor<Shape<10>>& b) {
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::fmax(worst, std::fabs(static_cast<double>(a.data()[i]) - static_cast<double>(b.data()[i])));
  return worst;
}

}  // namespace

TEST_CASE("a narrow model learns as the float one does") {
  Model<Net, Image> wide(3);
  Narrow narrow(3);
  CHECK(std::equal(wide.parameters().begin(), wide.parameters().end(), narrow.parameters().begin()));
  const auto expected = losses(wide, 40), found = losses(narrow, 40);
  for (std::size_t i = 0; i < 8; ++i) CHECK(found[i] == doctest::Approx(expected[i]).epsilon(0.02));
  CHECK(expected.back() < 0.2f * expected.front());
  CHECK(found.back() < 0.2f * found.front());
}

TEST_CASE("predictions for no samples are none") {
  Model<Net, Image> wide(3);
  Narrow narrow(3);
  for (const bool packed : {false, true}) {
    wide.prepare_inference(packed);
    narrow.prepare_inference(packed);
    CHECK(wide.predict(Tensor<Image>(0)).samples() == 0);
    CHECK(narrow.predict(Tensor<Image>(0)).samples() == 0);
  }
}

TEST_CASE("a narrow step is bitwise reproducible") {
  Narrow first(3), second(3);
  CHECK(losses(first, 5) == losses(second, 5));
  CHECK(std::equal(first.parameters().begin(), first.parameters().end(), second.parameters().begin()));
}

TEST_CASE("values of a narrow model take half the memory") {
  static_assert(2 * inference_bytes<Net, Image, BFloat16> == inference_bytes<Net, Image>);
  static_assert(2 * training_bytes<Net, Image, BFloat16> == training_bytes<Net, Image>);
  Narrow narrow;
  const Batch batch;
  narrow.predict(batch.images);
  CHECK(narrow.engine().arena_bytes() ==
        10 * static_cast<std::size_t>(inference_bytes<Net, Image, BFloat16>));
}

TEST_CASE("weight files and checkpoints are the same for narrow and float models") {
  const auto folder = std::filesystem::temp_directory_path() / "mmdl_narrow_test";
  std::filesystem::create_directories(folder);
  const std::string weights = (folder / "weights.safetensors").string();
  const std::string checkpoint = (folder / "checkpoint.safetensors").string();
  const Batch batch;
  Model<Net, Image> wide(3);
  losses(wide, 3);
  save(wide, weights);
  Narrow narrow(4);
  load(narrow, weights);
  CHECK(network_fingerprint(narrow) == network_fingerprint(wide));
  CHECK(largest_difference(narrow.predict(batch.images), wide.predict(batch.images)) < 0.1);
  Narrow other(5);
  CHECK(transfer(other, wide).complete());
  CHECK(other.predict(batch.images) == narrow.predict(batch.images));

  const Sgd sgd{.learning_rate = 0.05f, .momentum = 0.9f};
  Narrow whole(6), resumed(6);
  Trainer trainer{whole, SoftmaxCrossEntropy{}, sgd};
  trainer.step(batch.images, batch.classes);
  save_checkpoint(trainer, checkpoint);
  const float next = trainer.step(batch.images, batch.classes);
  Trainer again{resumed, SoftmaxCrossEntropy{}, sgd};
  load_checkpoint(again, checkpoint);
  CHECK(again.step(batch.images, batch.classes) == next);
  std::filesystem::remove_all(folder);
}

TEST_CASE("two narrow outputs with a loss each, and two inputs") {
  using Two = Parallel<Sequential<Conv<8>, Relu, GlobalAveragePool, Linear<3>>, Linear<2>>;
  using Inputs = List<Shape<6, 6, 2>, Shape<5>>;
  const auto run = [](auto& model) {
    Tensor<Shape<6, 6, 2>> images(4);
    Tensor<Shape<5>> vectors(4);
    Tensor<Shape<3>> labels(4);
    Tensor<Shape<2>> numbers(4);
    fill_normal(images, 1), fill_normal(vectors, 2), fill_normal(numbers, 3);
    for (int i = 0; i < 4; ++i) labels(i, i % 3) = 1.0f;
    Trainer trainer{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{.weight = 0.5f}},
                    Sgd{.learning_rate = 0.1f}};
    float last = 0.0f;
    for (int i = 0; i < 10; ++i) last = trainer.step(images, vectors, labels, numbers);
    return last;
  };
  Model<Two, Inputs> wide(2);
  Model<Two, Inputs, Cpu<BFloat16>> narrow(2);
  CHECK(run(narrow) == doctest::Approx(run(wide)).epsilon(0.02));
}

TEST_CASE_TEMPLATE("packed weights: the same predictions, sorted anew after every change", Backend,
                   Cpu<float>, Cpu<BFloat16>) {
  using M = Model<Net, Image, Backend>;
  const Batch batch;
  M plain(3), packed(3);
  packed.prepare_inference();
  const auto same = [&] {
    CHECK(largest_difference(packed.predict(batch.images), plain.predict(batch.images)) < 1e-5);
  };
  same();
  CHECK(packed.engine().packed_bytes() > 0);
  same();
  Tensor<Image> one(1);
  fill_normal(one, 9);
  CHECK(largest_difference(packed.predict(one), plain.predict(one)) < 1e-5);  // another batch, other methods
  same();
  losses(plain, 2), losses(packed, 2);
  same();
  for (M* model : {&plain, &packed}) model->parameter("conv1.weight")[0] += 1.0f;
  same();
  for (M* model : {&plain, &packed}) model->parameters()[5] -= 1.0f;
  same();
  const auto folder = std::filesystem::temp_directory_path() / "mmdl_packed_test";
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "weights.safetensors").string();
  save(M(11), path);
  load(packed, path);
  load(plain, path);
  same();
  packed.prepare_inference(false);
  same();
  CHECK(packed.engine().packed_bytes() == 0);
  std::filesystem::remove_all(folder);
}

}  // namespace narrow_test
