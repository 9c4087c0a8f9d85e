// SPDX-License-Identifier: Apache-2.0
// The six nearest of 100,000 samples by their tags, of 1,000 tags that are as unevenly frequent as those of
// users, about 7 a sample: for a batch of queries, and building the index.
#include "mmdl/annotation/neighbours.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>

#include "mmdl/core/random.hpp"

namespace {

constexpr int tags = 1000;

/// Tag k about as often as 1 / (k + 20).
std::vector<std::vector<int>> draw_sets(int count, std::uint64_t seed) {
  mmdl::Random random(seed);
  std::vector<std::vector<int>> sets(static_cast<std::size_t>(count));
  for (auto& set : sets) {
    for (int i = random.below(14); i >= 0; --i)
      set.push_back(std::min(tags - 1, static_cast<int>(20 * std::pow(51.0f, random.uniform())) - 20));
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
  }
  return sets;
}

void build(benchmark::State& state) {
  const auto sets = draw_sets(static_cast<int>(state.range(0)), 1);
  for (auto _ : state) benchmark::DoNotOptimize(mmdl::JaccardNeighbours(sets, tags));
}

void query(benchmark::State& state) {
  const mmdl::JaccardNeighbours index(draw_sets(static_cast<int>(state.range(0)), 1), tags);
  const auto queries = draw_sets(static_cast<int>(state.range(1)), 2);
  for (auto _ : state) benchmark::DoNotOptimize(index.nearest(queries, 6));
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

BENCHMARK(build)->Arg(100'000)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(query)->Args({100'000, 32})->Args({100'000, 10'000})->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
