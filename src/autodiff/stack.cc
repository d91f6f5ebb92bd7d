#include "autodiff/stack.h"

#include "ops/build.h"

namespace gshard {
namespace {

// Where the element of round `i` starts.
std::vector<Value> start_of(Value i, size_t dim, size_t rank) {
  std::vector<Value> starts(rank, constant(i.computation(), i.type(), 0));
  starts[dim] = i;
  return starts;
}

}  // namespace

Shape stack_shape(const Shape& element, size_t dim, int64_t count) {
  Dims dims = element.dims();
  dims.insert(dims.begin() + dim, count);
  return element.with_dims(dims);
}

Value read_at(Value stack, size_t dim, Value i) {
  Dims sizes = stack.dims();
  sizes[dim] = 1;
  const Value row = dynamic_slice(stack, start_of(i, dim, stack.rank()), sizes);
  sizes.erase(sizes.begin() + dim);
  return reshape(row, sizes);
}

Value written_at(Value stack, size_t dim, Value i, Value element) {
  const Value row = reshape(element, stack_shape(element.shape(), dim, 1).dims());
  return dynamic_update_slice(stack, row, start_of(i, dim, stack.rank()));
}

}  // namespace gshard
