// SPDX-License-Identifier: Apache-2.0
// Fuzz target of data/manifest.hpp: any text gives an Error of one line, or a manifest whose JSON form gives
// it back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mmdl/data/manifest.hpp>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  mmdl::Manifest manifest;
  try {
    manifest = mmdl::parse_manifest(text, "manifest", "/nonexistent");
  } catch (const mmdl::Error& error) {
    if (std::strncmp(error.what(), "manifest: ", 10) != 0 || std::strchr(error.what(), '\n') != nullptr)
      std::abort();
    return 0;
  }
  const std::string written = mmdl::detail::json_manifest(manifest);
  if (!(mmdl::parse_manifest(written, "written", "/nonexistent") == manifest)) std::abort();
  try {
    const std::string lines = mmdl::detail::tsv_manifest("manifest", manifest);
    if (!(mmdl::parse_manifest(lines, "written", "/nonexistent") == manifest)) std::abort();
  } catch (const mmdl::Error& error) {  // a comma in a name, which only JSON can hold
    if (std::strncmp(error.what(), "manifest: found ", 16) != 0) std::abort();
  }
  return 0;
}
