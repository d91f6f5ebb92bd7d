#include <array>

#include "eval/evaluator.h"

namespace gshard {
namespace {

constexpr std::array<Kernel, kOpCount> kKernels = {
#define GSHARD_OP(name, keyword) eval_##name,
#include "ir/ops.inc"
#undef GSHARD_OP
};

}  // namespace

Kernel kernel_of(Op op) { return kKernels[static_cast<size_t>(op)]; }

}  // namespace gshard
