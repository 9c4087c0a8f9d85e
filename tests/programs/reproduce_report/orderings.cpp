// SPDX-License-Identifier: Apache-2.0
// Whether what the paper puts above something else stands above it here, over several seeds.
#include "orderings.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "../../data/temporary_folder.hpp"
#include "invented_run.hpp"

using namespace reproduce;

namespace {

const OrderingOutcome& outcome_of(const std::vector<OrderingOutcome>& outcomes, const std::string& better,
                                  const std::string& worse) {
  for (const OrderingOutcome& outcome : outcomes)
    if (outcome.ordering.better == better && outcome.ordering.worse == worse) return outcome;
  throw std::runtime_error("no such ordering");
}

}  // namespace

TEST_CASE("orderings") {
  std::vector<Results> runs = invented_runs();
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

  Results one = invented_run(4);
  one.data = "nus-wide";
  const auto alone = compare_orderings(std::span(&one, 1));
  CHECK(outcome_of(alone, "ms-cnn+tags+lqp", "ms-cnn+lqp").paper == doctest::Approx(8.74));
  CHECK(outcome_of(alone, "ms-cnn+lqp", "best threshold").paper == doctest::Approx(65.73 - 63.67));
  CHECK(!alone.front().within_noise);
  CHECK(contains(to_text(orderings_table(std::span(&one, 1))), "they have no spread"));
}
