// reduce with usual and other reducers, over every choice of dimensions; and scan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "eval/elements.h"
#include "run_text.h"

namespace gshard {
namespace {

std::string reducer(const std::string& name, const std::string& type, const std::string& op) {
  return name + " {\n  a = " + type + "[] parameter(0)\n  b = " + type + "[] parameter(1)\n  ROOT c = " + type + "[] " +
         op + "(a, b)\n}\n";
}

std::string reduced(const std::string& type, const std::string& op, const std::string& start,
                    const std::string& values) {
  return value_of("  x = " + type + "[4] constant(" + values + ")\n  s = " + type + "[] constant(" + start +
                      ")\n  ROOT r = " + type + "[] reduce(x, s), dimensions={0}, to_apply=f",
                  reducer("f", type, op));
}

TEST(Reduce, UsualReducers) {
  for (const std::string type : {"s8", "u8", "s32", "u64", "f32", "f64", "bf16", "f16"}) {
    EXPECT_EQ(reduced(type, "add", "1", "{1, 2, 3, 4}"), "11") << type;
    EXPECT_EQ(reduced(type, "multiply", "2", "{1, 2, 3, 4}"), "48") << type;
    EXPECT_EQ(reduced(type, "maximum", "0", "{1, 5, 3, 4}"), "5") << type;
    EXPECT_EQ(reduced(type, "minimum", "9", "{4, 2, 3, 4}"), "2") << type;
  }
  for (const std::string type : {"s4", "u4", "u8", "s16", "u32", "s64"}) {
    EXPECT_EQ(reduced(type, "and", "7", "{7, 6, 7, 3}"), "2") << type;
    EXPECT_EQ(reduced(type, "or", "0", "{1, 4, 1, 0}"), "5") << type;
    EXPECT_EQ(reduced(type, "xor", "1", "{1, 4, 1, 2}"), "7") << type;
  }
  EXPECT_EQ(reduced("pred", "and", "true", "{true, true, false, true}"), "false");
  EXPECT_EQ(reduced("pred", "or", "false", "{false, false, true, true}"), "true");
  EXPECT_EQ(reduced("pred", "add", "false", "{true, true, false, false}"), "true");
  EXPECT_EQ(reduced("pred", "xor", "false", "{true, true, true, false}"), "true");
  EXPECT_EQ(reduced("c64", "add", "(0, 1)", "{(1, 2), (3, 4), (5, 6), (7, 8)}"), "(16, 21)");
  EXPECT_EQ(reduced("c128", "multiply", "(1, 0)", "{(0, 1), (0, 1), (2, 0), (1, 0)}"), "(-2, 0)");
}

TEST(Reduce, IntegersWrap) {
  EXPECT_EQ(reduced("s8", "add", "0", "{100, 100, 100, 0}"), "44");
  EXPECT_EQ(reduced("s4", "add", "0", "{7, 7, 7, 7}"), "-4");
  EXPECT_EQ(reduced("u4", "multiply", "1", "{3, 7, 1, 1}"), "5");
}

TEST(Reduce, NanAndInfinity) {
  EXPECT_EQ(reduced("f32", "maximum", "-inf", "{1, nan, 3, 4}"), "nan");
  EXPECT_EQ(reduced("f32", "minimum", "inf", "{1, nan, 3, 4}"), "nan");
  EXPECT_THAT(reduced("f32", "add", "0", "{inf, 1, -inf, 0}"), testing::HasSubstr("nan"));
  EXPECT_EQ(reduced("bf16", "maximum", "-inf", "{-inf, -inf, -inf, -inf}"), "-inf");
}

// Sums round once: 2^24 + 1 + 1 is not lost in f32, nor 256 + 1 + 1 in bf16.
TEST(Reduce, SumsRoundOnce) {
  EXPECT_EQ(reduced("f32", "add", "16777216", "{1, 1, 0, 0}"), "16777218");
  EXPECT_EQ(reduced("bf16", "add", "256", "{1, 1, 0, 0}"), "258");
}

TEST(Reduce, ReducersMayComputeInAWiderType) {
  const std::string wide = R"(
f {
  a = bf16[] parameter(0)
  b = bf16[] parameter(1)
  wa = f32[] convert(a)
  wb = f32[] convert(b)
  s = f32[] add(wb, wa)
  ROOT c = bf16[] convert(s)
}
)";
  EXPECT_EQ(value_of("  x = bf16[3] constant({1, 2, 3})\n  z = bf16[] constant(0)\n"
                     "  ROOT r = bf16[] reduce(x, z), dimensions={0}, to_apply=f",
                     wide),
            "6");
}

// Sums over all choices of dimensions of an array against adding up its elements one by one.
TEST(Reduce, AnyDimensions) {
  const Dims sizes = {3, 1, 4, 5};
  std::vector<float> values(60);
  std::iota(values.begin(), values.end(), 1.0F);
  for (const auto& [type, op] :
       {std::pair{DType::f32, "add"}, {DType::bf16, "maximum"}, {DType::s32, "add"}, {DType::f32, "subtract"}}) {
    const Literal x = convert_elements(literal_of<float>(Shape(DType::f32, sizes), values), type);
    for (int mask = 0; mask < 16; ++mask) {
      std::string dimensions;
      Dims kept;
      for (int d = 0; d < 4; ++d) {
        if ((mask >> d) & 1) {
          dimensions += (dimensions.empty() ? "" : ",") + std::to_string(d);
        } else {
          kept.push_back(sizes[static_cast<size_t>(d)]);
        }
      }
      const Shape shape(type, kept);
      std::vector<double> want(static_cast<size_t>(shape.element_count()), 0);
      const Literal elements = convert_elements(x, DType::f64);
      for (size_t i = 0; i < 60; ++i) {
        const size_t at[] = {i / 20, 0, i / 5 % 4, i % 5};
        size_t to = 0;
        for (int d = 0; d < 4; ++d) {
          if (((mask >> d) & 1) == 0) to = to * static_cast<size_t>(sizes[static_cast<size_t>(d)]) + at[d];
        }
        const double value = elements.values<double>()[i];
        const bool is_max = std::string(op) == "maximum";
        want[to] = is_max ? std::max(want[to], value) : want[to] + (std::string(op) == "add" ? value : -value);
      }
      const std::string name(name_of(type));
      const Literal got = run("  x = " + x.shape().to_string() + " parameter(0)\n  z = " + name +
                                  "[] constant(0)\n  ROOT r = " + shape.to_string() + " reduce(x, z), dimensions={" +
                                  dimensions + "}, to_apply=f",
                              reducer("f", name, op), {x});
      const Literal numbers = convert_elements(got, DType::f64);
      for (size_t i = 0; i < want.size(); ++i) {
        EXPECT_EQ(numbers.values<double>()[i], want[i]) << name << " " << op << " {" << dimensions << "} " << i;
      }
    }
  }
}

TEST(Reduce, NothingToReduceGivesTheStart) {
  EXPECT_EQ(value_of("  x = f32[0,2] parameter(0)\n  z = f32[] constant(3)\n"
                     "  ROOT r = f32[2] reduce(x, z), dimensions={0}, to_apply=f",
                     reducer("f", "f32", "add"), {Literal(Shape(DType::f32, {0, 2}))}),
            "{3, 3}");
  EXPECT_EQ(run("  x = f32[0,2] parameter(0)\n  z = f32[] constant(3)\n"
                "  ROOT r = f32[0] reduce(x, z), dimensions={1}, to_apply=f",
                reducer("f", "f32", "subtract"), {Literal(Shape(DType::f32, {0, 2}))})
                .shape()
                .element_count(),
            0);
}

const std::string kArgmax = R"(
argmax {
  a = f32[] parameter(0)
  i = s32[] parameter(1)
  b = f32[] parameter(2)
  j = s32[] parameter(3)
  greater = pred[] compare(a, b), direction=GE
  v = f32[] select(greater, a, b)
  k = s32[] select(greater, i, j)
  ROOT t = (f32[], s32[]) tuple(v, k)
}
)";

TEST(Reduce, OfSeveralOperands) {
  EXPECT_EQ(value_of(R"(
  x = f32[2,4] constant({{1, 5, 5, 0}, {-3, -1, -2, -1}})
  i = s32[2,4] iota(), iota_dimension=1
  low = f32[] constant(-inf)
  none = s32[] constant(-1)
  ROOT r = (f32[2], s32[2]) reduce(x, i, low, none), dimensions={1}, to_apply=argmax)",
                     kArgmax),
            "{5, -1} ; {1, 1}");
  // More results than a lane program takes at once.
  EXPECT_EQ(value_of(R"(
  x = f32[3,1000] iota(), iota_dimension=0
  i = s32[3,1000] iota(), iota_dimension=1
  low = f32[] constant(-inf)
  none = s32[] constant(-1)
  r = (f32[1000], s32[1000]) reduce(x, i, low, none), dimensions={0}, to_apply=argmax
  v = f32[1000] get-tuple-element(r), index=0
  k = s32[1000] get-tuple-element(r), index=1
  sv = f32[3] slice(v), slice={[0:1000:499]}
  sk = s32[3] slice(k), slice={[0:1000:499]}
  ROOT t = (f32[3], s32[3]) tuple(sv, sk))",
                     kArgmax),
            "{2, 2, 2} ; {0, 499, 998}");
}

// A body that gives its parameters back exchanged must not overwrite one with the other.
TEST(Reduce, ResultsMayBeParameters) {
  const std::string swap = R"(
swap {
  a = s32[] parameter(0)
  b = s32[] parameter(1)
  x = s32[] parameter(2)
  y = s32[] parameter(3)
  ROOT t = (s32[], s32[]) tuple(b, a)
}
)";
  EXPECT_EQ(value_of(R"(
  x = s32[3] constant({1, 2, 3})
  a = s32[] constant(10)
  b = s32[] constant(20)
  ROOT r = (s32[], s32[]) reduce(x, x, a, b), dimensions={0}, to_apply=swap)",
                     swap),
            "20 ; 10");
}

TEST(Reduce, ReducersMayCallAndLoop) {
  const std::string body = R"(
inner {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  s = f32[] subtract(a, b)
  ROOT t = (f32[], f32[]) tuple(s, b)
}
outer {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  half = f32[] constant(0.5)
  h = f32[] multiply(b, half)
  t = (f32[], f32[]) call(a, h), to_apply=inner
  ROOT r = f32[] get-tuple-element(t), index=0
}
)";
  EXPECT_EQ(value_of("  x = f32[3] constant({2, 4, 6})\n  z = f32[] constant(10)\n"
                     "  ROOT r = f32[] reduce(x, z), dimensions={0}, to_apply=outer",
                     body),
            "4");
}

TEST(Scan, RunsStepByStep) {
  const std::string body = R"(
body {
  x = f32[2] parameter(0)
  sum = f32[2] parameter(1)
  next = f32[2] add(sum, x)
  ROOT t = (f32[2], f32[2]) tuple(next, next)
}
)";
  const std::string entry =
      "  x = f32[2,3] constant({{1, 2, 3}, {10, 20, 30}})\n  z = f32[2] constant({0, 100})\n"
      "  ROOT s = (f32[2,3], f32[2]) scan(x, z), dimensions={1}, num_carries=1, to_apply=body";
  EXPECT_EQ(value_of(entry, body), "{ { 1, 3, 6 }, { 110, 130, 160 } } ; {6, 160}");
  EXPECT_EQ(value_of(entry + ", is_reverse=true", body), "{ { 6, 5, 3 }, { 160, 150, 130 } } ; {6, 160}");
}

TEST(DimensionSize, IsThatOfTheShape) {
  EXPECT_EQ(value_of("  x = f32[2,3] parameter(0)\n  ROOT s = s32[] get-dimension-size(x), dimensions={1}", "",
                     {Literal(Shape(DType::f32, {2, 3}))}),
            "3");
}

}  // namespace
}  // namespace gshard
