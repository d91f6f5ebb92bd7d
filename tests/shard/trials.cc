#include "shard/trials.h"

#include <random>

#include "eval/elements.h"

namespace gshard {
namespace {

Literal wild(const Shape& shape, std::mt19937_64& engine) {
  if (shape.is_tuple()) {
    std::vector<Literal> elements;
    for (const Shape& element : shape.elements()) elements.push_back(wild(element, engine));
    return Literal::tuple(std::move(elements));
  }
  if (!shape.is_array()) return Literal(shape);
  const bool inexact = is_floating(shape.type()) || is_complex(shape.type());
  Literal numbers(Shape(DType::f64, shape.dims()));
  for (double& x : numbers.mutable_values<double>())
    x = inexact ? static_cast<double>(static_cast<int64_t>(engine() % 33) - 16) / 8.0
                : static_cast<double>(static_cast<int64_t>(engine() % 14) - 4);
  if (is_unsigned_int(shape.type())) numbers = convert_elements(numbers, DType::s64);  // wraps, where f64 clamps
  return convert_elements(numbers, shape.type());
}

}  // namespace

std::vector<Literal> wild_arguments(const Module& module, uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<Literal> arguments;
  for (const Instruction* parameter : module.entry()->parameters())
    arguments.push_back(wild(parameter->shape(), engine));
  return arguments;
}

}  // namespace gshard
