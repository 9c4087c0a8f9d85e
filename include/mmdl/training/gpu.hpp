// SPDX-License-Identifier: Apache-2.0
// Training on the GPU.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../losses/gpu.hpp"
#include "../optim/gpu.hpp"
#include "../training/gpu_feed.hpp"
#include "../training/gpu_model.hpp"
#include "../training/trainer.hpp"

namespace mmdl {

/// A trainer of a model on the GPU: the same as on the CPU, but that `step` gives a `DeviceLoss`, so that the
/// host need not wait. A step, from the packing of weights to the optimizer's update, is recorded once for
/// each batch size and replayed as one graph; the next batch is copied beside it. `losses()` and
/// `gradient_norm()` wait. Gradients are kept as they were before clipping.
template <class ModelType, class Loss, class Optimizer>
requires detail::OnGpu<ModelType>
class Trainer<ModelType, Loss, Optimizer> {
  using Number = typename ModelType::backend::value_type;
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
    const auto count = static_cast<std::size_t>(model.engine().graph().parameters);
    for (int s = 0; s < optimizer_.slots(); ++s) {
      slots_.emplace_back(count);
      std::fill_n(slots_.back().data(), count, 0.0f);
    }
    device_slots_.resize(slots_.size());
  }

  /// One step on a batch, as the CPU's `Trainer::step`.
  template <class... Shapes>
  DeviceLoss step(const Tensor<Shapes, float>&... tensors) {
    StepShapes::check(List<Shapes...>{});
    const int samples = detail::common_samples("training step", tensors...);
    if (samples == 0) detail::fail("training step: batch", "0 samples", "at least 1");
    static constexpr detail::ProgramView program =
        detail::program_view<Program<detail::Mode::training>, detail::Mode::training>();
    auto& engine = model_->engine();
    engine.upload_values();
    upload_slots();
    Recorded& recorded = recording(program, samples);
    feed_.bring(engine.device(), {{tensors.data(), tensors.size() * sizeof(float)}...});
    begin_step();
    feed_.take(*engine.device(), recorded.places);
    engine.device()->run(*recorded.captured);
    engine.changed_on_device();
    slots_newer_ = true;
    const long made = step_++;
    return DeviceLoss([this, made] { return loss_of(made); });
  }

  /// The loss of a batch as in inference; nothing changes. Tensors as for `step`.
  template <class... Shapes>
  float evaluate(const Tensor<Shapes, float>&... tensors) {
    StepShapes::check(List<Shapes...>{});
    const int samples = detail::common_samples("evaluation", tensors...);
    if (samples == 0) detail::fail("evaluation: batch", "0 samples", "at least 1");
    static constexpr detail::ProgramView program =
        detail::program_view<Program<detail::Mode::inference>, detail::Mode::inference>();
    auto& engine = model_->engine();
    engine.upload_values();
    Recorded& recorded = recording(program, samples);
    feed_.bring(engine.device(), {{tensors.data(), tensors.size() * sizeof(float)}...});
    feed_.take(*engine.device(), recorded.places);
    engine.device()->run(*recorded.captured);
    return read_state().total;
  }

  /// A factor on the learning rate as a function of the step.
  template <class Schedule>
  Trainer& with_schedule(Schedule schedule) {
    schedule_ = schedule;
    return *this;
  }
  /// Scales gradients down to this norm when theirs is larger; 0 switches it off.
  Trainer& with_clipping(float norm) {
    if (!(norm >= 0.0f)) detail::fail("trainer: clipping norm", std::to_string(norm), "0 (off) or more");
    clip_norm_ = norm;
    recordings_.clear();
    return *this;
  }
  /// The device keeps the gradients in any case.
  Trainer& with_gradients_kept(bool = true) { return *this; }

  long steps() const { return step_; }
  float learning_rate() const { return optimizer_.learning_rate * (schedule_ ? schedule_(step_) : 1.0f); }
  float gradient_norm() { return read_state().norm; }
  const std::array<float, static_cast<std::size_t>(LossTypes::count)>& losses() {
    const detail::GpuStepState state = read_state();
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = state.losses[i];
    return values_;
  }
  ModelType& model() { return *model_; }
  const Optimizer& optimizer() const { return optimizer_; }

  /// The optimizer's state, brought to the host; what is written there goes back before the next step.
  std::vector<detail::Buffer<float>>& slots() {
    if (slots_newer_)
      for (std::size_t s = 0; s < slots_.size(); ++s)
        device().download(slots_[s].data(), device_slots_[s].template as<float>(), slot_bytes());
    slots_newer_ = false;
    slots_uploaded_ = false;
    return slots_;
  }
  void set_steps(long steps) { step_ = steps; }

 private:
  template <detail::Mode mode>
  using Program = detail::Program<typename ModelType::network, detail::Unwrap<typename ModelType::input>,
                                  mode, detail::EngineOf<typename ModelType::backend>::streams>;

  struct Recorded {
    const detail::Node* nodes = nullptr;
    int samples = 0;
    long generation = -1;
    std::vector<void*> places;  // where inputs and targets go
    std::unique_ptr<detail::CapturedCommands> captured;
  };

  detail::Device& device() { return *model_->engine().device(); }
  std::size_t slot_bytes() const {
    return sizeof(float) * static_cast<std::size_t>(model_->engine().graph().parameters);
  }

  detail::GpuStepState read_state() {
    detail::GpuStepState state;
    device().download(&state, model_->engine().weights().step_state(), sizeof state);
    return state;
  }
  float loss_of(long made) {
    constexpr int kept = detail::GpuStepState::kept;
    if (step_ - made > kept)
      detail::fail("loss of training step " + std::to_string(made),
                   "read after " + std::to_string(step_) + " steps",
                   "read within " + std::to_string(kept) + " steps");
    const detail::GpuStepState state = read_state();
    const float value = state.recent_totals[made % kept];
    const int failure = state.recent_failures[made % kept];
    if (failure != 0)
      detail::fail(
          "training step " + std::to_string(made) + (failure == 1 ? ": loss" : ": norm of the gradient"),
          std::to_string(value), "a finite number (a lower learning rate, or clipping, may help)");
    return value;
  }

  void upload_slots() {
    if (slots_uploaded_) return;
    for (std::size_t s = 0; s < slots_.size(); ++s) {
      device_slots_[s].reserve(model_->engine().device(), slot_bytes(), "the optimizer's state");
      device().upload(device_slots_[s].template as<float>(), slots_[s].data(), slot_bytes());
    }
    slots_uploaded_ = true;
  }

  /// What changes from step to step is told to the device by one small kernel outside of the graph.
  void begin_step() {
    auto& engine = model_->engine();
    if (begin_.empty()) {
      detail::GpuCommands commands(device(), nullptr, engine.tf32());
      commands.launch(step_kernel("begin_step"), {1, 1, 1}, {});
      begin_ = commands.take();
    }
    detail::KernelArguments& k = begin_.front().arguments;
    k.p[0] = engine.weights().step_state();
    k.n[0] = static_cast<long long>(engine.seed());
    k.n[1] = step_;
    const std::array<float, 4> numbers = detail::gpu_step_numbers(optimizer_, learning_rate(), step_);
    for (std::size_t i = 0; i < numbers.size(); ++i) k.f[i] = numbers[i];
    device().run(begin_);
  }

  detail::KernelText step_kernel(const char* name) const {
    detail::KernelText text(name, std::string(detail::step_state_text) + detail::gradient_norm_text);
    text.set("CLIPS", clip_norm_ > 0.0f ? 1 : 0).set("LOSSES", LossTypes::count).set("TRAINING", 1);
    return text;
  }

  Recorded& recording(const detail::ProgramView& program, int samples) {
    auto& engine = model_->engine();
    for (Recorded& r : recordings_)
      if (r.nodes == program.nodes && r.samples == samples && r.generation == engine.generation()) return r;
    std::vector<void*> places;
    std::vector<detail::Command> commands = engine.record(program, samples, [&](detail::GpuCommands& c) {
      places.clear();
      for (int i = 0; i < program.inputs; ++i) places.push_back(engine.staging_place(program, samples, i));
      for (float* target : target_places(samples)) places.push_back(target);
      record_step(c, program, samples, places);
    });
    // Recording may have moved what was recorded before.
    std::erase_if(recordings_, [&](const Recorded& r) { return r.generation != engine.generation(); });
    if (recordings_.size() >= 8) recordings_.erase(recordings_.begin());
    recordings_.push_back({program.nodes, samples, engine.generation(), places, device().capture(commands)});
    return recordings_.back();
  }

  template <std::size_t... I>
  static std::array<long, sizeof...(I)> target_sizes(std::index_sequence<I...>) {
    return {static_cast<long>(StepShapes::template Target<static_cast<int>(I)>::size)...};
  }
  std::vector<float*> target_places(int samples) {
    constexpr auto count = static_cast<std::size_t>(OutputList::count);
    const auto sizes = target_sizes(std::make_index_sequence<count>{});
    long total = 0;
    std::array<long, count> at{};
    for (std::size_t i = 0; i < count; ++i) {
      at[i] = total;
      total += detail::GpuEngine<Number>::rounded_floats(sizes[i] * samples);
    }
    if (targets_.reserve(model_->engine().device(), sizeof(float) * static_cast<std::size_t>(total),
                         "the targets"))
      recordings_.clear();
    std::vector<float*> places;
    for (std::size_t i = 0; i < count; ++i) places.push_back(targets_.template as<float>() + at[i]);
    return places;
  }

  void record_step(detail::GpuCommands& c, const detail::ProgramView& program, int samples,
                   const std::vector<void*>& places) {
    auto& engine = model_->engine();
    auto& weights = engine.weights();
    float* gradients = program.training ? engine.device_gradients() : nullptr;
    const long states = engine.graph().states;
    if (program.training) {
      states_before_.reserve(engine.device(), sizeof(float) * static_cast<std::size_t>(states), "statistics");
      c.copy(states_before_.template as<float>(), weights.states(),
             sizeof(float) * static_cast<std::size_t>(states));
    }
    engine.record_packing(c, program);
    engine.record_forward(c, program, samples);
    const auto losses = [&]<std::size_t... I>(std::index_sequence<I...>) {
      (record_loss_of(c, program, samples, std::integral_constant<int, static_cast<int>(I)>{},
                      static_cast<const float*>(places[static_cast<std::size_t>(program.inputs) + I])),
       ...);
    };
    losses(std::make_index_sequence<static_cast<std::size_t>(OutputList::count)>{});
    if (program.training) engine.record_backward(c, program, samples);
    c.begin_operator();
    record_judgement(c, gradients, program.training);
    if (!program.training) return;
    float* slots[2] = {};
    for (std::size_t s = 0; s < slots_.size(); ++s) slots[s] = device_slots_[s].template as<float>();
    detail::record_update(c, detail::gpu_update(optimizer_), chunks_.template as<void>(), chunk_count_,
                          weights.parameters(), gradients, slots, static_cast<int>(slots_.size()),
                          weights.step_state());
    detail::KernelArguments undo;
    undo.p[0] = weights.step_state();
    undo.p[1] = weights.states();
    undo.p[2] = states_before_.template as<float>();
    undo.n[0] = states;
    c.launch(step_kernel("undo_statistics"), {detail::blocks_for(states, 256), 1, 256}, undo);
  }

  template <int Index>
  void record_loss_of(detail::GpuCommands& c, const detail::ProgramView& program, int samples,
                      std::integral_constant<int, Index>, const float* targets) {
    using Rule = detail::At<Index, LossTypes>;
    static_assert(
        detail::accepted<detail::is_complete<detail::GpuLoss<Rule>>, loss_has_no_kernel_on_gpu<Rule>>);
    if constexpr (detail::is_complete<detail::GpuLoss<Rule>>) {
      auto& engine = model_->engine();
      detail::record_loss(c, std::get<static_cast<std::size_t>(Index)>(losses_),
                          engine.output(program, samples, Index), targets,
                          program.training ? engine.output_gradient(program, samples, Index) : nullptr,
                          engine.weights().step_state()->losses + Index, samples,
                          static_cast<int>(detail::At<Index, OutputList>::size));
    }
  }

  void record_judgement(detail::GpuCommands& c, float* gradients, bool training) {
    auto& weights = model_->engine().weights();
    if (chunks_.capacity() == 0) {
      const detail::GpuUpdate update = detail::gpu_update(optimizer_);
      const auto chunks = detail::parameter_chunks(ranges_, update.decay, update.decay_all);
      chunk_count_ = static_cast<long>(chunks.size());
      chunks_.reserve(model_->engine().device(), chunks.size() * sizeof(chunks[0]) + 16,
                      "the table of parameters");
      device().upload(chunks_.template as<void>(), chunks.data(), chunks.size() * sizeof(chunks[0]));
    }
    const bool clips = training && clip_norm_ > 0.0f;
    detail::KernelArguments judge;
    if (clips) {
      double* squares = c.scratch<double>(chunk_count_);
      detail::KernelArguments k;
      k.p[0] = gradients;
      k.p[1] = chunks_.template as<void>();
      k.p[2] = squares;
      c.launch(step_kernel("gradient_squares"), {static_cast<unsigned>(chunk_count_), 1, 256}, k);
      judge.p[1] = squares;
      judge.n[0] = chunk_count_;
    }
    judge.p[0] = weights.step_state();
    judge.f[0] = clip_norm_;
    detail::KernelText text("judge_step", std::string(detail::step_state_text) + detail::gradient_norm_text);
    text.set("CLIPS", clips ? 1 : 0).set("LOSSES", LossTypes::count).set("TRAINING", training ? 1 : 0);
    c.launch(text, {1, 1, 256}, judge);
  }

  ModelType* model_;
  decltype(detail::LossList<Loss>::tuple(std::declval<const Loss&>())) losses_;
  Optimizer optimizer_;
  std::vector<ParameterRange> ranges_;
  std::vector<detail::Buffer<float>> slots_;
  std::vector<detail::DeviceBuffer> device_slots_;
  detail::DeviceBuffer chunks_, targets_, states_before_;
  detail::GpuFeed feed_;
  std::vector<Recorded> recordings_;
  std::vector<detail::Command> begin_;  // what `begin_step` runs, found once
  std::function<float(long)> schedule_;
  std::array<float, static_cast<std::size_t>(LossTypes::count)> values_{};
  float clip_norm_ = 0.0f;
  long step_ = 0;
  long chunk_count_ = 0;
  bool slots_newer_ = false, slots_uploaded_ = false;
};

}  // namespace mmdl
