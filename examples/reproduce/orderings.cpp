// SPDX-License-Identifier: Apache-2.0
// The paper's orderings as data, and how they come out.
#include "orderings.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "paper_numbers.hpp"
#include "tables.hpp"

namespace reproduce {

namespace {

constexpr std::string_view best_threshold = "best threshold";

constexpr std::array all_orderings{
    Ordering{"components", "ms-cnn+tags+lqp", "ms-cnn+lqp"},
    Ordering{"components", "ms-cnn+tags+lqp", "ms-cnn+tags"},
    Ordering{"components", "ms-cnn+lqp", "ms-cnn"},
    Ordering{"components", "ms-cnn+tags", "ms-cnn"},
    Ordering{"components", "ms-cnn", "cnn"},
    Ordering{"compared methods", "ms-cnn+tags+lqp", "sr-cnn-rnn"},
    Ordering{"compared methods", "ms-cnn+tags+lqp", "sinn"},
    Ordering{"compared methods", "ms-cnn+tags+lqp", "tag-neighbour"},
    Ordering{"compared methods", "ms-cnn+tags+lqp", "ria"},
    Ordering{"compared methods", "ms-cnn+tags+lqp", "cnn-rnn"},
    Ordering{"compared methods", "ms-cnn+tags+lqp", "warp"},
    Ordering{"compared methods", "ms-cnn+tags+lqp", "softmax"},
    Ordering{"compared methods", "ms-cnn+tags+lqp", "logistic"},
    Ordering{"compared methods", "ms-cnn+lqp", "ria"},
    Ordering{"compared methods", "ms-cnn+lqp", "cnn-rnn"},
    Ordering{"compared methods", "ms-cnn+lqp", "logistic"},
    Ordering{"compared methods", "sr-cnn-rnn", "sinn"},
    Ordering{"compared methods", "sr-cnn-rnn", "ria"},
    Ordering{"compared methods", "sr-cnn-rnn", "cnn-rnn"},
    Ordering{"compared methods", "sinn", "tag-neighbour"},
    Ordering{"compared methods", "tag-neighbour", "logistic"},
    Ordering{"compared methods", "ria", "logistic"},
    Ordering{"compared methods", "cnn-rnn", "warp"},
    Ordering{"compared methods", "cnn-rnn", "softmax"},
    Ordering{"compared methods", "logistic", "softmax"},
    Ordering{"compared methods", "logistic", "warp"},
    Ordering{"fusion", "ms-cnn", "maxpool@1,2,3,4,5"},
    Ordering{"fusion", "ms-cnn", "avgpool@1,2,3,4,5"},
    Ordering{"fusion", "maxpool@1,2,3,4,5", "cnn"},
    Ordering{"fusion", "avgpool@1,2,3,4,5", "cnn"},
    Ordering{"scales", "ms-cnn", "ms-cnn@2,3,4,5", true},
    Ordering{"scales", "ms-cnn@2,3,4,5", "ms-cnn@3,4,5", true},
    Ordering{"scales", "ms-cnn@3,4,5", "ms-cnn@4,5", true},
    Ordering{"scales", "avgpool@1,2,3,4,5", "avgpool@2,3,4,5", true},
    Ordering{"scales", "avgpool@2,3,4,5", "avgpool@3,4,5", true},
    Ordering{"scales", "avgpool@3,4,5", "avgpool@4,5", true},
    Ordering{"scales", "maxpool@1,2,3,4,5", "maxpool@2,3,4,5", true},
    Ordering{"scales", "maxpool@2,3,4,5", "maxpool@3,4,5", true},
    Ordering{"scales", "maxpool@3,4,5", "maxpool@4,5", true},
    Ordering{"textual features", "ms-cnn+tags", "ms-cnn+word2vec"},
    Ordering{"quantity", "ms-cnn+tags", "ms-cnn", false, Ordering::Measure::quantity_accuracy},
    Ordering{"number of labels", "ms-cnn+lqp", "best threshold"},
    Ordering{"number of labels", "best threshold", "ms-cnn"},
    Ordering{"quantity", "ms-cnn+lqp", "ms-cnn+lqp-classification"},
    Ordering{"quantity", "ms-cnn+lqp-classification", "ms-cnn"},
    Ordering{"end to end", "end-to-end", "ms-cnn+tags+lqp", true},
};

std::optional<double> value_of(const Results& run, const std::string& row, Ordering::Measure measure) {
  if (measure == Ordering::Measure::quantity_accuracy) {
    const auto at = run.quantities.find(row);
    return at == run.quantities.end() ? std::nullopt : std::optional(100 * at->second.accuracy);
  }
  const auto at = run.scores.find(row);
  return at == run.scores.end() ? std::nullopt : std::optional(100 * at->second.h_f1);
}

/// The row itself, or the threshold that it stands for: the same one for all seeds, and chosen on the very
/// images it is judged by, which favours it.
std::string resolved(std::span<const Results> runs, std::string_view row) {
  if (row != best_threshold) return std::string(row);
  std::string best(row);
  double highest = -1;
  for (const char* p : {"0.1", "0.2", "0.3", "0.4", "0.5"}) {
    const std::string id = "threshold-" + std::string(p);
    const Spread spread =
        spread_over(runs, [&](const Results& run) { return value_of(run, id, Ordering::Measure::h_f1); });
    if (spread.count == runs.size() && spread.mean > highest) {
      highest = spread.mean;
      best = id;
    }
  }
  return best;
}

std::optional<double> paper_value(const std::string& data, std::string_view row, Ordering::Measure measure) {
  if (measure == Ordering::Measure::quantity_accuracy) {
    const auto theirs = paper::quantity_of(data, row);
    return theirs ? std::optional(theirs->accuracy) : std::nullopt;
  }
  if (row != best_threshold) return paper::h_f1_of(data, row);
  std::optional<double> best;
  for (const char* id : {"threshold-0.1", "threshold-0.2", "threshold-0.3", "threshold-0.4"})
    if (const auto value = paper::h_f1_of(data, id); value && (!best || *value > *best)) best = value;
  return best;
}

std::string claim_of(const OrderingOutcome& outcome) {
  const auto name = [&](const std::string& row, const char* declared) {
    if (declared == best_threshold) return "best threshold (" + row.substr(row.find('-') + 1) + ")";
    return name_of_row(row) +
           (row == "ms-cnn" && outcome.ordering.group == std::string_view("number of labels") ? " (top 3)"
                                                                                              : "");
  };
  std::string claim = name(outcome.better, outcome.ordering.better) +
                      (outcome.ordering.or_equal ? " ≥ " : " > ") +
                      name(outcome.worse, outcome.ordering.worse);
  if (outcome.ordering.measure == Ordering::Measure::quantity_accuracy) claim += " in quantity accuracy";
  return claim;
}

std::string verdict_of(const OrderingOutcome& outcome) {
  return std::string(outcome.holds ? "yes" : "no") + (outcome.within_noise ? ", within noise" : "");
}

std::string signed_points(double value) {
  const std::string text = decimal(value, 2);
  return text[0] == '-' || text.find_first_not_of("0.") == std::string::npos ? text : "+" + text;
}

const char* measure_of(const Ordering& ordering) {
  return ordering.measure == Ordering::Measure::h_f1 ? "H-F1" : "quantity accuracy";
}

}  // namespace

std::span<const Ordering> orderings() { return all_orderings; }

std::vector<OrderingOutcome> compare_orderings(std::span<const Results> runs) {
  check_same_study(runs);
  std::vector<OrderingOutcome> outcomes;
  for (const Ordering& ordering : all_orderings) {
    OrderingOutcome outcome;
    outcome.ordering = ordering;
    outcome.better = resolved(runs, ordering.better);
    outcome.worse = resolved(runs, ordering.worse);
    std::vector<double> differences;
    for (const Results& run : runs) {
      const auto better = value_of(run, outcome.better, ordering.measure);
      const auto worse = value_of(run, outcome.worse, ordering.measure);
      if (!better || !worse) continue;
      differences.push_back(*better - *worse);
      if (ordering.or_equal ? *better >= *worse : *better > *worse) ++outcome.seeds_holding;
    }
    if (differences.empty()) continue;
    const Spread& difference = outcome.difference = spread_of(differences);
    outcome.holds = ordering.or_equal ? difference.mean >= 0 : difference.mean > 0;
    outcome.within_noise = difference.count > 1 && std::fabs(difference.mean) < difference.standard_error();
    const std::string& data = runs.front().data;
    const auto better = paper_value(data, ordering.better, ordering.measure);
    const auto worse = paper_value(data, ordering.worse, ordering.measure);
    if (better && worse) outcome.paper = *better - *worse;
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

Table orderings_table(std::span<const Results> runs) {
  const std::vector<OrderingOutcome> outcomes = compare_orderings(runs);
  bool paper = false, several = false;
  for (const OrderingOutcome& outcome : outcomes) {
    paper = paper || outcome.paper;
    several = several || outcome.difference.count > 1;
  }
  Table table;
  table.name = "Orderings of the paper";
  table.title = runs.front().title;
  if (const std::string remark = tags_remark(runs.front()); !remark.empty()) table.title += ", " + remark;
  table.columns = {{"Ordering", false}, {"Difference"}, {"Seeds"}, {"Holds", false}};
  if (paper) table.columns.insert(table.columns.begin() + 2, {"paper"});
  for (const OrderingOutcome& outcome : outcomes) {
    const Spread& difference = outcome.difference;
    std::string text = signed_points(difference.mean);
    if (difference.count > 1) text += " ± " + decimal(difference.deviation, 2);
    Table::Row row{{claim_of(outcome), std::move(text)}};
    if (paper) row.cells.push_back(outcome.paper ? signed_points(*outcome.paper) : "–");
    row.cells.push_back(std::to_string(outcome.seeds_holding) + " of " + std::to_string(difference.count));
    row.cells.push_back(verdict_of(outcome));
    row.style = outcome.within_noise ? "noise" : outcome.holds ? "good" : "bad";
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back(
      several
          ? "Differences in points of H-F1 where nothing else is said, mean ± standard deviation over the "
            "seeds, paired "
            "by seed; within noise: the mean "
            "difference is smaller than its standard error."
          : "Differences in points of H-F1 where nothing else is said, of one seed: they have no spread.");
  return table;
}

nlohmann::ordered_json orderings_json(std::span<const Results> runs) {
  auto json = nlohmann::ordered_json::array();
  for (const OrderingOutcome& outcome : compare_orderings(runs)) {
    nlohmann::ordered_json entry{{"group", outcome.ordering.group},
                                 {"better", outcome.better},
                                 {"worse", outcome.worse},
                                 {"or_equal", outcome.ordering.or_equal},
                                 {"measure", measure_of(outcome.ordering)},
                                 {"difference", outcome.difference.mean},
                                 {"deviation", outcome.difference.deviation},
                                 {"standard_error", outcome.difference.standard_error()},
                                 {"seeds", outcome.difference.count},
                                 {"seeds_holding", outcome.seeds_holding},
                                 {"holds", outcome.holds},
                                 {"within_noise", outcome.within_noise}};
    if (outcome.paper) entry["paper_difference"] = *outcome.paper;
    json.push_back(std::move(entry));
  }
  return json;
}

}  // namespace reproduce
