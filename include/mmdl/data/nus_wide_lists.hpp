// SPDX-License-Identifier: Apache-2.0
// The lists of NUS-WIDE, each as its owners have written it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"
#include "../data/line_reader.hpp"
#include "../data/manifest_builder.hpp"

namespace mmdl::detail {

/// A list of distinct names, one a line, blanks at a line's end left out.
inline std::vector<std::string> read_names(LineReader& reader, const char* kind) {
  std::vector<std::string> names;
  std::unordered_set<std::string> seen;
  std::string_view line;
  while (reader.next(line)) {
    while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
    check_name(reader.place(), kind, line);
    if (!seen.emplace(line).second)
      fail(reader.place(), std::string("the ") + kind + " " + quoted(line) + " again", "each once");
    names.emplace_back(line);
  }
  if (names.empty()) fail(reader.name(), "an empty file", std::string("a ") + kind + " in each line");
  return names;
}

/// The image of a list's line, from its folder on: `actor/0002_174174086.jpg` of
/// `actor\0002_174174086.jpg` or `C:\ImageData\Flickr\actor\0002_174174086.jpg`.
inline std::string listed_image(const std::string& place, std::string_view line) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  std::string path(line);
  for (char& c : path)
    if (c == '\\') c = '/';
  const std::string_view flickr = "Flickr/";
  if (const std::size_t at = path.rfind(flickr); at != std::string::npos && (at == 0 || path[at - 1] == '/'))
    path.erase(0, at + flickr.size());
  else if (path.find(':') != std::string::npos)
    fail(place, "the path " + quoted(line) + " on a drive",
         "one with the folder Flickr, or one that begins below it");
  if (!path.empty()) check_name(place, "path", path);
  return normal_path(place, path);
}

/// Whether `text` is a whole number.
inline bool whole_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Reads a column of 0 and 1, a value a line, and calls `use(row)` for each 1. `of` is the list that the rows
/// belong to. Other numbers are an error, or, where `repaired` is given, 0 and reported there.
template <class Use>
void read_label_column(LineReader& reader, std::size_t rows, const std::string& of,
                       std::vector<std::string>* repaired, const Use& use) {
  std::string_view line;
  std::size_t row = 0;
  for (; reader.next(line); ++row) {
    if (row >= rows) fail(reader.place(), "a row too many", std::to_string(rows) + " rows, as in " + of);
    while (line.ends_with(' ')) line.remove_suffix(1);
    if (line == "1") {
      use(row);
    } else if (line != "0") {
      if (repaired == nullptr || !whole_number(line)) fail(reader.place(), quoted(line), "0 or 1");
      repaired->push_back(reader.place() + ": " + quoted(line) + " was read as 0");
    }
  }
  if (row != rows) fail(reader.name(), std::to_string(row) + " rows", std::to_string(rows) + ", as in " + of);
}

/// Says what is wrong with a row of a tag matrix, or reads it where it is only written in another way.
template <class Use>
void read_odd_tag_row(const LineReader& reader, std::string_view line, std::size_t columns,
                      const std::string& of, const Use& use) {
  std::size_t column = 0;
  std::vector<std::size_t> found;
  for (std::size_t begin = line.find_first_not_of(" \t"); begin < line.size(); ++column) {
    const std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
    const std::string_view value = line.substr(begin, end - begin);
    if (value == "1")
      found.push_back(column);
    else if (value != "0")
      fail(reader.place() + ", column " + std::to_string(column + 1), quoted(value), "0 or 1");
    begin = line.find_first_not_of(" \t", end);
  }
  if (column != columns)
    fail(reader.place(), std::to_string(column) + " values",
         std::to_string(columns) + ", a value for each word of " + of);
  for (const std::size_t at : found) use(at);
}

/// Reads a matrix of 0 and 1 separated by tabs, and calls `use(row, column)` for each 1. `rows_of` and
/// `columns_of` are the lists that rows and columns belong to.
template <class Use>
void read_tag_matrix(LineReader& reader, std::size_t rows, const std::string& rows_of, std::size_t columns,
                     const std::string& columns_of, const Use& use) {
  std::string_view line;
  std::size_t row = 0;
  std::vector<std::size_t> found;
  for (; reader.next(line); ++row) {
    if (row >= rows) fail(reader.place(), "a row too many", std::to_string(rows) + " rows, as in " + rows_of);
    // Nearly all values are 0, and nearly all rows have the official form: four values at a time.
    bool official = line.size() == 2 * columns;
    found.clear();
    for (std::size_t at = 0; official && at < line.size();) {
      if (line.size() - at >= 8 && std::memcmp(line.data() + at, "0\t0\t0\t0\t", 8) == 0) {
        at += 8;
        continue;
      }
      official = (line[at] == '0' || line[at] == '1') && line[at + 1] == '\t';
      if (line[at] == '1') found.push_back(at / 2);
      at += 2;
    }
    if (official)
      for (const std::size_t column : found) use(row, column);
    else
      read_odd_tag_row(reader, line, columns, columns_of, [&](std::size_t column) { use(row, column); });
  }
  if (row != rows)
    fail(reader.name(), std::to_string(row) + " rows", std::to_string(rows) + ", as in " + rows_of);
}

}  // namespace mmdl::detail
