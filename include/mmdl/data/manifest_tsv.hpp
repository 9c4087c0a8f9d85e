// SPDX-License-Identifier: Apache-2.0
// The tab-separated form of a manifest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"
#include "../data/manifest_builder.hpp"

namespace mmdl::detail {

/// The parts of a text between separators; none of an empty text.
inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  if (text.empty()) return parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// Calls `use(place, line)` for each line, without its end (LF or CRLF); `place` is "name: line 3".
template <class Use>
void for_each_line(const std::string& name, std::string_view text, const Use& use) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    use(name + ": line " + std::to_string(number), line);
  }
}

inline constexpr std::string_view tsv_header = "#labels\t";

inline void parse_tsv_manifest(const std::string& name, std::string_view text, ManifestBuilder& builder) {
  bool headed = false;
  for_each_line(name, text, [&](const std::string& place, std::string_view line) {
    const bool header = line.starts_with(tsv_header);
    if (header == headed)
      fail(place, header ? "a second '#labels' line" : quoted(line),
           header ? "path<TAB>labels<TAB>tags" : "'#labels<TAB>label,label,...', or a manifest in JSON");
    if (header) {
      builder.set_labels(place, split(line.substr(tsv_header.size()), ','));
      headed = true;
      return;
    }
    std::vector<std::string> fields = split(line, '\t');
    if (fields.size() != 2 && fields.size() != 3)
      fail(place, std::to_string(fields.size()) + " fields", "2 or 3: path<TAB>label,label<TAB>tag,tag");
    builder.add(place, std::move(fields[0]), split(fields[1], ','),
                fields.size() == 3 ? split(fields[2], ',') : std::vector<std::string>{});
  });
  if (!headed) fail(name, "an empty file", "a manifest");
}

/// Throws `Error` for names that this form has no way to write; `place` is the file.
inline std::string tsv_manifest(const std::string& place, const Manifest& manifest) {
  const auto joined = [&](const std::vector<std::string>& names) {
    std::string line;
    for (const auto& name : names) {
      if (name.find(',') != std::string::npos)
        fail(place, "the name " + quoted(name), "names without commas, or a manifest in JSON");
      line += (line.empty() ? "" : ",") + name;
    }
    return line;
  };
  std::string text = std::string(tsv_header) + joined(manifest.labels) + "\n";
  for (const auto& sample : manifest.samples) {
    std::vector<std::string> labels;
    for (const int label : sample.labels) labels.push_back(manifest.labels[static_cast<std::size_t>(label)]);
    if (sample.image + "\t" == tsv_header)
      fail(place, "an image named '#labels'", "another name, or a manifest in JSON");
    text += sample.image + "\t" + joined(labels);
    if (!sample.tags.empty()) text += "\t" + joined(sample.tags);
    text += "\n";
  }
  return text;
}

}  // namespace mmdl::detail
