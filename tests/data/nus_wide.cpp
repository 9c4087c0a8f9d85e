// SPDX-License-Identifier: Apache-2.0
// Tests of data/nus_wide.hpp on small trees in the official form; the whole is read by tests/programs.
#include <doctest/doctest.h>

#include <filesystem>
#include <mmdl/data/nus_wide.hpp>
#include <string>

#include "nus_wide_tree.hpp"
#include "temporary_folder.hpp"

namespace nus_wide_test {

using namespace mmdl;

namespace {

constexpr NusWideTree tree{.train = 60, .test = 40};

std::string lines(int count, const std::string& line) {
  std::string text;
  for (int i = 0; i < count; ++i) text += line;
  return text;
}

/// The error of a tree in which one file has another text.
std::string error_with(const std::string& file, const std::string& text, const NusWideOptions& options = {}) {
  const TemporaryFolder folder;
  tree.write(folder.path);
  NusWideTree::write_text(folder / file, text);
  return error_of([&] { read_nus_wide(folder.path, options); });
}

void check_tree(const NusWide& read) {
  REQUIRE(read.train.samples.size() == 60);
  REQUIRE(read.test.samples.size() == 40);
  REQUIRE(read.train.labels.size() == 81);
  CHECK(read.train.labels[80] == "concept180");
  CHECK(read.test.labels == read.train.labels);
  REQUIRE(read.tags.size() == 1000);
  for (int r = 0; r < 100; ++r) {
    const Sample& sample = r < 60 ? read.train.samples[static_cast<std::size_t>(r)]
                                  : read.test.samples[static_cast<std::size_t>(r - 60)];
    Sample expected;
    expected.image = "Flickr/" + NusWideTree::image(r);
    for (int c = 0; c < 81; ++c)
      if (NusWideTree::label(r, c)) expected.labels.push_back(c);
    for (int c = 0; c < 1000; ++c)
      if (NusWideTree::tag(r, c)) expected.tags.push_back(NusWideTree::tag_name(c));
    CHECK(sample == expected);
  }
}

const std::string label_file = "Groundtruth/TrainTestLabels/Labels_concept105_Train.txt";

}  // namespace

TEST_CASE("NUS-WIDE in the official form: splits, labels and tags") {
  const TemporaryFolder folder;
  tree.write(folder.path);
  check_tree(read_nus_wide(folder.path));
}

TEST_CASE("NUS-WIDE by the lists of all images, joined by path") {
  const TemporaryFolder folder;
  tree.write(folder.path);
  tree.write_all(folder.path);
  std::filesystem::remove_all(folder / "Groundtruth/TrainTestLabels");
  std::filesystem::remove(folder / "NUS_WID_Tags/Train_Tags1k.dat");
  std::filesystem::remove(folder / "NUS_WID_Tags/Test_Tags1k.dat");
  check_tree(read_nus_wide(folder.path));
  NusWideTree::write_text(folder / "ImageList/Imagelist.txt", "f0\\0_1000.jpg\n");
  CHECK(
      contains(error_of([&] { read_nus_wide(folder.path); }),
               "Imagelist.txt: found no line of 'Flickr/f1/1_1001.jpg', expected each image of both splits"));
}

TEST_CASE("NUS-WIDE with raw tags, joined by the number of the photo") {
  const TemporaryFolder folder;
  tree.write(folder.path);
  NusWideTree::write_text(folder / "NUS_WID_Tags/All_Tags.txt", "1000 cat  dog \n1001\n77 lost\n1060\tsea\n");
  const NusWide read = read_nus_wide(
      folder.path, {.untagged = Incomplete::leave_out, .tags_file = "NUS_WID_Tags/All_Tags.txt"});
  REQUIRE(read.train.samples.size() == 1);
  CHECK(read.train.samples[0].tags == std::vector<std::string>{"cat", "dog"});
  REQUIRE(read.test.samples.size() == 1);
  CHECK(read.test.samples[0].tags == std::vector<std::string>{"sea"});
  CHECK(read.untagged == 98);
  CHECK(read.unknown_tag_lines == 1);
}

TEST_CASE("NUS-WIDE: images without label, tag or file are kept, left out or refused") {
  const TemporaryFolder folder;
  tree.write(folder.path);
  int unlabelled = 0;
  for (int r = 0; r < 100; ++r) {
    int count = 0;
    for (int c = 0; c < 81; ++c) count += NusWideTree::label(r, c) ? 1 : 0;
    unlabelled += count == 0 ? 1 : 0;
  }
  REQUIRE(unlabelled > 0);
  const NusWide read = read_nus_wide(folder.path, {.unlabelled = Incomplete::leave_out});
  CHECK(read.unlabelled == unlabelled);
  CHECK(read.train.samples.size() + read.test.samples.size() == static_cast<std::size_t>(100 - unlabelled));
  CHECK(contains(error_of([&] { read_nus_wide(folder.path, {.unlabelled = Incomplete::refuse}); }),
                 "found an image without a label, expected one with it"));
  CHECK(contains(error_of([&] { read_nus_wide(folder.path, {.gone = Incomplete::refuse}); }),
                 "TrainImagelist.txt: line 1: 'Flickr/f0/0_1000.jpg': found an image without a file"));
  NusWideTree::write_text(folder / "Flickr/f0/0_1000.jpg", "x");
  CHECK(contains(error_of([&] { read_nus_wide(folder.path, {.gone = Incomplete::leave_out}); }),
                 "TestImagelist.txt: found no image that stays"));
  NusWideTree::write_text(folder / "Flickr/f60/60_1060.jpg", "x");
  const NusWide there = read_nus_wide(folder.path, {.gone = Incomplete::leave_out});
  CHECK(there.gone == 98);
  CHECK(there.test.samples.size() == 1);
}

TEST_CASE("NUS-WIDE: a number that is neither 0 nor 1 is an error, or repaired where told to") {
  const std::string defect = lines(7, "0\n") + "-1130179\n" + lines(52, "1\n");
  CHECK(contains(error_with(label_file, defect),
                 "Labels_concept105_Train.txt: line 8: found '-1130179', expected 0 or 1"));
  const TemporaryFolder folder;
  tree.write(folder.path);
  NusWideTree::write_text(folder / label_file, defect);
  const NusWide read = read_nus_wide(folder.path, {.repair = true});
  REQUIRE(read.repaired.size() == 1);
  CHECK(contains(read.repaired[0], "Labels_concept105_Train.txt: line 8: '-1130179' was read as 0"));
  const auto has = [&](std::size_t row) {
    const auto& labels = read.train.samples[row].labels;
    return std::find(labels.begin(), labels.end(), 5) != labels.end();
  };
  CHECK(!has(6));
  CHECK(!has(7));
  CHECK(has(8));
  CHECK(contains(error_with(label_file, lines(59, "0\n") + "x\n", {.repair = true}),
                 "line 60: found 'x', expected 0 or 1"));
}

TEST_CASE("NUS-WIDE: bad lists are refused with file and line") {
  CHECK(contains(error_with(label_file, lines(59, "0\n")),
                 "Train.txt: found 59 rows, expected 60, as in ImageList/TrainImagelist.txt"));
  CHECK(
      contains(error_with(label_file, lines(61, "0\n")), "line 61: found a row too many, expected 60 rows"));
  CHECK(contains(error_with("Groundtruth/TrainTestLabels/Labels_unicorn_Test.txt", "0\n"),
                 "found the unknown concept 'unicorn', expected one of Concepts81.txt"));
  CHECK(contains(error_with("ConceptsList/Concepts81.txt", "concept100\nunicorn\n"),
                 "found the unknown concept 'concept1"));
  CHECK(contains(error_with("ConceptsList/Concepts81.txt", ""), "Concepts81.txt: found an empty file"));
  CHECK(contains(error_with("ImageList/TestImagelist.txt", ""), "TestImagelist.txt: found an empty list"));
  CHECK(contains(error_with("ImageList/TestImagelist.txt", "a\\1_1.jpg\nE:\\x\\Flickr\\a\\1_1.jpg\n"),
                 "TestImagelist.txt: line 2: found the image 'a/1_1.jpg' again"));
  CHECK(contains(error_with("ImageList/TestImagelist.txt", "f3\\3_1003.jpg\n"),
                 "line 1: found the image 'f3/3_1003.jpg' again"));
  CHECK(contains(error_with("ImageList/TestImagelist.txt", "..\\1_1.jpg\n"),
                 "line 1: found the path '../1_1.jpg', which leads out"));
  CHECK(contains(error_with("ImageList/TestImagelist.txt", "E:\\x\\1_1.jpg\n"), "on a drive"));
}

TEST_CASE("NUS-WIDE: a tag matrix of another form is refused with row and column") {
  const std::string file = "NUS_WID_Tags/Test_Tags1k.dat";
  CHECK(contains(error_with(file, lines(1000, "0\t") + "\n" + lines(999, "0\t") + "\n"),
                 "Test_Tags1k.dat: line 2: found 999 values, expected 1000, a value for each word of "
                 "NUS_WID_Tags/TagList1k.txt"));
  CHECK(contains(error_with(file, lines(1001, "0\t") + "\n"), "line 1: found 1001 values, expected 1000"));
  CHECK(contains(error_with(file, lines(16, "0\t") + "2\t" + lines(983, "0\t") + "\n"),
                 "line 1, column 17: found '2', expected 0 or 1"));
  const std::string row = lines(1000, "0\t") + "\n";
  CHECK(contains(error_with(file, lines(39, row)),
                 "found 39 rows, expected 40, as in ImageList/TestImagelist.txt"));
  CHECK(contains(error_with(file, lines(41, row)), "line 41: found a row too many"));
  CHECK(error_with(file, lines(40, lines(999, "0 ") + "0\n")).empty());  // blanks, and none at the end
}

TEST_CASE("NUS-WIDE: files that are not there") {
  for (const std::string file :
       {"ConceptsList/Concepts81.txt", "ImageList/TrainImagelist.txt", "NUS_WID_Tags/TagList1k.txt",
        "NUS_WID_Tags/Train_Tags1k.dat", "Groundtruth/TrainTestLabels/Labels_concept100_Test.txt"}) {
    CAPTURE(file);
    const TemporaryFolder folder;
    tree.write(folder.path);
    std::filesystem::remove(folder / file);
    CHECK(contains(error_of([&] { read_nus_wide(folder.path); }), file + ": cannot open: No such file"));
  }
}

}  // namespace nus_wide_test
