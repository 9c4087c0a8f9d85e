// SPDX-License-Identifier: Apache-2.0
// The page about a run, and the charts on it.
#include "report_page.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <mmdl/core/error.hpp>
#include <mmdl/core/file.hpp>
#include <span>
#include <string>
#include <vector>

#include "../../data/temporary_folder.hpp"
#include "charts.hpp"
#include "invented_run.hpp"

using namespace reproduce;

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

TEST_CASE("the report is one page that loads and runs nothing") {
  const TemporaryFolder folder;
  std::vector<Results> runs = invented_runs();
  for (Results& run : runs) run.title = "<script>alert(1)</script>";
  runs[0].curves[0].stage = "\"><img src=x>";
  write_report(folder / "report.html", runs);
  const std::string page = mmdl::read_file(folder / "report.html", 1 << 24);
  for (const char* part :
       {"default-src 'none'", "Table XII", "id=\"orderings\"", "Distribution of label quantity",
        "Predicted quantity", "stopped early", "sky &amp; &lt;clouds&gt;", "data:image/jpeg;base64,",
        "prefers-color-scheme: dark", "46 of 46", "&lt;script&gt;"})
    CHECK_MESSAGE(contains(page, part), part);
  for (const char* part : {"<script", "<img src=x", "http://", "https://", "url(", "\"nan", ">nan", "inf\""})
    CHECK_MESSAGE(!contains(page, part), part);

  Results empty;
  empty.data = "scenes";
  write_report(folder / "empty.html", std::span(&empty, 1));
  const std::string bare = mmdl::read_file(folder / "empty.html", 1 << 20);
  CHECK(contains(bare, "id=\"summary\""));
  for (const char* part : {"tables", "orderings", "quantities", "curves", "pictures"})
    CHECK_MESSAGE(!contains(bare, std::string("id=\"") + part), part);

  runs[0].sheet[0].image_path = folder / "gone.jpg";
  CHECK_THROWS_AS(write_report(folder / "report.html", runs), mmdl::Error);
  CHECK(mmdl::read_file(folder / "report.html", 1 << 24) == page);
}
