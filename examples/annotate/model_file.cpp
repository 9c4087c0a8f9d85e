// SPDX-License-Identifier: Apache-2.0
// A weight file's notes, written and read.
#include "model_file.hpp"

#include <algorithm>
#include <charconv>
#include <mmdl/io/safetensors.hpp>
#include <nlohmann/json.hpp>

namespace annotate {

using Json = nlohmann::json;
using mmdl::detail::fail, mmdl::detail::quoted;

std::map<std::string, std::string> to_metadata(const ModelNotes& notes) {
  const auto& normalisation = notes.normalisation;
  return {{"annotate.version", "1"},
          {"annotate.backbone", notes.network.backbone},
          {"annotate.variant", notes.network.variant},
          {"annotate.size", std::to_string(notes.network.size)},
          {"annotate.labels", Json(notes.labels).dump()},
          {"annotate.label_counts", Json(notes.label_counts).dump()},
          {"annotate.tags", Json(notes.tags).dump()},
          {"annotate.mean", Json(normalisation.mean).dump()},
          {"annotate.deviation", Json(normalisation.deviation).dump()},
          {"annotate.seed", std::to_string(notes.seed)}};
}

namespace {

/// Reads the notes of one file, each with the place in messages.
class NotesReader {
 public:
  explicit NotesReader(const mmdl::SafetensorsFile& file) : file_(file) {}

  std::string place(const std::string& key) const {
    return mmdl::detail::printable(file_.path(), 4096) + ": metadata 'annotate." + key + "'";
  }
  const std::string& text(const std::string& key) const {
    const auto found = file_.metadata().find("annotate." + key);
    if (found == file_.metadata().end()) fail(place(key), "nothing", "the note that annotate writes");
    return found->second;
  }
  template <class Number>
  Number number(const std::string& key) const {
    const std::string& digits = text(key);
    Number value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size())
      fail(place(key), quoted(digits), "a whole number");
    return value;
  }
  template <class List>
  List list(const std::string& key) const {
    try {
      return Json::parse(text(key)).template get<List>();
    } catch (const Json::exception&) {
      fail(place(key), quoted(text(key)), "a JSON list of the right type and length");
    }
  }
  /// Distinct names that may be printed.
  std::vector<std::string> names(const std::string& key) const {
    auto result = list<std::vector<std::string>>(key);
    for (const std::string& name : result) mmdl::detail::check_name(place(key), "name", name);
    auto sorted = result;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) fail(place(key), quoted(*twice) + " twice", "distinct names");
    return result;
  }

 private:
  const mmdl::SafetensorsFile& file_;
};

}  // namespace

LoadedModel load_model(const std::string& path, const std::string& precision, const std::string& device) {
  LoadedModel model;
  ModelNotes& notes = model.notes;
  {
    const mmdl::SafetensorsFile file(path);
    const NotesReader reader(file);
    if (reader.text("version") != "1") fail(reader.place("version"), quoted(reader.text("version")), "'1'");
    notes.network = {reader.text("backbone"), reader.text("variant"), reader.number<int>("size"), precision,
                     device};
    notes.labels = reader.names("labels");
    if (notes.labels.empty()) fail(reader.place("labels"), "no labels", "at least one");
    notes.label_counts = reader.list<std::vector<long>>("label_counts");
    if (notes.label_counts.size() != notes.labels.size())
      fail(reader.place("label_counts"), std::to_string(notes.label_counts.size()) + " numbers",
           std::to_string(notes.labels.size()) + ", one a label");
    notes.tags = reader.names("tags");
    notes.normalisation.mean = reader.list<std::array<float, 3>>("mean");
    notes.normalisation.deviation = reader.list<std::array<float, 3>>("deviation");
    try {
      mmdl::check_normalisation(notes.normalisation);
    } catch (const mmdl::Error& error) {
      fail(reader.place("mean") + ": " + error.what());
    }
    notes.seed = reader.number<std::uint64_t>("seed");
  }
  const std::string place = mmdl::detail::printable(path, 4096);
  const std::vector<std::string> methods = registry().method_names();
  if (std::find(methods.begin(), methods.end(), notes.network.variant) != methods.end())
    model.program = registry().make_method(notes.network, place, static_cast<int>(notes.tags.size()),
                                           static_cast<int>(notes.labels.size()), notes.seed);
  else
    model.program = registry().make(notes.network, place, notes.seed);
  check_room(*model.program, place, notes.labels.size(), notes.tags.size());
  model.program->load_weights(path);
  return model;
}

void check_room(const Predictor& program, const std::string& place, std::size_t labels, std::size_t tags) {
  const auto check = [&](const char* what, std::size_t count, int room) {
    if (count > static_cast<std::size_t>(room))
      fail(place, std::to_string(count) + " " + what,
           "at most " + std::to_string(room) + ", the room that this program was built with");
  };
  check("labels", labels, program.label_room());
  if (program.has_tags()) check("tags", tags, program.tag_room());
}

}  // namespace annotate
