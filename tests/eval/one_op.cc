#include "eval/one_op.h"

#include <numeric>
#include <ostream>

#include "eval/elements.h"
#include "ops/table.h"
#include "text/parse.h"

namespace gshard {

// ---- Array ------------------------------------------------------------------------------------------------------

Array::Array(Dims sizes, Number value)
    : dims(std::move(sizes)), values(static_cast<size_t>(Shape(DType::pred, dims).element_count()), value) {}

Array Array::of(const Literal& literal) {
  Array array(literal.shape().dims());
  const Literal wide = convert_elements(literal, DType::c128);
  std::copy_n(wide.values<Number>().begin(), array.values.size(), array.values.begin());
  return array;
}

Literal Array::literal(DType type) const {
  if (is_complex(type)) {
    Literal wide(Shape(DType::c128, dims));
    std::copy(values.begin(), values.end(), wide.mutable_values<Number>().begin());
    return convert_elements(wide, type);
  }
  Literal wide(Shape(DType::f64, dims));
  std::transform(values.begin(), values.end(), wide.mutable_values<double>().begin(),
                 [](Number x) { return x.real(); });
  return convert_elements(wide, type);
}

size_t Array::offset(const Dims& index) const {
  int64_t offset = 0;
  for (size_t d = 0; d < dims.size(); ++d) offset = offset * dims[d] + index[d];
  return static_cast<size_t>(offset);
}

bool Array::contains(const Dims& index) const {
  for (size_t d = 0; d < dims.size(); ++d) {
    if (index[d] < 0 || index[d] >= dims[d]) return false;
  }
  return true;
}

void PrintTo(const Array& array, std::ostream* out) {
  *out << Shape(DType::f64, array.dims).to_string() << " {";
  for (const Number& value : array.values) *out << ' ' << value.real() << (value.imag() != 0 ? "+i" : "");
  *out << " }";
}

double difference(const Array& actual, const Array& expected) {
  if (actual.dims != expected.dims) return std::numeric_limits<double>::infinity();
  double scale = 0;
  double largest = 0;
  for (size_t i = 0; i < expected.values.size(); ++i) {
    scale = std::max(scale, std::abs(expected.values[i]));
    const double apart = std::abs(actual.values[i] - expected.values[i]);
    largest = std::max(largest, std::isnan(apart) ? std::numeric_limits<double>::infinity() : apart);
  }
  return scale == 0 ? largest : largest / scale;
}

// ---- Random -----------------------------------------------------------------------------------------------------

Dims Random::sizes(size_t rank, int64_t low, int64_t high) {
  Dims dims;
  for (size_t d = 0; d < rank; ++d) dims.push_back(between(low, high));
  return dims;
}

Dims Random::permutation(size_t count) {
  Dims order(count);
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[static_cast<size_t>(between(0, static_cast<int64_t>(i) - 1))]);
  return order;
}

Array Random::array(const Dims& dims, int64_t low, int64_t high) {
  Array array(dims);
  for (Number& value : array.values) value = static_cast<double>(between(low, high));
  return array;
}

Array Random::complex_array(const Dims& dims, int64_t low, int64_t high) {
  Array array(dims);
  for (Number& value : array.values) {
    const auto real = static_cast<double>(between(low, high));
    value = {real, static_cast<double>(between(low, high))};
  }
  return array;
}

Array Random::fractions(const Dims& dims) {
  Array array = this->array(dims, 1, (1 << 20) - 1);
  for (Number& value : array.values) value /= 1 << 20;
  return array;
}

// ---- OneOp ------------------------------------------------------------------------------------------------------

namespace {

Instruction* add_parameter(Computation& computation, const Shape& shape) {
  const auto number = static_cast<int64_t>(computation.parameters().size());
  return computation.add(Op::parameter, shape, {}, ParameterAttrs{number}, "p");
}

}  // namespace

Computation* OneOp::binary(Op op, DType type, Attributes attributes) {
  Computation* computation = module_.add_computation("binary");
  Instruction* const operands[] = {add_parameter(*computation, Shape(type)), add_parameter(*computation, Shape(type))};
  const DType result = op == Op::compare ? DType::pred : type;
  computation->set_root(computation->add(op, Shape(result), operands, std::move(attributes)));
  return computation;
}

Computation* OneOp::parsed(std::string_view text) {
  parsed_.push_back(parse_module("HloModule m\nENTRY e {\n" + std::string(text) + "\n}\n"));
  return parsed_.back()->entry();
}

Literal OneOp::run(Op op, Attributes attributes, const std::vector<Literal>& operands,
                   const std::vector<Computation*>& callees, std::optional<Shape> declared) {
  Computation* computation = module_.add_computation("main." + std::to_string(module_.computations().size()));
  std::vector<Instruction*> parameters;
  for (const Literal& operand : operands) parameters.push_back(add_parameter(*computation, operand.shape()));
  Instruction* instruction = computation->add(op, declared.value_or(Shape()), parameters, std::move(attributes));
  for (Computation* callee : callees) instruction->mutable_callees().push_back(callee);
  instruction->mutable_shape() = infer_shape(*instruction);
  computation->set_root(instruction);
  return evaluate(*computation, operands);
}

}  // namespace gshard
