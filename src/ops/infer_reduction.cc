// Types of the ops that run a small computation over elements: reduce, map, sort, scan; and topk.
#include "ops/infer.h"

namespace gshard {
namespace {

std::vector<Shape> operand_shapes(const Instruction& i, size_t first, size_t count) {
  std::vector<Shape> shapes;
  for (size_t k = first; k < first + count; ++k) shapes.push_back(i.operand(k)->shape());
  return shapes;
}

}  // namespace

Shape infer_reduce(const Instruction& i) {
  require(i.operand_count() % 2 == 0, i, "has {} operands, must have as many initial values as arrays",
          i.operand_count());
  const size_t count = i.operand_count() / 2;
  for (size_t k = 0; k < count; ++k) {
    require_equal_dims(i, 0, k);
    const Shape& start = array_operand(i, count + k);
    require(start.is_scalar(), i, "operand {} is {}, must be a scalar initial value", count + k, start);
  }
  const Shape& first = i.operand(0)->shape();
  const Dims& dimensions = i.attrs<DimensionsAttrs>().dimensions;
  require_unique_below(i, dimensions, first.rank(), "dimensions");
  std::vector<Shape> starts = operand_shapes(i, count, count);
  const Shape& reduced = require_reducer(i, 0, starts, operand_shapes(i, 0, count));
  const Dims dims = without(first.dims(), dimensions);
  for (Shape& start : starts) start = start.with_dims(dims);
  return reduced.is_tuple() ? Shape::tuple(std::move(starts)) : starts[0];
}

Shape infer_map(const Instruction& i) {
  const Shape& first = i.operand(0)->shape();
  std::vector<Shape> scalars;
  for (size_t k = 0; k < i.operand_count(); ++k) {
    require_equal_dims(i, 0, k);
    scalars.emplace_back(i.operand(k)->shape().type());
  }
  const Dims& dimensions = i.attrs<DimensionsAttrs>().dimensions;
  bool all = dimensions.size() == first.rank() || dimensions.empty();  // left out, they are all
  for (size_t d = 0; all && d < dimensions.size(); ++d) all = dimensions[d] == static_cast<int64_t>(d);
  require(all, i, "dimensions={} must be all dimensions of {} in order", dimensions, first);
  const Shape& result = callee_result(i, 0, scalars);
  require(result.is_scalar(), i, "to_apply %{} returns {}, must return a scalar", i.callees()[0]->name(), result);
  return first.with_type(result.type());
}

Shape infer_sort(const Instruction& i) {
  const Shape& first = i.operand(0)->shape();
  std::vector<Shape> pairs;
  for (size_t k = 0; k < i.operand_count(); ++k) {
    require_equal_dims(i, 0, k);
    pairs.insert(pairs.end(), 2, Shape(i.operand(k)->shape().type()));
  }
  const Dims& dimensions = i.attrs<SortAttrs>().dimensions;
  require(dimensions.size() == 1, i, "dimensions={} must be one dimension", dimensions);
  require_below(i, dimensions[0], first.rank(), "dimensions");
  const Shape& result = callee_result(i, 0, pairs);
  require(result == Shape(DType::pred), i, "to_apply %{} returns {}, must return pred[]", i.callees()[0]->name(),
          result);
  return one_or_tuple(operand_shapes(i, 0, i.operand_count()));
}

// The k largest or smallest along the last dimension, and where they stood.
Shape infer_topk(const Instruction& i) {
  const Shape& operand = i.operand(0)->shape();
  const int64_t k = i.attrs<TopKAttrs>().k;
  require(operand.rank() >= 1, i, "operand 0 is {}, must have one dimension at least", operand);
  require(k >= 0 && k <= operand.dims().back(), i, "k is {}, the last dimension of {} has size {}", k, operand,
          operand.dims().back());
  Dims dims = operand.dims();
  dims.back() = k;
  return Shape::tuple({operand.with_dims(dims), Shape(DType::s32, dims)});
}

// ---- scan
// -------------------------------------------------------------------------------------------------------------

namespace {

// The shape with dimension `along` taken out.
Shape slice_of(const Shape& shape, int64_t along) { return shape.with_dims(without(shape.dims(), Dims{along})); }

Shape stacked(const Instruction& i, const Shape& element, int64_t along, int64_t steps) {
  require(element.is_array() && along <= static_cast<int64_t>(element.rank()), i,
          "to_apply %{} returns {}, which has no place for dimension {}", i.callees()[0]->name(), element, along);
  Dims dims = element.dims();
  dims.insert(dims.begin() + along, steps);
  return element.with_dims(dims);
}

// The number of steps: the inputs' size along the dimension; without inputs, that of the declared outputs.
int64_t scan_steps(const Instruction& i, size_t inputs, int64_t along) {
  const Shape& declared = i.shape();
  const Shape& first = inputs > 0                                         ? i.operand(0)->shape()
                       : declared.is_tuple() && declared.tuple_size() > 0 ? declared.element(0)
                                                                          : declared;
  require(first.is_array(), i, "needs an input or a declared result to tell the number of steps");
  require_below(i, along, first.rank(), "dimensions");
  return first.dim(static_cast<size_t>(along));
}

}  // namespace

// Operands are inputs, then carries. The body takes a slice of each input and the carries, and returns a slice of
// each output and the new carries; so the results are outputs, then carries.
Shape infer_scan(const Instruction& i) {
  const auto& a = i.attrs<ScanAttrs>();
  require(a.dimensions.size() == 1, i, "dimensions={} must be one dimension", a.dimensions);
  const int64_t along = a.dimensions[0];
  const auto carries = static_cast<size_t>(a.num_carries);
  require(a.num_carries >= 0 && carries <= i.operand_count(), i, "num_carries is {}, has {} operands", a.num_carries,
          i.operand_count());
  const size_t inputs = i.operand_count() - carries;
  const int64_t steps = scan_steps(i, inputs, along);
  std::vector<Shape> parameters;
  for (size_t k = 0; k < inputs; ++k) {
    const Shape& input = array_operand(i, k);
    require_below(i, along, input.rank(), "dimensions");
    require(input.dim(static_cast<size_t>(along)) == steps, i,
            "dimension {} of operand 0 has size {}, of operand {} size {}", along, steps, k,
            input.dim(static_cast<size_t>(along)));
    parameters.push_back(slice_of(input, along));
  }
  for (size_t k = inputs; k < i.operand_count(); ++k) parameters.push_back(i.operand(k)->shape());
  const Shape& body = callee_result(i, 0, parameters);
  std::vector<Shape> results = body.is_tuple() ? body.elements() : std::vector{body};
  require(results.size() >= carries, i, "to_apply %{} returns {}, which has no {} carries", i.callees()[0]->name(),
          body, carries);
  const size_t outputs = results.size() - carries;
  for (size_t k = 0; k < results.size(); ++k) {
    if (k < outputs) {
      results[k] = stacked(i, results[k], along, steps);
    } else {
      const Shape& carry = parameters[inputs + k - outputs];
      require(results[k] == carry, i, "to_apply %{} returns the carry {} as {}", i.callees()[0]->name(), carry,
              results[k]);
    }
  }
  return body.is_tuple() ? Shape::tuple(std::move(results)) : results[0];
}

}  // namespace gshard
