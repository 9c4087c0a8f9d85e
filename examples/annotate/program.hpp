// SPDX-License-Identifier: Apache-2.0
// What the commands see of a compiled annotator: training, predicting and files, without its type.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mmdl/annotation/method.hpp>
#include <mmdl/data/loader.hpp>
#include <mmdl/data/transform.hpp>
#include <optional>
#include <string>
#include <vector>

namespace annotate {

/// Which network: each of these combinations is a type that was compiled in.
struct NetworkName {
  std::string backbone, variant;  ///< instead of a variant, the name of a compared method
  int size = 0;
  std::string precision = "float32";  ///< of activations; weights and files are float32 in any case
  std::string device = "cpu";         ///< or "gpu"; files are the same

  std::string str() const {
    return variant + " over " + backbone + " at " + std::to_string(size) + " px in " + precision +
           (device == "cpu" ? "" : " on " + device);
  }
  friend bool operator==(const NetworkName&, const NetworkName&) = default;
};

/// How a network is trained.
struct TrainingSettings {
  bool adamw = false;  ///< else stochastic gradient descent with momentum
  float learning_rate = 0.0f, momentum = 0.9f, weight_decay = 0.0f, clip = 0.0f, quantity_weight = 1.0f;
  std::function<float(long)> schedule;
};

/// Of one training step. The losses are as the optimizer sees them, the quantity's with its weight.
struct StepReport {
  int images = 0;
  float label_loss = 0.0f, quantity_loss = 0.0f;
};

/// What a network says of the samples of a manifest.
struct Predictions {
  int labels = 0;                        ///< numbers of a row of `logits`
  std::vector<int> samples;              ///< the row's place in the manifest
  std::vector<float> logits;             ///< a row for each sample
  std::vector<float> quantities;         ///< one for each sample; empty without a quantity regressor
  std::vector<std::vector<int>> chosen;  ///< the labels that a method chose itself; empty for the others
  std::vector<std::string> skipped;      ///< why which images were left out

  std::size_t rows() const { return samples.size(); }
  std::span<const float> row(std::size_t i) const {
    return std::span(logits).subspan(i * static_cast<std::size_t>(labels), static_cast<std::size_t>(labels));
  }
};

/// Samples with as many labels and tags as the data has; a network has room for more.
struct DataSet {
  mmdl::Manifest manifest;
  mmdl::TagVocabulary tags;
};

/// What annotates images, of one of the compiled types. Everything throws `mmdl::Error` for what it cannot
/// do.
class Predictor {
 public:
  virtual ~Predictor() = default;

  virtual bool has_tags() const = 0;
  virtual bool has_quantity() const = 0;
  /// Whether it chooses the labels itself (`Predictions::chosen`).
  virtual bool chooses() const { return false; }
  virtual int label_room() const = 0;
  virtual int tag_room() const = 0;

  /// What the backbone's pretrained weights expect of an image.
  virtual mmdl::Normalisation normalisation() const = 0;

  /// Weights of another framework into the backbone; what was loaded and what was left out, in one line.
  virtual std::string load_pretrained(const std::string& path) = 0;
  virtual void load_weights(const std::string& path) = 0;
  virtual void save_weights(const std::string& path,
                            const std::map<std::string, std::string>& notes) const = 0;

  /// `progress(done)` is called after each batch.
  virtual Predictions predict(DataSet data, const mmdl::LoaderOptions& loading,
                              const std::function<void(int)>& progress) = 0;
};

/// A network that is trained step by step.
class AnnotatorProgram : public Predictor {
 public:
  virtual long parameters() const = 0;
  virtual long multiply_adds() const = 0;

  /// All parameters and running statistics.
  virtual std::vector<float> weights() const = 0;
  virtual void set_weights(const std::vector<float>& weights) = 0;

  virtual void prepare_training(DataSet data, const mmdl::LoaderOptions& loading,
                                const TrainingSettings& settings) = 0;
  virtual int batches() const = 0;
  virtual void start_epoch(int epoch) = 0;
  /// Trains on the next batch; nothing at the end of the epoch.
  virtual std::optional<StepReport> step() = 0;
  virtual float learning_rate() const = 0;
  virtual long steps() const = 0;
  virtual const std::vector<std::string>& skipped() const = 0;
  virtual void save_checkpoint(const std::string& path, const std::map<std::string, std::string>& notes) = 0;
  virtual std::map<std::string, std::string> load_checkpoint(const std::string& path) = 0;
};

/// A compared method over the features of a frozen backbone.
class MethodProgram : public Predictor {
 public:
  /// The backbone of a weight file of any variant over the same backbone.
  virtual void load_backbone(const std::string& path) = 0;
  /// Computes the features of both data sets, with `mirrored` those of the mirror images of `train` too, and
  /// trains the method on them. Gives why which images were left out.
  virtual std::vector<std::string> train(DataSet train, DataSet held_out, const mmdl::LoaderOptions& loading,
                                         bool mirrored, const mmdl::MethodSettings& settings,
                                         const std::function<void(int)>& progress) = 0;
};

/// The compiled networks, in the order of the build's list.
class Registry {
 public:
  using Make = std::unique_ptr<AnnotatorProgram> (*)(std::uint64_t seed);
  void add(NetworkName name, Make maker) { entries_.push_back({std::move(name), maker}); }
  /// Throws `mmdl::Error`, naming what there is, for a network that was not compiled in.
  std::unique_ptr<AnnotatorProgram> make(const NetworkName& name, const std::string& place,
                                         std::uint64_t seed) const;
  std::vector<std::string> variants() const;

  using MakeMethod = std::unique_ptr<MethodProgram> (*)(const mmdl::MethodEntry& method, int tag_count,
                                                        int label_count, std::uint64_t seed);
  void add_methods(std::string backbone, int size, std::vector<mmdl::MethodEntry> methods, MakeMethod maker) {
    methods_.push_back({std::move(backbone), size, std::move(methods), maker});
  }
  /// The method that `name.variant` names, over its backbone; throws like `make`. `method` alone is for
  /// what must be known before the numbers of tags and labels are.
  const mmdl::MethodEntry& method(const NetworkName& name, const std::string& place) const;
  std::unique_ptr<MethodProgram> make_method(const NetworkName& name, const std::string& place, int tag_count,
                                             int label_count, std::uint64_t seed) const;
  /// Those over any backbone.
  std::vector<std::string> method_names() const;

 private:
  struct Entry {
    NetworkName name;
    Make maker;
  };
  struct MethodsEntry {
    std::string backbone;
    int size;
    std::vector<mmdl::MethodEntry> methods;
    MakeMethod maker;
  };
  const MethodsEntry& methods_over(const NetworkName& name, const std::string& place) const;

  std::vector<Entry> entries_;
  std::vector<MethodsEntry> methods_;
};

/// All networks that this program was built with.
const Registry& registry();

}  // namespace annotate
