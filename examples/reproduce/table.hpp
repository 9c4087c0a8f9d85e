// SPDX-License-Identifier: Apache-2.0
// A table of text, and its three forms: plain, Markdown and HTML.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace reproduce {

/// A table as the paper prints them.
struct Table {
  struct Column {
    std::string heading;
    bool number = true;  ///< aligned right
  };
  struct Row {
    std::vector<std::string> cells;  ///< as many as there are columns
    bool from_paper = false;         ///< the paper's numbers, which stand under ours
    std::string style{};             ///< a class of the page's style: "good", "bad" or "noise"
  };

  std::string name;   ///< "Table I"
  std::string title;  ///< what it shows, of which data
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::vector<std::string> notes;  ///< below the table, a sentence each
};

/// Aligned columns for a terminal, in UTF-8, with a line break at the end.
std::string to_text(const Table& table);
/// A table as GitHub's Markdown has them.
std::string to_markdown(const Table& table);
/// A `<section>` with the table; every text is escaped.
std::string to_html(const Table& table);

/// All tables one after the other.
std::string to_text(std::span<const Table> tables);
std::string to_markdown(std::span<const Table> tables);

}  // namespace reproduce
