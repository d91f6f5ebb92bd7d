#include "model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "ops/infer.h"

namespace gshard {
namespace {

// Paths as HLO's names have them: letters, digits, '_', '-' and '.', a letter or '_' first.
std::string instruction_name(std::string path) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  for (char& c : path) {
    const bool is_other = (c >= '0' && c <= '9') || c == '-' || c == '.';
    if (!is_letter(c) && !is_other) c = c == '/' ? '.' : '_';
  }
  return path.empty() || !is_letter(path[0]) ? "_" + path : path;
}

// The same, another one than those of the parameters before.
std::string unused_name(const std::string& path, const Computation& in) {
  const std::string name = instruction_name(path);
  const auto is_taken = [&](const std::string& tried) {
    return std::any_of(in.parameters().begin(), in.parameters().end(),
                       [&](const Instruction* parameter) { return parameter->name() == tried; });
  };
  std::string unused = name;
  for (int n = 2; is_taken(unused); ++n) unused = fmt::format("{}_{}", name, n);
  return unused;
}

void check_sizes(const Parameter& parameter, const Here& here) {
  const Dims& dims = parameter.shape.dims();
  if (std::all_of(dims.begin(), dims.end(), [](int64_t size) { return size >= 0; })) return;
  throw error_here(fmt::format("parameter: '{}' is {}, of a negative size", parameter.name, parameter.shape), here);
}

void check_axes(const Axes& axes, Tensor x, const Here& here) {
  if (axes.size() <= x.rank()) return;
  throw error_here(fmt::format("annotation: {} names for the dimensions of {}", axes.size(), x.shape()), here);
}

// Callers take results by their names, and those of weights and state are their next values.
void check_names(const std::vector<NamedTensor>& results, const std::vector<Parameter>& parameters, const Here& here) {
  std::set<std::string_view> taken;
  for (const Parameter& parameter : parameters) {
    if (parameter.role != Role::input) taken.insert(parameter.name);
  }
  for (const NamedTensor& result : results) {
    if (taken.insert(result.name).second) continue;
    throw error_here(fmt::format("finish: '{}' is the name of another result, of a weight or of state", result.name),
                     here);
  }
}

// Per dimension the axes that cut it.
std::vector<std::string> axes_of(const Parameter& parameter, const MeshLayout& layout) {
  if (parameter.role == Role::state) return layout.state_axes_of(parameter.axes, parameter.shape.dims());
  return layout.axes_of(parameter.axes);
}

}  // namespace

Dims part_sizes(const Parameter& parameter, const MeshLayout& layout) {
  Dims sizes = parameter.shape.dims();
  const std::vector<std::string> axes = axes_of(parameter, layout);
  for (size_t d = 0; d < sizes.size(); ++d) {
    const int64_t parts = layout.parts_along(axes[d]);
    sizes[d] = (sizes[d] + parts - 1) / parts;
  }
  return sizes;
}

Model::Model(std::string name, ModelOptions options)
    : options_(std::move(options)),
      module_(std::make_unique<Module>(std::move(name))),
      entry_(*module_->add_computation("main")) {
  if (options_.layout.devices() > 1) module_->mutable_header().num_partitions = options_.layout.devices();
}

Scope Model::scope() { return {*this, ""}; }

Tensor Model::declare(Parameter parameter, const Here& here) {
  const auto same_name = [&](const Parameter& other) { return other.name == parameter.name; };
  if (std::any_of(parameters_.begin(), parameters_.end(), same_name)) {
    throw error_here(fmt::format("parameter: there is a '{}' already", parameter.name), here);
  }
  check_sizes(parameter, here);
  const std::string name = unused_name(parameter.name, entry_);
  parameter.value = gshard::parameter(entry_, parameter.shape, here);
  parameter.value->set_name(name);
  check_axes(parameter.axes, parameter.value, here);
  parameter.axes.resize(parameter.shape.rank());
  laid_as(parameter, parameter.value, here);
  parameters_.push_back(parameter);
  return parameter.value;
}

Tensor Model::input(const std::string& name, const Shape& shape, Axes axes, Here here) {
  return declare({name, shape, Role::input, {}, std::move(axes)}, here);
}

Tensor Model::state(const std::string& name, const Shape& shape, Initializer initializer, Axes axes, Here here) {
  return declare({name, shape, Role::state, initializer, std::move(axes)}, here);
}

Tensor Model::annotate(Tensor x, const Axes& axes, const Here& here) const {
  check_axes(axes, x, here);
  if (layout().devices() == 1) return x;
  Axes all = axes;
  all.resize(x.rank());
  return mesh_split(x, layout().mesh(), layout().axes_of(all), here);
}

Tensor Model::laid_as(const Parameter& parameter, Tensor x, const Here& here) const {
  if (layout().devices() == 1) return x;
  return mesh_split(x, layout().mesh(), axes_of(parameter, layout()), here);
}

void Model::update(const std::string& name, Tensor value, Here here) {
  const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                  [&](const Parameter& parameter) { return parameter.name == name; });
  if (found == parameters_.end() || found->role == Role::input) {
    throw error_here(fmt::format("update: there is no weight and no state '{}'", name), here);
  }
  if (value.shape() != found->shape) {
    throw error_here(fmt::format("update: '{}' is {}, its next value {}", name, found->shape, value.shape()), here);
  }
  if (!updates_.emplace(name, laid_as(*found, value, here)).second) {
    throw error_here(fmt::format("update: '{}' has a next value already", name), here);
  }
}

std::vector<Parameter> Model::weights() const {
  std::vector<Parameter> weights;
  std::copy_if(parameters_.begin(), parameters_.end(), std::back_inserter(weights),
               [](const Parameter& parameter) { return parameter.role == Role::weight; });
  return weights;
}

ModelProgram Model::finish(const std::vector<NamedTensor>& results, Here here) && {
  check_names(results, parameters_, here);
  ModelProgram program;
  std::vector<Value> elements;
  ModuleHeader& header = module_->mutable_header();
  for (size_t number = 0; number < parameters_.size(); ++number) {
    const auto updated = updates_.find(parameters_[number].name);
    if (updated == updates_.end()) continue;
    const auto output = static_cast<int64_t>(elements.size());
    header.input_output_alias.push_back({{output}, static_cast<int64_t>(number), {}, false});
    elements.push_back(updated->second);
    program.results.push_back(updated->first);
  }
  for (const NamedTensor& result : results) {
    elements.push_back(result.value);
    program.results.push_back(result.name);
  }
  if (elements.empty()) throw error_here("finish: a model without updates and results does nothing", here);
  entry_.set_root(tuple(elements, here).instruction());
  module_->set_entry(&entry_);
  module_->sort_and_prune_computations();
  for (Parameter& parameter : parameters_) parameter.value = {};
  program.parameters = std::move(parameters_);
  program.module = std::move(module_);
  return program;
}

}  // namespace gshard
