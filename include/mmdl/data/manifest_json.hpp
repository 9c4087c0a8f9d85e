// SPDX-License-Identifier: Apache-2.0
// The JSON form of a manifest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"
#include "../data/manifest_builder.hpp"

namespace mmdl::detail {

using Json = nlohmann::json;

/// The document; throws `Error` with the byte where it is not JSON, and for a key twice in one object, of
/// which the parser would keep the last without a word.
inline Json parse_json(const std::string& name, std::string_view text) {
  std::vector<std::vector<std::string>> keys;
  int sample = -1;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
      if (depth == 2) ++sample;
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      auto& seen = keys.back();
      if (std::find(seen.begin(), seen.end(), key) != seen.end())
        fail(name + (keys.size() > 1 ? ": sample " + std::to_string(sample) : ""),
             "the key " + quoted(key) + " twice", "each key once");
      if (seen.size() >= 64) fail(name, "an object of more than 64 keys", "a manifest");
      seen.push_back(key);
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch);
  } catch (const Json::parse_error& error) {
    std::string_view reason = error.what();
    if (const auto dash = reason.find(" - "); dash != std::string_view::npos) reason.remove_prefix(dash + 3);
    fail(name + ": byte " + std::to_string(error.byte), "invalid JSON (" + printable(reason, 300) + ")",
         "a manifest in JSON");
  } catch (const Json::exception& error) {
    fail(name, "invalid JSON (" + printable(error.what(), 300) + ")", "a manifest in JSON");
  }
}

inline std::string kind_of(const Json& value) { return std::string("a JSON ") + value.type_name(); }

/// The one of `names` that `object` has; null when it has none. Two of them are an error.
inline const Json* member(const std::string& place, const Json& object,
                          std::initializer_list<const char*> names) {
  const Json* found = nullptr;
  for (const char* name : names) {
    const auto at = object.find(name);
    if (at == object.end()) continue;
    if (found != nullptr)
      fail(place, "'" + std::string(*names.begin()) + "' and '" + name + "'", "one of them");
    found = &*at;
  }
  return found;
}

inline void check_keys(const std::string& place, const Json& object,
                       std::initializer_list<const char*> allowed) {
  for (const auto& item : object.items())
    if (std::find(allowed.begin(), allowed.end(), item.key()) == allowed.end()) {
      std::string expected;
      for (const char* name : allowed) expected += (expected.empty() ? "one of " : ", ") + std::string(name);
      fail(place, "the key " + quoted(item.key()), expected);
    }
}

inline std::vector<std::string> string_list(const std::string& place, const Json& list) {
  if (!list.is_array()) fail(place, kind_of(list), "a JSON array of strings");
  std::vector<std::string> result;
  for (const auto& item : list) {
    if (!item.is_string())
      fail(place + ": item " + std::to_string(result.size()), kind_of(item), "a JSON string");
    result.push_back(item.get<std::string>());
  }
  return result;
}

inline void parse_json_manifest(const std::string& name, std::string_view text, ManifestBuilder& builder) {
  const Json document = parse_json(name, text);
  if (!document.is_object()) fail(name, kind_of(document), "a JSON object with 'labels' and 'samples'");
  check_keys(name, document, {"labels", "samples"});
  const Json* labels = member(name, document, {"labels"});
  const Json* samples = member(name, document, {"samples"});
  if (labels == nullptr) fail(name, "no key 'labels'", "the vocabulary");
  if (samples == nullptr) fail(name, "no key 'samples'", "the samples");
  builder.set_labels(name + ": labels", string_list(name + ": labels", *labels));
  if (!samples->is_array()) fail(name + ": samples", kind_of(*samples), "a JSON array of objects");
  for (std::size_t i = 0; i < samples->size(); ++i) {
    const Json& sample = (*samples)[i];
    const std::string place = name + ": sample " + std::to_string(i);
    if (!sample.is_object()) fail(place, kind_of(sample), "a JSON object");
    check_keys(place, sample, {"image", "image_name", "labels", "image_labels", "tags"});
    const Json* image = member(place, sample, {"image", "image_name"});
    const Json* own_labels = member(place, sample, {"labels", "image_labels"});
    const Json* tags = member(place, sample, {"tags"});
    if (image == nullptr) fail(place, "no key 'image'", "the path of the image");
    if (!image->is_string()) fail(place + ": image", kind_of(*image), "a JSON string");
    if (own_labels == nullptr) fail(place, "no key 'labels'", "the labels, [] where there are none");
    builder.add(place, image->get<std::string>(), string_list(place + ": labels", *own_labels),
                tags == nullptr ? std::vector<std::string>{} : string_list(place + ": tags", *tags));
  }
}

/// One sample a line, so that a change of one is a change of one line.
inline std::string json_manifest(const Manifest& manifest) {
  std::string text = "{\"labels\": " + Json(manifest.labels).dump() + ",\n \"samples\": [";
  const char* separator = "\n";
  for (const auto& sample : manifest.samples) {
    std::vector<std::string> labels;
    for (const int label : sample.labels) labels.push_back(manifest.labels[static_cast<std::size_t>(label)]);
    text += separator;
    text += "  {\"image\": " + Json(sample.image).dump() + ", \"labels\": " + Json(labels).dump();
    if (!sample.tags.empty()) text += ", \"tags\": " + Json(sample.tags).dump();
    text += "}";
    separator = ",\n";
  }
  return text + "\n]}\n";
}

}  // namespace mmdl::detail
