// SPDX-License-Identifier: Apache-2.0
// Writing safetensors files: a header and the tensors' bytes, streamed, the whole file or none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../core/file.hpp"
#include "safetensors_header.hpp"

namespace mmdl {

/// Collects tensors and writes them as a safetensors file. It keeps the addresses of the numbers, not copies:
/// they must stay where they are until `write` has returned. The same content always gives the same bytes.
/// Python: `safetensors.torch.save_file(tensors, path, metadata)`. `SafetensorsWriter`; a template only so
/// that a program that writes no file does not compile it.
template <class = void>
class BasicSafetensorsWriter {
 public:
  /// Adds a row-major float tensor (dtype F32). Throws `Error` on a name that was added before or is not
  /// UTF-8 and on a negative extent.
  void add(std::string name, std::vector<std::int64_t> shape, const float* data) {
    add_sized(std::move(name), "F32", std::move(shape), data);
  }
  /// The same for double (dtype F64).
  void add(std::string name, std::vector<std::int64_t> shape, const double* data) {
    add_sized(std::move(name), "F64", std::move(shape), data);
  }
  /// The same for 64-bit integers (dtype I64).
  void add(std::string name, std::vector<std::int64_t> shape, const std::int64_t* data) {
    add_sized(std::move(name), "I64", std::move(shape), data);
  }

  /// Adds raw bytes of any dtype of the format ("U8", "BF16"). Throws `Error` also where `size` is not what
  /// the dtype and the shape make.
  void add_bytes(std::string name, std::string dtype, std::vector<std::int64_t> shape, const void* data,
                 std::size_t size) {
    const std::string place = "SafetensorsWriter: tensor " + detail::quoted(name);
    if (name == "__metadata__" || !detail::valid_utf8(name))
      detail::fail(place, "that name", "UTF-8 text other than __metadata__");
    if (detail::safetensors_number_size(dtype) == 0)
      detail::fail(place, "the dtype " + detail::quoted(dtype), "one of the safetensors format");
    const std::size_t bytes = detail::safetensors_byte_count(place, dtype, shape);
    if (bytes != size)
      detail::fail(place, std::to_string(size) + " bytes",
                   std::to_string(bytes) + " for " + dtype + " of shape " + detail::shape_text(shape));
    if (data == nullptr && size > 0) detail::fail(place, "a null pointer", std::to_string(size) + " bytes");
    const auto [position, fresh] = tensors_.emplace(std::move(name), tensors_.size());
    if (!fresh) detail::fail(place, "that name twice", "each name once");
    entries_.push_back({&position->first, std::move(dtype), std::move(shape), data, size});
  }

  /// Sets a note under "__metadata__"; an earlier one of the same key is replaced. Throws `Error` unless both
  /// are UTF-8.
  void metadata(std::string key, std::string value) {
    if (!detail::valid_utf8(key) || !detail::valid_utf8(value))
      detail::fail("SafetensorsWriter: metadata " + detail::quoted(key), "bytes that are not UTF-8",
                   "UTF-8 text");
    metadata_.insert_or_assign(std::move(key), std::move(value));
  }

  /// Writes all to `path`, by `AtomicFile`: on any failure an `Error` is thrown and an earlier file stays as
  /// it was. The data begins at a multiple of 64 bytes, and wider numbers come first, so that each tensor is
  /// aligned to its own number.
  void write(const std::string& path) const {
    std::vector<const Entry*> order;
    for (const Entry& entry : entries_) order.push_back(&entry);
    std::stable_sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
      return detail::safetensors_number_size(a->dtype) > detail::safetensors_number_size(b->dtype);
    });
    const std::string header = header_text(order);
    if (header.size() > detail::safetensors_header_limit)
      detail::fail(detail::printable(path, 4096), "a header of " + std::to_string(header.size()) + " bytes",
                   "at most 100000000");
    AtomicFile file(path);
    const auto length = static_cast<std::uint64_t>(header.size());
    unsigned char prefix[detail::safetensors_prefix];
    for (std::size_t i = 0; i < sizeof prefix; ++i) prefix[i] = static_cast<unsigned char>(length >> (8 * i));
    file.write(prefix, sizeof prefix);
    file.write(header);
    for (const Entry* entry : order) file.write(entry->data, entry->size);
    file.commit();
  }

 private:
  struct Entry {
    const std::string* name;  // in the map, whose keys stay where they are
    std::string dtype;
    std::vector<std::int64_t> shape;
    const void* data;
    std::size_t size;
  };

  template <class T>
  void add_sized(std::string name, const char* dtype, std::vector<std::int64_t> shape, const T* data) {
    const std::size_t size =
        detail::safetensors_byte_count("SafetensorsWriter: tensor " + detail::quoted(name), dtype, shape);
    add_bytes(std::move(name), dtype, std::move(shape), data, size);
  }

  /// A JSON string.
  static std::string json_text(std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string result = "\"";
    for (const char c : text) {
      const auto code = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        result += '\\';
        result += c;
      } else if (code < 0x20) {
        result += "\\u00";
        result += digits[code >> 4];
        result += digits[code & 15];
      } else {
        result += c;
      }
    }
    return result + '"';
  }

  std::string header_text(const std::vector<const Entry*>& order) const {
    std::string text = "{", separator;
    if (!metadata_.empty()) {
      text += "\"__metadata__\":{";
      for (const auto& [key, value] : metadata_) {
        text += separator + json_text(key) + ":" + json_text(value);
        separator = ",";
      }
      text += "}";
    }
    std::size_t begin = 0;
    for (const Entry* entry : order) {
      text += separator + json_text(*entry->name) + ":{\"dtype\":\"" + entry->dtype + "\",\"shape\":[";
      for (std::size_t i = 0; i < entry->shape.size(); ++i) {
        if (i > 0) text += ',';  // apart: GCC 12 warns wrongly (-Wrestrict) of "," + a temporary string
        text += std::to_string(entry->shape[i]);
      }
      text +=
          "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(begin + entry->size) + "]}";
      begin += entry->size;
      separator = ",";
    }
    text += "}";
    constexpr std::size_t alignment = 64;
    while ((detail::safetensors_prefix + text.size()) % alignment != 0) text += ' ';
    return text;
  }

  std::vector<Entry> entries_;
  std::map<std::string, std::size_t> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// See `BasicSafetensorsWriter`.
using SafetensorsWriter = BasicSafetensorsWriter<>;

}  // namespace mmdl
