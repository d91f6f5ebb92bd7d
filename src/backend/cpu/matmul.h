// Matrix products, by oneDNN where it has their types and else in blocks.
//
//   f32[64,256] x f32[256,32] + f32[32], all times 0.125      one call of oneDNN
//   f64[64,256] x f64[256,32]                                 blocks that stay in the cache (eval/matmul.h)
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

// What a dot does to arrays in memory: result[b..., m, n] = scale * (bias[n] + the sum over k of lhs[b..., m, k] *
// rhs[b..., k, n]). Sizes of batch dimensions are 1 where an operand is the same for all of them.
struct MatmulSpec {
  MatrixLayout lhs;
  MatrixLayout rhs;
  MatrixLayout result;
  std::optional<DType> bias = {};
  float scale = 1;
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
  std::optional<DotArray> bias = {};  // what is added, in the dimensions of the result
};

// Whether products of these types are done, and by oneDNN.
enum class MatmulEngine : uint8_t { none, onednn, blocks };
MatmulEngine matmul_engine(DType lhs, DType rhs, DType result);
// The same of an op's first two operands and its result.
MatmulEngine matmul_engine(const Instruction& product);

// The product that a dot on these arrays is; none where there is no fast form of it.
std::optional<MatmulSpec> matmul_of(const DotAttrs& attrs, const DotForm& form);

// Nanoseconds that it takes beside its arithmetic, for each of its products of two matrices, and that it takes to bring so
// many bytes into another order. Of the ways to read one dot's operands the cheapest is taken.
double overhead_of(const MatmulSpec& spec);
double cost_of_moving(int64_t bytes);

// Does one product on one thread; several may run at the same time.
class Matmul {
 public:
  struct Arrays {
    const std::byte* lhs;
    const std::byte* rhs;
    const std::byte* bias;  // null where there is none
    std::byte* result;
  };

  explicit Matmul(const MatmulSpec& spec);
  ~Matmul();
  Matmul(Matmul&&) noexcept;

  // Sizes and types: "8 x [128,256] [256,64] bf16 -> f32, bias".
  std::string describe() const;
  // Parts that may run on different threads: their boundaries follow from the sizes alone.
  int64_t parts() const;
  void run(const Arrays& arrays, int64_t first_part, int64_t last_part) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gshard::cpu
