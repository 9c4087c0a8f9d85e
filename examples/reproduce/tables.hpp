// SPDX-License-Identifier: Apache-2.0
// The paper's tables with our numbers.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "results.hpp"
#include "statistics.hpp"
#include "table.hpp"

namespace reproduce {

/// Which tables are asked for: "I", "III", "V", "VI", "VII", "VIII", "X", "XI", "XII". The paper's II, IV and
/// IX are I, III and VIII for MSCOCO; a run has one data set, so they stand here under these names.
using TableSet = std::set<std::string>;

/// All of them.
const TableSet& all_tables();

/// Reads "I,V,XII", in capitals or not; "all" is every table, II is I, IV is III and IX is VIII. Throws
/// `mmdl::Error` that names what is no table, and those that there are.
TableSet parse_tables(std::string_view text);

/// The asked tables that have at least one row, in the paper's order, over all seeds: with several, each
/// number is their mean ± their sample standard deviation. The paper's numbers stand beside ours where the
/// data set is the same; a row that no run computed is left out. After table VIII comes one of the quantities
/// predicted, which the paper gives in its text. Throws what `check_same_study` throws.
std::vector<Table> make_tables(std::span<const Results> runs, const TableSet& tables = all_tables());

/// The number that `of` finds in each run that has it.
Spread spread_over(std::span<const Results> runs,
                   const std::function<std::optional<double>(const Results&)>& of);

/// The groups of all seeds' images taken together, by rising true number.
std::vector<QuantityGroup> pooled_groups(std::span<const Results> runs);

/// A row's name for people: "MS-CNN+Tags+LQP" for "ms-cnn+tags+lqp".
std::string name_of_row(const std::string& row);

/// "simulated tags" where nobody wrote them ("made-up tags" for the scenes), otherwise nothing.
std::string tags_remark(const Results& run);

}  // namespace reproduce
