// Matrix products by oneDNN.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/cpu/strided_view.h"

namespace gshard::cpu {

// An operand as it lies in memory: sizes and strides (in elements) of batch dimensions, then rows, then columns.
struct MatrixLayout {
  DType type;
  Dims dims;
  Dims strides;
};

// What a dot does to arrays in memory: result[b..., m, n] = the sum over k of lhs[b..., m, k] * rhs[b..., k, n]. Sizes
// of batch dimensions are 1 where an operand is the same for all of them.
struct MatmulSpec {
  MatrixLayout lhs;
  MatrixLayout rhs;
  MatrixLayout result;
  bool is_turned = false;  // the operands of the dot change places: this is the product of the transposed matrices
};

// An array of a dot as it lies in memory.
struct DotArray {
  DType type;
  StridedDims dims;
};
struct DotForm {
  DotArray lhs;
  DotArray rhs;
  DotArray result;
};

// The product that a dot on these arrays is; none where oneDNN has no fast form of it.
std::optional<MatmulSpec> matmul_of(const DotAttrs& attrs, const DotForm& form);

// Does one product on one thread; several may run at the same time.
class Matmul {
 public:
  explicit Matmul(const MatmulSpec& spec);
  ~Matmul();
  Matmul(Matmul&&) noexcept;

  // Sizes and types: "8 x [128,256] [256,64] bf16 -> f32".
  std::string describe() const;
  // Parts that may run on different threads: their boundaries follow from the sizes alone.
  int64_t parts() const;
  void run(const std::byte* lhs, const std::byte* rhs, std::byte* result, int64_t first_part, int64_t last_part) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gshard::cpu
