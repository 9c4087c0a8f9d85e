// SPDX-License-Identifier: Apache-2.0
// The multi-scale network of the paper: a backbone and a fusion of its scales into one feature vector.
#pragma once

#include <array>

#include "../core/require.hpp"
#include "../layers/activation.hpp"
#include "../layers/batch_norm.hpp"
#include "../layers/join.hpp"
#include "../layers/pooling.hpp"
#include "../layers/residual.hpp"
#include "../layers/sequential.hpp"
#include "../models/backbone.hpp"

namespace mmdl {

template <int Scale, int Count>
struct scale_out_of_range;  ///< problem: `Scales<...>` names scale `Scale` of a backbone that has `Count`
template <class Fused, class Scale>
struct fusion_does_not_reach_scale;  ///< problem: a fusion block's output differs from the scale it is added
                                     ///< to

namespace detail {
template <int... Numbers>
constexpr bool rising_numbers() {
  constexpr int numbers[] = {Numbers...};
  for (unsigned i = 1; i < sizeof...(Numbers); ++i)
    if (numbers[i] <= numbers[i - 1]) return false;
  return true;
}
}  // namespace detail

/// Which scales are fused, numbered from 1, rising: `Scales<3, 4, 5>`.
template <int... Numbers>
struct Scales {
  static_assert(sizeof...(Numbers) > 0, "mmdl: Scales<...> names at least one scale");
  static constexpr int count = sizeof...(Numbers);
  static constexpr std::array<int, sizeof...(Numbers)> numbers{Numbers...};
  static constexpr int last = numbers.back();
  static_assert(detail::rising_numbers<Numbers...>(),
                "mmdl: Scales<...> are numbered from the finest to the coarsest");
};

/// All scales of the backbone: the default of `MultiScale`.
struct AllScales {};

/// The stride that takes one scale's height to the other's: its quotient, rounded up.
template <class From, class To>
inline constexpr int scale_ratio =
    (detail::extent_of<From>().height + detail::extent_of<To>().height - 1) / detail::extent_of<To>().height;

/// The sum of fusion blocks along the scales (Niu et al., equation 2): fused_1 = M_1,
/// fused_l = M_l + F_l(fused_{l-1}), then the mean over all places. The base of a fusion of one's own:
/// `struct Mine : SumFusion<Mine> { template <class From, class To> using block = ...; };` where `block<From,
/// To>` is F_l, a layer from shape `From` to shape `To`; another output is rejected as
/// `fusion_does_not_reach_scale`.
template <class Fusion>
struct SumFusion {
 private:
  template <class Fused, class Builder>
  struct Step {
    Builder& builder;
    int fused;
    detail::Wires taps;
    int next;

    template <class To>
    friend constexpr auto operator>>(Step step, detail::Tag<To>) {
      if constexpr (std::is_void_v<Fused>) {
        return Step<To, Builder>{step.builder, step.taps.id[0], step.taps, 1};
      } else {
        using Block = typename Fusion::template block<Fused, To>;
        using Reached = typename Block::template output<Fused>;
        static_assert(
            detail::accepted<std::is_same_v<Reached, To>, fusion_does_not_reach_scale<Reached, To>>);
        step.builder.enter("fusion");
        detail::Wires terms = Block::template lower<Fused>(step.builder, detail::Wires::of(step.fused));
        terms.push(step.taps.id[step.next]);
        const int sum = detail::lower_add(step.builder, terms, detail::extent_of<To>());
        step.builder.leave();
        return Step<To, Builder>{step.builder, sum, step.taps, step.next + 1};
      }
    }
  };

  template <class In>
  struct Rule;
  template <class... Taps>
  struct Rule<List<Taps...>> {
    using last = detail::At<sizeof...(Taps) - 1, List<Taps...>>;
    template <class Builder>
    static constexpr detail::Wires lower(Builder& builder, detail::Wires taps) {
      const int fused = (Step<void, Builder>{builder, 0, taps, 0} >> ... >> detail::Tag<Taps>{}).fused;
      return GlobalAveragePool::lower<last>(builder, detail::Wires::of(fused));
    }
  };

 public:
  template <class In>
  using output = GlobalAveragePool::output<typename Rule<detail::AsList<In>>::last>;
  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires taps) {
    return Rule<detail::AsList<In>>::lower(builder, taps);
  }
};

/// The paper's fusion (Niu et al., equations 2 and 3): F_l is a 3x3 convolution that keeps the channels, its
/// stride the ratio of the two scales, and a 1x1 convolution to the next scale's channels; batch norm and
/// ReLU after both.
struct ConvFusion : SumFusion<ConvFusion> {
  template <class From, class To>
  using block = Sequential<Conv<From::extents[2], Kernel<3>, Stride<scale_ratio<From, To>>, Bias<false>>,
                           BatchNorm, Relu, Conv<To::extents[2], Kernel<1>, Bias<false>>, BatchNorm, Relu>;
};

/// The variant MS-CNN-MaxPool (Niu et al., section IV-D-1): 3x3 max pooling in place of the 3x3 convolution.
struct MaxPoolFusion : SumFusion<MaxPoolFusion> {
  template <class From, class To>
  using block = Sequential<MaxPool<3, Stride<scale_ratio<From, To>>, Padding<1>>, BatchNorm, Relu,
                           Conv<To::extents[2], Kernel<1>, Bias<false>>, BatchNorm, Relu>;
};

/// The variant MS-CNN-AvgPool (Niu et al., section IV-D-1): each scale averaged over its places, all
/// concatenated.
struct ConcatFusion {
 private:
  template <class In>
  struct Rule;
  template <class... Taps>
  struct Rule<List<Taps...>> {
    using pooled = List<GlobalAveragePool::output<Taps>...>;
    template <class Builder>
    static constexpr detail::Wires lower(Builder& builder, detail::Wires taps) {
      detail::Wires all;
      int next = 0;
      (all.push(GlobalAveragePool::lower<Taps>(builder, detail::Wires::of(taps.id[next++])).id[0]), ...);
      return Join::lower<pooled>(builder, all);
    }
  };

 public:
  template <class In>
  using output = Join::output<typename Rule<detail::AsList<In>>::pooled>;
  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires taps) {
    return Rule<detail::AsList<In>>::lower(builder, taps);
  }
};

/// No fusion, the paper's "CNN": the last of the chosen scales, averaged over its places.
struct NoFusion {
 private:
  template <class In>
  using Last = detail::At<detail::AsList<In>::count - 1, detail::AsList<In>>;

 public:
  template <class In>
  using output = GlobalAveragePool::output<Last<In>>;
  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires taps) {
    return GlobalAveragePool::lower<Last<In>>(builder, detail::Wires::of(taps.id[taps.count - 1]));
  }
};

/// A backbone with its scales fused into one vector: `Shape<H, W, 3>` to `Shape<N>`, N the channels of the
/// last scale (ConvFusion, MaxPoolFusion, NoFusion) or of all together (ConcatFusion). `Which` chooses the
/// scales that are fused; a number beyond the backbone's is rejected as `scale_out_of_range<number, count>`.
/// A fusion of one's own is a layer from the `List` of taps, or derives from the sum with a `block<From, To>`
/// of its own (docs/backbones.md). Names: "scale1…", "fusion1…". Source: Niu et al., section III-A.
template <class B, class Fusion = ConvFusion, class Which = AllScales>
struct MultiScale {
 private:
  using All = typename detail::AsBackbone<B>::type;

  template <class W, class Sequence = std::make_integer_sequence<int, All::scales>>
  struct Chosen;
  template <int... Indices>
  struct Chosen<AllScales, std::integer_sequence<int, Indices...>> {
    using scales = Scales<(Indices + 1)...>;
  };
  template <int... Numbers, class Sequence>
  struct Chosen<Scales<Numbers...>, Sequence> {
    static_assert((detail::accepted<(Numbers >= 1 && Numbers <= All::scales),
                                    scale_out_of_range<Numbers, All::scales>> &&
                   ...));
    // A refused number is replaced, so that the refusal is the only message.
    using scales =
        std::conditional_t<((Numbers >= 1 && Numbers <= All::scales) && ...), Scales<Numbers...>, Scales<1>>;
  };
  using Used = typename Chosen<Which>::scales;
  using Trunk = typename detail::FirstScales<Used::last, All>::type;

  template <class In, class S>
  struct Taps;
  template <class In, int... Numbers>
  struct Taps<In, Scales<Numbers...>> {
    using type = List<detail::At<Numbers - 1, typename Trunk::template output<In>>...>;
  };
  template <class In>
  using Selected = typename Taps<In, Used>::type;

 public:
  template <class In>
  using output = typename Fusion::template output<Selected<In>>;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    const detail::Wires all = Trunk::template lower<In>(builder, x);
    detail::Wires taps;
    for (int number : Used::numbers) taps.push(all.id[number - 1]);
    return Fusion::template lower<Selected<In>>(builder, taps);
  }
};

}  // namespace mmdl
