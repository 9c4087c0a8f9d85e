// SPDX-License-Identifier: Apache-2.0
// Trains one stage to its end, or takes it from its file, or goes on from its checkpoint.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <mmdl/training/checkpoint.hpp>
#include <mmdl/training/early_stopping.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "workspace.hpp"

namespace reproduce {

namespace detail {

using mmdl::detail::fail, mmdl::detail::printable;

/// The curve that a file's note holds.
Curve curve_of_note(const std::string& path, const std::string& text);
/// One note of a file of ours. Throws where it is missing.
const std::string& note_of(const std::map<std::string, std::string>& notes, const std::string& path,
                           const std::string& key);

/// The loss over all batches of a source, each sample counted once.
template <class Trainer, class Source>
double loss_of(Trainer& trainer, Source& source) {
  double sum = 0, samples = 0;
  for (source.start_epoch(0); source.next();) {
    const double loss = static_cast<double>(
        source.apply([&](const auto&... tensors) { return trainer.evaluate(tensors...); }));
    sum += loss * source.size();
    samples += source.size();
  }
  if (samples == 0) fail("held-out samples", "none", "at least one");
  return sum / samples;
}

}  // namespace detail

/// What a stage trains and with what. `Source` gives batches: `start_epoch(e)`, `next()`, `size()`,
/// `batches()` and `apply(f)`, which calls f with the tensors of a training step.
template <class ModelType, class Loss, class Source>
struct Stage {
  std::string name;
  Recipe recipe;
  std::string data;  ///< changes whenever what the sources give does
  ModelType& model;
  Loss loss;
  Source& train;
  Source& held_out;
};

template <class ModelType, class Loss, class Source>
Stage(std::string, Recipe, std::string, ModelType&, Loss, Source&, Source&) -> Stage<ModelType, Loss, Source>;

/// Runs the stage, after which the model has the weights of its best epoch (by the loss on the held-out
/// samples). They lie in <name>.safetensors; where that file is there already, of the same recipe, data and
/// first weights, it is taken instead.
template <class ModelType, class Loss, class Source>
void run_stage(Workspace& work, const Stage<ModelType, Loss, Source>& stage) {
  using Clock = std::chrono::steady_clock;
  const std::string path = work.file(stage.name + ".safetensors");
  const std::string checkpoint = work.file(stage.name + ".checkpoint"), best = checkpoint + ".best";
  const std::string settings =
      nlohmann::ordered_json{{"recipe", stage.recipe.str()},
                             {"data", stage.data},
                             {"first weights", mmdl::network_fingerprint(stage.model)}}
          .dump();
  const auto check = [&](const std::string& file, const std::map<std::string, std::string>& notes) {
    const std::string& found = detail::note_of(notes, file, "settings");
    if (found != settings)
      detail::fail(file + ": a stage of other settings", detail::printable(found, 600),
                   detail::printable(settings, 600) + " (another --out, or remove the file)");
  };
  if (std::filesystem::exists(path)) {
    const auto notes = mmdl::SafetensorsFile(path).metadata();
    check(path, notes);
    mmdl::load(stage.model, path);
    work.curves.push_back(detail::curve_of_note(path, detail::note_of(notes, path, "curve")));
    work.earlier_seconds += work.curves.back().seconds;
    work.finish(stage.name, /*found=*/true);
    return;
  }

  mmdl::Trainer trainer{stage.model, stage.loss, stage.recipe.make_optimizer()};
  trainer.with_clipping(stage.recipe.clip).with_schedule(stage.recipe.make_schedule(stage.train.batches()));
  mmdl::EarlyStopping stopping(stage.model, stage.recipe.patience);
  Curve curve;
  curve.stage = stage.name;
  double seconds_before = 0;
  if (std::filesystem::exists(checkpoint)) {
    mmdl::load(stage.model, best);
    const auto before = mmdl::SafetensorsFile(checkpoint).metadata();
    const auto note = [&](const char* key) -> const std::string& {
      return detail::note_of(before, checkpoint, std::string("note.") + key);
    };
    check(checkpoint, {{"settings", note("settings")}});
    stopping.resume(std::atoi(note("epochs").c_str()), std::atoi(note("best_epoch").c_str()),
                    std::strtod(note("best").c_str(), nullptr));
    mmdl::load_checkpoint(trainer, checkpoint);
    curve = detail::curve_of_note(checkpoint, note("curve"));
    seconds_before = curve.seconds;
    work.earlier_seconds += seconds_before;
  }
  const Clock::time_point start = Clock::now();
  Clock::time_point saved = start;
  const auto since = [&](Clock::time_point from) {
    return std::chrono::duration<double>(Clock::now() - from).count();
  };
  const auto over = [&] {
    return stopping.epochs() >= stage.recipe.epochs || stopping.stop() ||
           (stage.recipe.most_steps > 0 && trainer.steps() >= stage.recipe.most_steps);
  };
  const double batches = stage.train.batches();
  while (!over()) {
    const int epoch = stopping.epochs();
    double sum = 0, samples = 0, done = 0;
    for (stage.train.start_epoch(epoch); stage.train.next();) {
      const double loss = static_cast<double>(
          stage.train.apply([&](const auto&... tensors) { return trainer.step(tensors...); }));
      sum += loss * stage.train.size();
      samples += stage.train.size();
      ++done;
      work.report(stage.name, (epoch + done / batches) / stage.recipe.epochs,
                  stage.name + ", epoch " + std::to_string(epoch + 1));
      if (interrupted())
        detail::fail("interrupted in stage " + stage.name + "; the same command goes on from there");
    }
    const double held_out = detail::loss_of(trainer, stage.held_out);
    if (!std::isfinite(held_out))
      detail::fail("stage " + stage.name + ": loss on the held-out samples", std::to_string(held_out),
                   "a finite number");
    curve.points.push_back({trainer.steps(), sum / samples, held_out});
    const bool better = stopping.update(held_out);
    curve.seconds = seconds_before + since(start);
    curve.best_step = curve.points[static_cast<std::size_t>(stopping.best_epoch())].step;
    if (since(saved) > 30 && !over()) {  // a checkpoint is worth half a minute of work
      if (better || !std::filesystem::exists(best)) {
        const auto current = mmdl::detail::copy_weights(stage.model);
        stopping.restore();
        mmdl::save(stage.model, best);
        mmdl::detail::restore_weights(stage.model, current);
      }
      char text[32];
      std::snprintf(text, sizeof text, "%.17g", stopping.best());
      mmdl::save_checkpoint(trainer, checkpoint,
                            {{"settings", settings},
                             {"epochs", std::to_string(stopping.epochs())},
                             {"best_epoch", std::to_string(stopping.best_epoch())},
                             {"best", text},
                             {"curve", to_json(curve).dump()}});
      saved = Clock::now();
    }
  }
  stopping.restore();
  curve.stopped_early = stopping.stop();
  mmdl::save(stage.model, path, {{"settings", settings}, {"curve", to_json(curve).dump()}});
  std::error_code ignored;
  std::filesystem::remove(checkpoint, ignored);
  std::filesystem::remove(best, ignored);
  char text[160];
  std::snprintf(text, sizeof text, "%s: %d epochs, held-out loss %.4f (epoch %d), %.0f s", stage.name.c_str(),
                stopping.epochs(), stopping.best(), stopping.best_epoch() + 1, curve.seconds);
  work.line(text);
  work.curves.push_back(std::move(curve));
  work.finish(stage.name);
}

}  // namespace reproduce
