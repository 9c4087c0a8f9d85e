// SPDX-License-Identifier: Apache-2.0
// What the comparisons of whole networks share: weights by a formula that the generating scripts know too,
// and the measures of difference.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "mmdl/mmdl.hpp"

namespace comparison {

using namespace mmdl;

inline constexpr std::uint64_t seed = 2024;
inline constexpr std::size_t samples_of_a_tensor = 8;

inline std::uint64_t stream_of(const std::string& name) {
  std::uint64_t stream = 0xcbf29ce484222325U;  // FNV-1a
  for (const char c : name) stream = (stream ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return stream;
}

/// The uniform numbers of [0, 1) that belong to a name.
inline std::vector<float> uniform(const std::string& name, std::size_t count) {
  std::vector<float> values(count);
  const std::uint64_t stream = stream_of(name);
  detail::parallel_ranges(static_cast<long>(count), 4096, [&](long begin, long end) {
    for (long i = begin; i < end; i += 4) {
      const auto bits = random_bits(seed, stream, static_cast<std::uint64_t>(i) / 4);
      for (long j = 0; j < 4 && i + j < end; ++j)
        values[static_cast<std::size_t>(i + j)] = uniform_from_bits(bits[static_cast<std::size_t>(j)]);
    }
  });
  return values;
}

/// The formula of generate_networks.py: value = offset + scale * u, with u centred (2u - 1) where there is no
/// offset. Every product but that with He's bound is exact, so both sides agree bit for bit.
struct Formula {
  float offset, scale;

  Formula(const std::string& name, const detail::EntrySpec& spec, int last_norm)
      : offset(0.0f), scale(0.125f) {
    const bool norm_weight = spec.rank == 1 && name.ends_with(".weight");
    if (name.ends_with(".running_variance")) {
      offset = 0.5f, scale = 1.0f;
    } else if (spec.rank > 1) {
      scale = static_cast<float>(
          std::sqrt(6.0 / static_cast<double>(spec.count() / spec.extents[spec.rank - 1])));
    } else if (norm_weight) {
      offset = 0.75f, scale = 0.5f;
      if (name.find("block") != std::string::npos && name.find("shortcut") == std::string::npos &&
          name.ends_with("batch_norm" + std::to_string(last_norm) + ".weight"))
        offset *= 0.25f, scale *= 0.25f;  // the last norm of a residual body: deep networks stay tame
    }
  }
  float operator()(float u) const { return offset == 0.0f ? scale * (2.0f * u - 1.0f) : offset + scale * u; }
};

template <class M>
void set_by_formula(M& model, int last_norm) {
  for (std::size_t e = 0; e < model.names().size(); ++e) {
    const detail::EntrySpec& spec = model.engine().graph().entries[e].spec;
    const Formula formula(model.names()[e], spec, last_norm);
    const std::vector<float> u = uniform(model.names()[e], static_cast<std::size_t>(spec.count()));
    auto* data = model.engine().entry_data(static_cast<int>(e));
    for (std::size_t i = 0; i < u.size(); ++i) data[i] = static_cast<typename M::value_type>(formula(u[i]));
  }
}

/// Keeps the outputs that a loss is given.
template <class Loss>
struct Recorded {
  Loss loss;
  std::vector<double>* outputs;

  template <class T>
  T operator()(const T* values, const T* targets, T* gradients, int samples, int size) const {
    outputs->assign(values, values + static_cast<long>(samples) * size);
    return loss(values, targets, gradients, samples, size);
  }
};

/// The largest error of each kind, relative to the tensor's largest number (or norm), and PyTorch's own in
/// float32.
class Comparison {
 public:
  Comparison(const SafetensorsFile& file, std::string name) : file_(file), name_(std::move(name)) {}

  std::vector<double> golden(const std::string& key) const { return file_.doubles(name_ + "." + key); }

  std::vector<std::string> names(const std::string& key) const {
    std::istringstream lines(file_.metadata().at(name_ + "." + key));
    std::vector<std::string> all;
    for (std::string line; std::getline(lines, line);) all.push_back(line);
    return all;
  }

  static double largest(const std::vector<double>& values) {
    double result = 0.0;
    for (const double value : values) result = std::max(result, std::fabs(value));
    return result;
  }

  /// Whole outputs.
  template <class Numbers>
  void outputs(const char* kind, const std::string& key, const Numbers& numbers, std::size_t count) {
    const std::vector<double> expected = golden(key);
    REQUIRE(expected.size() == count);
    const double scale = largest(expected);
    for (std::size_t i = 0; i < count; ++i) add(kind, static_cast<double>(numbers[i]) - expected[i], scale);
  }

  void add(const char* kind, double difference, double scale) {
    auto place =
        std::find_if(errors_.begin(), errors_.end(), [&](const Error& error) { return error.kind == kind; });
    if (place == errors_.end()) place = errors_.insert(place, Error{kind, 0.0});
    double& worst = place->worst;
    worst = std::isfinite(difference) ? std::max(worst, std::fabs(difference) / scale) : HUGE_VAL;
  }

  /// In double all must agree to `exact`, which proves the network; the golden numbers are stored in float32.
  /// In float to 1e-4, or in the order of PyTorch's own float32 error: where a ReLU's input is rounding
  /// noise, a gradient passes or does not, and batch norm over the few places of one small image amplifies
  /// it.
  template <class T>
  void verify(double exact) const {
    for (const Error& error : errors_) {
      const double rounding = golden("float32_error." + error.kind)[0];
      const double bound = std::is_same_v<T, double> ? exact : std::max(1e-4, 10.0 * rounding);
      INFO(name_, ": ", error.kind, ": error ", error.worst, ", PyTorch's in float32 ", rounding);
      CHECK(error.worst <= bound);
    }
  }

 private:
  struct Error {
    std::string kind;
    double worst;
  };
  const SafetensorsFile& file_;
  std::string name_;
  std::vector<Error> errors_;
};

template <class T>
double signed_sum(const T* values, long count) {
  double sum = 0.0;
  for (long i = 0; i < count; ++i) {
    const bool positive = ((static_cast<std::uint64_t>(i) * 2654435761U >> 16) & 1) != 0;
    sum += positive ? static_cast<double>(values[i]) : -static_cast<double>(values[i]);
  }
  return sum;
}

/// Calls `body(entry, place, kind, first of its golden samples)` for the tensors that PyTorch's side names.
template <class M, class Body>
void for_entries(M& model, const std::vector<std::string>& names, const Body& body) {
  const auto& own = model.names();
  for (std::size_t g = 0; g < names.size(); ++g) {
    const auto place = std::find(own.begin(), own.end(), names[g]);
    INFO(names[g]);
    REQUIRE(place != own.end());
    body(static_cast<int>(place - own.begin()), g);
  }
}

template <class M>
void compare_gradients(Comparison& compare, M& model) {
  const auto norms = compare.golden("gradient_norms"), largest = compare.golden("gradient_largest");
  // A tensor whose gradient is but rounding (a bias before batch norm) is measured by the others.
  const double least_norm = 1e-6 * Comparison::largest(norms), least = 1e-6 * Comparison::largest(largest);
  const auto sums = compare.golden("gradient_signed"), samples = compare.golden("gradient_samples");
  for_entries(model, compare.names("parameters"), [&](int e, std::size_t g) {
    const detail::Entry& entry = model.engine().graph().entries[e];
    const auto* gradient = model.gradients().data() + entry.offset;
    const long count = entry.spec.count();
    double squares = 0.0;
    for (long i = 0; i < count; ++i)
      squares += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
    compare.add("gradient_norms", std::sqrt(squares) - norms[g], std::max(norms[g], least_norm));
    compare.add("gradient_signed", signed_sum(gradient, count) - sums[g], std::max(norms[g], least_norm));
    for (std::size_t k = 0; k < samples_of_a_tensor; ++k)
      compare.add("gradient_samples",
                  static_cast<double>(
                      gradient[count * static_cast<long>(k) / static_cast<long>(samples_of_a_tensor)]) -
                      samples[g * samples_of_a_tensor + k],
                  std::max(largest[g], least));
  });
}

/// Parameters or running statistics after the steps, relative to the tensor's largest number.
template <class M>
void compare_values(Comparison& compare, M& model, const char* names, const char* kind) {
  const auto samples = compare.golden(kind);
  for_entries(model, compare.names(names), [&](int e, std::size_t g) {
    const long count = model.engine().graph().entries[e].spec.count();
    const auto* values = model.engine().entry_data(e);
    double scale = 0.0;
    for (long i = 0; i < count; ++i) scale = std::max(scale, std::fabs(static_cast<double>(values[i])));
    for (std::size_t k = 0; k < samples_of_a_tensor; ++k)
      compare.add(
          kind,
          static_cast<double>(values[count * static_cast<long>(k) / static_cast<long>(samples_of_a_tensor)]) -
              samples[g * samples_of_a_tensor + k],
          scale);
  });
}

template <class S, class T>
Tensor<S, T> image(int samples) {
  Tensor<S, T> tensor(samples);
  const std::vector<float> u = uniform("image", tensor.size());
  for (std::size_t i = 0; i < u.size(); ++i) tensor.data()[i] = static_cast<T>(2.0f * u[i] - 1.0f);
  return tensor;
}

inline constexpr Sgd optimizer{.learning_rate = 0.001f, .momentum = 0.9f, .weight_decay = 0.001f};

/// A classifier of ten: inference, as many training steps (one or two) as there are golden
/// losses.
template <class T, class Net, int Size>
void compare_classifier(const SafetensorsFile& file, const std::string& name, int samples, int last_norm,
                        double exact) {
  using Image = Shape<Size, Size, 3>;
  Comparison compare(file, name);
  Model<Net, Image, Cpu<T>> model;
  CHECK(model.names().size() == compare.names("parameters").size() + compare.names("states").size());
  set_by_formula(model, last_norm);
  const auto x = image<Image, T>(samples);
  Tensor<Shape<10>, T> y(samples);
  y(0, 3) = T{1};
  if (samples > 1) y(1, 7) = T{1};

  const auto prediction = model.predict(x);
  compare.outputs("inference", "inference1", prediction.data(), prediction.size());

  std::vector<double> outputs;
  Trainer trainer{model, Recorded<SoftmaxCrossEntropy>{{}, &outputs}, optimizer};
  trainer.with_gradients_kept();
  const std::vector<double> losses = compare.golden("losses");
  compare.add("losses", static_cast<double>(trainer.step(x, y)) - losses[0], losses[0]);
  compare.outputs("training", "training1", outputs, outputs.size());
  compare_gradients(compare, model);
  if (losses.size() > 1)
    compare.add("losses", static_cast<double>(trainer.step(x, y)) - losses[1], losses[1]);
  compare_values(compare, model, "parameters", "updated_samples");
  compare_values(compare, model, "states", "state_samples");
  compare.template verify<T>(exact);
}

}  // namespace comparison
