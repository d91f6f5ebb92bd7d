#include "ops/infer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace gshard {

void fail_with(const Instruction& instruction, const std::string& message) {
  throw Error::program(std::string(keyword_of(instruction.op())) + ": " + message);
}

std::string names_of(Types types) {
  static constexpr std::array<std::pair<Types, std::string_view>, 5> kNames = {
      {{Types::boolean, "pred"},
       {Types::signed_int, "signed integers"},
       {Types::unsigned_int, "unsigned integers"},
       {Types::floating, "floating-point numbers"},
       {Types::complex_float, "complex numbers"}}};
  std::string text;
  for (const auto& [type, name] : kNames) {
    if (has(types, type)) text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text;
}

// ---- operands and dimensions --------------------------------------------------------------------------------------

int64_t checked_size(const Instruction& i, WideInt size, std::string_view what) {
  require(size >= 0, i, "{} would be negative", what);
  require(size <= std::numeric_limits<int64_t>::max(), i, "{} does not fit 64 bits", what);
  return static_cast<int64_t>(size);
}

const Shape& array_operand(const Instruction& i, size_t index) {
  const Shape& shape = i.operand(index)->shape();
  require(shape.is_array(), i, "operand {} is {}, must be an array", index, shape);
  return shape;
}

void require_equal_dims(const Instruction& i, size_t a, size_t b) {
  const Shape& x = array_operand(i, a);
  const Shape& y = array_operand(i, b);
  require(x.dims() == y.dims(), i, "operand {} is {}, operand {} is {}: sizes must be equal", a, x, b, y);
}

void require_equal_types(const Instruction& i, size_t a, size_t b) {
  const Shape& x = i.operand(a)->shape();
  const Shape& y = i.operand(b)->shape();
  require(x.type() == y.type(), i, "operand {} is {}, operand {} is {}: element types must be equal", a, x, b, y);
}

void require_integers(const Instruction& i, size_t index) {
  const Shape& shape = array_operand(i, index);
  require(is_integer(shape.type()), i, "operand {} is {}, must have integer elements", index, shape);
}

void require_below(const Instruction& i, int64_t dim, size_t rank, std::string_view name) {
  require(dim >= 0 && dim < static_cast<int64_t>(rank), i, "{}: {} is no dimension of a value of rank {}", name, dim,
          rank);
}

void require_unique_below(const Instruction& i, const Dims& dims, size_t rank, std::string_view name) {
  Dims sorted = dims;
  std::sort(sorted.begin(), sorted.end());
  for (size_t k = 0; k < sorted.size(); ++k) {
    require_below(i, sorted[k], rank, name);
    require(k == 0 || sorted[k - 1] != sorted[k], i, "{}={} names dimension {} twice", name, dims, sorted[k]);
  }
}

void require_sorted(const Instruction& i, const Dims& dims, std::string_view name) {
  require(std::is_sorted(dims.begin(), dims.end()), i, "{}={} must be in ascending order", name, dims);
}

bool contains(const Dims& dims, int64_t dim) { return std::find(dims.begin(), dims.end(), dim) != dims.end(); }

Dims without(const Dims& dims, const Dims& positions) {
  Dims rest;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (!contains(positions, static_cast<int64_t>(d))) rest.push_back(dims[d]);
  }
  return rest;
}

Shape one_or_tuple(std::vector<Shape> shapes) {
  if (shapes.size() == 1) return std::move(shapes.front());
  return Shape::tuple(std::move(shapes));
}

// ---- called computations --------------------------------------------------------------------------------------------

namespace {

// "condition" for callee 0 of while.
std::string callee_name(const Instruction& i, size_t callee) {
  std::string_view keywords = row_of(i.op()).callees;
  for (size_t k = 0; k < callee && keywords.find(' ') != keywords.npos; ++k) {
    keywords.remove_prefix(keywords.find(' ') + 1);
  }
  std::string name(keywords.substr(0, keywords.find_first_of(" ?*")));
  if (keywords.ends_with('*')) name += "[" + std::to_string(callee) + "]";
  return name + " %" + i.callees()[callee]->name();
}

}  // namespace

const Shape& callee_result(const Instruction& i, size_t callee, std::span<const Shape> parameters) {
  const Computation& computation = *i.callees()[callee];
  const auto& actual = computation.parameters();
  require(actual.size() == parameters.size(), i, "{} takes {} parameters, needs {}", callee_name(i, callee),
          actual.size(), parameters.size());
  for (size_t p = 0; p < parameters.size(); ++p) {
    require(actual[p] != nullptr, i, "{} has no parameter {}", callee_name(i, callee), p);
    require(actual[p]->shape() == parameters[p], i, "parameter {} of {} is {}, must be {}", p, callee_name(i, callee),
            actual[p]->shape(), parameters[p]);
  }
  require(computation.root() != nullptr, i, "{} has no root", callee_name(i, callee));
  return computation.root()->shape();
}

const Shape& require_reducer(const Instruction& i, size_t callee, std::span<const Shape> accumulators,
                             std::span<const Shape> elements) {
  std::vector<Shape> parameters;
  for (const Shape& shape : accumulators) parameters.emplace_back(shape.type());
  for (const Shape& shape : elements) parameters.emplace_back(shape.type());
  const Shape& result = callee_result(i, callee, parameters);
  parameters.resize(accumulators.size());
  const Shape tuple = Shape::tuple(parameters);
  const bool fits = result == tuple || (parameters.size() == 1 && result == parameters[0]);
  require(fits, i, "{} returns {}, must return {}", callee_name(i, callee), result,
          parameters.size() == 1 ? parameters[0] : tuple);
  return result;
}

}  // namespace gshard
