#include "backend/cpu/multiply_in_blocks.h"

#include "eval/matmul.h"
#include "eval/strided.h"

namespace gshard::cpu {
namespace {

// Where one matrix of a batch begins.
int64_t offset_of(const MatrixLayout& layout, const Dims& batch) {
  int64_t offset = 0;
  for (size_t d = 0; d < batch.size(); ++d) offset += layout.dims[d] == 1 ? 0 : batch[d] * layout.strides[d];
  return offset;
}

template <class T>
MatrixView<T> matrix_at(T* data, const MatrixLayout& layout, const Dims& batch) {
  const size_t rank = layout.dims.size();
  return {data + offset_of(layout, batch), layout.strides[rank - 2], layout.strides[rank - 1]};
}

template <class T>
void clear(MatrixView<T> matrix, const MatmulSize& size) {
  for (int64_t i = 0; i < size.m; ++i) {
    for (int64_t j = 0; j < size.n; ++j) *part_of(matrix, i, j).data = 0;
  }
}

template <class T>
void multiply(const MatmulSpec& spec, const Matmul::Arrays& arrays) {
  const Dims& sizes = spec.result.dims;
  const size_t rank = sizes.size();
  const Dims batches(sizes.begin(), sizes.end() - 2);
  const MatmulSize size{sizes[rank - 2], sizes[rank - 1], spec.lhs.dims[rank - 1]};
  Dims batch(rank - 2, 0);
  do {
    const auto result = matrix_at(reinterpret_cast<T*>(arrays.result), spec.result, batch);
    clear(result, size);
    matmul_add<T>(size, matrix_at(reinterpret_cast<const T*>(arrays.lhs), spec.lhs, batch),
                  matrix_at(reinterpret_cast<const T*>(arrays.rhs), spec.rhs, batch), result);
  } while (next_index(batch, batches));
}

}  // namespace

void multiply_in_blocks(const MatmulSpec& spec, const Matmul::Arrays& arrays) {
  if (spec.result.type == DType::f64) return multiply<double>(spec, arrays);
  bits_of(spec.result.type) == 64 ? multiply<uint64_t>(spec, arrays) : multiply<uint32_t>(spec, arrays);
}

}  // namespace gshard::cpu
