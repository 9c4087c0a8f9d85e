// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes are a name that a naming has or has not, and what it has is in the scale that it
// says.
#include <cstdlib>
#include <mmdl/io/names_keras.hpp>
#include <mmdl/io/names_torchvision.hpp>

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string name(reinterpret_cast<const char*>(data), size);
  for (const mmdl::ForeignNaming* naming :
       {&mmdl::torchvision_resnet, &mmdl::torchvision_vgg, &mmdl::torchvision_vgg_bn,
        &mmdl::torchvision_googlenet, &mmdl::keras_mobilenet}) {
    const int scale = naming->scale(name);
    require(scale >= -1 && scale <= 5);
    const auto tensor = naming->tensor(name);
    if (!tensor) continue;
    const auto own = mmdl::detail::parse_own_name(name);
    require(own.has_value() && !tensor->name.empty());
    require(naming->scale(tensor->name) == own->scale);
    if (!tensor->other_name.empty()) require(naming->scale(tensor->other_name) == own->scale);
  }
  return 0;
}
