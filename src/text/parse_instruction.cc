// One instruction: [ROOT] %name = type opcode(operands), attributes.
#include <algorithm>

#include "text/module_parser.h"
#include "text/read.h"

namespace gshard {
namespace {

std::vector<std::string_view> all_keywords() {
  std::vector<std::string_view> keywords;
  for (size_t i = 0; i < kOpCount; ++i) keywords.push_back(keyword_of(static_cast<Op>(i)));
  return keywords;
}

ComparisonType default_comparison(DType type) {
  if (is_floating(type) || is_complex(type)) return ComparisonType::FLOAT;
  return is_signed_int(type) ? ComparisonType::SIGNED : ComparisonType::UNSIGNED;
}

}  // namespace

// An instruction may itself be named ROOT.
bool ModuleParser::accept_root() {
  const Lexer::Mark mark = lexer_.mark();
  if (!lexer_.accept_word("ROOT")) return false;
  if (lexer_.peek() != '=') return true;
  lexer_.reset(mark);
  return false;
}

void ModuleParser::parse_instruction(Scope& scope) {
  const size_t start = lexer_.next_position();
  const bool is_root = accept_root();
  const size_t position = lexer_.next_position();
  const int64_t line = lexer_.line();
  const int64_t column = lexer_.column();
  const std::string_view name = lexer_.name("the name of an instruction");
  lexer_.expect('=', "after the name '" + std::string(name) + "'");
  Instruction* instruction = parse_operation(scope, name, position);
  instruction->set_text_position(line, column);
  if (!scope.names.insert(name, instruction)) {
    const Instruction* first = scope.names.find(name);
    lexer_.fail_at(position, "there are two instructions named '" + std::string(name) + "' in computation '" +
                                 scope.computation->name() + "'; the first stands in line " +
                                 std::to_string(first->text_line()));
  }
  if (!is_root) return;
  if (scope.root != nullptr) {
    lexer_.fail_at(start, "computation '" + scope.computation->name() + "' has two ROOT instructions; the first is '" +
                              scope.root->name() + "'");
  }
  scope.root = instruction;
}

Instruction* ModuleParser::parse_operation(Scope& scope, std::string_view name, size_t position) {
  Draft draft;
  draft.position = position;
  Shape shape;
  if (shape_is_next(lexer_)) {
    shape = read_shape(lexer_);
    draft.has_shape = true;
  }
  parse_opcode(draft, name);
  draft.instruction->mutable_shape() = std::move(shape);
  parse_operands(scope, draft);
  parse_attributes(scope, draft);
  return finish(scope, draft);
}

void ModuleParser::parse_opcode(Draft& draft, std::string_view name) {
  draft.op_position = lexer_.next_position();
  draft.keyword = lexer_.expect_word("an opcode");
  const std::optional<Op> op = op_from_keyword(draft.keyword);
  if (!op) {
    if (parse_async_opcode(draft, name)) return;
    fail_opcode(draft.keyword, draft.op_position);
  }
  draft.instruction = std::make_unique<Instruction>(*op, Shape(), std::string(name));
  draft.attributes = default_attributes(*op);
}

void ModuleParser::fail_opcode(std::string_view keyword, size_t position) {
  std::string message = "unknown opcode '" + std::string(keyword) + "'";
  const std::string_view near = nearest(keyword, all_keywords());
  if (!near.empty()) message += "; did you mean '" + std::string(near) + "'?";
  lexer_.fail_at(position, message);
}

// ---- operands -------------------------------------------------------------------------------------------------------

void ModuleParser::parse_operands(Scope& scope, Draft& draft) {
  const std::string where = "after the opcode";
  lexer_.expect('(', where);
  Instruction& instruction = *draft.instruction;
  if (instruction.op() == Op::parameter) {
    std::get<ParameterAttrs>(draft.attributes).number = lexer_.size("the number of the parameter");
  } else if (instruction.op() == Op::constant) {
    if (!draft.has_shape) lexer_.fail_at(draft.op_position, "the type of a constant must be written before 'constant'");
    std::get<ConstantAttrs>(draft.attributes).value = read_literal(lexer_, instruction.shape());
  } else if (lexer_.peek() != ')') {
    do instruction.mutable_operands().push_back(parse_operand(scope));
    while (lexer_.accept(','));
  }
  lexer_.expect(')', "after the operands of '" + std::string(draft.keyword) + "'");
}

// A name, with or without the type before it, or a whole operation in place.
Instruction* ModuleParser::parse_operand(Scope& scope) {
  const Lexer::Mark mark = lexer_.mark();
  const size_t start = lexer_.next_position();
  std::optional<Shape> shape;
  if (shape_is_next(lexer_)) shape = read_shape(lexer_);
  const bool is_name = lexer_.accept('%');
  const size_t position = lexer_.next_position();
  const std::string_view name = lexer_.expect_word("an operand");
  if (!is_name && lexer_.peek() == '(') {
    lexer_.reset(mark);
    return parse_nested(scope);
  }
  Instruction* operand = scope.names.find(name);
  if (operand == nullptr && shape && scope.implies_parameters) operand = imply_parameter(scope, name, *shape);
  if (operand == nullptr) fail_operand(scope, name, position);
  if (shape && !(operand->shape() == *shape)) {
    lexer_.fail_at(start, "operand '" + std::string(name) + "' is written as " + shape->to_string() +
                              "; it is defined as " + operand->shape().to_string());
  }
  return operand;
}

void ModuleParser::fail_operand(const Scope& scope, std::string_view name, size_t position) {
  std::vector<std::string_view> known;
  scope.names.for_each([&](std::string_view other) { known.push_back(other); });
  std::string message = "there is no instruction '" + std::string(name) + "' before this one in computation '" +
                        scope.computation->name() + "'";
  const std::string_view near = nearest(name, known);
  if (!near.empty()) message += "; did you mean '" + std::string(near) + "'?";
  lexer_.fail_at(position, message);
}

// An operation in place of an operand: add(multiply(%x, %x), %y).
Instruction* ModuleParser::parse_nested(Scope& scope) {
  const Lexer::Nesting nesting(lexer_);
  const size_t position = lexer_.next_position();
  const int64_t line = lexer_.line();
  const int64_t column = lexer_.column();
  Instruction* instruction = parse_operation(scope, {}, position);
  instruction->set_text_position(line, column);
  const std::string stem = std::string(keyword_of(instruction->op())) + ".anon";
  instruction->set_name(stem);
  for (size_t n = 1; !scope.names.insert(instruction->name(), instruction); ++n) {
    instruction->set_name(stem + "." + std::to_string(n));
  }
  return instruction;
}

// A lone instruction says what its parameters are by the types of its operands.
Instruction* ModuleParser::imply_parameter(Scope& scope, std::string_view name, const Shape& shape) {
  Draft draft;
  draft.instruction = std::make_unique<Instruction>(Op::parameter, shape, std::string(name));
  draft.attributes = ParameterAttrs{static_cast<int64_t>(scope.parameters.size())};
  draft.has_shape = true;
  Instruction* parameter = finish(scope, draft);
  scope.names.insert(name, parameter);
  return parameter;
}

// ---- the finished instruction ---------------------------------------------------------------------------------------

// The type of the result, where the text leaves it out.
void ModuleParser::infer(Draft& draft) {
  Instruction& instruction = *draft.instruction;
  for (const Callee& callee : draft.callees) {
    if (callee.computation != nullptr) continue;
    lexer_.fail_at(draft.op_position, "the type of the result is left out and computation '" +
                                          std::string(callee.name) +
                                          "' is defined later; write the type before the opcode");
  }
  try {
    instruction.mutable_shape() = infer_shape(instruction);
  } catch (Error& error) {
    std::string message = error.what();
    if (has(row_of(instruction.op()).traits, Traits::declared_shape)) {
      message = "the type of the result is left out, and the operands of '" + std::string(draft.keyword) +
                "' do not tell it; write it before the opcode";
    }
    lexer_.fail_at(draft.op_position, message);
  }
}

// Leaves out what says no more than the default, so that equal instructions are equal.
void ModuleParser::normalise(Draft& draft) {
  if (auto* compare = std::get_if<CompareAttrs>(&draft.attributes); compare && draft.instruction->operand_count() > 0) {
    if (compare->type == default_comparison(draft.instruction->operand(0)->shape().type())) {
      compare->type = ComparisonType::automatic;
    }
  }
  // What an update or a done runs, and where, is said by its start.
  if (draft.instruction->op() == Op::async_update || draft.instruction->op() == Op::async_done) {
    draft.callees.clear();
    draft.attributes = default_attributes(draft.instruction->op());
  }
  if (auto* convolution = std::get_if<ConvolutionAttrs>(&draft.attributes)) {
    if (convolution->convolution_kind.text == "unset") convolution->convolution_kind.text.clear();
  }
}

Instruction* ModuleParser::finish(Scope& scope, Draft& draft) {
  Instruction& instruction = *draft.instruction;
  check_required(lexer_, draft.op_position, draft.attributes, draft.seen_fields);
  if (draft.wrapped == nullptr) check_callees(draft);
  normalise(draft);
  // Attribute values that never change are shared by all instructions already.
  if (!std::holds_alternative<NoAttrs>(draft.attributes)) {
    instruction.set_attributes(attributes_.get(std::move(draft.attributes)));
  }
  std::stable_sort(draft.callees.begin(), draft.callees.end(),
                   [](const Callee& a, const Callee& b) { return a.order < b.order; });
  for (const Callee& callee : draft.callees) {
    if (callee.computation == nullptr) pending_.push_back({&instruction, instruction.callees().size(), callee});
    instruction.mutable_callees().push_back(callee.computation);
  }
  if (draft.wrapped != nullptr) wrap(draft);
  if (!draft.has_shape) infer(draft);
  if (instruction.op() == Op::parameter) add_parameter(scope, draft);
  return scope.computation->append(std::move(draft.instruction));
}

void ModuleParser::add_parameter(Scope& scope, const Draft& draft) {
  const int64_t number = draft.instruction->attrs<ParameterAttrs>().number;
  // A parameter takes some characters, so that no table larger than the text is made for a number in it.
  if (number >= static_cast<int64_t>(lexer_.text().size())) {
    lexer_.fail_at(draft.op_position, "there are fewer than " + std::to_string(number) + " parameters");
  }
  const auto index = static_cast<size_t>(number);
  if (scope.parameters.size() <= index) scope.parameters.resize(index + 1, nullptr);
  if (scope.parameters[index] != nullptr) {
    lexer_.fail_at(draft.op_position, "computation '" + scope.computation->name() + "' has two parameters " +
                                          std::to_string(number) + "; the first is '" +
                                          scope.parameters[index]->name() + "'");
  }
  scope.parameters[index] = draft.instruction.get();
}

}  // namespace gshard
