#include "transform/simplify_algebra.h"

#include "transform/rewrite.h"
#include "transform/term.h"

namespace gshard {
namespace {

Term select(Term p, Term a, Term b) { return Term::of(Op::select, {p, a, b}); }
Term max(Term a, Term b) { return Term::of(Op::maximum, {a, b}); }
Term min(Term a, Term b) { return Term::of(Op::minimum, {a, b}); }
Term abs(Term a) { return Term::of(Op::abs, {a}); }
Term sign(Term a) { return Term::of(Op::sign, {a}); }
Term floor(Term a) { return Term::of(Op::floor, {a}); }
Term ceil(Term a) { return Term::of(Op::ceil, {a}); }
Term round(Term a) { return Term::of(Op::round_nearest_even, {a}); }
Term power(Term a, Term b) { return Term::of(Op::power, {a, b}); }
Term clamp(Term low, Term a, Term high) { return Term::of(Op::clamp, {low, a, high}); }
Term real(Term a) { return Term::of(Op::real, {a}); }
Term imag(Term a) { return Term::of(Op::imag, {a}); }
Term complex(Term re, Term im) { return Term::of(Op::complex, {re, im}); }
Term shift_left(Term a, Term b) { return Term::of(Op::shift_left, {a, b}); }
Term shift_right_logical(Term a, Term b) { return Term::of(Op::shift_right_logical, {a, b}); }
Term shift_right_arithmetic(Term a, Term b) { return Term::of(Op::shift_right_arithmetic, {a, b}); }

// Everything that can be tried on an op, in order.
class RuleBook {
 public:
  RuleBook() {
    for (const AlgebraRule& rule : rules_of_algebra()) algebra_[static_cast<size_t>(rule.from.op())].push_back(&rule);
    for (const OpRule& rule : rules_of_shapes()) functions_[static_cast<size_t>(rule.op)].push_back(rule.apply);
    for (const OpRule& rule : rules_of_values()) functions_[static_cast<size_t>(rule.op)].push_back(rule.apply);
  }

  Instruction* apply(Instruction& x) const {
    for (const AlgebraRule* rule : algebra_[static_cast<size_t>(x.op())]) {
      if (Instruction* simpler = rule->apply(x)) return simpler;
    }
    for (const auto function : functions_[static_cast<size_t>(x.op())]) {
      if (Instruction* simpler = function(x)) return simpler;
    }
    return nullptr;
  }

 private:
  std::array<std::vector<const AlgebraRule*>, kOpCount> algebra_;
  std::array<std::vector<Instruction* (*)(Instruction&)>, kOpCount> functions_;
};

}  // namespace

std::span<const AlgebraRule> rules_of_algebra() {
  using enum Types;
  using enum Number;
  static const auto* const kRules = [] {
    const Term x = Term::variable(0), y = Term::variable(1), p = Term::variable(2);
    const Term c = Term::constant_variable(2), d = Term::constant_variable(3);
    const Types real_number = integer | floating;
    return new std::vector<AlgebraRule>{
        // -0 + 0 is 0, so only -0 is neutral for floats.
        {x + zero, x, integer},
        {x + minus_zero, x, floating},
        {x - zero, x, number},
        {minus_zero - x, -x, floating},
        {zero - x, -x, integer},
        {x - x, zero, integer},
        {x + -y, x - y, real_number},
        {x - -y, x + y, real_number},
        {-(-x), x, number},
        {-(x - y), y - x, integer},
        {(x + y) - y, x, integer},
        {(x - y) + y, x, integer},
        {(x + c) + d, x + (c + d), integer},
        {(x - c) + d, x + (d - c), integer},
        {(x + c) - d, x + (c - d), integer},
        {(x * c) * d, x * (c * d), integer},

        {x * one, x, bits | floating},
        {x * zero, zero, integer},
        {x / one, x, real_number},
        {x % one, zero, integer},
        {power(x, one), x, real_number},
        {power(x, zero), one, integer},

        {x & x, x, bits},
        {x & zero, zero, bits},
        {x & all_ones, x, bits},
        {x | x, x, bits},
        {x | zero, x, bits},
        {x | all_ones, all_ones, bits},
        {x ^ x, zero, bits},
        {x ^ zero, x, bits},
        {x ^ all_ones, ~x, bits},
        {~~x, x, bits},
        {x & (x | y), x, bits},
        {x | (x & y), x, bits},

        {shift_left(x, zero), x, integer},
        {shift_right_logical(x, zero), x, integer},
        {shift_right_arithmetic(x, zero), x, integer},
        {shift_left(zero, x), zero, integer},
        {shift_right_logical(zero, x), zero, integer},
        {shift_right_arithmetic(zero, x), zero, integer},

        {max(x, x), x, bits | floating},
        {min(x, x), x, bits | floating},
        {max(max(x, y), y), max(x, y), bits},
        {min(min(x, y), y), min(x, y), bits},
        {clamp(x, y, x), x, integer},

        {abs(abs(x)), abs(x), number},
        {abs(-x), abs(x), real_number},
        {sign(sign(x)), sign(x), real_number},
        {floor(floor(x)), floor(x), floating},
        {ceil(ceil(x)), ceil(x), floating},
        {round(round(x)), round(x), floating},

        {select(all_ones, x, y), x, boolean},
        {select(zero, x, y), y, boolean},
        {select(p, x, x), x, boolean},
        {select(~p, x, y), select(p, y, x), boolean},

        {real(complex(x, y)), x, any},
        {imag(complex(x, y)), y, any},
        {complex(real(x), imag(x)), x, any},
    };
  }();
  return *kRules;
}

bool simplify_algebra(Module& module) {
  static const auto* const kBook = new RuleBook;
  return rewrite(module, [](Instruction& x) { return kBook->apply(x); });
}

}  // namespace gshard
