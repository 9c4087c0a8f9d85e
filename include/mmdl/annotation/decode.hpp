// SPDX-License-Identifier: Apache-2.0
// Labels one after the other from a recurrent network: the best at each step, or a beam of the best
// sequences.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "../core/error.hpp"

namespace mmdl {

/// How `decode_labels` looks. Tokens are numbers from 0 to the count of logits - 1, and `start`.
struct DecodingOptions {
  int start = 0;  ///< the token before the first; never given out, whether or not it has a logit
  int stop = 0;   ///< the token that ends a sequence; it has a logit
  int most = 20;  ///< labels of a sequence; one of that length is at its end without `stop`
  int beam = 1;   ///< sequences of an image that are kept at each step; 1: greedy
  int least = 0;  ///< labels before `stop` may come, unless no other is left
  int labels = std::numeric_limits<int>::max();  ///< tokens from this number on are no labels
};

/// The labels of one image in the order they were given out, none twice, and the sequence's log-probability.
struct DecodedLabels {
  std::vector<int> labels;
  double score = 0.0;
};

/// What a step of the network is given, and gives back: `rows` sequences at once, of any of the images.
struct DecodeStep {
  int rows = 0;
  std::vector<int> tokens;    ///< the last token of each
  std::vector<float> states;  ///< rows x state: before the step; the step writes those after it
  std::vector<float> logits;  ///< rows x tokens: what may come next; written by the step
};

namespace detail {

struct Hypothesis {
  std::vector<int> labels;
  double score = 0.0;
  std::vector<float> state;
};

struct Continuation {
  double score = 0.0;
  int hypothesis = 0, token = 0;
};

inline void check_decode_options(const DecodingOptions& o) {
  if (o.most < 0) fail("decoding: most labels", std::to_string(o.most), "0 or more");
  if (o.least < 0 || o.least > o.most)
    fail("decoding: least labels", std::to_string(o.least), "0 to " + std::to_string(o.most));
  if (o.beam < 1) fail("decoding: beam", std::to_string(o.beam), "1 or more");
}

/// The log-probabilities of a row of logits. A template, like the beam, only so that a program that decodes
/// nothing does not compile it.
template <class = void>
std::vector<double> log_softmax(const float* logits, std::size_t count) {
  std::vector<double> result(logits, logits + count);
  double sum = 0.0;
  for (const double z : result)
    if (!std::isfinite(z)) fail("decoding: logit", std::to_string(z), "a finite number");
  const double largest = *std::max_element(result.begin(), result.end());
  for (const double z : result) sum += std::exp(z - largest);
  for (double& z : result) z -= largest + std::log(sum);
  return result;
}

/// One image's beam.
template <class = void>
class Beam {
 public:
  explicit Beam(const float* state, std::size_t size, const DecodingOptions& o) : options_(o) {
    best_.score = -std::numeric_limits<double>::infinity();
    live_.push_back({{}, 0.0, {state, state + size}});
    if (o.most == 0) finish(live_[0].labels, 0.0), live_.clear();
  }

  const std::vector<Hypothesis>& live() const { return live_; }
  const DecodedLabels& best() const { return best_; }

  /// Takes the rows from `first` on of a step for the live sequences.
  void advance(const DecodeStep& step, std::size_t first, std::size_t state, std::size_t tokens) {
    std::vector<Continuation> all;
    for (std::size_t h = 0; h < live_.size(); ++h) {
      const auto log_probabilities = log_softmax(step.logits.data() + (first + h) * tokens, tokens);
      const auto& labels = live_[h].labels;
      const std::size_t before = all.size();
      const auto add = [&](int token) {
        all.push_back({live_[h].score + log_probabilities[static_cast<std::size_t>(token)],
                       static_cast<int>(h), token});
      };
      for (int token = 0; token < static_cast<int>(tokens); ++token) {
        const bool special = token == options_.start || token == options_.stop || token >= options_.labels;
        if (!special && std::find(labels.begin(), labels.end(), token) == labels.end()) add(token);
      }
      if (labels.size() >= static_cast<std::size_t>(options_.least) || all.size() == before)
        add(options_.stop);
    }
    const auto kept = std::min(all.size(), static_cast<std::size_t>(options_.beam));
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept), all.end(),
                      [](const Continuation& a, const Continuation& b) {
                        if (a.score != b.score) return a.score > b.score;
                        return a.hypothesis != b.hypothesis ? a.hypothesis < b.hypothesis : a.token < b.token;
                      });
    std::vector<Hypothesis> next;
    for (std::size_t k = 0; k < kept; ++k) {
      const auto h = static_cast<std::size_t>(all[k].hypothesis);
      std::vector<int> labels = live_[h].labels;
      if (all[k].token != options_.stop) labels.push_back(all[k].token);
      if (all[k].token == options_.stop || labels.size() == static_cast<std::size_t>(options_.most)) {
        finish(labels, all[k].score);
        continue;
      }
      const float* from = step.states.data() + (first + h) * state;
      next.push_back({std::move(labels), all[k].score, {from, from + state}});
    }
    // Scores only fall: what is below a finished sequence stays so.
    std::erase_if(next, [&](const Hypothesis& h) { return h.score <= best_.score; });
    live_ = std::move(next);
  }

 private:
  void finish(const std::vector<int>& labels, double score) {
    if (score > best_.score) best_ = {labels, score};
  }

  DecodingOptions options_;
  std::vector<Hypothesis> live_;
  DecodedLabels best_;
};

}  // namespace detail

/// For each of `samples` images the sequence of labels of the highest log-probability that a beam finds, from
/// the states (samples x any size) before the first step. `step(DecodeStep&)` runs the network: for each
/// row's token and state it writes the logits of the next token and replaces the state. A sequence's score is
/// the sum of log softmax of its tokens' logits, `stop` among them; labels that it has already, and `start`,
/// are passed over (without making the others likelier). Of equal scores the earlier sequence, then the
/// smaller token, is taken. With a beam as wide as there are sequences the result is the best of all; with a
/// beam of 1 it is greedy. Every step makes a sequence longer or ends it and no label comes twice, so there
/// are at most `most` steps. Throws `Error` for options out of range, for a `stop` without a logit, and for
/// logits that are not finite.
template <class Step>
std::vector<DecodedLabels> decode_labels(const std::vector<float>& states, int samples,
                                         const DecodingOptions& options, Step step) {
  detail::check_decode_options(options);
  const auto count = static_cast<std::size_t>(std::max(samples, 0));
  if (count == 0) return {};
  if (states.size() % count != 0)
    detail::fail("decoding: numbers of all states", std::to_string(states.size()),
                 "a multiple of " + std::to_string(count) + " images");
  const std::size_t state = states.size() / count;
  std::vector<detail::Beam<>> beams;
  beams.reserve(count);
  for (std::size_t n = 0; n < count; ++n) beams.emplace_back(states.data() + n * state, state, options);
  for (;;) {
    DecodeStep batch;
    for (const detail::Beam<>& beam : beams)
      for (const detail::Hypothesis& h : beam.live()) {
        batch.tokens.push_back(h.labels.empty() ? options.start : h.labels.back());
        batch.states.insert(batch.states.end(), h.state.begin(), h.state.end());
        ++batch.rows;
      }
    if (batch.rows == 0) break;
    const auto rows = static_cast<std::size_t>(batch.rows);
    step(batch);
    const std::size_t tokens = batch.logits.size() / rows;
    if (options.stop < 0 || static_cast<std::size_t>(options.stop) >= tokens ||
        tokens * rows != batch.logits.size() || batch.states.size() != rows * state)
      detail::fail("decoding: a step's logits and states",
                   std::to_string(batch.logits.size()) + " and " + std::to_string(batch.states.size()),
                   "for each of " + std::to_string(rows) + " rows a logit of every token, the stop token " +
                       std::to_string(options.stop) + " among them, and " + std::to_string(state) +
                       " numbers");
    std::size_t first = 0;
    for (detail::Beam<>& beam : beams) {
      const std::size_t live = beam.live().size();
      if (live > 0) beam.advance(batch, first, state, tokens);
      first += live;
    }
  }
  std::vector<DecodedLabels> result;
  for (const detail::Beam<>& beam : beams) result.push_back(beam.best());
  return result;
}

}  // namespace mmdl
