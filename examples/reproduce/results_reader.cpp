// SPDX-License-Identifier: Apache-2.0
// Results read back from JSON: whatever is not as it should be is refused by name.
#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <mmdl/core/error.hpp>
#include <mmdl/core/file.hpp>
#include <mmdl/core/text.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "results.hpp"

namespace reproduce {

using Json = nlohmann::ordered_json;
using mmdl::detail::fail, mmdl::detail::printable, mmdl::detail::quoted;

namespace {

std::string kind_of(const Json& json) {
  if (json.is_number()) return printable(json.dump(), 60);
  return std::string("a JSON ") + json.type_name();
}

double as_number(const std::string& place, const Json& json) {
  if (!json.is_number()) fail(place, kind_of(json), "a number");
  const double value = json.get<double>();
  if (!std::isfinite(value)) fail(place, kind_of(json), "a finite number");
  return value;
}

double as_share(const std::string& place, const Json& json) {
  const double value = as_number(place, json);
  if (value < 0 || value > 1) fail(place, kind_of(json), "0 to 1");
  return value;
}

double as_not_negative(const std::string& place, const Json& json) {
  const double value = as_number(place, json);
  if (value < 0) fail(place, kind_of(json), "0 or more");
  return value;
}

/// A whole number from 0 that the type holds.
template <std::integral Integer>
Integer as_count(const std::string& place, const Json& json) {
  if (!json.is_number_integer() ||
      (json.is_number_integer() && !json.is_number_unsigned() && json.get<std::int64_t>() < 0) ||
      json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Integer>::max()))
    fail(place, kind_of(json),
         "a whole number from 0 to " + std::to_string(std::numeric_limits<Integer>::max()));
  return static_cast<Integer>(json.get<std::uint64_t>());
}

bool as_flag(const std::string& place, const Json& json) {
  if (!json.is_boolean()) fail(place, kind_of(json), "true or false");
  return json.get<bool>();
}

std::string as_base64(const std::string& place, const Json& json) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (!json.is_string()) fail(place, kind_of(json), "base64");
  const auto& text = json.get_ref<const std::string&>();
  std::string bytes;
  std::uint32_t group = 0;
  const std::size_t digits_end = std::min(text.find('='), text.size());
  for (std::size_t i = 0; i < digits_end; ++i) {
    const std::size_t digit = digits.find(text[i]);
    if (digit == std::string_view::npos) fail(place, "the byte " + quoted(text.substr(i, 1)), "base64");
    group = group << 6 | static_cast<std::uint32_t>(digit);
    if (i % 4 > 0) bytes += static_cast<char>(static_cast<unsigned char>(group >> (6 - 2 * (i % 4)) & 255U));
  }
  if (text.size() % 4 != 0 || mmdl::detail::base64(std::as_bytes(std::span(bytes))) != text)
    fail(place, std::to_string(text.size()) + " bytes that end wrongly", "base64");
  return bytes;
}

/// An object all of whose keys must be asked for.
class Object {
 public:
  Object(std::string place, const Json& json) : place_(std::move(place)), json_(json) {
    if (!json.is_object()) fail(place_, kind_of(json), "an object");
  }

  std::string place(const std::string& key) const { return place_ + ": key " + quoted(key); }
  const Json* find(const std::string& key) {
    keys_.push_back(key);
    const auto at = json_.find(key);
    return at == json_.end() ? nullptr : &*at;
  }
  const Json& at(const std::string& key) {
    const Json* json = find(key);
    if (json == nullptr) fail(place_, "no key " + quoted(key), "one");
    return *json;
  }
  double number(const std::string& key) { return as_number(place(key), at(key)); }
  double share(const std::string& key) { return as_share(place(key), at(key)); }
  double not_negative(const std::string& key) { return as_not_negative(place(key), at(key)); }
  bool flag(const std::string& key) { return as_flag(place(key), at(key)); }
  template <std::integral Integer>
  void count(const std::string& key, Integer& value) {
    value = as_count<Integer>(place(key), at(key));
  }
  std::string text(const std::string& key) { return as_text(place(key), at(key)); }

  /// Calls `add(place, element)` for each element of an array.
  void each(const std::string& key, auto add) {
    const Json& json = at(key);
    if (!json.is_array()) fail(place(key), kind_of(json), "an array");
    for (std::size_t i = 0; i < json.size(); ++i) add(place(key) + ": element " + std::to_string(i), json[i]);
  }
  /// Calls `add(place, key, element)` for each element of an object.
  void each_named(const std::string& key, auto add) {
    const Json& json = at(key);
    if (!json.is_object()) fail(place(key), kind_of(json), "an object");
    for (const auto& item : json.items())
      add(place(key) + ": key " + quoted(item.key()), item.key(), item.value());
  }
  /// Refuses the keys that nobody asked for.
  void end() const {
    for (const auto& item : json_.items())
      if (std::find(keys_.begin(), keys_.end(), item.key()) == keys_.end()) {
        std::string expected;
        for (const std::string& key : keys_) expected += (expected.empty() ? "one of " : ", ") + key;
        fail(place_, "the key " + quoted(item.key()), expected);
      }
  }

  static std::string as_text(const std::string& place, const Json& json) {
    if (json.is_string()) return json.get<std::string>();
    if (!json.is_object()) fail(place, kind_of(json), "text");
    Object object(place, json);
    std::string bytes = as_base64(object.place("bytes"), object.at("bytes"));
    object.end();
    return bytes;
  }

 private:
  std::string place_;
  const Json& json_;
  std::vector<std::string> keys_;
};

mmdl::AnnotationScores read_scores(const std::string& place, const Json& json) {
  Object object(place, json);
  mmdl::AnnotationScores scores;
  scores.class_precision = object.share("class_precision");
  scores.class_recall = object.share("class_recall");
  scores.class_f1 = object.share("class_f1");
  scores.image_precision = object.share("image_precision");
  scores.image_recall = object.share("image_recall");
  scores.image_f1 = object.share("image_f1");
  scores.h_f1 = object.share("h_f1");
  object.count("classes_never_predicted", scores.classes_never_predicted);
  object.count("classes_never_present", scores.classes_never_present);
  object.end();
  return scores;
}

mmdl::RgbImage read_image(const std::string& place, const Json& json) {
  Object object(place, json);
  mmdl::RgbImage image;
  object.count("width", image.width);
  object.count("height", image.height);
  const std::string bytes = as_base64(object.place("pixels"), object.at("pixels"));
  object.end();
  // Each extent is below 2^31, so the product of the two is below 2^62.
  const auto pixels = static_cast<std::uint64_t>(image.width) * static_cast<std::uint64_t>(image.height);
  if (bytes.empty() || bytes.size() % 3 != 0 || bytes.size() / 3 != pixels)
    fail(object.place("pixels"), std::to_string(bytes.size()) + " bytes",
         "3 for each of " + std::to_string(pixels) + " pixels");
  image.pixels.assign(bytes.begin(), bytes.end());
  return image;
}

mmdl::SheetEntry read_sheet_entry(const std::string& place, const Json& json) {
  Object object(place, json);
  mmdl::SheetEntry entry;
  if (const Json* path = object.find("image_path"))
    entry.image_path = Object::as_text(object.place("image_path"), *path);
  if (const Json* image = object.find("image")) entry.image = read_image(object.place("image"), *image);
  object.each("labels", [&](const std::string& at, const Json& element) {
    Object label(at, element);
    entry.labels.push_back({.name = label.text("name"),
                            .probability = static_cast<float>(label.share("probability")),
                            .correct = label.flag("correct"),
                            .known_truth = label.flag("known_truth")});
    label.end();
  });
  for (const auto& [key, texts] : {std::pair("missed", &entry.missed), std::pair("tags", &entry.tags)})
    object.each(key, [texts = texts](const std::string& at, const Json& element) {
      texts->push_back(Object::as_text(at, element));
    });
  if (const Json* quantity = object.find("predicted_quantity")) {
    const double value = as_number(object.place("predicted_quantity"), *quantity);
    if (!(std::fabs(value) < 1e6))
      fail(object.place("predicted_quantity"), kind_of(*quantity), "a number below a million");
    entry.predicted_quantity = static_cast<float>(value);
  }
  object.end();
  return entry;
}

}  // namespace

Curve curve_from_json(const std::string& place, const Json& json) {
  Object object(place, json);
  Curve curve;
  curve.stage = object.text("stage");
  curve.seconds = object.not_negative("seconds");
  curve.stopped_early = object.flag("stopped_early");
  object.count("best_step", curve.best_step);
  object.each("points", [&](const std::string& at, const Json& element) {
    Object point(at, element);
    CurvePoint read;
    point.count("step", read.step);
    read.training = point.number("training");
    read.held_out = point.number("held_out");
    point.end();
    if (!curve.points.empty() && read.step <= curve.points.back().step)
      fail(at + ": key 'step'", std::to_string(read.step),
           "more than " + std::to_string(curve.points.back().step));
    curve.points.push_back(read);
  });
  object.end();
  return curve;
}

Results from_json(const std::string& file, const Json& json) {
  Object object(file, json);
  Results results;
  results.data = object.text("data");
  results.title = object.text("title");
  results.simulated_tags = object.flag("simulated_tags");
  object.count("seed", results.seed);
  results.preset = object.text("preset");
  results.backbone = object.text("backbone");
  results.frozen_backbone = object.flag("frozen_backbone");
  object.count("image_size", results.image_size);
  object.count("train_images", results.train_images);
  object.count("validation_images", results.validation_images);
  object.count("test_images", results.test_images);
  object.count("labels", results.labels);
  object.count("tags", results.tags);
  results.seconds = object.not_negative("seconds");
  object.each_named("scores", [&](const std::string& place, const std::string& row, const Json& value) {
    results.scores[row] = read_scores(place, value);
  });
  object.each_named("mean_average_precision",
                    [&](const std::string& place, const std::string& row, const Json& value) {
                      results.mean_average_precision[row] = as_share(place, value);
                    });
  object.each_named(
      "quantities", [&](const std::string& place, const std::string& features, const Json& value) {
        Object scores(place, value);
        results.quantities[features] = {.accuracy = scores.share("accuracy"),
                                        .mean_squared_error = scores.not_negative("mean_squared_error")};
        scores.end();
      });
  object.each_named("dimension", [&](const std::string& place, const std::string& row, const Json& value) {
    results.dimension[row] = as_count<int>(place, value);
  });
  object.each("curves", [&](const std::string& place, const Json& value) {
    results.curves.push_back(curve_from_json(place, value));
  });
  for (const auto& [key, counts] : {std::pair("train_label_counts", &results.train_label_counts),
                                    std::pair("test_label_counts", &results.test_label_counts)})
    object.each(key, [counts = counts](const std::string& place, const Json& value) {
      counts->push_back(as_count<long>(place, value));
    });
  object.each("quantity_groups", [&](const std::string& place, const Json& value) {
    Object group(place, value);
    QuantityGroup read;
    group.count("true_quantity", read.true_quantity);
    group.count("images", read.images);
    read.mean = group.number("mean");
    read.deviation = group.not_negative("deviation");
    group.end();
    results.quantity_groups.push_back(read);
  });
  object.each("sheet", [&](const std::string& place, const Json& value) {
    results.sheet.push_back(read_sheet_entry(place, value));
  });
  object.end();
  return results;
}

std::vector<Results> read_results(const std::string& path) {
  const std::string file = printable(path, 4096);
  const std::string text = mmdl::read_file(path, std::size_t{1} << 30);
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    fail(file + ": byte " + std::to_string(error.byte), "invalid JSON", "what reproduce wrote");
  } catch (const Json::exception& error) {
    fail(file, "invalid JSON (" + printable(error.what(), 300) + ")", "what reproduce wrote");
  }
  Object object(file, json);
  if (const Json& format = object.at("format"); format != "mmdl reproduce 1")
    fail(object.place("format"), printable(format.dump(-1, ' ', true), 60), "\"mmdl reproduce 1\"");
  std::vector<Results> runs;
  object.each("runs",
              [&](const std::string& place, const Json& run) { runs.push_back(from_json(place, run)); });
  object.end();
  return runs;
}

}  // namespace reproduce
