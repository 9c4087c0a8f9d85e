// SPDX-License-Identifier: Apache-2.0
// The tags that a network knows, and an image's tags as the binary vector it takes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../core/error.hpp"
#include "../core/text.hpp"
#include "../data/manifest_builder.hpp"

namespace mmdl {

/// An ordered list of distinct tags: element i of an encoded vector stands for `words()[i]`. It belongs to
/// the weights of the network that was trained with it, and is stored with them.
class TagVocabulary {
 public:
  TagVocabulary() = default;

  /// From stored words. Throws `Error` for an empty word or one that comes twice.
  explicit TagVocabulary(std::vector<std::string> words) : words_(std::move(words)) {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      if (words_[i].empty())
        detail::fail("TagVocabulary: word " + std::to_string(i), "an empty word", "a tag");
      if (!columns_.emplace(words_[i], static_cast<int>(i)).second)
        detail::fail("TagVocabulary: word " + std::to_string(i), detail::quoted(words_[i]) + " again",
                     "each tag once");
    }
  }

  /// The `count` tags that most of the samples have, by falling frequency; ties by byte order. A tag that
  /// comes twice with one sample counts once. There may be fewer: see `size()`. Give the training split
  /// alone. Throws `Error` when `count` is below 1.
  TagVocabulary(std::span<const Sample> samples, int count) : TagVocabulary(most_frequent(samples, count)) {}

  int size() const { return static_cast<int>(words_.size()); }
  const std::vector<std::string>& words() const { return words_; }

  /// The column of a tag, -1 when it is unknown.
  int column(const std::string& tag) const {
    const auto found = columns_.find(tag);
    return found == columns_.end() ? -1 : found->second;
  }

  /// Writes 1 where a tag is present and 0 elsewhere; returns how many of `tags` are unknown and were passed
  /// over. Throws `Error` when `out` has not `size()` elements.
  int encode(std::span<const std::string> tags, std::span<float> out) const {
    if (out.size() != words_.size())
      detail::fail("TagVocabulary::encode", "room for " + std::to_string(out.size()) + " numbers",
                   std::to_string(words_.size()));
    std::fill(out.begin(), out.end(), 0.0f);
    int unknown = 0;
    for (const auto& tag : tags) {
      const int place = column(tag);
      if (place < 0)
        ++unknown;
      else
        out[static_cast<std::size_t>(place)] = 1.0f;
    }
    return unknown;
  }

 private:
  static std::vector<std::string> most_frequent(std::span<const Sample> samples, int count) {
    if (count < 1) detail::fail("TagVocabulary: count", std::to_string(count), "1 or more");
    struct Tally {
      long samples = 0;
      std::size_t last = 0;  // the last sample counted, from 1
    };
    std::unordered_map<std::string_view, Tally> tallies;
    for (std::size_t i = 0; i < samples.size(); ++i)
      for (const auto& tag : samples[i].tags) {
        Tally& tally = tallies[tag];
        if (tally.last != i + 1) ++tally.samples;
        tally.last = i + 1;
      }
    std::vector<std::pair<long, std::string_view>>
        order;  // negative counts: ascending is by falling frequency
    for (const auto& [tag, tally] : tallies) order.emplace_back(-tally.samples, tag);
    std::sort(order.begin(), order.end());
    order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
    std::vector<std::string> words;
    for (const auto& [negative, tag] : order) words.emplace_back(tag);
    return words;
  }

  std::vector<std::string> words_;
  std::unordered_map<std::string, int> columns_;
};

}  // namespace mmdl
