// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file, parsed by exactly the grammar that the format allows.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"

namespace mmdl {

/// One tensor of a safetensors file: its element type by the format's name ("F32"), its shape (empty for a
/// single number), and its bytes [begin, end) counted from the end of the header.
struct TensorInfo {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::size_t begin = 0, end = 0;
};

namespace detail {

inline constexpr std::size_t safetensors_header_limit = 100'000'000;  // the format's own limit
inline constexpr std::size_t safetensors_prefix = 8;                  // the header's length, little-endian

/// Bytes of one number of a dtype, 0 where the format does not know it (or packs it below a byte).
constexpr std::size_t safetensors_number_size(std::string_view dtype) {
  constexpr std::array<std::pair<std::string_view, std::size_t>, 19> sizes{{{"F32", 4},
                                                                            {"F64", 8},
                                                                            {"F16", 2},
                                                                            {"BF16", 2},
                                                                            {"I64", 8},
                                                                            {"I32", 4},
                                                                            {"I16", 2},
                                                                            {"I8", 1},
                                                                            {"U64", 8},
                                                                            {"U32", 4},
                                                                            {"U16", 2},
                                                                            {"U8", 1},
                                                                            {"BOOL", 1},
                                                                            {"C64", 8},
                                                                            {"F8_E4M3", 1},
                                                                            {"F8_E5M2", 1},
                                                                            {"F8_E8M0", 1},
                                                                            {"F8_E4M3FNUZ", 1},
                                                                            {"F8_E5M2FNUZ", 1}}};
  for (const auto& [name, size] : sizes)
    if (name == dtype) return size;
  return 0;
}

/// "[2, 3]", cut short where the shape is absurdly long.
inline std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size() && i < 8; ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + (shape.size() > 8 ? ", ...]" : "]");
}

/// Bytes of a tensor of a known dtype; throws `Error` on a negative extent and where they overflow.
inline std::size_t safetensors_byte_count(const std::string& place, std::string_view dtype,
                                          const std::vector<std::int64_t>& shape) {
  std::size_t bytes = safetensors_number_size(dtype);
  for (const std::int64_t extent : shape) {
    if (extent < 0) fail(place, "the shape " + shape_text(shape), "extents of at least 0");
    if (extent != 0 && bytes > std::numeric_limits<std::size_t>::max() / 2 / static_cast<std::size_t>(extent))
      fail(place, "the shape " + shape_text(shape), "fewer bytes than overflow the address range");
    bytes *= static_cast<std::size_t>(extent);
  }
  return bytes;
}

/// What the header says.
struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
};

/// The parser. The grammar has a fixed depth (object, object, array), so nothing recurses and no nesting can
/// exhaust the stack: a bracket too many is simply not what is expected there.
class SafetensorsHeaderParser {
 public:
  /// `file` is the name for messages; `text` the header's bytes; `data_size` the bytes that follow it.
  SafetensorsHeaderParser(const std::string& file, std::string_view text, std::size_t data_size)
      : file_(printable(file, 4096)), text_(text), data_size_(data_size) {}

  SafetensorsHeader parse() {
    if (next() != '{') fail_here("'{', the start of a JSON object");
    ++at_;
    members([&](std::string name) {
      if (name == "__metadata__")
        parse_metadata();
      else
        parse_tensor(std::move(name));
    });
    for (; at_ < text_.size(); ++at_)
      if (text_[at_] != ' ') fail_here("nothing but spaces after the JSON object");
    refuse_duplicates();
    check_layout();
    return std::move(header_);
  }

 private:
  static constexpr int end_of_text = -1;

  int next() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : end_of_text; }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }

  std::string place() const { return file_ + ": header byte " + std::to_string(at_); }

  [[noreturn]] void fail_here(const std::string& expected) const {
    if (next() == end_of_text) fail(place(), "the end of the header", expected);
    const std::size_t length = std::max<std::size_t>(utf8_sequence_length(text_.substr(at_)), 1);
    fail(place(), quoted(text_.substr(at_, length)), expected);
  }

  void take(char wanted) {
    skip_space();
    if (next() != wanted) fail_here("'" + std::string(1, wanted) + "'");
    ++at_;
  }

  /// The members of an object whose '{' has been taken: `member` is called after each key and its colon.
  template <class Member>
  void members(const Member& member) {
    skip_space();
    if (next() == '}') {
      ++at_;
      return;
    }
    for (;;) {
      skip_space();
      std::string key = parse_string("a name in quotes");
      take(':');
      skip_space();
      member(std::move(key));
      skip_space();
      if (next() == '}') break;
      if (next() != ',') fail_here("',' or '}'");
      ++at_;
    }
    ++at_;
  }

  std::uint32_t parse_hex4() {
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

  /// After a backslash.
  void parse_escape(std::string& value) {
    static constexpr std::string_view letters = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
    const int c = next();
    if (c == 'u') {
      ++at_;
      std::uint32_t code = parse_hex4();
      if (code >= 0xDC00 && code <= 0xDFFF) fail(place(), "a lone low surrogate", "a Unicode character");
      if (code >= 0xD800 && code <= 0xDBFF) {
        std::uint32_t low = 0;
        if (text_.substr(at_, 2) == "\\u") {
          at_ += 2;
          low = parse_hex4();
        }
        if (low < 0xDC00 || low > 0xDFFF) fail(place(), "a lone high surrogate", "a pair of surrogates");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      }
      append_utf8(value, code);
      return;
    }
    const std::size_t index = c == end_of_text ? std::string_view::npos : letters.find(static_cast<char>(c));
    if (index == std::string_view::npos) fail_here("one of the escapes of JSON after a backslash");
    value += values[index];
    ++at_;
  }

  std::string parse_string(const char* what) {
    if (next() != '"') fail_here(what);
    ++at_;
    std::string value;
    for (;;) {
      const int c = next();
      if (c == '"') break;
      if (c == end_of_text) fail_here("the closing quote of a string");
      if (c < 0x20) fail_here("control characters in a string to be escaped");
      if (c == '\\') {
        ++at_;
        parse_escape(value);
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

  /// A JSON number that is an integer of [0, 2^63 - 1].
  std::int64_t parse_integer(const std::string& what) {
    const std::size_t start = at_;
    while (at_ < text_.size() &&
           std::string_view("+-.0123456789eE").find(text_[at_]) != std::string_view::npos)
      ++at_;
    const std::string_view digits = text_.substr(start, at_ - start);
    const std::string wanted = what + ", a whole number of at least 0";
    if (digits.empty()) fail_here(wanted);
    constexpr std::int64_t limit = std::numeric_limits<std::int64_t>::max();
    std::int64_t value = 0;
    const bool leading_zero = digits.size() > 1 && digits[0] == '0';
    for (const char c : digits) {
      const bool is_digit = c >= '0' && c <= '9';
      if (!is_digit || leading_zero || value > (limit - (c - '0')) / 10) {
        at_ = start;
        fail(place(), printable(digits, 40), wanted + (is_digit && !leading_zero ? " below 2^63" : ""));
      }
      value = value * 10 + (c - '0');
    }
    return value;
  }

  std::vector<std::int64_t> parse_integers(const std::string& what) {
    if (next() != '[') fail_here("'[', the start of " + what);
    ++at_;
    std::vector<std::int64_t> values;
    skip_space();
    if (next() == ']') {
      ++at_;
      return values;
    }
    for (;;) {
      skip_space();
      values.push_back(parse_integer("an item of " + what));
      skip_space();
      if (next() == ']') break;
      if (next() != ',') fail_here("',' or ']'");
      ++at_;
    }
    ++at_;
    return values;
  }

  void parse_metadata() {
    if (has_metadata_) fail(place(), "a second '__metadata__'", "one");
    has_metadata_ = true;
    if (next() != '{') fail_here("'{', the start of the metadata");
    ++at_;
    members([&](std::string key) {
      std::string value = parse_string("a string as the value of metadata");
      const std::string shown = quoted(key);
      if (!header_.metadata.emplace(std::move(key), std::move(value)).second)
        fail(place(), "the metadata key " + shown + " twice", "each key once");
    });
  }

  void parse_tensor(std::string name) {
    TensorInfo info;
    info.name = std::move(name);
    const std::string tensor = "tensor " + quoted(info.name);
    if (next() != '{') fail_here("'{', the start of the description of " + tensor);
    ++at_;
    enum Field { dtype, shape, offsets, fields };
    static constexpr std::array<const char*, fields> names{"dtype", "shape", "data_offsets"};
    std::array<bool, fields> seen{};
    members([&](const std::string& key) {
      const auto field = static_cast<std::size_t>(std::find(names.begin(), names.end(), key) - names.begin());
      if (field == fields)
        fail(place(), "the field " + quoted(key) + " of " + tensor, "dtype, shape and data_offsets only");
      if (seen[field]) fail(place(), "the field " + quoted(key) + " of " + tensor + " twice", "each once");
      seen[field] = true;
      if (field == dtype) {
        info.dtype = parse_string("the dtype, a string,");
        if (safetensors_number_size(info.dtype) == 0)
          fail(place(), "the dtype " + quoted(info.dtype) + " of " + tensor,
               "one that is known: F32, F64, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, C64 or "
               "an F8");
      } else if (field == shape) {
        info.shape = parse_integers("the shape of " + tensor);
      } else {
        const std::vector<std::int64_t> range = parse_integers("the data_offsets of " + tensor);
        if (range.size() != 2)
          fail(place(), std::to_string(range.size()) + " data_offsets of " + tensor, "two: begin and end");
        info.begin = static_cast<std::size_t>(range[0]);
        info.end = static_cast<std::size_t>(range[1]);
      }
    });
    for (std::size_t i = 0; i < fields; ++i)
      if (!seen[i])
        fail(place(), "no field '" + std::string(names[i]) + "' of " + tensor,
             "dtype, shape and data_offsets");
    check_bytes(file_ + ": " + tensor, info);
    header_.tensors.push_back(std::move(info));
  }

  /// What one tensor's offsets must fulfil by themselves.
  void check_bytes(const std::string& place, const TensorInfo& info) const {
    const std::string range = "data_offsets " + range_text(info);
    if (info.begin > info.end) fail(place, range, "begin not beyond end");
    if (info.end > data_size_)
      fail(place, range, "an end within the " + std::to_string(data_size_) + " bytes of data in the file");
    const std::size_t bytes = safetensors_byte_count(place, info.dtype, info.shape);
    if (bytes != info.end - info.begin)
      fail(place, range + ", " + std::to_string(info.end - info.begin) + " bytes",
           std::to_string(bytes) + " bytes for " + info.dtype + " of shape " + shape_text(info.shape));
  }

  static std::string range_text(const TensorInfo& info) {
    return "[" + std::to_string(info.begin) + ", " + std::to_string(info.end) + "]";
  }

  void refuse_duplicates() const {
    std::vector<const TensorInfo*> sorted;
    for (const TensorInfo& info : header_.tensors) sorted.push_back(&info);
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->name < b->name; });
    for (std::size_t i = 1; i < sorted.size(); ++i)
      if (sorted[i - 1]->name == sorted[i]->name)
        fail(file_, "tensor " + quoted(sorted[i]->name) + " twice", "each name once");
  }

  /// Sorts by offset, and refuses what overlaps, leaves a hole or is followed by more data.
  void check_layout() {
    std::sort(header_.tensors.begin(), header_.tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end != b.end ? a.end < b.end : a.name < b.name;
    });
    std::size_t covered = 0;
    for (const TensorInfo& info : header_.tensors) {
      if (info.begin != covered)
        fail(file_ + ": tensor " + quoted(info.name),
             "data_offsets " + range_text(info) +
                 (info.begin < covered ? " that overlap" : " that leave a hole"),
             "a begin of " + std::to_string(covered) + ", where the tensor before it ends");
      covered = info.end;
    }
    if (covered != data_size_)
      fail(file_, std::to_string(data_size_ - covered) + " bytes after the last tensor",
           "the data to end with the tensor that ends last");
  }

  std::string file_;
  std::string_view text_;
  std::size_t data_size_;
  std::size_t at_ = 0;
  bool has_metadata_ = false;
  SafetensorsHeader header_;
};

}  // namespace detail
}  // namespace mmdl
