// SPDX-License-Identifier: Apache-2.0
// The backward of batch normalisation, with the residual and the activation that fusion put after it.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../../core/threads.hpp"
#include "activation.hpp"
#include "batch_norm_channels.hpp"
#include "channel_vectors.hpp"
#include "stream.hpp"

namespace mmdl::detail {

/// With dz the gradient behind the activation, N = samples * pixels and xhat = (x - mean) * inverse:
/// dbeta = sum dz, dgamma = sum dz * xhat, dx = gamma * inverse * (dz - dbeta / N - xhat * dgamma / N), and
/// without the last two terms when not in training. The residual gets dz (dy with `activation_first`), and
/// may have it in output_gradient's own array, which is not changed otherwise.
///
/// Two passes over the rows; the activation's mask is computed again from x, and read from the output only
/// where a residual came before the activation. Several rows go together, for the loads of what belongs to
/// channels would cost more than the rows' own: not more than fit the ways of the first cache where lines of
/// rows fall into the same set. Threads divide the rows; only where they are few and wide, the channels, with
/// no need to wait for each other. (In shorter pieces of rows one would fetch ahead what another writes.)
template <class T, Activation kind>
class BatchNormGradient : BatchNormChannels<T> {
  using W = Wide<T>;
  using Channels = BatchNormChannels<T>;
  using Channels::a_;
  using Channels::channels_;
  using Channels::finish;
  using Channels::k_;
  using Channels::prepare;
  using Channels::rows_;

 public:
  explicit BatchNormGradient(const BackwardArguments<T>& a) : Channels(a) {
    const Node& node = *a.node;
    mask_from_output_ = (node.has_residual && !node.activation_first) || a.inputs[0] == nullptr;
    if (node.has_residual) residual_ = a.input_gradients[node.input_count - 1];
    residual_accumulates_ = node.has_residual && a.accumulate[node.input_count - 1];
    residual_gets_dz_ = kind != Activation::none && !node.activation_first;
    if (residual_ == a.output_gradient && !residual_gets_dz_ && !residual_accumulates_)
      residual_ = nullptr;  // it has its gradient already
    const bool wants_parameters = a.parameter_gradients[0] != nullptr || a.parameter_gradients[1] != nullptr;
    sums_ = wants_parameters || (a.training && a.input_gradients[0] != nullptr);
    keeps_dz_ = sums_ && residual_ != nullptr && residual_gets_dz_ && !residual_accumulates_;
    stream_ = a.input_gradients[0] != a.output_gradient &&
              worth_streaming_rows(a.input_gradients[0], rows_, channels_);
  }

  void run() const {
    if (channels_ >= 8 * rows_)
      by_channels();
    else
      by_rows();
  }

 private:
  static constexpr long rows_at_once = 256;  ///< rows whose sums are added up before they become double
  static constexpr long near_bytes = 24L << 10, channel_unit = 32;
  static constexpr long channel_grain = 128, combine_grain = 256;

  void by_channels() const {
    // As many at a time as leave the rows in the first cache for the second pass. Rows that are pages apart
    // share its sets, and stay in the second in any case.
    constexpr long size = static_cast<long>(sizeof(T));
    const bool apart = channels_ * size % 4096 == 0;
    const long few =
        apart ? channel_grain : std::max(near_bytes / (2 * rows_ * size) / channel_unit, 1L) * channel_unit;
    parallel_ranges(channels_, channel_grain, [&](long begin, long end) {
      for (long from = begin; from < end; from += few) {
        const long to = std::min(from + few, end);
        prepare(from, to);
        if (sums_) {
          add_sums_by_blocks(0, rows_, from, to, k_.sums);
          finish(from, to, 1);
        }
        write(0, rows_, from, to);
      }
    });
  }

  void by_rows() const {
    prepare(0, channels_);
    if (sums_) {
      for_row_slices(rows_, channels_, [&](long slice, long begin, long end) {
        add_sums_by_blocks(begin, end, 0, channels_, k_.sums + slice * 2 * channels_);
      });
      parallel_ranges(channels_, combine_grain,
                      [&](long begin, long end) { finish(begin, end, row_slices(rows_)); });
    }
    for_row_shares_from_end(
        rows_, channels_, [&](long begin, long end) { write(begin, end, 0, channels_); },
        [&] {
          if (stream_) streaming_done();
        });
  }

  void add_sums_by_blocks(long begin, long end, long from, long to, double* sums) const {
    for (long row = begin; row < end; row += rows_at_once)
      add_sums(row, std::min(row + rows_at_once, end), from, to, sums, row > begin);
  }

  // dz.

  /// Where the mask comes from.
  enum class Mask : unsigned char { none, input, output };
  /// `kept`: the first pass has left dz in the residual's gradient.
  template <class Body>
  void with_mask(bool kept, const Body& body) const {
    if constexpr (kind != Activation::none) {
      if (!kept && mask_from_output_) return body(std::integral_constant<Mask, Mask::output>{});
      if (!kept) return body(std::integral_constant<Mask, Mask::input>{});
    }
    body(std::integral_constant<Mask, Mask::none>{});
  }

  /// dz from dy and what the mask is made of: x and the coefficients of its channels, or y.
  template <Mask mask, class V>
  static V dz_of(const V& dy, const V& x, const V& scale, const V& shift, const T* y) {
    constexpr bool six = kind == Activation::relu6;
    if constexpr (mask == Mask::none) return dy;
    if constexpr (mask == Mask::input) return keep_if_passed<six>(x * scale + shift, dy);
    if constexpr (mask == Mask::output) return keep_if_passed<six>(load_vector<V>(y), dy);
  }

  // The first pass.

  /// sums[c] = sum of dz, sums[channels + c] = sum of dz * (x - mean), over some rows, with `add` added to
  /// what is there. Where the residual's gradient is dz and is not added to anything, it is written on the
  /// way: the second pass then reads dz from there and needs no mask.
  void add_sums(long begin, long end, long from, long to, double* sums, bool add) const {
    for (; from < to; from += channel_tile) {
      const long length = std::min(channel_tile, to - from);
      W sum[channel_tile], product[channel_tile];
      std::fill_n(sum, length, W{0});
      std::fill_n(product, length, W{0});
      with_mask(false, [&](auto mask) {
        long row = begin;
        if (!keeps_dz_)
          for (; row + 4 <= end; row += 4)
            sum_rows<decltype(mask)::value, 4>(row * channels_ + from, from, length, sum, product);
        for (; row < end; ++row)
          sum_rows<decltype(mask)::value, 1>(row * channels_ + from, from, length, sum, product);
      });
      double *const of_dz = sums + from, *const of_product = of_dz + channels_;
      MMDL_SIMD
      for (long c = 0; c < length; ++c) {
        of_dz[c] = static_cast<double>(sum[c]) + (add ? of_dz[c] : 0.0);
        of_product[c] = static_cast<double>(product[c]) + (add ? of_product[c] : 0.0);
      }
    }
  }

  template <Mask mask, int rows>
  void sum_rows(long at, long from, long length, W* sums, W* products) const {
    const long stride = channels_;
    const T *const x = a_.inputs[0] + at, *const dy = a_.output_gradient + at;
    const T* const y = mask == Mask::output ? a_.output + at : nullptr;
    T* const keep = keeps_dz_ ? residual_ + at : nullptr;
    const W *const means = k_.mean + from, *const scales = k_.scale + from, *const shifts = k_.shift + from;
    for_channel_vectors<T>(length, [=]<class V>(V, long c) {
      const V mean = load_vector<V>(means + c), scale = load_vector<V>(scales + c),
              shift = load_vector<V>(shifts + c);
      V dz[rows], dz_x[rows];
      MMDL_UNROLL
      for (int row = 0; row < rows; ++row) {
        const V value = load_vector<V>(x + row * stride + c);
        dz[row] =
            dz_of<mask>(load_vector<V>(dy + row * stride + c), value, scale, shift, y + row * stride + c);
        dz_x[row] = dz[row] * (value - mean);
        if (rows == 1 && keep != nullptr) store_vector(keep + c, dz[row]);
      }
      const V sum = load_vector<V>(sums + c), product = load_vector<V>(products + c);
      if constexpr (rows == 4) {
        store_vector(sums + c, sum + ((dz[0] + dz[1]) + (dz[2] + dz[3])));
        store_vector(products + c, product + ((dz_x[0] + dz_x[1]) + (dz_x[2] + dz_x[3])));
      } else {
        store_vector(sums + c, sum + dz[0]);
        store_vector(products + c, product + dz_x[0]);
      }
    });
  }

  // The second pass.

  /// dx, and the residual's gradient where the first pass has not written it.
  void write(long begin, long end, long from, long to) const {
    const bool residual = residual_ != nullptr && !keeps_dz_;
    if (a_.input_gradients[0] == nullptr && !residual) return;
    const bool simple = a_.training && a_.input_gradients[0] != nullptr && !a_.accumulate[0] && !residual;
    with_mask(keeps_dz_, [&](auto mask) {
      long row = begin;
      if (simple && !stream_)
        for (; row + 2 <= end; row += 2)
          write_rows<decltype(mask)::value, 2>(row * channels_ + from, from, to - from);
      if (simple)
        for (; row < end; ++row)
          write_rows<decltype(mask)::value, 1>(row * channels_ + from, from, to - from);
      for (; row < end; ++row) write_any<decltype(mask)::value>(row * channels_ + from, from, to - from);
    });
  }

  const T* source() const { return keeps_dz_ ? residual_ : a_.output_gradient; }

  template <Mask mask, int rows>
  void write_rows(long at, long from, long length) const {
    const long stride = channels_;
    const T *const x = a_.inputs[0] + at, *const dy = source() + at;
    const T* const y = mask == Mask::output ? a_.output + at : nullptr;
    T* const dx = a_.input_gradients[0] + at;
    const W *const means = k_.mean + from, *const scales = k_.scale + from, *const shifts = k_.shift + from,
                   *const slopes = k_.slope + from, *const constants = k_.constant + from;
    const bool stream = stream_;
    for_channel_vectors<T>(length, [=]<class V>(V, long c) {
      const V mean = load_vector<V>(means + c), scale = load_vector<V>(scales + c),
              shift = load_vector<V>(shifts + c);
      const V slope = load_vector<V>(slopes + c), constant = load_vector<V>(constants + c);
      MMDL_UNROLL
      for (int row = 0; row < rows; ++row) {
        const V value = load_vector<V>(x + row * stride + c);
        const V dz =
            dz_of<mask>(load_vector<V>(dy + row * stride + c), value, scale, shift, y + row * stride + c);
        const V gradient = dz * scale + ((value - mean) * slope + constant);
        if (rows == 1 && stream)
          stream_vector(dx + row * stride + c, gradient);
        else
          store_vector(dx + row * stride + c, gradient);
      }
    });
  }

  /// The rarer cases: dx is added to, or not wanted; the residual gets its gradient here, maybe over the
  /// upstream one or over dx.
  template <Mask mask>
  void write_any(long at, long from, long length) const {
    for_channel_vectors<T>(length, [&]<class V>(V, long c) {
      const auto coefficient = [&](const W* of) { return load_vector<V>(of + from + c); };
      const V upstream = load_vector<V>(source() + at + c);
      const V x = a_.inputs[0] == nullptr ? V{} : load_vector<V>(a_.inputs[0] + at + c);
      const V scale = coefficient(k_.scale);
      const V dz = dz_of<mask>(upstream, x, scale, coefficient(k_.shift),
                               mask == Mask::output ? a_.output + at + c : nullptr);
      if (T* const dx = a_.input_gradients[0]) {
        V value = dz * scale;
        if (a_.training)
          value += (x - coefficient(k_.mean)) * coefficient(k_.slope) + coefficient(k_.constant);
        if (a_.accumulate[0]) value += load_vector<V>(static_cast<const T*>(dx) + at + c);
        store_vector(dx + at + c, value);
      }
      if (residual_ != nullptr && !keeps_dz_) {
        V value = residual_gets_dz_ ? dz : upstream;
        if (residual_accumulates_) value += load_vector<V>(static_cast<const T*>(residual_) + at + c);
        store_vector(residual_ + at + c, value);
      }
    });
  }

  T* residual_ = nullptr;  // where the residual's gradient is to be written; null when nowhere
  bool mask_from_output_ = false, residual_accumulates_ = false, residual_gets_dz_ = false, sums_ = false,
       keeps_dz_ = false, stream_ = false;
};

}  // namespace mmdl::detail
