// SPDX-License-Identifier: Apache-2.0
// Reading safetensors files: named tensors with their shapes, and nothing that could be executed.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <span>

#include "../core/file.hpp"
#include "safetensors_header.hpp"
#include "safetensors_writer.hpp"

namespace mmdl {

namespace detail {

/// The number of an IEEE 754 half-precision bit pattern.
constexpr float float_from_half(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = bits >> 10 & 31U, fraction = bits & 1023U;
  if (exponent == 0) {  // zero and the subnormal numbers: exact, for 2^-24 is a power of two
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

/// The number of a bfloat16 bit pattern: the upper half of a float.
constexpr float float_from_bfloat16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace detail

/// A safetensors file, open for reading. The constructor checks all of it (see the format's description at
/// huggingface.co/docs/safetensors): the header's length, its JSON, that every name and field stands once,
/// that each tensor's bytes agree with its dtype and shape, and that the tensors cover the data without
/// overlap, hole or rest. Any defect is an `Error` of one line. Copies share the same memory. The file is
/// mapped, not copied: it must not be changed in place while it is open (`SafetensorsWriter` never does, it
/// replaces). Python: `safetensors.safe_open(path, "pt")`. `SafetensorsFile`; a template only so that a
/// program that reads no file does not compile it.
template <class = void>
class BasicSafetensorsFile {
 public:
  /// Opens and checks a file. Throws `Error` when it cannot be read or has any defect.
  explicit BasicSafetensorsFile(const std::string& path) : path_(path) {
    map_file();
    check();
  }

  /// The same from bytes in memory; `name` stands in messages for the file's.
  static BasicSafetensorsFile parse(std::string contents, std::string name) {
    BasicSafetensorsFile file;
    file.path_ = std::move(name);
    auto owned = std::make_shared<const std::string>(std::move(contents));
    file.contents_ = std::as_bytes(std::span(*owned));
    file.memory_ = std::move(owned);
    file.check();
    return file;
  }

  /// All tensors, in the order of their bytes in the file.
  const std::vector<TensorInfo>& tensors() const { return header_.tensors; }

  /// The tensor of a name, or null.
  const TensorInfo* find(std::string_view name) const {
    const auto place =
        std::lower_bound(by_name_.begin(), by_name_.end(), name,
                         [&](std::size_t i, std::string_view key) { return tensors()[i].name < key; });
    return place != by_name_.end() && tensors()[*place].name == name ? &tensors()[*place] : nullptr;
  }

  /// The tensor of a name. Throws `Error` where the file has none.
  const TensorInfo& at(std::string_view name) const {
    const TensorInfo* info = find(name);
    if (info == nullptr)
      detail::fail(detail::printable(path_, 4096),
                   "no tensor " + detail::quoted(name) + " among " + std::to_string(tensors().size()), "one");
    return *info;
  }

  /// The bytes of a tensor of this file, little-endian, row-major. Not aligned in files of other writers.
  std::span<const std::byte> bytes(const TensorInfo& info) const {
    return contents_.subspan(data_begin_ + info.begin, info.end - info.begin);
  }

  /// The numbers of a tensor of dtype F32, F64 (rounded), F16 or BF16. Throws `Error` for another dtype, for
  /// a name that is not there, and for a finite F64 beyond the range of float.
  std::vector<float> floats(std::string_view name) const {
    const TensorInfo& info = at(name);
    if (info.dtype == "F32") return convert<float, float>(info, [](float value) { return value; });
    if (info.dtype == "F16") return convert<std::uint16_t, float>(info, detail::float_from_half);
    if (info.dtype == "BF16") return convert<std::uint16_t, float>(info, detail::float_from_bfloat16);
    if (info.dtype == "F64") {
      return convert<double, float>(info, [&](double value) {
        if (std::isfinite(value) && std::fabs(value) > static_cast<double>(std::numeric_limits<float>::max()))
          detail::fail(place(info), "a number near 2^" + std::to_string(std::ilogb(value)),
                       "numbers within the range of float");
        return static_cast<float>(value);
      });
    }
    detail::fail(place(info), "dtype " + info.dtype, "F32, F64, F16 or BF16");
  }

  /// The numbers of a tensor of dtype F64, F32, F16 or BF16, exactly.
  std::vector<double> doubles(std::string_view name) const {
    const TensorInfo& info = at(name);
    if (info.dtype == "F64") return convert<double, double>(info, [](double value) { return value; });
    const std::vector<float> values = floats(name);
    return std::vector<double>(values.begin(), values.end());
  }

  /// The numbers of a tensor of dtype I64, I32, I16, I8, U32, U16, U8 or BOOL.
  std::vector<std::int64_t> integers(std::string_view name) const {
    const TensorInfo& info = at(name);
    const auto widen = [](auto value) { return static_cast<std::int64_t>(value); };
    if (info.dtype == "I64") return convert<std::int64_t, std::int64_t>(info, widen);
    if (info.dtype == "I32") return convert<std::int32_t, std::int64_t>(info, widen);
    if (info.dtype == "I16") return convert<std::int16_t, std::int64_t>(info, widen);
    if (info.dtype == "I8") return convert<std::int8_t, std::int64_t>(info, widen);
    if (info.dtype == "U32") return convert<std::uint32_t, std::int64_t>(info, widen);
    if (info.dtype == "U16") return convert<std::uint16_t, std::int64_t>(info, widen);
    if (info.dtype == "U8" || info.dtype == "BOOL") return convert<std::uint8_t, std::int64_t>(info, widen);
    detail::fail(place(info), "dtype " + info.dtype, "I64, I32, I16, I8, U32, U16, U8 or BOOL");
  }

  /// The file's own notes: the strings under "__metadata__".
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

  /// The path (or name) that it was opened by.
  const std::string& path() const { return path_; }

 private:
  static_assert(std::endian::native == std::endian::little, "mmdl: safetensors files are read as they lie");

  BasicSafetensorsFile() = default;

  std::string place(const TensorInfo& info) const {
    return detail::printable(path_, 4096) + ": tensor " + detail::quoted(info.name);
  }

  /// Copies numbers of type `Stored` out of the (perhaps unaligned) bytes.
  template <class Stored, class Result, class Conversion>
  std::vector<Result> convert(const TensorInfo& info, const Conversion& conversion) const {
    const std::span<const std::byte> source = bytes(info);
    std::vector<Result> values(source.size() / sizeof(Stored));
    for (std::size_t i = 0; i < values.size(); ++i) {
      Stored stored;
      std::memcpy(&stored, source.data() + i * sizeof(Stored), sizeof(Stored));
      values[i] = conversion(stored);
    }
    return values;
  }

  void map_file() {
    const std::unique_ptr<std::FILE, detail::CloseFile> file(std::fopen(path_.c_str(), "rbe"));
    if (!file) detail::fail_file(path_, "open", errno);
    struct stat status {};
    if (::fstat(::fileno(file.get()), &status) != 0) detail::fail_file(path_, "read", errno);
    if (!S_ISREG(status.st_mode))
      detail::fail(detail::printable(path_, 4096), "something that is not a regular file",
                   "a safetensors file");
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return;  // nothing to map; `check` says what is wrong
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, ::fileno(file.get()), 0);
    if (address == MAP_FAILED) detail::fail_file(path_, "map", errno);
    memory_ = std::shared_ptr<const void>(
        address, [size](const void* mapped) { ::munmap(const_cast<void*>(mapped), size); });
    contents_ = {static_cast<const std::byte*>(address), size};
  }

  void check() {
    const std::string file = detail::printable(path_, 4096);
    constexpr std::size_t prefix = detail::safetensors_prefix;
    if (contents_.size() < prefix)
      detail::fail(file, std::to_string(contents_.size()) + " bytes",
                   "at least the 8 of the header's length");
    std::uint64_t length = 0;
    std::memcpy(&length, contents_.data(), prefix);
    if (length > detail::safetensors_header_limit)
      detail::fail(file, "a header length of " + std::to_string(length),
                   "at most 100000000 bytes (is it safetensors?)");
    if (length > contents_.size() - prefix)
      detail::fail(
          file, "a header length of " + std::to_string(length),
          "at most the " + std::to_string(contents_.size() - prefix) + " bytes that follow in the file");
    data_begin_ = prefix + static_cast<std::size_t>(length);
    const std::string_view text(reinterpret_cast<const char*>(contents_.data()) + prefix,
                                static_cast<std::size_t>(length));
    header_ = detail::SafetensorsHeaderParser<>(path_, text, contents_.size() - data_begin_).parse();
    for (std::size_t i = 0; i < tensors().size(); ++i) by_name_.push_back(i);
    std::sort(by_name_.begin(), by_name_.end(),
              [&](std::size_t a, std::size_t b) { return tensors()[a].name < tensors()[b].name; });
  }

  std::string path_;
  std::shared_ptr<const void> memory_;
  std::span<const std::byte> contents_;
  std::size_t data_begin_ = 0;
  detail::SafetensorsHeader header_;
  std::vector<std::size_t> by_name_;
};

/// See `BasicSafetensorsFile`.
using SafetensorsFile = BasicSafetensorsFile<>;

}  // namespace mmdl
