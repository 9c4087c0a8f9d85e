// SPDX-License-Identifier: Apache-2.0
// Benchmarks of one layer in one line: MMDL_BENCHMARK_LAYER(Conv<64, Kernel<3>>, Shape<56, 56, 64>);
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "mmdl/mmdl.hpp"

namespace mmdl::bench {

/// A layer alone, with room for a batch, ready to be run forward and backward.
template <class Layer, class Input>
class LayerRun {
  template <detail::Mode mode>
  static constexpr detail::ProgramView program =
      detail::program_view<detail::Program<Layer, Input, mode>, mode>();

 public:
  explicit LayerRun(int samples) : input_(samples), samples_(samples) { fill_normal(input_, 1); }

  void infer() { forward(program<detail::Mode::inference>); }
  void train_forward() { forward(program<detail::Mode::training_with_inputs>); }
  /// The gradients of parameters and input, for an output gradient of ones.
  void backward() {
    const auto& p = program<detail::Mode::training_with_inputs>;
    auto& engine = model_.engine();
    std::fill_n(engine.gradient(p, p.outputs.id[0]), samples_ * output_shape<Layer, Input>::size, 1.0f);
    engine.backward(p, samples_, {});
  }

  /// Bytes that have to move at least once in a forward: input, parameters, output.
  double bytes() const {
    return 4.0 * (static_cast<double>(samples_) * (Input::size + output_shape<Layer, Input>::size) +
                  static_cast<double>(parameter_count<Layer, Input>));
  }

 private:
  void forward(const detail::ProgramView& p) {
    const float* inputs[] = {input_.data()};
    model_.engine().forward(p, samples_, inputs, {});
  }

  Model<Layer, Input> model_;
  Tensor<Input> input_;
  int samples_;
};

template <class Layer, class Input>
void set_counters(benchmark::State& state, double passes, double bytes) {
  const double work =
      passes * 2.0 * static_cast<double>(multiply_adds<Layer, Input>) * static_cast<double>(state.range(0));
  state.counters["FLOP/s"] =
      benchmark::Counter(work, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
  state.counters["bytes/s"] = benchmark::Counter(
      passes * bytes, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

template <class Layer, class Input>
void infer(benchmark::State& state) {
  LayerRun<Layer, Input> run(static_cast<int>(state.range(0)));
  run.infer();
  for (auto _ : state) run.infer();
  set_counters<Layer, Input>(state, 1.0, run.bytes());
}

template <class Layer, class Input>
void backward(benchmark::State& state) {
  LayerRun<Layer, Input> run(static_cast<int>(state.range(0)));
  run.train_forward();
  run.backward();
  for (auto _ : state) run.backward();
  set_counters<Layer, Input>(state, 2.0, run.bytes());
}

/// Registers a benchmark at batch 1 and 8.
inline void register_batches(const std::string& name, void (*body)(benchmark::State&)) {
  benchmark::RegisterBenchmark(name.c_str(), body)->Arg(1)->Arg(8)->UseRealTime();
}

template <class Layer, class Input>
void register_layer(const std::string& name) {
  register_batches("forward " + name, infer<Layer, Input>);
  register_batches("backward " + name, backward<Layer, Input>);
}

}  // namespace mmdl::bench

#define MMDL_BENCHMARK_JOIN_(a, b) a##b
#define MMDL_BENCHMARK_NAME_(line) MMDL_BENCHMARK_JOIN_(mmdl_layer_benchmark_, line)

/// Registers the forward (as in inference) and the backward of a layer, at batch 1 and 8. The arguments are
/// the layer and the shape of its input, commas and all:
/// MMDL_BENCHMARK_LAYER(Conv<64, Kernel<3>>, Shape<56, 56, 64>);
#define MMDL_BENCHMARK_LAYER(...)                                     \
  [[maybe_unused]] static const bool MMDL_BENCHMARK_NAME_(__LINE__) = \
      (mmdl::bench::register_layer<__VA_ARGS__>(#__VA_ARGS__), true)
