// SPDX-License-Identifier: Apache-2.0
// JPEG by libjpeg (libjpeg-turbo): decoding and encoding in memory.
#pragma once

// jpeglib.h needs the first two before it.
#include <cstddef>
#include <cstdio>
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on
#include <csetjmp>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"
#include "../data/orientation.hpp"
#include "../data/rgb_image.hpp"

namespace mmdl {
namespace detail {

/// Owns a libjpeg object and turns its errors into `Error`: nothing is printed and the process never ends.
/// libjpeg is C, so it is left by longjmp, from calls that hold nothing that would need a destructor.
template <class Object>
class JpegSession {
 public:
  explicit JpegSession(std::string place) : place_(std::move(place)) {
    object_.err = jpeg_std_error(&handler_.base);
    handler_.base.error_exit = leave;
    handler_.base.emit_message = judge;
    handler_.base.output_message = [](j_common_ptr) {};
  }
  JpegSession(const JpegSession&) = delete;
  JpegSession& operator=(const JpegSession&) = delete;
  ~JpegSession() {
    if constexpr (std::is_same_v<Object, jpeg_decompress_struct>)
      jpeg_destroy_decompress(&object_);
    else
      jpeg_destroy_compress(&object_);
  }

 protected:
  /// Runs `calls`, which calls libjpeg and creates no object with a destructor.
  template <class Calls>
  void guarded(const Calls& calls, const char* expected) {
    if (setjmp(handler_.jump) != 0)
      fail(place_, "a JPEG that libjpeg reports as '" + printable(handler_.message) + "'", expected);
    calls();
  }

  struct Handler {
    jpeg_error_mgr base;
    std::jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
  };

  std::string place_;
  Object object_{};
  Handler handler_{};

 private:
  [[noreturn]] static void leave(j_common_ptr object) {
    auto* handler = reinterpret_cast<Handler*>(object->err);
    handler->base.format_message(object, handler->message);
    std::longjmp(handler->jump, 1);
  }
  /// Level -1 is a warning: the picture is damaged. Three are harmless and common in real photographs.
  static void judge(j_common_ptr object, int level) {
    const int code = object->err->msg_code;
    if (level < 0 && code != JWRN_EXTRANEOUS_DATA && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR)
      leave(object);
  }
};

class JpegDecoder : JpegSession<jpeg_decompress_struct> {
 public:
  JpegDecoder(std::span<const std::byte> bytes, const std::string& name)
      : JpegSession(printable(name, 4096)), bytes_(bytes) {}

  RgbImage decode(const DecodeOptions& options) {
    read_header();
    check_size(place_, object_.image_width, object_.image_height, options);
    int orientation = 1;
    for (auto marker = object_.marker_list; marker != nullptr && orientation == 1; marker = marker->next)
      if (marker->data_length > 6 &&
          std::string_view(reinterpret_cast<const char*>(marker->data), 6) == std::string_view("Exif\0\0", 6))
        orientation = exif_orientation({marker->data + 6, marker->data_length - std::size_t{6}});
    choose_scale(options, orientation_swaps(orientation));
    const bool inks = choose_colours();
    start();
    RgbImage image(static_cast<int>(object_.output_width), static_cast<int>(object_.output_height));
    if (inks)
      read_inks(image);
    else
      guarded([&] { read_rows(image.pixels.data(), std::size_t{3} * object_.output_width); }, whole);
    guarded([&] { jpeg_finish_decompress(&object_); }, whole);
    return orient(std::move(image), orientation);
  }

 private:
  static constexpr const char* whole = "a whole, undamaged JPEG image";
  static constexpr int most_scans =
      500;  // a few kilobytes of empty scans would keep a decoder busy for minutes

  void read_header() {
    guarded(
        [&] {
          jpeg_create_decompress(&object_);
          jpeg_save_markers(&object_, JPEG_APP0 + 1, 0xFFFF);
          jpeg_mem_src(&object_, reinterpret_cast<const unsigned char*>(bytes_.data()),
                       static_cast<unsigned long>(bytes_.size()));
          jpeg_read_header(&object_, TRUE);
        },
        whole);
  }

  void choose_scale(const DecodeOptions& options, bool swaps) {
    if (options.target_width < 1 || options.target_height < 1) return;
    const std::int64_t width = 2 * std::int64_t{swaps ? options.target_height : options.target_width};
    const std::int64_t height = 2 * std::int64_t{swaps ? options.target_width : options.target_height};
    for (unsigned part = 8; part > 1 && object_.scale_denom == object_.scale_num; part /= 2)
      if (object_.image_width >= width * part && object_.image_height >= height * part) {
        object_.scale_num = 1;
        object_.scale_denom = part;
      }
  }

  /// Returns whether libjpeg gives inks (CMYK), which it does not turn into RGB itself.
  bool choose_colours() {
    switch (object_.jpeg_color_space) {
      case JCS_GRAYSCALE:
      case JCS_RGB:
      case JCS_YCbCr:
        object_.out_color_space = JCS_RGB;
        return false;
      case JCS_CMYK:
      case JCS_YCCK:
        object_.out_color_space = JCS_CMYK;
        return true;
      default:
        fail(place_, "a JPEG of " + std::to_string(object_.num_components) + " unknown colour components",
             "grayscale, YCbCr, RGB, CMYK or YCCK");
    }
  }

  void start() {
    progress_.progress_monitor = [](j_common_ptr object) {
      if (reinterpret_cast<j_decompress_ptr>(object)->input_scan_number <= most_scans) return;
      object->err->msg_code = JERR_BAD_PROGRESSION;
      object->err->error_exit(object);
    };
    object_.progress = &progress_;
    guarded([&] { jpeg_start_decompress(&object_); }, "at most 500 scans of a whole, undamaged JPEG image");
  }

  void read_rows(unsigned char* rows, std::size_t row_size) {
    while (object_.output_scanline < object_.output_height) {
      JSAMPROW row = rows + object_.output_scanline * row_size;
      jpeg_read_scanlines(&object_, &row, 1);
    }
  }

  /// Light = (1 - ink) * (1 - black); with Adobe's marker the file holds 1 - ink already.
  void read_inks(RgbImage& image) {
    std::vector<unsigned char> inks(std::size_t{4} * object_.output_width);
    const int flip = object_.saw_Adobe_marker ? 0 : 255;
    for (int y = 0; y < image.height; ++y) {
      guarded(
          [&] {
            JSAMPROW row = inks.data();
            jpeg_read_scanlines(&object_, &row, 1);
          },
          whole);
      unsigned char* to = image.at(0, y);
      for (std::size_t x = 0; x < inks.size(); x += 4)
        for (std::size_t c = 0; c < 3; ++c)
          *to++ = static_cast<unsigned char>(((inks[x + c] ^ flip) * (inks[x + 3] ^ flip) + 127) / 255);
    }
  }

  std::span<const std::byte> bytes_;
  jpeg_progress_mgr progress_{};
};

class JpegEncoder : JpegSession<jpeg_compress_struct> {
 public:
  JpegEncoder() : JpegSession("encode_jpeg") {}
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;
  ~JpegEncoder() { std::free(bytes_); }

  std::vector<std::byte> encode(const RgbImage& image, int quality) {
    check_image(place_, image, JPEG_MAX_DIMENSION);
    if (quality < 1 || quality > 100) fail("encode_jpeg: quality", std::to_string(quality), "1 to 100");
    guarded(
        [&] {
          jpeg_create_compress(&object_);
          jpeg_mem_dest(&object_, &bytes_, &size_);
          object_.image_width = static_cast<JDIMENSION>(image.width);
          object_.image_height = static_cast<JDIMENSION>(image.height);
          object_.input_components = 3;
          object_.in_color_space = JCS_RGB;
          jpeg_set_defaults(&object_);
          jpeg_set_quality(&object_, quality, TRUE);
          jpeg_start_compress(&object_, TRUE);
          while (object_.next_scanline < object_.image_height) {
            JSAMPROW row = const_cast<JSAMPROW>(image.at(0, static_cast<int>(object_.next_scanline)));
            jpeg_write_scanlines(&object_, &row, 1);
          }
          jpeg_finish_compress(&object_);
        },
        "an image that libjpeg can encode");
    const auto* begin = reinterpret_cast<const std::byte*>(bytes_);
    return {begin, begin + size_};
  }

 private:
  unsigned char* bytes_ = nullptr;
  unsigned long size_ = 0;
};

inline RgbImage decode_jpeg(std::span<const std::byte> bytes, const std::string& name,
                            const DecodeOptions& options) {
  return JpegDecoder(bytes, name).decode(options);
}

}  // namespace detail

/// The picture as the bytes of a JPEG file (YCbCr, colour halved in both directions), `quality` 1 to 100 on
/// libjpeg's scale. Throws `Error` for another quality, an empty picture, or a side above 65,500 pixels.
/// PyTorch: `torchvision.io.encode_jpeg`.
inline std::vector<std::byte> encode_jpeg(const RgbImage& image, int quality = 90) {
  return detail::JpegEncoder().encode(image, quality);
}

}  // namespace mmdl
