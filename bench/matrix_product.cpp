// SPDX-License-Identifier: Apache-2.0
// The library's packed matrix product beside Eigen's, at the shapes of ResNet-101's pointwise convolutions
// and of the annotator's linear layers: C = A B, C = A B^T (gradient of the input), C = A^T B (gradient of
// the weights).
#include <benchmark/benchmark.h>

#include <Eigen/Core>

#include "mmdl/backend/cpu/gemm.hpp"
#include "mmdl/core/tensor.hpp"

namespace {

using namespace mmdl::detail;
using Matrix = Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

enum class Form { plain, b_transposed, a_transposed };

struct Operands {
  long m, k, n;
  Buffer<float> a, b, c;
  explicit Operands(const benchmark::State& state)
      : m(state.range(0)),
        k(state.range(1)),
        n(state.range(2)),
        a(numbers(m, k)),
        b(numbers(k, n)),
        c(numbers(m, n)) {
    fill_normals(a.data(), 0, m * k, 1, 0, 1.0f);
    fill_normals(b.data(), 0, k * n, 1, 1, 1.0f);
  }
  static std::size_t numbers(long x, long y) { return static_cast<std::size_t>(x * y); }
};

void count_work(benchmark::State& state, const Operands& o) {
  state.counters["FLOP/s"] =
      benchmark::Counter(2.0 * static_cast<double>(o.m * o.k * o.n),
                         benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

template <Form form>
void packed(benchmark::State& state) {
  Operands o(state);
  Gemm<float> g;
  const bool split = form == Form::a_transposed;
  if (split) g.transpose_first();
  g.a = split ? plain_matrix(o.a.data(), o.k, o.m, o.m) : plain_matrix(o.a.data(), o.m, o.k, o.k);
  g.b.data = o.b.data();
  g.b.transposed = form == Form::b_transposed;
  g.b.stride = g.b.transposed ? o.k : o.n;
  g.b.channels = o.k;
  g.columns = o.n;
  g.output = o.c.data();
  g.layout = {1, o.m, 0, 0, o.n};
  Buffer<float> workspace(static_cast<std::size_t>(gemm_workspace<float>(o.m, o.n, split)));
  for (auto _ : state) gemm(g, workspace.data(), split);
  count_work(state, o);
}

template <Form form>
void eigen(benchmark::State& state) {
  Operands o(state);
  Matrix c(o.c.data(), o.m, o.n);
  for (auto _ : state) {
    if constexpr (form == Form::plain)
      c.noalias() = Matrix(o.a.data(), o.m, o.k) * Matrix(o.b.data(), o.k, o.n);
    else if constexpr (form == Form::b_transposed)
      c.noalias() = Matrix(o.a.data(), o.m, o.k) * Matrix(o.b.data(), o.n, o.k).transpose();
    else
      c.noalias() = Matrix(o.a.data(), o.k, o.m).transpose() * Matrix(o.b.data(), o.k, o.n);
    benchmark::ClobberMemory();
  }
  count_work(state, o);
}

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"m", "k", "n"})->UseRealTime();
  b->Args({25088, 64, 256})->Args({25088, 256, 64});    // batch 8: 56x56
  b->Args({6272, 128, 512})->Args({6272, 512, 128});    // 28x28
  b->Args({1568, 256, 1024})->Args({1568, 1024, 256});  // 14x14
  b->Args({392, 512, 2048})->Args({392, 2048, 512});    // 7x7
  b->Args({32, 1000, 2048})->Args({32, 2048, 2048})->Args({32, 4096, 512})->Args({1, 4096, 512});
}

BENCHMARK(packed<Form::plain>)->Apply(shapes);
BENCHMARK(eigen<Form::plain>)->Apply(shapes);
BENCHMARK(packed<Form::b_transposed>)->Apply(shapes);
BENCHMARK(eigen<Form::b_transposed>)->Apply(shapes);
BENCHMARK(packed<Form::a_transposed>)->Apply(shapes);
BENCHMARK(eigen<Form::a_transposed>)->Apply(shapes);

}  // namespace
