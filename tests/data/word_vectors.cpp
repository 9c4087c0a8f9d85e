// SPDX-License-Identifier: Apache-2.0
// Tests of data/word_vectors.hpp.
#include <doctest/doctest.h>

#include <mmdl/data/word_vectors.hpp>
#include <string>
#include <vector>

#include "temporary_folder.hpp"

namespace word_vectors_test {

using namespace mmdl;

namespace {

const std::vector<std::string> words{"sky", "unicorn", "dog"};

WordVectors parse(const std::string& text) {
  detail::LineReader reader("v", text);
  return detail::read_word_vectors(reader, words);
}
std::string parse_error(const std::string& text) {
  return error_of([&] { parse(text); });
}

}  // namespace

TEST_CASE("word vectors: rows are the words', zeros where the file has none") {
  const WordVectors vectors = parse("the 1 2\ndog -0.5 1e-3\r\n, x y\nsky 3 4 \n");
  CHECK(vectors.dimension == 2);
  CHECK(vectors.matrix == std::vector<float>{3, 4, 0, 0, -0.5f, 1e-3f});
  CHECK(vectors.found == std::vector<bool>{true, false, true});
  CHECK(vectors.found_count() == 2);
  std::vector<float> weight(6);
  vectors.copy_to(weight);
  CHECK(weight == vectors.matrix);
  weight.resize(5);
  CHECK(error_of([&] { vectors.copy_to(weight); }) ==
        "WordVectors::copy_to: found room for 5 numbers, expected 3 x 2");
}

TEST_CASE("word vectors: bad lines") {
  CHECK(parse_error("a 1 2\ndog 1\n") == "v: line 2: found 1 values, expected 2, as in line 1");
  CHECK(parse_error("a 1 2\nb 1 2 3\n") == "v: line 2: found 3 values, expected 2, as in line 1");
  for (const std::string value : {"x", "1x", "nan", "inf", "1e99", "", "+1"}) {
    CAPTURE(value);
    CHECK(parse_error("a 1 2\ndog " + value + " 2\n") ==
          "v: line 2: found '" + value + "', expected a finite number");
  }
  CHECK(parse_error("dog 1\na 2\ndog 1\n") ==
        "v: line 3: found the word 'dog' again, expected each word once");
  CHECK(parse_error("") == "v: found an empty file, expected word vectors");
  CHECK(contains(parse_error("dog\n"), "v: line 1: found 'dog', expected a word and its vector"));
  CHECK(contains(parse_error("\n"), "v: line 1: found ''"));
  detail::LineReader reader("v", "a 1\n");
  const std::vector<std::string> twice{"a", "a"};
  CHECK(contains(error_of([&] { detail::read_word_vectors(reader, twice); }), "word 1: found 'a' again"));
}

TEST_CASE("word vectors: a file of several buffers") {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; i < 20'000; ++i) {
    text += "w" + std::to_string(i);
    for (int k = 0; k < 40; ++k) text += " " + std::to_string(i + k);
    text += "\n";
  }
  write_file(folder / "v.txt", text);
  REQUIRE(text.size() > 3 << 20);
  std::vector<std::string> all;
  for (int i = 0; i < 20'000; ++i) all.push_back("w" + std::to_string(i));
  const WordVectors vectors = read_word_vectors(folder / "v.txt", all);
  REQUIRE(vectors.dimension == 40);
  bool equal = true;
  for (int i = 0; i < 20'000; ++i)
    for (int k = 0; k < 40; ++k)
      equal = equal && vectors.matrix[static_cast<std::size_t>(i * 40 + k)] == static_cast<float>(i + k);
  CHECK(equal);
  CHECK(vectors.found_count() == 20'000);
  CHECK(contains(error_of([&] { read_word_vectors(folder / "no.txt", words); }), "no.txt: cannot open"));
}

}  // namespace word_vectors_test
