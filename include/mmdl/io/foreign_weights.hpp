// SPDX-License-Identifier: Apache-2.0
// How another framework names and lays out a network's weights: plain functions over names and shapes.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmdl {

/// How a tensor's axes lie in another framework's file. Ours: kernels [height][width][in][out] (in: the input
/// channels of a group), linear layers [in][out].
enum class ForeignLayout : unsigned char {
  same,           ///< as ours: vectors, Keras' kernels
  filters_first,  ///< a kernel as [out][in][height][width] (PyTorch's Conv2d)
  units_first,    ///< a linear layer as [out][in] (PyTorch's Linear)
  depthwise,      ///< a depthwise kernel as [height][width][channels][1] (Keras' DepthwiseConv2D)
  pointwise       ///< a linear layer as a kernel [1][1][in][out] (a 1x1 Conv2D of Keras)
};

/// The tensor of a file that holds one of our parameters or running statistics.
struct ForeignTensor {
  std::string name;
  ForeignLayout layout = ForeignLayout::same;
  std::string other_name{};  ///< what other versions of the framework call it, if anything
  /// Where a linear layer reads a map that was flattened, units_first alone: the map's channels, which
  /// PyTorch flattens first ([channel][place]) and we last ([place][channel]). 0: it reads a vector.
  int channels = 0;
};

/// The naming of one family of networks in one framework. One for a backbone of one's own needs the four
/// members, of which two are functions of a name.
struct ForeignNaming {
  /// What messages call it: "Keras' MobileNet v1".
  const char* family;
  /// Tensors by which a file is recognised: all of them are in each file of the family, and not in others'.
  std::array<std::string_view, 2> markers;
  /// The tensor that holds our parameter of a name that begins where the backbone does
  /// ("scale1.conv1.weight"), or that of the classifier on top ("linear1.weight"). Nothing where the family
  /// has no such parameter.
  std::optional<ForeignTensor> (*tensor)(std::string_view own);
  /// The number of the scale, from 1, that a tensor of the file belongs to; 0 for what is no part of a
  /// backbone (classifiers); -1 for a name that the family does not have.
  int (*scale)(std::string_view foreign);
};

namespace detail {

/// Takes a name to pieces, from its beginning.
class NameReader {
 public:
  explicit NameReader(std::string_view name) : rest_(name) {}

  std::string_view rest() const { return rest_; }
  bool done() const { return rest_.empty(); }

  /// Whether the name goes on with `word`, which is then behind us.
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  /// A number of digits alone, without zeros before it, from 1 to 999,999.
  bool take_number(int& number) {
    if (rest_.empty() || rest_[0] == '0') return false;
    return take_index(number);
  }

  /// The same from 0.
  bool take_index(int& number) {
    std::size_t digits = 0;
    while (digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9') ++digits;
    if (digits == 0 || digits > 6 || (digits > 1 && rest_[0] == '0')) return false;
    std::from_chars(rest_.data(), rest_.data() + digits, number);
    rest_.remove_prefix(digits);
    return true;
  }

  /// `word`, a number, a dot.
  bool take_part(std::string_view word, int& number) {
    const NameReader before = *this;
    if (take(word) && take_number(number) && take(".")) return true;
    *this = before;
    return false;
  }

 private:
  std::string_view rest_;
};

/// Our name of a parameter in pieces: "scale3.block2.shortcut.conv1.weight".
struct OwnName {
  int scale = 0;               ///< 3; 0 where the name begins with no scale
  std::string_view part;       ///< "block2.shortcut."
  std::string_view layer;      ///< "conv"
  int number = 0;              ///< 1
  std::string_view parameter;  ///< "weight"

  bool is(std::string_view kind) const { return layer == kind; }
};

inline std::optional<OwnName> parse_own_name(std::string_view name) {
  OwnName own;
  NameReader reader(name);
  reader.take_part("scale", own.scale);
  std::string_view rest = reader.rest();
  const std::size_t dot = rest.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  own.parameter = rest.substr(dot + 1);
  rest = rest.substr(0, dot);
  const std::size_t begin = rest.rfind('.') + 1;  // npos + 1 is 0
  own.part = rest.substr(0, begin);
  rest = rest.substr(begin);
  own.layer = rest.substr(0, rest.find_last_not_of("0123456789") + 1);
  NameReader number(rest.substr(own.layer.size()));
  if (own.layer.empty() || !number.take_number(own.number) || !number.done()) return std::nullopt;
  return own;
}

/// The shape that a tensor of our shape has in the file. A layout for another rank leaves it as it is.
inline std::vector<std::int64_t> foreign_shape(const std::vector<std::int64_t>& own, ForeignLayout layout) {
  if (own.size() == 4 && layout == ForeignLayout::filters_first) return {own[3], own[2], own[0], own[1]};
  if (own.size() == 4 && layout == ForeignLayout::depthwise) return {own[0], own[1], own[3], own[2]};
  if (own.size() == 2 && layout == ForeignLayout::units_first) return {own[1], own[0]};
  if (own.size() == 2 && layout == ForeignLayout::pointwise) return {1, 1, own[0], own[1]};
  return own;
}

/// The numbers of a file's tensor in our order; `own` is our shape, and `values` has the shape
/// `foreign_shape`. Only PyTorch's layouts move numbers, [filter][channel][place] to
/// [place][channel][filter]. The other differences are of axes of one place.
inline std::vector<float> in_own_layout(std::vector<float> values, const std::vector<std::int64_t>& own,
                                        const ForeignTensor& tensor) {
  const bool kernel = tensor.layout == ForeignLayout::filters_first && own.size() == 4;
  if (!kernel && !(tensor.layout == ForeignLayout::units_first && own.size() == 2)) return values;
  const auto filters = static_cast<std::size_t>(own.back());
  const std::size_t inputs = filters == 0 ? 0 : values.size() / filters;
  auto channels = static_cast<std::size_t>(kernel ? own[2] : tensor.channels);
  if (channels == 0 || inputs % channels != 0) channels = inputs;
  const std::size_t places = channels == 0 ? 0 : inputs / channels;
  std::vector<float> result(values.size());
  for (std::size_t place = 0; place < places; ++place)
    for (std::size_t channel = 0; channel < channels; ++channel)
      for (std::size_t filter = 0; filter < filters; ++filter)
        result[(place * channels + channel) * filters + filter] =
            values[(filter * channels + channel) * places + place];
  return result;
}

}  // namespace detail
}  // namespace mmdl
