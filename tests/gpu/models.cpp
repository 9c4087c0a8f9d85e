// SPDX-License-Identifier: Apache-2.0
// What a user does with a model on a device: files, checkpoints, batches of several sizes, layers of one's
// own, memory.
#include <doctest/doctest.h>

#include <cstdio>
#include <string>

#include "comparison.hpp"

namespace models_test {

using namespace mmdl;
using namespace mmdl_test;

namespace {

using Net =
    Sequential<Conv<6, Kernel<3>, Bias<false>>, BatchNorm, Relu, Dropout<20>, GlobalAveragePool, Linear<4>>;
using Image = Shape<6, 7, 3>;
constexpr Sgd sgd{.learning_rate = 0.05f, .momentum = 0.9f};

struct Softplus : ElementwiseLayer<Softplus> {
  static float forward(float x) { return std::log1p(std::exp(-std::fabs(x))) + std::fmax(x, 0.0f); }
  static float backward(float x, float /*y*/, float dy) { return dy / (1.0f + std::exp(-x)); }
  static constexpr const char* gpu_forward = "log1pf(expf(-fabsf(x))) + fmaxf(x, 0.0f)";
  static constexpr const char* gpu_backward = "dy / (1.0f + expf(-x))";
};

}  // namespace

TEST_CASE("batches of several sizes, one after another") {
  on_devices([] {
    Model<Net, Image> cpu(3);
    Model<Net, Image, Gpu> gpu(3);
    Trainer on_cpu{cpu, SigmoidCrossEntropy{}, sgd};
    Trainer on_gpu{gpu, SigmoidCrossEntropy{}, sgd};
    for (const int samples : {2, 5, 3, 5, 2}) {
      const auto x = drawn<Image>(samples, 1);
      const auto y = drawn_labels<Shape<4>>(samples, 2);
      CHECK(static_cast<float>(on_gpu.step(x, y)) == doctest::Approx(on_cpu.step(x, y)).epsilon(1e-4));
      const auto expected = cpu.predict(x), found = gpu.predict(x);
      CHECK(largest_difference(found.data(), expected.data(), expected.size()) < 1e-4);
    }
  });
}

TEST_CASE("losses can be read late, but not for ever") {
  on_devices([] {
    Model<Net, Image, Gpu> gpu(3);
    Trainer trainer{gpu, SigmoidCrossEntropy{}, sgd};
    const auto x = drawn<Image>(2, 1);
    const auto y = drawn_labels<Shape<4>>(2, 2);
    const auto first = trainer.step(x, y);
    const float value = first;
    for (int i = 0; i < 63; ++i) (void)trainer.step(x, y);
    CHECK(static_cast<float>(first) == value);
    (void)trainer.step(x, y);
    CHECK_THROWS_WITH_AS((void)static_cast<float>(first), doctest::Contains("read within 64 steps"), Error);
  });
}

TEST_CASE("a checkpoint moves from the device to the CPU and back") {
  on_devices([] {
    const std::string path = "gpu_checkpoint_test.safetensors";
    const auto x = drawn<Image>(3, 1);
    const auto y = drawn_labels<Shape<4>>(3, 2);
    Model<Net, Image, Gpu> gpu(3);
    Trainer on_gpu{gpu, SigmoidCrossEntropy{}, sgd};
    for (int i = 0; i < 2; ++i) (void)on_gpu.step(x, y);
    save_checkpoint(on_gpu, path);
    Model<Net, Image> cpu(3);
    Trainer on_cpu{cpu, SigmoidCrossEntropy{}, sgd};
    load_checkpoint(on_cpu, path);
    Model<Net, Image, Gpu> again(3);
    Trainer resumed{again, SigmoidCrossEntropy{}, sgd};
    load_checkpoint(resumed, path);
    std::remove(path.c_str());
    const float expected = on_gpu.step(x, y);
    CHECK(static_cast<float>(resumed.step(x, y)) == expected);  // the same bits
    CHECK(static_cast<float>(on_cpu.step(x, y)) == doctest::Approx(expected).epsilon(1e-4));
    const std::size_t count = cpu.parameters().size();
    CHECK(largest_difference(again.parameters(), gpu.parameters(), count) == 0.0);
    CHECK(largest_difference(cpu.parameters(), gpu.parameters(), count) < 1e-4);
  });
}

TEST_CASE("weights that the host changes are seen, and a model can be moved") {
  on_devices([] {
    Model<Net, Image> cpu(4);
    Model<Net, Image, Gpu> made(3);
    const auto x = drawn<Image>(2, 1);
    (void)made.predict(x);
    Model<Net, Image, Gpu> gpu = std::move(made);
    transfer(cpu, gpu);
    const auto expected = cpu.predict(x);
    CHECK(largest_difference(gpu.predict(x).data(), expected.data(), expected.size()) < 1e-4);
    gpu.parameter(gpu.names().back())[0] += 1.0f;
    cpu.parameter(cpu.names().back())[0] += 1.0f;
    const auto changed = cpu.predict(x);
    CHECK(largest_difference(gpu.predict(x).data(), changed.data(), changed.size()) < 1e-4);
  });
}

TEST_CASE("an element-wise layer of one's own says its expressions once") {
  on_devices([] {
    compare<Sequential<Conv<4, Kernel<3>>, Softplus, GlobalAveragePool, Linear<2>>, Shape<5, 3, 3>, Shape<2>>(
        SigmoidCrossEntropy{}, sgd);
  });
}

TEST_CASE("values kept as bfloat16 train as those of float do") {
  on_devices([] {
    using Body = Sequential<Conv<8, Kernel<3>, Bias<false>>, BatchNorm, Relu, Conv<8, Kernel<3>, Bias<false>>,
                            BatchNorm>;
    using Narrow =
        Sequential<Conv<8, Kernel<3>, Stride<2>>, Relu, Residual<Body>, Relu, MaxPool<2>, Flatten, Linear<4>>;
    Model<Narrow, Shape<12, 9, 3>> wide(3);
    Model<Narrow, Shape<12, 9, 3>, GpuBFloat16> narrow(3);
    const auto x = drawn<Shape<12, 9, 3>>(4, 1);
    const auto y = drawn_labels<Shape<4>>(4, 2);
    const auto expected = wide.predict(x);
    CHECK(largest_difference(narrow.predict(x).data(), expected.data(), expected.size()) < 2e-2);
    Trainer on_cpu{wide, SigmoidCrossEntropy{}, sgd};
    Trainer on_gpu{narrow, SigmoidCrossEntropy{}, sgd};
    for (int i = 0; i < 5; ++i) {
      const float loss = on_cpu.step(x, y);
      CHECK(static_cast<float>(on_gpu.step(x, y)) == doctest::Approx(loss).epsilon(2e-2));
    }
    Model<Lstm<5>, Shape<4, 3>> sequence(3);
    Model<Lstm<5>, Shape<4, 3>, GpuBFloat16> on_device(3);
    const auto words = drawn<Shape<4, 3>>(3, 1);
    const auto states = sequence.predict(words);
    CHECK(largest_difference(on_device.predict(words).data(), states.data(), states.size()) < 2e-2);
  });
}

TEST_CASE("a step that is not finite changes nothing, statistics neither") {
  on_devices([] {
    Model<Net, Image, Gpu> gpu(3);
    Trainer trainer{gpu, SigmoidCrossEntropy{}, sgd};
    const auto y = drawn_labels<Shape<4>>(2, 2);
    (void)trainer.step(drawn<Image>(2, 1), y);
    const std::vector<float> parameters(gpu.parameters().begin(), gpu.parameters().end());
    const long count = gpu.engine().graph().states;
    const std::vector<float> states(gpu.engine().states(), gpu.engine().states() + count);
    auto x = drawn<Image>(2, 1);
    x(0, 0, 0, 0) = std::numeric_limits<float>::infinity();
    CHECK_THROWS_AS((void)static_cast<float>(trainer.step(x, y)), Error);
    CHECK(std::equal(parameters.begin(), parameters.end(), gpu.parameters().begin()));
    CHECK(std::equal(states.begin(), states.end(), gpu.engine().states()));
  });
}

// Of emulated devices alone.
TEST_CASE("a batch that does not fit says what it needs, what is free, and which would") {
  if (on_gpu()) return;
  const OnDevice on(std::make_shared<EmulatedDevice>(true, std::size_t{3} << 20));
  Model<Net, Image, Gpu> gpu;
  CHECK_THROWS_WITH_AS((void)gpu.predict(drawn<Image>(20000, 1)), doctest::Contains("samples would fit"),
                       Error);
  CHECK(gpu.predict(drawn<Image>(2, 1)).size() == 8);  // and the model is still usable
}

TEST_CASE("a step is captured once for each batch size") {
  if (on_gpu()) return;
  const auto device = std::make_shared<EmulatedDevice>();
  const OnDevice on(device);
  Model<Net, Image, Gpu> gpu;
  Trainer trainer{gpu, SigmoidCrossEntropy{}, sgd};
  for (int i = 0; i < 4; ++i) (void)trainer.step(drawn<Image>(2, 1), drawn_labels<Shape<4>>(2, 2));
  CHECK(device->captures == 1);
  CHECK(device->replays == 4);
}

}  // namespace models_test
