#include "transform/term.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "eval/elements.h"

namespace gshard {
namespace {

// Constants of more elements are not looked through; numbers of that size are broadcast.
constexpr int64_t kFewElements = 16;

std::optional<Literal> scalar_of(DType type, Number number) {
  const bool has_bits = is_integer(type) || type == DType::pred;
  switch (number) {
    case Number::zero:
      if (type == DType::f8e8m0fnu) return std::nullopt;
      return Literal(Shape(type));
    case Number::one:
      return convert_elements(Literal::scalar<int32_t>(DType::s32, 1), type);
    case Number::minus_zero: {
      if (!is_floating(type) || type == DType::f8e8m0fnu) return std::nullopt;
      Literal value = convert_elements(Literal::scalar<float>(DType::f32, -0.0f), type);
      // Some formats have only one zero.
      return value == Literal(Shape(type)) ? std::nullopt : std::optional(std::move(value));
    }
    case Number::all_ones:
      if (!has_bits) return std::nullopt;
      return convert_elements(Literal::scalar<int32_t>(DType::s32, -1), type);
  }
  return std::nullopt;
}

// The numbers of all types, made once.
const std::optional<Literal>& number_of(DType type, Number number) {
  constexpr size_t kTypes = static_cast<size_t>(DType::tuple) + 1;
  static const auto* const kTable = [] {
    auto* table = new std::array<std::array<std::optional<Literal>, 4>, kTypes>;
    for (size_t t = 0; t < kTypes; ++t) {
      if (!is_array_type(static_cast<DType>(t))) continue;
      for (size_t n = 0; n < 4; ++n) (*table)[t][n] = scalar_of(static_cast<DType>(t), static_cast<Number>(n));
    }
    return table;
  }();
  return (*kTable)[static_cast<size_t>(type)][static_cast<size_t>(number)];
}

const Instruction& behind_broadcasts(const Instruction& x) {
  const Instruction* value = &x;
  while (value->op() == Op::broadcast) value = value->operand(0);
  return *value;
}

}  // namespace

bool is_constant_or_splat(const Instruction& x) {
  if (x.op() == Op::constant) return true;
  const Instruction& source = behind_broadcasts(x);
  return source.op() == Op::constant && source.shape().is_scalar();
}

bool is_number(const Instruction& x, Number number) {
  const Instruction& source = behind_broadcasts(x);
  if (source.op() != Op::constant || source.attrs<ConstantAttrs>().value.is_elided()) return false;
  const Literal& value = source.attrs<ConstantAttrs>().value;
  const int64_t count = value.shape().element_count();
  const std::optional<Literal>& wanted = number_of(value.shape().type(), number);
  if (!wanted || count == 0 || count > kFewElements) return false;
  const auto size = static_cast<size_t>(wanted->byte_size());
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    if (std::memcmp(value.bytes() + i * size, wanted->bytes(), size) != 0) return false;
  }
  return true;
}

Instruction* add_number(Computation& computation, const Shape& shape, Number number) {
  const std::optional<Literal>& value = number_of(shape.type(), number);
  if (!value) return nullptr;
  Instruction* scalar = computation.add(Op::constant, Shape(shape.type()), {}, ConstantAttrs{*value});
  if (shape.is_scalar()) return scalar;
  return computation.add(Op::broadcast, shape, {{scalar}}, DimensionsAttrs{});
}

bool Term::matches(Instruction* value, Bindings& bindings) const {
  switch (kind_) {
    case Kind::number:
      return is_number(*value, number_);
    case Kind::constant_variable:
      if (!is_constant_or_splat(*value)) return false;
      [[fallthrough]];
    case Kind::variable:
      if (bindings[id_] == nullptr) bindings[id_] = value;
      return bindings[id_] == value;
    case Kind::op:
      return value->op() == op_ && matches_operands(*value, bindings);
  }
  return false;
}

bool Term::matches_operands(const Instruction& value, Bindings& bindings) const {
  const auto in_order = [&](size_t first) {
    Bindings tried = bindings;
    for (size_t i = 0; i < operands_.size(); ++i) {
      if (!operands_[i].matches(value.operand(first == 0 ? i : 1 - i), tried)) return false;
    }
    bindings = tried;
    return true;
  };
  if (value.operand_count() != operands_.size()) return false;
  return in_order(0) || (has(row_of(op_).traits, Traits::commutative) && in_order(1));
}

Instruction* Term::build(Computation& computation, const Shape& shape, const Bindings& bindings) const {
  if (kind_ == Kind::number) return add_number(computation, shape, number_);
  if (kind_ != Kind::op) return bindings[id_]->shape() == shape ? bindings[id_] : nullptr;
  std::vector<Instruction*> operands;
  for (size_t i = 0; i < operands_.size(); ++i) {
    // A predicate has its own type, and may be a scalar.
    const bool is_predicate = op_ == Op::select && i == 0;
    const Shape& wanted = is_predicate ? bindings[operands_[0].id_]->shape() : shape;
    Instruction* operand = operands_[i].build(computation, wanted, bindings);
    if (operand == nullptr) return nullptr;
    operands.push_back(operand);
  }
  return computation.add(op_, shape, operands, default_attributes(op_));
}

Instruction* AlgebraRule::apply(Instruction& x) const {
  Term::Bindings bindings{};
  if (x.operand_count() == 0 || !has(types, x.operand(0)->shape().type())) return nullptr;
  if (!from.matches(&x, bindings)) return nullptr;
  return to.build(*x.parent(), x.shape(), bindings);
}

}  // namespace gshard
