// SPDX-License-Identifier: Apache-2.0
// Writes a tree in the form of NUS-WIDE's archives, of any number of rows, with generated lists.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

struct NusWideTree {
  int train = 6, test = 4, concepts = 81, tags = 1000;
  /// Whether image `row` (train first) has label or tag `column`: a hash, so that no two rows are alike.
  static bool has(std::uint64_t row, std::uint64_t column, std::uint64_t of) {
    std::uint64_t x = row * 0x9E3779B97F4A7C15u + column * 0xBF58476D1CE4E5B9u + 17;
    x = (x ^ (x >> 31)) * 0x94D049BB133111EBu;
    return (x ^ (x >> 29)) % of == 0;
  }
  static bool label(int row, int column) {
    return has(static_cast<std::uint64_t>(row), static_cast<std::uint64_t>(column), 40);
  }
  static bool tag(int row, int column) {
    return has(static_cast<std::uint64_t>(row), static_cast<std::uint64_t>(column) + 1000, 130);
  }
  static std::string image(int row) {
    return "f" + std::to_string(row % 700) + "/" + std::to_string(row % 10000) + "_" +
           std::to_string(row + 1000) + ".jpg";
  }
  static std::string concept_name(int column) { return "concept" + std::to_string(100 + column); }
  static std::string tag_name(int column) { return "tag" + std::to_string(column); }

  static void write_text(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::FILE* const file = std::fopen(path.c_str(), "wb");
    REQUIRE(file != nullptr);
    REQUIRE(std::fwrite(text.data(), 1, text.size(), file) == text.size());
    REQUIRE(std::fclose(file) == 0);
  }

  /// A line of a list: with "\" as in the archives, some with a drive.
  static std::string listed(int row) {
    std::string path = image(row);
    std::replace(path.begin(), path.end(), '/', '\\');
    return (row % 3 == 0 ? "C:\\ImageData\\Flickr\\" : "") + path + (row % 2 == 0 ? "\n" : "\r\n");
  }

  void write(const std::string& root) const {
    std::string text;
    for (int c = 0; c < concepts; ++c) text += concept_name(c) + "\r\n";
    write_text(root + "/ConceptsList/Concepts81.txt", text);
    text.clear();
    for (int c = 0; c < tags; ++c) text += tag_name(c) + "\r\n";
    write_text(root + "/NUS_WID_Tags/TagList1k.txt", text);
    for (const bool second : {false, true}) {
      const int first = second ? train : 0, rows = second ? test : train;
      const std::string split = second ? "Test" : "Train";
      text.clear();
      for (int r = 0; r < rows; ++r) text += listed(first + r);
      write_text(root + "/ImageList/" + split + "Imagelist.txt", text);
      for (int c = 0; c < concepts; ++c) {
        text.clear();
        for (int r = 0; r < rows; ++r) text += label(first + r, c) ? "1\n" : "0\n";
        write_text(root + "/Groundtruth/TrainTestLabels/Labels_" + concept_name(c) + "_" + split + ".txt",
                   text);
      }
      const std::string path = root + "/NUS_WID_Tags/" + split + "_Tags1k.dat";
      std::FILE* const file = std::fopen(path.c_str(), "wb");
      REQUIRE(file != nullptr);
      std::string line;
      for (int c = 0; c < tags; ++c) line += "0\t";
      line += "\n";
      for (int r = 0; r < rows; ++r) {
        std::string row = line;
        for (int c = 0; c < tags; ++c)
          if (tag(first + r, c)) row[static_cast<std::size_t>(2 * c)] = '1';
        REQUIRE(std::fwrite(row.data(), 1, row.size(), file) == row.size());
      }
      REQUIRE(std::fclose(file) == 0);
    }
  }

  /// The same again in the form of all rows in one, in which the splits are interleaved (from the last row).
  void write_all(const std::string& root) const {
    std::string list, matrix;
    for (int r = train + test - 1; r >= 0; --r) {
      list += listed(r);
      for (int c = 0; c < tags; ++c) matrix += tag(r, c) ? "1\t" : "0\t";
      matrix += "\n";
    }
    write_text(root + "/ImageList/Imagelist.txt", list);
    write_text(root + "/NUS_WID_Tags/AllTags1k.txt", matrix);
    for (int c = 0; c < concepts; ++c) {
      std::string column;
      for (int r = train + test - 1; r >= 0; --r) column += label(r, c) ? "1\n" : "0\n";
      write_text(root + "/Groundtruth/AllLabels/Labels_" + concept_name(c) + ".txt", column);
    }
  }
};
