// SPDX-License-Identifier: Apache-2.0
// The training step: forward, losses, backward, clipping, update.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../optim/clip.hpp"
#include "../optim/update.hpp"
#include "../training/model.hpp"
#include "../training/step_shapes.hpp"

namespace mmdl {

/// Trains a model: `Trainer trainer{model, SoftmaxCrossEntropy{}, Sgd{.learning_rate = 0.1f, .momentum =
/// 0.9f}};` then `trainer.step(images, labels)` for each batch. A network with several outputs takes
/// `Losses{...}`. The trainer refers to the model, which must outlive it. Steps are bitwise reproducible for
/// a fixed seed and number of threads. PyTorch: the loop of `loss.backward(); optimizer.step();
/// optimizer.zero_grad()`.
template <class ModelType, class Loss, class Optimizer>
class Trainer {
  using T = typename ModelType::value_type;
  using StepShapes = detail::StepShapes<ModelType, Loss>;
  using InputList = typename StepShapes::InputList;
  using OutputList = typename StepShapes::OutputList;
  using LossTypes = typename StepShapes::LossTypes;

 public:
  /// Throws `Error` for an optimizer's option out of its range.
  Trainer(ModelType& model, Loss loss, Optimizer optimizer)
      : model_(&model),
        losses_(detail::LossList<Loss>::tuple(loss)),
        optimizer_(optimizer),
        ranges_(detail::trained_ranges(model.engine().graph())) {
    optimizer_.check();
    if (optimizer_.slots() > UpdatePiece<T>::max_slots)
      detail::fail("trainer: the optimizer's slots", std::to_string(optimizer_.slots()),
                   "at most " + std::to_string(UpdatePiece<T>::max_slots));
    const auto count = static_cast<std::size_t>(model.engine().graph().parameters);
    for (int s = 0; s < optimizer_.slots(); ++s) {
      slots_.emplace_back(count);
      std::fill_n(slots_.back().data(), count, T{});
    }
    states_before_.reserve(static_cast<std::size_t>(model.engine().graph().states));
  }

  /// One step on a batch: the inputs' tensors, then the targets' tensors, in the network's order. Gives the
  /// loss (the sum of all losses, each with its weight) before the update. Throws `Error` when the loss (or,
  /// with clipping, the gradient's norm) is not finite: the model is then as it was before the step.
  template <class... Shapes>
  T step(const Tensor<Shapes, T>&... tensors) {
    const int samples = detail::common_samples("training step", tensors...);
    if (samples == 0) detail::fail("training step: batch", "0 samples", "at least 1");
    const detail::RandomKey key{model_->engine().seed(), static_cast<std::uint64_t>(step_)};
    static constexpr detail::ProgramView program =
        detail::program_view<Program<detail::Mode::training>, detail::Mode::training>();
    // The forward moves the running statistics: a step that fails must not leave its batch's there.
    T* states = model_->engine().states();
    std::copy_n(states, model_->engine().graph().states, states_before_.data());
    T total;
    try {
      total = forward_and_losses(program, key, /*gradients=*/true, std::tie(tensors...), samples);
      require_finite("loss", total);
      update(program, key, samples);
    } catch (...) {
      std::copy_n(states_before_.data(), model_->engine().graph().states, states);
      throw;
    }
    ++step_;
    return total;
  }

  /// The loss of a batch as in inference; nothing changes. Tensors as for `step`.
  template <class... Shapes>
  T evaluate(const Tensor<Shapes, T>&... tensors) {
    const int samples = detail::common_samples("evaluation", tensors...);
    if (samples == 0) detail::fail("evaluation: batch", "0 samples", "at least 1");
    static constexpr detail::ProgramView program =
        detail::program_view<Program<detail::Mode::inference>, detail::Mode::inference>();
    return forward_and_losses(program, {}, /*gradients=*/false, std::tie(tensors...), samples);
  }

  /// A factor on the learning rate as a function of the step (`StepDecay`, `Cosine`, `WarmUp`, or one's own).
  template <class Schedule>
  Trainer& with_schedule(Schedule schedule) {
    schedule_ = schedule;
    return *this;
  }
  /// Scales gradients down to this norm (over all trained parameters) when theirs is larger; 0 switches it
  /// off.
  Trainer& with_clipping(float norm) {
    if (!(norm >= 0.0f)) detail::fail("trainer: clipping norm", std::to_string(norm), "0 (off) or more");
    clip_norm_ = norm;
    return *this;
  }

  /// Whether `Model::gradients()` has the gradients after a step. By default each parameter is updated as
  /// soon as the backward has its gradient, which needs no memory for all of them and is faster; with
  /// clipping they are always kept. The numbers are the same. PyTorch keeps them, as `parameter.grad`.
  Trainer& with_gradients_kept(bool kept = true) {
    keeps_gradients_ = kept;
    return *this;
  }

  /// Steps made so far.
  long steps() const { return step_; }
  /// The learning rate of the next step.
  float learning_rate() const { return optimizer_.learning_rate * (schedule_ ? schedule_(step_) : 1.0f); }
  /// The norm of the last step's gradient before clipping; 0 without clipping.
  T gradient_norm() const { return gradient_norm_; }
  /// The single losses of the last step or evaluation, one for each output, weights included.
  const std::array<T, static_cast<std::size_t>(LossTypes::count)>& losses() const { return values_; }

  ModelType& model() { return *model_; }
  const Optimizer& optimizer() const { return optimizer_; }
  /// For checkpoints: the optimizer's state, buffer by buffer, and the step.
  std::vector<detail::Buffer<T>>& slots() { return slots_; }
  void set_steps(long steps) { step_ = steps; }

 private:
  /// The backward and the update of all parameters: together, or one after the other.
  void update(const detail::ProgramView& program, detail::RandomKey key, int samples) {
    auto& engine = model_->engine();
    const auto kernels = ModelType::training_kernels();
    T* slots[UpdatePiece<T>::max_slots] = {};
    for (std::size_t s = 0; s < slots_.size(); ++s) slots[s] = slots_[s].data();
    const auto all = parameters_update(optimizer_, engine.parameters(), slots, learning_rate(), step_);
    if (clip_norm_ > 0.0f || keeps_gradients_) {
      engine.backward(program, kernels, samples, key);
      T* const gradients = engine.gradients();
      if (clip_norm_ > 0.0f) {
        gradient_norm_ = clip_norm(gradients, ranges_, static_cast<T>(clip_norm_));
        require_finite("norm of the gradient", gradient_norm_);  // clipping would spread one NaN to all
      }
      update_ranges<T>(all, gradients, ranges_);
      return;
    }
    engine.backward(program, kernels, samples, key, {&run_update<decltype(all)>, &all, 0, true});
  }
  template <class Update>
  static void run_update(const void* all, long begin, const T* gradients, long count, bool decays) {
    (*static_cast<Update*>(all))(begin, gradients, count, decays);
  }

  void require_finite(const char* what, T value) const {
    if (!std::isfinite(value))
      detail::fail("training step " + std::to_string(step_) + ": " + what, std::to_string(value),
                   "a finite number (a lower learning rate, or clipping, may help)");
  }

  template <detail::Mode mode>
  using Program =
      detail::Program<typename ModelType::network, detail::Unwrap<typename ModelType::input>, mode>;

  template <class... Shapes>
  T forward_and_losses(const detail::ProgramView& program, detail::RandomKey key, bool gradients,
                       const std::tuple<const Tensor<Shapes, T>&...>& tensors, int samples) {
    StepShapes::check(List<Shapes...>{});
    constexpr std::size_t inputs = static_cast<std::size_t>(InputList::count);
    auto& engine = model_->engine();
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      const std::array<const T*, inputs> pointers{std::get<I>(tensors).data()...};
      if (program.training)
        engine.forward(program, ModelType::training_kernels(), samples, pointers, key);
      else
        engine.forward(program, samples, pointers, key);
    }
    (std::make_index_sequence<inputs>{});
    T total{};
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      const auto loss = [&]<std::size_t i>(std::integral_constant<std::size_t, i>) {
        constexpr int index = static_cast<int>(i);
        auto& rule = std::get<i>(losses_);
        if constexpr (requires { rule.step = key.step; }) rule.step = key.step;  // a loss that draws
        values_[i] = rule(engine.output(program, index), std::get<inputs + i>(tensors).data(),
                          gradients ? engine.output_gradient(program, index) : static_cast<T*>(nullptr),
                          samples, static_cast<int>(detail::At<index, OutputList>::size));
        if (gradients) engine.output_gradient_written(program, index);
        total += values_[i];
      };
      (loss(std::integral_constant<std::size_t, I>{}), ...);
    }
    (std::make_index_sequence<static_cast<std::size_t>(OutputList::count)>{});
    return total;
  }

  ModelType* model_;
  decltype(detail::LossList<Loss>::tuple(std::declval<const Loss&>())) losses_;
  Optimizer optimizer_;
  std::vector<ParameterRange> ranges_;
  std::vector<detail::Buffer<T>> slots_;
  detail::Buffer<T> states_before_;
  std::function<float(long)> schedule_;
  std::array<T, static_cast<std::size_t>(LossTypes::count)> values_{};
  float clip_norm_ = 0.0f;
  bool keeps_gradients_ = false;
  T gradient_norm_{};
  long step_ = 0;
};

}  // namespace mmdl
