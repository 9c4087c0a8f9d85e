// SPDX-License-Identifier: Apache-2.0
// Files in the names of other frameworks, with weights by a formula, and what the framework computed from
// them.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <sstream>

#include "networks.hpp"

namespace training_test {

struct FileTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};
using FileTensors = std::map<std::string, FileTensor>;

inline void write(const FileTensors& tensors, const std::string& path) {
  SafetensorsWriter writer;
  for (const auto& [name, tensor] : tensors) writer.add(name, tensor.shape, tensor.values.data());
  writer.write(path);
}

/// The uniform numbers of [0, 1) that belong to a name: see generate_pretrained.py.
inline std::vector<float> uniform(const std::string& name, std::size_t count) {
  std::uint64_t stream = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : name) stream = (stream ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  std::vector<float> values(count + 3);
  for (std::size_t i = 0; i < count; i += 4) {
    const auto bits = random_bits(2024, stream, i / 4);
    for (std::size_t j = 0; j < 4 && i + j < count; ++j) values[i + j] = uniform_from_bits(bits[j]);
  }
  values.resize(count);
  return values;
}

/// What another framework computed, and the weights that it did so with, in its names and layouts.
struct Golden {
  FileTensors tensors;
  std::vector<double> outputs;

  Golden(const std::string& file_name, const std::string& name) {
    const SafetensorsFile file(std::string(MMDL_GOLDEN_DIR) + "/" + file_name);
    outputs = file.doubles(name + ".outputs");
    std::istringstream lines(file.metadata().at(name + ".tensors"));
    std::string tensor, extents;
    float offset = 0.0f, factor = 0.0f;
    while (lines >> tensor >> extents >> offset >> factor) {
      FileTensor made;
      std::istringstream numbers(extents);
      std::size_t count = 1;
      for (std::string extent; std::getline(numbers, extent, 'x');) {
        made.shape.push_back(std::stol(extent));
        count *= static_cast<std::size_t>(made.shape.back());
      }
      made.values = uniform(tensor, count);
      for (float& value : made.values) value = offset + factor * value;
      tensors[tensor] = std::move(made);
    }
    REQUIRE(tensors.size() > 10);
  }
};

template <int Size>
Tensor<Shape<Size, Size, 3>> picture() {
  Tensor<Shape<Size, Size, 3>> x(1);
  const std::vector<float> u = uniform("image", x.size());
  for (std::size_t i = 0; i < u.size(); ++i) x.data()[i] = 2.0f * u[i] - 1.0f;
  return x;
}

/// The largest difference to the framework's outputs, relative to their largest number.
template <class M>
double error_of(M& model, const Golden& golden) {
  const auto y = model.predict(picture<64>());
  REQUIRE(y.size() == golden.outputs.size());
  double largest = 0.0, worst = 0.0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    largest = std::max(largest, std::fabs(golden.outputs[i]));
    worst = std::max(worst, std::fabs(static_cast<double>(y.data()[i]) - golden.outputs[i]));
  }
  return worst / largest;
}

template <class Backbone, class Head = Linear<10>>
using Classifier = Model<Sequential<MultiScale<Backbone, NoFusion>, Head>, Shape<64, 64, 3>>;

/// The refusal of a changed file, which must be one line and leave the model as it was.
template <class M>
std::string refusal(M& model, FileTensors tensors, const std::function<void(FileTensors&)>& change) {
  const TemporaryFile file("foreign.safetensors");
  change(tensors);
  write(tensors, file.path);
  const std::vector<float> before = everything(model);
  const std::string message = message_of([&] { load_pretrained(model, file.path); });
  CHECK(has(message, file.path.c_str()));
  CHECK(message.find('\n') == std::string::npos);
  CHECK(everything(model) == before);
  return message;
}

}  // namespace training_test
