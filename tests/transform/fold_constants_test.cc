// What folding may do to numbers that would be rounded.
#include "transform/fold_constants.h"

#include <gtest/gtest.h>

#include "text/parse.h"

namespace gshard {
namespace {

Op op_of_result(const Module& module, size_t i) { return module.entry()->root()->operand(i)->op(); }

TEST(FoldConstants, MayLeaveWhatWouldBeRounded) {
  const auto module = parse_module(R"(
HloModule m
ENTRY e {
  third = f32[] constant(0.333333343)
  half = f32[] constant(0.5)
  n = s32[] constant(7)
  large = s32[] constant(2147483647)
  rounded = bf16[] convert(third)
  kept = bf16[] convert(half)
  power = f32[] exponential(third)
  number = f32[] convert(n)
  large_number = f32[] convert(large)
  smaller = pred[] compare(third, half), direction=LT
  minus = f32[] negate(third)
  ROOT t = (bf16[], bf16[], f32[], f32[], f32[], pred[], f32[]) tuple(rounded, kept, power, number, large_number, smaller, minus)
}
)");
  fold_constants(*module, {.rounding = FoldOptions::Rounding::none});
  const Op expected[] = {Op::convert, Op::constant, Op::exponential, Op::constant,
                         Op::convert, Op::constant, Op::constant};
  for (size_t i = 0; i < std::size(expected); ++i) EXPECT_EQ(op_of_result(*module, i), expected[i]) << i;
  fold_constants(*module);
  for (size_t i = 0; i < std::size(expected); ++i) EXPECT_EQ(op_of_result(*module, i), Op::constant) << i;
}

}  // namespace
}  // namespace gshard
