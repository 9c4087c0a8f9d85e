// SPDX-License-Identifier: Apache-2.0
// The one exception type of the library.
#pragma once

#include <stdexcept>
#include <string>

namespace mmdl {

/// Thrown for every bad file, flag or value. `what()` is one line that names the file (or the option), the
/// place, what was found and what was expected, ready to be printed as it is.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

namespace detail {

/// Throws `Error` with the given parts joined: the place ("weights.safetensors: tensor 'a'"), what was found,
/// and what was expected. Out of line of hot code on purpose, and cold: compilers then make what leads to it,
/// the texts, short rather than fast, which also takes them less time.
[[noreturn, gnu::cold]] inline void fail(const std::string& place, const std::string& found,
                                         const std::string& expected) {
  throw Error(place + ": found " + found + ", expected " + expected);
}

[[noreturn, gnu::cold]] inline void fail(const std::string& message) { throw Error(message); }

}  // namespace detail
}  // namespace mmdl
