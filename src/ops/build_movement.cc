// Builders of the ops that copy elements to other places.
#include <algorithm>
#include <array>

#include "ops/build.h"
#include "ops/infer.h"

namespace gshard {
namespace {

// The operands and then the start indices.
std::vector<Value> with_starts(std::vector<Value> operands, const std::vector<Value>& starts) {
  operands.insert(operands.end(), starts.begin(), starts.end());
  return operands;
}

}  // namespace

Value broadcast(Value x, const Dims& sizes, const Dims& dimensions, Here here) {
  return append({Op::broadcast, DimensionsAttrs{dimensions}, {}, x.shape().with_dims(sizes)}, std::array{x}, here);
}

Value broadcast_to(Value x, const Dims& sizes, Here here) {
  if (x.dims() == sizes) return x;
  const auto refuse = [&] {
    throw error_here(fmt::format("broadcast: {} cannot be repeated to {}", x.shape(), sizes), here);
  };
  if (x.rank() > sizes.size()) refuse();
  const size_t added = sizes.size() - x.rank();
  Dims kept;
  Dims dimensions;
  for (size_t d = 0; d < x.rank(); ++d) {
    const int64_t size = sizes[added + d];
    if (x.dim(d) != size && x.dim(d) != 1) refuse();
    // A dimension of size 1 that is repeated goes away first, for broadcast itself repeats none.
    if (x.dim(d) != size) continue;
    kept.push_back(size);
    dimensions.push_back(static_cast<int64_t>(added + d));
  }
  if (kept.size() != x.rank()) x = reshape(x, kept, here);
  return broadcast(x, sizes, dimensions, here);
}

std::pair<Value, Value> broadcast_together(Value a, Value b, Here here) {
  const Value& longer = a.rank() >= b.rank() ? a : b;
  const Value& shorter = a.rank() >= b.rank() ? b : a;
  Dims sizes = longer.dims();
  const size_t added = longer.rank() - shorter.rank();
  for (size_t d = 0; d < shorter.rank(); ++d) {
    if (sizes[added + d] == 1) sizes[added + d] = shorter.dim(d);
  }
  return {broadcast_to(a, sizes, here), broadcast_to(b, sizes, here)};
}

Value reshape(Value x, const Dims& sizes, Here here) {
  return append({Op::reshape, NoAttrs{}, {}, x.shape().with_dims(sizes)}, std::array{x}, here);
}

Value dynamic_reshape(Value x, const Dims& sizes, const std::vector<Value>& dynamic_sizes, Here here) {
  return append({Op::dynamic_reshape, NoAttrs{}, {}, x.shape().with_dims(sizes)}, with_starts({x}, dynamic_sizes),
                here);
}

Value transpose(Value x, const Dims& dimensions, Here here) {
  return append({Op::transpose, DimensionsAttrs{dimensions}}, std::array{x}, here);
}

Value reverse(Value x, const Dims& dimensions, Here here) {
  return append({Op::reverse, DimensionsAttrs{dimensions}}, std::array{x}, here);
}

Value concatenate(const std::vector<Value>& parts, int64_t dimension, Here here) {
  return append({Op::concatenate, DimensionsAttrs{{dimension}}}, parts, here);
}

Value slice(Value x, const SliceRanges& ranges, Here here) {
  SliceAttrs attributes{ranges};
  if (ranges.strides.empty()) attributes.slice.strides = Dims(ranges.starts.size(), 1);
  return append({Op::slice, attributes}, std::array{x}, here);
}

Value slice_in_dim(Value x, int64_t start, int64_t limit, int64_t dimension, Here here) {
  SliceRanges ranges{Dims(x.rank(), 0), x.dims(), Dims(x.rank(), 1)};
  if (dimension < 0 || dimension >= static_cast<int64_t>(x.rank())) {
    throw error_here(fmt::format("slice: {} is no dimension of {}", dimension, x.shape()), here);
  }
  ranges.starts[static_cast<size_t>(dimension)] = start;
  ranges.limits[static_cast<size_t>(dimension)] = limit;
  return slice(x, ranges, here);
}

Value pad(Value x, Operand value, const Padding& padding, Here here) {
  const Value filler = value.is_number() ? constant(x.computation(), x.type(), value.number(), here) : value.value();
  return append({Op::pad, PadAttrs{padding}}, std::array{x, filler}, here);
}

Value dynamic_slice(Value x, const std::vector<Value>& starts, const Dims& sizes, Here here) {
  return append({Op::dynamic_slice, DynamicSliceAttrs{sizes}}, with_starts({x}, starts), here);
}

Value dynamic_update_slice(Value x, Value update, const std::vector<Value>& starts, Here here) {
  return append({Op::dynamic_update_slice}, with_starts({x, update}, starts), here);
}

Value gather(Value x, Value indices, const GatherAttrs& attributes, Here here) {
  return append({Op::gather, attributes}, std::array{x, indices}, here);
}

Value bitcast(Value x, const Shape& shape, Here here) {
  return append({Op::bitcast, NoAttrs{}, {}, shape}, std::array{x}, here);
}

Value copy(Value x, Here here) { return append({Op::copy}, std::array{x}, here); }

Value get_dimension_size(Value x, int64_t dimension, Here here) {
  return append({Op::get_dimension_size, DimensionSizeAttrs{{dimension}}}, std::array{x}, here);
}

Value set_dimension_size(Value x, Value size, int64_t dimension, Here here) {
  return append({Op::set_dimension_size, DimensionSizeAttrs{{dimension}}}, std::array{x, size}, here);
}

}  // namespace gshard
