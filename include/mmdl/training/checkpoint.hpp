// SPDX-License-Identifier: Apache-2.0
// A training run in a file: model, optimizer, step, epoch. A run that is killed and resumed ends with the
// same bits.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>

#include "../training/trainer.hpp"
#include "../training/weights.hpp"

namespace mmdl {

/// Writes everything a run needs to go on: weights, running statistics, the optimizer's state, the step
/// (which is the whole state of schedule, dropout and shuffling, since these are functions of seed and step
/// or epoch), the seed, and `notes` of the caller's own, such as the epoch. The file appears whole or not at
/// all.
template <class ModelType, class Loss, class Optimizer>
void save_checkpoint(Trainer<ModelType, Loss, Optimizer>& trainer, const std::string& path,
                     const std::map<std::string, std::string>& notes = {}) {
  SafetensorsWriter writer;
  auto& engine = trainer.model().engine();
  detail::add_weights(writer, engine, "model.");
  const auto& graph = engine.graph();
  for (std::size_t s = 0; s < trainer.slots().size(); ++s)
    for (int e = 0; e < graph.entry_count; ++e)
      if (!graph.entries[e].spec.state)
        writer.add("optimizer" + std::to_string(s + 1) + "." + engine.names()[static_cast<std::size_t>(e)],
                   detail::entry_shape(graph.entries[e].spec),
                   static_cast<const float*>(trainer.slots()[s].data() + graph.entries[e].offset));
  writer.metadata("checkpoint.steps", std::to_string(trainer.steps()));
  writer.metadata("checkpoint.seed", std::to_string(engine.seed()));
  for (const auto& [key, value] : notes) writer.metadata("note." + key, value);
  writer.write(path);
}

/// Reads what `save_checkpoint` wrote into a trainer of the same network and optimizer, and gives back the
/// notes. Throws `Error`, and changes nothing, for a file of another network, optimizer or seed, cut short,
/// or with a number that is not finite.
template <class ModelType, class Loss, class Optimizer>
std::map<std::string, std::string> load_checkpoint(Trainer<ModelType, Loss, Optimizer>& trainer,
                                                   const std::string& path) {
  const SafetensorsFile file(path);
  auto& engine = trainer.model().engine();
  const auto& graph = engine.graph();
  const auto& metadata = file.metadata();
  const auto note = [&](const char* key) -> const std::string& {
    const auto place = metadata.find(key);
    if (place == metadata.end()) detail::fail(path + ": metadata '" + key + "'", "nothing", "a checkpoint's");
    return place->second;
  };
  const std::string& seed = note("checkpoint.seed");
  if (seed != std::to_string(engine.seed()))
    detail::fail(path + ": seed", seed, std::to_string(engine.seed()) + " as in this run");
  const std::string& steps_text = note("checkpoint.steps");
  const bool digits = !steps_text.empty() && steps_text.size() <= 18 &&
                      steps_text.find_first_not_of("0123456789") == std::string::npos;
  const long steps = digits ? std::strtol(steps_text.c_str(), nullptr, 10) : 0;
  if (!digits)
    detail::fail(path + ": metadata 'checkpoint.steps'", "'" + steps_text + "'", "a number of steps");

  // Everything is read and checked before anything is changed.
  std::size_t expected = static_cast<std::size_t>(graph.entry_count);
  std::vector<std::vector<float>> slots(trainer.slots().size());
  for (std::size_t s = 0; s < slots.size(); ++s) {
    slots[s].assign(static_cast<std::size_t>(graph.parameters), 0.0f);
    for (int e = 0; e < graph.entry_count; ++e) {
      const auto& entry = graph.entries[e];
      if (entry.spec.state) continue;
      ++expected;
      const std::string name =
          "optimizer" + std::to_string(s + 1) + "." + engine.names()[static_cast<std::size_t>(e)];
      const TensorInfo* info = file.find(name);
      if (info == nullptr)
        detail::fail(path + ": tensor '" + name + "'", "nothing", "this optimizer's state");
      if (info->shape != detail::entry_shape(entry.spec))
        detail::fail(path + ": tensor '" + name + "'", detail::dimensions_text(info->shape),
                     detail::dimensions_text(detail::entry_shape(entry.spec)));
      const std::vector<float> values = detail::finite_floats(file, name);
      std::copy(values.begin(), values.end(), slots[s].begin() + entry.offset);
    }
  }
  if (file.tensors().size() != expected)
    detail::fail(path + ": checkpoint", std::to_string(file.tensors().size()) + " tensors",
                 std::to_string(expected) + " for this network and optimizer");
  detail::take_weights(engine, file, "model.", "", /*strict=*/true);
  for (std::size_t s = 0; s < slots.size(); ++s)
    std::copy(slots[s].begin(), slots[s].end(), trainer.slots()[s].data());
  trainer.set_steps(steps);
  std::map<std::string, std::string> notes;
  for (const auto& [key, value] : metadata)
    if (key.starts_with("note.")) notes[key.substr(5)] = value;
  return notes;
}

}  // namespace mmdl
