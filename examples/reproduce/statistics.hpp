// SPDX-License-Identifier: Apache-2.0
// The mean over the seeds with its spread, and numbers as text.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>

namespace reproduce {

/// Mean and spread of what several seeds gave.
struct Spread {
  std::size_t count = 0;
  double mean = 0;
  double deviation = 0;  ///< the sample's standard deviation (divided by count - 1); 0 for fewer than two

  double standard_error() const { return count < 2 ? 0 : deviation / std::sqrt(static_cast<double>(count)); }
};

inline Spread spread_of(std::span<const double> values) {
  Spread spread{.count = values.size()};
  if (values.empty()) return spread;
  for (const double value : values) spread.mean += value / static_cast<double>(values.size());
  if (values.size() < 2) return spread;
  double squares = 0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  return spread;
}

/// With so many decimals, and a point in every locale; never "-0.00".
inline std::string decimal(double value, int decimals) {
  char text[400];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, decimals).ptr;
  std::string result(text, end);
  if (result[0] == '-' && result.find_first_not_of("-0.") == std::string::npos) result.erase(0, 1);
  return result;
}

/// "64.05 ± 0.21"; without the deviation for a single seed.
inline std::string with_spread(const Spread& spread, double factor, int decimals) {
  std::string text = decimal(factor * spread.mean, decimals);
  if (spread.count > 1) text += " ± " + decimal(factor * spread.deviation, decimals);
  return text;
}

}  // namespace reproduce
