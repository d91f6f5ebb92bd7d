#include "runtime/compiled_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ops/infer.h"
#include "runtime/prepare.h"
#include "text/verify.h"

namespace gshard {
namespace {

Error unknown(const std::string& name, const ModelProgram& program) {
  return Error::program(fmt::format("model {}: it has no '{}'", program.module->name(), name));
}

void check_shape(const Parameter& wanted, const Literal& value, const ModelProgram& program) {
  if (value.shape() == wanted.shape) return;
  throw Error::program(
      fmt::format("model {}: '{}' is {}, given {}", program.module->name(), wanted.name, wanted.shape, value.shape()));
}

}  // namespace

CompiledModel::CompiledModel(ModelProgram program, const PartitionOptions& options) : program_(std::move(program)) {
  verify(*program_.module);
  Partitioned parts = partition(*prepare(*program_.module), options);
  boundary_ = parts;
  collectives_ = statistics_of(*parts.module).collectives;
  const Devices devices(parts.mesh.device_count());
  executable_.emplace(devices, parts);
  is_updated_.resize(program_.parameters.size());
  for (size_t r = 0; r < program_.results.size(); ++r) {
    const auto found = std::ranges::find(program_.parameters, program_.results[r], &Parameter::name);
    if (found == program_.parameters.end() || found->role == Role::input) continue;
    updated_[r] = static_cast<size_t>(found - program_.parameters.begin());
    is_updated_[updated_[r]] = true;
  }
  values_.resize(program_.parameters.size());
}

size_t CompiledModel::find(const std::string& name) const {
  const auto found = std::ranges::find(program_.parameters, name, &Parameter::name);
  if (found == program_.parameters.end() || found->role == Role::input) throw unknown(name, program_);
  return static_cast<size_t>(found - program_.parameters.begin());
}

DeviceArray CompiledModel::put(size_t parameter, const Literal& value) const {
  check_shape(program_.parameters[parameter], value, program_);
  return executable_->put(parameter, value);
}

void CompiledModel::initialize(uint64_t seed) {
  for (const Parameter& parameter : program_.parameters) {
    if (parameter.role != Role::input) set_value(parameter.name, initial_value(parameter, seed));
  }
}

void CompiledModel::set_value(const std::string& name, const Literal& value) {
  const size_t parameter = find(name);
  values_[parameter] = put(parameter, value);
}

Literal CompiledModel::value(const std::string& name) const {
  const size_t parameter = find(name);
  if (values_[parameter].shards.empty()) {
    throw Error::program(fmt::format("model {}: '{}' has no value; initialize() it", program_.module->name(), name));
  }
  Boundary one{boundary_.mesh, boundary_.replicas, {}, boundary_.parameters[parameter]};
  std::vector<Literal> shards;
  for (const Buffer& shard : values_[parameter].shards) shards.push_back(shard.to_literal());
  return gather_results(one, program_.parameters[parameter].shape, shards);
}

bool CompiledModel::has_value(const std::string& name) const { return !values_[find(name)].shards.empty(); }

void CompiledModel::share(const CompiledModel& other, Role role) {
  for (size_t p = 0; p < values_.size(); ++p) {
    const Parameter& mine = program_.parameters[p];
    const auto found = std::ranges::find(other.program_.parameters, mine.name, &Parameter::name);
    if (mine.role != role || found == other.program_.parameters.end()) continue;
    if (found->role != role || found->shape != mine.shape) continue;
    const auto theirs = static_cast<size_t>(found - other.program_.parameters.begin());
    if (other.values_[theirs].shards.empty()) continue;
    const bool lie_alike =
        boundary_.mesh == other.boundary_.mesh && boundary_.parameters[p] == other.boundary_.parameters[theirs];
    values_[p] = lie_alike ? other.values_[theirs] : put(p, other.value(mine.name));
  }
}

void CompiledModel::forget(Role role) {
  for (size_t p = 0; p < values_.size(); ++p) {
    if (program_.parameters[p].role == role) values_[p] = {};
  }
}

std::vector<ArrayEntry> CompiledModel::entries_of(std::initializer_list<Role> roles) const {
  std::vector<ArrayEntry> entries;
  for (const Parameter& parameter : program_.parameters) {
    if (std::ranges::find(roles, parameter.role) != roles.end()) entries.push_back({parameter.name, parameter.shape});
  }
  return entries;
}

void CompiledModel::save(const std::string& path) const {
  const std::vector<ArrayEntry> entries = entries_of({Role::weight, Role::state});
  ArrayWriter(path).write(entries, [&](size_t i) { return value(entries[i].name); });
}

void CompiledModel::load(const std::string& path) { load(path, {Role::weight, Role::state}); }

void CompiledModel::load_weights(const std::string& path) { load(path, {Role::weight}); }

void CompiledModel::load(const std::string& path, std::initializer_list<Role> roles) {
  read_arrays(path, entries_of(roles), [&](const std::string& name, const Literal& value) { set_value(name, value); });
}

NamedArrays CompiledModel::read_inputs(const std::string& path) const {
  NamedArrays inputs;
  read_arrays(path, entries_of({Role::input}),
              [&](const std::string& name, Literal value) { inputs.emplace(name, std::move(value)); });
  return inputs;
}

void CompiledModel::check_inputs(const NamedArrays& inputs) const {
  for (const auto& [name, value] : inputs) {
    const auto found = std::ranges::find(program_.parameters, name, &Parameter::name);
    if (found == program_.parameters.end() || found->role != Role::input) throw unknown(name, program_);
    check_shape(*found, value, program_);
  }
  for (size_t p = 0; p < program_.parameters.size(); ++p) {
    const Parameter& parameter = program_.parameters[p];
    const bool missing = parameter.role == Role::input ? !inputs.contains(parameter.name) : values_[p].shards.empty();
    if (!missing) continue;
    throw Error::program(fmt::format("model {}: '{}' has no value", program_.module->name(), parameter.name));
  }
}

std::vector<DeviceArray> CompiledModel::take_arguments(const NamedArrays& inputs) {
  std::vector<DeviceArray> arguments;
  for (size_t p = 0; p < program_.parameters.size(); ++p) {
    const Parameter& parameter = program_.parameters[p];
    if (parameter.role == Role::input) {
      arguments.push_back(put(p, inputs.at(parameter.name)));
    } else if (is_updated_[p]) {
      // Nobody else holds it: the next value is written in its place.
      arguments.push_back(std::exchange(values_[p], {}));
    } else {
      arguments.push_back(values_[p]);
    }
  }
  return arguments;
}

NamedArrays CompiledModel::run(const NamedArrays& inputs) {
  check_inputs(inputs);
  std::vector<DeviceArray> results = executable_->run(take_arguments(inputs));
  NamedArrays named;
  for (size_t r = 0; r < program_.results.size(); ++r) {
    if (const auto updated = updated_.find(r); updated != updated_.end()) {
      values_[updated->second] = std::move(results[r]);
    } else {
      named.emplace(program_.results[r], executable_->get(r, results[r]));
    }
  }
  return named;
}

CompiledModel compile(const std::string& name, const ModelOptions& options,
                      const std::function<std::vector<NamedTensor>(Model&)>& fn, Here here) {
  Model model(name, options);
  const std::vector<NamedTensor> results = fn(model);
  return CompiledModel(std::move(model).finish(results, here));
}

}  // namespace gshard
