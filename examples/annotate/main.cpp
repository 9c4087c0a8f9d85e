// SPDX-License-Identifier: Apache-2.0
// annotate: train, evaluate and use the multi-modal, multi-scale image annotator from the command line.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mmdl/core/error.hpp>
#include <mmdl/core/text.hpp>

#include "options.hpp"
#include "program.hpp"

namespace annotate {
namespace {

volatile std::sig_atomic_t signalled = 0;

/// A number within [low, high], written out whole; NaN is none.
CLI::Validator number(double low, double high, bool whole) {
  char range[80];
  std::snprintf(range, sizeof range, "%s from %g to %g", whole ? "a whole number" : "a number", low, high);
  const std::string expected = range;
  return CLI::Validator(
      [=](std::string& text) {
        char* end = nullptr;
        const double value = std::strtod(text.c_str(), &end);
        const bool plain =
            text.find_first_not_of(whole ? "0123456789-" : "0123456789-+.eE") == std::string::npos;
        if (!text.empty() && plain && *end == '\0' && value >= low && value <= high) return std::string();
        return "found '" + mmdl::detail::printable(text) + "', expected " + expected;
      },
      "", "");
}
CLI::Validator whole(double low, double high) { return number(low, high, true); }
CLI::Validator real(double low, double high) { return number(low, high, false); }

CLI::Validator one_of(const std::vector<std::string>& names) {
  return CLI::Validator(
      [=](std::string& text) {
        if (std::find(names.begin(), names.end(), text) != names.end()) return std::string();
        std::string all;
        for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
        return "found '" + mmdl::detail::printable(text) + "', expected one of " + all;
      },
      "", "");
}

/// The variants as compiled, and the name that the paper has for "full".
std::vector<std::string> variants() {
  std::vector<std::string> names = registry().variants();
  names.emplace_back("ms-cnn+tags+lqp");
  return names;
}

template <class Command>
void add_running(CLI::App& app, Command& command) {
  app.add_option("--batch", command.batch, "images of a batch")->check(whole(1, 4096))->capture_default_str();
  app.add_option("--workers", command.workers, "threads that decode images")
      ->check(whole(0, 256))
      ->capture_default_str();
  app.add_option("--threads", command.threads, "threads that compute (0: all cores)")->check(whole(0, 1024));
  app.add_option("--device", command.device, "where the network runs: cpu or gpu (as full or ms-cnn+lqp)")
      ->check(one_of({"cpu", "gpu"}))
      ->capture_default_str();
  app.add_option("--precision", command.precision,
                 "of the network's values: float32 or bfloat16 (as full or ms-cnn+lqp)")
      ->check(one_of({"float32", "bfloat16"}))
      ->capture_default_str();
  app.add_option("--tags-file", command.tags_file, "the images' tags: lines of <image> <tag> <tag> ...");
  app.add_option("--root", command.root, "the images' folder, where it is not the manifest's");
  app.add_option(
         "--select", command.selection.kind,
         "how labels are chosen: quantity, top-k or threshold (default: quantity, or top-k without it)")
      ->check(one_of({"quantity", "top-k", "threshold"}));
  app.add_option("--k", command.selection.k, "labels of top-k")
      ->check(whole(1, 100000))
      ->capture_default_str();
  app.add_option("--threshold", command.selection.threshold, "least probability")
      ->check(real(0, 1))
      ->capture_default_str();
}

void add_train(CLI::App& app, TrainCommand& c) {
  app.add_option("--data", c.data, "a manifest (JSON or TSV), or: scenes")->required();
  app.add_option("--test", c.test, "a manifest to test on at the end");
  app.add_option("--test-tags-file", c.test_tags_file, "tags of the test images (default: --tags-file)");
  app.add_option("--out", c.out, "the weight file to write (.safetensors)")->required();
  app.add_option("--variant", c.variant, "parts of the network")
      ->check(one_of(variants()))
      ->capture_default_str();
  app.add_option("--backbone", c.backbone, "backbone of the network")->capture_default_str();
  app.add_option("--size", c.size, "pixels a side")->check(whole(1, 4096))->capture_default_str();
  app.add_option("--pretrained", c.pretrained,
                 "weights of another framework to begin the backbone with (.safetensors, in its own names)");
  const auto method =
      app.add_option("--method", c.method, "a compared method over the frozen backbone, instead of --variant")
          ->check(one_of(registry().method_names()));
  app.add_option("--backbone-weights", c.backbone_weights,
                 "for --method: a weight file of annotate train, whose backbone it reads")
      ->needs(method);
  app.add_option("--epochs", c.epochs, "passes over the images")
      ->check(whole(1, 100000))
      ->capture_default_str();
  app.add_option("--optimizer", c.optimizer, "sgd or adamw")
      ->check(one_of({"sgd", "adamw"}))
      ->capture_default_str();
  app.add_option("--learning-rate", c.learning_rate,
                 "highest learning rate (default: 0.003 for adamw, 0.1 for sgd)")
      ->check(real(1e-12, 1e30));
  app.add_option("--momentum", c.momentum, "of sgd")->check(real(0, 0.9999))->capture_default_str();
  app.add_option("--weight-decay", c.weight_decay,
                 "on weights, not on biases (default: 0.05 for adamw, 0.0001 for sgd)")
      ->check(real(0, 10));
  app.add_option("--schedule", c.schedule,
                 "of the learning rate: cosine, step (a tenth after half of the steps), constant")
      ->check(one_of({"cosine", "step", "constant"}))
      ->capture_default_str();
  app.add_option("--warm-up", c.warm_up, "epochs in which the learning rate rises")
      ->check(whole(0, 100000))
      ->capture_default_str();
  app.add_option("--clip", c.clip, "largest norm of the gradient (0: any)")
      ->check(real(0, 1e30))
      ->capture_default_str();
  app.add_option("--quantity-weight", c.quantity_weight, "of the quantity's loss in the sum")
      ->check(real(0, 1e6))
      ->capture_default_str();
  app.add_option("--crop", c.crop, "least part of the image that a random crop keeps (1: no crops)")
      ->check(real(0.01, 1))
      ->capture_default_str();
  app.add_flag("--no-augmentation", c.no_augmentation, "no random crops, no mirror images");
  app.add_flag("--strict", c.strict, "an image that cannot be used ends the run");
  app.add_option("--validation", c.validation, "part of the training images that is held out")
      ->check(real(0, 0.9))
      ->capture_default_str();
  app.add_option("--patience", c.patience,
                 "epochs without a better validation before the end; keeps the best weights (0: off)")
      ->check(whole(0, 100000));
  app.add_option("--monitor", c.monitor, "what is to become better: h-f1 or loss")
      ->check(one_of({"h-f1", "loss"}))
      ->capture_default_str();
  app.add_option("--seed", c.seed, "of weights, order, augmentation and dropout")
      ->check(whole(0, 4294967295))
      ->capture_default_str();
  app.add_option("--checkpoint", c.checkpoint, "file to save the run in after each epoch");
  app.add_flag("--resume", c.resume, "go on from the checkpoint if it is there");
  app.add_option("--log", c.log, "CSV file of losses and validation");
  app.add_option("--baseline-labels", c.baseline_labels, "labels of the frequency guess (0: none)")
      ->check(whole(0, 100000))
      ->capture_default_str();
  app.add_option("--scenes-train", c.scenes.train, "training pictures of --data scenes")
      ->check(whole(1, 1e6))
      ->capture_default_str();
  app.add_option("--scenes-test", c.scenes.test, "test pictures of --data scenes")
      ->check(whole(0, 1e6))
      ->capture_default_str();
  app.add_option("--scenes-seed", c.scenes.seed, "seed of --data scenes")
      ->check(whole(0, 4294967295))
      ->capture_default_str();
  add_running(app, c);
  // A method has an optimizer and a loss of its own, and trains in one go.
  for (const char* name : {"--variant", "--device", "--precision", "--optimizer", "--momentum",
                           "--weight-decay", "--schedule", "--warm-up", "--clip", "--quantity-weight",
                           "--crop", "--monitor", "--checkpoint", "--resume", "--log"})
    method->excludes(app.get_option(name));
}

void add_evaluate(CLI::App& app, EvaluateCommand& c) {
  app.add_option("--weights", c.weights, "a weight file of annotate train")->required();
  app.add_option("--data", c.data, "a manifest")->required();
  app.add_option("--baseline-labels", c.baseline_labels, "labels of the frequency guess (0: none)")
      ->check(whole(0, 100000))
      ->capture_default_str();
  app.add_flag("--json", c.json, "JSON instead of a table");
  app.add_flag("--strict", c.strict, "an image that cannot be used ends the run");
  add_running(app, c);
}

void add_predict(CLI::App& app, PredictCommand& c) {
  app.add_option("images", c.images, "JPEG or PNG files");
  app.add_option("--weights", c.weights, "a weight file of annotate train")->required();
  app.add_option("--data", c.data, "a manifest with the truth; without images, all of its images");
  app.add_option("--count", c.count, "at most this many images (0: all)")->check(whole(0, 1e9));
  app.add_option("--tags", c.tags, "an image's tags in one argument; once for each image")
      ->allow_extra_args(false);
  app.add_flag("--json", c.json, "JSON instead of text");
  app.add_option("--sheet", c.sheet, "also write a page of the images with their labels (HTML)");
  add_running(app, c);
}

void add_scenes(CLI::App& app, ScenesCommand& c) {
  app.add_option("--out", c.out, "the folder to make")->required();
  app.add_option("--train", c.train, "training pictures")->check(whole(0, 1e6))->capture_default_str();
  app.add_option("--test", c.test, "test pictures")->check(whole(0, 1e6))->capture_default_str();
  app.add_option("--size", c.size, "pixels a side")->check(whole(32, 512))->capture_default_str();
  app.add_option("--seed", c.seed, "same seed, same pictures")
      ->check(whole(0, 4294967295))
      ->capture_default_str();
}

/// One line, whatever a library put into the message.
int failed(std::string message, int status) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::fprintf(stderr, "annotate: %s\n", message.c_str());
  return status;
}

int run_program(int count, char** arguments) {
  CLI::App app("Trains, evaluates and uses the multi-modal, multi-scale image annotator.", "annotate");
  app.require_subcommand(1);
  TrainCommand train;
  EvaluateCommand evaluate;
  PredictCommand predict;
  ScenesCommand scenes;
  CLI::App* train_app = app.add_subcommand("train", "train a network, and test it");
  CLI::App* evaluate_app = app.add_subcommand("evaluate", "score a network on labelled images");
  CLI::App* predict_app = app.add_subcommand("predict", "label images");
  CLI::App* scenes_app = app.add_subcommand("scenes", "write the built-in scenes as a data set");
  add_train(*train_app, train);
  add_evaluate(*evaluate_app, evaluate);
  add_predict(*predict_app, predict);
  add_scenes(*scenes_app, scenes);
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    if (app.get_subcommands().empty())
      return failed("found " + (count > 1 ? mmdl::detail::quoted(arguments[1]) : std::string("nothing")) +
                        ", expected a command: train, evaluate, predict or scenes (--help says more)",
                    2);
    return failed(error.what(), 2);
  }
  if (train.variant == "ms-cnn+tags+lqp") train.variant = "full";
  if (train_app->parsed()) run(train);
  if (evaluate_app->parsed()) run(evaluate);
  if (predict_app->parsed()) run(predict);
  if (scenes_app->parsed()) run(scenes);
  return 0;
}

}  // namespace

bool interrupted() { return signalled != 0; }

}  // namespace annotate

namespace annotate {
namespace {

/// OpenMP's threads spin while they wait, which costs up to ten times the speed where other threads (ours
/// that decode, or other programs) want the same cores. Its runtime reads the remedy from the environment
/// once, when a program starts: so start again with it, unless the user has said something.
void let_waiting_threads_sleep(char** arguments) {
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  if (::setenv("OMP_WAIT_POLICY", "passive", 1) == 0) ::execv("/proc/self/exe", arguments);
  // Where that fails the program goes on as it is, only slower.
}

}  // namespace
}  // namespace annotate

int main(int count, char** arguments) {
  annotate::let_waiting_threads_sleep(arguments);
  const auto stop = [](int) { annotate::signalled = 1; };
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
  try {
    return annotate::run_program(count, arguments);
  } catch (const std::bad_alloc&) {
    return annotate::failed("out of memory (a smaller --batch may help)", 1);
  } catch (const std::exception& error) {
    return annotate::failed(error.what(), 1);
  }
}
