// SPDX-License-Identifier: Apache-2.0
// Our side of scripts/check_mobilenet.sh: photographs as the numbers that both sides are fed with, and the
// comparison.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <mmdl/data/image.hpp>
#include <mmdl/data/resize.hpp>
#include <mmdl/data/transform.hpp>
#include <mmdl/mmdl.hpp>
#include <numeric>
#include <string>
#include <vector>

using namespace mmdl;

namespace {

using Image = Shape<224, 224, 3>;
using Net = Sequential<MultiScale<MobileNet<75>, NoFusion>, Linear<1000>>;
constexpr std::size_t zebra = 340;  // the class of ImageNet

/// The middle square of each photograph of a folder, in the order of their names.
void write_inputs(const std::string& folder, const std::string& path) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  Tensor<Image> images(static_cast<int>(files.size()));
  std::string names;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const RgbImage picture = read_image(files[i]);
    const RgbImage square = resize(crop(picture, centre_box(picture, 224, 224)), 224, 224);
    normalise(square, Normalisation::minus_one_to_one(), images[static_cast<int>(i)]);
    names += std::filesystem::path(files[i]).filename().string() + "\n";
  }
  SafetensorsWriter writer;
  writer.add("images", {images.samples(), 224, 224, 3}, images.data());
  writer.metadata("names", names);
  writer.write(path);
}

std::vector<std::size_t> five_largest(const float* logits) {
  std::vector<std::size_t> order(1000);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::partial_sort(order.begin(), order.begin() + 5, order.end(),
                    [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  order.resize(5);
  return order;
}

int compare(const std::string& weights, const std::string& inputs, const std::string& reference) {
  const SafetensorsFile input_file(inputs), reference_file(reference);
  const std::vector<float> numbers = input_file.floats("images"), expected = reference_file.floats("logits");
  const int samples = static_cast<int>(input_file.at("images").shape.at(0));
  if (samples < 1 || expected.size() != static_cast<std::size_t>(samples) * 1000)
    detail::fail(reference + ": tensor 'logits'", std::to_string(expected.size()) + " numbers",
                 "1000 for each of " + std::to_string(samples) + " images");
  Model<Net, Image> model;
  std::printf("%s\n", load_pretrained(model, weights).str().c_str());
  Tensor<Image> images(samples);
  std::copy(numbers.begin(), numbers.end(), images.data());
  const Tensor<Shape<1000>> logits = model.predict(images);

  int equal = 0, zebras = 0, as_zebras = 0;
  double worst = 0.0, largest = 0.0;
  std::size_t begin = 0;
  const std::string& names = input_file.metadata().at("names");
  for (int n = 0; n < samples; ++n) {
    const float* own = logits[n].data();
    const float* other = expected.data() + static_cast<std::size_t>(n) * 1000;
    for (int i = 0; i < 1000; ++i) {
      worst = std::max(worst, std::fabs(static_cast<double>(own[i]) - static_cast<double>(other[i])));
      largest = std::max(largest, std::fabs(static_cast<double>(other[i])));
    }
    const std::vector<std::size_t> ours = five_largest(own);
    const bool same = ours == five_largest(other);
    equal += same ? 1 : 0;
    const std::size_t end = names.find('\n', begin);
    const std::string name = names.substr(begin, end - begin);
    begin = end + 1;
    if (name.starts_with("zebra")) ++zebras, as_zebras += ours[0] == zebra ? 1 : 0;
    std::printf("%-24s classes", name.c_str());
    for (const std::size_t c : ours) std::printf(" %zu", c);
    std::printf("%s\n", same ? "" : "  other than the framework's");
  }
  std::printf("top-5 equal on %d of %d images; largest difference of a logit %.3g, largest logit %.4g\n",
              equal, samples, worst, largest);
  std::printf("%d of %d zebras are zebras\n", as_zebras, zebras);
  return equal == samples && worst <= 1e-4 * largest ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) try {
  const std::vector<std::string> a(arguments + 1, arguments + count);
  if (a.size() == 3 && a[0] == "inputs") return write_inputs(a[1], a[2]), 0;
  if (a.size() == 4 && a[0] == "compare") return compare(a[1], a[2], a[3]);
  detail::fail("usage: check_mobilenet inputs <folder> <file> | compare <weights> <inputs> <logits>");
} catch (const Error& error) {
  std::fprintf(stderr, "check_mobilenet: %s\n", error.what());
  return 1;
}
