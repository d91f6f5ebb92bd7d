// The first numbers of parameters.
#include <cmath>

#include "base/random.h"
#include "base/small_float.h"
#include "model/model.h"
#include "model/name_key.h"
#include "ops/constants.h"

namespace gshard {
namespace {

double uniform(double bound, uint64_t key, uint64_t place) {
  return bound * (2 * unit_interval(random_bits(key, place)) - 1);
}

// Box and Muller's method.
double normal(double deviation, uint64_t key, uint64_t place) {
  const double radius = std::sqrt(-2 * std::log1p(-unit_interval(random_bits(key, 2 * place))));
  return deviation * radius * std::cos(2 * M_PI * unit_interval(random_bits(key, 2 * place + 1)));
}

// Rounded to f32 in all types, so that a model begins alike in all of them.
template <class T>
void fill(Literal& literal, const Initializer& initializer, uint64_t key) {
  const auto draw = initializer.kind == Initializer::Kind::normal ? normal : uniform;
  uint64_t place = 0;
  for (T& element : literal.mutable_values<T>()) {
    element = static_cast<T>(static_cast<float>(draw(initializer.scale, key, place++)));
  }
}

}  // namespace

Initializer Initializer::fan_in(int64_t inputs) { return uniform(std::sqrt(3.0 / static_cast<double>(inputs))); }

Literal initial_value(const Parameter& parameter, uint64_t seed) {
  const Initializer& initializer = parameter.initializer;
  if (initializer.kind == Initializer::Kind::constant) return full(parameter.shape, initializer.scale);
  Literal literal = Literal::uninitialized(parameter.shape);
  uint64_t key = name_key(parameter.name) + seed * 0x9e3779b97f4a7c15ULL;
  switch (parameter.shape.type()) {
    case DType::f64:
      fill<double>(literal, initializer, key);
      break;
    case DType::f32:
      fill<float>(literal, initializer, key);
      break;
    case DType::bf16:
      fill<BF16>(literal, initializer, key);
      break;
    default:
      throw Error::program("initial value: random numbers of type " + std::string(name_of(parameter.shape.type())) +
                           " for '" + parameter.name + "'");
  }
  return literal;
}

}  // namespace gshard
