// SPDX-License-Identifier: Apache-2.0
// Optimizers, schedules, clipping; and a run that is cut off and resumed ends with the same bits.
#include <cstdio>
#include <mmdl/mmdl.hpp>
#include <string>
#include <vector>

using namespace mmdl;

using Net = Sequential<MlpWithDropout<20, 64, 64>, Linear<3>>;
using Input = Shape<8>;

// Batch number `step`, as a function of the step alone; the targets are fixed functions of the inputs.
void make_batch(long step, Tensor<Input>& inputs, Tensor<Shape<3>>& targets) {
  fill_normal(inputs, static_cast<std::uint64_t>(step));
  for (int n = 0; n < inputs.samples(); ++n)
    for (int i = 0; i < 3; ++i) targets(n, i) = inputs(n, i) * inputs(n, i + 3) > 0 ? 1.0f : 0.0f;
}

struct Run {
  long first;  // the step it began at
  std::vector<float> weights;
};

// Trains up to step `last`, from the checkpoint where one is named, and leaves one every 50 steps.
template <class Optimizer, class Schedule>
Run train(Optimizer optimizer, Schedule schedule, long last, const std::string& resume = "") {
  Model<Net, Input> model(/*seed=*/3);
  Trainer trainer{model, SigmoidCrossEntropy{}, optimizer};
  trainer.with_schedule(schedule).with_clipping(/*norm=*/2.0f);
  if (!resume.empty()) load_checkpoint(trainer, resume);
  const long first = trainer.steps();
  Tensor<Input> inputs(32);
  Tensor<Shape<3>> targets(32);
  float loss = 0;
  while (trainer.steps() < last) {
    make_batch(trainer.steps(), inputs, targets);
    loss = trainer.step(inputs, targets);
    if (trainer.steps() % 50 == 0)
      save_checkpoint(trainer, "run.safetensors", {{"loss", std::to_string(loss)}});
  }
  std::printf("steps %ld to %ld: loss %.4f, gradient norm %.3f, next rate %.5f\n", first, last,
              static_cast<double>(loss), static_cast<double>(trainer.gradient_norm()),
              static_cast<double>(trainer.learning_rate()));
  return {first, {model.parameters().begin(), model.parameters().end()}};
}

int main() {
  const AdamW adamw{.learning_rate = 3e-3f, .weight_decay = 0.01f};
  const WarmUp rising{20, Cosine{.steps = 180}};
  const auto straight = train(adamw, rising, 200);
  train(adamw, rising, 110);  // ends, as if killed, ten steps after its last checkpoint
  const auto resumed = train(adamw, rising, 200, "run.safetensors");

  // Any function of the step is a schedule.
  const auto own = [](long step) { return step < 100 ? 1.0f : 0.5f; };
  train(Sgd{.learning_rate = 0.05f, .momentum = 0.9f, .weight_decay = 1e-4f, .nesterov = true}, own, 150);
  train(Sgd{.learning_rate = 0.05f}, StepDecay{.every = 100, .factor = 0.1f}, 150);
  return resumed.first == 100 && resumed.weights == straight.weights ? 0 : 1;
}
