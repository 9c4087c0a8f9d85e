// SPDX-License-Identifier: Apache-2.0
// Looks up a compiled network by its name.
#include <algorithm>

#include "program.hpp"

namespace annotate {

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

std::unique_ptr<AnnotatorProgram> Registry::make(const NetworkName& name, const std::string& place,
                                                 std::uint64_t seed) const {
  // What there is, with the devices of each: "small at 64 px in float32 (cpu, gpu)".
  std::vector<std::pair<std::string, std::vector<std::string>>> known;
  for (const Entry& entry : entries_) {
    if (entry.name == name) return entry.maker(seed);
    const std::string kind =
        entry.name.backbone + " at " + std::to_string(entry.name.size) + " px in " + entry.name.precision;
    auto found = std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.first == kind; });
    if (found == known.end()) found = known.insert(known.end(), {kind, {}});
    if (std::find(found->second.begin(), found->second.end(), entry.name.device) == found->second.end())
      found->second.push_back(entry.name.device);
  }
  std::string kinds;
  for (const auto& [kind, devices] : known)
    kinds += (kinds.empty() ? "" : ", ") + kind + " (" + joined(devices) + ")";
  mmdl::detail::fail(place, "the network " + mmdl::detail::printable(name.str()),
                     "one that this program was built with: " + kinds + "; as " + joined(variants()) +
                         " (in bfloat16 or on the GPU: full, ms-cnn+lqp)");
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
    if (entry.backbone == name.backbone && entry.size == name.size && name.precision == "float32" &&
        name.device == "cpu")
      return entry;
    known += (known.empty() ? "" : ", ") + entry.backbone + " at " + std::to_string(entry.size) + " px";
  }
  mmdl::detail::fail(place, "the method " + mmdl::detail::printable(name.str()),
                     "a backbone that this program was built with: " + known + " (float32 on cpu)");
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
