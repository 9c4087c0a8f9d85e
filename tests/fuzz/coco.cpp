// SPDX-License-Identifier: Apache-2.0
// Fuzz target of data/coco.hpp: any text gives an Error of one line, or a manifest that is whole in itself.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mmdl/data/coco.hpp>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string name = "coco", text(reinterpret_cast<const char*>(data), size);
  try {
    const mmdl::Coco coco =
        mmdl::detail::make_coco(name, mmdl::detail::parse_coco(name, text), "/nonexistent", {});
    if (coco.image_ids.size() != coco.manifest.samples.size() ||
        coco.category_ids.size() != coco.manifest.labels.size())
      std::abort();
  } catch (const mmdl::Error& error) {
    if (std::strncmp(error.what(), "coco: ", 6) != 0 || std::strchr(error.what(), '\n') != nullptr)
      std::abort();
  }
  return 0;
}
