// SPDX-License-Identifier: Apache-2.0
// A model's weights in a safetensors file: save, load, and transfer between networks that share a part.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "../io/safetensors.hpp"
#include "../io/safetensors_writer.hpp"
#include "../training/model.hpp"

namespace mmdl {

/// What a weight file and a model do not agree on. Empty lists: they agree.
struct WeightReport {
  int loaded = 0;                    ///< tensors taken over
  std::vector<std::string> missing;  ///< in the model, not in the file
  std::vector<std::string> extra;    ///< in the file, not in the model
  std::vector<std::string>
      mismatched;  ///< in both, with other shapes: "name: found 3x3x8x8, expected 3x3x8x16"

  bool complete() const { return missing.empty() && extra.empty() && mismatched.empty(); }

  /// All of it in one line.
  std::string str() const {
    const auto part = [](const char* what, const std::vector<std::string>& names) {
      if (names.empty()) return std::string();
      std::string text = std::string("; ") + what + " " + std::to_string(names.size()) + " (";
      for (std::size_t i = 0; i < names.size() && i < 3; ++i) text += (i > 0 ? ", " : "") + names[i];
      return text + (names.size() > 3 ? ", ...)" : ")");
    };
    return std::to_string(loaded) + " tensors loaded" + part("missing", missing) + part("extra", extra) +
           part("of another shape", mismatched);
  }
};

namespace detail {

inline std::vector<std::int64_t> entry_shape(const EntrySpec& spec) {
  return {spec.extents, spec.extents + spec.rank};
}

inline std::string dimensions_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t extent : shape) {
    if (!text.empty()) text += 'x';
    text += std::to_string(extent);
  }
  return text.empty() ? "a scalar" : text;
}

// What reads and writes files: templates only so that a program that does neither does not compile them.

/// The values of a tensor of the file, checked to be finite.
template <class = void>
std::vector<float> finite_floats(const SafetensorsFile& file, const std::string& name) {
  std::vector<float> values = file.floats(name);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      fail(file.path() + ": tensor '" + name + "': number " + std::to_string(i), std::to_string(values[i]),
           "a finite number");
  return values;
}

/// Matches the file's tensors under `file_prefix` with the model's under `model_prefix`. Nothing is changed
/// until every value has been read and found finite; with `strict`, until everything matched.
template <class = void>
WeightReport take_weights(ParameterStore<float>& engine, const SafetensorsFile& file,
                          std::string_view file_prefix, std::string_view model_prefix, bool strict) {
  WeightReport report;
  std::map<std::string, bool> used;
  for (const TensorInfo& info : file.tensors())
    if (info.name.starts_with(file_prefix)) used[info.name] = false;
  std::vector<std::pair<int, std::vector<float>>> found;
  for (int e = 0; e < engine.graph().entry_count; ++e) {
    const std::string& name = engine.names()[static_cast<std::size_t>(e)];
    if (!name.starts_with(model_prefix)) continue;
    const std::string in_file = std::string(file_prefix) + name.substr(model_prefix.size());
    const TensorInfo* info = file.find(in_file);
    if (info == nullptr) {
      report.missing.push_back(name);
      continue;
    }
    used[in_file] = true;
    const auto expected = entry_shape(engine.graph().entries[e].spec);
    if (info->shape != expected) {
      report.mismatched.push_back(name + ": found " + dimensions_text(info->shape) + ", expected " +
                                  dimensions_text(expected));
      continue;
    }
    found.emplace_back(e, finite_floats(file, in_file));
  }
  for (const auto& [name, seen] : used)
    if (!seen) report.extra.push_back(name);
  if (strict && !report.complete())
    fail(file.path() + ": weights", report.str().substr(report.str().find(';') + 2),
         "the tensors of this network");
  for (const auto& [entry, values] : found) std::copy(values.begin(), values.end(), engine.entry_data(entry));
  report.loaded = static_cast<int>(found.size());
  return report;
}

/// Mixes 64 bits (the finaliser of MurmurHash3).
constexpr std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ bits >> 33) * 0xff51afd7ed558ccdU;
  bits = (bits ^ bits >> 33) * 0xc4ceb9fe1a85ec53U;
  return bits ^ bits >> 33;
}

template <class = void>
void add_weights(SafetensorsWriter& writer, const ParameterStore<float>& engine,
                 const std::string& prefix = "") {
  for (int e = 0; e < engine.graph().entry_count; ++e)
    writer.add(prefix + engine.names()[static_cast<std::size_t>(e)],
               entry_shape(engine.graph().entries[e].spec), engine.entry_data(e));
}

}  // namespace detail

/// Writes all parameters and running statistics to a safetensors file, by their names, float32, with
/// `metadata` beside them. The file appears whole or not at all. Throws `Error` where it cannot be written.
/// PyTorch: `safetensors.torch.save_file(net.state_dict(), path)`.
template <class Net, class Input, class Backend>
void save(const Model<Net, Input, Backend>& model, const std::string& path,
          const std::map<std::string, std::string>& metadata = {}) {
  SafetensorsWriter writer;
  detail::add_weights(writer, model.engine());
  for (const auto& [key, value] : metadata) writer.metadata(key, value);
  writer.write(path);
}

/// Reads what `save` wrote. Throws `Error`, and leaves the model as it was, unless the file holds exactly the
/// model's tensors, of their shapes, all finite; the message lists what is missing, extra, or of another
/// shape. PyTorch: `net.load_state_dict(load_file(path))`.
template <class Net, class Input, class Backend>
void load(Model<Net, Input, Backend>& model, const std::string& path) {
  detail::take_weights(model.engine(), SafetensorsFile(path), "", "", /*strict=*/true);
}

/// Takes from a file what fits: tensors whose names begin with `from` go to the model's whose names begin
/// with `to` and continue alike. `transfer(model, "backbone.safetensors", "", "visual.")` puts a backbone
/// into an annotator. Gives the report of what was loaded, missing, extra, and of another shape; throws
/// `Error` for a bad file, a number that is not finite, or when nothing at all fits. PyTorch:
/// `load_state_dict(..., strict=False)`.
template <class Net, class Input, class Backend>
WeightReport transfer(Model<Net, Input, Backend>& model, const std::string& path, std::string_view from = "",
                      std::string_view to = "") {
  const SafetensorsFile file(path);
  WeightReport report = detail::take_weights(model.engine(), file, from, to, /*strict=*/false);
  if (report.loaded == 0)
    detail::fail(path + ": transfer of '" + std::string(from) + "*' to '" + std::string(to) + "*'",
                 "no tensor of a fitting name and shape", "at least one");
  return report;
}

/// The same from another model instead of a file: how weights pass from one stage of a training to the next.
/// Gives the report; throws `Error` when nothing fits, and changes nothing then.
template <class ToNet, class ToInput, class ToBackend, class FromNet, class FromInput, class FromBackend>
WeightReport transfer(Model<ToNet, ToInput, ToBackend>& to,
                      const Model<FromNet, FromInput, FromBackend>& from, std::string_view from_prefix = "",
                      std::string_view to_prefix = "") {
  auto& target = to.engine();
  const auto& source = from.engine();
  WeightReport report;
  std::map<std::string, int> entries;
  for (int e = 0; e < source.graph().entry_count; ++e)
    if (source.names()[static_cast<std::size_t>(e)].starts_with(from_prefix))
      entries[source.names()[static_cast<std::size_t>(e)].substr(from_prefix.size())] = e;
  for (int e = 0; e < target.graph().entry_count; ++e) {
    const std::string& name = target.names()[static_cast<std::size_t>(e)];
    if (!name.starts_with(to_prefix)) continue;
    const auto found = entries.find(name.substr(to_prefix.size()));
    if (found == entries.end()) {
      report.missing.push_back(name);
      continue;
    }
    const auto is = detail::entry_shape(source.graph().entries[found->second].spec);
    const auto expected = detail::entry_shape(target.graph().entries[e].spec);
    if (is == expected) {
      std::copy_n(source.entry_data(found->second), target.graph().entries[e].spec.count(),
                  target.entry_data(e));
      ++report.loaded;
    } else {
      report.mismatched.push_back(name + ": found " + detail::dimensions_text(is) + ", expected " +
                                  detail::dimensions_text(expected));
    }
    entries.erase(found);
  }
  for (const auto& [name, entry] : entries) report.extra.push_back(std::string(from_prefix) + name);
  if (report.loaded == 0)
    detail::fail("transfer of '" + std::string(from_prefix) + "*' to '" + std::string(to_prefix) + "*'",
                 "no tensor of a fitting name and shape", "at least one");
  return report;
}

/// A text that changes whenever a weight does: 16 hexadecimal digits over the names, shapes and numbers of
/// all parameters and running statistics. Tells caches of features apart; no protection against forgery.
template <class Net, class Input, class Backend>
std::string network_fingerprint(const Model<Net, Input, Backend>& model) {
  const auto& engine = model.engine();
  std::uint64_t hash = 0;
  const auto add = [&](std::uint64_t bits) {
    hash = detail::mixed(hash ^ detail::mixed(bits + 0x9e3779b97f4a7c15U));
  };
  for (int e = 0; e < engine.graph().entry_count; ++e) {
    for (const char c : engine.names()[static_cast<std::size_t>(e)]) add(static_cast<unsigned char>(c));
    const long count = engine.graph().entries[e].spec.count();
    for (long i = 0; i < count; ++i) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, engine.entry_data(e) + i, sizeof bits);
      add(bits);
    }
  }
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += digits[hash >> shift & 15U];
  return text;
}

}  // namespace mmdl
