// SPDX-License-Identifier: Apache-2.0
// Benchmarks of one layer in one line: MMDL_BENCHMARK_LAYER(Conv<64, Kernel<3>>, Shape<56, 56, 64>);
// With MMDL_BENCH_ONEDNN defined (and oneDNN linked), layers that oneDNN has too get entries of its own
// beside.
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <type_traits>
#include <vector>

#include "layer_run.hpp"
#ifdef MMDL_BENCH_ONEDNN
#  include "onednn_layer.hpp"
#endif

namespace mmdl::bench {

template <class Layer, class Input, class Backend = Cpu<float>>
void set_counters(benchmark::State& state, double passes) {
  const int samples = static_cast<int>(state.range(0));
  const double work = passes * 2.0 * static_cast<double>(multiply_adds<Layer, Input>) * samples;
  state.counters["FLOP/s"] =
      benchmark::Counter(work, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
  state.counters["bytes/s"] =
      benchmark::Counter(passes * LayerRun<Layer, Input, Backend>::bytes(samples),
                         benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

template <class Layer, class Input, class Backend>
void infer(benchmark::State& state) {
  LayerRun<Layer, Input, Backend> run(static_cast<int>(state.range(0)));
  run.infer();
  for (auto _ : state) run.infer();
  set_counters<Layer, Input, Backend>(state, 1.0);
}

template <class Layer, class Input, class Backend>
void backward(benchmark::State& state) {
  LayerRun<Layer, Input, Backend> run(static_cast<int>(state.range(0)));
  run.train_forward();
  const auto pass = [&] {
    run.fill_output_gradient();
    run.backward();
  };
  pass();
  for (auto _ : state) pass();
  set_counters<Layer, Input, Backend>(state, 2.0);
}

#ifdef MMDL_BENCH_ONEDNN
/// Whether the layer is one node that oneDNN has too.
template <class Layer, class Input>
constexpr bool onednn_has() {
  constexpr auto& graph = detail::graph_of<Layer, Input>;
  return graph.node_count == 2 && OneDnnLayer::supports(graph.nodes[1]);
}

/// The layer by oneDNN, in the way that is fastest for `pass` in a short trial; the way's name is the label.
template <class Layer, class Input, class Pass>
void onednn(benchmark::State& state, double passes, const Pass& pass) {
  const int samples = static_cast<int>(state.range(0));
  std::vector<OneDnnLayer> layers = onednn_layers(detail::graph_of<Layer, Input>.nodes[1], samples);
  OneDnnLayer& layer = fastest(layers, pass);
  for (auto _ : state) pass(layer);
  state.SetLabel(name_of(layer.way()));
  set_counters<Layer, Input>(state, passes);
}

template <class Layer, class Input>
void infer_onednn(benchmark::State& state) {
  onednn<Layer, Input>(state, 1.0, [](OneDnnLayer& layer) { layer.infer(); });
}

template <class Layer, class Input>
void backward_onednn(benchmark::State& state) {
  onednn<Layer, Input>(state, 2.0, [](OneDnnLayer& layer) { layer.backward(); });
}
#endif

/// Registers a benchmark at batch 1 and 8.
inline void register_batches(const std::string& name, void (*body)(benchmark::State&)) {
  benchmark::RegisterBenchmark(name.c_str(), body)->Arg(1)->Arg(8)->UseRealTime();
}

template <class Layer, class Input, class Backend = Cpu<float>>
void register_layer(const std::string& name) {
  register_batches("forward " + name, infer<Layer, Input, Backend>);
  register_batches("backward " + name, backward<Layer, Input, Backend>);
#ifdef MMDL_BENCH_ONEDNN
  if constexpr (std::is_same_v<Backend, Cpu<float>> && onednn_has<Layer, Input>()) {
    register_batches("forward " + name + "/onednn", infer_onednn<Layer, Input>);
    register_batches("backward " + name + "/onednn", backward_onednn<Layer, Input>);
  }
#endif
}

}  // namespace mmdl::bench

#define MMDL_BENCHMARK_JOIN_(a, b) a##b
#define MMDL_BENCHMARK_NAME_(line) MMDL_BENCHMARK_JOIN_(mmdl_layer_benchmark_, line)

/// Registers the forward (as in inference) and the backward of a layer, at batch 1 and 8. The arguments are
/// the layer, the shape of its input and, where it is not `Cpu<float>`, the backend, commas and all:
/// MMDL_BENCHMARK_LAYER(Conv<64, Kernel<3>>, Shape<56, 56, 64>);
/// MMDL_BENCHMARK_LAYER(Conv<64, Kernel<3>>, Shape<56, 56, 64>, Cpu<BFloat16>);
#define MMDL_BENCHMARK_LAYER(...)                                     \
  [[maybe_unused]] static const bool MMDL_BENCHMARK_NAME_(__LINE__) = \
      (mmdl::bench::register_layer<__VA_ARGS__>(#__VA_ARGS__), true)
