// SPDX-License-Identifier: Apache-2.0
// Whether what the paper found better is better here.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "results.hpp"
#include "statistics.hpp"
#include "table.hpp"

namespace reproduce {

/// One claim of the paper: a row of `Results` is better than another, or no worse.
struct Ordering {
  enum class Measure {
    h_f1,              ///< of `scores`
    quantity_accuracy  ///< of `quantities`
  };
  const char* group;
  const char* better;  ///< a row; "best threshold" is the threshold whose mean over the seeds is highest on
                       ///< the test images
  const char* worse;
  bool or_equal = false;  ///< no worse is enough
  Measure measure = Measure::h_f1;
};

/// All claims: the components (tables I and II), the compared methods (III and IV), the fusions (V), the
/// fused scales (VI), the textual features (VII), what tags do for the quantity (VIII), how to choose the
/// number of labels (X), regression and classification (XI), end-to-end training (XII).
std::span<const Ordering> orderings();

/// What the seeds say of a claim.
struct OrderingOutcome {
  Ordering ordering;
  std::string better, worse;  ///< the rows that were compared, with the threshold that was best
  Spread
      difference;  ///< better less worse, paired by seed, in points (per cent); `count` seeds have both rows
  std::size_t seeds_holding = 0;
  bool holds = false;  ///< in the mean
  bool within_noise =
      false;  ///< the mean difference is smaller than its standard error; false for fewer than two seeds
  std::optional<double> paper;  ///< the paper's difference, where the data set is the same
};

/// The claims for which at least one seed has both rows. Throws what `check_same_study` throws.
std::vector<OrderingOutcome> compare_orderings(std::span<const Results> runs);

/// The outcomes as one table; `to_text`, `to_markdown` and `to_html` of it are its forms.
Table orderings_table(std::span<const Results> runs);

/// The outcomes as a JSON array.
nlohmann::ordered_json orderings_json(std::span<const Results> runs);

}  // namespace reproduce
