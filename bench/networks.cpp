// SPDX-License-Identifier: Apache-2.0
// Whole networks, timed on request: compare_pytorch.py starts this program and asks for one pass at a time,
// in alternation with the peer. Each line of standard input is "<network> <inference|training|memory>
// <batch>"; the answer is a line of seconds, or of bytes.
#include <algorithm>
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
template <class Visual>
using Classifier = Sequential<Visual, Linear<81>>;

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

template <class Net>
class NetworkRun {
 public:
  NetworkRun() : trainer_(model_, SigmoidCrossEntropy{}, Sgd{.learning_rate = 1e-4f, .momentum = 0.9f}) {
    model_.gradients();
  }

  double run(const std::string& mode, int batch) {
    if (images_.samples() != batch) {
      images_ = Tensor<Image>(batch);
      labels_ = Tensor<Shape<81>>(batch);
      fill_normal(images_, 1);
      for (int i = 0; i < batch; ++i) labels_(i, i % 81) = 1.0f;
    }
    const auto start = std::chrono::steady_clock::now();
    if (mode == "inference")
      model_.predict(images_);
    else
      trainer_.step(images_, labels_);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  std::size_t bytes() const { return model_.engine().arena_bytes() + model_.engine().workspace_bytes(); }

 private:
  Model<Net, Image> model_;
  Trainer<Model<Net, Image>, SigmoidCrossEntropy, Sgd> trainer_;
  Tensor<Image> images_;
  Tensor<Shape<81>> labels_;
};

template <class Net>
std::function<double(const std::string&, int)> lazily() {
  auto run = std::make_shared<std::unique_ptr<NetworkRun<Net>>>();
  return [run](const std::string& mode, int batch) {
    if (!*run) *run = std::make_unique<NetworkRun<Net>>();
    if (mode.rfind("memory-", 0) != 0) return (*run)->run(mode, batch);
    // A fresh process is asked once: what the pass adds to a model whose weights and gradients are in place.
    const long before = resident_bytes("VmRSS:");
    (*run)->run(mode.substr(7), batch);
    return static_cast<double>(resident_bytes("VmHWM:") - before);
  };
}

}  // namespace

int main() {
  const std::map<std::string, std::function<double(const std::string&, int)>> networks{
      {"resnet18", lazily<Classifier<MultiScale<ResNet18, NoFusion>>>()},
      {"resnet101", lazily<Classifier<MultiScale<ResNet101, NoFusion>>>()},
      {"ms-cnn-resnet101", lazily<Classifier<MultiScale<ResNet101>>>()},
      {"ms-cnn-frozen-resnet101", lazily<Classifier<MultiScale<Frozen<ResNet101>>>>()},
      {"mobilenet75", lazily<Classifier<MultiScale<MobileNet<75>, NoFusion>>>()},
      {"vgg16", lazily<Classifier<MultiScale<Vgg16, NoFusion>>>()},
      {"googlenet", lazily<Classifier<MultiScale<GoogLeNet, NoFusion>>>()},
  };
  char network[64], mode[64];
  int batch = 0;
  while (std::scanf("%63s %63s %d", network, mode, &batch) == 3) {
    const auto found = networks.find(network);
    if (found == networks.end() || batch < 1) {
      std::fprintf(stderr, "networks: no such request: %s %s %d\n", network, mode, batch);
      return 1;
    }
    std::printf("%.9g\n", found->second(mode, batch));
    std::fflush(stdout);
  }
  return 0;
}
