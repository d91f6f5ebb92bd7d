// Matrix products by oneDNN.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "backend/cpu/kernel.h"

namespace gshard::cpu {

// An operand as it lies in memory: sizes and strides (in elements) of batch dimensions, then rows, then columns.
struct MatrixLayout {
  DType type;
  Dims dims;
  Dims strides;
};

// What a dot does to arrays in memory: result[b..., m, n] = the sum over k of lhs[b..., m, k] * rhs[b..., k, n].
struct MatmulSpec {
  MatrixLayout lhs;
  MatrixLayout rhs;
  MatrixLayout result;
};

// The product that a dot with these operands as they lie in memory is; none where oneDNN has no fast form of it. The
// operands may be seen through transposes: `lhs_order[d]` is the place of the operand's dimension d in memory.
std::optional<MatmulSpec> matmul_of(const Instruction& dot, const Dims& lhs_order, const Dims& rhs_order);

// Does one product on one thread; several may run at the same time.
class Matmul {
 public:
  explicit Matmul(const MatmulSpec& spec);
  ~Matmul();
  Matmul(Matmul&&) noexcept;

  // Parts that may run on different threads: their boundaries follow from the sizes alone.
  int64_t parts() const;
  void run(const std::byte* lhs, const std::byte* rhs, std::byte* result, int64_t first_part, int64_t last_part) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gshard::cpu
