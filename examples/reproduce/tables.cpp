// SPDX-License-Identifier: Apache-2.0
// The paper's tables, one function each.
#include "tables.hpp"

#include <tuple>
#include <utility>

#include "paper_numbers.hpp"
#include "table_kinds.hpp"

namespace reproduce {

namespace {

Table table_1(const SeedRuns& study) {
  static constexpr ModelRow models[] = {{"upper-bound", "yes", "yes"}, {"ms-cnn+tags+lqp", "yes", "yes"},
                                        {"ms-cnn+lqp", "no", "yes"},   {"ms-cnn+tags", "yes", "no"},
                                        {"ms-cnn", "no", "no"},        {"cnn", "no", "no"}};
  const bool tags = study.has("upper-bound") || study.has("ms-cnn+tags+lqp") || study.has("ms-cnn+tags");
  Table table = scores_table(study, study.coco() ? "II" : "I", "Main components, %", tags, models,
                             /*with_seconds=*/false);
  table.notes.push_back(
      "Without quantity prediction the 3 most probable labels are taken; the upper bound takes as many as "
      "there truly are. "
      "mAP is not in the paper.");
  if (study.first().data == "nus-wide" && study.has("cnn"))
    table.notes.push_back(
        "The paper's row of CNN is damaged in our copy; its digits are restored so that its F1 are harmonic "
        "means.");
  return table;
}

Table table_3(const SeedRuns& study) {
  static constexpr ModelRow models[] = {{"upper-bound", "yes", "yes"}, {"ms-cnn+tags+lqp", "yes", "yes"},
                                        {"ms-cnn+lqp", "no", "yes"},   {"sr-cnn-rnn", "yes", "yes"},
                                        {"sinn", "yes", "yes"},        {"tag-neighbour", "yes", "no"},
                                        {"ria", "no", "yes"},          {"ria-frequent-first", "no", "yes"},
                                        {"cnn-rnn", "no", "no"},       {"warp", "no", "no"},
                                        {"softmax", "no", "no"},       {"logistic", "no", "no"}};
  bool compared = false;
  for (const ModelRow& model : std::span(models).subspan(3)) compared = compared || study.has(model.id);
  if (!compared) return {};
  Table table =
      scores_table(study, study.coco() ? "IV" : "III", "Compared methods, %", /*uses_tags=*/true, models,
                   /*with_seconds=*/true);
  table.notes.push_back(
      std::string("The compared methods are trained on the features of the backbone ") +
      (study.first().frozen_backbone ? "as it was pretrained" : "after its fine-tuning") +
      ", each by its own loss and optimizer; Multi-modal and Quantity are the paper's columns, by which a "
      "method without quantity prediction gives 3 labels. Training: the seconds of the stages above the "
      "backbone's features, their computation not counted. mAP is not in the paper, nor is MS-CNN+LQP in "
      "this table of it.");
  if (study.has("sr-cnn-rnn"))
    table.notes.push_back(
        "SR-CNN-RNN reads no tags here: its semantic layer is trained on the labels. Its column is the "
        "paper's.");
  return table;
}

Table table_5(const SeedRuns& study) {
  std::vector<HF1Row> rows;
  for (const char* id : {"ms-cnn", "avgpool@1,2,3,4,5", "maxpool@1,2,3,4,5", "cnn"}) {
    std::string name = name_of_row(id), width = missing;
    name = name.substr(0, name.find(' '));
    for (const Results& run : study.runs)
      if (const auto at = run.dimension.find(id); at != run.dimension.end())
        width = std::to_string(at->second);
    std::vector<std::string> texts{name, width};
    if (study.in_paper()) {
      const auto theirs = paper::dimension_of(study.first().data, id);
      texts.push_back(theirs ? std::to_string(*theirs) : missing);
    }
    rows.emplace_back(id, std::move(texts));
  }
  std::vector<Table::Column> columns{{"Models", false}, {"Dimension"}};
  if (study.in_paper()) columns.push_back({"paper"});
  return h_f1_table(study, "V", "Ways to fuse the scales", false, std::move(columns), rows);
}

Table table_6(const SeedRuns& study) {
  std::vector<HF1Row> rows;
  const std::tuple<const char*, const char*, const char*> families[] = {
      {"ms-cnn", "MS-CNN", "sum"},
      {"avgpool", "MS-CNN-AvgPool", "concat"},
      {"maxpool", "MS-CNN-MaxPool", "sum"}};
  for (const auto& [family, name, fusion] : families)
    for (const std::string scales : {"1,2,3,4,5", "2,3,4,5", "3,4,5", "4,5"}) {
      const bool plain = family == std::string("ms-cnn") && scales == "1,2,3,4,5";
      rows.push_back({plain ? "ms-cnn" : family + ("@" + scales), {name, fusion, scales}});
    }
  rows.push_back({"cnn", {"CNN", "-", "5"}});
  return h_f1_table(study, "VI", "Fused scales", false,
                    {{"Models", false}, {"Fusion", false}, {"Fused layers", false}}, rows);
}

Table table_7(const SeedRuns& study) {
  return h_f1_table(study, "VII", "Textual features", true, {{"Model", false}},
                    {{"ms-cnn+tags", {"MS-CNN+MLP"}}, {"ms-cnn+word2vec", {"MS-CNN+Word2vec"}}});
}

Table table_8(const SeedRuns& study) {
  const auto spread = [&](const std::string& id, double QuantityScores::*which) {
    return spread_over(study.runs, [&](const Results& run) -> std::optional<double> {
      const auto at = run.quantities.find(id);
      return at == run.quantities.end() ? std::nullopt : std::optional(at->second.*which);
    });
  };
  const std::pair<const char*, const char*> rows[] = {
      {"ms-cnn", "MS-CNN"}, {"ms-cnn+tags", "MS-CNN+Tags"}, {"end-to-end", "MS-CNN+Tags, end to end"}};
  bool tags = false;
  for (const char* id : {"ms-cnn+tags", "end-to-end"})
    tags = tags || spread(id, &QuantityScores::accuracy).count > 0;
  Table table = begin_table(study, study.coco() ? "IX" : "VIII", "Label quantity prediction", tags);
  table.columns = {{"Features for LQP", false}, {"Accuracy (%)"}, {"MSE"}};
  if (study.in_paper())
    table.columns = {{"Features for LQP", false}, {"Accuracy (%)"}, {"paper"}, {"MSE"}, {"paper"}};
  for (const auto& [id, name] : rows) {
    const Spread accuracy = spread(id, &QuantityScores::accuracy);
    if (accuracy.count == 0) continue;
    const auto theirs = paper::quantity_of(study.first().data, id);
    Table::Row row{{name, with_spread(accuracy, 100, 2)}};
    if (study.in_paper()) row.cells.push_back(theirs ? decimal(theirs->accuracy, 2) : missing);
    row.cells.push_back(with_spread(spread(id, &QuantityScores::mean_squared_error), 1, 3));
    if (study.in_paper()) row.cells.push_back(theirs ? decimal(theirs->mean_squared_error, 3) : missing);
    table.rows.push_back(std::move(row));
    note_partial(table, study, name, accuracy.count);
  }
  return table;
}

/// What section IV-D-3 says in words: predictions for images of one label, and for those of many.
Table table_of_quantities(const SeedRuns& study) {
  Table table = begin_table(
      study, "",
      "For the test images of each true number of labels, mean ± standard deviation over the images",
      study.first().quantities.count("ms-cnn+tags") > 0);
  table.name = "Predicted quantities";
  if (study.runs.size() > 1) {
    // The deviation is among images, not among seeds, so the images of all seeds are taken together.
    table.title.erase(table.title.find("; mean ± standard"));
    table.title += "; all " + std::to_string(study.runs.size()) + " seeds together";
  }
  table.columns = {{"True labels"}, {"Images"}, {"Predicted"}};
  if (study.in_paper()) table.columns.push_back({"paper"});
  for (const QuantityGroup& group : pooled_groups(study.runs)) {
    Table::Row row{{std::to_string(group.true_quantity), std::to_string(group.images),
                    decimal(group.mean, 2) + " ± " + decimal(group.deviation, 2)}};
    const auto theirs = paper::predicted_quantity_of(study.first().data, true);
    if (study.in_paper())
      row.cells.push_back(group.true_quantity == 1 && theirs
                              ? decimal(theirs->mean, 2) + " ± " + decimal(theirs->deviation, 2)
                              : missing);
    table.rows.push_back(std::move(row));
  }
  if (const auto many = paper::predicted_quantity_of(study.first().data, false))
    table.notes.push_back("The paper, for images of more than 8 labels: " + decimal(many->mean, 2) + " ± " +
                          decimal(many->deviation, 2) + ".");
  return table;
}

Table table_10(const SeedRuns& study) {
  std::vector<HF1Row> rows{{"ms-cnn+lqp", {"MS-CNN+LQP"}}, {"ms-cnn", {"MS-CNN (top 3)"}}};
  bool theirs = false;
  for (const char* p : {"0.1", "0.2", "0.3", "0.4", "0.5"}) {
    const std::string id = "threshold-" + std::string(p);
    theirs = theirs || (study.has(id) && paper::h_f1_of(study.first().data, id));
    rows.push_back({id, {"MS-CNN+Threshold-" + std::string(p)}});
  }
  Table table = h_f1_table(study, "X", "Ways to choose how many labels", false, {{"Models", false}}, rows);
  if (theirs)
    table.notes.push_back(
        "Our copy of the paper has lost the names of its four thresholds, but for p = 0.3, which its text "
        "calls "
        "proper: that they are 0.1, 0.2, 0.3 and 0.4 in this order is our reading.");
  return table;
}

Table table_11(const SeedRuns& study) {
  return h_f1_table(study, "XI", "Ways to predict the quantity", false, {{"Models", false}, {"LQP", false}},
                    {{"ms-cnn+lqp", {"MS-CNN+LQP", "Regression"}},
                     {"ms-cnn+lqp-classification", {"MS-CNN+LQP", "Classification"}},
                     {"ms-cnn", {"MS-CNN", "No"}}});
}

Table table_12(const SeedRuns& study) {
  std::vector<HF1Row> rows{{"end-to-end", {"MS-CNN+Tags+LQP", "Yes"}},
                           {"ms-cnn+tags+lqp", {"MS-CNN+Tags+LQP", "No"}}};
  if (study.has("end-to-end+true-quantity")) {
    rows.push_back({"end-to-end+true-quantity", {"Upper bound", "Yes"}});
    rows.push_back({"upper-bound", {"Upper bound", "No"}});
  }
  return h_f1_table(study, "XII", "End-to-end training", true, {{"Models", false}, {"End-to-end", false}},
                    rows);
}

}  // namespace

std::vector<Table> make_tables(std::span<const Results> runs, const TableSet& tables) {
  check_same_study(runs);
  using Make = Table (*)(const SeedRuns&);
  static constexpr std::pair<const char*, Make> makers[] = {{"I", table_1},
                                                            {"III", table_3},
                                                            {"V", table_5},
                                                            {"VI", table_6},
                                                            {"VII", table_7},
                                                            {"VIII", table_8},
                                                            {"VIII", table_of_quantities},
                                                            {"X", table_10},
                                                            {"XI", table_11},
                                                            {"XII", table_12}};
  std::vector<Table> made;
  for (const auto& [name, make] : makers) {
    if (tables.count(name) == 0) continue;
    Table table = make({runs});
    if (!table.rows.empty()) made.push_back(std::move(table));
  }
  return made;
}

}  // namespace reproduce
