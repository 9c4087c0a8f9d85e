// SPDX-License-Identifier: Apache-2.0
// The report's drawings, as inline SVG that takes its colours from the page's style.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "results.hpp"

namespace reproduce {

/// Figure 6: the share of the training and test images that have each number of labels, as bars. Numbers
/// above 20 are one bar. `width` is in pixels, at which its type is readable; empty where there are no
/// counts.
std::string quantity_histogram(const Results& run, int width);

/// The predicted quantities, mean and deviation, over the true ones, with the line on which they would be
/// equal.
std::string quantity_chart(std::span<const QuantityGroup> groups, int width);

/// A stage's losses over its steps, one line a seed: on a logarithmic scale where they span more than a
/// factor of 8. The dashed line is where the first seed's weights were kept. Points that are no positive
/// finite numbers are left out of a logarithmic scale.
std::string loss_chart(std::span<const Curve* const> seeds, int width);

/// "0", "500", "12k", "1.5M": a number of steps in a few characters.
std::string short_count(double value);

/// Round numbers within [low, high], about `count` of them.
std::vector<double> round_ticks(double low, double high, int count);

}  // namespace reproduce
