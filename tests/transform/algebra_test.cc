// Every rule of the table of algebra, on every type that it is for, over all pairs of telling values.
#include <gtest/gtest.h>

#include <limits>
#include <optional>

#include "eval/elements.h"
#include "eval/evaluate.h"
#include "random_program.h"
#include "text/print.h"
#include "transform/simplify_algebra.h"

namespace gshard {
namespace {

constexpr DType kTypes[] = {DType::pred, DType::s4,  DType::u4,   DType::s8,     DType::u8,       DType::s32,
                            DType::u32,  DType::s64, DType::u64,  DType::f32,    DType::f64,      DType::bf16,
                            DType::f16,  DType::c64, DType::c128, DType::f8e5m2, DType::f8e4m3fn, DType::f4e2m1fn};

std::vector<double> telling_values(DType type) {
  if (type == DType::pred) return {0, 1};
  if (is_integer(type)) {
    return {0, 1, -1, 2, 3, 7, 31, 32, -8, -128, 127, -2147483648.0, 2147483647.0, -9223372036854775808.0};
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return {0.0, -0.0, 1, -1, 0.5, 3, -7.25, 1e-45, 3e38, 65504, kInfinity, -kInfinity, NAN};
}

Literal literal_of(DType type, const std::vector<double>& numbers) {
  Literal wide(Shape(DType::f64, {static_cast<int64_t>(numbers.size())}));
  std::copy(numbers.begin(), numbers.end(), wide.mutable_values<double>().begin());
  // By way of s64 integers wrap into the type; conversions of floats would clamp.
  if (is_integer(type)) wide = convert_elements(wide, DType::s64);
  return convert_elements(wide, type);
}

// Element i * n + j of the two vectors is the pair of values i and j.
std::vector<Literal> all_pairs(DType type) {
  const std::vector<double> values = telling_values(type);
  std::vector<double> first, second;
  for (double a : values) {
    for (double b : values) {
      first.push_back(a);
      second.push_back(b);
    }
  }
  return {literal_of(type, first), literal_of(type, second)};
}

Instruction* splat_constant(Computation& computation, const Shape& shape, double value) {
  const Literal scalar = literal_of(shape.type(), {value}).reshaped(Shape(shape.type()));
  Instruction* constant = computation.add(Op::constant, scalar.shape(), {}, ConstantAttrs{scalar});
  return computation.add(Op::broadcast, shape, {{constant}}, DimensionsAttrs{});
}

// The term over x, y (parameters) and constants c, d; in rules about selections the third variable is a predicate.
std::unique_ptr<Module> module_of(const Term& term, const Shape& shape, bool selects, double c, double d) {
  auto module = std::make_unique<Module>("rule");
  Computation* entry = module->add_computation("main");
  module->set_entry(entry);
  const Shape third = selects ? shape.with_type(DType::pred) : shape;
  Term::Bindings bindings{};
  for (int64_t i = 0; i < 2; ++i)
    bindings[static_cast<size_t>(i)] = entry->add(Op::parameter, shape, {}, ParameterAttrs{i});
  Instruction* p = entry->add(Op::parameter, third, {}, ParameterAttrs{2});
  bindings[2] = selects ? p : splat_constant(*entry, shape, c);
  bindings[3] = splat_constant(*entry, shape, d);
  entry->set_root(term.build(*entry, shape, bindings));
  return module;
}

bool is_well_typed(const Module& module) {
  try {
    for (const auto& x : module.entry()->instructions()) {
      if (!(infer_shape(*x) == x->shape())) return false;
    }
  } catch (const Error&) {
    return false;
  }
  return module.entry()->root() != nullptr;
}

// Returns false where the rule says nothing of the type.
bool check(const AlgebraRule& rule, DType type) {
  if (!has(rule.types, type) && rule.from.op() != Op::select) return false;
  std::vector<Literal> arguments = all_pairs(type);
  const Shape shape = arguments[0].shape();
  const bool selects = rule.from.op() == Op::select;
  arguments.push_back(selects ? convert_elements(arguments[0], DType::pred) : arguments[0]);
  for (const auto& [c, d] : {std::pair{1.0, 2.0}, {-1.0, 7.0}, {127.0, 127.0}, {0.0, -8.0}}) {
    const auto from = module_of(rule.from, shape, selects, c, d);
    if (from->entry()->root() == nullptr || !is_well_typed(*from)) return false;
    const auto to = module_of(rule.to, shape, selects, c, d);
    EXPECT_TRUE(is_well_typed(*to));
    EXPECT_TRUE(same_values(evaluate(*from, arguments), evaluate(*to, arguments))) << print(*from) << "\nis not\n"
                                                                                   << print(*to);
  }
  return true;
}

TEST(Algebra, EveryRuleHoldsOnEveryType) {
  for (const AlgebraRule& rule : rules_of_algebra()) {
    if (rule.from.op() == Op::real || rule.from.op() == Op::imag || rule.from.op() == Op::complex) continue;
    int types = 0;
    for (DType type : kTypes) types += check(rule, type);
    EXPECT_GT(types, 0) << "a rule on " << keyword_of(rule.from.op()) << " was not tried";
  }
}

// eliminate-common-subexpressions relies on it.
TEST(Algebra, CommutativeOpsCommute) {
  for (size_t i = 0; i < kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    if (!has(row_of(op).traits, Traits::commutative)) continue;
    const Term x = Term::variable(0), y = Term::variable(1);
    int types = 0;
    for (DType type : kTypes) {
      const bool is_ordered = op == Op::maximum || op == Op::minimum;
      if (!(is_ordered && is_complex(type)))
        types += check({Term::of(op, {x, y}), Term::of(op, {y, x}), row_of(op).types}, type);
    }
    EXPECT_GT(types, 0) << keyword_of(op);
  }
}

}  // namespace
}  // namespace gshard
