// A model's program, compiled for the devices of its layout, with its weights and state on them.
//
//   CompiledModel training(train_step("lm", {.layout = MeshLayout::experts(4)}, loss));
//   training.initialize(1);
//   for (const Batch& batch : batches) {
//     NamedArrays results = training.run({{"tokens", batch.tokens}, {"labels", batch.labels}});
//     report(results.at("loss"));
//   }
//   training.save("lm.npz");
//
// Devices are threads of this process. Weights and state stay where they are from run to run, and what a run updates
// it writes into the same memory.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"
#include "runtime/array_archive.h"
#include "runtime/executable.h"
#include "runtime/statistics.h"

namespace gshard {

using NamedArrays = std::map<std::string, Literal>;

class CompiledModel {
 public:
  // Partitions and compiles. Weights and state have no values yet.
  explicit CompiledModel(ModelProgram program, const PartitionOptions& options = {});

  const std::vector<Parameter>& parameters() const { return program_.parameters; }
  // What each device sends and receives in a run.
  const std::vector<CollectiveCount>& collectives() const { return collectives_; }

  // Weights and state as they begin.
  void initialize(uint64_t seed);
  // The whole of a weight or state; another value for it. Throw Error(program) where there is none of this name, or the
  // shape is another.
  Literal value(const std::string& name) const;
  bool has_value(const std::string& name) const;
  void set_value(const std::string& name, const Literal& value);

  // Weights, or state, of the names and shapes of what the other model has too become what they are there: the same
  // memory where they lie on the devices alike, else copies. While models share a value, one that updates it writes it
  // elsewhere.
  void share(const CompiledModel& other, Role role);
  // Weights, or state, have no values any more.
  void forget(Role role);

  // All of them as an archive, safetensors or numpy's by the end of the name; those of an archive, which must have
  // each. Other arrays in it are passed over. A load that fails half-way leaves the values before it loaded.
  void save(const std::string& path) const;
  void load(const std::string& path);
  // Weights alone: what a training saved is evaluated.
  void load_weights(const std::string& path);

  // The inputs of a run, from an archive that has an array of each one's name.
  NamedArrays read_inputs(const std::string& path) const;

  // One run with these inputs: the results that are no weights or state, whole. Throws Error(program) where an input is
  // missing, unknown or of another shape; weights and state are as before then. After an error on the way they have no
  // values.
  NamedArrays run(const NamedArrays& inputs);

 private:
  size_t find(const std::string& name) const;
  std::vector<ArrayEntry> entries_of(std::initializer_list<Role> roles) const;
  void load(const std::string& path, std::initializer_list<Role> roles);
  DeviceArray put(size_t parameter, const Literal& value) const;
  std::vector<DeviceArray> take_arguments(const NamedArrays& inputs);
  void check_inputs(const NamedArrays& inputs) const;

  ModelProgram program_;
  Boundary boundary_;
  std::optional<Executable> executable_;
  std::vector<CollectiveCount> collectives_;
  // By parameter: whether a result is its next value. By result: the parameter, if it is one's.
  std::vector<bool> is_updated_;
  std::map<size_t, size_t> updated_;
  std::vector<DeviceArray> values_;  // by parameter; of no shards before there are any
};

// What a model's function returns, on the devices of its layout: `fn` declares inputs and weights.
//
//   CompiledModel model = compile("mlp", {.layout = MeshLayout::tensor(2)}, [](Model& model) {
//     const Tensor x = model.input("x", Shape(DType::f32, {8, 16}), {"batch"});
//     return std::vector<NamedTensor>{{"y", relu(x)}};
//   });
//   Literal y = model.run(model.read_inputs("x.npz")).at("y");
CompiledModel compile(const std::string& name, const ModelOptions& options,
                      const std::function<std::vector<NamedTensor>(Model&)>& fn, Here here = Here::current());

}  // namespace gshard
