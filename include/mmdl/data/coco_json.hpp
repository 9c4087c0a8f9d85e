// SPDX-License-Identifier: Apache-2.0
// The parts of MSCOCO's JSON that labels are made of, by events: the document is never in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"

namespace mmdl::detail {

struct CocoNamed {
  std::int64_t id = 0;
  std::string name;
};

struct CocoParts {
  std::vector<CocoNamed> images, categories;
  std::vector<std::pair<std::int64_t, std::int64_t>> annotations;  ///< image, category
};

/// Takes the parser's events. Depth 1 is the document, 2 the list of a section, 3 an item; all that is deeper
/// is passed over.
class CocoEvents {
 public:
  using Json = nlohmann::json;

  CocoEvents(const std::string& name, CocoParts& parts) : name_(name), parts_(parts) {}

  bool null() { return other("null"); }
  bool boolean(bool) { return other("a boolean"); }
  bool number_integer(Json::number_integer_t value) { return number(value); }
  bool number_unsigned(Json::number_unsigned_t value) {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return other("a number that is too large");
    return number(static_cast<std::int64_t>(value));
  }
  bool number_float(Json::number_float_t, const Json::string_t&) { return other("a fraction"); }
  bool string(Json::string_t& value) {
    if (!wanted() || field_ != text_field()) return other("a string");
    set(2);
    item_.name = std::move(value);
    return true;
  }
  bool binary(Json::binary_t&) { return other("binary data"); }

  bool start_object(std::size_t) {
    if (wanted()) other("an object");
    check_shallow("an object", depth_ == 0 || depth_ == 2);
    ++depth_;
    if (depth_ == 3) {
      item_ = {};
      second_ = 0;
      seen_ = 0;
    }
    field_.clear();
    return true;
  }
  bool end_object() {
    if (depth_ == 3 && section_ != none) end_item();
    --depth_;
    return true;
  }
  bool start_array(std::size_t) {
    if (wanted()) other("an array");
    check_shallow("an array", depth_ == 1);
    ++depth_;
    return true;
  }
  bool end_array() {
    --depth_;
    return true;
  }
  bool key(Json::string_t& key) {
    if (depth_ == 1) {
      section_ = key == "images"        ? images
                 : key == "annotations" ? annotations
                 : key == "categories"  ? categories
                                        : none;
      count_ = 0;
      if (section_ != none) {
        if (present_[section_]) fail(name_, "the key " + quoted(key) + " twice", "each key once");
        present_[section_] = true;
      }
    } else if (depth_ == 3) {
      field_ = key;
    }
    return true;
  }
  [[noreturn]] bool parse_error(std::size_t position, const std::string&, const Json::exception& error) {
    std::string_view reason = error.what();
    if (const auto dash = reason.find(" - "); dash != std::string_view::npos) reason.remove_prefix(dash + 3);
    const std::string place = name_ + ": byte " + std::to_string(position);
    if (reason.find("unexpected end of input") != std::string_view::npos ||
        reason.find("missing closing quote") != std::string_view::npos)
      fail(place, "the end of the file", "the rest of the JSON, which is cut short");
    fail(place, "invalid JSON (" + printable(reason, 300) + ")", "annotations in JSON");
  }

  void finish() const {
    static constexpr const char* names[] = {"images", "annotations", "categories"};
    for (int i = 0; i < 3; ++i)
      if (!present_[i])
        fail(name_, std::string("no '") + names[i] + "'", "'images', 'annotations' and 'categories'");
    if (parts_.images.empty()) fail(name_, "no images", "at least one");
  }

 private:
  enum Section { images, annotations, categories, none };

  std::string_view id_field() const { return section_ == annotations ? "image_id" : "id"; }
  std::string_view text_field() const {
    return section_ == images ? "file_name" : section_ == categories ? "name" : "";
  }
  /// Whether the value that comes is one of an item's fields that we take.
  bool wanted() const {
    return depth_ == 3 && section_ != none && !field_.empty() &&
           (field_ == id_field() || field_ == (section_ == annotations ? "category_id" : text_field()));
  }
  std::string place() const {
    static constexpr const char* names[] = {"image", "annotation", "category"};
    return name_ + ": " + names[section_] + " " + std::to_string(count_);
  }
  void set(unsigned bit) {
    if ((seen_ & bit) != 0) fail(place(), "the key " + quoted(field_) + " twice", "each key once");
    seen_ |= bit;
  }
  bool number(std::int64_t value) {
    if (!wanted() || field_ == text_field()) return other("a number");
    if (field_ == id_field()) {
      set(1);
      item_.id = value;
    } else {
      set(2);
      second_ = value;
    }
    return true;
  }
  /// A value of a kind that is wrong where a field was wanted, and where a section or an item should begin.
  bool other(const char* kind) {
    if (wanted())
      fail(place(), std::string(kind) + " as " + quoted(field_),
           field_ == text_field() ? "a string" : "a whole number");
    check_shallow(kind, false);
    return true;
  }
  void check_shallow(const char* kind, bool right) const {
    if (right) return;
    if (depth_ == 0) fail(name_, kind, "an object of 'images', 'annotations' and 'categories'");
    if (section_ != none && depth_ == 1)
      fail(name_, std::string(kind) + " as a section", "an array of objects");
    if (section_ != none && depth_ == 2) fail(place(), kind, "an object");
  }
  void end_item() {
    if ((seen_ & 1) == 0) fail(place(), "no '" + std::string(id_field()) + "'", "a whole number");
    if (section_ == annotations) {
      if ((seen_ & 2) == 0) fail(place(), "no 'category_id'", "a whole number");
      parts_.annotations.emplace_back(item_.id, second_);
    } else {
      if ((seen_ & 2) == 0) fail(place(), "no '" + std::string(text_field()) + "'", "a string");
      (section_ == images ? parts_.images : parts_.categories).push_back(std::move(item_));
    }
    ++count_;
  }

  const std::string& name_;
  CocoParts& parts_;
  Section section_ = none;
  bool present_[4] = {};
  std::size_t depth_ = 0, count_ = 0;
  std::string field_;
  CocoNamed item_;
  std::int64_t second_ = 0;
  unsigned seen_ = 0;
};

/// `input` is what nlohmann::json reads from: an open file, or a text.
template <class Input>
CocoParts parse_coco(const std::string& name, Input&& input) {
  CocoParts parts;
  CocoEvents events(name, parts);
  try {
    nlohmann::json::sax_parse(std::forward<Input>(input), &events);
  } catch (const nlohmann::json::exception& error) {
    fail(name, "invalid JSON (" + printable(error.what(), 300) + ")", "annotations in JSON");
  }
  events.finish();
  return parts;
}

}  // namespace mmdl::detail
