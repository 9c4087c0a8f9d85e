// SPDX-License-Identifier: Apache-2.0
// Whole networks, measured on request: compare_pytorch starts this program and asks for one turn at a time,
// in alternation with the peer. Each line of standard input is "<network>[:bf16] <question> <batch>
// [<passes>]"; the answer is a line with one number, or with "no: " and the reason. The questions:
//   inference, training                seconds of a pass, the mean of <passes> (default 1); inference with
//   the
//                                      weights laid out in advance
//   memory-inference, memory-training  bytes that the first pass adds to the process's resident memory
//   flops                              floating-point operations of one inference (two a multiply-add)
//   parameters                         numbers in the trained parameters
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "mmdl/mmdl.hpp"

using namespace mmdl;

namespace {

using Image = Shape<224, 224, 3>;
template <class Backbone, class Fusion = NoFusion>
using Classifier = Sequential<MultiScale<Backbone, Fusion>, Linear<81>>;

/// What one begins with: digits of 28x28.
using SmallNetwork = Sequential<Conv<8>, Relu, MaxPool<2>, Conv<16>, Relu, MaxPool<2>, Conv<16>, Relu,
                                GlobalAveragePool, Linear<10>>;

/// And what one goes on with: colour images of 32x32, batch norm behind each convolution.
template <int Channels>
using Block = Sequential<Conv<Channels, Bias<false>>, BatchNorm, Relu>;
using MiddleNetwork = Sequential<Block<32>, Block<32>, MaxPool<2>, Block<64>, Block<64>, MaxPool<2>,
                                 Block<128>, GlobalAveragePool, Linear<10>>;

/// Resident bytes of this process, now or at their peak ("VmRSS:", "VmHWM:").
long resident_bytes(const char* field) {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return 0;
  char line[256];
  long kilobytes = 0;
  while (std::fgets(line, sizeof line, file) != nullptr)
    if (std::strncmp(line, field, std::strlen(field)) == 0)
      std::sscanf(line + std::strlen(field), "%ld", &kilobytes);
  std::fclose(file);
  return kilobytes * 1024;
}

/// A network with its weights and its optimizer's state in place.
template <class Net, class Input, class Loss, class Backend>
class NetworkRun {
 public:
  NetworkRun() : trainer_(model_, Loss{}, Sgd{.learning_rate = 1e-6f, .momentum = 0.9f}) {}

  /// Seconds of a pass, the mean of `passes`.
  double run(bool training, int batch, int passes) {
    make_room(batch);
    const auto start = std::chrono::steady_clock::now();
    for (int pass = 0; pass < passes; ++pass) {
      if (training)
        trainer_.step(inputs_, targets_);
      else
        model_.predict(inputs_);
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / passes;
  }

  /// Inference with the weights laid out in advance: faster, for a second copy of them.
  void lay_out_weights() { model_.prepare_inference(); }

  void make_room(int batch) {
    if (inputs_.samples() == batch) return;
    inputs_ = Tensor<Input>(batch);
    targets_ = Tensor<Output>(batch);
    fill_normal(inputs_, 1);
    for (int i = 0; i < batch; ++i) targets_(i, static_cast<int>(i % Output::size)) = 1.0f;
  }

 private:
  using Output = output_shape<Net, Input>;
  Model<Net, Input, Backend> model_;
  Trainer<Model<Net, Input, Backend>, Loss, Sgd> trainer_;
  Tensor<Input> inputs_;
  Tensor<Output> targets_;
};

struct Request {
  std::string question;
  int batch;
  int passes;
};

/// What answers a network's requests. The network is built at the first that runs it.
using Answer = std::function<double(const Request&)>;

template <class Net, class Backend = Cpu<float>, class Input = Image, class Loss = SigmoidCrossEntropy>
Answer network() {
  using Run = NetworkRun<Net, Input, Loss, Backend>;
  auto run = std::make_shared<std::unique_ptr<Run>>();
  return [run](const Request& request) {
    if (request.question == "flops")
      return 2.0 * static_cast<double>(multiply_adds<Net, Input>) * request.batch;
    if (request.question == "parameters") return static_cast<double>(parameter_count<Net, Input>);
    const bool first = !*run;
    if (first) *run = std::make_unique<Run>();
    const bool memory = request.question.rfind("memory-", 0) == 0;
    const bool training = request.question == "training" || request.question == "memory-training";
    if (!memory) {
      if (first && !training) (*run)->lay_out_weights();
      return (*run)->run(training, request.batch, request.passes);
    }
    // A fresh process is asked once: what the pass adds to a model whose weights are in place.
    (*run)->make_room(request.batch);
    const long before = resident_bytes("VmRSS:");
    (*run)->run(training, request.batch, 1);
    return static_cast<double>(resident_bytes("VmHWM:") - before);
  };
}

/// The networks by number type. What is asked for in bf16 and is not here is answered with "no".
const std::map<std::string, std::map<std::string, Answer>>& networks() {
  using Narrow = Cpu<BFloat16>;
  static const std::map<std::string, std::map<std::string, Answer>> all{
      {"float32",
       {
           {"resnet18", network<Classifier<ResNet18>>()},
           {"resnet50", network<Classifier<ResNet50>>()},
           {"resnet101", network<Classifier<ResNet101>>()},
           {"ms-cnn-resnet101", network<Classifier<ResNet101, ConvFusion>>()},
           {"ms-cnn-frozen-resnet101", network<Classifier<Frozen<ResNet101>, ConvFusion>>()},
           {"mobilenet75", network<Classifier<MobileNet<75>>>()},
           {"mobilenet100", network<Classifier<MobileNet<100>>>()},
           {"vgg16", network<Classifier<Vgg16>>()},
           {"googlenet", network<Classifier<GoogLeNet>>()},
           {"small28", network<SmallNetwork, Cpu<float>, Shape<28, 28, 1>>()},
           {"middle32", network<MiddleNetwork, Cpu<float>, Shape<32, 32, 3>>()},
           {"tags", network<Mlp<2048, 2048>, Cpu<float>, Shape<1000>, MeanSquaredError>()},
           {"quantity", network<QuantityRegressor, Cpu<float>, Shape<4096>, MeanSquaredError>()},
       }},
      {"bf16",
       {
           {"resnet18", network<Classifier<ResNet18>, Narrow>()},
           {"resnet101", network<Classifier<ResNet101>, Narrow>()},
           {"ms-cnn-resnet101", network<Classifier<ResNet101, ConvFusion>, Narrow>()},
           {"mobilenet100", network<Classifier<MobileNet<100>>, Narrow>()},
       }},
  };
  return all;
}

/// The answer to one line; false when it is not a request at all.
bool answer(const char* line) {
  char word[64] = "", question[64] = "";
  Request request{"", 0, 1};
  const int fields = std::sscanf(line, "%63s %63s %d %d", word, question, &request.batch, &request.passes);
  request.question = question;
  const std::string name(word, std::strcspn(word, ":"));
  const std::string number = std::strchr(word, ':') != nullptr ? std::strchr(word, ':') + 1 : "float32";
  bool known = false;
  for (const char* each :
       {"inference", "training", "memory-inference", "memory-training", "flops", "parameters"})
    known = known || request.question == each;
  const auto& float32 = networks().at("float32");
  if (fields < 3 || !known || request.batch < 1 || request.passes < 1 || float32.count(name) == 0 ||
      networks().count(number) == 0)
    return false;
  const auto& of_number = networks().at(number);
  const auto found = of_number.find(name);
  if (found == of_number.end())
    std::printf("no: %s is not there in %s\n", name.c_str(), number.c_str());
  else
    std::printf("%.9g\n", found->second(request));
  std::fflush(stdout);
  return true;
}

}  // namespace

int main() {
  char line[256];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    if (answer(line)) continue;
    line[std::strcspn(line, "\n")] = '\0';
    std::fprintf(stderr, "networks: no such request: %s\n", line);
    return 1;
  }
  return 0;
}
