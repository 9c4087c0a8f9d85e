// SPDX-License-Identifier: Apache-2.0
// The matrix product alone: every number of rows, cut into tiles of two heights, and the update behind it.
#include "mmdl/backend/cpu/gemm.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "mmdl/core/random.hpp"

namespace gemm_test {

using namespace mmdl;
using namespace mmdl::detail;

namespace {

std::vector<float> draw(long count, std::uint64_t seed) {
  std::vector<float> numbers(static_cast<std::size_t>(count));
  fill_normals(numbers.data(), 0, count, seed, 1, 1.0f);
  return numbers;
}

/// The product of `a` (rows x depth, or its transpose) and `b` in double.
std::vector<double> reference(const std::vector<float>& a, const std::vector<float>& b, long rows, long depth,
                              long columns, bool transposed) {
  std::vector<double> c(static_cast<std::size_t>(rows * columns));
  for (long m = 0; m < rows; ++m)
    for (long k = 0; k < depth; ++k) {
      const double factor = a[static_cast<std::size_t>(transposed ? k * rows + m : m * depth + k)];
      for (long n = 0; n < columns; ++n)
        c[static_cast<std::size_t>(m * columns + n)] +=
            factor * static_cast<double>(b[static_cast<std::size_t>(k * columns + n)]);
    }
  return c;
}

double largest_difference(const std::vector<float>& found, const std::vector<double>& expected) {
  double worst = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i)
    worst = std::fmax(worst, std::fabs(static_cast<double>(found[i]) - expected[i]));
  return worst;
}

struct Product {
  long rows, depth, columns;
  bool transposed = false, packed = false;
  const ParameterUpdate<float>* update = nullptr;

  std::vector<float> run(const std::vector<float>& a, const std::vector<float>& b) const {
    std::vector<float> c(static_cast<std::size_t>(rows * columns)),
        workspace(static_cast<std::size_t>(gemm_workspace<float>(rows, columns, transposed))),
        room(static_cast<std::size_t>(packed_factor_size<float>(depth, columns)));
    Gemm<float> g;
    g.a = transposed ? plain_matrix(a.data(), depth, rows, rows) : plain_matrix(a.data(), rows, depth, depth);
    if (transposed) g.transpose_first();
    g.b.data = b.data();
    g.b.stride = columns;
    if (packed) {
      pack_factor<float>(g.b, depth, columns, room.data());
      g.packed_b = room.data();
    }
    g.columns = columns;
    g.output = c.data();
    g.layout = {1, rows, 0, 0, columns};
    g.update = update;
    gemm(g, workspace.data(), transposed);
    return c;
  }
};

}  // namespace

TEST_CASE("row tiles: they cover the rows, and parts cut by them cost no more than by one height") {
  for (long rows = 1; rows <= 400; ++rows) {
    CAPTURE(rows);
    long left = rows;
    while (left > 0) {
      const long tile = RowTiles::next(left);
      REQUIRE((tile == tile_rows || (RowTiles::mixed && tile == RowTiles::low && left >= tile)));
      left -= tile;
    }
    CHECK(left > -tile_rows);
    CHECK(RowTiles::cost(rows) >= rows);
    CHECK(RowTiles::cost(rows) <= divide_up(rows, tile_rows) * tile_rows + 2);  // the copy of a last tile
    for (const long parts : {1L, 2L, 3L, 5L}) {
      const long unit = RowTiles::unit(rows, parts);
      CHECK(RowTiles::part_cost(rows, parts, unit) <= RowTiles::part_cost(rows, parts, tile_rows));
    }
  }
  if (RowTiles::mixed) CHECK(RowTiles::cost(32) == 32);
}

TEST_CASE("division: by rows where it costs about the same, by columns where rows do not divide") {
  const auto parts = [](long rows, long columns, long depth, const GemmCosts& costs) {
    return gemm_parts(
        rows, columns, depth, [&](long m) { return divide_up(rows, m); }, costs, 32, false, 2);
  };
  CHECK(parts(196, 512, 1024, {}).rows == 2);
  CHECK(parts(196, 512, 1024, {8.0, 8.0, 1.0}).columns == 2);  // a row's copy for each part costs less here
  CHECK(parts(1, 512, 4096, {}).columns == 2);
  CHECK(parts(8, 8, 8, {}).count() == 1);
}

TEST_CASE("patch lines: a tile's rows are the rows that are gathered") {
  struct Window {
    long taps, step, pad, spread;  // spread: lines from a tap to the next
  };
  for (const Window w : {Window{3, 1, 1, 1}, Window{5, 2, 2, 1}, Window{3, 1, 2, 2}, Window{7, 2, 3, 1}})
    for (const long width : {5L, 14L, 23L}) {
      CAPTURE(w.taps);
      CAPTURE(width);
      PatchMatrix<float> patches;
      patches.samples = 3;
      patches.height = width - 1, patches.width = width;
      patches.channels = patches.pixel_stride = 4;
      patches.sample_stride = patches.height * width * 4;
      patches.step = w.step;
      patches.y0 = patches.x0 = -w.pad;
      patches.dy = w.spread;
      patches.taps_y = patches.taps_x = w.taps;
      patches.grid_height = (patches.height + 2 * w.pad - w.spread * (w.taps - 1) - 1) / w.step + 1;
      patches.grid_width = (width + 2 * w.pad - w.taps) / w.step + 1;
      const auto image = draw(patches.samples * patches.sample_stride, 3);
      patches.data = image.data();
      const long rows = patches.rows(), depth = patches.columns();
      std::vector<float> expected(static_cast<std::size_t>(rows * depth));
      patches.gather(0, rows, 0, depth, expected.data(), depth);

      PatchLines<float> lines(patches);
      std::vector<float> room(60000, -9.0f);
      REQUIRE(lines.fit(rows, static_cast<long>(room.size())));
      CHECK(!lines.fit(rows, 40));
      long wrong = 0;
      for (const long begin : {0L, 1L, rows / 2}) {  // in the middle of a line, and of a sample
        lines.copy(begin, rows, room.data());
        for (long row = begin; row < rows; ++row) {
          const TileSource<float> source = lines.tile(row);
          const float* from = source.a;
          for (long k = 0, left = source.first; k < depth; ++k, ++from) {
            if (left-- == 0) from += source.gap, left = source.piece - 1;
            wrong += *from != expected[static_cast<std::size_t>(row * depth + k)];
          }
          const long next = row + 1;
          if (next < rows && lines.left_of_line(row) > 1) CHECK(lines.tile(next).a == source.a + source.row);
        }
      }
      CHECK(wrong == 0);
    }
}

TEST_CASE("products: rows that are whole pages apart") {
  constexpr long depth = 1024;
  for (const long columns : {32L, 40L, 150L}) {
    const auto b = draw(depth * columns, 2);
    for (const long rows : {5L, 28L, 61L}) {
      CAPTURE(rows);
      CAPTURE(columns);
      const auto a = draw(rows * depth, 1);
      const auto expected = reference(a, b, rows, depth, columns, false);
      for (const bool packed : {false, true})
        CHECK(largest_difference(Product{rows, depth, columns, false, packed}.run(a, b), expected) < 5e-4);
    }
  }
}

TEST_CASE("products: every number of rows") {
  for (const auto& [depth, columns] : {std::pair{37L, 32L}, std::pair{300L, 75L}, std::pair{300L, 150L},
                                       std::pair{9L, 8L}, std::pair{290L, 16L}, std::pair{18L, 13L}}) {
    const auto b = draw(depth * columns, 2);
    for (long rows = 1; rows <= 131; ++rows) {
      CAPTURE(rows);
      CAPTURE(depth);
      const auto a = draw(rows * depth, 1);
      for (const bool transposed : {false, true}) {
        const auto expected = reference(a, b, rows, depth, columns, transposed);
        for (const bool packed : {false, true}) {
          if (packed && transposed) continue;
          const auto found = Product{rows, depth, columns, transposed, packed}.run(a, b);
          CHECK(largest_difference(found, expected) < 1e-4);
        }
      }
    }
  }
}

TEST_CASE("products: fewer tiles of rows than threads, or none") {
  const int before = thread_count();
  for (const int threads : {2, 5, 16}) {
    set_thread_count(threads);
    for (const bool transposed : {false, true})
      for (const long rows : {0L, 1L, 9L, 15L, 29L}) {
        CAPTURE(threads);
        CAPTURE(rows);
        const long depth = 3000, columns = 96;
        const auto a = draw(rows * depth, 1), b = draw(depth * columns, 2);
        const auto expected = reference(a, b, rows, depth, columns, transposed);
        const auto found = Product{rows, depth, columns, transposed, !transposed}.run(a, b);
        CHECK(largest_difference(found, expected) < 1e-3);
      }
  }
  set_thread_count(before);
}

TEST_CASE("products: an update meets each number of the gradient once") {
  struct Seen {
    std::vector<float> gradients;
    std::vector<int> count;
    long begin;
    static void run(const void* self, long begin, const float* gradients, long count, bool decays) {
      auto& seen = *static_cast<Seen*>(const_cast<void*>(self));
      for (long i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(begin - seen.begin + i);
        seen.gradients[at] = gradients[i];
        seen.count[at] += decays ? 100 : 1;
      }
    }
  };
  // One block of the depth, several, and a depth that threads divide.
  for (const auto& [rows, depth, columns] :
       {std::tuple{700L, 33L, 530L}, std::tuple{300L, 900L, 600L}, std::tuple{30L, 3000L, 40L}})
    for (const int threads : {1, 3}) {
      CAPTURE(rows);
      CAPTURE(threads);
      const int before = thread_count();
      set_thread_count(threads);
      const auto a = draw(rows * depth, 1), b = draw(depth * columns, 2);
      const auto size = static_cast<std::size_t>(rows * columns);
      Seen seen{std::vector<float>(size), std::vector<int>(size), 1000};
      const ParameterUpdate<float> update{&Seen::run, &seen, 1000, false};
      const auto expected = Product{rows, depth, columns, true}.run(a, b);
      Product{rows, depth, columns, true, false, &update}.run(a, b);
      set_thread_count(before);
      CHECK(seen.gradients == expected);
      CHECK(seen.count == std::vector<int>(size, 1));
    }
}

}  // namespace gemm_test
