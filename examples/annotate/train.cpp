// SPDX-License-Identifier: Apache-2.0
// `annotate train`: what must be right before anything is trained, and the data.
#include <algorithm>
#include <mmdl/core/file.hpp>
#include <mmdl/core/threads.hpp>
#include <mmdl/data/manifest.hpp>
#include <optional>
#include <tuple>

#include "data_set.hpp"
#include "train_method.hpp"
#include "train_network.hpp"

namespace annotate {

using mmdl::detail::fail;

namespace {

/// Fails now, not after an hour of training, where a file cannot be written.
void check_writable(const std::string& path) {
  if (!path.empty()) mmdl::AtomicFile probe(path);
}

}  // namespace

void run(const TrainCommand& command) {
  if (command.resume && command.checkpoint.empty())
    fail("--resume", "no --checkpoint", "the file to go on from");
  if (command.patience > 0 && !(command.validation > 0.0f))
    fail("--patience " + std::to_string(command.patience), "no --validation",
         "the share of the images to watch");
  if (command.warm_up > command.epochs)
    fail("--warm-up", std::to_string(command.warm_up) + " epochs",
         "at most the " + std::to_string(command.epochs) + " of --epochs");
  for (const std::string& path : {command.out, command.checkpoint, command.log}) check_writable(path);
  if (command.threads > 0) mmdl::set_thread_count(command.threads);

  Splits splits;
  std::optional<TemporaryScenes> scenes;
  if (command.data == "scenes") {
    if (!command.test.empty() || !command.tags_file.empty())
      fail("--data scenes", "--test or a tags file", "neither: the scenes bring both along");
    ScenesCommand options = command.scenes;
    options.size = std::clamp(command.size, 32, 512);
    scenes.emplace(options);
    splits.train = mmdl::read_manifest(scenes->file("train.json"));
    if (options.test > 0) splits.test = mmdl::read_manifest(scenes->file("test.json"));
  } else {
    splits.train = read_data(command.data, command.tags_file, command.root);
    if (!command.test.empty())
      splits.test = relabelled(
          read_data(command.test, command.test_tags_file.empty() ? command.tags_file : command.test_tags_file,
                    command.root),
          splits.train.labels, command.test);
  }
  if (command.validation > 0.0f)
    std::tie(splits.train, splits.validation) = split(splits.train, command.validation, command.seed);
  if (command.method.empty())
    train_network(command, std::move(splits));
  else
    train_method(command, std::move(splits));
}

}  // namespace annotate
