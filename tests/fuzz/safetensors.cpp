// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes are either a safetensors file, consistent in itself, or an Error of one line.
#include <cstdlib>
#include <mmdl/io/safetensors.hpp>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void read_numbers(const mmdl::SafetensorsFile& file, const mmdl::TensorInfo& info) {
  std::size_t elements = 1;
  for (const std::int64_t extent : info.shape) elements *= static_cast<std::size_t>(extent);
  try {
    require(file.floats(info.name).size() == elements);
  } catch (const mmdl::Error&) {  // integers, or numbers beyond float
  }
  try {
    require(file.integers(info.name).size() == elements);
  } catch (const mmdl::Error&) {  // floating-point numbers
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto file =
        mmdl::SafetensorsFile::parse(std::string(reinterpret_cast<const char*>(data), size), "input");
    std::size_t end = 0;
    for (const mmdl::TensorInfo& info : file.tensors()) {
      require(info.begin == end && file.find(info.name) == &info && mmdl::detail::valid_utf8(info.name));
      require(file.bytes(info).size() == info.end - info.begin);
      end = info.end;
      read_numbers(file, info);
    }
  } catch (const mmdl::Error& error) {
    const std::string_view message = error.what();
    require(message.starts_with("input: ") && mmdl::detail::valid_utf8(message));
    for (const char c : message) require(static_cast<unsigned char>(c) >= 0x20);
  }
  return 0;
}
