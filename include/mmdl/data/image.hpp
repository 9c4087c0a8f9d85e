// SPDX-License-Identifier: Apache-2.0
// Reading and writing JPEG and PNG images, in memory and as files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "../core/error.hpp"
#include "../core/file.hpp"
#include "../core/text.hpp"
#include "../data/jpeg.hpp"
#include "../data/png.hpp"
#include "../data/rgb_image.hpp"

namespace mmdl {

/// Decodes a JPEG or PNG image, told apart by its first bytes, into 8-bit RGB as a viewer shows it: JPEG may
/// be grayscale, YCbCr, RGB, CMYK or YCCK (inverted where Adobe's marker says so); PNG may be gray, gray and
/// alpha, palette, RGB or RGBA of any depth, interlaced or not, with alpha laid over white; Exif's
/// orientation is applied. `name` stands for the image in messages. Throws `Error` when the bytes are
/// neither, are cut short or broken, or exceed `options.max_pixels`. PyTorch:
/// `torchvision.io.decode_image(bytes, mode="RGB", apply_exif_orientation=True)`, channels last.
inline RgbImage decode_image(std::span<const std::byte> bytes, const std::string& name,
                             const DecodeOptions& options = {}) {
  const auto byte = [&](std::size_t i) { return std::to_integer<int>(bytes[i]); };
  if (bytes.size() >= 3 && byte(0) == 0xFF && byte(1) == 0xD8 && byte(2) == 0xFF)
    return detail::decode_jpeg(bytes, name, options);
  if (bytes.size() >= 4 && byte(0) == 0x89 && byte(1) == 'P' && byte(2) == 'N' && byte(3) == 'G')
    return detail::decode_png(bytes, name, options);
  if (bytes.empty()) detail::fail(detail::printable(name, 4096), "an empty file", "a JPEG or PNG image");
  std::string found = std::to_string(bytes.size()) + " bytes that begin with";
  for (std::size_t i = 0; i < bytes.size() && i < 4; ++i) {
    constexpr char digits[] = "0123456789abcdef";
    found += {' ', digits[byte(i) / 16], digits[byte(i) % 16]};
  }
  detail::fail(detail::printable(name, 4096), found, "a JPEG or PNG image");
}

/// Reads and decodes an image file; see `decode_image`. Throws `Error` when it cannot be read or has more
/// than 2^30 bytes, too. PyTorch: `torchvision.io.read_image`.
inline RgbImage read_image(const std::string& path, const DecodeOptions& options = {}) {
  // A pipe without a writer would never end; a folder has no bytes.
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    detail::fail(detail::printable(path, 4096), "something that is not a plain file", "a JPEG or PNG image");
  const std::string bytes = read_file(path, std::size_t{1} << 30);
  return decode_image(std::as_bytes(std::span(bytes)), path, options);
}

namespace detail {

inline void write_bytes(const std::string& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace detail

/// Writes `encode_jpeg(image, quality)` to a file, whole or not at all. Throws `Error` when it cannot.
inline void write_jpeg(const std::string& path, const RgbImage& image, int quality = 90) {
  detail::write_bytes(path, encode_jpeg(image, quality));
}

/// Writes `encode_png(image)` to a file, whole or not at all. Throws `Error` when it cannot.
inline void write_png(const std::string& path, const RgbImage& image) {
  detail::write_bytes(path, encode_png(image));
}

}  // namespace mmdl
