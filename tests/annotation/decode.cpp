// SPDX-License-Identifier: Apache-2.0
// Decoding against exhaustive search over all sequences of tiny vocabularies.
#include "mmdl/annotation/decode.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <set>

#include "mmdl/core/random.hpp"

namespace decode_test {

using namespace mmdl;

namespace {

/// A made-up network: the state counts its steps and mixes the tokens seen, logits are random functions of
/// it.
struct Toy {
  int tokens = 5;
  float scale = 2.0f;
  int calls = 0;

  void operator()(DecodeStep& step) {
    ++calls;
    for (int r = 0; r < step.rows; ++r) {
      float* state = step.states.data() + 2 * r;
      state[1] = state[1] * 11 + static_cast<float>(step.tokens[static_cast<std::size_t>(r)]) + 1;
      state[1] = std::fmod(state[1], 100003.0f);
      for (int t = 0; t < tokens; ++t) step.logits.push_back(logit(state, t));
    }
  }
  float logit(const float* state, int token) const {
    return scale * random_normal(static_cast<std::uint64_t>(state[0]), static_cast<std::uint64_t>(state[1]),
                                 static_cast<std::uint64_t>(token));
  }
};

/// The best of all sequences.
void search(Toy& toy, const DecodingOptions& o, const std::vector<float>& state, const DecodedLabels& prefix,
            DecodedLabels& best) {
  if (static_cast<int>(prefix.labels.size()) == o.most) {
    if (prefix.score > best.score) best = prefix;
    return;
  }
  DecodeStep step{1, {prefix.labels.empty() ? o.start : prefix.labels.back()}, state, {}};
  toy(step);
  double sum = 0.0;
  for (const float z : step.logits) sum += std::exp(static_cast<double>(z));
  for (int t = 0; t < toy.tokens; ++t) {
    DecodedLabels next = prefix;
    next.score += static_cast<double>(step.logits[static_cast<std::size_t>(t)]) - std::log(sum);
    if (t == o.stop) {
      if (next.score > best.score) best = next;
      continue;
    }
    bool seen = t == o.start;
    for (const int label : prefix.labels) seen = seen || label == t;
    if (seen) continue;
    next.labels.push_back(t);
    search(toy, o, step.states, next, best);
  }
}

std::vector<float> states(int samples) {
  std::vector<float> all(2 * static_cast<std::size_t>(samples), 0.0f);
  for (int n = 0; n < samples; ++n) all[2 * static_cast<std::size_t>(n)] = static_cast<float>(n);
  return all;
}

}  // namespace

TEST_CASE("a wide beam finds what exhaustive search finds") {
  for (const int most : {0, 1, 2, 3, 4, 20})
    for (const int start : {4, 6}) {  // with a logit of its own, and without
      const DecodingOptions options{.start = start, .stop = 3, .most = most, .beam = 500};
      Toy toy;
      const auto found = decode_labels(states(12), 12, options, std::ref(toy));
      REQUIRE(found.size() == 12);
      CHECK(toy.calls <= most);
      for (int n = 0; n < 12; ++n) {
        DecodedLabels best{{}, -1e300};
        search(toy, options, {static_cast<float>(n), 0.0f}, {}, best);
        CHECK(found[static_cast<std::size_t>(n)].labels == best.labels);
        CHECK(found[static_cast<std::size_t>(n)].score == doctest::Approx(best.score));
      }
    }
}

TEST_CASE("greedy takes the best at each step; images do not change each other") {
  const DecodingOptions options{.start = 9, .stop = 0, .most = 6, .beam = 1};
  Toy toy{.tokens = 8};
  const auto together = decode_labels(states(20), 20, options, std::ref(toy));
  for (int n = 0; n < 20; ++n) {
    const auto alone = decode_labels({static_cast<float>(n), 0.0f}, 1, options, std::ref(toy));
    CHECK(alone[0].labels == together[static_cast<std::size_t>(n)].labels);
    std::vector<float> state{static_cast<float>(n), 0.0f};
    std::vector<int> labels;
    for (int last = 9; static_cast<int>(labels.size()) < 6;) {
      DecodeStep step{1, {last}, state, {}};
      toy(step);
      state = step.states;
      int best = -1;
      for (int t = 0; t < 8; ++t) {
        const bool seen = std::find(labels.begin(), labels.end(), t) != labels.end();
        if (!seen && (best < 0 ||
                      step.logits[static_cast<std::size_t>(t)] > step.logits[static_cast<std::size_t>(best)]))
          best = t;
      }
      if (best == 0) break;
      labels.push_back(last = best);
    }
    CHECK(labels == alone[0].labels);
  }
}

TEST_CASE("a wider beam is never worse here, no label comes twice, and every search ends") {
  for (const int beam : {1, 2, 5}) {
    const DecodingOptions options{.start = 12, .stop = 11, .most = 20, .beam = beam};
    // A network that never wants to stop, and says one token forever: all the labels there are, once.
    int calls = 0;
    const auto stubborn = [&](DecodeStep& step) {
      ++calls;
      for (int r = 0; r < step.rows; ++r)
        for (int t = 0; t < 12; ++t) step.logits.push_back(t == 11 ? -1000.0f : t == 3 ? 5.0f : 0.0f);
    };
    const auto found = decode_labels(states(3), 3, options, stubborn);
    CHECK(calls <= 20);
    for (const auto& labels : found)
      CHECK(std::set<int>(labels.labels.begin(), labels.labels.end()).size() == labels.labels.size());
    if (beam == 1) CHECK(found[0].labels.size() == 11);
  }
}

TEST_CASE("a least number of labels, and tokens that are no labels") {
  Toy toy{.tokens = 9};
  const DecodingOptions options{.start = 8, .stop = 7, .most = 3, .beam = 4, .least = 3, .labels = 5};
  for (const auto& found : decode_labels(states(20), 20, options, std::ref(toy))) {
    CHECK(found.labels.size() == 3);
    for (const int label : found.labels) CHECK(label < 5);
  }
  const DecodingOptions few{.start = 8, .stop = 7, .most = 5, .beam = 2, .least = 4, .labels = 2};
  for (const auto& found : decode_labels(states(5), 5, few, std::ref(toy))) CHECK(found.labels.size() == 2);
}

TEST_CASE("decoding: what is refused") {
  Toy toy;
  CHECK_THROWS_AS(decode_labels(states(1), 1, {.most = -1}, std::ref(toy)), Error);
  CHECK_THROWS_AS(decode_labels(states(1), 1, {.stop = 3, .most = 2, .least = 3}, std::ref(toy)), Error);
  CHECK_THROWS_AS(decode_labels(states(1), 1, {.beam = 0}, std::ref(toy)), Error);
  CHECK_THROWS_AS(decode_labels(states(1), 1, {.stop = 5}, std::ref(toy)), Error);
  CHECK_THROWS_AS(decode_labels({1, 2, 3}, 2, {.stop = 3}, std::ref(toy)), Error);
  const auto broken = [](DecodeStep& step) { step.logits.assign(5, std::nanf("")); };
  CHECK_THROWS_AS(decode_labels(states(1), 1, {.stop = 3}, broken), Error);
  CHECK(decode_labels({}, 0, {.stop = 3}, std::ref(toy)).empty());
}

}  // namespace decode_test
