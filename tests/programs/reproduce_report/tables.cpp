// SPDX-License-Identifier: Apache-2.0
// The tables of examples/reproduce: their numbers over one seed and several, the paper's beside them, and
// their forms.
#include "tables.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <mmdl/core/error.hpp>
#include <span>
#include <string>
#include <vector>

#include "../../data/temporary_folder.hpp"
#include "invented_run.hpp"
#include "orderings.hpp"
#include "paper_numbers.hpp"
#include "statistics.hpp"

using namespace reproduce;

namespace {

std::string text_of(const std::vector<Table>& tables, const std::string& name) {
  for (const Table& table : tables)
    if (table.name == name) return to_text(table);
  return "";
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
  const std::vector<Results> runs = invented_runs();
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
      error_of([] { parse_tables("I,IIII,V"); }) ==
      "--tables: found 'IIII', expected some of I, II, III, IV, V, VI, VII, VIII, IX, X, XI, XII with commas "
      "between, or all");
  for (const char* wrong : {"", "I,,V", "XIII", "I;V", "5", "I,"})
    CHECK_THROWS_AS(parse_tables(wrong), mmdl::Error);
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
