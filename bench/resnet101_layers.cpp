// SPDX-License-Identifier: Apache-2.0
// Each layer of ResNet-101 alone, forward and backward, against oneDNN, both in this process and in turn.
// Prints a line for each layer and pass: "<pass>\t<layer>\t<how often>\t<operations>\t<our
// seconds>\t<oneDNN's>\t<its way>". Usage: resnet101_layers [batch (8)] [runs (7)] [part of the layers'
// names, or nothing: all]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "layer_run.hpp"
#include "onednn_layer.hpp"

using namespace mmdl;

namespace {

constexpr auto& network =
    detail::graph_of<Sequential<MultiScale<ResNet101, NoFusion>, Linear<81>>, Shape<224, 224, 3>>;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// |a - b| / |b|, both as vectors.
double distance(const float* a, const std::vector<float>& b) {
  double difference = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2.0);
    norm += std::pow(static_cast<double>(b[i]), 2.0);
  }
  return std::sqrt(difference / norm);
}

/// The same layer: what it computes, and on what.
bool same(const detail::Node& a, const detail::Node& b) {
  const auto& v = a.window;
  const auto& w = b.window;
  return a.kind == b.kind && a.input == b.input && a.output == b.output && a.activation == b.activation &&
         v.kernel_height == w.kernel_height && v.stride == w.stride && v.pad_top == w.pad_top;
}

struct Settings {
  int batch = 8;
  int runs = 7;
  std::string part;
};

/// One layer against oneDNN; a peer that computes something else ends the program.
template <class Layer, class Input>
void compare(const char* name, std::vector<bool>& covered, const Settings& settings) {
  constexpr detail::Node node = detail::graph_of<Layer, Input>.nodes[1];
  int times = 0;
  for (int n = 0; n < network.node_count; ++n)
    if (same(network.nodes[n], node)) covered[static_cast<std::size_t>(n)] = true, ++times;
  if (times == 0) {
    std::fprintf(stderr, "resnet101_layers: the network has no layer %s\n", name);
    std::exit(1);
  }
  if (std::string(name).find(settings.part) == std::string::npos) return;
  bench::LayerRun<Layer, Input> ours(settings.batch);
  auto& engine = ours.model().engine();
  const bool weights = node.entries[0] >= 0, bias = node.entries[1] >= 0;

  std::vector<bench::OneDnnLayer> peers = bench::onednn_layers(node, settings.batch);
  // Both have the same numbers, and must come to the same.
  ours.infer();
  for (auto& peer : peers) {
    peer.copy_in(ours.input().data(), weights ? engine.entry_data(node.entries[0]) : nullptr,
                 bias ? engine.entry_data(node.entries[1]) : nullptr);
    peer.infer();
    const double error = distance(ours.output(), peer.output());
    if (!(error < 1e-3)) {
      std::fprintf(stderr, "resnet101_layers: %s: oneDNN's output (%s) is off by %g\n", name,
                   name_of(peer.way()), error);
      std::exit(1);
    }
  }
  ours.train_forward();
  ours.fill_output_gradient();
  ours.backward();
  for (auto& peer : peers) {
    peer.train_forward();
    peer.backward();
    const double error = distance(ours.input_gradient(), peer.input_gradient());
    if (!(error < 1e-3) &&
        node.kind != detail::OperatorKind::batch_norm) {  // there it is a zero with rounding
      std::fprintf(stderr, "resnet101_layers: %s: oneDNN's gradient (%s) is off by %g\n", name,
                   name_of(peer.way()), error);
      std::exit(1);
    }
  }
  const double operations = 2.0 * static_cast<double>(multiply_adds<Layer, Input>) * settings.batch;
  const auto alternate = [&](const char* pass, const auto& mine, const auto& theirs, double work) {
    bench::OneDnnLayer& peer = bench::fastest(peers, theirs);
    const int passes = std::max(1, static_cast<int>(0.01 / mine(1)));
    std::vector<double> our_times, peer_times;
    for (int run = 0; run < settings.runs; ++run) {
      our_times.push_back(mine(passes));
      peer_times.push_back(bench::seconds([&] { theirs(peer); }, passes));
    }
    std::printf("%s\t%s\t%d\t%.0f\t%.9g\t%.9g\t%s\n", pass, name, times, work, median(our_times),
                median(peer_times), name_of(peer.way()));
    std::fflush(stdout);
  };
  alternate(
      "forward", [&](int passes) { return bench::seconds([&] { ours.infer(); }, passes); },
      [](bench::OneDnnLayer& layer) { layer.infer(); }, operations);
  alternate(
      "backward", [&](int passes) { return ours.backward_seconds(passes); },
      [](bench::OneDnnLayer& layer) { layer.backward(); }, 2.0 * operations);
}

/// A convolution of a square image, as ResNet-101 has them.
template <int size, int channels, int filters, int kernel, int stride = 1>
void convolution(std::vector<bool>& covered, const Settings& settings) {
  char name[96];
  std::snprintf(name, sizeof name, "convolution %dx%d, %d to %d, at %dx%d%s", kernel, kernel, channels,
                filters, size, size, stride == 1 ? "" : ", stride 2");
  compare<Conv<filters, Kernel<kernel>, Stride<stride>, Bias<false>>, Shape<size, size, channels>>(
      name, covered, settings);
}

/// Batch norm and ReLU by themselves.
template <int size, int channels>
void pointwise(std::vector<bool>& covered, const Settings& settings) {
  char name[96];
  std::snprintf(name, sizeof name, "batch norm %d at %dx%d", channels, size, size);
  compare<BatchNorm, Shape<size, size, channels>>(name, covered, settings);
  std::snprintf(name, sizeof name, "ReLU %d at %dx%d", channels, size, size);
  compare<Relu, Shape<size, size, channels>>(name, covered, settings);
}

/// The layers of a scale: bottlenecks of `width`, the first over `channels` at `before` x `before`.
template <int width, int size, int channels, int before>
void scale(std::vector<bool>& covered, const Settings& settings) {
  constexpr int stride = before / size;
  convolution<before, channels, width, 1>(covered, settings);
  convolution<before, width, width, 3, stride>(covered, settings);
  convolution<size, width, 4 * width, 1>(covered, settings);
  if constexpr (stride != 1 || channels != width)
    convolution<before, channels, 4 * width, 1, stride>(covered, settings);
  convolution<size, 4 * width, width, 1>(covered, settings);
  if constexpr (stride != 1) {
    convolution<size, width, width, 3>(covered, settings);
    pointwise<before, width>(covered, settings);
  }
  pointwise<size, width>(covered, settings);
  pointwise<size, 4 * width>(covered, settings);
}

}  // namespace

int main(int count, char** words) {
  Settings settings;
  if (count > 1) settings.batch = std::atoi(words[1]);
  if (count > 2) settings.runs = std::atoi(words[2]);
  if (count > 3) settings.part = words[3];
  if (settings.batch < 1 || settings.runs < 1) {
    std::fprintf(stderr, "resnet101_layers: found the batch %d and %d runs, expected at least 1 of each\n",
                 settings.batch, settings.runs);
    return 2;
  }
  const dnnl_version_t& version = *dnnl_version();
  std::printf("# oneDNN %d.%d.%d\n", version.major, version.minor, version.patch);
  std::vector<bool> covered(static_cast<std::size_t>(network.node_count));
  convolution<224, 3, 64, 7, 2>(covered, settings);
  pointwise<112, 64>(covered, settings);
  compare<MaxPool<3, Stride<2>, Padding<1>>, Shape<112, 112, 64>>("max pooling at 112x112", covered,
                                                                  settings);
  scale<64, 56, 64, 56>(covered, settings);
  scale<128, 28, 256, 56>(covered, settings);
  scale<256, 14, 512, 28>(covered, settings);
  scale<512, 7, 1024, 14>(covered, settings);
  compare<GlobalAveragePool, Shape<7, 7, 2048>>("global average pooling", covered, settings);
  compare<Linear<81>, Shape<2048>>("linear 2048 to 81", covered, settings);
  // No layer of the network is forgotten. Additions are joined to convolutions, and their gradient is no
  // work.
  for (int n = network.inputs; n < network.node_count; ++n) {
    const detail::Node& node = network.nodes[n];
    if (covered[static_cast<std::size_t>(n)] || node.kind == detail::OperatorKind::add) continue;
    std::fprintf(stderr, "resnet101_layers: %s at %dx%d with %d channels was not compared\n", node.name,
                 node.input.height, node.input.width, node.input.channels);
    return 1;
  }
  return 0;
}
