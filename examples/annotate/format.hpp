// SPDX-License-Identifier: Apache-2.0
// Numbers as text, by the patterns of printf.
#pragma once

#include <cstdio>
#include <string>

namespace annotate {

/// `values` by a pattern of printf; the text is cut at 255 characters.
std::string format(const char* pattern, auto... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

}  // namespace annotate
