// The algebra of ops that compute, where it depends on types, attributes or called computations: convert, compare,
// reduce, conditional, ...
#include <algorithm>

#include "eval/elements.h"
#include "ops/reducer.h"
#include "transform/simplify_algebra.h"
#include "transform/term.h"

namespace gshard {
namespace {

// ---- copies and conversions -------------------------------------------------------------------------------------

Instruction* copy_is_its_operand(Instruction& x) { return x.operand(0); }

Instruction* convert_to_same(Instruction& x) { return x.operand(0)->shape() == x.shape() ? x.operand(0) : nullptr; }

// How the numbers of a type look: a sign, `digits` binary digits of precision, exponents of 2 from `lowest` (that of
// the smallest positive number) to `highest`. Formats without infinity or NaN, or with one zero, are left out.
struct Range {
  bool is_signed;
  int digits;
  int lowest;
  int highest;
  bool is_float;
};

std::optional<Range> range_of(DType type) {
  const int bits = bits_of(type);
  if (type == DType::pred) return Range{false, 1, 0, 0, false};
  if (is_unsigned_int(type)) return Range{false, bits, 0, bits - 1, false};
  if (is_signed_int(type)) return Range{true, bits - 1, 0, bits - 1, false};
  switch (type) {
    case DType::f8e5m2:
      return Range{true, 3, -16, 15, true};
    case DType::f16:
      return Range{true, 11, -24, 15, true};
    case DType::bf16:
      return Range{true, 8, -133, 127, true};
    case DType::f32:
      return Range{true, 24, -149, 127, true};
    case DType::f64:
      return Range{true, 53, -1074, 1023, true};
    default:
      return std::nullopt;
  }
}

// Whether every number of type `from` is one of type `to`. For signed integers `highest` is that of the most negative
// number, which is a power of 2 and so needs one digit only.
bool is_exact(DType from, DType to) {
  const auto a = range_of(from);
  const auto b = range_of(to);
  if (!a || !b || (a->is_float && !b->is_float) || (a->is_signed && !b->is_signed)) return false;
  const bool fits = a->digits <= b->digits && a->lowest >= b->lowest;
  if (!b->is_float) return fits;
  return fits && a->highest <= b->highest;
}

// A detour over a wider type can be left out. Only not from integers over floats: floats become integers by
// clamping, integers by wrapping, and integers may round twice on their way to a narrow float.
bool is_detour(DType from, DType over, DType to) {
  if (!is_exact(from, over) || !range_of(to)) return false;
  return is_exact(from, to) || is_floating(from) == is_floating(over);
}

Instruction* convert_of_convert(Instruction& x) {
  const Instruction& inner = *x.operand(0);
  if (inner.op() != Op::convert) return nullptr;
  Instruction* source = inner.operand(0);
  if (!is_detour(source->shape().type(), inner.shape().type(), x.shape().type())) return nullptr;
  if (source->shape() == x.shape()) return source;
  return x.parent()->add(Op::convert, x.shape(), {{source}});
}

// A pred keeps of the bits that become one only whether they are 0.
Instruction* bitcast_convert_to_same(Instruction& x) {
  Instruction* source = x.operand(0);
  const bool keeps_bits = source->shape().type() != DType::pred;
  if (source->op() == Op::bitcast_convert && keeps_bits) source = source->operand(0);
  return source->shape() == x.shape() ? source : nullptr;
}

// ---- comparisons and predicates ---------------------------------------------------------------------------------

bool is_total(const Instruction& compare) {
  const DType type = compare.operand(0)->shape().type();
  return is_integer(type) || type == DType::pred;
}

Instruction* compare_with_itself(Instruction& x) {
  if (x.operand(0) != x.operand(1) || !is_total(x)) return nullptr;
  const Direction direction = x.attrs<CompareAttrs>().direction;
  const bool holds = direction == Direction::EQ || direction == Direction::LE || direction == Direction::GE;
  return add_number(*x.parent(), x.shape(), holds ? Number::all_ones : Number::zero);
}

// With NaN a comparison and its opposite can both be false, but for EQ and NE.
Instruction* not_of_compare(Instruction& x) {
  static constexpr Direction kOpposite[] = {Direction::NE, Direction::EQ, Direction::LT,
                                            Direction::LE, Direction::GT, Direction::GE};
  const Instruction& compare = *x.operand(0);
  if (compare.op() != Op::compare) return nullptr;
  CompareAttrs attributes = compare.attrs<CompareAttrs>();
  const bool is_equality = attributes.direction == Direction::EQ || attributes.direction == Direction::NE;
  if (!is_equality && !is_total(compare) && attributes.type != ComparisonType::TOTALORDER) return nullptr;
  attributes.direction = kOpposite[static_cast<size_t>(attributes.direction)];
  return x.parent()->add(Op::compare, x.shape(), {compare.operands().data(), 2}, attributes);
}

Instruction* select_of_predicates(Instruction& x) {
  Instruction* p = x.operand(0);
  if (!(p->shape() == x.shape())) return nullptr;
  if (is_number(*x.operand(1), Number::all_ones) && is_number(*x.operand(2), Number::zero)) return p;
  if (!is_number(*x.operand(1), Number::zero) || !is_number(*x.operand(2), Number::all_ones)) return nullptr;
  return x.parent()->add(Op::not_, x.shape(), {{p}});
}

// ---- pointwise ops on splats ------------------------------------------------------------------------------------

// f(splat a, splat b) is splat f(a, b): once instead of once per element.
Instruction* pointwise_of_splats(Instruction& x) {
  if (x.shape().rank() == 0 || !x.shape().is_array()) return nullptr;
  Instruction::Operands scalars;
  for (Instruction* operand : x.operands()) {
    const bool is_splat = operand->op() == Op::broadcast && operand->operand(0)->shape().is_scalar();
    if (!is_splat && !operand->shape().is_scalar()) return nullptr;
    scalars.push_back(is_splat ? operand->operand(0) : operand);
  }
  Instruction* scalar = x.parent()->add(x.op(), Shape(x.shape().type()), {scalars.data(), scalars.size()});
  scalar->set_attributes(x.shared_attributes());
  return x.parent()->add(Op::broadcast, x.shape(), {{scalar}}, DimensionsAttrs{});
}

// ---- reductions -------------------------------------------------------------------------------------------------

// One array is reduced, and all that takes part is of one type.
bool is_plain(const Instruction& reduce) {
  return reduce.operand_count() == 2 && reduce.operand(0)->shape().type() == reduce.shape().type() &&
         reduce.operand(1)->shape().type() == reduce.shape().type();
}

bool has_plain_reducer(const Instruction& reduce) {
  const Computation& reducer = *reduce.callees()[0];
  const Instruction& root = *reducer.root();
  return is_plain(reduce) && reducer_of(reducer) != Reducer::none && root.op() == op_of(reducer_of(reducer)) &&
         root.operand(0)->op() == Op::parameter && root.operand(1)->op() == Op::parameter &&
         root.shape().type() == reduce.shape().type();
}

Instruction* initial_everywhere(Instruction& reduce) {
  Instruction* initial = reduce.operand(1);
  if (reduce.shape().is_scalar()) return initial;
  return reduce.parent()->add(Op::broadcast, reduce.shape(), {{initial}}, DimensionsAttrs{});
}

Instruction* reduce_of_nothing(Instruction& x) {
  const bool is_empty = x.operand(0)->shape().element_count() == 0;
  return is_empty && is_plain(x) && x.shape().element_count() > 0 ? initial_everywhere(x) : nullptr;
}

// Where there is one element to reduce, it is combined once, with the initial value.
Instruction* reduce_of_one(Instruction& x) {
  const Shape& from = x.operand(0)->shape();
  if (!has_plain_reducer(x) || !x.shape().is_array() || from.element_count() != x.shape().element_count()) {
    return nullptr;
  }
  Instruction* value = x.operand(0);
  if (!(from == x.shape())) value = x.parent()->add(Op::reshape, x.shape(), {{value}});
  return x.parent()->add(op_of(reducer_of(*x.callees()[0])), x.shape(), {{initial_everywhere(x), value}});
}

// ---- sizes and branches -----------------------------------------------------------------------------------------

Instruction* size_of_dimension(Instruction& x) {
  const int64_t size = x.operand(0)->shape().dim(static_cast<size_t>(x.attrs<DimensionSizeAttrs>().dimensions[0]));
  if (!x.shape().is_scalar() || x.shape().type() != DType::s32 || size > INT32_MAX) return nullptr;
  return x.parent()->add(Op::constant, x.shape(), {},
                         ConstantAttrs{Literal::scalar(DType::s32, static_cast<int32_t>(size))});
}

std::optional<int64_t> constant_of(const Instruction& x) {
  if (x.op() != Op::constant || !x.shape().is_scalar() || x.attrs<ConstantAttrs>().value.is_elided()) return {};
  return integer_at(x.attrs<ConstantAttrs>().value, 0);
}

// A branch that is known is called. An index out of range takes the last branch.
Instruction* branch_of_constant(Instruction& x) {
  const auto index = constant_of(*x.operand(0));
  if (!index) return nullptr;
  const auto count = static_cast<int64_t>(x.callees().size());
  const bool by_predicate = x.operand(0)->shape().type() == DType::pred;
  const int64_t wanted = by_predicate ? 1 - *index : *index;
  const auto branch = static_cast<size_t>(wanted < 0 || wanted >= count ? count - 1 : wanted);
  Instruction* call = x.parent()->add(Op::call, x.shape(), {{x.operand(branch + 1)}}, CallAttrs{});
  call->mutable_callees() = {x.callees()[branch]};
  return call;
}

// clang-format off: one rule per line.
constexpr OpRule kRules[] = {
    {Op::copy, copy_is_its_operand},       {Op::convert, convert_to_same},
    {Op::convert, convert_of_convert},     {Op::bitcast_convert, bitcast_convert_to_same},
    {Op::compare, compare_with_itself},    {Op::not_, not_of_compare},
    {Op::select, select_of_predicates},    {Op::reduce, reduce_of_nothing},
    {Op::reduce, reduce_of_one},           {Op::get_dimension_size, size_of_dimension},
    {Op::conditional, branch_of_constant},
};
// clang-format on

}  // namespace

std::span<const OpRule> rules_of_values() {
  static const auto* const kAll = [] {
    auto* all = new std::vector<OpRule>(std::begin(kRules), std::end(kRules));
    for (size_t op = 0; op < kOpCount; ++op) {
      const bool is_pointwise = has(row_of(static_cast<Op>(op)).traits, Traits::pointwise);
      if (is_pointwise) all->push_back({static_cast<Op>(op), pointwise_of_splats});
    }
    return all;
  }();
  return *kAll;
}

}  // namespace gshard
