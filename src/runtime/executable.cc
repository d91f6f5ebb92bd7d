#include "runtime/executable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "eval/simulate.h"
#include "ir/literal_leaves.h"
#include "runtime/prepare.h"
#include "shard/boundary_values.h"

namespace gshard {
namespace {

void add_shapes(const Shape& shape, std::vector<Shape>& leaves) {
  if (!shape.is_tuple()) leaves.push_back(shape.without_layout());
  for (const Shape& element : shape.elements()) add_shapes(element, leaves);
}

std::vector<Shape> leaves_of(const Shape& shape) {
  std::vector<Shape> leaves;
  add_shapes(shape, leaves);
  return leaves;
}

Shape parameters_of(const Module& module) {
  std::vector<Shape> shapes;
  for (const Instruction* parameter : module.entry()->parameters()) shapes.push_back(parameter->shape());
  return Shape::tuple(std::move(shapes));
}

std::vector<BoundaryValue> whole_values(const std::vector<Shape>& leaves) {
  std::vector<BoundaryValue> values;
  for (const Shape& leaf : leaves) values.push_back({leaf, Sharding::replicated(leaf.rank())});
  return values;
}

bool is_whole_everywhere(const BoundaryValue& value) { return value.sharding.is_replicated() && !value.device; }

}  // namespace

struct Executable::State {
  Devices devices;
  Mesh mesh = {};
  int64_t replicas = 1;
  std::unique_ptr<Module> module = nullptr;  // of one device
  std::vector<BoundaryValue> arguments = {};
  std::vector<BoundaryValue> results = {};
  // Of a device.
  std::vector<Shape> argument_shapes = {};
  std::vector<Shape> result_shapes = {};
  std::vector<int> donors = {};  // by result
  std::unique_ptr<cpu::Executable> compiled = nullptr;

  void compile();
  void check(const std::vector<DeviceArray>& given) const;
  void check_room(int64_t limit) const;
  Buffer place_of(size_t result, size_t device, std::vector<DeviceArray>& given) const;
  std::vector<DeviceArray> run_compiled(std::vector<DeviceArray>& given, const EvaluateOptions& options) const;
  std::vector<DeviceArray> run_reference(const std::vector<DeviceArray>& given, const EvaluateOptions& options) const;
};

// ---- compiling ----------------------------------------------------------------------------------------------------

Executable::Executable(Devices devices, const Partitioned& program)
    : state_(new State{std::move(devices), program.mesh, program.replicas, program.module->clone()}) {
  const int64_t count = state_->mesh.device_count() * state_->replicas;
  if (count != state_->devices.count()) {
    throw Error::program(fmt::format("the program is for {} devices, there are {}", count, state_->devices.count()));
  }
  for (auto& leaves : program.parameters)
    std::move(leaves.begin(), leaves.end(), std::back_inserter(state_->arguments));
  state_->results = std::move(program.results);
  state_->compile();
}

Executable::Executable(Devices devices, const Module& whole) : state_(new State{std::move(devices)}) {
  if (state_->devices.count() != 1) {
    throw Error::program(fmt::format("a whole program runs on one device, there are {}", state_->devices.count()));
  }
  state_->module = state_->devices.backend() == Backend::cpu ? prepare(whole) : whole.clone();
  state_->arguments = whole_values(leaves_of(parameters_of(whole)));
  state_->results = whole_values(leaves_of(whole.entry()->root()->shape()));
  state_->compile();
}

Executable::~Executable() = default;
Executable::Executable(Executable&&) noexcept = default;
Executable& Executable::operator=(Executable&&) noexcept = default;

void Executable::State::compile() {
  argument_shapes = leaves_of(parameters_of(*module));
  result_shapes = leaves_of(module->entry()->root()->shape());
  donors.assign(result_shapes.size(), -1);
  if (devices.backend() == Backend::reference) return;
  cpu::CompileOptions options;
  options.pool = devices.pool();
  options.precision = devices.precision();
  options.check_nans = devices.checks_nans();
  if (devices.count() > 1) options.grid = grid_of(*module);
  compiled = cpu::Executable::compile(*module, options);
  donors = compiled->donors();
}

std::span<const BoundaryValue> Executable::arguments() const { return state_->arguments; }
std::span<const BoundaryValue> Executable::results() const { return state_->results; }
int Executable::donor_of(size_t result) const { return state_->donors[result]; }
const cpu::Executable* Executable::compiled() const { return state_->compiled.get(); }

// ---- values -------------------------------------------------------------------------------------------------------

DeviceArray Executable::put(size_t argument, Literal whole) const {
  const BoundaryValue& value = state_->arguments.at(argument);
  if (whole.shape() != value.shape) {
    throw Error::program(fmt::format("argument {} is {}, the program takes {}", argument, whole.shape().to_string(),
                                     value.shape.to_string()));
  }
  const auto count = static_cast<size_t>(state_->devices.count());
  const bool is_donated =
      std::find(state_->donors.begin(), state_->donors.end(), static_cast<int>(argument)) != state_->donors.end();
  if (count == 1 || (is_whole_everywhere(value) && !is_donated)) {
    return {std::vector<Buffer>(count, Buffer(std::move(whole)))};
  }
  DeviceArray array;
  std::vector<Literal> shards = shards_of(whole, value, state_->mesh);
  for (size_t device = 0; device < count; ++device) {
    // Replicas have the same.
    Literal& shard = shards[device % shards.size()];
    array.shards.emplace_back(device + shards.size() < count ? shard : std::move(shard));
  }
  return array;
}

std::vector<DeviceArray> Executable::put_all(std::span<const Literal> arguments) const {
  std::vector<Literal> leaves;
  for (const Literal& argument : arguments) add_leaves(argument, leaves);
  if (leaves.size() != state_->arguments.size()) {
    throw Error::program(
        fmt::format("{} arrays for the {} that the parameters hold", leaves.size(), state_->arguments.size()));
  }
  std::vector<DeviceArray> arrays;
  for (size_t n = 0; n < leaves.size(); ++n) arrays.push_back(put(n, std::move(leaves[n])));
  return arrays;
}

Literal Executable::get(size_t result, const DeviceArray& array) const {
  std::vector<Literal> shards;
  for (int64_t device = 0; device < state_->mesh.device_count(); ++device) {
    shards.push_back(array.shards.at(static_cast<size_t>(device)).to_literal());
  }
  if (shards.size() == 1) return std::move(shards[0]);
  return whole_of(shards, state_->results.at(result), state_->mesh);
}

Literal Executable::get_all(std::span<const DeviceArray> results) const {
  std::vector<Literal> leaves;
  for (size_t n = 0; n < results.size(); ++n) leaves.push_back(get(n, results[n]));
  size_t next = 0;
  return rebuilt(state_->module->entry()->root()->shape(), leaves, next);
}

// ---- running ------------------------------------------------------------------------------------------------------

std::vector<DeviceArray> Executable::run(std::vector<DeviceArray> arguments, const EvaluateOptions& options) const {
  state_->check(arguments);
  return state_->compiled != nullptr ? state_->run_compiled(arguments, options)
                                     : state_->run_reference(arguments, options);
}

void Executable::State::check(const std::vector<DeviceArray>& given) const {
  if (given.size() != arguments.size()) {
    throw Error::program(fmt::format("{} arguments for a program of {}", given.size(), arguments.size()));
  }
  for (size_t n = 0; n < given.size(); ++n) {
    if (static_cast<int64_t>(given[n].shards.size()) != devices.count()) {
      throw Error::program(
          fmt::format("argument {} is on {} devices, the program on {}", n, given[n].shards.size(), devices.count()));
    }
    for (const Buffer& shard : given[n].shards) {
      if (shard.shape() == argument_shapes[n]) continue;
      throw Error::program(fmt::format("argument {} is {} on a device, the program takes {} there", n,
                                       shard.shape().to_string(), argument_shapes[n].to_string()));
    }
  }
}

void Executable::State::check_room(int64_t limit) const {
  int64_t left = limit;
  for (size_t r = 0; r < result_shapes.size(); ++r) {
    if (donors[r] >= 0 || !result_shapes[r].is_array()) continue;
    const int64_t bytes = saturating_multiply(result_shapes[r].byte_size(), devices.count());
    if (bytes > left) {
      throw Error::memory(fmt::format("{} takes {} bytes on {} devices; {} of {} are left for results",
                                      result_shapes[r].to_string(), bytes, devices.count(), left, limit));
    }
    left -= bytes;
  }
}

// Memory for a result: its donor's, where nobody else needs that, with the argument in it.
Buffer Executable::State::place_of(size_t result, size_t device, std::vector<DeviceArray>& given) const {
  if (donors[result] < 0) return devices.allocate(result_shapes[result]);
  Buffer& donor = given[static_cast<size_t>(donors[result])].shards[device];
  if (donor.is_donatable()) return std::move(donor);
  Buffer copy = devices.allocate(result_shapes[result]);
  if (const int64_t size = copy.shape().byte_size(); size > 0) {
    std::memcpy(copy.mutable_host_bytes(), donor.host_bytes(), static_cast<size_t>(size));
  }
  return copy;
}

std::vector<DeviceArray> Executable::State::run_compiled(std::vector<DeviceArray>& given,
                                                         const EvaluateOptions& options) const {
  check_room(options.memory_limit);
  const auto count = static_cast<size_t>(devices.count());
  std::vector<cpu::DeviceMemory> memory(count);
  std::vector<DeviceArray> made(result_shapes.size());
  for (size_t device = 0; device < count; ++device) {
    cpu::DeviceMemory& mine = memory[device];
    for (const DeviceArray& array : given) {
      mine.arguments.push_back(const_cast<std::byte*>(array.shards[device].host_bytes()));
    }
    for (size_t r = 0; r < made.size(); ++r) {
      Buffer& place = made[r].shards.emplace_back(place_of(r, device, given));
      mine.results.push_back(place.mutable_host_bytes());
      if (donors[r] >= 0) mine.arguments[static_cast<size_t>(donors[r])] = mine.results.back();
    }
  }
  compiled->run_in(memory, options);
  return made;
}

std::vector<DeviceArray> Executable::State::run_reference(const std::vector<DeviceArray>& given,
                                                          const EvaluateOptions& options) const {
  std::vector<std::vector<Literal>> literals;
  for (size_t device = 0; device < static_cast<size_t>(devices.count()); ++device) {
    std::vector<Literal> leaves;
    for (const DeviceArray& array : given) leaves.push_back(array.shards[device].to_literal());
    size_t next = 0;
    literals.push_back(rebuilt(parameters_of(*module), leaves, next).elements());
  }
  std::vector<Literal> values;
  if (devices.count() == 1) {
    values.push_back(evaluate(*module, literals[0], options));
  } else {
    values = simulate(*module, literals, options);
  }
  std::vector<DeviceArray> made(result_shapes.size());
  for (Literal& value : values) {
    std::vector<Literal> leaves;
    add_leaves(std::move(value), leaves);
    for (size_t r = 0; r < made.size(); ++r) made[r].shards.emplace_back(std::move(leaves[r]));
  }
  return made;
}

}  // namespace gshard
