// SPDX-License-Identifier: Apache-2.0
// What CUDA's compiler and cuDNN say where there is no GPU: every kernel compiles, every convolution has a
// plan.
#include <doctest/doctest.h>

#include <mmdl/gpu.hpp>
#include <set>
#include <string>

#include "joins_and_sequences.hpp"
#include "recording_device.hpp"

namespace cuda_without_gpu_test {

using namespace mmdl;
using namespace mmdl_test;

namespace {

/// An H100 and an A100 as cuDNN describes them.
std::string described(int version, int processors, int shared, const char* name) {
  return R"({"version":1,"deviceVer":)" + std::to_string(version) +
         R"(,"cudaDeviceId":0,"driverVer":13000,"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],)"
         R"("regsPerBlock":65536,"multiProcessorCount":)" +
         std::to_string(processors) +
         R"(,"warpSize":32,"maxSharedMemoryPerBlock":49152,"maxSharedMemoryPerBlockOptin":)" +
         std::to_string(shared) +
         R"(,"reservedSharedMemoryPerBlock":1024,"maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,)"
         R"("maxThreadsPerSM":2048,"pciDeviceId":0,"isTccDriver":0,"supportCoopLaunch":1,"totalGlobalMem":85017755648,)"
         R"("smClockRateKHz":1980000,"memClockRateKHz":2619000,"l2CacheSize":52428800,"deviceName":")" +
         name + "\"}";
}

template <class S>
Tensor<S, float> zeros(int samples) {
  return Tensor<S, float>(samples);
}

/// Everything that predicting and training takes is asked of the device in hand.
template <class Net, class In, class Target, class Backend, class Loss, class Optimizer>
void use(Loss loss, Optimizer optimizer, int samples) {
  Model<Net, In, Backend> model;
  const auto x = zeros<In>(samples);
  const auto y = zeros<Target>(samples);
  (void)model.predict(x);
  Trainer trainer{model, loss, optimizer};
  trainer.with_clipping(1.0f);
  (void)trainer.step(x, y);
}

template <class Backend>
void use_annotator(int samples) {
  using Net = Annotator<MultiScale<ResNet101>, Mlp<2048, 2048>, Labels<81>>;
  Model<Net, List<Shape<224, 224, 3>, Shape<1000>>, Backend> model;
  const auto images = zeros<Shape<224, 224, 3>>(samples);
  const auto tags = zeros<Shape<1000>>(samples);
  (void)model.predict(images, tags);
  Trainer trainer{model, Losses{SigmoidCrossEntropy{}, MeanSquaredError{}}, Sgd{.momentum = 0.9f}};
  (void)trainer.step(images, tags, zeros<Shape<81>>(samples), zeros<Shape<1>>(samples));
}

using Stateful = List<Shape<4, 3>, Shape<5>, Shape<5>, Shape<4>>;

struct Softplus : ElementwiseLayer<Softplus> {
  static float forward(float x) { return x; }
  static float backward(float, float, float dy) { return dy; }
  static constexpr const char* gpu_forward = "log1pf(expf(-fabsf(x))) + fmaxf(x, 0.0f)";
  static constexpr const char* gpu_backward = "dy / (1.0f + expf(-x))";
};

template <class Backend>
void use_sequences() {
  use<Joins, Shape<8, 6, 3>, Shape<3>, Backend>(SoftmaxCrossEntropy{},
                                                Sgd{.momentum = 0.9f, .nesterov = true}, 4);
  use<Sequences, Shape<5>, Shape<4>, Backend>(MeanSquaredError{}, RmsProp{.momentum = 0.5f}, 4);
  use<Sequential<Lstm<6>, Softplus>, Shape<3, 5>, Shape<3>, Backend>(SequenceCrossEntropy<3>{}, Sgd{}, 4);
  Model<Sequential<Lstm<5>, Flatten, Linear<3>>, Stateful, Backend> model;
  Trainer trainer{model, SigmoidCrossEntropy{}, Sgd{}};
  (void)trainer.step(zeros<Shape<4, 3>>(2), zeros<Shape<5>>(2), zeros<Shape<5>>(2), zeros<Shape<4>>(2),
                     zeros<Shape<3>>(2));
  if constexpr (std::is_same_v<Backend, Gpu>)
    use<Sequential<Embedding<5, 7>, Flatten, Linear<2>>, Shape<3>, Shape<2>, Backend>(MeanSquaredError{},
                                                                                      Sgd{}, 2);
}

template <class Backend>
std::shared_ptr<RecordingDevice> everything() {
  auto device = std::make_shared<RecordingDevice>();
  const OnDevice on(device);
  use_annotator<Backend>(16);
  use<Sequential<MobileNet<>, NoFusion, Linear<10>>, Shape<64, 64, 3>, Shape<10>, Backend>(
      SoftmaxCrossEntropy{}, Adam{}, 4);
  use<Sequential<Linear<7>, Tanh, Dropout<50>, Linear<6>>, Shape<5>, Shape<6>, Backend>(AsymmetricLoss{},
                                                                                        RmsProp{}, 4);
  use<Sequential<Linear<7>, Sigmoid, Linear<6>>, Shape<5>, Shape<6>, Backend>(SpreadSoftmaxCrossEntropy{},
                                                                              AdamW{}, 4);
  use_sequences<Backend>();
  use<Linear<6>, Shape<5>, Shape<6>, Backend>(Warp{}, Sgd{}, 4);
  return device;
}

/// All of them for sm_80. No text asks for the architecture, so for sm_90 one of each name is enough; nor is
/// a text compiled again that another number type has asked for.
void compile_texts(const RecordingDevice& device) {
  static std::set<std::string> compiled;
  std::set<std::string> names;
  for (const auto& [source, text] : device.texts) {
    if (names.insert(text.name()).second) CHECK_NOTHROW((void)compile_kernel(text, "sm_90"));
    if (compiled.insert(source).second) CHECK_NOTHROW((void)compile_kernel(text, "sm_80"));
  }
  MESSAGE(device.texts.size() << " kernels by " << names.size() << " names, so far " << compiled.size());
}

template <class Backend>
void compile_all() {
  const auto device = everything<Backend>();
  CHECK(device->texts.size() > 50);
  compile_texts(*device);
}

template <class Backend>
void plan_all() {
  const auto device = everything<Backend>();
  MESSAGE(device->problems.size() << " convolutions");
  CHECK(device->problems.size() > 100);
  for (const std::string& description :
       {described(900, 132, 232448, "H100"), described(800, 108, 166912, "A100")}) {
    const CudnnDescriptor properties = cudnn_device(description);
    const CudnnTarget target{nullptr, &properties};
    for (auto [key, problem] : device->problems) {
      CAPTURE(key);
      for (const bool tf32 : {false, true}) {
        problem.tf32 = tf32;
        CHECK(!CudnnConvolution(problem, false, target).plans(target, 1).empty());
        if (problem.number == NumberType::bfloat16) break;
      }
      // The joined graph is well formed; engines for it want a driver, which is not here.
      if (problem.has_epilogue()) CHECK_NOTHROW((void)CudnnConvolution(problem, true, target));
    }
  }
}

}  // namespace

TEST_CASE("every kernel compiles for sm_80, and one of each name for sm_90, float32") { compile_all<Gpu>(); }
TEST_CASE("every kernel compiles for sm_80, and one of each name for sm_90, bfloat16") {
  compile_all<GpuBFloat16>();
}
TEST_CASE("cuDNN plans every convolution, float32") { plan_all<Gpu>(); }
TEST_CASE("cuDNN plans every convolution, bfloat16") { plan_all<GpuBFloat16>(); }

TEST_CASE("a kernel that does not compile is said by its name") {
  KernelText text("broken", "extern \"C\" __global__ void broken(Arguments a) { a.p[0] = }");
  CHECK_THROWS_WITH_AS((void)compile_kernel(text, "sm_90"), doctest::Contains("kernel broken for sm_90"),
                       Error);
  KernelText fine("fine", "extern \"C\" __global__ void fine(Arguments a) {}");
  CHECK_THROWS_WITH_AS((void)compile_kernel(fine, "sm_10"), doctest::Contains("kernel fine for sm_10"),
                       Error);
}

TEST_CASE("a machine without a GPU says so in one line") {
  try {
    Model<Sequential<Linear<3>>, Shape<4>, Gpu> model;
    MESSAGE("there is a GPU");
  } catch (const Error& error) {
    const std::string line = error.what();
    CHECK(line.find('\n') == std::string::npos);
    CHECK(line.find("GPU") != std::string::npos);
  }
}

}  // namespace cuda_without_gpu_test
