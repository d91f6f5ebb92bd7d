#include "backend/cpu/emit_transpose.h"

namespace gshard::cpu {

// Squares of twice the size in each round: two vectors that are `step` apart exchange the blocks of `step` lanes that
// stand off the diagonal.
void transpose_square(llvm::IRBuilder<>& builder, llvm::SmallVectorImpl<llvm::Value*>& rows) {
  const auto size = static_cast<unsigned>(rows.size());
  for (unsigned step = 1; step < size; step *= 2) {
    llvm::SmallVector<int> even;
    llvm::SmallVector<int> odd;
    for (unsigned lane = 0; lane < size; ++lane) {
      const bool is_second = (lane & step) != 0;
      even.push_back(static_cast<int>(is_second ? size + (lane ^ step) : lane));
      odd.push_back(static_cast<int>(is_second ? size + lane : lane ^ step));
    }
    for (unsigned i = 0; i < size; ++i) {
      if ((i & step) != 0) continue;
      llvm::Value* first = rows[i];
      llvm::Value* second = rows[i + step];
      rows[i] = builder.CreateShuffleVector(first, second, even);
      rows[i + step] = builder.CreateShuffleVector(first, second, odd);
    }
  }
}

}  // namespace gshard::cpu
