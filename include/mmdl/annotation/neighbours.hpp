// SPDX-License-Identifier: Apache-2.0
// The nearest samples by the Jaccard distance of their tags: exact, over an inverted index.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../core/error.hpp"
#include "../core/threads.hpp"

namespace mmdl {

/// A sample that shares `shared` of the `either` tags that it or the asker has.
struct Neighbour {
  int sample = 0;
  int shared = 0;  ///< size of the intersection, 1 or more
  int either = 0;  ///< size of the union

  /// 1 - shared / either, in [0, 1).
  double distance() const { return 1.0 - static_cast<double>(shared) / static_cast<double>(either); }

  /// Nearer, by integers and so without rounding; at the same distance the smaller number.
  friend bool operator<(const Neighbour& a, const Neighbour& b) {
    const std::int64_t left = std::int64_t{a.shared} * b.either, right = std::int64_t{b.shared} * a.either;
    return left != right ? left > right : a.sample < b.sample;
  }
  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

/// Finds the nearest of a list of samples by d(A, B) = 1 - |A and B| / |A or B| of their sets of tags
/// (Johnson, Ballan and Fei-Fei, "Love Thy Neighbors", 2015, section 3.1). A neighbour shares a tag at least:
/// a sample without tags is nobody's neighbour and has none, and there may be fewer than were asked for. It
/// keeps for each tag the samples that have it, so a query costs as many steps as the lists of its tags are
/// long, whatever the number of samples and tags. scikit-learn: `NearestNeighbors(metric="jaccard",
/// algorithm="brute")`, which also gives samples at distance 1. `JaccardNeighbours`; a template only so that
/// a program that asks for none does not compile it.
template <class = void>
class BasicJaccardNeighbours {
 public:
  /// `sets[i]` are the tags of sample i, 0 to `tag_count` - 1, each once, in any order. Throws `Error` for
  /// any other.
  BasicJaccardNeighbours(std::span<const std::vector<int>> sets, int tag_count)
      : begins_(static_cast<std::size_t>(std::max(tag_count, 0)) + 1) {
    Seen seen(begins_.size());
    for (std::size_t i = 0; i < sets.size(); ++i) {
      check(sets[i], "sample " + std::to_string(i), seen);
      for (const int tag : sets[i]) ++begins_[index(tag) + 1];
      sizes_.push_back(static_cast<int>(sets[i].size()));
    }
    for (std::size_t tag = 1; tag < begins_.size(); ++tag) begins_[tag] += begins_[tag - 1];
    samples_.resize(begins_.back());
    std::vector<std::size_t> next(begins_.begin(), begins_.end() - 1);
    for (std::size_t i = 0; i < sets.size(); ++i)
      for (const int tag : sets[i]) samples_[next[index(tag)]++] = static_cast<int>(i);
  }

  int samples() const { return static_cast<int>(sizes_.size()); }

  /// The `count` nearest of all samples but `except` (-1: of all), the nearest first, of equal ones the
  /// smaller number first. Throws `Error` for a tag out of range or twice, and for a negative count.
  std::vector<Neighbour> nearest(std::span<const int> tags, int count, int except = -1) const {
    check_count(count);
    Scratch scratch(*this);
    Seen seen(begins_.size());
    check(tags, "query", seen);
    return nearest(tags, count, except, scratch);
  }

  /// The same for each of a list of sets, on all threads. With `themselves` the list is the one the index is
  /// of, and no sample is its own neighbour.
  std::vector<std::vector<Neighbour>> nearest(std::span<const std::vector<int>> queries, int count,
                                              bool themselves = false) const {
    if (themselves && queries.size() != sizes_.size())
      detail::fail("JaccardNeighbours: sets", std::to_string(queries.size()),
                   std::to_string(sizes_.size()) + ", those of the index");
    check_count(count);  // here, since no exception may leave a thread
    Seen seen(begins_.size());
    for (std::size_t q = 0; q < queries.size(); ++q) check(queries[q], "query " + std::to_string(q), seen);
    std::vector<std::vector<Neighbour>> found(queries.size());
    detail::parallel_ranges(static_cast<long>(queries.size()), 1, [&](long begin, long end) {
      Scratch scratch(*this);
      for (long q = begin; q < end; ++q)
        found[static_cast<std::size_t>(q)] = nearest(queries[static_cast<std::size_t>(q)], count,
                                                     themselves ? static_cast<int>(q) : -1, scratch);
    });
    return found;
  }

 private:
  using Seen = std::vector<std::uint8_t>;  // by tag, all zero between two checks

  /// Of one query: tags shared by sample (all zero between two queries), and the samples that share any.
  struct Scratch {
    std::vector<std::uint16_t> shared;
    std::vector<int> touched;  // one more than there are samples: see where it is written
    explicit Scratch(const BasicJaccardNeighbours& of)
        : shared(of.sizes_.size()), touched(of.sizes_.size() + 1) {}
  };

  static std::size_t index(int number) { return static_cast<std::size_t>(number); }

  static void check_count(int count) {
    if (count < 0) detail::fail("JaccardNeighbours: count", std::to_string(count), "0 or more");
  }

  void check(std::span<const int> tags, const std::string& whose, Seen& seen) const {
    std::size_t good = 0;
    for (; good < tags.size(); ++good) {
      const int tag = tags[good];
      if (tag < 0 || index(tag) + 1 >= begins_.size() || seen[index(tag)] != 0) break;
      seen[index(tag)] = 1;
    }
    for (std::size_t i = 0; i < good; ++i) seen[index(tags[i])] = 0;
    if (good < tags.size())
      detail::fail("JaccardNeighbours: " + whose + ": tag", std::to_string(tags[good]),
                   "numbers below " + std::to_string(begins_.size() - 1) + ", each once");
    if (tags.size() > 65535)  // the most that a count of shared tags can hold
      detail::fail("JaccardNeighbours: " + whose, std::to_string(tags.size()) + " tags", "at most 65535");
  }

  std::vector<Neighbour> nearest(std::span<const int> tags, int count, int except, Scratch& scratch) const {
    std::size_t touched = 0;
    for (const int tag : tags)
      for (std::size_t i = begins_[index(tag)]; i < begins_[index(tag) + 1]; ++i) {
        const int sample = samples_[i];
        scratch.touched[touched] = sample;  // kept where it is the first tag that they share
        touched += scratch.shared[index(sample)]++ == 0;
      }
    std::vector<Neighbour> found;  // sorted, at most `count`
    const std::size_t most = std::min(index(count), touched);
    found.reserve(most + 1);
    for (std::size_t i = 0; i < touched; ++i) {
      const int sample = scratch.touched[i], shared = scratch.shared[index(sample)];
      scratch.shared[index(sample)] = 0;
      const Neighbour next{sample, shared, static_cast<int>(tags.size()) + sizes_[index(sample)] - shared};
      if (sample == except || (found.size() == most && (most == 0 || !(next < found.back())))) continue;
      found.insert(std::upper_bound(found.begin(), found.end(), next), next);
      if (found.size() > most) found.pop_back();
    }
    return found;
  }

  std::vector<std::size_t> begins_;  // by tag, where its samples begin; the end of all at last
  std::vector<int> samples_, sizes_;
};

/// See `BasicJaccardNeighbours`.
using JaccardNeighbours = BasicJaccardNeighbours<>;

}  // namespace mmdl
