// SPDX-License-Identifier: Apache-2.0
// PNG by libpng: decoding and encoding in memory.
#pragma once

#include <png.h>

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"
#include "../data/orientation.hpp"
#include "../data/rgb_image.hpp"

namespace mmdl {
namespace detail {

/// Where libpng's errors go. It is C, so it is left by longjmp, from calls that hold nothing that would need
/// a destructor. Warnings are about chunks that carry no pixels: they are passed over.
struct PngErrors {
  std::jmp_buf jump;
  char message[256];

  [[noreturn]] static void leave(png_structp png, png_const_charp message) {
    auto* errors = static_cast<PngErrors*>(png_get_error_ptr(png));
    std::strncpy(errors->message, message, sizeof errors->message - 1);
    errors->message[sizeof errors->message - 1] = '\0';
    std::longjmp(errors->jump, 1);
  }
  static void ignore(png_structp, png_const_charp) {}
};

class PngDecoder {
 public:
  PngDecoder(std::span<const std::byte> bytes, const std::string& name)
      : place_(printable(name, 4096)), rest_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &errors_, PngErrors::leave, PngErrors::ignore);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }

  RgbImage decode(const DecodeOptions& options) {
    const std::size_t size = rest_.size();
    guarded([&] {
      png_set_read_fn(png_, this, read);
      png_set_user_limits(png_, 0x7FFFFFFF, 0x7FFFFFFF);  // checked below, with a better message
      png_set_chunk_malloc_max(png_, 1 << 24);
      png_read_info(png_, info_);
    });
    const int width = static_cast<int>(png_get_image_width(png_, info_));
    const int height = static_cast<int>(png_get_image_height(png_, info_));
    check_size(place_, width, height, options);
    // Deflate packs at most 1032 to 1: a header that promises more lies, and no memory is taken for it.
    if (png_get_rowbytes(png_, info_) / 1032 > size / static_cast<std::size_t>(height) + 1)
      fail(place_,
           std::to_string(size) + " bytes for " + std::to_string(width) + "x" + std::to_string(height),
           whole);
    bool alpha = false;
    guarded([&] {
      alpha = (png_get_color_type(png_, info_) & PNG_COLOR_MASK_ALPHA) != 0 ||
              png_get_valid(png_, info_, PNG_INFO_tRNS) != 0;
      png_set_expand(png_);  // palettes, 1, 2 and 4 bits, and transparent colours
      png_set_scale_16(png_);
      png_set_gray_to_rgb(png_);
      png_set_interlace_handling(png_);
      png_read_update_info(png_, info_);
    });
    RgbImage image(width, height);
    if (alpha)
      read_alpha(image);
    else
      read_rows(image.pixels, static_cast<std::size_t>(width) * 3);
    guarded([&] { png_read_end(png_, info_); });
    png_bytep exif = nullptr;
    png_uint_32 exif_size = 0;
    if (png_get_eXIf_1(png_, info_, &exif_size, &exif) == 0) return image;
    return orient(std::move(image), exif_orientation({exif, exif_size}));
  }

 private:
  static constexpr const char* whole = "a whole, undamaged PNG image";

  /// Runs `calls`, which calls libpng and creates no object with a destructor.
  template <class Calls>
  void guarded(const Calls& calls) {
    if (setjmp(errors_.jump) != 0)
      fail(place_, "a PNG that libpng reports as '" + printable(errors_.message) + "'", whole);
    calls();
  }

  static void read(png_structp png, png_bytep to, std::size_t count) {
    auto* self = static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (count > self->rest_.size()) PngErrors::leave(png, "premature end of file");
    std::memcpy(to, self->rest_.data(), count);
    self->rest_ = self->rest_.subspan(count);
  }

  void read_rows(std::vector<std::uint8_t>& pixels, std::size_t row_size) {
    std::vector<png_bytep> rows(pixels.size() / row_size);
    for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = pixels.data() + y * row_size;
    if (png_get_rowbytes(png_, info_) != row_size)
      fail(place_, std::to_string(png_get_rowbytes(png_, info_)) + " bytes a row", std::to_string(row_size));
    guarded([&] { png_read_image(png_, rows.data()); });
  }

  /// Over white: alpha * colour + (1 - alpha) * 255, on the stored (not linear) values, as viewers do it.
  void read_alpha(RgbImage& image) {
    std::vector<std::uint8_t> pixels(image.pixels.size() / 3 * 4);
    read_rows(pixels, static_cast<std::size_t>(image.width) * 4);
    std::uint8_t* to = image.pixels.data();
    for (std::size_t i = 0; i < pixels.size(); i += 4)
      for (std::size_t c = 0; c < 3; ++c)
        *to++ = static_cast<std::uint8_t>(
            (pixels[i + c] * pixels[i + 3] + 255 * (255 - pixels[i + 3]) + 127) / 255);
  }

  std::string place_;
  std::span<const std::byte> rest_;
  PngErrors errors_{};
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

class PngEncoder {
 public:
  PngEncoder() {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, &errors_, PngErrors::leave, PngErrors::ignore);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_write_struct(&png_, nullptr);
      throw std::bad_alloc();
    }
  }
  PngEncoder(const PngEncoder&) = delete;
  PngEncoder& operator=(const PngEncoder&) = delete;
  ~PngEncoder() { png_destroy_write_struct(&png_, &info_); }

  std::vector<std::byte> encode(const RgbImage& image) {
    check_image("encode_png", image, 1000000);  // libpng's own limit
    if (setjmp(errors_.jump) != 0)
      fail("encode_png", printable(errors_.message), "an image that libpng can encode");
    write(image);
    return std::move(bytes_);
  }

 private:
  void write(const RgbImage& image) {
    png_set_write_fn(png_, this, append, nullptr);
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height),
                 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png_, info_);
    for (int y = 0; y < image.height; ++y) png_write_row(png_, image.at(0, y));
    png_write_end(png_, info_);
  }

  static void append(png_structp png, png_bytep from, std::size_t count) {
    auto* self = static_cast<PngEncoder*>(png_get_io_ptr(png));
    bool done = true;
    try {
      const auto* begin = reinterpret_cast<const std::byte*>(from);
      self->bytes_.insert(self->bytes_.end(), begin, begin + count);
    } catch (const std::bad_alloc&) {
      done = false;  // no exception may pass through C, and none may be left by longjmp
    }
    if (!done) PngErrors::leave(png, "out of memory");
  }

  std::vector<std::byte> bytes_;
  PngErrors errors_{};
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

inline RgbImage decode_png(std::span<const std::byte> bytes, const std::string& name,
                           const DecodeOptions& options) {
  return PngDecoder(bytes, name).decode(options);
}

}  // namespace detail

/// The picture as the bytes of a PNG file (8-bit RGB, without loss). Throws `Error` for an empty picture or a
/// side above a million pixels. PyTorch: `torchvision.io.encode_png`.
inline std::vector<std::byte> encode_png(const RgbImage& image) { return detail::PngEncoder().encode(image); }

}  // namespace mmdl
