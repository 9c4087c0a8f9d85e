// SPDX-License-Identifier: Apache-2.0
// `annotate evaluate`: a weight file on a labelled data set.
#include <mmdl/core/threads.hpp>
#include <nlohmann/json.hpp>

#include "data_set.hpp"
#include "model_file.hpp"
#include "progress.hpp"
#include "report.hpp"

namespace annotate {

void run(const EvaluateCommand& command) {
  if (command.threads > 0) mmdl::set_thread_count(command.threads);
  const LoadedModel model = load_model(command.weights, command.precision, command.device);
  const Selection selection = resolved(command.selection, model.program->has_quantity(),
                                       model.notes.labels.size(), model.program->chooses());
  const mmdl::Manifest manifest =
      relabelled(read_data(command.data, command.tags_file, command.root), model.notes.labels, command.data);
  mmdl::LoaderOptions loading{
      .batch = command.batch, .workers = command.workers, .shuffle = false, .strict = command.strict};
  loading.images.normalisation = model.notes.normalisation;
  Predictions predictions;
  {
    Progress progress;
    const auto count = static_cast<long>(manifest.samples.size());
    predictions =
        model.program->predict({manifest, mmdl::TagVocabulary(model.notes.tags)}, loading, [&](int done) {
          progress.update(std::to_string(done) + " images", done, count);
          if (interrupted()) mmdl::detail::fail("interrupted");
        });
  }
  report_skipped(predictions.skipped);
  const Evaluation evaluation =
      evaluate(predictions, manifest, selection, model.notes.label_counts, command.baseline_labels);
  print(command.json ? to_json(evaluation).dump(2) + "\n" : to_table(evaluation));
}

}  // namespace annotate
