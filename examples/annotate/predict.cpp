// SPDX-License-Identifier: Apache-2.0
// `annotate predict`: labels for pictures, with or without a known truth, as text, JSON or an HTML sheet.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <mmdl/core/threads.hpp>
#include <mmdl/data/manifest.hpp>
#include <mmdl/data/sheet.hpp>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "data_set.hpp"
#include "model_file.hpp"
#include "report.hpp"

namespace annotate {

using mmdl::detail::fail, mmdl::detail::quoted;

namespace {

/// Words between blanks and commas.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t begin = text.find_first_not_of(" \t,"); begin < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \t,", begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(" \t,", end);
  }
  return words;
}

/// What is to be predicted: `known_truth` where a manifest says what the labels are.
struct Query {
  mmdl::Manifest manifest;
  bool known_truth = false;
};

/// The pictures of the command line that are the manifest's, by where they lie; all of its pictures if none
/// is given.
mmdl::Manifest chosen_of(mmdl::Manifest manifest, const PredictCommand& command) {
  if (command.images.empty()) return manifest;
  const auto place = [](const std::filesystem::path& path) {
    return std::filesystem::weakly_canonical(path).string();
  };
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < manifest.samples.size(); ++i)
    places.emplace(place(std::filesystem::path(manifest.root) / manifest.samples[i].image), i);
  std::vector<mmdl::Sample> samples;
  for (const std::string& image : command.images) {
    const auto found = places.find(place(image));
    if (found == places.end())
      fail(mmdl::detail::printable(image, 4096), "an image that " + command.data + " has not",
           "one of its images");
    samples.push_back(manifest.samples[found->second]);
  }
  manifest.samples = std::move(samples);
  return manifest;
}

/// The tags of a file whose lines begin with the pictures' file names.
void attach_by_file_name(mmdl::Manifest& manifest, const std::string& tags_file) {
  mmdl::Manifest names{manifest.labels, manifest.samples, ""};
  for (mmdl::Sample& sample : names.samples)
    sample.image = std::filesystem::path(sample.image).filename().string();
  for (std::size_t i = 0; i < names.samples.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      if (names.samples[i].image == names.samples[k].image)
        fail("--tags-file", "two pictures named " + quoted(names.samples[i].image),
             "names that tell them apart");
  const int others = mmdl::attach_tags(names, tags_file, {.allow_unknown_images = true});
  bool any = false;
  for (std::size_t i = 0; i < names.samples.size(); ++i) {
    any = any || !names.samples[i].tags.empty();
    manifest.samples[i].tags = std::move(names.samples[i].tags);
  }
  if (!any && others > 0)
    fail(tags_file, std::to_string(others) + " lines, none about these pictures", "lines about them");
}

Query read_query(const PredictCommand& command, const std::vector<std::string>& labels) {
  Query query;
  if (!command.data.empty()) {
    query.manifest = chosen_of(
        relabelled(read_data(command.data, command.tags_file, command.root), labels, command.data), command);
    query.known_truth = true;
  } else {
    if (command.images.empty()) fail("predict", "no images", "images, or --data with a manifest of some");
    query.manifest.labels = labels;
    for (const std::string& image : command.images)
      query.manifest.samples.push_back({std::filesystem::absolute(image).string(), {}, {}});
    if (!command.tags_file.empty()) attach_by_file_name(query.manifest, command.tags_file);
  }
  auto& samples = query.manifest.samples;
  if (command.count > 0 && static_cast<std::size_t>(command.count) < samples.size())
    samples.resize(static_cast<std::size_t>(command.count));
  if (!command.tags.empty()) {
    if (command.tags.size() != samples.size())
      fail("--tags", std::to_string(command.tags.size()) + " times",
           "once for each of the " + std::to_string(samples.size()) + " images");
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i].tags = words_of(command.tags[i]);
  }
  return query;
}

double probability(float logit) { return 1.0 / (1.0 + std::exp(-static_cast<double>(logit))); }

/// The path as the user gave it, or as the manifest does.
std::string shown_path(const PredictCommand& command, const Query& query, std::size_t i) {
  if (i < command.images.size()) return command.images[i];
  return (std::filesystem::path(query.manifest.root) / query.manifest.samples[i].image).string();
}

}  // namespace

void run(const PredictCommand& command) {
  if (command.threads > 0) mmdl::set_thread_count(command.threads);
  const LoadedModel model = load_model(command.weights, command.precision, command.device);
  const std::vector<std::string>& labels = model.notes.labels;
  const Selection selection =
      resolved(command.selection, model.program->has_quantity(), labels.size(), model.program->chooses());
  const Query query = read_query(command, labels);
  const bool given_tags = !command.tags.empty() || !command.tags_file.empty();
  if (given_tags && !model.program->has_tags())
    fail("--tags", "a network without tags (" + model.notes.network.str() + ")", "one with them");

  mmdl::LoaderOptions loading{
      .batch = command.batch, .workers = command.workers, .shuffle = false, .strict = true};
  loading.images.normalisation = model.notes.normalisation;
  const Predictions predictions =
      model.program->predict({query.manifest, mmdl::TagVocabulary(model.notes.tags)}, loading, [](int) {
        if (interrupted()) fail("interrupted");
      });
  check_finite(predictions, query.manifest);

  std::string text;
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  std::vector<mmdl::SheetEntry> entries;
  for (std::size_t row = 0; row < predictions.rows(); ++row) {
    const mmdl::Sample& sample = query.manifest.samples[static_cast<std::size_t>(predictions.samples[row])];
    const std::vector<int> chosen = choose(predictions, row, selection);
    mmdl::SheetEntry entry;
    entry.image_path = shown_path(command, query, row);
    entry.tags = sample.tags;
    if (!predictions.quantities.empty()) entry.predicted_quantity = predictions.quantities[row];
    for (const int label : chosen) {
      const auto column = static_cast<std::size_t>(label);
      const bool correct =
          std::find(sample.labels.begin(), sample.labels.end(), label) != sample.labels.end();
      entry.labels.push_back({labels[column], static_cast<float>(probability(predictions.row(row)[column])),
                              correct, query.known_truth});
    }
    for (const int label : sample.labels)
      if (std::find(chosen.begin(), chosen.end(), label) == chosen.end())
        entry.missed.push_back(labels[static_cast<std::size_t>(label)]);

    text += mmdl::detail::printable(entry.image_path, 4096) + ":";
    nlohmann::ordered_json item{{"image", entry.image_path}, {"labels", nlohmann::ordered_json::array()}};
    for (const mmdl::SheetLabel& label : entry.labels) {
      char number[32];
      std::snprintf(number, sizeof number, " %.3f", static_cast<double>(label.probability));
      text += (&label == entry.labels.data() ? " " : ", ") + label.name + number;
      if (query.known_truth) text += label.correct ? " (right)" : " (extra)";
      nlohmann::ordered_json one{{"label", label.name}, {"probability", label.probability}};
      if (query.known_truth) one["correct"] = label.correct;
      item["labels"].push_back(std::move(one));
    }
    if (query.known_truth) item["missed"] = entry.missed;
    if (entry.predicted_quantity) {
      char number[48];
      std::snprintf(number, sizeof number, " (quantity %.2f)",
                    static_cast<double>(*entry.predicted_quantity));
      text += number;
      item["quantity"] = *entry.predicted_quantity;
    }
    text += "\n";
    json.push_back(std::move(item));
    entries.push_back(std::move(entry));
  }
  if (!command.sheet.empty())
    mmdl::write_sheet_html(command.sheet, model.notes.network.str() + ", labels " + to_string(selection),
                           entries);
  print(command.json ? json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n"
                     : text);
}

}  // namespace annotate
