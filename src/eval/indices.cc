#include "eval/indices.h"

#include <algorithm>
#include <utility>

#include "eval/elements.h"

namespace gshard {
int64_t clamp_start(int64_t start, int64_t size, int64_t window) {
  return std::clamp<int64_t>(start, 0, std::max<int64_t>(size - window, 0));
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

bool StartIndices::next_position(Dims& position) const {
  for (size_t d = position.size(); d-- > 0;) {
    if (++position[d] < sizes_[d]) return true;
    position[d] = 0;
  }
  return false;
}

}  // namespace gshard
