// Asynchronous operations written short: `all-to-all-start(%x), ...` is an async-start of a computation that consists
// of one all-to-all.
#include <array>

#include "text/async.h"
#include "text/module_parser.h"

namespace gshard {
namespace {

constexpr std::array<std::pair<std::string_view, Op>, 3> kSuffixes = {
    {{"-start", Op::async_start}, {"-update", Op::async_update}, {"-done", Op::async_done}}};

// The parts of async-start's type: ((operands), result, ...).
const Shape* result_of(const Shape& shape) {
  if (!shape.is_tuple() || shape.tuple_size() < 2) return nullptr;
  return &shape.element(1);
}

}  // namespace

bool ModuleParser::parse_async_opcode(Draft& draft, std::string_view name) {
  for (const auto& [suffix, async] : kSuffixes) {
    if (!draft.keyword.ends_with(suffix)) continue;
    const auto op = op_from_keyword(draft.keyword.substr(0, draft.keyword.size() - suffix.size()));
    if (!op || !can_be_wrapped(*op)) return false;
    draft.instruction = std::make_unique<Instruction>(async, Shape(), std::string(name));
    draft.attributes = default_attributes(async);
    if (async != Op::async_start) return true;
    draft.wrapped = std::make_unique<Draft>();
    draft.wrapped->instruction = std::make_unique<Instruction>(*op, Shape(), std::string(keyword_of(*op)));
    draft.wrapped->instruction->set_text_position(lexer_.line(),
                                                  lexer_.column() - static_cast<int64_t>(draft.keyword.size()));
    draft.wrapped->attributes = default_attributes(*op);
    draft.wrapped->position = draft.position;
    draft.wrapped->op_position = draft.op_position;
    draft.wrapped->keyword = draft.keyword;
    return true;
  }
  return false;
}

// Puts the wrapped operation into a computation of its own, with a parameter per operand.
void ModuleParser::wrap(Draft& draft) {
  const auto scope = open_scope("async_computation");
  Draft& inner = *draft.wrapped;
  for (const Instruction* operand : draft.instruction->operands()) {
    const auto number = static_cast<int64_t>(scope->parameters.size());
    Draft parameter;
    parameter.has_shape = true;
    parameter.instruction =
        std::make_unique<Instruction>(Op::parameter, operand->shape(), "param_" + std::to_string(number));
    parameter.attributes = ParameterAttrs{number};
    inner.instruction->mutable_operands().push_back(finish(*scope, parameter));
  }
  if (draft.has_shape) {
    const Shape* result = result_of(draft.instruction->shape());
    if (result == nullptr) {
      lexer_.fail_at(draft.position, "the type of '" + std::string(draft.keyword) +
                                         "' must be a tuple ((operands), result, ...); it is " +
                                         draft.instruction->shape().to_string());
    }
    inner.instruction->mutable_shape() = *result;
    inner.has_shape = true;
  }
  scope->root = finish(*scope, inner);
  Computation* computation = close(*scope, draft.position);
  nameless_.push_back(computation);
  draft.instruction->mutable_callees().push_back(computation);
}

}  // namespace gshard
