// Writing a model: parameters by name, named scopes, random numbers, and the program that comes out.
//
//   Tensor feed_forward(const Scope& scope, Tensor x, int64_t hidden) {
//     const int64_t size = x.dim(2);
//     const Tensor wi = scope.parameter("wi", {size, hidden}, Initializer::fan_in(size), {"model", "ff"});
//     const Tensor wo = scope.parameter("wo", {hidden, size}, Initializer::fan_in(hidden), {"ff", "model"});
//     return einsum("BLH,HM->BLM", relu(einsum("BLM,MH->BLH", x, wi)), wo);
//   }
//
//   Model model("example", {.layout = MeshLayout::tensor(4)});
//   Tensor x = model.input("x", Shape(DType::f32, {8, 16, 32}), {"batch"});
//   Tensor y = feed_forward(model.scope() / "layer_0" / "ff", x, 64);    // parameters layer_0/ff/wi, layer_0/ff/wo
//   ModelProgram program = std::move(model).finish({{"y", y}});
//
// Nothing here holds a number: parameters are shapes and how they begin (initial_value() makes the numbers), so that a
// model of a trillion parameters is as quick to write as a small one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/mesh_layout.h"
#include "model/tensor.h"

namespace gshard {

// How a parameter begins. Random values depend on the seed, the parameter's name and the element's place, and so not
// on devices.
struct Initializer {
  enum class Kind : uint8_t { constant, uniform, normal } kind = Kind::constant;
  double scale = 0;  // the constant; the bound of uniform numbers; the standard deviation of normal ones

  static Initializer constant(double value) { return {Kind::constant, value}; }
  static Initializer uniform(double bound) { return {Kind::uniform, bound}; }
  static Initializer normal(double deviation) { return {Kind::normal, deviation}; }
  // Uniform with a variance of 1 / inputs: a product over that many inputs keeps the variance.
  static Initializer fan_in(int64_t inputs);
};

// What the program takes: weights, which gradients are taken of; state, which steps keep besides; inputs.
enum class Role : uint8_t { weight, state, input };

struct Parameter {
  std::string name;  // "encoder/layer_0/moe/wi"
  Shape shape;
  Role role = Role::weight;
  Initializer initializer = {};
  Axes axes = {};
  Tensor value = {};  // in the program while it is built
};

// The first numbers of a parameter.
Literal initial_value(const Parameter& parameter, uint64_t seed);

// The sizes of the part of a parameter that each device holds.
Dims part_sizes(const Parameter& parameter, const MeshLayout& layout);

// The types of a model's numbers.
struct Numerics {
  DType parameters = DType::f32;   // and the optimiser's state
  DType activations = DType::f32;  // of what passes between layers, and of products
  DType exact = DType::f32;        // of softmax, norms, gating, loss

  static Numerics single() { return {}; }
  static Numerics mixed() { return {DType::f32, DType::bf16, DType::f32}; }
  static Numerics doubled() { return {DType::f64, DType::f64, DType::f64}; }
};

enum class Mode : uint8_t { train, evaluate };  // evaluation drops nothing out and routes deterministically

struct ModelOptions {
  MeshLayout layout = {};
  Numerics numerics = {};
  Mode mode = Mode::train;
  uint64_t seed = 0;
};

struct NamedTensor {
  std::string name;
  Tensor value;
};

// A finished program. Parameters stand in the order of the entry's parameters, results in the order of the parts of
// its result. A result of the name of a weight or state is its next value, and shares its memory (the module's header
// says so).
struct ModelProgram {
  std::unique_ptr<Module> module;
  std::vector<Parameter> parameters;  // whose values are of nothing
  std::vector<std::string> results;
};

class Scope;

// A model being written. Not copied, not moved: scopes point at it.
class Model {
 public:
  explicit Model(std::string name, ModelOptions options = {});
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // The scope without a name.
  Scope scope();

  // What every run is given. Dimensions without an entry in `axes` have no name.
  Tensor input(const std::string& name, const Shape& shape, Axes axes = {}, Here here = Here::current());
  // What lasts from step to step besides weights: counters, an optimiser's moments.
  Tensor state(const std::string& name, const Shape& shape, Initializer initializer = {}, Axes axes = {},
               Here here = Here::current());
  // Its value after the step; for weights as well. Without one it stays as it is.
  void update(const std::string& name, Tensor value, Here here = Here::current());

  // Random numbers are made from this u64 scalar from now on; without it from the seed of the options, the same in
  // every step.
  void set_step_seed(Tensor seed) { step_seed_ = seed; }

  const ModelOptions& options() const { return options_; }
  const MeshLayout& layout() const { return options_.layout; }
  const Numerics& numerics() const { return options_.numerics; }

  // In the order in which they were declared.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  std::vector<Parameter> weights() const;
  Computation& computation() { return entry_; }

  // What scopes have put down: scalars and small vectors to be reported, and losses besides the model's own.
  const std::vector<NamedTensor>& metrics() const { return metrics_; }
  const std::vector<NamedTensor>& losses() const { return losses_; }

  // The program, whose results are the next values of weights and state (if there are updates), and then these. Throws
  // Error(program) where a result has the name of another, of a weight or of state, and where there is none at all.
  ModelProgram finish(const std::vector<NamedTensor>& results, Here here = Here::current()) &&;

 private:
  friend class Scope;

  Tensor declare(Parameter parameter, const Here& here);
  Tensor annotate(Tensor x, const Axes& axes, const Here& here) const;
  // A value that lies as the parameter does.
  Tensor laid_as(const Parameter& parameter, Tensor x, const Here& here) const;

  ModelOptions options_;
  std::unique_ptr<Module> module_;
  Computation& entry_;
  std::vector<Parameter> parameters_;
  std::map<std::string, Tensor, std::less<>> updates_;
  std::vector<NamedTensor> metrics_;
  std::vector<NamedTensor> losses_;
  std::map<std::string, int> streams_;  // how often random numbers were made in each scope
  Tensor step_seed_;
};

// A part of a model that has a name. What is built while it lives has that name in its op_name metadata; its
// parameters have it before their own.
class Scope {
 public:
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope();

  // The scope of this name within this one.
  Scope operator/(std::string_view name) const { return Scope(model_, name_within(name)); }

  const std::string& path() const { return path_; }
  Model& model() const { return model_; }
  Mode mode() const { return model_.options().mode; }
  const Numerics& numerics() const { return model_.numerics(); }
  const MeshLayout& layout() const { return model_.layout(); }

  // A weight of the parameters' type, laid by the names of its dimensions. Throws Error(program) where the name is
  // taken.
  Tensor parameter(std::string_view name, const Dims& sizes, Initializer initializer, Axes axes = {},
                   Here here = Here::current()) const;
  // The value, cut as the layout says; as it is on one device.
  Tensor annotate(Tensor x, const Axes& axes, Here here = Here::current()) const;

  // In the type of activations, in the exact type.
  Tensor activation(Tensor x, Here here = Here::current()) const;
  Tensor exact(Tensor x, Here here = Here::current()) const;

  // f32 (f64 with doubles) in [0, 1), multiples of 2^-24: from the step's seed, this scope's name, how often it was
  // asked, and the element's place.
  Tensor uniform(const Dims& sizes, Here here = Here::current()) const;
  // Elements are 0 with this probability, in [0, 1), and the others greater for it; as they are in evaluation.
  Tensor dropout(Tensor x, double rate, Here here = Here::current()) const;

  // What `body` makes, of which nothing is kept for the backward pass: it is computed again there. The parameters,
  // metrics, losses and updates that it declares are the model's as ever; other values that it makes end with it.
  Tensor recomputed(const std::function<Tensor()>& body, Here here = Here::current()) const;

  // A result of the program, under this scope's path, that nothing is computed from: a number or a few to be reported.
  void add_metric(std::string_view name, Tensor value) const;
  // A term of the model's loss besides that of its labels; sequence_loss() adds them all.
  void add_loss(std::string_view name, Tensor scalar) const;

 private:
  friend class Model;
  Scope(Model& model, std::string path) : model_(model), path_(std::move(path)), first_(model.entry_.size()) {}
  std::string name_within(std::string_view name) const;

  Model& model_;
  std::string path_;
  size_t first_;  // of the instructions that are built while it lives
};

}  // namespace gshard
