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
#include "safetensors_json.hpp"

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

/// The parser: the JSON first, then what the tensors must fulfil together. A template, like what is built on
/// it, only so that a program that reads no file does not compile it.
template <class = void>
class SafetensorsHeaderParser {
 public:
  /// `file` is the name for messages; `text` the header's bytes; `data_size` the bytes that follow it.
  SafetensorsHeaderParser(const std::string& file, std::string_view text, std::size_t data_size)
      : file_(printable(file, 4096)), json_(file_, text), data_size_(data_size) {}

  SafetensorsHeader parse() {
    json_.require_start();
    bool has_metadata = false;
    json_.take_object("the JSON header", [&](std::string name) {
      if (name != "__metadata__") return take_tensor(std::move(name));
      if (has_metadata) fail(json_.place(), "a second '__metadata__'", "one");
      has_metadata = true;
      take_metadata();
    });
    json_.take_padding();
    refuse_duplicates();
    check_layout();
    return std::move(header_);
  }

 private:
  void take_metadata() {
    json_.take_object("the metadata", [&](std::string key) {
      std::string value = json_.take_string("a string as the value of metadata");
      const auto [position, fresh] = header_.metadata.emplace(std::move(key), std::move(value));
      if (!fresh)
        fail(json_.place(), "the metadata key " + quoted(position->first) + " twice", "each key once");
    });
  }

  void take_tensor(std::string name) {
    TensorInfo info;
    info.name = std::move(name);
    const std::string tensor = "tensor " + quoted(info.name);
    static constexpr std::array<std::string_view, 3> fields{"dtype", "shape", "data_offsets"};
    std::array<bool, fields.size()> seen{};
    json_.take_object("the description of " + tensor, [&](const std::string& key) {
      const auto field =
          static_cast<std::size_t>(std::find(fields.begin(), fields.end(), key) - fields.begin());
      if (field == fields.size())
        fail(json_.place(), "the field " + quoted(key) + " of " + tensor,
             "dtype, shape and data_offsets only");
      if (seen[field])
        fail(json_.place(), "the field " + quoted(key) + " of " + tensor + " twice", "it once");
      seen[field] = true;
      if (field == 0) {
        info.dtype = json_.take_string("a string as the dtype");
        if (safetensors_number_size(info.dtype) == 0)
          fail(json_.place(), "the dtype " + quoted(info.dtype) + " of " + tensor,
               "one of whole bytes that the format knows, such as F32 or I64");
      } else if (field == 1) {
        info.shape = json_.take_integers("a shape");
      } else {
        const std::vector<std::int64_t> range = json_.take_integers("the data_offsets");
        if (range.size() != 2)
          fail(json_.place(), std::to_string(range.size()) + " data_offsets of " + tensor, "begin and end");
        info.begin = static_cast<std::size_t>(range[0]);
        info.end = static_cast<std::size_t>(range[1]);
      }
    });
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (!seen[i])
        fail(json_.place(), "no field " + quoted(fields[i]) + " of " + tensor,
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
           std::to_string(bytes) + " for " + info.dtype + " of shape " + shape_text(info.shape));
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
  SafetensorsJson json_;
  std::size_t data_size_;
  SafetensorsHeader header_;
};

}  // namespace detail
}  // namespace mmdl
