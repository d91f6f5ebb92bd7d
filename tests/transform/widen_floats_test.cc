#include "transform/widen_floats.h"

#include <gtest/gtest.h>

#include "eval/elements.h"
#include "eval/evaluate.h"
#include "passes_by_name.h"
#include "random_program.h"
#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

void expect_widened(const std::string& before, const std::string& after) {
  const auto wide = widen_floats(*parse_module(before));
  check_module(*wide);
  EXPECT_EQ(first_difference(*parse_module(after), *wide), "") << print(*wide);
}

TEST(WidenFloats, LeavesOutRounding) {
  expect_widened(R"(HloModule m
ENTRY main {
  x = f32[4] parameter(0)
  i = s32[4] parameter(1)
  a = bf16[4] convert(x)
  b = f32[4] reduce-precision(x), exponent_bits=5, mantissa_bits=10
  c = f32[4] convert(a), sharding={replicated}
  d = f32[4] convert(i)
  half = f32[] constant(0.5)
  z = c64[4] complex(c, d)
  ROOT t = (f32[4], c64[4], f32[], s32[4]) tuple(b, z, half, i)
})",
                 R"(HloModule m
ENTRY main {
  x = f64[4] parameter(0)
  i = s32[4] parameter(1)
  d = f64[4] convert(i)
  half = f64[] constant(0.5)
  c = f64[4] custom-call(x), custom_call_target="Sharding", sharding={replicated}
  z = c128[4] complex(c, d)
  ROOT t = (f64[4], c128[4], f64[], s32[4]) tuple(x, z, half, i)
})");
}

TEST(WidenFloats, KeepsDeclaredBits) {
  expect_widened(R"(HloModule m
ENTRY main {
  x = f32[4] parameter(0)
  y = f32[4] negate(x)
  a = u32[4] bitcast-convert(y)
  b = u16[8] parameter(1)
  c = bf16[8] bitcast-convert(b)
  ROOT t = (u32[4], bf16[8]) tuple(a, c)
})",
                 R"(HloModule m
ENTRY main {
  x = f64[4] parameter(0)
  y = f64[4] negate(x)
  n = f32[4] convert(y)
  a = u32[4] bitcast-convert(n)
  b = u16[8] parameter(1)
  c = bf16[8] bitcast-convert(b)
  w = f64[8] convert(c)
  ROOT t = (u32[4], f64[8]) tuple(a, w)
})");
}

// Its state moves on by as many blocks as the declared type takes.
TEST(WidenFloats, KeepsTheTypeOfRandomBits) {
  expect_widened(R"(HloModule m
ENTRY main {
  s = u64[2] parameter(0)
  ROOT r = (u64[2], f32[4]) rng-bit-generator(s), algorithm=rng_three_fry
})",
                 R"(HloModule m
ENTRY main {
  s = u64[2] parameter(0)
  r = (u64[2], f32[4]) rng-bit-generator(s), algorithm=rng_three_fry
  a = u64[2] get-tuple-element(r), index=0
  b = f32[4] get-tuple-element(r), index=1
  w = f64[4] convert(b)
  ROOT t = (u64[2], f64[4]) tuple(a, w)
})");
}

TEST(WidenFloats, ChangesSignaturesAndHeader) {
  expect_widened(
      R"(HloModule m, input_output_alias={ {}: (0, {}, may-alias) }, entry_computation_layout={(f32[2,2]{0,1:T(8,128)})->f32[2,2]{1,0}}
body {
  x = f32[2,2] parameter(0)
  ROOT y = f32[2,2] cosine(x)
}
condition {
  x = f32[2,2] parameter(0)
  ROOT p = pred[] constant(false)
}
ENTRY main {
  x = f32[2,2]{0,1:T(8,128)} parameter(0)
  a = f32[2,2] custom-call(x), custom_call_target="mine", operand_layout_constraints={f32[2,2]{1,0}}
  ROOT w = f32[2,2]{1,0} while(a), condition=condition, body=body
})",
      R"(HloModule m, input_output_alias={ {}: (0, {}, may-alias) }, entry_computation_layout={(f64[2,2]{0,1})->f64[2,2]{1,0}}
body {
  x = f64[2,2] parameter(0)
  ROOT y = f64[2,2] cosine(x)
}
condition {
  x = f64[2,2] parameter(0)
  ROOT p = pred[] constant(false)
}
ENTRY main {
  x = f64[2,2]{0,1} parameter(0)
  n = f32[2,2]{0,1:T(8,128)} convert(x)
  a = f32[2,2] custom-call(n), custom_call_target="mine", operand_layout_constraints={f32[2,2]{1,0}}
  b = f64[2,2] convert(a)
  ROOT w = f64[2,2]{1,0} while(b), condition=condition, body=body
})");
}

Literal widened_literal(const Literal& x) {
  return is_floating(x.shape().type()) || is_complex(x.shape().type()) ? convert_elements(x, widened(x.shape()).type())
                                                                       : x;
}

TEST(WidenFloats, GivesValidProgramsThatRun) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const auto module = random_program({.seed = seed});
    const auto wide = widen_floats(*module);
    ASSERT_NO_THROW(check_module(*wide)) << "seed " << seed;
    std::vector<Literal> arguments;
    for (const Literal& argument : random_arguments(*module, seed)) arguments.push_back(widened_literal(argument));
    EXPECT_EQ(evaluate(*wide, arguments).shape(), widened(module->entry()->root()->shape()));
  }
}

}  // namespace
}  // namespace gshard
