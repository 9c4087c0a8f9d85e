// SPDX-License-Identifier: Apache-2.0
// `annotate train --method`: features of a frozen backbone, computed once, and a compared method over them.
#include "train_method.hpp"

#include <cmath>
#include <cstdio>

#include "model_file.hpp"
#include "progress.hpp"
#include "report.hpp"

namespace annotate {

using mmdl::detail::fail;

void train_method(const TrainCommand& command, Splits splits) {
  const std::string place = "--method, --backbone, --size";
  const NetworkName name{command.backbone, command.method, command.size, command.precision};
  const mmdl::MethodEntry& method = registry().method(name, place);
  if (command.pretrained.empty() == command.backbone_weights.empty())
    fail("--method " + command.method,
         command.pretrained.empty() ? "no weights of the backbone"
                                    : "both --pretrained and --backbone-weights",
         "--backbone-weights (a weight file of annotate train) or --pretrained");
  if (method.reads_tags) {
    splits.tags = mmdl::TagVocabulary(splits.train.samples, MMDL_ANNOTATE_TAGS);
    if (splits.tags.size() == 0)
      fail("training data", "no tags", "tags for --method " + command.method + " (see --tags-file)");
  }
  const auto program = registry().make_method(name, place, static_cast<int>(splits.tags.size()),
                                              static_cast<int>(splits.train.labels.size()), command.seed);
  Progress progress;
  if (command.pretrained.empty())
    program->load_backbone(command.backbone_weights);
  else
    progress.line(command.pretrained + ": " + program->load_pretrained(command.pretrained));
  const ModelNotes notes{.network = name,
                         .labels = splits.train.labels,
                         .tags = splits.tags.words(),
                         .label_counts = label_counts(splits.train),
                         .normalisation = program->normalisation(),
                         .seed = command.seed};
  mmdl::LoaderOptions loading{.batch = command.batch,
                              .workers = command.workers,
                              .seed = command.seed,
                              .shuffle = false,
                              .strict = command.strict};
  loading.images.normalisation = notes.normalisation;

  mmdl::MethodSettings settings{.seed = command.seed,
                                .epochs = command.epochs,
                                .batch = command.batch,
                                .patience = command.patience,
                                .learning_rate = command.learning_rate};
  settings.report = [&](int epoch, double loss, double held_out) {
    if (interrupted()) fail("interrupted in epoch " + std::to_string(epoch));
    char text[160];
    std::snprintf(text, sizeof text, "epoch %d/%d: loss %.3f", epoch, command.epochs, loss);
    std::string line = text;
    if (!std::isnan(held_out)) {
      std::snprintf(text, sizeof text, "; validation loss %.3f", held_out);
      line += text;
    }
    progress.line(line);
  };
  const bool mirrored = !command.no_augmentation;
  const auto images =
      static_cast<long>(splits.train.samples.size() * (mirrored ? 2 : 1) + splits.validation.samples.size());
  const auto watch = [&](const char* what, long count) {
    return [&progress, what, count](int done) {
      progress.update(std::string(what) + " of " + std::to_string(done) + " images", done, count);
      if (interrupted()) fail("interrupted");
    };
  };
  report_skipped(program->train({splits.train, splits.tags}, {splits.validation, splits.tags}, loading,
                                mirrored, settings, watch("features", images)));
  program->save_weights(command.out, to_metadata(notes));
  if (splits.test.samples.empty()) return;
  const Predictions predictions = program->predict(
      {splits.test, splits.tags}, loading, watch("features", static_cast<long>(splits.test.samples.size())));
  progress.line("test: " + std::to_string(predictions.rows()) + " images");
  report_skipped(predictions.skipped);
  print(to_table(evaluate(predictions, splits.test,
                          resolved(command.selection, false, notes.labels.size(), /*chooses=*/true),
                          notes.label_counts, command.baseline_labels)));
}

}  // namespace annotate
