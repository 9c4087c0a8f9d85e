// SPDX-License-Identifier: Apache-2.0
// The training of methods within a study, and what it says of them.
#include "methods.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <mmdl/annotation/select_labels.hpp>
#include <mmdl/io/safetensors.hpp>
#include <nlohmann/json.hpp>

#include "stage.hpp"

namespace reproduce {

namespace {

/// The usable samples of a split as a method sees them; `number` is the split's place among the features'.
mmdl::MethodRows method_rows(const Split& split, const Features& features, std::size_t number,
                             int tag_count) {
  mmdl::MethodRows rows;
  rows.feature_count = features.width;
  rows.tag_count = tag_count;
  rows.label_count = static_cast<int>(split.manifest->labels.size());
  rows.views = split.views;
  const auto sorted = [](std::vector<int> numbers) {
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    return numbers;
  };
  for (const long sample : split.usable) {
    const auto place = static_cast<std::size_t>(sample);
    rows.tags.push_back(tag_count > 0 ? sorted(split.tags[place]) : std::vector<int>());
    rows.labels.push_back(sorted(split.manifest->samples[place].labels));
  }
  rows.features = [cache = features.caches[number], usable = split.usable, samples = split.samples()](
                      long sample, int view) {
    return cache->row(view * samples + usable[static_cast<std::size_t>(sample)]);
  };
  return rows;
}

/// "C-F1 46.96, I-F1 63.60" of the labels that `choose(sample)` gives.
std::string f1_text(const mmdl::MethodRows& rows, const auto& choose) {
  mmdl::AnnotationMetrics metrics(rows.label_count);
  for (std::size_t i = 0; i < rows.labels.size(); ++i) metrics.add(choose(i), rows.labels[i]);
  const mmdl::AnnotationScores scores = metrics.scores();
  char text[80];
  std::snprintf(text, sizeof text, "C-F1 %.2f, I-F1 %.2f", 100 * scores.class_f1, 100 * scores.image_f1);
  return text;
}

/// Annotates the test rows; says how well those of all splits are known, which tells what a method lacks:
/// room to learn, pictures to learn from, or the number of labels.
mmdl::Annotations annotated(Workspace& work, const std::string& name, mmdl::Method& method,
                            const mmdl::MethodRows& train, const mmdl::MethodRows& held_out,
                            const mmdl::MethodRows& test) {
  const auto of = [](const mmdl::MethodRows& rows, const mmdl::Annotations& found) {
    return f1_text(rows, [&](std::size_t i) { return found.labels[i]; });
  };
  mmdl::Annotations found = method.annotate(test);
  std::string text = name + ": training images " + of(train, method.annotate(train)) + "; held out " +
                     of(held_out, method.annotate(held_out)) + "; test " + of(test, found);
  if (!found.scores.empty()) {
    const auto count = static_cast<std::size_t>(test.label_count);
    text += "; with the true quantity " + f1_text(test, [&](std::size_t i) {
              const auto scores = std::span<const float>(found.scores).subspan(i * count, count);
              const auto quantity = static_cast<int>(test.labels[i].size());
              return quantity > 0 ? mmdl::top_k_labels(scores, quantity) : std::vector<int>();
            });
  }
  work.line(text);
  return found;
}

/// What a method is trained with.
struct MethodRun {
  Recipe recipe;  ///< epochs, batch, patience, and the learning rate unless 0; the rest is the method's own
  std::string data;  ///< changes whenever the rows do
  std::uint64_t seed = 1;
};

/// Trains a method, or takes it from its file, and annotates the test rows.
mmdl::Annotations run_method(Workspace& work, const mmdl::MethodEntry& entry, const MethodRun& run,
                             const mmdl::MethodRows& train, const mmdl::MethodRows& held_out,
                             const mmdl::MethodRows& test) {
  using Clock = std::chrono::steady_clock;
  const std::string name = std::string("method-") + entry.name, path = work.file(name + ".safetensors");
  const std::string settings = nlohmann::ordered_json{
      {"epochs", run.recipe.epochs},
      {"batch", run.recipe.batch},
      {"patience", run.recipe.patience},
      {"learning_rate", run.recipe.learning_rate},
      {"seed", run.seed},
      {"data", run.data}}.dump();
  const auto method = entry.make(train.tag_count, train.label_count);
  if (std::filesystem::exists(path)) {
    const auto notes = mmdl::SafetensorsFile(path).metadata();
    const std::string& found = detail::note_of(notes, path, "settings");
    if (found != settings)
      detail::fail(path + ": a method of other settings", detail::printable(found, 600),
                   detail::printable(settings, 600) + " (another --out, or remove the file)");
    method->load(path);
    work.curves.push_back(detail::curve_of_note(path, detail::note_of(notes, path, "curve")));
    work.earlier_seconds += work.curves.back().seconds;
    work.finish(name, /*found=*/true);
    return annotated(work, name, *method, train, held_out, test);
  }

  Curve curve;
  curve.stage = name;
  const Clock::time_point start = Clock::now();
  const long steps = std::max(1L, train.samples() / run.recipe.batch);
  double best = 0;
  mmdl::MethodSettings how{.seed = run.seed,
                           .epochs = run.recipe.epochs,
                           .batch = run.recipe.batch,
                           .patience = run.recipe.patience,
                           .learning_rate = run.recipe.learning_rate};
  how.report = [&](int epoch, double loss, double outside) {
    if (interrupted())
      detail::fail("interrupted in " + name + "; the same command goes on from the method's beginning");
    if (!std::isfinite(outside))
      detail::fail(name + ": loss on the held-out samples", std::to_string(outside), "a finite number");
    curve.points.push_back({epoch * steps, loss, outside});
    if (epoch == 1 || outside < best) {
      best = outside;
      curve.best_step = epoch * steps;
    }
    work.report(name, static_cast<double>(epoch) / run.recipe.epochs,
                name + ", epoch " + std::to_string(epoch));
  };
  method->train(train, held_out, how);
  curve.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const int epochs = static_cast<int>(curve.points.size());
  curve.stopped_early = epochs < run.recipe.epochs;
  method->save(path, {{"settings", settings}, {"curve", to_json(curve).dump()}});
  char text[160];
  std::snprintf(text, sizeof text, "%s: %d epochs, held-out loss %.4f (epoch %ld), %.0f s", name.c_str(),
                epochs, best, curve.best_step / steps, curve.seconds);
  work.line(text);
  work.curves.push_back(std::move(curve));
  work.finish(name);
  return annotated(work, name, *method, train, held_out, test);
}

mmdl::AnnotationScores score_labels(const TestRows& rows, const std::vector<std::vector<int>>& labels) {
  mmdl::AnnotationMetrics metrics(rows.classes);
  for (std::size_t i = 0; i < rows.truth.size(); ++i) metrics.add(labels[i], *rows.truth[i]);
  return metrics.scores();
}

}  // namespace

void check_methods(const StudyOptions& options, std::span<const mmdl::MethodEntry> methods) {
  std::string known;
  std::set<std::string> unknown = options.without;
  for (const mmdl::MethodEntry& method : methods) {
    known += (known.empty() ? "" : ", ") + std::string(method.name);
    unknown.erase(method.name);
  }
  if (!unknown.empty())
    detail::fail("--without-methods", detail::printable(*unknown.begin(), 200), "some of: " + known);
}

bool takes_part(const StudyState& study, const mmdl::MethodEntry& method) {
  return study.options.without.count(method.name) == 0 && (!method.reads_tags || study.data.tags.size() > 0);
}

void compare_methods(StudyState& study, std::span<const mmdl::MethodEntry> methods, const Features& features,
                     const TestRows& test) {
  std::array<mmdl::MethodRows, 3> rows;
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i] = method_rows(study.splits[i], features, i, static_cast<int>(study.data.tags.size()));
  for (const mmdl::MethodEntry& entry : methods) {
    if (!takes_part(study, entry)) continue;
    const MethodRun run{study.recipes.of_method(entry.name),
                        study.print + fingerprint(study.data.tags) + features.identity, study.options.seed};
    const mmdl::Annotations found = run_method(study.work, entry, run, rows[0], rows[1], rows[2]);
    study.results.scores[entry.name] = score_labels(test, found.labels);
    if (!found.scores.empty())
      study.results.mean_average_precision[entry.name] = average_precision(test, found.scores);
  }
}

}  // namespace reproduce
