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

const Registry::MethodsEntry& Registry::methods_over(const NetworkName& name,
                                                     const std::string& place) const {
  std::string known;
  for (const MethodsEntry& entry : methods_) {
    if (entry.backbone == name.backbone && entry.size == name.size && name.precision == "float32")
      return entry;
    known += (known.empty() ? "" : ", ") + entry.backbone + " at " + std::to_string(entry.size) + " px";
  }
  mmdl::detail::fail(place, "the method " + mmdl::detail::printable(name.str()),
                     "a backbone that this program was built with: " + known + " (float32)");
}

const mmdl::MethodEntry& Registry::method(const NetworkName& name, const std::string& place) const {
  const MethodsEntry& over = methods_over(name, place);
  std::string known;
  for (const mmdl::MethodEntry& method : over.methods) {
    if (name.variant == method.name) return method;
    known += (known.empty() ? "" : ", ") + std::string(method.name);
  }
  mmdl::detail::fail(place, "the method " + mmdl::detail::printable(name.str()), "one of " + known);
}

std::unique_ptr<MethodProgram> Registry::make_method(const NetworkName& name, const std::string& place,
                                                     int tag_count, int label_count,
                                                     std::uint64_t seed) const {
  return methods_over(name, place).maker(method(name, place), tag_count, label_count, seed);
}

std::vector<std::string> Registry::method_names() const {
  std::vector<std::string> names;
  for (const MethodsEntry& entry : methods_)
    for (const mmdl::MethodEntry& method : entry.methods)
      if (std::find(names.begin(), names.end(), method.name) == names.end()) names.emplace_back(method.name);
  return names;
}

}  // namespace annotate
