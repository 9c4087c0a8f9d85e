// SPDX-License-Identifier: Apache-2.0
// The names of tables and rows, and what is taken together over the seeds.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mmdl/core/error.hpp>
#include <mmdl/core/text.hpp>
#include <utility>

#include "tables.hpp"

namespace reproduce {

using mmdl::detail::fail, mmdl::detail::quoted;

namespace {

/// In the paper's order.
constexpr std::array table_names{"I", "III", "V", "VI", "VII", "VIII", "X", "XI", "XII"};

}  // namespace

const TableSet& all_tables() {
  static const TableSet all(table_names.begin(), table_names.end());
  return all;
}

TableSet parse_tables(std::string_view text) {
  TableSet tables;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string name(text.substr(begin, end - begin));
    begin = end + 1;
    name.erase(0, name.find_first_not_of(' '));
    name.erase(name.find_last_not_of(' ') + 1);
    std::string roman = name;
    for (char& c : roman)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (roman == "ALL") {
      tables = all_tables();
      continue;
    }
    if (roman == "II") roman = "I";
    if (roman == "IV") roman = "III";
    if (roman == "IX") roman = "VIII";
    if (all_tables().count(roman) == 0)
      fail("--tables", quoted(name),
           "some of I, II, III, IV, V, VI, VII, VIII, IX, X, XI, XII with commas between, or all");
    tables.insert(roman);
  }
  return tables;
}

Spread spread_over(std::span<const Results> runs,
                   const std::function<std::optional<double>(const Results&)>& of) {
  std::vector<double> values;
  for (const Results& run : runs)
    if (const auto value = of(run)) values.push_back(*value);
  return spread_of(values);
}

std::vector<QuantityGroup> pooled_groups(std::span<const Results> runs) {
  std::map<int, QuantityGroup> pooled;
  for (const Results& run : runs)
    for (const QuantityGroup& group : run.quantity_groups) {
      if (group.images == 0) continue;
      QuantityGroup& all = pooled[group.true_quantity];
      const auto before = static_cast<double>(all.images), added = static_cast<double>(group.images);
      const double total = before + added, step = group.mean - all.mean;
      const double variance =
          (before * all.deviation * all.deviation + added * group.deviation * group.deviation) / total +
          step * step * before * added / (total * total);
      all.true_quantity = group.true_quantity;
      all.images += group.images;
      all.mean += step * added / total;
      all.deviation = std::sqrt(variance);
    }
  std::vector<QuantityGroup> groups;
  for (const auto& [quantity, group] : pooled) groups.push_back(group);
  return groups;
}

std::string name_of_row(const std::string& row) {
  static const std::map<std::string, std::string> names{
      {"upper-bound", "Upper bound"},
      {"ms-cnn+tags+lqp", "MS-CNN+Tags+LQP"},
      {"ms-cnn+lqp", "MS-CNN+LQP"},
      {"ms-cnn+tags", "MS-CNN+Tags"},
      {"ms-cnn", "MS-CNN"},
      {"cnn", "CNN"},
      {"ms-cnn+word2vec", "MS-CNN+Word2vec"},
      {"ms-cnn+lqp-classification", "MS-CNN+LQP (classification)"},
      {"sr-cnn-rnn", "SR-CNN-RNN"},
      {"sinn", "SINN"},
      {"tag-neighbour", "TagNeighbour"},
      {"ria", "RIA"},
      {"ria-frequent-first", "RIA, frequent labels first"},
      {"cnn-rnn", "CNN-RNN"},
      {"warp", "CNN+WARP"},
      {"softmax", "CNN+Softmax"},
      {"logistic", "CNN+Logistic"},
      {"end-to-end", "MS-CNN+Tags+LQP, end to end"},
      {"end-to-end+true-quantity", "Upper bound, end to end"}};
  if (const auto at = names.find(row); at != names.end()) return at->second;
  for (const auto& [prefix, name] : {std::pair("ms-cnn@", "MS-CNN"), std::pair("avgpool@", "MS-CNN-AvgPool"),
                                     std::pair("maxpool@", "MS-CNN-MaxPool")})
    if (row.starts_with(prefix)) return name + (" {" + row.substr(row.find('@') + 1) + "}");
  if (row.starts_with("threshold-")) return "MS-CNN+Threshold-" + row.substr(10);
  return row;
}

std::string tags_remark(const Results& run) {
  if (!run.simulated_tags) return "";
  return run.data == "scenes" ? "made-up tags" : "simulated tags";
}

}  // namespace reproduce
