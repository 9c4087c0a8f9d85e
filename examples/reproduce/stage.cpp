// SPDX-License-Identifier: Apache-2.0
// The notes of a stage's files.
#include "stage.hpp"

namespace reproduce::detail {

Curve curve_of_note(const std::string& path, const std::string& text) {
  try {
    return curve_from_json(path + ": note 'curve'", nlohmann::ordered_json::parse(text));
  } catch (const nlohmann::json::exception&) {
    fail(path + ": note 'curve'", printable(text), "the curve that reproduce writes");
  }
}

const std::string& note_of(const std::map<std::string, std::string>& notes, const std::string& path,
                           const std::string& key) {
  const auto found = notes.find(key);
  if (found == notes.end()) fail(path + ": note '" + key + "'", "nothing", "what reproduce writes");
  return found->second;
}

}  // namespace reproduce::detail
