// The header of a module against its entry computation.
#include <set>

#include "text/verify_parts.h"

namespace gshard {
namespace {

std::string text_of(const TupleIndex& index) {
  std::string text;
  for (int64_t i : index) text += (text.empty() ? "" : ",") + std::to_string(i);
  return "{" + text + "}";
}

// The part of `shape` at `index`; null where there is none.
const Shape* part_of(const Shape& shape, const TupleIndex& index) {
  const Shape* part = &shape;
  for (int64_t i : index) {
    if (i < 0 || i >= static_cast<int64_t>(part->tuple_size())) return nullptr;
    part = &part->element(static_cast<size_t>(i));
  }
  return part;
}

// The part of an entry parameter that an alias or donor names.
const Shape& parameter_part(const Module& module, int64_t number, const TupleIndex& index, const std::string& what) {
  const auto& parameters = module.entry()->parameters();
  if (number < 0 || number >= static_cast<int64_t>(parameters.size())) {
    throw error_in(module, what + ": there is no parameter " + std::to_string(number) + ", the entry computation has " +
                               std::to_string(parameters.size()));
  }
  const Shape& whole = parameters[static_cast<size_t>(number)]->shape();
  const Shape* part = part_of(whole, index);
  if (part == nullptr) {
    throw error_in(module, what + ": parameter " + std::to_string(number) + " is " + whole.to_string() +
                               ", which has no part " + text_of(index));
  }
  return *part;
}

void verify_aliases(const Module& module) {
  std::set<std::pair<int64_t, TupleIndex>> inputs;
  std::set<TupleIndex> outputs;
  const Shape& result = module.entry()->root()->shape();
  for (const InputOutputAlias& alias : module.header().input_output_alias) {
    const std::string what = "input_output_alias";
    const Shape* output = part_of(result, alias.output);
    if (output == nullptr) {
      throw error_in(module, what + ": the result " + result.to_string() + " has no part " + text_of(alias.output));
    }
    if (!outputs.insert(alias.output).second) {
      throw error_in(module, what + ": part " + text_of(alias.output) + " of the result stands twice");
    }
    const Shape& input = parameter_part(module, alias.parameter, alias.parameter_index, what);
    if (!inputs.emplace(alias.parameter, alias.parameter_index).second) {
      throw error_in(module, what + ": part " + text_of(alias.parameter_index) + " of parameter " +
                                 std::to_string(alias.parameter) + " stands twice");
    }
    if (input.byte_size() != output->byte_size()) {
      throw error_in(module, what + ": part " + text_of(alias.output) + " of the result is " + output->to_string() +
                                 ", part " + text_of(alias.parameter_index) + " of parameter " +
                                 std::to_string(alias.parameter) + " is " + input.to_string());
    }
  }
  for (const BufferDonor& donor : module.header().buffer_donor) {
    parameter_part(module, donor.parameter, donor.parameter_index, "buffer_donor");
  }
}

void verify_entry_layout(const Module& module) {
  const ModuleHeader& header = module.header();
  const auto& parameters = module.entry()->parameters();
  const std::string what = "entry_computation_layout";
  if (header.entry_parameter_layouts) {
    const std::vector<Shape>& layouts = *header.entry_parameter_layouts;
    if (layouts.size() != parameters.size()) {
      throw error_in(module, what + " has " + std::to_string(layouts.size()) + " parameters, the entry computation " +
                                 std::to_string(parameters.size()));
    }
    for (size_t p = 0; p < layouts.size(); ++p) {
      if (layouts[p] == parameters[p]->shape()) continue;
      throw error_at(*parameters[p], what + " says " + layouts[p].to_string() + " for parameter " + std::to_string(p) +
                                         ", which is " + parameters[p]->shape().to_string());
    }
  }
  const Instruction& root = *module.entry()->root();
  if (header.entry_result_layout && !(*header.entry_result_layout == root.shape())) {
    throw error_at(root, what + " says " + header.entry_result_layout->to_string() + " for the result, which is " +
                             root.shape().to_string());
  }
}

}  // namespace

void verify_header(const Module& module) {
  verify_entry_layout(module);
  verify_aliases(module);
}

}  // namespace gshard
