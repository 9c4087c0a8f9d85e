// SPDX-License-Identifier: Apache-2.0
// Reads NUS-WIDE at its full number of rows, from a generated tree in the official form, within seconds and
// 1 GB; and, where MMDL_SHARED_DATA names a folder with nuswide/, the real ground truth.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <mmdl/core/file.hpp>
#include <mmdl/data/nus_wide.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "../data/nus_wide_tree.hpp"
#include "../data/temporary_folder.hpp"

using namespace mmdl;

namespace {

constexpr NusWideTree whole{.train = 161'789, .test = 107'859};

}  // namespace

TEST_CASE("all rows of NUS-WIDE's labels and tags, in seconds and below 1 GB") {
  const TemporaryFolder folder;
  whole.write(folder.path);
  const auto begin = std::chrono::steady_clock::now();
  const NusWide read = read_nus_wide(folder.path);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  struct rusage usage {};
  REQUIRE(::getrusage(RUSAGE_SELF, &usage) == 0);
  const double megabytes = static_cast<double>(usage.ru_maxrss) / 1024;
  MESSAGE("read in " << seconds.count() << " s, at most " << megabytes << " MiB resident");
  CHECK(megabytes < 1000);
  CHECK(seconds.count() < 60);  // a hang, not a slow machine
  REQUIRE(read.train.samples.size() == 161'789);
  REQUIRE(read.test.samples.size() == 107'859);
  int wrong = 0;
  for (int r = 0; r < whole.train + whole.test; ++r) {
    const Sample& sample = r < whole.train ? read.train.samples[static_cast<std::size_t>(r)]
                                           : read.test.samples[static_cast<std::size_t>(r - whole.train)];
    std::size_t label = 0, tag = 0;
    bool right = sample.image == "Flickr/" + NusWideTree::image(r);
    for (int c = 0; c < whole.concepts; ++c)
      if (NusWideTree::label(r, c)) {
        right = right && label < sample.labels.size() && sample.labels[label] == c;
        ++label;
      }
    for (int c = 0; c < whole.tags; ++c)
      if (NusWideTree::tag(r, c)) {
        right =
            right && tag < sample.tags.size() && sample.tags[tag] == read.tags[static_cast<std::size_t>(c)];
        ++tag;
      }
    wrong += right && label == sample.labels.size() && tag == sample.tags.size() ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE("the real lists of NUS-WIDE: as many labels per image as is known") {
  const char* const shared = std::getenv("MMDL_SHARED_DATA");
  const std::string lists = std::string(shared == nullptr ? "" : shared) + "/nuswide/";
  if (!std::filesystem::exists(lists + "mul_label_ids.txt")) {
    MESSAGE("skipped: MMDL_SHARED_DATA names no folder with nuswide/mul_label_ids.txt");
    return;
  }
  // The sparse ground truth in the official form. Which rows are the training split is not in these lists:
  // the first 161,789 are taken for it, under generated names; the counts do not depend on it.
  const TemporaryFolder folder;
  const std::string concepts = read_file(lists + "Concepts81.txt", 1 << 20);
  NusWideTree::write_text(folder / "ConceptsList/Concepts81.txt", concepts);
  NusWideTree::write_text(folder / "ImageList/TestImagelist.txt",
                          read_file(lists + "TestImagelist.txt", 1 << 28));
  std::string text;
  for (int r = 0; r < whole.train; ++r) text += NusWideTree::listed(r);
  NusWideTree::write_text(folder / "ImageList/TrainImagelist.txt", text);
  std::unordered_map<std::string, std::string> columns;  // by id: a value and a line end for each row
  std::unordered_map<std::string, std::string> names;
  std::string_view line;
  detail::LineReader ids(lists + "label_ids.txt");
  while (ids.next(line)) {
    const std::string id(line.substr(0, line.find('\t')));
    names[id] = line.substr(line.find('\t') + 1);
    for (int r = 0; r < whole.train + whole.test; ++r) columns[id] += "0\n";
  }
  REQUIRE(columns.size() == 81);
  detail::LineReader truth(lists + "mul_label_ids.txt");
  while (truth.next(line)) {
    const std::size_t tab = line.find('\t');
    const auto row = static_cast<std::size_t>(std::stol(std::string(line.substr(0, tab))));
    for (const auto& id : detail::split(line.substr(tab + 1), ' '))
      if (!id.empty()) columns.at(id).at(2 * row) = '1';
  }
  const auto cut = static_cast<std::size_t>(2 * whole.train);
  for (const auto& [id, column] : columns) {
    const std::string file = folder / ("Groundtruth/TrainTestLabels/Labels_" + names[id]);
    NusWideTree::write_text(file + "_Train.txt", column.substr(0, cut));
    NusWideTree::write_text(file + "_Test.txt", column.substr(cut));
  }
  const NusWide read = read_nus_wide(folder.path, {.tags = false});
  std::array<int, 14> counts{};
  for (const Manifest* const split : {&read.train, &read.test})
    for (const Sample& sample : split->samples) ++counts.at(sample.labels.size());
  CHECK(counts ==
        std::array<int, 14>{60301, 79216, 52644, 33064, 20605, 12207, 6723, 3263, 1213, 323, 76, 10, 2, 1});
  CHECK(read.test.samples[0].image == "Flickr/actor/0002_174174086.jpg");

  NusWideTree::write_text(folder / "NUS_WID_Tags/TagList1k.txt", read_file(lists + "TagList1k.txt", 1 << 20));
  detail::LineReader tags(folder / "NUS_WID_Tags/TagList1k.txt");
  CHECK(detail::read_names(tags, "tag").size() == 1000);
}
