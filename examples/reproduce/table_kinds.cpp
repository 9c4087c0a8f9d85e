// SPDX-License-Identifier: Apache-2.0
// The kinds of tables.
#include "table_kinds.hpp"

#include "paper_numbers.hpp"

namespace reproduce {

using Scores = mmdl::AnnotationScores;

Spread SeedRuns::score(const std::string& row, double Scores::*which) const {
  return spread_over(runs, [&](const Results& run) -> std::optional<double> {
    const auto at = run.scores.find(row);
    return at == run.scores.end() ? std::nullopt : std::optional(at->second.*which);
  });
}

namespace {

std::string paper_text(std::optional<double> value, int decimals) {
  return value ? decimal(*value, decimals) : missing;
}

/// What was trained above the backbone for a row: of a compared method the method, of the paper's model its
/// stages.
std::optional<double> training_seconds(const Results& run, const std::string& row) {
  std::vector<std::string> stages{"method-" + row};
  if (row == "upper-bound" || row == "ms-cnn+tags+lqp")
    stages = {"fusion-ms-cnn", "text-mlp", "labels-ms-cnn+tags", "quantity-ms-cnn+tags"};
  if (row == "ms-cnn+lqp") stages = {"fusion-ms-cnn", "labels-ms-cnn", "quantity-ms-cnn"};
  double seconds = 0;
  std::size_t found = 0;
  for (const Curve& curve : run.curves)
    for (const std::string& stage : stages)
      if (curve.stage == stage) {
        seconds += curve.seconds;
        ++found;
      }
  return found == stages.size() ? std::optional(seconds) : std::nullopt;
}

}  // namespace

Table begin_table(const SeedRuns& study, const std::string& roman, const std::string& what, bool uses_tags) {
  Table table;
  table.name = "Table " + roman;
  table.title = what + "; " + study.first().title;
  if (const std::string remark = tags_remark(study.first()); uses_tags && !remark.empty())
    table.title += ", " + remark;
  if (study.runs.size() > 1)
    table.title += "; mean ± standard deviation of " + std::to_string(study.runs.size()) + " seeds";
  return table;
}

void note_partial(Table& table, const SeedRuns& study, const std::string& name, std::size_t count) {
  if (count < study.runs.size())
    table.notes.push_back(name + ": " + std::to_string(count) + " of " + std::to_string(study.runs.size()) +
                          " seeds.");
}

Table h_f1_table(const SeedRuns& study, const std::string& roman, const std::string& what, bool uses_tags,
                 std::vector<Table::Column> columns, const std::vector<HF1Row>& rows) {
  Table table = begin_table(study, roman, what, uses_tags);
  table.columns = std::move(columns);
  table.columns.push_back({"H-F1 (%)"});
  if (study.in_paper()) table.columns.push_back({"paper"});
  for (const auto& [id, texts] : rows) {
    const Spread h_f1 = study.score(id, &Scores::h_f1);
    if (h_f1.count == 0) continue;
    Table::Row row{texts};
    row.cells.push_back(with_spread(h_f1, 100, 2));
    if (study.in_paper()) row.cells.push_back(paper_text(paper::h_f1_of(study.first().data, id), 2));
    table.rows.push_back(std::move(row));
    note_partial(table, study, texts.front(), h_f1.count);
  }
  return table;
}

Table scores_table(const SeedRuns& study, const std::string& roman, const std::string& what, bool uses_tags,
                   std::span<const ModelRow> models, bool with_seconds) {
  static constexpr double Scores::*measures[] = {
      &Scores::class_precision, &Scores::class_recall, &Scores::class_f1, &Scores::image_precision,
      &Scores::image_recall,    &Scores::image_f1,     &Scores::h_f1};
  Table table = begin_table(study, roman, what, uses_tags);
  table.columns = {{"Models", false},
                   {"Multi-modal", false},
                   {"Quantity", false},
                   {"C-P"},
                   {"C-R"},
                   {"C-F1"},
                   {"I-P"},
                   {"I-R"},
                   {"I-F1"},
                   {"H-F1"},
                   {"mAP"}};
  if (with_seconds) table.columns.push_back({"Training (s)"});
  for (const auto& [id, with_tags, quantity] : models) {
    if (!study.has(id)) continue;
    Table::Row row{{name_of_row(id), with_tags, quantity}};
    for (const auto measure : measures) row.cells.push_back(with_spread(study.score(id, measure), 100, 2));
    const Spread precision =
        spread_over(study.runs, [&, id = id](const Results& run) -> std::optional<double> {
          const auto at = run.mean_average_precision.find(id);
          return at == run.mean_average_precision.end() ? std::nullopt : std::optional(at->second);
        });
    row.cells.push_back(precision.count > 0 ? with_spread(precision, 100, 2) : missing);
    if (with_seconds) {
      const Spread seconds =
          spread_over(study.runs, [&, id = id](const Results& run) { return training_seconds(run, id); });
      row.cells.push_back(seconds.count > 0 ? with_spread(seconds, 1, 1) : missing);
    }
    table.rows.push_back(std::move(row));
    note_partial(table, study, name_of_row(id), study.score(id, &Scores::h_f1).count);
    if (const auto theirs = paper::scores_of(study.first().data, id)) {
      Table::Row below{{"  paper", "", ""}, true};
      for (const double value :
           {theirs->class_precision, theirs->class_recall, theirs->class_f1, theirs->image_precision,
            theirs->image_recall, theirs->image_f1, theirs->h_f1})
        below.cells.push_back(decimal(value, 2));
      below.cells.resize(table.columns.size());
      table.rows.push_back(std::move(below));
    }
  }
  return table;
}

}  // namespace reproduce
