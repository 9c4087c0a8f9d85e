// SPDX-License-Identifier: Apache-2.0
// The tokens of JSON that a safetensors header is made of: objects, strings and arrays of whole numbers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"

namespace mmdl::detail {

/// A place in a header's text, and what may be taken from there; anything else is an `Error` that names the
/// file and the byte. Strict JSON (RFC 8259) in UTF-8, white space before a token skipped. The caller says
/// what comes next, so nothing recurses and no nesting can exhaust the stack: a bracket too many is simply
/// not what is expected at its place.
class SafetensorsJson {
 public:
  /// `file` is the printable name for messages.
  SafetensorsJson(std::string file, std::string_view text) : file_(std::move(file)), text_(text) {}

  /// "weights.safetensors: header byte 17"
  std::string place() const { return file_ + ": header byte " + std::to_string(at_); }

  /// Takes an object: `member` is called with each key, at the key's value, which it must take.
  template <class Member>
  void take_object(const std::string& what, const Member& member) {
    take_items('{', '}', what, [&] {
      std::string key = take_string("a name in quotes");
      skip_space();
      if (next() != ':') fail_here("':'");
      ++at_;
      member(std::move(key));
    });
  }

  std::string take_string(const std::string& what) {
    skip_space();
    if (next() != '"') fail_here(what);
    ++at_;
    std::string value;
    for (int c = next(); c != '"'; c = next()) {
      if (c == end_of_text) fail_here("the closing quote of a string");
      if (c < 0x20) fail_here("control characters in a string to be escaped");
      if (c == '\\') {
        ++at_;
        take_escape(value);
        continue;
      }
      const std::size_t length = utf8_sequence_length(text_.substr(at_));
      if (length == 0) fail_here("UTF-8");
      value.append(text_.substr(at_, length));
      at_ += length;
    }
    ++at_;
    return value;
  }

  /// Takes an array of whole numbers of [0, 2^63 - 1].
  std::vector<std::int64_t> take_integers(const std::string& what) {
    std::vector<std::int64_t> values;
    take_items('[', ']', what, [&] { values.push_back(take_integer()); });
    return values;
  }

  /// The format wants the outermost object to begin at the first byte.
  void require_start() const {
    if (next() != '{') fail_here("'{', the first character of a header");
  }

  /// After the outermost object the format allows spaces, and no other character.
  void take_padding() {
    for (; at_ < text_.size(); ++at_)
      if (text_[at_] != ' ') fail_here("nothing but spaces after the JSON object");
  }

 private:
  static constexpr int end_of_text = -1;

  int next() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : end_of_text; }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \n\t\r").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }

  [[noreturn]] void fail_here(const std::string& expected) const {
    if (next() == end_of_text) fail(place(), "the end of the header", expected);
    const std::size_t length = std::max<std::size_t>(utf8_sequence_length(text_.substr(at_)), 1);
    fail(place(), quoted(text_.substr(at_, length)), expected);
  }

  /// What stands between two brackets, with commas in between.
  template <class Item>
  void take_items(char open, char close, const std::string& what, const Item& item) {
    skip_space();
    if (next() != open) fail_here("'" + std::string(1, open) + "', the start of " + what);
    ++at_;
    skip_space();
    if (next() == close) {
      ++at_;
      return;
    }
    for (;;) {
      item();
      skip_space();
      if (next() == close) break;
      if (next() != ',') fail_here("',' or '" + std::string(1, close) + "'");
      ++at_;
    }
    ++at_;
  }

  std::int64_t take_integer() {
    static constexpr std::string_view wanted = "a whole number of at least 0 and below 2^63";
    skip_space();
    const std::size_t end = std::min(text_.find_first_not_of("+-.0123456789eE", at_), text_.size());
    const std::string_view number = text_.substr(at_, end - at_);
    if (number.empty()) fail_here(std::string(wanted));
    constexpr std::int64_t limit = std::numeric_limits<std::int64_t>::max();
    bool good = number.size() == 1 || number[0] != '0';
    std::int64_t value = 0;
    for (const char c : number) {
      good = good && c >= '0' && c <= '9' && value <= (limit - (c - '0')) / 10;
      if (!good) fail(place(), printable(number, 40), std::string(wanted));
      value = value * 10 + (c - '0');
    }
    at_ = end;
    return value;
  }

  std::uint32_t take_hexadecimal() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const int c = next();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) fail_here("four hexadecimal digits after \\u");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  /// What follows a backslash.
  void take_escape(std::string& value) {
    static constexpr std::string_view letters = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
    const int c = next();
    if (c != 'u') {
      const std::size_t index =
          c == end_of_text ? std::string_view::npos : letters.find(static_cast<char>(c));
      if (index == std::string_view::npos) fail_here("one of the escapes of JSON after a backslash");
      value += values[index];
      ++at_;
      return;
    }
    ++at_;
    std::uint32_t code = take_hexadecimal();
    if (code >= 0xDC00 && code <= 0xDFFF) fail(place(), "an escaped low surrogate alone", "a character");
    if (code >= 0xD800 && code <= 0xDBFF) {
      std::uint32_t low = 0;
      if (text_.substr(at_, 2) == "\\u") {
        at_ += 2;
        low = take_hexadecimal();
      }
      if (low < 0xDC00 || low > 0xDFFF) fail(place(), "an escaped high surrogate alone", "a pair of them");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(value, code);
  }

  std::string file_;
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace mmdl::detail
