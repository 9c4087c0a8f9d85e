// SPDX-License-Identifier: Apache-2.0
// One layer of ours alone, ready to be run forward and backward: what the benchmarks of layers time.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

#include "mmdl/mmdl.hpp"

namespace mmdl::bench {

/// Seconds of `body`, the mean of `passes`.
template <class Body>
double seconds(const Body& body, int passes) {
  const auto start = std::chrono::steady_clock::now();
  for (int pass = 0; pass < passes; ++pass) body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / passes;
}

/// The one for which `pass` is fastest, by two short trials of each after a warm-up.
template <class Candidate, class Pass>
Candidate& fastest(std::vector<Candidate>& candidates, const Pass& pass) {
  Candidate* best = nullptr;
  double least = 0.0;
  for (Candidate& each : candidates) {
    const auto body = [&] { pass(each); };
    const int passes = std::max(1, static_cast<int>(0.01 / std::max(seconds(body, 1), 1e-9)));
    const double time = std::min(seconds(body, passes), seconds(body, passes));
    if (best == nullptr || time < least) best = &each, least = time;
  }
  return *best;
}

/// The numbers a layer is run on: normal, or indices where it reads such.
template <class Layer>
struct InputOf {
  template <class Input>
  static void fill(Tensor<Input>& input) {
    fill_normal(input, 1);
  }
};
template <int Count, int Size>
struct InputOf<Embedding<Count, Size>> {
  template <class Input>
  static void fill(Tensor<Input>& input) {
    for (std::size_t i = 0; i < input.size(); ++i) input.data()[i] = static_cast<float>(i * 7 % Count);
  }
};

/// A layer alone, with room for a batch. Its backward computes nothing of the forward again, for the time of
/// that is not the backward's, and a peer has no such choice.
template <class Layer, class Input, class Backend = Cpu<float>>
class LayerRun {
  using Net = KeepActivations<Layer>;
  using Value = typename Backend::value_type;

  template <detail::Mode mode>
  static constexpr detail::ProgramView program =
      detail::program_view<detail::Program<Net, Input, mode>, mode>();

 public:
  explicit LayerRun(int samples) : input_(samples), samples_(samples) {
    InputOf<Layer>::fill(input_);
    model_.prepare_inference();
  }

  /// As in inference, the weights laid out in advance.
  void infer() {
    const float* inputs[] = {input_.data()};
    model_.engine().forward(program<detail::Mode::inference>, samples_, inputs, {});
  }
  void train_forward() {
    const float* inputs[] = {input_.data()};
    model_.engine().forward(program<detail::Mode::training_with_inputs>, model_.training_kernels(), samples_,
                            inputs, {});
  }
  /// The gradients of parameters and input, for the output gradient that is in place; `train_forward` and
  /// `fill_output_gradient` come before.
  void backward() {
    model_.engine().backward(program<detail::Mode::training_with_inputs>, model_.training_kernels(), samples_,
                             {});
  }
  /// An output gradient of ones.
  void fill_output_gradient() {
    const auto& p = program<detail::Mode::training_with_inputs>;
    std::fill_n(model_.engine().gradient(p, p.outputs.id[0]), samples_ * output_shape<Layer, Input>::size,
                Value(1.0f));
  }

  /// Seconds of a backward, the mean of `passes`, for an output gradient of normal numbers. The gradient of
  /// the input may take its place: from pass to pass it grows or shrinks, in the end to subnormal numbers,
  /// which no training sees and some processors take ten times as long for. So it is put back again and
  /// again, outside of the time, but seldom, for then threads have gone to sleep.
  double backward_seconds(int passes) {
    constexpr int at_once = 32;
    const auto& p = program<detail::Mode::training_with_inputs>;
    const auto size = static_cast<std::size_t>(samples_) * output_shape<Layer, Input>::size;
    if (gradient_.empty()) {
      std::vector<float> numbers(size);
      detail::fill_normals(numbers.data(), 0, static_cast<long>(size), 2, 0, 1.0f);
      gradient_.assign(numbers.begin(), numbers.end());
    }
    double total = 0.0;
    for (int done = 0; done < passes; done += at_once) {
      const int count = std::min(at_once, passes - done);
      std::copy(gradient_.begin(), gradient_.end(), model_.engine().gradient(p, p.outputs.id[0]));
      total += count * seconds([&] { backward(); }, count);
    }
    return total / passes;
  }

  /// Bytes that have to move at least once in a forward: input, parameters, output, each as products read it.
  static double bytes(int samples) {
    return static_cast<double>(sizeof(Value)) *
           (static_cast<double>(samples) * (Input::size + output_shape<Layer, Input>::size) +
            static_cast<double>(parameter_count<Layer, Input>));
  }

  Model<Net, Input, Backend>& model() { return model_; }
  const Tensor<Input>& input() const { return input_; }
  /// The output of the last `infer`.
  const Value* output() {
    return model_.engine().value(program<detail::Mode::inference>,
                                 program<detail::Mode::inference>.outputs.id[0]);
  }
  /// The gradient of the input, after `backward`.
  const Value* input_gradient() {
    return model_.engine().gradient(program<detail::Mode::training_with_inputs>, 0);
  }

 private:
  Model<Net, Input, Backend> model_;
  Tensor<Input> input_;
  int samples_;
  std::vector<Value> gradient_;  // that backwards are timed for
};

}  // namespace mmdl::bench
