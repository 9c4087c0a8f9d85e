// SPDX-License-Identifier: Apache-2.0
// The whole of what a study found, as one HTML page that needs no other file.
#pragma once

#include <span>
#include <string>

#include "results.hpp"
#include "tables.hpp"

namespace reproduce {

/// Writes the page: a summary, the asked tables, the orderings, the distribution of label quantities (figure
/// 6), the loss curves of each stage, and annotated pictures (figure 7) of the first run. It loads nothing
/// and runs nothing, follows the reader's light or dark scheme, and every text is escaped. The file appears
/// whole or not at all. Throws `mmdl::Error` for what `check_same_study` refuses, for a picture that cannot
/// be read, and when the page cannot be written.
void write_report(const std::string& path, std::span<const Results> runs,
                  const TableSet& tables = all_tables(), const mmdl::SheetOptions& pictures = {});

}  // namespace reproduce
