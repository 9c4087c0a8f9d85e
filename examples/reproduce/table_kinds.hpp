// SPDX-License-Identifier: Apache-2.0
// What the paper's tables have in common, and the two kinds that several of them are of: with all measures,
// and with H-F1 alone.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tables.hpp"

namespace reproduce {

/// What the tables are made of.
struct SeedRuns {
  std::span<const Results> runs;

  const Results& first() const { return runs.front(); }
  bool coco() const { return first().data == "coco"; }
  bool in_paper() const { return coco() || first().data == "nus-wide"; }

  Spread score(const std::string& row, double mmdl::AnnotationScores::*which) const;
  bool has(const std::string& row) const { return score(row, &mmdl::AnnotationScores::h_f1).count > 0; }
};

/// Stands where there is no number.
inline constexpr const char* missing = "–";

/// An empty table whose title says all that a reader must know of its numbers.
Table begin_table(const SeedRuns& study, const std::string& roman, const std::string& what, bool uses_tags);

/// Says of which rows some seeds have no number.
void note_partial(Table& table, const SeedRuns& study, const std::string& name, std::size_t count);

/// A row of the tables that have H-F1 alone: its id and the texts of the first columns.
using HF1Row = std::pair<std::string, std::vector<std::string>>;
/// `columns`: the first ones.
Table h_f1_table(const SeedRuns& study, const std::string& roman, const std::string& what, bool uses_tags,
                 std::vector<Table::Column> columns, const std::vector<HF1Row>& rows);

/// A row of the tables that have all measures.
struct ModelRow {
  const char *id, *tags, *quantity;
};
/// A table with all measures; the paper's row stands below ours.
Table scores_table(const SeedRuns& study, const std::string& roman, const std::string& what, bool uses_tags,
                   std::span<const ModelRow> models, bool with_seconds);

}  // namespace reproduce
