// SPDX-License-Identifier: Apache-2.0
// Word vectors in GloVe's text format, for the words of a vocabulary.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"
#include "../data/line_reader.hpp"

namespace mmdl {

/// Vectors of some words. The sum of the vectors of an image's tags is `x * matrix` for its binary tag vector
/// x: a `Linear<dimension, Bias<false>>` whose weight [inputs][units] is this matrix. PyTorch:
/// `nn.EmbeddingBag.from_pretrained(matrix, mode="sum")`.
struct WordVectors {
  int dimension = 0;          ///< numbers in a vector
  std::vector<float> matrix;  ///< [words][dimension], row-major; zeros for a word that was not found
  std::vector<bool> found;    ///< for each word, whether the file has it

  /// How many of the words were found.
  int found_count() const { return static_cast<int>(std::count(found.begin(), found.end(), true)); }

  /// Copies the matrix into the weight of `Linear<dimension>` over the words. Throws `Error` when `weight`
  /// has not words x dimension elements.
  void copy_to(std::span<float> weight) const {
    if (weight.size() != matrix.size())
      detail::fail("WordVectors::copy_to", "room for " + std::to_string(weight.size()) + " numbers",
                   std::to_string(found.size()) + " x " + std::to_string(dimension));
    std::copy(matrix.begin(), matrix.end(), weight.begin());
  }
};

namespace detail {

inline WordVectors read_word_vectors(LineReader& reader, std::span<const std::string> words) {
  std::unordered_map<std::string_view, std::size_t> rows;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (!rows.emplace(words[i], i).second)
      fail("read_word_vectors: word " + std::to_string(i), quoted(words[i]) + " again", "each word once");
  WordVectors vectors;
  vectors.found.resize(words.size());
  std::string_view line;
  while (reader.next(line)) {
    while (line.ends_with(' ')) line.remove_suffix(1);
    const std::size_t end = line.find(' ');
    if (end == 0 || end == std::string_view::npos)
      fail(reader.place(), quoted(line), "a word and its vector: word v1 v2 ...");
    const auto values = std::count(line.begin(), line.end(), ' ');
    if (vectors.dimension == 0) {
      if (values > 65536) fail(reader.place(), std::to_string(values) + " values", "at most 65536");
      vectors.dimension = static_cast<int>(values);
      vectors.matrix.resize(words.size() * static_cast<std::size_t>(vectors.dimension));
    }
    if (values != vectors.dimension)
      fail(reader.place(), std::to_string(values) + " values",
           std::to_string(vectors.dimension) + ", as in line 1");
    const auto row = rows.find(line.substr(0, end));
    if (row == rows.end()) continue;
    if (vectors.found[row->second])
      fail(reader.place(), "the word " + quoted(row->first) + " again", "each word once");
    vectors.found[row->second] = true;
    float* out = vectors.matrix.data() + row->second * static_cast<std::size_t>(vectors.dimension);
    for (std::size_t begin = end + 1; begin <= line.size(); ++out) {
      const std::size_t stop = std::min(line.find(' ', begin), line.size());
      const char* const last = line.data() + stop;
      const auto [rest, error] = std::from_chars(line.data() + begin, last, *out);
      if (error != std::errc{} || rest != last || !std::isfinite(*out))
        fail(reader.place(), quoted(line.substr(begin, stop - begin)), "a finite number");
      begin = stop + 1;
    }
  }
  if (vectors.dimension == 0) fail(reader.name(), "an empty file", "word vectors");
  return vectors;
}

}  // namespace detail

/// Reads from a file of lines `word v1 ... vd`, separated by one blank (GloVe's text format; no header line),
/// the vectors of `words`; row i of the matrix belongs to `words[i]`. The file is streamed: memory grows with
/// `words`, not with the file. Lines of other words are checked for their number of values alone.
/// Throws `Error` with the line for another number of values than in line 1, for a value of a wanted word
/// that is no number, is not finite or does not fit in float32, and for a wanted word that comes twice (which
/// of the two is meant is nothing to guess); for a word twice in `words`, an empty file, and one that cannot
/// be read.
inline WordVectors read_word_vectors(const std::string& path, std::span<const std::string> words) {
  detail::LineReader reader(path);
  return detail::read_word_vectors(reader, words);
}

}  // namespace mmdl
