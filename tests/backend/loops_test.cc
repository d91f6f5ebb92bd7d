// Loops on the CPU backend: what no round changes is neither copied nor moved.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/cpu/executable.h"
#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "text/parse.h"

namespace gshard {
namespace {

// Eight rounds that each multiply by one slice of `weights`, which stands as `moved` in the loop's state.
std::string loop_over(const std::string& weights, const std::string& moved) {
  return "HloModule m\n"
         "test {\n"
         "  s = (s32[], f32[16,16], f32[8,16,16]) parameter(0)\n"
         "  i = s32[] get-tuple-element(s), index=0\n"
         "  n = s32[] constant(8)\n"
         "  ROOT more = pred[] compare(i, n), direction=LT\n"
         "}\n"
         "round {\n"
         "  s = (s32[], f32[16,16], f32[8,16,16]) parameter(0)\n"
         "  i = s32[] get-tuple-element(s), index=0\n"
         "  x = f32[16,16] get-tuple-element(s), index=1\n"
         "  w = f32[8,16,16] get-tuple-element(s), index=2\n"
         "  zero = s32[] constant(0)\n"
         "  one = s32[] constant(1)\n"
         "  slice = f32[1,16,16] dynamic-slice(w, i, zero, zero), dynamic_slice_sizes={1,16,16}\n"
         "  matrix = f32[16,16] reshape(slice)\n"
         "  y = f32[16,16] dot(x, matrix), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n"
         "  z = f32[16,16] tanh(y)\n"
         "  next = s32[] add(i, one)\n"
         "  ROOT t = (s32[], f32[16,16], f32[8,16,16]) tuple(next, z, w)\n"
         "}\n"
         "ENTRY main {\n"
         "  x = f32[16,16] parameter(0)\n"
         "  weights = " +
         weights +
         " parameter(1)\n"
         "  zero = s32[] constant(0)\n" +
         moved +
         "  s = (s32[], f32[16,16], f32[8,16,16]) tuple(zero, x, moved)\n"
         "  loop = (s32[], f32[16,16], f32[8,16,16]) while(s), condition=test, body=round\n"
         "  y = f32[16,16] get-tuple-element(loop), index=1\n"
         "  w = f32[8,16,16] get-tuple-element(loop), index=2\n"
         "  first = f32[1,16,16] slice(w), slice={[0:1],[0:16],[0:16]}\n"
         "  matrix = f32[16,16] reshape(first)\n"
         "  ROOT sum = f32[16,16] add(y, matrix)\n"
         "}\n";
}

bool has_step(const cpu::Executable& program, const std::string& text) {
  const auto steps = program.steps();
  return std::any_of(steps.begin(), steps.end(), [&](const auto& step) { return step.text == text; });
}

TEST(CpuLoops, WhatNoRoundChangesIsNotCopied) {
  const auto module = parse_module(loop_over("f32[8,16,16]", "  moved = f32[8,16,16] copy(weights)\n"));
  EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1)), "");
  const auto plain = parse_module(loop_over("f32[8,16,16]", "  moved = f32[8,16,16] reshape(weights)\n"));
  EXPECT_EQ(difference_from_evaluator(*plain, random_arguments(*plain, 1)), "");
  EXPECT_FALSE(has_step(*cpu::Executable::compile(*plain), "copy of 8192 bytes"));
}

TEST(CpuLoops, TransposedWeightsAreReadThroughStrides) {
  for (const std::string order : {"1,0,2", "2,0,1", "2,1,0"}) {
    SCOPED_TRACE(order);
    const std::string shape = order == "1,0,2" ? "f32[16,8,16]" : "f32[16,16,8]";
    const auto module =
        parse_module(loop_over(shape, "  moved = f32[8,16,16] transpose(weights), dimensions={" + order + "}\n"));
    EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1)), "");
    const auto program = cpu::Executable::compile(*module);
    EXPECT_FALSE(has_step(*program, "kernel of moved"));
    EXPECT_FALSE(has_step(*program, "copy of 8192 bytes"));
  }
}

}  // namespace
}  // namespace gshard
