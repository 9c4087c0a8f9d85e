// SPDX-License-Identifier: Apache-2.0
// Looks up a compiled network by its name.
#include <algorithm>

#include "program.hpp"

namespace annotate {

std::unique_ptr<AnnotatorProgram> Registry::make(const NetworkName& name, const std::string& place,
                                                 std::uint64_t seed) const {
  std::string known;
  for (const Entry& entry : entries_) {
    if (entry.name == name) return entry.maker(seed);
    const std::string pair =
        entry.name.backbone + " at " + std::to_string(entry.name.size) + " px in " + entry.name.precision;
    if (known.find(pair) == std::string::npos) known += (known.empty() ? "" : ", ") + pair;
  }
  std::string variants_text;
  for (const std::string& variant : variants())
    variants_text += (variants_text.empty() ? "" : ", ") + variant;
  mmdl::detail::fail(
      place, "the network " + mmdl::detail::printable(name.str()),
      "one that this program was built with: " + known + "; as " + variants_text + " (bfloat16: full)");
}

std::vector<std::string> Registry::variants() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_)
    if (std::find(names.begin(), names.end(), entry.name.variant) == names.end())
      names.push_back(entry.name.variant);
  return names;
}

}  // namespace annotate
