// SPDX-License-Identifier: Apache-2.0
// Neighbours by the Jaccard distance of tags, against a search that looks at every pair.
#include "mmdl/annotation/neighbours.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "mmdl/core/random.hpp"

namespace neighbours_test {

namespace {

using Sets = std::vector<std::vector<int>>;

/// Sets of up to `most` of `tags` tags, small tags more often; about one in ten is empty.
Sets draw_sets(int count, int tags, int most, std::uint64_t seed) {
  mmdl::Random random(seed);
  Sets sets(static_cast<std::size_t>(count));
  for (auto& set : sets) {
    std::set<int> drawn;
    if (random.below(10) > 0)
      for (int i = random.below(most) + 1; i > 0; --i)
        drawn.insert(static_cast<int>(static_cast<float>(tags) * random.uniform() * random.uniform()));
    set.assign(drawn.rbegin(), drawn.rend());  // falling: the order says nothing
  }
  return sets;
}

/// By sorting all pairs on (distance, number), with the distance of a definition in real numbers.
std::vector<int> naive(const Sets& sets, const std::vector<int>& query, int count, int except) {
  std::vector<std::pair<double, int>> all;
  for (int i = 0; i < static_cast<int>(sets.size()); ++i) {
    const auto& set = sets[static_cast<std::size_t>(i)];
    std::set<int> either(set.begin(), set.end());
    either.insert(query.begin(), query.end());
    const auto shared = std::count_if(
        set.begin(), set.end(), [&](int tag) { return std::count(query.begin(), query.end(), tag) > 0; });
    if (i == except || shared == 0) continue;
    all.emplace_back(1 - static_cast<double>(shared) / static_cast<double>(either.size()), i);
  }
  std::sort(all.begin(), all.end());
  std::vector<int> samples;
  for (const auto& [distance, sample] : all)
    if (static_cast<int>(samples.size()) < count) samples.push_back(sample);
  return samples;
}

std::vector<int> samples_of(const std::vector<mmdl::Neighbour>& found) {
  std::vector<int> samples;
  for (const auto& neighbour : found) samples.push_back(neighbour.sample);
  return samples;
}

template <class Function>
std::string message_of(const Function& function) {
  try {
    function();
  } catch (const mmdl::Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace

TEST_CASE("neighbours: those of a naive search") {
  for (const int tags : {1, 7, 60, 300})
    for (const int count : {0, 1, 6, 1000}) {
      const Sets sets = draw_sets(211, tags, 12, 1), others = draw_sets(37, tags, 12, 2);
      const mmdl::JaccardNeighbours index(sets, tags);
      REQUIRE(index.samples() == 211);
      const auto itself = index.nearest(sets, count, true);
      for (std::size_t i = 0; i < sets.size(); ++i)
        CHECK(samples_of(itself[i]) == naive(sets, sets[i], count, static_cast<int>(i)));
      const auto found = index.nearest(others, count);
      for (std::size_t i = 0; i < others.size(); ++i) {
        CHECK(samples_of(found[i]) == naive(sets, others[i], count, -1));
        CHECK(found[i] == index.nearest(others[i], count));
      }
    }
}

TEST_CASE("neighbours: distances, and equal ones by number") {
  const Sets sets = {{0, 1, 2, 3}, {2, 3}, {}, {0, 1}, {4}, {3, 2}};
  const mmdl::JaccardNeighbours index(sets, 5);
  const auto found = index.nearest(std::vector<int>{2, 3}, 10);
  REQUIRE(samples_of(found) == std::vector<int>{1, 5, 0});
  CHECK(found[0].distance() == 0.0);
  CHECK(found[2].distance() == 0.5);
  CHECK(samples_of(index.nearest(std::vector<int>{2, 3}, 2)) == std::vector<int>{1, 5});
  CHECK(samples_of(index.nearest(std::vector<int>{2, 3}, 1, 1)) == std::vector<int>{5});
  CHECK(samples_of(index.nearest(std::vector<int>{0, 4}, 3)) == std::vector<int>{4, 3, 0});
}

TEST_CASE("neighbours: a sample without tags, or whose tags nobody has, has none") {
  const Sets sets = {{0}, {}, {1}, {}};
  const mmdl::JaccardNeighbours index(sets, 4);
  CHECK(index.nearest(std::vector<int>{}, 6).empty());
  CHECK(index.nearest(std::vector<int>{3}, 6).empty());
  const auto all = index.nearest(sets, 6, true);
  for (const auto& found : all) CHECK(found.empty());
  CHECK(mmdl::JaccardNeighbours(Sets{}, 3).nearest(std::vector<int>{1}, 6).empty());
  CHECK(mmdl::JaccardNeighbours(Sets{{}, {}}, 0).nearest(std::vector<int>{}, 6).empty());
}

TEST_CASE("neighbours: the same on any number of threads") {
  const Sets sets = draw_sets(500, 40, 8, 3);
  const mmdl::JaccardNeighbours index(sets, 40);
  const int before = mmdl::thread_count();
  mmdl::set_thread_count(1);
  const auto one = index.nearest(sets, 6, true);
  mmdl::set_thread_count(3);
  CHECK(index.nearest(sets, 6, true) == one);
  mmdl::set_thread_count(before);
}

TEST_CASE("neighbours: bad tags are refused in one line") {
  const auto check = [](const std::string& message, const std::string& place, const std::string& found) {
    CAPTURE(message);
    CHECK(message.find(place) != std::string::npos);
    CHECK(message.find(found) != std::string::npos);
    CHECK(message.find("expected") != std::string::npos);
  };
  check(message_of([] { mmdl::JaccardNeighbours(Sets{{0}, {0, 5}}, 5); }), "sample 1", "5");
  check(message_of([] { mmdl::JaccardNeighbours(Sets{{2, 2}}, 5); }), "sample 0", "2");
  const mmdl::JaccardNeighbours index(Sets{{0}, {1}}, 2);
  check(message_of([&] { index.nearest(std::vector<int>{-1}, 1); }), "query", "-1");
  check(message_of([&] { index.nearest(std::vector<int>{1}, -2); }), "count", "-2");
  check(message_of([&] { index.nearest(Sets{{0}, {1, 2}}, 1); }), "query 1", "2");
  check(message_of([&] { index.nearest(Sets{{0}}, 1, true); }), "sets", "1");
  check(message_of([&] { index.nearest(Sets{{0}, {1}}, -1); }), "count", "-1");
}

}  // namespace neighbours_test
