// SPDX-License-Identifier: Apache-2.0
// Results as JSON, written; results_reader.cpp reads them.
#include "results.hpp"

#include <cmath>
#include <mmdl/core/error.hpp>
#include <mmdl/core/file.hpp>
#include <mmdl/core/text.hpp>
#include <nlohmann/json.hpp>
#include <set>

namespace reproduce {

using Json = nlohmann::ordered_json;
using mmdl::detail::fail, mmdl::detail::quoted;

namespace {

/// JSON has no NaN; nlohmann would write null, which nobody could read back.
double finite(const std::string& place, double value) {
  if (!std::isfinite(value)) fail("results: " + place, std::to_string(value), "a finite number");
  return value;
}

/// Text, or {"bytes": base64} for a file name that is not UTF-8.
Json text_json(const std::string& text) {
  if (mmdl::detail::valid_utf8(text)) return text;
  return {{"bytes", mmdl::detail::base64(std::as_bytes(std::span(text)))}};
}

Json texts_json(const std::vector<std::string>& texts) {
  Json json = Json::array();
  for (const std::string& text : texts) json.push_back(text_json(text));
  return json;
}

Json scores_json(const std::string& row, const mmdl::AnnotationScores& scores) {
  const std::string place = "scores: " + quoted(row);
  return {{"class_precision", finite(place, scores.class_precision)},
          {"class_recall", finite(place, scores.class_recall)},
          {"class_f1", finite(place, scores.class_f1)},
          {"image_precision", finite(place, scores.image_precision)},
          {"image_recall", finite(place, scores.image_recall)},
          {"image_f1", finite(place, scores.image_f1)},
          {"h_f1", finite(place, scores.h_f1)},
          {"classes_never_predicted", scores.classes_never_predicted},
          {"classes_never_present", scores.classes_never_present}};
}

Json sheet_json(const mmdl::SheetEntry& entry) {
  Json json = Json::object();
  if (!entry.image_path.empty()) json["image_path"] = text_json(entry.image_path);
  if (!entry.image.pixels.empty())
    json["image"] = {{"width", entry.image.width},
                     {"height", entry.image.height},
                     {"pixels", mmdl::detail::base64(std::as_bytes(std::span(entry.image.pixels)))}};
  json["labels"] = Json::array();
  for (const mmdl::SheetLabel& label : entry.labels)
    json["labels"].push_back(
        {{"name", text_json(label.name)},
         {"probability", finite("sheet: " + quoted(label.name), static_cast<double>(label.probability))},
         {"correct", label.correct},
         {"known_truth", label.known_truth}});
  json["missed"] = texts_json(entry.missed);
  json["tags"] = texts_json(entry.tags);
  if (entry.predicted_quantity)
    json["predicted_quantity"] =
        finite("sheet: predicted_quantity", static_cast<double>(*entry.predicted_quantity));
  return json;
}

}  // namespace

Json to_json(const Curve& curve) {
  const std::string place = "curve " + quoted(curve.stage);
  Json points = Json::array();
  for (const CurvePoint& point : curve.points)
    points.push_back({{"step", point.step},
                      {"training", finite(place, point.training)},
                      {"held_out", finite(place, point.held_out)}});
  return {{"stage", text_json(curve.stage)},
          {"seconds", finite(place, curve.seconds)},
          {"stopped_early", curve.stopped_early},
          {"best_step", curve.best_step},
          {"points", std::move(points)}};
}

Json to_json(const Results& results) {
  Json json{{"data", text_json(results.data)},
            {"title", text_json(results.title)},
            {"simulated_tags", results.simulated_tags},
            {"seed", results.seed},
            {"preset", text_json(results.preset)},
            {"backbone", text_json(results.backbone)},
            {"frozen_backbone", results.frozen_backbone},
            {"image_size", results.image_size},
            {"train_images", results.train_images},
            {"validation_images", results.validation_images},
            {"test_images", results.test_images},
            {"labels", results.labels},
            {"tags", results.tags},
            {"seconds", finite("seconds", results.seconds)}};
  for (const char* key : {"scores", "mean_average_precision", "quantities", "dimension"})
    json[key] = Json::object();
  for (const char* key : {"curves", "quantity_groups", "sheet"}) json[key] = Json::array();
  for (const auto& [row, scores] : results.scores) json["scores"][row] = scores_json(row, scores);
  for (const auto& [row, value] : results.mean_average_precision)
    json["mean_average_precision"][row] = finite("mean_average_precision: " + quoted(row), value);
  for (const auto& [features, scores] : results.quantities) {
    const std::string place = "quantities: " + quoted(features);
    json["quantities"][features] = {{"accuracy", finite(place, scores.accuracy)},
                                    {"mean_squared_error", finite(place, scores.mean_squared_error)}};
  }
  for (const auto& [row, dimension] : results.dimension) json["dimension"][row] = dimension;
  for (const Curve& curve : results.curves) json["curves"].push_back(to_json(curve));
  json["train_label_counts"] = results.train_label_counts;
  json["test_label_counts"] = results.test_label_counts;
  for (const QuantityGroup& group : results.quantity_groups)
    json["quantity_groups"].push_back({{"true_quantity", group.true_quantity},
                                       {"images", group.images},
                                       {"mean", finite("quantity_groups", group.mean)},
                                       {"deviation", finite("quantity_groups", group.deviation)}});
  for (const mmdl::SheetEntry& entry : results.sheet) json["sheet"].push_back(sheet_json(entry));
  return json;
}

void write_results(const std::string& path, std::span<const Results> runs) {
  Json json{{"format", "mmdl reproduce 1"}, {"runs", Json::array()}};
  for (const Results& run : runs) json["runs"].push_back(to_json(run));
  mmdl::write_file(path, json.dump(1) + "\n");
}

void check_same_study(std::span<const Results> runs) {
  if (runs.empty()) fail("results", "no run", "at least one");
  const auto study = [](const Results& run) {
    return run.data + ", preset " + run.preset + ", " + run.backbone +
           (run.frozen_backbone ? " as pretrained, " : ", ") + std::to_string(run.image_size) + " pixels, " +
           std::to_string(run.labels) + " labels, " + std::to_string(run.tags) +
           (run.simulated_tags ? " made" : "") + " tags";
  };
  std::set<std::uint64_t> seeds;
  for (const Results& run : runs) {
    if (study(run) != study(runs.front()))
      fail("results of seed " + std::to_string(run.seed), mmdl::detail::printable(study(run), 400),
           "the study of seed " + std::to_string(runs.front().seed) + ": " +
               mmdl::detail::printable(study(runs.front()), 400));
    if (!seeds.insert(run.seed).second)
      fail("results", "seed " + std::to_string(run.seed) + " twice", "each seed once");
    to_json(run);  // refuses what is not finite
  }
}

}  // namespace reproduce
