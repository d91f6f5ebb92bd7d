#include "autodiff/gradients_pointwise.h"

#include "autodiff/sum.h"
#include "ops/build.h"

namespace gshard {
namespace {

// A real cotangent where the operand is complex, the real part of a complex one where it is real.
Value as_type(Value cotangent, DType type) {
  if (is_complex(type) && !is_complex(cotangent.type())) {
    const Value part = convert(cotangent, real_part_type(type));
    return complex(part, full_like(part, 0));
  }
  if (is_complex(cotangent.type()) && !is_complex(type)) return convert(real(cotangent), type);
  return convert(cotangent, type);
}

// Where the operand decided: at a tie the second one did. The result tells as much as the first operand, which need not
// be kept then.
void gradient_of_choice(Pullback& p, Direction direction) {
  if (is_complex(p.result().type())) p.refuse("complex numbers have no order");
  const Value is_first = compare(p.result(), p.operand(1), direction);
  p.give(0, [&] { return select(is_first, p.cotangent(), 0); });
  p.give(1, [&] { return select(is_first, 0, p.cotangent()); });
}

// A complex number times a real one.
Value scaled(Value z, Value factor) { return multiply(z, as_type(factor, z.type())); }

}  // namespace

Value conjugated(Value z) { return is_complex(z.type()) ? complex(real(z), negate(imag(z))) : z; }

void gradient_abs(Pullback& p) {
  p.give(0, [&] {
    const Value x = p.operand(0);
    if (!is_complex(x.type())) return multiply(p.cotangent(), sign(x));
    return scaled(conjugated(sign(x)), p.cotangent());
  });
}

void gradient_atan2(Pullback& p) {
  const Value y = p.operand(0);
  const Value x = p.operand(1);
  const Value scaled = divide(p.cotangent(), add(multiply(x, x), multiply(y, y)));
  p.give(0, [&] { return multiply(scaled, x); });
  p.give(1, [&] { return negate(multiply(scaled, y)); });
}

// What lies on a bound moves with x. Where the bounds are crossed the upper one holds.
void gradient_clamp(Pullback& p) {
  const Value x = p.operand(1);
  const auto like_x = [&](Value bound) { return broadcast_to(bound, x.dims()); };
  const Value low = like_x(p.operand(0));
  const Value high = like_x(p.operand(2));
  const Value is_above = compare(maximum(x, low), high, Direction::GT);
  const Value is_below = and_(compare(x, low, Direction::LT), not_(is_above));
  const auto give_bound = [&](size_t i, Value is_beyond) {
    p.give(i, [&] {
      const Value all = select(is_beyond, p.cotangent(), 0);
      return p.operand(i).rank() == x.rank() ? all : total(all);
    });
  };
  p.give(1, [&] { return select(or_(is_below, is_above), 0, p.cotangent()); });
  give_bound(0, is_below);
  give_bound(2, is_above);
}

void gradient_complex(Pullback& p) {
  p.give(0, [&] { return real(p.cotangent()); });
  p.give(1, [&] { return negate(imag(p.cotangent())); });
}

void gradient_convert(Pullback& p) {
  p.give(0, [&] { return as_type(p.cotangent(), p.operand(0).type()); });
}

void gradient_divide(Pullback& p) {
  const Value share = divide(p.cotangent(), p.operand(1));
  p.give(0, [&] { return share; });
  p.give(1, [&] { return negate(multiply(share, p.result())); });
}

void gradient_imag(Pullback& p) {
  if (!is_complex(p.operand(0).type())) return;
  p.give(0, [&] { return complex(full_like(p.cotangent(), 0), negate(p.cotangent())); });
}

void gradient_maximum(Pullback& p) { gradient_of_choice(p, Direction::GT); }
void gradient_minimum(Pullback& p) { gradient_of_choice(p, Direction::LT); }

void gradient_multiply(Pullback& p) {
  p.give(0, [&] { return multiply(p.cotangent(), p.operand(1)); });
  p.give(1, [&] { return multiply(p.cotangent(), p.operand(0)); });
}

// Of a zero to the power of zero, which is 1 for all exponents near by, neither changes anything.
void gradient_power(Pullback& p) {
  const Value x = p.operand(0);
  const Value n = p.operand(1);
  const Value is_zero = compare(x, 0, Direction::EQ);
  p.give(0, [&] {
    // One that is finite there, so that gradients of this one are finite too.
    const Value is_constant = and_(is_zero, compare(n, 0, Direction::EQ));
    return multiply(p.cotangent(), multiply(n, power(x, select(is_constant, 0, subtract(n, 1)))));
  });
  p.give(1, [&] { return multiply(p.cotangent(), multiply(p.result(), log(select(is_zero, 1, x)))); });
}

void gradient_real(Pullback& p) {
  p.give(0, [&] { return as_type(p.cotangent(), p.operand(0).type()); });
}

void gradient_reduce_precision(Pullback& p) {
  const auto& attrs = p.attrs<ReducePrecisionAttrs>();
  p.give(0, [&] { return reduce_precision(p.cotangent(), attrs.exponent_bits, attrs.mantissa_bits); });
}

// The result is x - n * y: n from it, for x / y may be rounded up to the next whole number.
void gradient_remainder(Pullback& p) {
  p.give(0, p.cotangent());
  p.give(1, [&] {
    const Value n = round_nearest_even(divide(subtract(p.operand(0), p.result()), p.operand(1)));
    return negate(multiply(p.cotangent(), n));
  });
}

// A complex number's is the direction of it, which turns: dz / |z| without its part along z.
void gradient_sign(Pullback& p) {
  const Value z = p.operand(0);
  if (!is_complex(z.type())) return;
  p.give(0, [&] {
    const Value along = scaled(conjugated(p.result()), real(multiply(p.cotangent(), p.result())));
    return divide(subtract(p.cotangent(), along), as_type(abs(z), z.type()));
  });
}

void gradient_select(Pullback& p) {
  const Value predicate = p.operand(0);
  p.give(1, [&] { return select(predicate, p.cotangent(), 0); });
  p.give(2, [&] { return select(predicate, 0, p.cotangent()); });
}

}  // namespace gshard
