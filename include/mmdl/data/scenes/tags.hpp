// SPDX-License-Identifier: Apache-2.0
// Noisy tags for the built-in scenes, as a made-up user would write them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../../core/random.hpp"
#include "words.hpp"

namespace mmdl::detail::scenes {

/// The words of each label, and the words beside them with their shares (Zipf's law: 1 / rank).
struct Words {
  std::vector<std::vector<std::string>> of_label;
  std::vector<std::string> others;
  std::vector<float> cumulative;
  std::vector<std::string> all;  ///< each word once, in byte order

  static const Words& instance() {
    static const Words words;
    return words;
  }

 private:
  Words() : others(split_words(other_words)) {
    std::set<std::string> distinct(others.begin(), others.end());
    for (const std::string_view text : label_words) {
      of_label.push_back(split_words(text));
      distinct.insert(of_label.back().begin(), of_label.back().end());
    }
    float sum = 0;
    for (std::size_t rank = 1; rank <= others.size(); ++rank)
      cumulative.push_back(sum += 1 / static_cast<float>(rank));
    all.assign(distinct.begin(), distinct.end());
  }
};

/// How a user tags; see `SceneOptions`.
struct TagHabits {
  float keep, confuse, unrelated, untagged;
};

/// One user's tags for a picture with these labels: distinct words in no telling order.
inline std::vector<std::string> draw_tags(Random random, const std::vector<Label>& labels,
                                          const TagHabits& habits) {
  const Words& words = Words::instance();
  std::vector<std::string> tags;
  if (random.uniform() < habits.untagged) return tags;
  const auto add = [&](const std::string& word) {
    if (std::find(tags.begin(), tags.end(), word) == tags.end()) tags.push_back(word);
  };
  const auto name = [&](Label label) {  // its own word or a synonym
    const auto& choice = words.of_label[index_of(label)];
    const bool own = random.uniform() < 0.5f;
    const int synonym = 1 + random.below(static_cast<int>(choice.size()) - 1);
    add(choice[own ? 0 : static_cast<std::size_t>(synonym)]);
  };
  for (const Label label : labels) {
    if (random.uniform() < habits.keep) name(label);
    if (random.uniform() < habits.confuse) {
      const Label other = companions[index_of(label)][static_cast<std::size_t>(random.below(4))];
      if (std::find(labels.begin(), labels.end(), other) == labels.end()) name(other);
    }
  }
  // A count with the asked mean: uniform over 0 to twice the mean, rounded at random.
  const int unrelated =
      static_cast<int>(std::floor(random.uniform() * 2 * habits.unrelated + random.uniform()));
  for (int i = 0; i < unrelated; ++i) {
    if (random.uniform() < 0.04f) {  // any word at all
      add(words.all[static_cast<std::size_t>(random.below(static_cast<int>(words.all.size())))]);
      continue;
    }
    const float at = random.uniform() * words.cumulative.back();
    const auto rank =
        std::upper_bound(words.cumulative.begin(), words.cumulative.end() - 1, at) - words.cumulative.begin();
    add(words.others[static_cast<std::size_t>(rank)]);
  }
  for (std::size_t i = tags.size(); i > 1; --i)
    std::swap(tags[i - 1], tags[static_cast<std::size_t>(random.below(static_cast<int>(i)))]);
  return tags;
}

}  // namespace mmdl::detail::scenes
