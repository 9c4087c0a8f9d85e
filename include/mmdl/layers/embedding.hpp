// SPDX-License-Identifier: Apache-2.0
// Vectors for words, labels and other numbered things.
#pragma once

#include "../core/require.hpp"
#include "../graph/lower.hpp"
#include "../graph/operators.hpp"

namespace mmdl {

template <class Layer, class Input>
struct embedding_takes_indices;  ///< problem: indices are a vector, `Shape<L>`

/// The rows of a learned table that indices choose: `Shape<L>` of whole numbers from 0 to `Count` - 1 to
/// `Shape<L, Size>`. Indices are given as numbers of the input's type (float holds them exactly to 2^24,
/// hence `Count` too is at most that); any other number, a NaN among them, is an `Error` of `predict` or
/// `step`, which names it. They get no gradient. The table, "weight", is [Count][Size], at first normal with
/// variance
/// 1. Not on `Cpu<BFloat16>`, whose inputs hold whole numbers to 256 alone
/// (`operator_has_no_kernel_on_backend`). PyTorch: `torch.nn.Embedding(Count, Size)`.
template <int Count, int Size>
struct Embedding {
  static_assert(Count > 0 && Size > 0, "mmdl: an embedding has at least one vector of at least one number");
  static_assert(Count <= 1 << 24, "mmdl: an embedding has at most 2^24 vectors: float holds no more indices");

 private:
  template <class In>
  struct Rule {
    static_assert(detail::accepted < detail::is_shape<In> && In::rank == 1,
                  embedding_takes_indices < Embedding, In >>);
    using type = Shape<static_cast<int>(In::size), Size>;
  };

 public:
  template <class In>
  using output = typename Rule<In>::type;

  template <class In, class Builder>
  static constexpr detail::Wires lower(Builder& builder, detail::Wires x) {
    detail::Node node;
    node.kind = detail::OperatorKind::other;
    node.name = "embedding";
    node.input = detail::extent_of<In>();
    node.output = detail::extent_of<output<In>>();
    node.needs_output = false;
    node.table_rows = Count;
    return detail::Wires::of(builder.template add<operators::Embedding>(
        node, x, {{"weight", Initializer::normal, 2, {Count, Size}, Size}}));
  }
};

}  // namespace mmdl
