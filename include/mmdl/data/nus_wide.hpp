// SPDX-License-Identifier: Apache-2.0
// NUS-WIDE as its owners distribute it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"
#include "../data/incomplete.hpp"
#include "../data/line_reader.hpp"
#include "../data/manifest.hpp"
#include "../data/manifest_builder.hpp"
#include "../data/nus_wide_lists.hpp"

namespace mmdl {

/// How `read_nus_wide` reads.
struct NusWideOptions {
  Incomplete untagged = Incomplete::keep;    ///< images without any tag; the paper leaves them out
  Incomplete unlabelled = Incomplete::keep;  ///< images without any label
  Incomplete gone = Incomplete::keep;        ///< images without a file; `keep` does not look for the files
  /// Read a number other than 0 and 1 in the ground truth as 0, and report it. The official
  /// `Labels_lake_Train.txt` has `-1130179` in line 78,372.
  bool repair = false;
  bool tags = true;  ///< read tags at all
  /// A file `<key> <tag> <tag> ...` to take tags from in place of the 1,000 official ones, such as
  /// `NUS_WID_Tags/All_Tags.txt`; relative to the root. Keys are as in `ImageKey::any`; lines of other images
  /// are passed over. `TagVocabulary` keeps the most frequent.
  std::string tags_file = {};
  bool links_outside = false;  ///< accept symbolic links that lead out of the root
};

/// What `read_nus_wide` gives.
struct NusWide {
  Manifest train, test;               ///< labels by `Concepts81.txt`
  std::vector<std::string> tags;      ///< the words of `TagList1k.txt`; empty where it was not read
  int gone = 0;                       ///< images left out because they have no file,
  int untagged = 0;                   ///< else because they have no tag,
  int unlabelled = 0;                 ///< else because they have no label
  int in_no_split = 0;                ///< images of `Imagelist.txt` that neither split has
  int unknown_tag_lines = 0;          ///< lines of `tags_file` about other images
  std::vector<std::string> repaired;  ///< file, line and value of each repair
};

namespace detail {

/// Reads the lists one after the other into one array of samples, the training split first.
class NusWideReader {
 public:
  NusWideReader(const std::string& root, const NusWideOptions& options)
      : root_(root), options_(options), guard_(root) {}

  NusWide read() {
    LineReader concepts(root_ / first_of({"ConceptsList/Concepts81.txt", "Concepts81.txt"}));
    concepts_ = read_names(concepts, "concept");
    read_split(train_list);
    trained_ = samples_.size();
    read_split(test_list);
    read_labels();
    if (options_.tags) read_tags();
    return parts();
  }

 private:
  static constexpr const char* all_list = "ImageList/Imagelist.txt";
  static constexpr const char* train_list = "ImageList/TrainImagelist.txt";
  static constexpr const char* test_list = "ImageList/TestImagelist.txt";
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

  bool exists(const std::string& file) const {
    std::error_code error;
    return std::filesystem::exists(root_ / file, error);
  }
  /// The first of the files that is there; the first of all when none is.
  std::string first_of(const std::vector<std::string>& files) const {
    for (const auto& file : files)
      if (exists(file)) return file;
    return files.front();
  }

  void read_split(const char* list) {
    LineReader reader(root_ / list);
    std::string_view line;
    while (reader.next(line)) {
      std::string image = listed_image(reader.place(), line);
      const auto [first, is_new] = rows_.emplace(image, samples_.size());
      if (!is_new)
        fail(reader.place(), "the image " + quoted(image) + " again", "each image once in both splits");
      Sample sample;
      sample.image = "Flickr/" + image;
      if (!options_.links_outside) guard_.check(reader.place(), sample.image);
      samples_.push_back(std::move(sample));
    }
    if (reader.number() == 0) fail(reader.name(), "an empty list", "an image in each line");
  }

  /// The sample of each line of the list of all images, where the splits are interleaved.
  const std::vector<std::size_t>& all_rows() {
    if (!all_.empty()) return all_;
    LineReader reader(root_ / all_list);
    std::vector<bool> seen(samples_.size());
    std::string_view line;
    std::size_t known = 0;
    while (reader.next(line)) {
      const std::string image = listed_image(reader.place(), line);
      const auto row = rows_.find(image);
      all_.push_back(row == rows_.end() ? nowhere : row->second);
      if (row == rows_.end()) continue;
      if (seen[row->second]) fail(reader.place(), "the image " + quoted(image) + " again", "each image once");
      seen[row->second] = true;
      ++known;
    }
    for (std::size_t i = 0; i < seen.size(); ++i)
      if (!seen[i])
        fail(reader.name(), "no line of " + quoted(samples_[i].image), "each image of both splits");
    result_.in_no_split = static_cast<int>(all_.size() - known);
    return all_;
  }

  void read_labels() {
    const std::string folder = "Groundtruth/TrainTestLabels/";
    check_concepts(exists(folder) ? folder : "Groundtruth/AllLabels/");
    std::vector<std::string>* const repaired = options_.repair ? &result_.repaired : nullptr;
    for (std::size_t column = 0; column < concepts_.size(); ++column) {
      const auto column_of = [&](const std::string& file, std::size_t rows, const char* of,
                                 const auto& sample) {
        LineReader reader(root_ / file);
        read_label_column(reader, rows, of, repaired, [&](std::size_t row) {
          const std::size_t at = sample(row);
          if (at != nowhere) samples_[at].labels.push_back(static_cast<int>(column));
        });
      };
      const std::string name = "Labels_" + concepts_[column];
      if (exists(folder)) {
        column_of(folder + name + "_Train.txt", trained_, train_list, [](std::size_t row) { return row; });
        column_of(folder + name + "_Test.txt", samples_.size() - trained_, test_list,
                  [&](std::size_t row) { return trained_ + row; });
      } else {
        const auto& all = all_rows();
        column_of("Groundtruth/AllLabels/" + name + ".txt", all.size(), all_list,
                  [&](std::size_t row) { return all[row]; });
      }
    }
  }

  /// A file of labels of a concept that the list has not: then the list is another data set's.
  void check_concepts(const std::string& folder) const {
    std::error_code error;
    const bool all = folder == "Groundtruth/AllLabels/";
    for (const auto& entry : std::filesystem::directory_iterator(root_ / folder, error)) {
      const std::string file = entry.path().filename().string();
      std::string_view name = file;
      if (!name.starts_with("Labels_") || !name.ends_with(".txt")) continue;
      name.remove_prefix(7);
      name.remove_suffix(4);
      if (!all) {
        if (name.ends_with("_Train"))
          name.remove_suffix(6);
        else if (name.ends_with("_Test"))
          name.remove_suffix(5);
        else
          continue;
      }
      if (std::find(concepts_.begin(), concepts_.end(), name) == concepts_.end())
        fail(printable(entry.path().string(), 4096), "the unknown concept " + quoted(name),
             "one of Concepts81.txt");
    }
  }

  void read_tags() {
    if (!options_.tags_file.empty()) {
      result_.unknown_tag_lines =
          attach_tags(std::span<Sample>(samples_), root_ / options_.tags_file,
                      {.allow_unknown_images = true, .key = ImageKey::any, .several_images = true});
      return;
    }
    const std::string list =
        first_of({"NUS_WID_Tags/TagList1k.txt", "ConceptsList/TagList1k.txt", "TagList1k.txt"});
    LineReader words(root_ / list);
    result_.tags = read_names(words, "tag");
    const auto matrix = [&](const char* file, std::size_t rows, const char* of, const auto& sample) {
      LineReader reader(root_ / file);
      read_tag_matrix(reader, rows, of, result_.tags.size(), list, [&](std::size_t row, std::size_t column) {
        const std::size_t at = sample(row);
        if (at != nowhere) samples_[at].tags.push_back(result_.tags[column]);
      });
    };
    if (!exists("NUS_WID_Tags/Train_Tags1k.dat") && exists("NUS_WID_Tags/AllTags1k.txt")) {
      const auto& all = all_rows();
      matrix("NUS_WID_Tags/AllTags1k.txt", all.size(), all_list, [&](std::size_t row) { return all[row]; });
      return;
    }
    matrix("NUS_WID_Tags/Train_Tags1k.dat", trained_, train_list, [](std::size_t row) { return row; });
    matrix("NUS_WID_Tags/Test_Tags1k.dat", samples_.size() - trained_, test_list,
           [&](std::size_t row) { return trained_ + row; });
  }

  /// Whether an image that lacks something stays.
  static bool stays(bool complete, Incomplete option, const std::string& place, const char* lacks,
                    int& count) {
    if (complete || option == Incomplete::keep) return true;
    if (option == Incomplete::refuse) fail(place, std::string("an image without ") + lacks, "one with it");
    ++count;
    return false;
  }

  NusWide parts() {
    for (std::size_t i = 0; i < samples_.size(); ++i) {
      Sample& sample = samples_[i];
      const bool train = i < trained_;
      std::error_code error;
      const bool there =
          options_.gone == Incomplete::keep || std::filesystem::is_regular_file(root_ / sample.image, error);
      const auto place = [&] {
        return printable((root_ / (train ? train_list : test_list)).string(), 4096) + ": line " +
               std::to_string(i - (train ? 0 : trained_) + 1) + ": " + quoted(sample.image);
      };
      const bool complete = there && !sample.tags.empty() && !sample.labels.empty();
      if (!complete) {
        const std::string at = place();
        if (!stays(there, options_.gone, at, "a file", result_.gone) ||
            !stays(!options_.tags || !sample.tags.empty(), options_.untagged, at, "a tag",
                   result_.untagged) ||
            !stays(!sample.labels.empty(), options_.unlabelled, at, "a label", result_.unlabelled))
          continue;
      }
      (train ? result_.train : result_.test).samples.push_back(std::move(sample));
    }
    for (Manifest* const split : {&result_.train, &result_.test}) {
      split->labels = concepts_;
      split->root = root_.string();
      if (split->samples.empty())
        fail(printable((root_ / (split == &result_.train ? train_list : test_list)).string(), 4096),
             "no image that stays", "at least one");
    }
    return std::move(result_);
  }

  std::filesystem::path root_;
  NusWideOptions options_;
  LinkGuard guard_;
  NusWide result_;
  std::vector<std::string> concepts_;
  std::vector<Sample> samples_;
  std::size_t trained_ = 0;
  std::unordered_map<std::string, std::size_t> rows_;
  std::vector<std::size_t> all_;
};

}  // namespace detail

/// Reads NUS-WIDE (Chua et al., CIVR 2009) from the folder that its owners' archives unpack into:
///
///     ConceptsList/Concepts81.txt                          the labels, in their order
///     ImageList/{TrainImagelist,TestImagelist}.txt         with "\" or "/", with or without a drive and
///     "Flickr" Groundtruth/TrainTestLabels/Labels_<concept>_{Train,Test}.txt   a 0 or 1 for each image of
///     the list NUS_WID_Tags/{Train,Test}_Tags1k.dat, TagList1k.txt  1,000 values 0 or 1 for each image, and
///     their words Flickr/<folder>/<number>_<id>.jpg                    the images, which are not opened
///
/// `Groundtruth/AllLabels/Labels_<concept>.txt` is read where the folder TrainTestLabels is not there, and
/// `NUS_WID_Tags/AllTags1k.txt` where Train_Tags1k.dat is not: their rows are those of
/// `ImageList/Imagelist.txt`, and are joined by the image's path. `*Tags81.txt` are users' tags that happen
/// to be a concept's name: weak labels, which are never read, and are not the ground truth. The files are
/// streamed. Throws `Error` with file and line for lists of different lengths, a value other than 0 and 1, a
/// matrix with another number of columns, a file of an unknown concept, an image twice, a path that leads out
/// of the root, an empty list, a split without images, and a file that cannot be read.
inline NusWide read_nus_wide(const std::string& root, const NusWideOptions& options = {}) {
  return detail::NusWideReader(root, options).read();
}

}  // namespace mmdl
