// SPDX-License-Identifier: Apache-2.0
// Whole networks on the GPU, measured on request: compare_gpu asks for one turn at a time, in alternation
// with PyTorch. Each line of standard input is "<network>:<number> <question> <batch> <passes>"; number is
// float32, tf32 or bf16. The answer is a line with one number, or with "no: " and the reason. The questions:
//   inference        seconds of a pass over a batch that the device has, the mean of <passes>
//   from-host        the same from host memory to host memory
//   training         seconds of a step, batches from host memory
//   memory           bytes that model, optimizer and a training step have taken on the device
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mmdl/gpu.hpp>
#include <string>

using namespace mmdl;

namespace {

template <class Backbone, class Fusion = NoFusion>
using Classifier = Sequential<MultiScale<Backbone, Fusion>, Linear<81>>;

template <class Net, class Input, class Backend>
class NetworkRun {
  using Output = output_shape<Net, Input>;
  using Program = detail::Program<Net, Input, detail::Mode::inference, detail::EngineOf<Backend>::streams>;

 public:
  explicit NetworkRun(int batch)
      : free_before_(detail::gpu_device()->memory().first),
        trainer_(model_, SigmoidCrossEntropy{}, Sgd{.learning_rate = 1e-6f, .momentum = 0.9f}),
        inputs_(batch),
        targets_(batch) {
    fill_normal(inputs_, 1);
    for (int i = 0; i < batch; ++i) targets_(i, static_cast<int>(i % Output::size)) = 1.0f;
  }

  double answer(const std::string& question, int passes) {
    static constexpr detail::ProgramView program = detail::program_view<Program, detail::Mode::inference>();
    if (question == "memory") {
      (void)static_cast<float>(trainer_.step(inputs_, targets_));
      return static_cast<double>(free_before_ - model_.engine().device()->memory().first);
    }
    if (question == "training") (void)static_cast<float>(trainer_.step(inputs_, targets_));
    if (question == "inference") (void)model_.predict(inputs_);
    const auto start = std::chrono::steady_clock::now();
    if (question == "training") {
      float last = 0.0f;
      for (int pass = 0; pass + 1 < passes; ++pass) (void)trainer_.step(inputs_, targets_);
      last = trainer_.step(inputs_, targets_);  // reading it waits
      (void)last;
    } else if (question == "inference") {
      model_.engine().repeat_forward(program, passes);
    } else {
      for (int pass = 0; pass < passes; ++pass) (void)model_.predict(inputs_);
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / passes;
  }

 private:
  std::size_t free_before_;
  Model<Net, Input, Backend> model_;
  Trainer<Model<Net, Input, Backend>, SigmoidCrossEntropy, Sgd> trainer_;
  Tensor<Input> inputs_;
  Tensor<Output> targets_;
};

using Answer = std::function<double(const std::string& question, int batch, int passes)>;

template <class Net, class Input, class Backend>
Answer network(bool tf32 = false) {
  using Run = NetworkRun<Net, Input, Backend>;
  auto runs = std::make_shared<std::map<int, std::unique_ptr<Run>>>();
  return [runs, tf32](const std::string& question, int batch, int passes) {
    auto& run = (*runs)[batch];
    if (!run) {
      allow_tf32(tf32);
      run = std::make_unique<Run>(batch);
    }
    return run->answer(question, passes);
  };
}

template <class Net, class Input>
void add(std::map<std::string, Answer>& all, const std::string& name) {
  all[name + ":float32"] = network<Net, Input, Gpu>();
  all[name + ":tf32"] = network<Net, Input, Gpu>(true);
  all[name + ":bf16"] = network<Net, Input, GpuBFloat16>();
}

std::map<std::string, Answer> networks() {
  std::map<std::string, Answer> all;
  add<Classifier<ResNet101, ConvFusion>, Shape<224, 224, 3>>(all, "ms-cnn-resnet101");
  add<Classifier<ResNet50>, Shape<32, 32, 3>>(all, "resnet50-32px");
  return all;
}

}  // namespace

int main() {
  std::map<std::string, Answer> all = networks();
  char line[256];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    char name[64] = "", question[64] = "";
    int batch = 0, passes = 1;
    const int fields = std::sscanf(line, "%63s %63s %d %d", name, question, &batch, &passes);
    const auto found = all.find(name);
    const std::string asked = question;
    const bool known =
        asked == "inference" || asked == "from-host" || asked == "training" || asked == "memory";
    if (fields < 3 || found == all.end() || !known || batch < 1 || passes < 1) {
      line[std::strcspn(line, "\n")] = '\0';
      std::fprintf(stderr, "gpu_networks: no such request: %s\n", line);
      return 1;
    }
    try {
      std::printf("%.9g\n", found->second(asked, batch, passes));
    } catch (const Error& error) {
      std::printf("no: %s\n", error.what());
    }
    std::fflush(stdout);
  }
  return 0;
}
