// SPDX-License-Identifier: Apache-2.0
// The output side of examples/reproduce, with invented numbers.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <mmdl/core/error.hpp>
#include <mmdl/core/file.hpp>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "charts.hpp"
#include "orderings.hpp"
#include "paper_numbers.hpp"
#include "report_page.hpp"
#include "results.hpp"
#include "statistics.hpp"
#include "tables.hpp"

using namespace reproduce;

namespace {

mmdl::AnnotationScores scores_of(double h_f1) {
  return {.class_precision = h_f1 + 0.01,
          .class_recall = h_f1 - 0.03,
          .class_f1 = h_f1 - 0.02,
          .image_precision = h_f1 + 0.05,
          .image_recall = h_f1 + 0.005,
          .image_f1 = h_f1 + 0.02,
          .h_f1 = h_f1,
          .classes_never_predicted = 2,
          .classes_never_present = 1};
}

/// A run in which every row is there and every ordering of the paper holds.
Results invented_run(std::uint64_t seed, double shift = 0) {
  Results run;
  run.data = "scenes";
  run.title = "Scenes";
  run.simulated_tags = true;
  run.seed = seed;
  run.preset = "quick";
  run.backbone = "resnet18";
  run.image_size = 64;
  run.train_images = 3600;
  run.validation_images = 400;
  run.test_images = 1000;
  run.labels = 24;
  run.tags = 120;
  run.seconds = 1234.5 + static_cast<double>(seed);
  const std::pair<const char*, double> rows[] = {{"upper-bound", 0.82},
                                                 {"ms-cnn+tags+lqp", 0.75},
                                                 {"ms-cnn+lqp", 0.66},
                                                 {"ms-cnn+tags", 0.64},
                                                 {"ms-cnn", 0.59},
                                                 {"cnn", 0.55},
                                                 {"sr-cnn-rnn", 0.71},
                                                 {"sinn", 0.63},
                                                 {"tag-neighbour", 0.60},
                                                 {"ria", 0.565},
                                                 {"cnn-rnn", 0.52},
                                                 {"warp", 0.41},
                                                 {"softmax", 0.40},
                                                 {"logistic", 0.51},
                                                 {"ms-cnn@2,3,4,5", 0.589},
                                                 {"ms-cnn@3,4,5", 0.583},
                                                 {"ms-cnn@4,5", 0.579},
                                                 {"avgpool@1,2,3,4,5", 0.5793},
                                                 {"avgpool@2,3,4,5", 0.5791},
                                                 {"avgpool@3,4,5", 0.5788},
                                                 {"avgpool@4,5", 0.5786},
                                                 {"maxpool@1,2,3,4,5", 0.5804},
                                                 {"maxpool@2,3,4,5", 0.5776},
                                                 {"maxpool@3,4,5", 0.5753},
                                                 {"maxpool@4,5", 0.5731},
                                                 {"ms-cnn+word2vec", 0.62},
                                                 {"threshold-0.1", 0.55},
                                                 {"threshold-0.2", 0.605},
                                                 {"threshold-0.3", 0.637},
                                                 {"threshold-0.4", 0.625},
                                                 {"threshold-0.5", 0.589},
                                                 {"ms-cnn+lqp-classification", 0.6267},
                                                 {"end-to-end", 0.7513},
                                                 {"end-to-end+true-quantity", 0.8312}};
  for (const auto& [row, h_f1] : rows) {
    run.scores[row] = scores_of(h_f1 + shift);
    run.mean_average_precision[row] = h_f1 + shift + 0.03;
  }
  run.quantities = {
      {"ms-cnn", {0.46 + shift, 0.67}}, {"ms-cnn+tags", {0.48 + shift, 0.44}}, {"end-to-end", {0.5, 0.4}}};
  run.dimension = {{"ms-cnn", 256}, {"avgpool@1,2,3,4,5", 496}, {"maxpool@1,2,3,4,5", 256}};
  for (const char* stage :
       {"backbone", "ms-cnn", "text", "labels", "quantity", "end-to-end", "method-warp"}) {
    Curve curve;
    curve.stage = stage;
    curve.seconds = 61.25;
    curve.stopped_early = run.curves.size() % 2 == 1;
    for (int epoch = 1; epoch <= 12; ++epoch) {
      const double start = run.curves.empty() ? 40 : 1.5;
      curve.points.push_back({epoch * 113L, start * std::exp(-0.4 * epoch) + 0.02 + shift / 10,
                              start * std::exp(-0.35 * epoch) + 0.05 + 0.003 * epoch});
    }
    curve.best_step = 9 * 113;
    run.curves.push_back(std::move(curve));
  }
  run.train_label_counts = {0, 1200, 900, 700, 400, 200, 120, 60, 20};
  run.test_label_counts = {0, 350, 240, 180, 110, 60, 35, 20, 4, 1};
  run.quantity_groups = {
      {1, 350, 1.2, 0.52}, {2, 240, 2.05, 0.6}, {3, 180, 2.9, 0.7}, {4, 110, 3.8, 0.8}, {9, 1, 6.0, 0}};
  for (int i = 0; i < 6; ++i) {
    mmdl::SheetEntry entry;
    entry.image = mmdl::RgbImage(64 + 16 * (i % 2), 64);
    for (std::size_t k = 0; k < entry.image.pixels.size(); ++k)
      entry.image.pixels[k] = static_cast<std::uint8_t>(k * static_cast<std::size_t>(i + 1) / 60 + 40);
    entry.labels = {{"sky & <clouds>", 0.97f, true}, {"water", 0.1f + 0.1f * static_cast<float>(i), false}};
    if (i % 3 == 0) entry.missed = {"boat"};
    entry.tags = {"holiday", "nikon"};
    entry.predicted_quantity = 1.9f + static_cast<float>(i) / 7;
    run.sheet.push_back(entry);
  }
  return run;
}

/// What a call says when it throws.
std::string message_of(auto call) {
  try {
    call();
  } catch (const mmdl::Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string text_of(const std::vector<Table>& tables, const std::string& name) {
  for (const Table& table : tables)
    if (table.name == name) return to_text(table);
  return "";
}

/// A folder of this process that is gone afterwards.
struct Folder {
  std::string path = std::filesystem::temp_directory_path() / ("mmdl_report_" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string file(const std::string& name) const { return path + "/" + name; }
};

const OrderingOutcome& outcome_of(const std::vector<OrderingOutcome>& outcomes, const std::string& better,
                                  const std::string& worse) {
  for (const OrderingOutcome& outcome : outcomes)
    if (outcome.ordering.better == better && outcome.ordering.worse == worse) return outcome;
  throw std::runtime_error("no such ordering");
}

}  // namespace

TEST_CASE("mean and sample deviation") {
  const Spread three = spread_of(std::vector<double>{1, 2, 6});
  CHECK(three.count == 3);
  CHECK(three.mean == doctest::Approx(3));
  CHECK(three.deviation == doctest::Approx(std::sqrt(7.0)));  // (4 + 1 + 9) / 2
  CHECK(three.standard_error() == doctest::Approx(std::sqrt(7.0 / 3)));
  const Spread one = spread_of(std::vector<double>{5});
  CHECK(one.mean == 5);
  CHECK(one.deviation == 0);
  CHECK(one.standard_error() == 0);
  CHECK(spread_of({}).count == 0);
  CHECK(decimal(-0.001, 2) == "0.00");
  CHECK(decimal(-1.005, 1) == "-1.0");
  CHECK(with_spread(three, 10, 1) == "30.0 ± 26.5");
  CHECK(with_spread(one, 1, 2) == "5.00");
}

TEST_CASE("the paper's F1 are the harmonic means of its numbers") {
  const auto harmonic = [](double a, double b) { return 2 * a * b / (a + b); };
  for (const auto* rows : {paper::table_1, paper::table_2})
    for (int i = 0; i < 6; ++i) {
      const paper::Scores& row = rows[i];
      CAPTURE(row.row);
      CHECK(std::fabs(harmonic(row.class_precision, row.class_recall) - row.class_f1) < 0.02);
      CHECK(std::fabs(harmonic(row.image_precision, row.image_recall) - row.image_f1) < 0.02);
      CHECK(std::fabs(harmonic(row.class_f1, row.image_f1) - row.h_f1) < 0.02);
    }
  // Of other methods the paper copies what their papers give, some of it rounded or means of runs.
  const auto check_compared = [&](const auto& rows) {
    for (const paper::Scores& row : rows) {
      CAPTURE(row.row);
      CHECK(std::fabs(harmonic(row.class_precision, row.class_recall) - row.class_f1) < 0.2);
      CHECK(std::fabs(harmonic(row.image_precision, row.image_recall) - row.image_f1) < 0.2);
      CHECK(std::fabs(harmonic(row.class_f1, row.image_f1) - row.h_f1) < 0.02);
    }
  };
  check_compared(paper::table_3);
  check_compared(paper::table_4);
  CHECK(paper::h_f1_of("coco", "ms-cnn+lqp") == 66.46);
  CHECK(paper::h_f1_of("coco", "ria") == 63.48);
  CHECK(!paper::h_f1_of("coco", "sinn"));
  CHECK(!paper::h_f1_of("corel5k", "ria"));
  CHECK(paper::h_f1_of("nus-wide", "threshold-0.3") == 63.67);
  CHECK(!paper::h_f1_of("nus-wide", "threshold-0.5"));
  CHECK(!paper::h_f1_of("scenes", "cnn"));
}

TEST_CASE("tables over three seeds") {
  const std::vector<Results> runs{invented_run(1), invented_run(2, 0.01), invented_run(3, -0.004)};
  const auto tables = make_tables(runs);
  std::string names;
  for (const Table& table : tables) names += table.name + ";";
  CHECK(names ==
        "Table I;Table III;Table V;Table VI;Table VII;Table VIII;Predicted quantities;Table X;Table XI;"
        "Table XII;");
  // 59, 60 and 58.6: mean 59.2, deviation sqrt((0.04 + 0.64 + 0.36) / 2) = 0.72.
  CHECK(contains(text_of(tables, "Table V"), "59.20 ± 0.72"));
  CHECK(contains(text_of(tables, "Table V"), "MS-CNN-AvgPool        496"));
  for (const char* name : {"Table I", "Table III", "Table VII", "Table VIII", "Table XII"})
    CHECK_MESSAGE(contains(text_of(tables, name), "made-up tags"), name);
  for (const char* name : {"Table V", "Table VI", "Table X", "Table XI"})
    CHECK_MESSAGE(!contains(text_of(tables, name), "tags"), name);
  CHECK(contains(text_of(tables, "Table I"), "3 seeds"));
  CHECK(!contains(to_text(tables), "paper  "));  // these data are not the paper's
  for (const Table& table : tables)
    for (const Table::Row& row : table.rows) CHECK(row.cells.size() == table.columns.size());
}

TEST_CASE("the paper's numbers beside ours") {
  Results run = invented_run(1);
  run.data = "nus-wide";
  run.title = "NUS-WIDE";
  run.simulated_tags = false;
  auto tables = make_tables(std::span(&run, 1));
  CHECK(!contains(to_text(tables), "made-up"));
  CHECK(!contains(to_text(tables), "±  "));
  CHECK(contains(text_of(tables, "Table I"), "80.27  60.95  69.29  84.55  76.80  80.49  74.47"));
  CHECK(contains(text_of(tables, "Table III"), "52.92  43.62  47.82  68.98  66.75  67.85  56.10"));
  CHECK(contains(text_of(tables, "Table VIII"), "45.92"));
  CHECK(contains(text_of(tables, "Table X"), "our reading"));
  CHECK(contains(text_of(tables, "Predicted quantities"), "6.04 ± 1.34"));
  run.data = "coco";
  run.simulated_tags = true;
  tables = make_tables(std::span(&run, 1));
  CHECK(tables.front().name == "Table II");
  CHECK(contains(text_of(tables, "Table II"), "simulated tags"));
  CHECK(contains(text_of(tables, "Table IV"), "64.32  54.07  58.75  74.20  64.57  69.05  63.48"));
  CHECK(contains(text_of(tables, "Table IX"), "47.96"));
  CHECK(contains(text_of(tables, "Table XI"), "64.28"));
}

TEST_CASE("what was not computed is left out") {
  Results run = invented_run(1);
  std::erase_if(run.scores, [](const auto& row) { return row.first != "cnn" && row.first != "ms-cnn"; });
  run.quantities.clear();
  run.quantity_groups.clear();
  run.mean_average_precision.clear();
  const auto tables = make_tables(std::span(&run, 1));
  const std::string one = text_of(tables, "Table I");
  CHECK(contains(one, "CNN"));
  CHECK(!contains(one, "LQP"));
  CHECK(!contains(one, "made-up"));             // none of these rows uses tags
  CHECK(text_of(tables, "Table III").empty());  // without a compared method there is none
  CHECK(text_of(tables, "Table VII").empty());
  CHECK(text_of(tables, "Table VIII").empty());
  CHECK(text_of(tables, "Table XII").empty());
  CHECK(make_tables(std::span(&run, 1), {"VII"}).empty());
  CHECK(make_tables(std::span(&run, 1), {"V"}).size() == 1);
  run.scores.clear();
  CHECK(make_tables(std::span(&run, 1)).empty());
  CHECK(compare_orderings(std::span(&run, 1)).empty());
  std::vector<Results> runs{invented_run(1), invented_run(2)};
  runs[1].scores.erase("ms-cnn+word2vec");
  CHECK(contains(text_of(make_tables(runs), "Table VII"), "MS-CNN+Word2vec: 1 of 2 seeds."));
}

TEST_CASE("the names of tables") {
  CHECK(parse_tables("I,V, xii") == TableSet{"I", "V", "XII"});
  CHECK(parse_tables("II,IX,I") == TableSet{"I", "VIII"});
  CHECK(parse_tables("iv") == TableSet{"III"});
  CHECK(parse_tables("all") == all_tables());
  CHECK(
      message_of([] { parse_tables("I,IIII,V"); }) ==
      "--tables: found 'IIII', expected some of I, II, III, IV, V, VI, VII, VIII, IX, X, XI, XII with commas "
      "between, or all");
  for (const char* wrong : {"", "I,,V", "XIII", "I;V", "5", "I,"})
    CHECK_THROWS_AS(parse_tables(wrong), mmdl::Error);
}

TEST_CASE("orderings") {
  std::vector<Results> runs{invented_run(1), invented_run(2, 0.01), invented_run(3, -0.004)};
  auto outcomes = compare_orderings(runs);
  CHECK(outcomes.size() == orderings().size());
  for (const OrderingOutcome& outcome : outcomes) {
    CAPTURE(outcome.better);
    CHECK(outcome.holds);
    CHECK(outcome.seeds_holding == 3);
    CHECK(!outcome.within_noise);
    CHECK(!outcome.paper);
  }
  CHECK(outcome_of(outcomes, "ms-cnn+lqp", "best threshold").worse == "threshold-0.3");

  // Differences 2, 2 and -7 points: the mean is -1, the deviation sqrt(27), the standard error 3.
  for (std::size_t i = 0; i < 3; ++i)
    runs[i].scores["ms-cnn+word2vec"].h_f1 = runs[i].scores["ms-cnn+tags"].h_f1 - (i < 2 ? 0.02 : -0.07);
  // Worse in every seed by about as much.
  for (Results& run : runs)
    run.scores["cnn"].h_f1 = run.scores["ms-cnn"].h_f1 + 0.01 + 1e-4 * static_cast<double>(run.seed);
  // Equal: no worse, but not better.
  for (Results& run : runs) {
    run.scores["ms-cnn@2,3,4,5"] = run.scores["ms-cnn"];
    run.scores["ms-cnn+lqp-classification"] = run.scores["ms-cnn"];
  }
  outcomes = compare_orderings(runs);
  const OrderingOutcome& noisy = outcome_of(outcomes, "ms-cnn+tags", "ms-cnn+word2vec");
  CHECK(noisy.difference.mean == doctest::Approx(-1));
  CHECK(noisy.difference.deviation == doctest::Approx(std::sqrt(27.0)));
  CHECK(noisy.seeds_holding == 2);
  CHECK(!noisy.holds);
  CHECK(noisy.within_noise);
  const OrderingOutcome& wrong = outcome_of(outcomes, "ms-cnn", "cnn");
  CHECK(!wrong.holds);
  CHECK(!wrong.within_noise);
  CHECK(wrong.seeds_holding == 0);
  CHECK(outcome_of(outcomes, "ms-cnn", "ms-cnn@2,3,4,5").holds);
  CHECK(!outcome_of(outcomes, "ms-cnn+lqp-classification", "ms-cnn").holds);
  const std::string text = to_text(orderings_table(runs));
  CHECK(contains(text, "-1.00 ± 5.20  2 of 3  no, within noise"));
  CHECK(contains(text, "+2.30 ± 0.00  3 of 3  yes"));
  const auto json = orderings_json(runs);
  CHECK(json.size() == outcomes.size());
  CHECK(json[0]["better"] == "ms-cnn+tags+lqp");
  CHECK(json[0]["seeds"] == 3);

  Results one = invented_run(4);
  one.data = "nus-wide";
  const auto alone = compare_orderings(std::span(&one, 1));
  CHECK(outcome_of(alone, "ms-cnn+tags+lqp", "ms-cnn+lqp").paper == doctest::Approx(8.74));
  CHECK(outcome_of(alone, "ms-cnn+lqp", "best threshold").paper == doctest::Approx(65.73 - 63.67));
  CHECK(!alone.front().within_noise);
  CHECK(contains(to_text(orderings_table(std::span(&one, 1))), "they have no spread"));
}

TEST_CASE("runs that do not belong together are refused") {
  CHECK(message_of([] { check_same_study({}); }) == "results: found no run, expected at least one");
  std::vector<Results> runs{invented_run(1), invented_run(1)};
  CHECK(message_of([&] { check_same_study(runs); }) ==
        "results: found seed 1 twice, expected each seed once");
  runs[1] = invented_run(2);
  check_same_study(runs);
  runs[1].backbone = "resnet101";
  CHECK(contains(message_of([&] { make_tables(runs); }),
                 "results of seed 2: found scenes, preset quick, resnet101"));
  runs[1] = invented_run(2);
  runs[1].frozen_backbone = true;
  CHECK(contains(message_of([&] { make_tables(runs); }), "resnet18 as pretrained"));
  runs[0].frozen_backbone = true;
  CHECK(contains(to_text(make_tables(runs)), "of the backbone as it was pretrained"));
  runs[0].frozen_backbone = false;
  runs[1] = invented_run(2);
  runs[1].scores["cnn"].h_f1 = std::nan("");
  CHECK(contains(message_of([&] { make_tables(runs); }), "results: scores: 'cnn': found nan"));
}

TEST_CASE("results as JSON, there and back") {
  const Folder folder;
  std::vector<Results> runs{invented_run(1, 1.0 / 3000), invented_run(18446744073709551615U)};
  runs[0].title = "a \"title\" <b> ü";
  runs[0].frozen_backbone = true;
  runs[0].sheet[0].image_path = "pictures/\xff.jpg";  // no UTF-8, as a file name may be
  runs[0].sheet[1].predicted_quantity.reset();
  write_results(folder.file("results.json"), runs);
  const std::vector<Results> read = read_results(folder.file("results.json"));
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
  CHECK_THROWS_AS(write_results(folder.file("results.json"), std::span(&bad, 1)), mmdl::Error);
  CHECK(read_results(folder.file("results.json")).size() == 2);  // the file before is untouched
}

TEST_CASE("bad JSON is refused by name") {
  const auto good = to_json(invented_run(1));
  const auto refused = [&](auto change) {
    auto json = good;
    change(json);
    return message_of([&] { from_json("results.json", json); });
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
  const Folder folder;
  Results small = invented_run(1);
  small.sheet.resize(1);
  small.sheet[0].image = mmdl::RgbImage(2, 1);
  small.curves.resize(1);
  write_results(folder.file("good.json"), std::span(&small, 1));
  const std::string text = mmdl::read_file(folder.file("good.json"), 1 << 20);
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
    mmdl::write_file(folder.file("bad.json"), damaged);
    const std::string message = message_of([&] { read_results(folder.file("bad.json")); });
    if (message == "nothing was thrown") continue;
    ++refusals;
    CHECK(message.starts_with(folder.file("bad.json")));
    CHECK(!contains(message, "\n"));
  }
  CHECK(refusals > 300);
}

TEST_CASE("the forms of a table are escaped") {
  Table table;
  table.name = "T";
  table.title = "a|b <script>";
  table.columns = {{"x", false}, {"±"}};
  table.rows = {{{"<b>&\"", "1 ± 2"}}, {{"long", "3"}}};
  table.notes = {"a <note>"};
  CHECK(to_text(table) ==
        "T. a|b <script>\nx          ±\n------------\n<b>&\"  1 ± 2\nlong       3\na <note>\n");
  CHECK(contains(to_markdown(table), "a\\|b \\<script>"));
  CHECK(contains(to_markdown(table), "| --- | ---: |\n| \\<b>&\" | 1 ± 2 |\n"));
  const std::string html = to_html(table);
  CHECK(contains(html, "a|b &lt;script&gt;"));
  CHECK(contains(html, "&lt;b&gt;&amp;&quot;"));
  CHECK(!contains(html, "<script"));
  CHECK(!contains(html, "<note"));
}

TEST_CASE("charts") {
  CHECK(short_count(950) == "950");
  CHECK(short_count(12000) == "12k");
  CHECK(short_count(1500000) == "1.5M");
  const auto ticks = round_ticks(0, 37, 5);
  CHECK(ticks == std::vector<double>{0, 10, 20, 30});
  CHECK(round_ticks(1, 1, 5) == std::vector<double>{1});
  CHECK(round_ticks(1, std::nextafter(1, 2), 5).size() <= 64);

  Curve curve;
  curve.stage = "<stage>";
  CHECK(loss_chart(std::vector<const Curve*>{&curve}, 300).empty());
  curve.points = {{10, 0.5, 0.5}};
  curve.best_step = 10;
  const auto draw = [&] { return loss_chart(std::vector<const Curve*>{&curve}, 300); };
  CHECK(!contains(draw(), "nan"));
  CHECK(!contains(draw(), "<stage>"));
  CHECK(contains(draw(), "class=\"kept\""));
  curve.points.push_back({20, 0.4, 0.3});
  CHECK(!contains(draw(), "logarithmic"));
  curve.points.push_back({30, 0.01, 0.3});
  CHECK(contains(draw(), "logarithmic"));
  curve.points.push_back({40, 0, -1});  // no logarithm
  CHECK(!contains(draw(), "logarithmic"));
  CHECK(!contains(draw(), "nan"));

  Results run = invented_run(1);
  run.train_label_counts = {5, 0, 5};
  run.train_label_counts.resize(40);
  run.train_label_counts[39] = 10;
  run.test_label_counts.clear();
  const std::string histogram = quantity_histogram(run, 560);
  CHECK(contains(histogram, "more than 20 labels: 50.0 % of the training"));
  CHECK(contains(histogram, "0 labels: 25.0 % of the training"));
  CHECK(!contains(histogram, "nan"));
  run.train_label_counts = {0, 0};
  CHECK(quantity_histogram(run, 560).empty());
}

TEST_CASE("quantities of all seeds together") {
  std::vector<Results> runs{invented_run(1), invented_run(2)};
  runs[0].quantity_groups = {{1, 2, 1.5, 0.5}, {3, 0, 0, 0}};  // 1 and 2
  runs[1].quantity_groups = {{1, 1, 6.0, 0.0}};                // 6
  const auto groups = pooled_groups(runs);
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].images == 3);
  CHECK(groups[0].mean == doctest::Approx(3));
  CHECK(groups[0].deviation == doctest::Approx(std::sqrt(14.0 / 3)));
}

TEST_CASE("the report is one page that loads and runs nothing") {
  const Folder folder;
  std::vector<Results> runs{invented_run(1), invented_run(2, 0.01), invented_run(3, -0.004)};
  for (Results& run : runs) run.title = "<script>alert(1)</script>";
  runs[0].curves[0].stage = "\"><img src=x>";
  write_report(folder.file("report.html"), runs);
  const std::string page = mmdl::read_file(folder.file("report.html"), 1 << 24);
  for (const char* part :
       {"default-src 'none'", "Table XII", "id=\"orderings\"", "Distribution of label quantity",
        "Predicted quantity", "stopped early", "sky &amp; &lt;clouds&gt;", "data:image/jpeg;base64,",
        "prefers-color-scheme: dark", "46 of 46", "&lt;script&gt;"})
    CHECK_MESSAGE(contains(page, part), part);
  for (const char* part : {"<script", "<img src=x", "http://", "https://", "url(", "\"nan", ">nan", "inf\""})
    CHECK_MESSAGE(!contains(page, part), part);

  Results empty;
  empty.data = "scenes";
  write_report(folder.file("empty.html"), std::span(&empty, 1));
  const std::string bare = mmdl::read_file(folder.file("empty.html"), 1 << 20);
  CHECK(contains(bare, "id=\"summary\""));
  for (const char* part : {"tables", "orderings", "quantities", "curves", "pictures"})
    CHECK_MESSAGE(!contains(bare, std::string("id=\"") + part), part);

  runs[0].sheet[0].image_path = folder.file("gone.jpg");
  CHECK_THROWS_AS(write_report(folder.file("report.html"), runs), mmdl::Error);
  CHECK(mmdl::read_file(folder.file("report.html"), 1 << 24) == page);
}
