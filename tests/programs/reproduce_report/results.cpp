// SPDX-License-Identifier: Apache-2.0
// Results: which runs belong together, and their JSON, good and damaged.
#include <doctest/doctest.h>

#include <cmath>
#include <mmdl/core/error.hpp>
#include <mmdl/core/file.hpp>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "../../data/temporary_folder.hpp"
#include "invented_run.hpp"
#include "orderings.hpp"
#include "tables.hpp"

using namespace reproduce;

TEST_CASE("runs that do not belong together are refused") {
  CHECK(error_of([] { check_same_study({}); }) == "results: found no run, expected at least one");
  std::vector<Results> runs{invented_run(1), invented_run(1)};
  CHECK(error_of([&] { check_same_study(runs); }) == "results: found seed 1 twice, expected each seed once");
  runs[1] = invented_run(2);
  check_same_study(runs);
  runs[1].backbone = "resnet101";
  CHECK(contains(error_of([&] { make_tables(runs); }),
                 "results of seed 2: found scenes, preset quick, resnet101"));
  runs[1] = invented_run(2);
  runs[1].frozen_backbone = true;
  CHECK(contains(error_of([&] { make_tables(runs); }), "resnet18 as pretrained"));
  runs[0].frozen_backbone = true;
  CHECK(contains(to_text(make_tables(runs)), "of the backbone as it was pretrained"));
  runs[0].frozen_backbone = false;
  runs[1] = invented_run(2);
  runs[1].scores["cnn"].h_f1 = std::nan("");
  CHECK(contains(error_of([&] { make_tables(runs); }), "results: scores: 'cnn': found nan"));
}

TEST_CASE("results as JSON, there and back") {
  const TemporaryFolder folder;
  std::vector<Results> runs{invented_run(1, 1.0 / 3000), invented_run(18446744073709551615U)};
  runs[0].title = "a \"title\" <b> ü";
  runs[0].frozen_backbone = true;
  runs[0].sheet[0].image_path = "pictures/\xff.jpg";  // no UTF-8, as a file name may be
  runs[0].sheet[1].predicted_quantity.reset();
  write_results(folder / "results.json", runs);
  const std::vector<Results> read = read_results(folder / "results.json");
  REQUIRE(read.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) CHECK(to_json(read[i]) == to_json(runs[i]));
  CHECK(read[0].scores.at("cnn").h_f1 == runs[0].scores.at("cnn").h_f1);
  CHECK((read[0].frozen_backbone && !read[1].frozen_backbone));
  CHECK(read[0].curves == runs[0].curves);
  CHECK(read[0].quantities == runs[0].quantities);
  CHECK(read[0].quantity_groups == runs[0].quantity_groups);
  CHECK(read[0].sheet[0].image_path == runs[0].sheet[0].image_path);
  CHECK(read[0].sheet[0].image == runs[0].sheet[0].image);
  CHECK(read[0].sheet[0].labels[0].probability == runs[0].sheet[0].labels[0].probability);
  CHECK(read[1].seed == 18446744073709551615U);
  CHECK(read[0].train_label_counts == runs[0].train_label_counts);

  Results bad = invented_run(1);
  bad.curves[1].points[2].held_out = INFINITY;
  CHECK_THROWS_AS(write_results(folder / "results.json", std::span(&bad, 1)), mmdl::Error);
  CHECK(read_results(folder / "results.json").size() == 2);  // the file before is untouched
}

TEST_CASE("orderings as JSON") {
  const std::vector<Results> runs = invented_runs();
  const auto json = orderings_json(runs);
  CHECK(json.size() == compare_orderings(runs).size());
  CHECK(json[0]["better"] == "ms-cnn+tags+lqp");
  CHECK(json[0]["seeds"] == 3);
}

TEST_CASE("bad JSON is refused by name") {
  const auto good = to_json(invented_run(1));
  const auto refused = [&](auto change) {
    auto json = good;
    change(json);
    return error_of([&] { from_json("results.json", json); });
  };
  CHECK(refused([](auto& json) { json.erase("seed"); }) == "results.json: found no key 'seed', expected one");
  CHECK(refused([](auto& json) { json["seed"] = -1; }) ==
        "results.json: key 'seed': found -1, expected a whole number from 0 to 18446744073709551615");
  CHECK(refused([](auto& json) { json["image_size"] = 1.5; }) ==
        "results.json: key 'image_size': found 1.5, expected a whole number from 0 to 2147483647");
  CHECK(refused([](auto& json) { json["scores"]["cnn"]["h_f1"] = nullptr; }) ==
        "results.json: key 'scores': key 'cnn': key 'h_f1': found a JSON null, expected a number");
  CHECK(refused([](auto& json) { json["scores"]["cnn"]["h_f1"] = 57.04; }) ==
        "results.json: key 'scores': key 'cnn': key 'h_f1': found 57.04, expected 0 to 1");
  CHECK(contains(refused([](auto& json) { json["more"] = 1; }),
                 "results.json: found the key 'more', expected one of data,"));
  CHECK(refused([](auto& json) { json["curves"][1]["points"][2]["step"] = 5; }) ==
        "results.json: key 'curves': element 1: key 'points': element 2: key 'step': found 5, expected more "
        "than 226");
  CHECK(
      refused([](auto& json) { json["sheet"][0]["image"]["pixels"] = "AAA?"; }) ==
      "results.json: key 'sheet': element 0: key 'image': key 'pixels': found the byte '?', expected base64");
  CHECK(contains(refused([](auto& json) { json["sheet"][0]["image"]["width"] = 2147483647; }),
                 "3 for each of"));
  CHECK(contains(refused([](auto& json) { json["tags"] = json; }), "a JSON object"));

  // Whatever a damaged file says, it is read or refused in one line.
  const TemporaryFolder folder;
  Results small = invented_run(1);
  small.sheet.resize(1);
  small.sheet[0].image = mmdl::RgbImage(2, 1);
  small.curves.resize(1);
  write_results(folder / "good.json", std::span(&small, 1));
  const std::string text = mmdl::read_file(folder / "good.json", 1 << 20);
  std::mt19937 random(7);
  int refusals = 0;
  for (int round = 0; round < 400; ++round) {
    std::string damaged = text;
    if (round % 4 == 0) damaged.resize(random() % damaged.size());
    for (int change = 0; change < 3 && !damaged.empty(); ++change) {
      const std::size_t place = random() % damaged.size();
      damaged[place] =
          change == 0 ? static_cast<char>(random() % 256) : std::string("{}[]\",:-.0e9tn")[random() % 14];
    }
    mmdl::write_file(folder / "bad.json", damaged);
    const std::string message = error_of([&] { read_results(folder / "bad.json"); });
    if (message.empty()) continue;
    ++refusals;
    CHECK(message.starts_with(folder / "bad.json"));
  }
  CHECK(refusals > 300);
}
