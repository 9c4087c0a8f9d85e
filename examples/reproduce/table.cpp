// SPDX-License-Identifier: Apache-2.0
// The forms of a table.
#include "table.hpp"

#include <algorithm>
#include <mmdl/data/sheet.hpp>

namespace reproduce {

using mmdl::detail::html_text;

namespace {

/// Code points: our texts have nothing wider or narrower than one column.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

/// Punctuation that Markdown would take for its own.
std::string markdown_text(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (std::string("\\|*_`<[]#").find(c) != std::string::npos) result += '\\';
    result += c == '\n' || c == '\r' ? ' ' : c;
  }
  return result;
}

/// The cell's text, its deviation in an element of its own: where there is little room it goes below.
std::string cell_html(const std::string& text) {
  const std::size_t spread = text.find(" ± ");
  if (spread == std::string::npos) return html_text(text);
  return html_text(text.substr(0, spread)) + " <span class=\"spread\">" + html_text(text.substr(spread + 1)) +
         "</span>";
}

std::string heading_of(const Table& table) {
  return table.name.empty()    ? table.title
         : table.title.empty() ? table.name
                               : table.name + ". " + table.title;
}

}  // namespace

std::string to_text(const Table& table) {
  std::vector<std::size_t> widths;
  std::size_t line = 0;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    std::size_t width = width_of(table.columns[c].heading);
    for (const Table::Row& row : table.rows) width = std::max(width, width_of(row.cells[c]));
    widths.push_back(width);
    line += width + (c > 0 ? 2 : 0);
  }
  const auto write = [&](std::string& text, const auto& cell_of) {
    std::string row;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string& cell = cell_of(c);
      const std::string room(widths[c] - width_of(cell), ' ');
      row += (c > 0 ? "  " : "") + (table.columns[c].number ? room + cell : cell + room);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    text += row + "\n";
  };
  std::string text = heading_of(table) + "\n";
  write(text, [&](std::size_t c) -> const std::string& { return table.columns[c].heading; });
  text += std::string(line, '-') + "\n";
  for (const Table::Row& row : table.rows)
    write(text, [&](std::size_t c) -> const std::string& { return row.cells[c]; });
  for (const std::string& note : table.notes) text += note + "\n";
  return text;
}

std::string to_markdown(const Table& table) {
  std::string text = "**" + markdown_text(heading_of(table)) + "**\n\n|";
  for (const Table::Column& column : table.columns) text += " " + markdown_text(column.heading) + " |";
  text += "\n|";
  for (const Table::Column& column : table.columns) text += column.number ? " ---: |" : " --- |";
  text += "\n";
  for (const Table::Row& row : table.rows) {
    text += "|";
    for (const std::string& cell : row.cells) text += " " + markdown_text(cell) + " |";
    text += "\n";
  }
  for (const std::string& note : table.notes) text += "\n" + markdown_text(note) + "\n";
  return text;
}

std::string to_html(const Table& table) {
  std::string html = "<section class=\"table\"><h3>" + html_text(table.name) + "</h3>";
  if (!table.title.empty()) html += "<p>" + html_text(table.title) + "</p>";
  html += "\n<div class=\"wide\" tabindex=\"0\"><table><thead><tr>";
  const auto style_of = [&](std::size_t c) {
    if (table.columns[c].heading == "paper") return " class=\"number paper\"";
    return table.columns[c].number ? " class=\"number\"" : "";
  };
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    html +=
        std::string("<th scope=\"col\"") + style_of(c) + ">" + html_text(table.columns[c].heading) + "</th>";
  html += "</tr></thead><tbody>\n";
  for (const Table::Row& row : table.rows) {
    html += row.from_paper      ? "<tr class=\"paper\">"
            : row.style.empty() ? "<tr>"
                                : "<tr class=\"" + html_text(row.style) + "\">";
    for (std::size_t c = 0; c < row.cells.size(); ++c) {
      const char* element = c == 0 ? "th" : "td";
      html += std::string("<") + element + (c == 0 ? " scope=\"row\"" : "") + style_of(c) + ">" +
              cell_html(row.cells[c]) + "</" + element + ">";
    }
    html += "</tr>\n";
  }
  html += "</tbody></table></div>\n";
  for (const std::string& note : table.notes) html += "<p class=\"note\">" + html_text(note) + "</p>\n";
  return html + "</section>\n";
}

std::string to_text(std::span<const Table> tables) {
  std::string text;
  for (const Table& table : tables) text += (text.empty() ? "" : "\n") + to_text(table);
  return text;
}

std::string to_markdown(std::span<const Table> tables) {
  std::string text;
  for (const Table& table : tables) text += (text.empty() ? "" : "\n") + to_markdown(table);
  return text;
}

}  // namespace reproduce
