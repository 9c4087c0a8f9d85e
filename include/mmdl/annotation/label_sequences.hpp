// SPDX-License-Identifier: Apache-2.0
// Sets of labels as sequences, for networks that give one label after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

namespace mmdl {

/// In which order a set of labels becomes a sequence, by how many training samples have each.
enum class LabelOrder { rare_first, frequent_first };

/// The place of each of `label_count` labels in that order. Labels that no sample has are the rarest; of
/// labels that are equally frequent the smaller number comes first.
template <class = void>  // compiled only where it is called
std::vector<int> label_places(const std::vector<std::vector<int>>& samples, int label_count,
                              LabelOrder order) {
  const auto count = static_cast<std::size_t>(label_count);
  std::vector<long> frequency(count);
  for (const auto& labels : samples)
    for (const int label : labels) ++frequency[static_cast<std::size_t>(label)];
  std::vector<int> sorted(count), places(count);
  std::iota(sorted.begin(), sorted.end(), 0);
  std::stable_sort(sorted.begin(), sorted.end(), [&](int a, int b) {
    const long of_a = frequency[static_cast<std::size_t>(a)], of_b = frequency[static_cast<std::size_t>(b)];
    return order == LabelOrder::rare_first ? of_a < of_b : of_a > of_b;
  });
  for (std::size_t place = 0; place < count; ++place)
    places[static_cast<std::size_t>(sorted[place])] = static_cast<int>(place);
  return places;
}

/// The tokens that are no labels.
struct SequenceTokens {
  int start = 0;
  int stop = 0;
};

/// A set of labels as what a recurrent network reads and should say: `inputs` are start, a, b, c and then
/// `stop` to the end, `targets` are a, b, c, stop and then -1 (absent, for `SequenceCrossEntropy`); a, b, c
/// in the order of their places. Both spans have one length L, and sequences at most L - 1 labels: of more,
/// the first L - 1 count, followed by stop all the same. Without labels the sequence is stop alone.
template <class = void>
void put_sequence(std::vector<int> labels, const std::vector<int>& places, SequenceTokens tokens,
                  std::span<float> inputs, std::span<float> targets) {
  std::sort(labels.begin(), labels.end(), [&](int a, int b) {
    return places[static_cast<std::size_t>(a)] < places[static_cast<std::size_t>(b)];
  });
  labels.resize(std::min(labels.size(), targets.size() - 1));
  std::fill(inputs.begin(), inputs.end(), static_cast<float>(tokens.stop));
  std::fill(targets.begin(), targets.end(), -1.0f);
  inputs[0] = static_cast<float>(tokens.start);
  for (std::size_t i = 0; i < labels.size(); ++i) inputs[i + 1] = targets[i] = static_cast<float>(labels[i]);
  targets[labels.size()] = static_cast<float>(tokens.stop);
}

}  // namespace mmdl
