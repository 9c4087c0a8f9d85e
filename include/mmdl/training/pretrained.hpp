// SPDX-License-Identifier: Apache-2.0
// Weights of other frameworks, taken into the backbone of a network.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../io/foreign_weights.hpp"
#include "../io/names_keras.hpp"
#include "../io/names_torchvision.hpp"
#include "../training/weights.hpp"

namespace mmdl {

namespace detail {

/// The namings that `load_pretrained` knows by itself.
inline std::span<const ForeignNaming* const> known_namings() {
  static constexpr const ForeignNaming* all[] = {&torchvision_resnet, &torchvision_vgg, &torchvision_vgg_bn,
                                                 &torchvision_googlenet, &keras_mobilenet};
  return all;
}

template <class = void>  // as in weights.hpp
bool has_markers(const SafetensorsFile& file, const ForeignNaming& naming) {
  return std::all_of(naming.markers.begin(), naming.markers.end(),
                     [&](std::string_view name) { return file.find(name) != nullptr; });
}

/// The naming of a file, by the tensors in it. Throws `Error` for a file of none that is known.
template <class = void>
const ForeignNaming& recognised_naming(const SafetensorsFile& file) {
  std::string families;
  for (const ForeignNaming* naming : known_namings()) {
    if (has_markers(file, *naming)) return *naming;
    families += (families.empty() ? "the names of " : ", ") + std::string(naming->family);
  }
  std::string found;
  for (std::size_t i = 0; i < file.tensors().size() && i < 3; ++i)
    found += (i > 0 ? ", " : "tensors ") + quoted(file.tensors()[i].name);
  if (file.tensors().size() > 3) found += ", ...";
  fail(printable(file.path(), 4096), found.empty() ? "no tensors" : found, families);
}

/// A parameter or running statistic of the model, and where its numbers are in the file.
struct ForeignEntry {
  int entry = 0;
  ForeignTensor tensor;
  std::vector<std::int64_t> own_shape;
  const TensorInfo* info = nullptr;  // null: not in the file

  std::vector<std::int64_t> expected() const { return foreign_shape(own_shape, tensor.layout); }
  bool fits() const { return info != nullptr && info->shape == expected(); }
  std::string difference() const {
    return printable(tensor.name) + ": found " + dimensions_text(info->shape) + ", expected " +
           dimensions_text(expected());
  }
  /// The same extents in another order: a mistake of whoever wrote the file, not another size.
  bool transposed() const {
    std::vector<std::int64_t> found = info->shape, wanted = expected();
    std::sort(found.begin(), found.end());
    std::sort(wanted.begin(), wanted.end());
    return !fits() && found == wanted;
  }
};

/// Matches a file of another framework with the backbone that stands at `prefix`, and with the classifier on
/// it.
template <class = void>
class PretrainedLoader {
 public:
  PretrainedLoader(ParameterStore<float>& engine, const SafetensorsFile& file, const ForeignNaming& naming,
                   std::string_view prefix)
      : engine_(engine), file_(file), naming_(naming), prefix_(prefix) {}

  WeightReport load() {
    find_entries();
    find_extra();
    if (!problems_.complete())
      fail(place() + ": weights of " + naming_.family, problems_.str().substr(problems_.str().find(';') + 2),
           "the tensors of the backbone of this network");
    add_head();
    std::vector<std::vector<float>> values;
    for (const ForeignEntry& e : backbone_)
      values.push_back(in_own_layout(finite_floats(file_, e.tensor.name), e.own_shape, e.tensor));
    for (std::size_t i = 0; i < backbone_.size(); ++i)
      std::copy(values[i].begin(), values[i].end(), engine_.entry_data(backbone_[i].entry));
    report_.loaded = static_cast<int>(backbone_.size());
    return report_;
  }

 private:
  std::string place() const { return printable(file_.path(), 4096); }

  /// The model's side: what the backbone needs of the file, and the classifier would like.
  void find_entries() {
    for (int e = 0; e < engine_.graph().entry_count; ++e) {
      const std::string& name = engine_.names()[static_cast<std::size_t>(e)];
      if (!name.starts_with(prefix_)) continue;
      const std::string_view own = std::string_view(name).substr(prefix_.size());
      int scale = 0;
      const bool in_backbone = NameReader(own).take_part("scale", scale);
      std::optional<ForeignTensor> tensor = naming_.tensor(own);
      if (in_backbone && !tensor)
        fail(place(), "weights of " + std::string(naming_.family) + ", which has nothing for '" + name + "'",
             "weights of this network's backbone");
      if (!tensor) continue;
      if (!tensor->other_name.empty() && file_.find(tensor->name) == nullptr &&
          file_.find(tensor->other_name) != nullptr)
        tensor->name = tensor->other_name;
      ForeignEntry found{e, *tensor, entry_shape(engine_.graph().entries[e].spec), file_.find(tensor->name)};
      (in_backbone ? backbone_ : head_).push_back(std::move(found));
      scales_ = std::max(scales_, scale);
    }
    if (backbone_.empty())
      fail(place() + ": prefix " + quoted(prefix_), "no parameter '" + prefix_ + "scale1...' in the network",
           "the prefix of its backbone" + likely_prefix());
    for (const ForeignEntry& e : backbone_) {
      if (e.info == nullptr)
        problems_.missing.push_back(e.tensor.name);
      else if (!e.fits())
        problems_.mismatched.push_back(e.difference());
    }
  }

  std::string likely_prefix() const {
    for (const std::string& name : engine_.names()) {
      const std::size_t begin = name.find("scale1.");
      if (begin != std::string::npos) return ", such as '" + name.substr(0, begin) + "'";
    }
    return "";
  }

  bool wanted(const std::vector<ForeignEntry>& entries, const std::string& name) const {
    return std::any_of(entries.begin(), entries.end(),
                       [&](const ForeignEntry& e) { return e.tensor.name == name; });
  }

  /// The file's side: every tensor has its place, or belongs to scales above those that the network has, or
  /// to a classifier. The counters of PyTorch's batch norm are no weights.
  void find_extra() {
    for (const TensorInfo& info : file_.tensors()) {
      if (info.name.ends_with(".num_batches_tracked") || wanted(backbone_, info.name) ||
          wanted(head_, info.name))
        continue;
      const int scale = naming_.scale(info.name);
      (scale == 0 || scale > scales_ ? report_ : problems_).extra.push_back(printable(info.name));
    }
  }

  /// The classifier is taken whole or not at all, and is reported where it does not fit.
  void add_head() {
    bool all = true;
    for (const ForeignEntry& e : head_) {
      all = all && e.fits();
      if (e.info == nullptr) {
        report_.missing.push_back(e.tensor.name);
      } else if (e.transposed()) {
        fail(place() + ": tensor " + quoted(e.tensor.name), dimensions_text(e.info->shape),
             dimensions_text(e.expected()));
      } else if (!e.fits()) {
        report_.mismatched.push_back(e.difference());
      }
    }
    if (all) backbone_.insert(backbone_.end(), head_.begin(), head_.end());
  }

  ParameterStore<float>& engine_;
  const SafetensorsFile& file_;
  const ForeignNaming& naming_;
  std::string prefix_;
  std::vector<ForeignEntry> backbone_, head_;
  int scales_ = 0;  // that the network has
  WeightReport problems_, report_;
};

}  // namespace detail

/// Loads weights of another framework into the backbone whose parameters are called `prefix` + "scale1.…": ""
/// for `Sequential<MultiScale<ResNet50, NoFusion>, Linear<1000>>`, "visual." in an `Annotator`. The file is
/// safetensors with the framework's own names and layouts, in F32, F64, F16 or BF16
/// (scripts/convert_checkpoint.py makes one of a PyTorch checkpoint); `naming` says which, such as
/// `torchvision_resnet` or `keras_mobilenet`. The backbone is loaded whole: throws `Error`, and leaves the
/// model as it was, for a tensor that is missing, has no place, or is of another shape (another depth or
/// width, a transposed kernel), and for a number that is not finite. A classifier `prefix` + "linear1.…" is
/// loaded when the file has one of its shape. The report says, by the file's names, what was left out: the
/// file's classifier, or what of the model's the file has not; scales of the file above the last that the
/// model has. PyTorch: `torchvision.models.resnet50(weights=...)`.
template <class Net, class Input, class Backend>
WeightReport load_pretrained(Model<Net, Input, Backend>& model, const std::string& path,
                             const ForeignNaming& naming, std::string_view prefix = "") {
  const SafetensorsFile file(path);
  return detail::PretrainedLoader<>(model.engine(), file, naming, prefix).load();
}

/// The same with the naming recognised by the tensors' names. Throws `Error` also for a file of no known
/// family.
template <class Net, class Input, class Backend>
WeightReport load_pretrained(Model<Net, Input, Backend>& model, const std::string& path,
                             std::string_view prefix = "") {
  const SafetensorsFile file(path);
  return detail::PretrainedLoader<>(model.engine(), file, detail::recognised_naming(file), prefix).load();
}

}  // namespace mmdl
