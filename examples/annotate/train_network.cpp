// SPDX-License-Identifier: Apache-2.0
// `annotate train`: both losses summed, end to end; validation, early stopping, checkpoints, a log, a test at
// the end.
#include "train_network.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <mmdl/optim/schedules.hpp>
#include <nlohmann/json.hpp>

#include "format.hpp"
#include "model_file.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "training_log.hpp"

namespace annotate {

using mmdl::detail::fail;

namespace {

std::function<float(long)> make_schedule(const TrainCommand& command, long batches) {
  const long warm_up = command.warm_up * batches, rest = std::max(1L, command.epochs * batches - warm_up);
  if (command.schedule == "cosine") return mmdl::WarmUp{warm_up, mmdl::Cosine{.steps = rest}};
  if (command.schedule == "step") return mmdl::WarmUp{warm_up, mmdl::StepDecay{.every = (rest + 1) / 2}};
  return mmdl::WarmUp{warm_up, mmdl::Constant{}};
}

class TrainRun {
 public:
  TrainRun(const TrainCommand& command, Splits splits)
      : command_(command),
        splits_(std::move(splits)),
        program_(registry().make(
            {command.backbone, command.variant, command.size, command.precision, command.device},
            "--backbone, --variant, --size, --precision, --device", command.seed)) {
    if (!command.pretrained.empty())
      progress_.line(command.pretrained + ": " + program_->load_pretrained(command.pretrained));
    check_room(*program_, "training data", splits_.train.labels.size(), 0);
    if (program_->has_tags()) {
      bool any = false;
      for (const mmdl::Sample& sample : splits_.train.samples) any = any || !sample.tags.empty();
      if (!any)
        fail("training data", "no tags", "tags for --variant " + command.variant + " (see --tags-file)");
      splits_.tags = mmdl::TagVocabulary(splits_.train.samples, program_->tag_room());
    }
    selection_ = resolved(command.selection, program_->has_quantity(), splits_.train.labels.size());
    notes_ = {.network = {command.backbone, command.variant, command.size, command.precision, command.device},
              .labels = splits_.train.labels,
              .tags = splits_.tags.words(),
              .label_counts = label_counts(splits_.train),
              .normalisation = program_->normalisation(),
              .seed = command.seed};

    mmdl::LoaderOptions loading = plain_loading();
    loading.shuffle = true;
    if (!command.no_augmentation)
      loading.images.augmentation = {
          .flip = true, .random_crop = command.crop < 1.0f, .min_area = command.crop};
    // Batch norm needs more than one sample: a short last batch is left out where there is a whole one.
    loading.drop_last = splits_.train.samples.size() >= static_cast<std::size_t>(command.batch);
    const bool adamw = command.optimizer == "adamw";
    TrainingSettings settings{.adamw = adamw,
                              .learning_rate = command.learning_rate > 0 ? command.learning_rate
                                               : adamw                   ? 3e-3f
                                                                         : 0.1f,
                              .momentum = command.momentum,
                              .weight_decay = command.weight_decay >= 0 ? command.weight_decay
                                              : adamw                   ? 0.05f
                                                                        : 1e-4f,
                              .clip = command.clip,
                              .quantity_weight = command.quantity_weight,
                              .schedule = {}};
    const auto samples = static_cast<long>(splits_.train.samples.size());
    const long batches = loading.drop_last ? samples / command.batch : 1;
    settings.schedule = make_schedule(command, batches);
    program_->prepare_training({splits_.train, splits_.tags}, loading, settings);
    total_steps_ = command.epochs * batches;
  }

  void run() {
    resume();
    TrainingLog log(command_.log, program_->steps());
    log.write();
    progress_.line(
        format("%s: %ld parameters, %.1f million multiply-adds an image, %zu labels, %d tags, %zu images",
               notes_.network.str().c_str(), program_->parameters(),
               static_cast<double>(program_->multiply_adds()) * 1e-6, notes_.labels.size(),
               splits_.tags.size(), splits_.train.samples.size()));
    begun_ = program_->steps();
    for (; epoch_ < command_.epochs && !stopped(); ++epoch_) {
      train_epoch(log);
      check_weights();
      if (!splits_.validation.samples.empty()) validate(log);
      log.write();
      if (!command_.checkpoint.empty()) save_checkpoint();
    }
    report_skipped(program_->skipped());
    if (!best_.empty()) {
      program_->set_weights(best_);
      progress_.line(format("best epoch: %d", best_epoch_ + 1));
    }
    program_->save_weights(command_.out, to_metadata(notes_));
    if (!splits_.test.samples.empty()) test();
  }

 private:
  mmdl::LoaderOptions plain_loading() const {
    mmdl::LoaderOptions loading{.batch = command_.batch,
                                .workers = command_.workers,
                                .seed = command_.seed,
                                .shuffle = false,
                                .strict = command_.strict};
    loading.images.normalisation = notes_.normalisation;
    loading.images.cache_bytes = std::size_t{1} << 30;
    return loading;
  }

  bool stopped() const { return command_.patience > 0 && stale_ >= command_.patience; }

  void train_epoch(TrainingLog& log) {
    using Clock = std::chrono::steady_clock;
    program_->start_epoch(epoch_);
    double label_sum = 0, quantity_sum = 0, images = 0;
    const Clock::time_point start = Clock::now();
    Clock::time_point last = start;
    float rate = program_->learning_rate();
    while (const auto step = program_->step()) {
      const Clock::time_point now = Clock::now();
      const double speed = step->images / std::chrono::duration<double>(now - last).count();
      last = now;
      label_sum += static_cast<double>(step->label_loss) * step->images;
      quantity_sum += static_cast<double>(step->quantity_loss) * step->images;
      images += step->images;
      log.add(format("%d,%ld,%.6g,%.6g,%.6g,%.1f,,,,,,,", epoch_ + 1, program_->steps(),
                     static_cast<double>(rate), static_cast<double>(step->label_loss),
                     static_cast<double>(step->quantity_loss), speed));
      rate = program_->learning_rate();
      progress_.update(format("epoch %d/%d  %.0f images/s  loss %.3f + %.3f", epoch_ + 1, command_.epochs,
                              images / std::chrono::duration<double>(now - start).count(), label_sum / images,
                              quantity_sum / images),
                       program_->steps(), total_steps_, begun_);
      if (interrupted())
        fail("interrupted in epoch " + std::to_string(epoch_ + 1) +
             (command_.checkpoint.empty() || epoch_ == 0 ? "" : "; --resume goes on from the epoch before"));
    }
    epoch_text_ = format("epoch %d/%d: loss %.3f (labels) + %.3f (quantity), %.1f images/s", epoch_ + 1,
                         command_.epochs, label_sum / images, quantity_sum / images,
                         images / std::chrono::duration<double>(Clock::now() - start).count());
    if (splits_.validation.samples.empty()) progress_.line(epoch_text_);
  }

  /// A NaN can hide: ReLU makes a zero of it, and the loss stays finite.
  void check_weights() const {
    for (const float weight : program_->weights())
      if (!std::isfinite(weight))
        fail("training: a weight after epoch " + std::to_string(epoch_ + 1), std::to_string(weight),
             "a finite number (a lower --learning-rate may help)");
  }

  void validate(TrainingLog& log) {
    const Evaluation e = evaluate(program_->predict({splits_.validation, splits_.tags}, plain_loading(), {}),
                                  splits_.validation, selection_, {}, 0);
    const auto& s = e.selections.front().scores;
    log.add(format("%d,%ld,,,,,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g", epoch_ + 1, program_->steps(),
                   e.label_loss, e.mean_average_precision, s.class_f1, s.image_f1, s.h_f1,
                   e.quantity_accuracy, e.quantity_mean_squared_error));
    progress_.line(epoch_text_ + format("; validation H-F1 %.2f, mAP %.2f, loss %.3f", 100 * s.h_f1,
                                        100 * e.mean_average_precision, e.label_loss));
    if (command_.patience == 0) return;
    const double score =
        command_.monitor == "loss"
            ? -e.label_loss - static_cast<double>(command_.quantity_weight) * e.quantity_mean_squared_error
            : s.h_f1;
    if (best_epoch_ < 0 || score > best_score_) {
      best_score_ = score;
      best_epoch_ = epoch_;
      best_ = program_->weights();
      stale_ = 0;
      if (!command_.checkpoint.empty()) program_->save_weights(best_path(), to_metadata(notes_));
    } else {
      ++stale_;
    }
  }

  std::string best_path() const { return command_.checkpoint + ".best"; }

  /// What a resumed run must have in common with the one that was cut off.
  std::string settings() const {
    const TrainCommand& c = command_;
    std::size_t labels = 0;
    for (const mmdl::Sample& sample : splits_.train.samples)
      labels += sample.labels.size() * 31 + sample.tags.size();
    return nlohmann::ordered_json{{"network", notes_.network.str()},
                                  {"samples", splits_.train.samples.size()},
                                  {"annotations", labels},
                                  {"validation", c.validation},
                                  {"epochs", c.epochs},
                                  {"batch", c.batch},
                                  {"optimizer", c.optimizer},
                                  {"learning_rate", c.learning_rate},
                                  {"momentum", c.momentum},
                                  {"weight_decay", c.weight_decay},
                                  {"clip", c.clip},
                                  {"quantity_weight", c.quantity_weight},
                                  {"schedule", c.schedule},
                                  {"warm_up", c.warm_up},
                                  {"crop", c.no_augmentation ? 1.0f : c.crop},
                                  {"patience", c.patience},
                                  {"monitor", c.monitor}}
        .dump();
  }

  void save_checkpoint() {
    program_->save_checkpoint(command_.checkpoint, {{"settings", settings()},
                                                    {"epochs_done", std::to_string(epoch_ + 1)},
                                                    {"best_epoch", std::to_string(best_epoch_)},
                                                    {"best_score", format("%.17g", best_score_)},
                                                    {"stale", std::to_string(stale_)}});
  }

  void resume() {
    if (!command_.resume || !std::filesystem::exists(command_.checkpoint)) return;
    const auto notes = program_->load_checkpoint(command_.checkpoint);
    const auto note = [&](const char* key) -> const std::string& {
      const auto found = notes.find(key);
      if (found == notes.end())
        fail(command_.checkpoint + ": note '" + key + "'", "nothing", "annotate's checkpoint");
      return found->second;
    };
    const auto number = [&](const char* key, int low, int high) {
      const std::string& text = note(key);
      char* end = nullptr;
      const long value = std::strtol(text.c_str(), &end, 10);
      if (text.empty() || *end != '\0' || value < low || value > high)
        fail(command_.checkpoint + ": note '" + key + "'", mmdl::detail::quoted(text),
             std::to_string(low) + " to " + std::to_string(high));
      return static_cast<int>(value);
    };
    if (note("settings") != settings())
      fail(command_.checkpoint + ": settings", mmdl::detail::printable(note("settings"), 1000),
           settings() + " as in this run");
    epoch_ = number("epochs_done", 1, command_.epochs);
    best_epoch_ = number("best_epoch", -1, epoch_);
    stale_ = number("stale", 0, epoch_);
    best_score_ = std::strtod(note("best_score").c_str(), nullptr);
    if (best_epoch_ >= 0) {
      const std::vector<float> current = program_->weights();
      program_->load_weights(best_path());
      best_ = program_->weights();
      program_->set_weights(current);
    }
    progress_.line(format("resumed after epoch %d", epoch_));
  }

  void test() {
    const auto count = static_cast<long>(splits_.test.samples.size());
    const Predictions predictions =
        program_->predict({splits_.test, splits_.tags}, plain_loading(),
                          [&](int done) { progress_.update("test", done, count); });
    progress_.line(format("test: %zu images", predictions.rows()));
    report_skipped(predictions.skipped);
    print(to_table(
        evaluate(predictions, splits_.test, selection_, notes_.label_counts, command_.baseline_labels)));
  }

  const TrainCommand& command_;
  Splits splits_;
  std::unique_ptr<AnnotatorProgram> program_;
  Selection selection_;
  ModelNotes notes_;
  Progress progress_;
  std::string epoch_text_;
  int epoch_ = 0, best_epoch_ = -1, stale_ = 0;
  double best_score_ = 0;
  std::vector<float> best_;
  long total_steps_ = 0, begun_ = 0;
};

}  // namespace

void train_network(const TrainCommand& command, Splits splits) { TrainRun(command, std::move(splits)).run(); }

}  // namespace annotate
