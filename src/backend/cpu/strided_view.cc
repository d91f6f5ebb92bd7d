#include "backend/cpu/strided_view.h"

#include <algorithm>

#include "eval/strided.h"

namespace gshard::cpu {
namespace {

// All loops from the outermost in, those that run as one joined.
StridedDim flattened(const StridedDims& view) {
  StridedDim loops;
  for (const StridedDim& dim : view) {
    for (const StridedLoop& loop : dim) {
      if (loop.size == 1) continue;
      if (!loops.empty() && loops.back().stride == loop.size * loop.stride) {
        loops.back() = {loops.back().size * loop.size, loop.stride};
      } else {
        loops.push_back(loop);
      }
    }
  }
  return loops;
}

// Takes the innermost `size` iterations off the loops; none where their boundaries do not fit.
std::optional<StridedDim> take(StridedDim& loops, int64_t size) {
  StridedDim taken;
  while (size > 1) {
    if (loops.empty()) return std::nullopt;
    StridedLoop& last = loops.back();
    if (size % last.size == 0) {
      size /= last.size;
      taken.push_back(last);
      loops.pop_back();
    } else if (last.size % size == 0) {
      taken.push_back({size, last.stride});
      last = {last.size / size, last.stride * size};
      size = 1;
    } else {
      return std::nullopt;
    }
  }
  std::reverse(taken.begin(), taken.end());
  return taken;
}

std::optional<StridedView> sliced(const SliceRanges& slice, const Dims& dims, StridedView view) {
  for (size_t d = 0; d < dims.size(); ++d) {
    const StridedDim loops = flattened({view.dims[d]});
    const int64_t step = slice.strides.empty() ? 1 : slice.strides[d];
    if (loops.size() > 1) {
      // Several loops can only be taken whole.
      int64_t size = 1;
      for (const StridedLoop& loop : loops) size *= loop.size;
      if (size != dims[d]) return std::nullopt;
      continue;
    }
    const int64_t stride = loops.empty() ? 0 : loops[0].stride;
    view.offset += slice.starts[d] * stride;
    view.dims[d] = {{dims[d], stride * step}};
  }
  return view;
}

}  // namespace

StridedDims row_major_view(const Dims& dims) {
  const Dims strides = row_major_strides(dims);
  StridedDims view;
  for (size_t d = 0; d < dims.size(); ++d) view.push_back({{dims[d], strides[d]}});
  return view;
}

std::optional<StridedDims> regrouped(const StridedDims& view, const Dims& dims) {
  StridedDim loops = flattened(view);
  StridedDims result(dims.size());
  for (size_t d = dims.size(); d-- > 0;) {
    std::optional<StridedDim> taken = take(loops, dims[d]);
    if (!taken) return std::nullopt;
    result[d] = std::move(*taken);
  }
  return result;
}

std::optional<StridedView> view_through(const Instruction& x, StridedView operand) {
  const Dims& dims = x.shape().dims();
  switch (x.op()) {
    case Op::copy:
      return operand;
    case Op::transpose: {
      StridedDims permuted;
      for (int64_t d : x.attrs<DimensionsAttrs>().dimensions) permuted.push_back(operand.dims[static_cast<size_t>(d)]);
      operand.dims = std::move(permuted);
      return operand;
    }
    case Op::broadcast: {
      StridedDims wider;
      for (int64_t d : dims) wider.push_back({{d, 0}});
      const Dims& kept = x.attrs<DimensionsAttrs>().dimensions;
      for (size_t i = 0; i < kept.size(); ++i) wider[static_cast<size_t>(kept[i])] = operand.dims[i];
      operand.dims = std::move(wider);
      return operand;
    }
    case Op::bitcast:
    case Op::reshape: {
      std::optional<StridedDims> seen = regrouped(operand.dims, dims);
      if (!seen || x.shape().type() != x.operand(0)->shape().type()) return std::nullopt;
      operand.dims = std::move(*seen);
      return operand;
    }
    case Op::slice:
      return sliced(x.attrs<SliceAttrs>().slice, dims, std::move(operand));
    default:
      return std::nullopt;
  }
}

std::optional<StridedDims> view_before(const Instruction& x, const StridedDims& view) {
  switch (x.op()) {
    case Op::copy:
      return view;
    case Op::transpose: {
      StridedDims before(view.size());
      const Dims& permutation = x.attrs<DimensionsAttrs>().dimensions;
      for (size_t d = 0; d < view.size(); ++d) before[static_cast<size_t>(permutation[d])] = view[d];
      return before;
    }
    case Op::bitcast:
    case Op::reshape:
      if (x.shape().type() != x.operand(0)->shape().type()) return std::nullopt;
      return regrouped(view, x.operand(0)->shape().dims());
    default:
      return std::nullopt;
  }
}

}  // namespace gshard::cpu
