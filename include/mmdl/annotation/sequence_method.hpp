// SPDX-License-Identifier: Apache-2.0
// What the methods share that give one label after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <vector>

#include "../annotation/decode.hpp"
#include "../annotation/label_sequences.hpp"
#include "../annotation/network_method.hpp"
#include "../losses/sequence_cross_entropy.hpp"
#include "../losses/sigmoid_cross_entropy.hpp"

namespace mmdl {

namespace detail {

/// Where each of several vectors begins when they lie one after the other.
template <class... Shapes>
std::vector<std::size_t> places_of(List<Shapes...>) {
  std::vector<std::size_t> places{0};
  (places.push_back(places.back() + Shapes::size), ...);
  return places;
}

/// The step network's inputs behind its token, which are the state.
template <class Input>
struct StateOf;
template <class Token, class... Shapes>
struct StateOf<List<Token, Shapes...>> {
  using type = List<Shapes...>;
};

}  // namespace detail

/// A method that learns sequences of labels and decodes them. `Parts` says what it is:
///
///   name, title                 as every method's
///   Net, Input, Target          the network trained: Input begins with the tokens, `Shape<length>`, and the
///                               features, and ends with `Shape<length>`, a 1 for each step that has a token
///                               to follow; inputs between these are zero. Target begins with the tokens that
///                               should follow, `Shape<length>`; a second is a 1 for each label
///   tokens                      the numbers of `start` and `stop`
///   order, beam, most, least    how a set becomes a sequence, and how one is sought (`DecodingOptions`)
///   loss(label_count), optimizer()
///   Prepared                    optional: a part from the features to `Shape<labels>` that is trained alone
///                               before, by sigmoid cross-entropy and `prepared_optimizer()`, to the epoch
///                               that is best for it; its epochs are not reported
///   Start                       from features to a vector, which stands at the place `start_place` of the
///                               state before the first step; the rest of the state is zero
///   Step, StepInput             one step: from `List<Shape<1>, state...>`, the token and the state, to
///                               the logits and then as much of the state as changes
///
/// Start and Step have the parameters of Net under the same names. Labels are annotated in the order they
/// were given out, without scores. A training sample without labels is a sequence that stops at once; of more
/// than length - 1 labels the last in the order are left out.
template <class Sizes, class Parts>
class SequenceMethod final
    : public NetworkMethod<Sizes, typename Parts::Net, typename Parts::Input, typename Parts::Target> {
  using Base = NetworkMethod<Sizes, typename Parts::Net, typename Parts::Input, typename Parts::Target>;
  using Start = Model<typename Parts::Start, Shape<Sizes::features>>;
  using Step = Model<typename Parts::Step, typename Parts::StepInput>;
  using State = typename detail::StateOf<typename Parts::StepInput>::type;

 public:
  static constexpr const char *name = Parts::name, *title = Parts::title;
  static constexpr bool reads_tags = false, predicts_quantity = Parts::least < Parts::most;

  SequenceMethod(int tag_count, int label_count) : Base(name, tag_count, label_count) {}

  void train(const MethodRows& train, const MethodRows& held_out, const MethodSettings& settings) override {
    this->check(train);
    this->check(held_out);
    places_ = label_places(train.labels, this->label_count(), Parts::order);
    this->start(settings);
    if constexpr (requires { typename Parts::Prepared; }) prepare(train, held_out, settings);
    this->fit(Parts::loss(this->label_count()), Parts::optimizer(), train, held_out, settings);
  }

  Annotations annotate(const MethodRows& rows) override {
    this->check(rows);
    Start start;
    Step step;
    transfer(start, this->model());
    transfer(step, this->model());
    DecodingOptions options;
    options.start = Parts::tokens.start;
    options.stop = Parts::tokens.stop;
    options.most = Parts::most;
    options.least = Parts::least;
    options.beam = Parts::beam;
    options.labels = this->label_count();
    constexpr long most = 64;  // samples decoded at once
    Annotations result;
    for (long begin = 0; begin < rows.samples(); begin += most) {
      const int size = static_cast<int>(std::min(most, rows.samples() - begin));
      const auto states = first_states(start, rows, begin, size);
      for (auto& found : decode_labels(states, size, options, [&](DecodeStep& s) { run(step, s); }))
        result.labels.push_back(std::move(found.labels));
    }
    return result;
  }

 private:
  void prepare(const MethodRows& train, const MethodRows& held_out, MethodSettings settings) {
    using Features = Shape<Sizes::features>;
    Model<typename Parts::Prepared, Features> part(settings.seed);
    settings.learning_rate = 0.0f;
    settings.report = {};
    fit_rows<std::tuple<Tensor<Features>>, std::tuple<Tensor<Shape<Sizes::labels>>>>(
        name, part, SigmoidCrossEntropy{.active = this->label_count()}, Parts::prepared_optimizer(), train,
        held_out, settings, [](const RowVisit& visit, int row, auto& inputs, auto& targets) {
          put_features(visit.features(), std::get<0>(inputs)[row]);
          put_ones(visit.labels(), std::get<0>(targets)[row]);
        });
    transfer(this->model(), part);
  }

  static std::vector<float> first_states(Start& start, const MethodRows& rows, long begin, int size) {
    const std::size_t state = detail::places_of(State{}).back();
    Tensor<Shape<Sizes::features>> features(size);
    for (int row = 0; row < size; ++row) put_features(rows.features(begin + row, 0), features[row]);
    const auto made = start.predict(features);
    std::vector<float> states(static_cast<std::size_t>(size) * state);
    for (int row = 0; row < size; ++row)
      std::copy(made[row].begin(), made[row].end(),
                states.data() + static_cast<std::size_t>(row) * state + Parts::start_place);
    return states;
  }

  static void run(Step& step, DecodeStep& s) {
    const auto places = detail::places_of(State{});
    typename detail::RowTensors<typename Parts::StepInput>::type inputs;
    detail::resize_rows(s.rows, inputs);
    const auto row_of_state = [&](int row, std::size_t piece) {
      return s.states.data() + static_cast<std::size_t>(row) * places.back() + places[piece];
    };
    std::apply(
        [&](auto& tokens, auto&... pieces) {
          for (int row = 0; row < s.rows; ++row) {
            tokens[row][0] = static_cast<float>(s.tokens[static_cast<std::size_t>(row)]);
            std::size_t piece = 0;
            ((std::copy_n(row_of_state(row, piece), pieces[row].size(), pieces[row].begin()), ++piece), ...);
          }
        },
        inputs);
    const auto outputs = std::apply([&](const auto&... each) { return step.predict(each...); }, inputs);
    std::apply(
        [&](const auto& logits, const auto&... pieces) {
          s.logits.assign(logits.data(), logits.data() + logits.size());
          for (int row = 0; row < s.rows; ++row) {
            std::size_t piece = 0;
            (std::copy_n(pieces[row].begin(), pieces[row].size(), row_of_state(row, piece++)), ...);
          }
        },
        outputs);
  }

  void put_inputs(const RowVisit& visit, int row, typename Base::Inputs& inputs) const override {
    std::vector<float> targets(std::get<0>(inputs)[row].size());
    put_sequence(visit.labels(), places_, Parts::tokens, std::get<0>(inputs)[row], targets);
    put_features(visit.features(), std::get<1>(inputs)[row]);
    const auto mask = std::get<std::tuple_size_v<typename Base::Inputs> - 1>(inputs)[row];
    std::transform(targets.begin(), targets.end(), mask.begin(),
                   [](float target) { return target < 0.0f ? 0.0f : 1.0f; });
  }
  void put_targets(const RowVisit& visit, int row, typename Base::Targets& targets) const override {
    std::vector<float> tokens(std::get<0>(targets)[row].size());
    put_sequence(visit.labels(), places_, Parts::tokens, tokens, std::get<0>(targets)[row]);
    if constexpr (std::tuple_size_v < typename Base::Targets >> 1)
      put_ones(visit.labels(), std::get<1>(targets)[row]);
  }

  std::vector<int> places_;  ///< of each label in the sequence, while training
};

}  // namespace mmdl
