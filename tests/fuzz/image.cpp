// SPDX-License-Identifier: Apache-2.0
// Fuzz target of data/image.hpp: any bytes give a picture or an Error of one line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mmdl/data/image.hpp>
#include <span>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mmdl::DecodeOptions options;
  options.max_pixels = 1 << 18;
  for (const int target : {0, 2}) {
    options.target_width = options.target_height = target;
    try {
      const mmdl::RgbImage image = mmdl::decode_image(std::as_bytes(std::span(data, size)), "image", options);
      const auto count = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3;
      if (image.width < 1 || image.height < 1 || image.pixels.size() != count) std::abort();
    } catch (const mmdl::Error& error) {
      if (std::strncmp(error.what(), "image: found ", 13) != 0 || std::strchr(error.what(), '\n') != nullptr)
        std::abort();
    }
  }
  return 0;
}
