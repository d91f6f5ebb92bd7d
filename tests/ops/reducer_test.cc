// Which computations are one op that combines two values, and which only look like it.
#include "ops/reducer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "parse_verified.h"

namespace gshard {
namespace {

Reducer reducer_of_body(const std::string& type, const std::string& body) {
  const auto module = parse_verified(
      fmt::format("HloModule m\nENTRY r {{\n  a = {0}[] parameter(0)\n  b = {0}[] parameter(1)\n{1}}}\n", type, body));
  return reducer_of(*module->entry());
}

TEST(ReducerOf, OneOp) {
  EXPECT_EQ(reducer_of_body("f32", "  ROOT c = f32[] add(a, b)\n"), Reducer::add);
  EXPECT_EQ(reducer_of_body("f32", "  ROOT c = f32[] maximum(b, a)\n"), Reducer::max);
  EXPECT_EQ(reducer_of_body("f32", "  ROOT c = f32[] subtract(a, b)\n"), Reducer::none);
  EXPECT_EQ(reducer_of_body("f32", "  ROOT c = f32[] add(a, a)\n"), Reducer::none);
}

TEST(ReducerOf, InAWiderTypeAndBack) {
  EXPECT_EQ(reducer_of_body("bf16",
                            "  x = f32[] convert(a)\n  y = f32[] convert(b)\n  c = f32[] add(x, y)\n"
                            "  ROOT d = bf16[] convert(c)\n"),
            Reducer::add);
  EXPECT_EQ(reducer_of_body("s8",
                            "  x = s32[] convert(a)\n  y = s32[] convert(b)\n  c = s32[] add(x, y)\n"
                            "  ROOT d = s8[] convert(c)\n"),
            Reducer::add);
}

// Each step of these forgets something.
TEST(ReducerOf, ConversionsThatChangeValues) {
  EXPECT_EQ(reducer_of_body("f32", "  c = f32[] add(a, b)\n  d = s32[] convert(c)\n  ROOT e = f32[] convert(d)\n"),
            Reducer::none);
  EXPECT_EQ(reducer_of_body("s32", "  c = s32[] add(a, b)\n  d = s8[] convert(c)\n  ROOT e = s32[] convert(d)\n"),
            Reducer::none);
  EXPECT_EQ(reducer_of_body("f32", "  c = f32[] add(a, b)\n  d = bf16[] convert(c)\n  ROOT e = f32[] convert(d)\n"),
            Reducer::none);
  EXPECT_EQ(reducer_of_body("f32",
                            "  x = bf16[] convert(a)\n  y = bf16[] convert(b)\n  c = bf16[] add(x, y)\n"
                            "  ROOT d = f32[] convert(c)\n"),
            Reducer::none);
}

}  // namespace
}  // namespace gshard
