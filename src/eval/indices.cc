#include "eval/indices.h"

#include <algorithm>
#include <utility>

#include "eval/elements.h"

namespace gshard {
int64_t clamp_start(int64_t start, int64_t size, int64_t window) {
  return std::clamp<int64_t>(start, 0, std::max<int64_t>(size - window, 0));
}

IndexDimensions IndexDimensions::of(const GatherAttrs& attrs) {
  return {attrs.offset_dims,           attrs.collapsed_slice_dims,        attrs.start_index_map,
          attrs.operand_batching_dims, attrs.start_indices_batching_dims, attrs.index_vector_dim};
}

IndexDimensions IndexDimensions::of(const ScatterAttrs& attrs) {
  return {attrs.update_window_dims,  attrs.inserted_window_dims,          attrs.scatter_dims_to_operand_dims,
          attrs.input_batching_dims, attrs.scatter_indices_batching_dims, attrs.index_vector_dim};
}

WindowStrides::WindowStrides(const IndexDimensions& dimensions, const Shape& array, size_t operand_rank)
    : sizes(operand_rank, 1), window(operand_rank, 0) {
  const Dims strides = row_major_strides(array.dims());
  size_t next = 0;
  for (size_t d = 0; d < operand_rank; ++d) {
    const auto dim = static_cast<int64_t>(d);
    if (is_among(dim, dimensions.dropped_dims) || is_among(dim, dimensions.operand_batching_dims)) continue;
    const auto from = static_cast<size_t>(dimensions.window_dims[next++]);
    sizes[d] = array.dim(from);
    window[d] = strides[from];
  }
  for (size_t d = 0; d < array.rank(); ++d) {
    if (!is_among(static_cast<int64_t>(d), dimensions.window_dims)) positions.push_back(strides[d]);
  }
}

StartIndices::StartIndices(const Literal& indices, IndexDimensions dimensions, size_t operand_rank)
    : values_(integers_of(indices)), dimensions_(std::move(dimensions)), operand_rank_(operand_rank) {
  sizes_ = indices.shape().dims();
  strides_ = row_major_strides(sizes_);
  const auto vector_dim = static_cast<size_t>(dimensions_.vector_dim);
  if (vector_dim < sizes_.size()) {
    component_stride_ = strides_[vector_dim];
    sizes_.erase(sizes_.begin() + vector_dim);
    strides_.erase(strides_.begin() + vector_dim);
  }
  for (int64_t d : dimensions_.indices_batching_dims) {
    batching_positions_.push_back(d > dimensions_.vector_dim ? d - 1 : d);
  }
}

void StartIndices::read(const Dims& position, Dims& starts) const {
  const int64_t* components = values_.data() + offset_of(position, strides_);
  for (size_t k = 0; k < dimensions_.component_dims.size(); ++k) {
    starts[static_cast<size_t>(dimensions_.component_dims[k])] =
        components[static_cast<int64_t>(k) * component_stride_];
  }
  for (size_t i = 0; i < batching_positions_.size(); ++i) {
    starts[static_cast<size_t>(dimensions_.operand_batching_dims[i])] =
        position[static_cast<size_t>(batching_positions_[i])];
  }
}

}  // namespace gshard
