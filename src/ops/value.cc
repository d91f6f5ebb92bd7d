#include "ops/value.h"

#include <memory>

#include "ops/table.h"

namespace gshard {
namespace {

std::shared_ptr<const Metadata> metadata_of(const Here& here) {
  auto metadata = std::make_shared<Metadata>();
  metadata->source_file = here.file_name();
  metadata->source_line = here.line();
  return metadata;
}

void check_operands(const Computation& in, const Recipe& recipe, Values operands, const Here& here) {
  const std::string keyword(keyword_of(recipe.op));
  for (size_t k = 0; k < operands.size(); ++k) {
    const Instruction* operand = operands[k].instruction();
    if (operand == nullptr)
      throw error_here(keyword + ": operand " + std::to_string(k) + " is a value of nothing", here);
    if (operand->parent() == &in) continue;
    throw error_here(keyword + ": operand " + std::to_string(k) + " is %" + operand->name() + " of computation %" +
                         operand->parent()->name() + ", must be of %" + in.name(),
                     here);
  }
}

}  // namespace

Error error_here(const std::string& message, const Here& here) {
  return Error::program(message).at({here.file_name(), here.line(), here.column(), ""});
}

Value append(Computation& in, const Recipe& recipe, Values operands, Here here) {
  check_operands(in, recipe, operands, here);
  Instruction::Operands inputs;
  for (const Value& operand : operands) inputs.push_back(operand.instruction());
  const bool left_out = std::holds_alternative<NoAttrs>(recipe.attributes);
  Instruction* made = in.add(recipe.op, recipe.declared, {inputs.data(), inputs.size()},
                             left_out ? default_attributes(recipe.op) : recipe.attributes);
  made->mutable_callees().assign(recipe.callees.begin(), recipe.callees.end());
  made->mutable_notes().metadata = metadata_of(here);
  try {
    made->mutable_shape() = infer_shape(*made).without_layout();
  } catch (const Error& error) {
    in.remove_if([&](const Instruction& i) { return &i == made; });
    throw error_here(error.what(), here);
  }
  return made;
}

Value append(const Recipe& recipe, Values operands, Here here) {
  if (operands.empty() || operands[0].instruction() == nullptr) {
    throw error_here(std::string(keyword_of(recipe.op)) + ": needs an operand to know its computation", here);
  }
  return append(operands[0].computation(), recipe, operands, here);
}

Computation& define(Module& module, std::string_view name, const std::vector<Shape>& parameters, const Body& body,
                    Here here) {
  Computation& made = *module.add_computation(name);
  std::vector<Value> values;
  for (size_t n = 0; n < parameters.size(); ++n) {
    const ParameterAttrs attributes{static_cast<int64_t>(n)};
    values.push_back(append(made, {Op::parameter, attributes, {}, parameters[n]}, {}, here));
  }
  const Value result = body(made, values);
  if (result.instruction() == nullptr || result->parent() != &made) {
    throw error_here("the body of %" + made.name() + " returned a value that is not its own", here);
  }
  made.set_root(result.instruction());
  return made;
}

Computation& define_entry(Module& module, std::string_view name, const std::vector<Shape>& parameters, const Body& body,
                          Here here) {
  Computation& entry = define(module, name, parameters, body, here);
  module.set_entry(&entry);
  module.sort_and_prune_computations();
  return entry;
}

}  // namespace gshard
