// SPDX-License-Identifier: Apache-2.0
// A long short-term memory over all steps of a sequence.
#pragma once

#include <algorithm>
#include <cmath>

#include "activation.hpp"
#include "column_sums.hpp"
#include "gemm.hpp"
#include "kernel.hpp"
#include "lstm_sizes.hpp"

namespace mmdl::detail {

/// Inputs: x (steps x channels); then, of four or three inputs, the first h and c; of four or two, last, the
/// mask (a number for each step, zero where it is absent). Output: at each step h, c and the gates i, f, g,
/// o, `units` numbers each, which the backward reads again. At an absent step h and c stay as they were.
/// The products are of counted rows only (`LstmSizes`), which lie step by step: each step's samples one after
/// the other. Computed in Wide<T>: narrow values are widened in scratch memory. PyTorch:
/// `torch.nn.LSTM(batch_first=True)` with one bias instead of the sum of two.
template <class T>
struct CpuKernel<operators::Lstm, T> {
  using W = Wide<T>;

  static long workspace(const Node& node, int samples, bool training) {
    const Sizes s(node, samples);
    const long sequence = lines(s.rows() * s.channels), state = lines(samples * s.units);
    long numbers = lines(s.rows() * 4 * s.units) +
                   lines(s.rows() * (training ? std::max(s.channels, s.units) : s.channels)) +
                   (training ? 2 * state : 0);
    if (is_narrow<T>) numbers += 2 * state + (training ? 2 : 1) * (sequence + lines(s.rows() * s.values()));
    if (s.steps > 1)
      numbers += lines(std::max(packed_factor_size<W>(s.units, 4 * s.units),
                                training ? packed_factor_size<W>(4 * s.units, s.units) : 0));
    return numbers + std::max(gemm_workspace<W>(s.channels, 4 * s.units, training),
                              gemm_workspace<W>(s.units, 4 * s.units, training));
  }

  static void forward(const ForwardArguments<T>& a) {
    const Sizes s(*a.node, a.samples);
    W* room = a.workspace;
    W *gates = take(room, s.rows() * 4 * s.units), *packed = take(room, s.rows() * s.channels);
    const W* x = widened(a.inputs[0], s.rows() * s.channels, room);
    const W* first_h = s.state ? widened(a.inputs[1], s.samples * s.units, room) : nullptr;
    const W* first_c = s.state ? widened(a.inputs[2], s.samples * s.units, room) : nullptr;
    W* y = place_for(a.output, s.rows() * s.values(), room);
    const Weights input(a.parameters[0], s.channels, 4 * s.units, false);
    const Weights state = Weights(a.parameters[1], s.units, 4 * s.units, false).packed(s, room);
    // All steps' inputs at once, then for each step what the state adds.
    const long rows = gather(s, a.inputs, packed, s.channels,
                             [&](long n, long t) { return x + (n * s.steps + t) * s.channels; });
    multiply(plain_matrix(packed, rows, s.channels, s.channels), input, gates, 4 * s.units, false, room);
    for (long t = 0; t < s.steps; ++t) {
      const State before(s, t, y, first_h, first_c);
      const long count = s.count(a.inputs, t);
      if (before.h != nullptr && count > 0)
        multiply(plain_matrix(before.h, count, s.units, before.stride), state, gates, 4 * s.units, true,
                 room);
      for_samples(s, [&](long n) {
        const long row = n * s.steps + t;
        W* h = y + row * s.values();
        if (s.absent(a.inputs, row))
          carry(before, n, s.units, h);
        else
          step(before, n, s.units, gates + n * 4 * s.units, a.parameters[2], h);
      });
      gates += count * 4 * s.units;
    }
    if constexpr (is_narrow<T>) store(static_cast<const W*>(y), a.output, s.rows() * s.values(), false);
  }

  static void backward(const BackwardArguments<T>& a) {
    const Sizes s(*a.node, a.samples);
    W* room = a.workspace;
    W* const gates = take(room, s.rows() * 4 * s.units);  // their gradients
    W* const packed = take(room, s.rows() * std::max(s.channels, s.units));
    W *dh = take(room, s.samples * s.units), *dc = take(room, s.samples * s.units);
    const W* x = widened(a.inputs[0], s.rows() * s.channels, room);
    const W* first_h = s.state ? widened(a.inputs[1], s.samples * s.units, room) : nullptr;
    const W* first_c = s.state ? widened(a.inputs[2], s.samples * s.units, room) : nullptr;
    const W* y = widened(a.output, s.rows() * s.values(), room);
    const W* dy = widened(a.output_gradient, s.rows() * s.values(), room);
    W* dx = a.input_gradients[0] == nullptr ? nullptr
                                            : place_for(a.input_gradients[0], s.rows() * s.channels, room);
    std::fill_n(dh, s.samples * s.units, W{});
    std::fill_n(dc, s.samples * s.units, W{});
    const Weights input(a.parameters[0], 4 * s.units, s.channels, true);
    const Weights state = Weights(a.parameters[1], 4 * s.units, s.units, true).packed(s, room);
    const long rows = s.counted(a.inputs);
    W* to = gates + rows * 4 * s.units;
    for (long t = s.steps - 1; t >= 0; --t) {
      const State before(s, t, y, first_h, first_c);
      const long count = s.count(a.inputs, t);
      to -= count * 4 * s.units;
      for_samples(s, [&](long n) {
        const long row = n * s.steps + t;
        W *h = dh + n * s.units, *c = dc + n * s.units;
        const W* upstream = dy + row * s.values();
        for (long u = 0; u < s.units; ++u) h[u] += upstream[u], c[u] += upstream[s.units + u];
        if (!s.absent(a.inputs, row))
          step_gradient(before, n, s.units, y + row * s.values(), h, c, to + n * 4 * s.units);
        else if (n < count)
          std::fill_n(to + n * 4 * s.units, 4 * s.units, W{});
      });
      if (before.h != nullptr && count > 0)
        multiply(plain_matrix(to, count, 4 * s.units, 4 * s.units), state, dh, s.units, true, room);
    }
    if (dx != nullptr) {
      multiply(plain_matrix(gates, rows, 4 * s.units, 4 * s.units), input, packed, s.channels, false, room);
      scatter(s, a.inputs, packed, dx, !is_narrow<T> && a.accumulate[0]);
      if constexpr (is_narrow<T>)
        store(static_cast<const W*>(dx), a.input_gradients[0], s.rows() * s.channels, a.accumulate[0]);
    }
    if (a.parameter_gradients[0] != nullptr) {
      gather(s, a.inputs, packed, s.channels,
             [&](long n, long t) { return x + (n * s.steps + t) * s.channels; });
      multiply_transposed(packed, rows, s.channels, gates, 4 * s.units, a.parameter_gradients[0],
                          a.accumulate_parameters, room);
    }
    if (a.parameter_gradients[1] != nullptr) {
      gather(s, a.inputs, packed, s.units, [&](long n, long t) {
        const State before(s, t, y, first_h, first_c);
        return before.h == nullptr ? nullptr : before.h + n * before.stride;
      });
      multiply_transposed(packed, rows, s.units, gates, 4 * s.units, a.parameter_gradients[1],
                          a.accumulate_parameters, room);
    }
    if (a.parameter_gradients[2] != nullptr)
      column_sums(gates, rows, 4 * s.units, a.parameter_gradients[2], a.accumulate_parameters);
    const W* states[] = {dh, dc};
    for (int i = 0; i < 2; ++i)
      if (s.state && a.input_gradients[1 + i] != nullptr)
        store(states[i], a.input_gradients[1 + i], s.samples * s.units, a.accumulate[1 + i]);
    if (s.mask > 0 && a.input_gradients[s.mask] != nullptr && !a.accumulate[s.mask])
      std::fill_n(a.input_gradients[s.mask], s.rows(), T{});  // a mask has no slope
  }

 private:
  using Sizes = LstmSizes;
  using State = LstmState<W>;

  static void carry(const State& before, long n, long units, W* to) {
    std::fill_n(to, 6 * units, W{});
    if (before.h == nullptr) return;
    std::copy_n(before.h + n * before.stride, units, to);
    std::copy_n(before.c + n * before.stride, units, to + units);
  }

  static void step(const State& before, long n, long units, const W* gates, const W* bias, W* h) {
    W *c = h + units, *i = c + units, *f = i + units, *g = f + units, *o = g + units;
    for (long u = 0; u < units; ++u) {
      i[u] = sigmoid(gates[u] + bias[u]);
      f[u] = sigmoid(gates[units + u] + bias[units + u]);
      g[u] = std::tanh(gates[2 * units + u] + bias[2 * units + u]);
      o[u] = sigmoid(gates[3 * units + u] + bias[3 * units + u]);
      c[u] = i[u] * g[u] + (before.c == nullptr ? W{0} : f[u] * before.c[n * before.stride + u]);
      h[u] = o[u] * std::tanh(c[u]);
    }
  }

  /// From the gradients of h and c after the step those of the gates' arguments; `dh` becomes zero, `dc` that
  /// of c before it.
  static void step_gradient(const State& before, long n, long units, const W* h, W* dh, W* dc, W* to) {
    const W *c = h + units, *i = c + units, *f = i + units, *g = f + units, *o = g + units;
    for (long u = 0; u < units; ++u) {
      const W tanh_c = std::tanh(c[u]);
      const W d = dc[u] + dh[u] * o[u] * (W{1} - tanh_c * tanh_c);
      const W c_before = before.c == nullptr ? W{0} : before.c[n * before.stride + u];
      to[u] = d * g[u] * i[u] * (W{1} - i[u]);
      to[units + u] = d * c_before * f[u] * (W{1} - f[u]);
      to[2 * units + u] = d * i[u] * (W{1} - g[u] * g[u]);
      to[3 * units + u] = dh[u] * tanh_c * o[u] * (W{1} - o[u]);
      dh[u] = W{0};
      dc[u] = d * f[u];
    }
  }

  template <class Body>
  static void for_samples(const Sizes& s, const Body& body) {
    parallel_ranges(s.samples, parallel_grain / (32 * s.units) + 1, [&](long begin, long end) {
      for (long n = begin; n < end; ++n) body(n);
    });
  }

  /// Weights as the second factor, `depth` x `columns`; `turned`, they lie there as columns x depth.
  struct Weights {
    Weights(const W* data, long rows, long count, bool turned) : depth(rows), columns(count) {
      matrix.data = data;
      matrix.stride = turned ? rows : count;
      matrix.transposed = turned;
      if (turned) matrix.channels = rows;
    }
    /// In the order that a product reads them in, where each of several steps has one.
    Weights packed(const Sizes& s, W*& room) const {
      Weights result = *this;
      if (s.steps == 1) return result;
      W* const to = take(room, packed_factor_size<W>(depth, columns));
      pack_factor<W>(matrix, depth, columns, to);
      result.sorted = to;
      return result;
    }
    WeightMatrix<W> matrix;
    long depth, columns;
    const W* sorted = nullptr;
  };

  /// Puts the counted rows one after the other, step by step: `count` numbers at `from(sample, step)` each,
  /// zeros where that is null. Gives their number.
  static long gather(const Sizes& s, const auto& inputs, W* to, long count, const auto& from) {
    long rows = 0;
    for (long t = 0; t < s.steps; ++t) {
      const long samples = s.count(inputs, t);
      for (long n = 0; n < samples; ++n, ++rows) {
        const W* row = from(n, t);
        if (row == nullptr)
          std::fill_n(to + rows * count, count, W{});
        else
          std::copy_n(row, count, to + rows * count);
      }
    }
    return rows;
  }
  /// The opposite for the gradient of x: zeros, or nothing added, where a row does not count.
  static void scatter(const Sizes& s, const auto& inputs, const W* from, W* dx, bool add) {
    for (long t = 0; t < s.steps; ++t) {
      const long samples = s.count(inputs, t);
      for (long n = 0; n < s.samples; ++n) {
        W* const to = dx + (n * s.steps + t) * s.channels;
        if (n < samples && add)
          for (long c = 0; c < s.channels; ++c) to[c] += from[n * s.channels + c];
        else if (n < samples)
          std::copy_n(from + n * s.channels, s.channels, to);
        else if (!add)
          std::fill_n(to, s.channels, W{});
      }
      from += samples * s.channels;
    }
  }

  /// to = a * w, or added to it.
  static void multiply(const PatchMatrix<W>& a, const Weights& w, W* to, long stride, bool accumulate,
                       W* workspace) {
    Gemm<W> g;
    g.a = a;
    g.b = w.matrix;
    g.packed_b = w.sorted;
    g.columns = w.columns;
    g.output = to;
    g.layout = {.sample_stride = stride};
    g.epilogue.accumulate = accumulate;
    gemm(g, workspace);
  }

  /// to = a^T * b, or added to it, of `rows` rows each: the gradient of weights.
  static void multiply_transposed(const W* a, long rows, long depth, const W* b, long columns, W* to,
                                  bool accumulate, W* workspace) {
    Gemm<W> g;
    g.a = plain_matrix(a, rows, depth, depth);
    g.transpose_first();
    g.b.data = b;
    g.b.stride = columns;
    g.columns = columns;
    g.output = to;
    g.layout = {.sample_stride = columns};
    g.epilogue.accumulate = accumulate;
    gemm(g, workspace, true);
  }

  /// `count` rounded up to whole cache lines.
  static long lines(long count) { return divide_up(count, 16) * 16; }
  static W* take(W*& room, long count) {
    W* const taken = room;
    room += lines(count);
    return taken;
  }
  /// The numbers as W: themselves, or a copy in `room`.
  static const W* widened(const T* from, long count, W*& room) {
    if constexpr (is_narrow<T>) {
      W* const to = take(room, count);
      store(from, to, count, false);
      return to;
    } else {
      return from;
    }
  }
  /// Where numbers for `to` are made: there, or in `room`.
  static W* place_for(T* to, long count, W*& room) {
    if constexpr (is_narrow<T>)
      return take(room, count);
    else
      return to;
  }
};

}  // namespace mmdl::detail
