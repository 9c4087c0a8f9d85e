// SPDX-License-Identifier: Apache-2.0
// VGG-16 and GoogLeNet from files in torchvision's names.
#include <doctest/doctest.h>

#include "foreign_files.hpp"
#include "mmdl/models/googlenet.hpp"
#include "mmdl/models/vgg.hpp"

namespace pretrained_vgg_googlenet_test {

using namespace training_test;

namespace {

/// The last scale as it is, for a classifier that reads the whole map.
struct LastMap {
  template <class In>
  using output = detail::At<detail::AsList<In>::count - 1, detail::AsList<In>>;
  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder&, detail::Wires taps) {
    return detail::Wires::of(taps.id[taps.count - 1]);
  }
};

/// torchvision's classifier on the map as it is: three linear layers (narrower than its own).
template <class Backbone>
using Vgg =
    Model<Sequential<MultiScale<Backbone, LastMap>, Flatten, Linear<24>, Relu, Linear<16>, Relu, Linear<10>>,
          Shape<64, 64, 3>>;

template <class Backbone>
void check_vgg(const char* name, int tensors) {
  const Golden golden("pretrained_torchvision.safetensors", name);
  const TemporaryFile file(std::string(name) + ".safetensors");
  write(golden.tensors, file.path);
  Vgg<Backbone> model;
  const WeightReport report = load_pretrained(model, file.path);
  CHECK(report.complete());
  CHECK(report.loaded == tensors);
  CHECK(error_of(model, golden) < 1e-5);
}

}  // namespace

TEST_CASE("VGG-16 gives torchvision's logits") { check_vgg<Vgg16>("vgg16", 32); }

TEST_CASE("VGG-16 with batch norm gives torchvision's logits") { check_vgg<Vgg16BatchNorm>("vgg16_bn", 84); }

TEST_CASE("GoogLeNet gives torchvision's logits") {
  const Golden golden("pretrained_torchvision.safetensors", "googlenet");
  const TemporaryFile file("googlenet.safetensors");
  FileTensors tensors = golden.tensors;
  tensors["aux1.fc2.bias"] = {{10}, std::vector<float>(10)};  // only training has it
  write(tensors, file.path);
  Classifier<GoogLeNet> model;
  const WeightReport report = load_pretrained(model, file.path);
  CHECK(report.loaded == static_cast<int>(golden.tensors.size()));
  CHECK(report.extra == std::vector<std::string>{"aux1.fc2.bias"});
  CHECK(error_of(model, golden) < 1e-5);
  CHECK(has(
      refusal(model, golden.tensors, [](FileTensors& t) { t.erase("inception4c.branch4.1.bn.running_var"); }),
      "missing 1 (inception4c.branch4.1.bn.running_var)"));
}

}  // namespace pretrained_vgg_googlenet_test
