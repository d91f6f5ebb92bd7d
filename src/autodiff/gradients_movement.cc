// Gradients of ops that move elements: they move the cotangents back, and add up what came from one place.
#include "autodiff/gradients.h"
#include "autodiff/permutation.h"
#include "autodiff/sum.h"
#include "ops/build.h"

namespace gshard {
namespace {

// All of x, to be narrowed.
SliceRanges whole_of(const Value& x) { return {Dims(x.rank(), 0), x.dims(), Dims(x.rank(), 1)}; }

// Whether an element of the result is the padding value.
Value is_padding(const Pullback& p) {
  Computation& in = p.walk().computation();
  return pad(full(in, Shape(DType::pred, p.operand(0).dims()), 0), 1, p.attrs<PadAttrs>().padding);
}

}  // namespace

void gradient_broadcast(Pullback& p) {
  p.give(0, [&] {
    const Dims& dimensions = p.attrs<DimensionsAttrs>().dimensions;
    const Value sum = reduce(p.cotangent(), others(dimensions, p.result().rank()), Reducer::add);
    return transposed(sum, ranks_of(dimensions));
  });
}

void gradient_reshape(Pullback& p) {
  p.give(0, [&] { return reshape(p.cotangent(), p.operand(0).dims()); });
}

void gradient_bitcast(Pullback& p) {
  if (p.result().type() != p.operand(0).type()) p.refuse("it reads numbers as bits of another type");
  gradient_reshape(p);
}

void gradient_transpose(Pullback& p) {
  p.give(0, [&] { return transpose(p.cotangent(), inverse(p.attrs<DimensionsAttrs>().dimensions)); });
}

void gradient_reverse(Pullback& p) {
  p.give(0, [&] { return reverse(p.cotangent(), p.attrs<DimensionsAttrs>().dimensions); });
}

void gradient_concatenate(Pullback& p) {
  const auto dim = static_cast<size_t>(p.attrs<DimensionsAttrs>().dimensions[0]);
  int64_t start = 0;
  for (size_t i = 0; i < p.operand_count(); ++i) {
    const int64_t size = p.operand(i).dim(dim);
    p.give(i, [&] { return slice_in_dim(p.cotangent(), start, start + size, static_cast<int64_t>(dim)); });
    start += size;
  }
}

void gradient_slice(Pullback& p) {
  p.give(0, [&] {
    const SliceRanges& ranges = p.attrs<SliceAttrs>().slice;
    Padding padding;
    for (size_t d = 0; d < p.result().rank(); ++d) {
      const int64_t count = p.result().dim(d);
      const int64_t covered = count == 0 ? 0 : (count - 1) * ranges.strides[d] + 1;
      padding.dims.push_back(
          {ranges.starts[d], p.operand(0).dim(d) - ranges.starts[d] - covered, ranges.strides[d] - 1});
    }
    return pad(p.cotangent(), 0, padding);
  });
}

// Elements that the pad cut off get nothing.
void gradient_pad(Pullback& p) {
  const Padding& padding = p.attrs<PadAttrs>().padding;
  Padding without;
  SliceRanges ranges = whole_of(p.operand(0));
  for (size_t d = 0; d < padding.dims.size(); ++d) {
    without.dims.push_back({-padding.dims[d].low, -padding.dims[d].high, 0});
    ranges.strides[d] = padding.dims[d].interior + 1;
    const int64_t size = p.operand(0).dim(d);
    ranges.limits[d] = size == 0 ? 0 : (size - 1) * ranges.strides[d] + 1;
  }
  p.give(0, [&] { return slice(pad(p.cotangent(), 0, without), ranges); });
  p.give(1, [&] { return total(select(is_padding(p), p.cotangent(), 0)); });
}

void gradient_dynamic_slice(Pullback& p) {
  p.give(0, [&] { return dynamic_update_slice(full_like(p.operand(0), 0), p.cotangent(), p.operands_from(1)); });
}

void gradient_dynamic_update_slice(Pullback& p) {
  const std::vector<Value> starts = p.operands_from(2);
  p.give(0, [&] { return dynamic_update_slice(p.cotangent(), full_like(p.operand(1), 0), starts); });
  p.give(1, [&] { return dynamic_slice(p.cotangent(), starts, p.operand(1).dims()); });
}

}  // namespace gshard
