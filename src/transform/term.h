// Terms of algebra, so that rewrite rules can be written as the algebra they are.
//
//   const Term x = variable(0);
//   const AlgebraRule rule = {x + minus_zero, x, Types::floating};
//   rule.apply(%sum)      // %sum = f32[8] add(%y, broadcast(-0))    is %y
//
// A variable matches any value (the same one wherever it stands), a constant variable matches constants and splats of
// them, a number matches a constant or splat in which every element is that number, and an op on terms matches an
// instruction of that op (operands of a commutative op in either order). Attributes are not looked at, so rules are
// about ops that have none.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "ir/module.h"
#include "ops/table.h"

namespace gshard {

enum class Number : uint8_t { zero, minus_zero, one, all_ones };

// Whether every element is the number, bit for bit: a constant of few elements, or a splat of one.
bool is_number(const Instruction& x, Number number);

// A constant, or a broadcast of a scalar constant.
bool is_constant_or_splat(const Instruction& x);

// A value of this shape that is the number everywhere: a scalar constant, broadcast where the shape is no scalar.
// Null where the type has no such number.
Instruction* add_number(Computation& computation, const Shape& shape, Number number);

class Term {
 public:
  enum class Kind : uint8_t { variable, constant_variable, number, op };

  static Term variable(size_t id) { return {Kind::variable, id, Number::zero, Op::tuple, {}}; }
  static Term constant_variable(size_t id) { return {Kind::constant_variable, id, Number::zero, Op::tuple, {}}; }
  Term(Number number) : Term(Kind::number, 0, number, Op::tuple, {}) {}
  static Term of(Op op, std::vector<Term> operands) { return {Kind::op, 0, Number::zero, op, std::move(operands)}; }

  Kind kind() const { return kind_; }
  Op op() const { return op_; }

  static constexpr size_t kMaxVariables = 4;
  using Bindings = std::array<Instruction*, kMaxVariables>;

  // Whether the value has the form of this term; binds the variables that are null.
  bool matches(Instruction* value, Bindings& bindings) const;
  // Adds instructions that compute the term, of this shape; null where the shapes of the bound values do not fit.
  Instruction* build(Computation& computation, const Shape& shape, const Bindings& bindings) const;

 private:
  Term(Kind kind, size_t id, Number number, Op op, std::vector<Term> operands)
      : kind_(kind), number_(number), op_(op), id_(id), operands_(std::move(operands)) {}

  bool matches_operands(const Instruction& value, Bindings& bindings) const;

  Kind kind_;
  Number number_;
  Op op_;
  size_t id_;
  std::vector<Term> operands_;
};

inline Term operator+(Term a, Term b) { return Term::of(Op::add, {a, b}); }
inline Term operator-(Term a, Term b) { return Term::of(Op::subtract, {a, b}); }
inline Term operator*(Term a, Term b) { return Term::of(Op::multiply, {a, b}); }
inline Term operator/(Term a, Term b) { return Term::of(Op::divide, {a, b}); }
inline Term operator%(Term a, Term b) { return Term::of(Op::remainder, {a, b}); }
inline Term operator&(Term a, Term b) { return Term::of(Op::and_, {a, b}); }
inline Term operator|(Term a, Term b) { return Term::of(Op::or_, {a, b}); }
inline Term operator^(Term a, Term b) { return Term::of(Op::xor_, {a, b}); }
inline Term operator~(Term a) { return Term::of(Op::not_, {a}); }
inline Term operator-(Term a) { return Term::of(Op::negate, {a}); }

struct AlgebraRule {
  Term from;
  Term to;
  Types types;  // of the first operand of the instruction that `from` matches

  // What can stand for x by this rule, or null.
  Instruction* apply(Instruction& x) const;
};

}  // namespace gshard
