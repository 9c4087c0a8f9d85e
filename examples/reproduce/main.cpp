// SPDX-License-Identifier: Apache-2.0
// reproduce: trains what the paper's tables compare, prints them, and writes a page about it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mmdl/core/error.hpp>
#include <mmdl/core/file.hpp>
#include <mmdl/core/text.hpp>
#include <mmdl/core/threads.hpp>

#include "data.hpp"
#include "orderings.hpp"
#include "report_page.hpp"
#include "tables.hpp"

namespace reproduce {

namespace {

volatile std::sig_atomic_t signalled = 0;

using mmdl::detail::fail, mmdl::detail::quoted;

struct Command {
  std::vector<std::string> data;
  std::string tables = "all", preset = "quick", out, backbone, device = "cpu", weights, seeds = "1",
              tags_file, word_vectors;
  std::vector<std::string> without;
  int threads = 0, workers = 2, epochs = 0, images = 0;
  bool repair = false, keep_untagged = false, keep_rows = false, freeze_backbone = false;
};

std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::uint64_t seed = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, seed);
    if (error != std::errc() || stop != text.data() + end ||
        std::find(seeds.begin(), seeds.end(), seed) != seeds.end())
      fail("--seeds", quoted(text), "distinct whole numbers with commas between, such as 1,2,3");
    seeds.push_back(seed);
    begin = end + 1;
  }
  return seeds;
}

const StudyEntry& backbone_of(const Command& command) {
  const std::string wanted = !command.backbone.empty()      ? command.backbone
                             : command.data[0] == "scenes"  ? "small"
                             : command.data[0] == "corel5k" ? "mobilenet"
                                                            : "resnet101";
  std::string known;
  for (const StudyEntry& entry : studies()) {
    if (wanted == entry.backbone && command.device == entry.device) return entry;
    known += (known.empty() ? "" : ", ") + std::string(entry.backbone) + " (" + entry.device + ")";
  }
  fail("--backbone, --device", quoted(wanted) + " on " + quoted(command.device),
       "one that this program was built with: " + known);
}

void check(const Command& command) {
  const bool scenes = command.data[0] == "scenes";
  if (scenes != (command.data.size() == 1))
    fail("--data " + command.data[0], scenes ? "a folder" : "no folder",
         scenes ? "none: the scenes are drawn" : "the folder of the data set after it");
  if (!scenes && !std::filesystem::is_directory(command.data[1]))
    fail("--data " + command.data[0], quoted(command.data[1]), "a folder");
  if (command.preset != "quick" && command.preset != "full")
    fail("--preset", quoted(command.preset), "quick or full");
  if (!scenes && command.weights.empty())
    fail("--weights", "nothing",
         "the file of a pretrained " + std::string(backbone_of(command).backbone) + ", or: none");
  if (command.freeze_backbone && !scenes && command.weights == "none")
    fail("--freeze-backbone", "no weights", "--weights with a pretrained backbone, which stays as it is");
}

void run(const Command& command) {
  check(command);
  const TableSet tables = parse_tables(command.tables);
  const std::vector<std::uint64_t> seeds = parse_seeds(command.seeds);
  if (command.threads > 0) mmdl::set_thread_count(command.threads);
  const std::string out = command.out.empty() ? "reproduce-" + command.data[0] : command.out;
  const StudyEntry& study = backbone_of(command);
  study.require_device();  // before anything is drawn or read
  Recipes recipes = recipes_for(command.data[0], command.preset);
  recipes.limit(command.epochs);
  const Workspace whole(out);

  std::vector<Results> runs;
  for (const std::uint64_t seed : seeds) {
    Workspace work(out + "/seed-" + std::to_string(seed));
    if (seeds.size() > 1) work.line("seed " + std::to_string(seed));
    StudyData data = read_study_data({.name = command.data[0],
                                      .folder = command.data.size() > 1 ? command.data[1] : "",
                                      .tags_file = command.tags_file,
                                      .preset = command.preset,
                                      .out = out,
                                      .backbone = study.backbone,
                                      .size = study.size,
                                      .tag_room = MMDL_REPRODUCE_TAGS,
                                      .label_room = MMDL_REPRODUCE_LABELS,
                                      .images = command.images,
                                      .repair = command.repair,
                                      .keep_untagged = command.keep_untagged},
                                     recipes.validation, seed);
    for (const std::string& note : data.notes) work.line(note);
    const StudyOptions options{.tables = tables,
                               .preset = command.preset,
                               .backbone = study.backbone,
                               .weights = command.weights == "none" ? "" : command.weights,
                               .word_vectors = command.word_vectors,
                               .without = {command.without.begin(), command.without.end()},
                               .freeze_backbone = command.freeze_backbone,
                               .seed = seed,
                               .workers = command.workers};
    runs.push_back(study.make(options, std::move(data), recipes, work)->run());
    write_results(out + "/results.json", runs);
    write_report(out + "/report.html", runs, tables);
    if (!command.keep_rows)
      for (const char* split : {"train", "held-out", "test"}) {
        std::error_code ignored;
        std::filesystem::remove(work.file(std::string("scales.") + split + ".rows"), ignored);
      }
  }
  std::vector<Table> shown = make_tables(runs, tables);
  shown.push_back(orderings_table(runs));
  mmdl::write_file(out + "/tables.md", to_markdown(shown));
  const std::string text = to_text(shown);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    fail("standard output: cannot be written");
  std::fprintf(stderr, "%s: report.html, results.json, tables.md\n", out.c_str());
}

/// One line, whatever a library put into the message.
int failed(std::string message, int status) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  std::fprintf(stderr, "reproduce: %s\n", message.c_str());
  return status;
}

int run_program(int count, char** arguments) {
  CLI::App app("Trains what the tables of Niu et al. compare, prints them, and writes a page about it.",
               "reproduce");
  Command c;
  app.add_option("--data", c.data, "scenes, or: corel5k DIR, nus-wide DIR, coco DIR")
      ->required()
      ->expected(1, 2);
  app.add_option("--tables", c.tables, "which tables: I,V,... or all")->capture_default_str();
  app.add_option("--preset", c.preset, "quick, or full (for nus-wide and coco: the paper's values)")
      ->capture_default_str();
  app.add_option("--out", c.out,
                 "the run's folder (default: reproduce-<data>); the same command goes on where it ended");
  app.add_option("--seeds", c.seeds, "seeds, with commas between")->capture_default_str();
  app.add_option(
      "--backbone", c.backbone,
      "small, mobilenet or resnet101 (default: small for scenes, mobilenet for corel5k, else resnet101)");
  app.add_option("--device", c.device, "cpu or gpu, where the program was built for it");
  app.add_option("--weights", c.weights, "file of the pretrained backbone (safetensors), or: none");
  app.add_option("--without-methods", c.without, "compared methods that are left out, with commas between")
      ->delimiter(',');
  app.add_flag("--freeze-backbone", c.freeze_backbone,
               "the backbone stays as its weights came, and is not fine-tuned");
  app.add_option("--tags-file", c.tags_file, "tags of the images: lines of <image> <tag> <tag> ...");
  app.add_option("--word-vectors", c.word_vectors, "word vectors in GloVe's text format, for table VII");
  app.add_flag("--repair", c.repair, "nus-wide: take a value that is neither 0 nor 1 as 0, and say so");
  app.add_flag("--keep-untagged", c.keep_untagged,
               "nus-wide: keep images without any tag (the paper leaves them out)");
  app.add_flag("--keep-rows", c.keep_rows,
               "keep the computed scales of all images, which take the most room");
  app.add_option("--epochs", c.epochs, "most epochs of any stage, for a trial (0: as the preset says)")
      ->check(CLI::Range(0, 1000000));
  app.add_option("--images", c.images, "training images of the scenes, for a trial (0: as the preset says)")
      ->check(CLI::Range(0, 1000000));
  app.add_option("--threads", c.threads, "threads that compute (0: all cores)")->check(CLI::Range(0, 1024));
  app.add_option("--workers", c.workers, "threads that decode images")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    return failed(error.what(), 2);
  }
  run(c);
  return 0;
}

}  // namespace

bool interrupted() { return signalled != 0; }

}  // namespace reproduce

int main(int count, char** arguments) {
  // OpenMP's waiting threads spin, which costs much speed where decoding threads want the same cores; its
  // runtime reads the remedy from the environment once, when a program starts.
  if (std::getenv("OMP_WAIT_POLICY") == nullptr && std::getenv("GOMP_SPINCOUNT") == nullptr &&
      ::setenv("OMP_WAIT_POLICY", "passive", 1) == 0)
    ::execv("/proc/self/exe", arguments);
  const auto stop = [](int) { reproduce::signalled = 1; };
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
  try {
    return reproduce::run_program(count, arguments);
  } catch (const std::bad_alloc&) {
    return reproduce::failed("out of memory", 1);
  } catch (const std::exception& error) {
    return reproduce::failed(error.what(), 1);
  }
}
