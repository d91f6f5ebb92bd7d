// sort and topk on the CPU backend against the evaluator: ties, NaNs and zeros of both signs among the elements.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "equals_evaluator.h"
#include "eval/elements.h"
#include "parse_verified.h"

namespace gshard {
namespace {

enum class Specials : uint8_t { none, zeros, nans };

// Few different numbers, so that many are equal.
Literal elements_with_ties(const Shape& shape, uint64_t seed, Specials specials) {
  std::mt19937_64 random(seed);
  Literal wide(shape.with_type(DType::f64));
  for (double& x : wide.mutable_values<double>()) {
    x = static_cast<double>(random() % 60) / 4 - (is_unsigned_int(shape.type()) ? 0 : 7);
    if (!is_floating(shape.type())) x = std::floor(x);
    if (!is_floating(shape.type()) || specials == Specials::none) continue;
    if (random() % 8 == 0) x = random() % 2 == 0 ? 0.0 : -0.0;
    if (random() % 50 == 0) x = std::numeric_limits<double>::infinity() * (random() % 2 == 0 ? 1 : -1);
    if (specials == Specials::nans && random() % 9 == 0) x = std::numeric_limits<double>::quiet_NaN();
  }
  return convert_elements(wide, shape.type());
}

void expect_equal(const std::string& text, Specials specials) {
  SCOPED_TRACE(text);
  const auto module = parse_verified(text);
  std::vector<Literal> arguments;
  for (const Instruction* parameter : module->entry()->parameters()) {
    arguments.push_back(elements_with_ties(parameter->shape(), arguments.size() + 1, specials));
  }
  EXPECT_EQ(difference_from_evaluator(*module, arguments), "");
  EXPECT_EQ(steps_of_the_evaluator(*module), "");
}

// Comparators over a key %T and a payload s32; the operands are (key, payload, key).
struct ComparatorCase {
  const char* name;
  const char* body;
};
constexpr ComparatorCase kComparators[] = {
    {"Less", "ROOT r = pred[] compare(a0, b0), direction=LT"},
    {"Greater", "ROOT r = pred[] compare(a0, b0), direction=GT"},
    {"GreaterSwapped", "ROOT r = pred[] compare(b0, a0), direction=LT"},
    {"TotalOrder", "ROOT r = pred[] compare(a0, b0), direction=GT, type=TOTALORDER"},
    {"ByPayload", "ROOT r = pred[] compare(a1, b1), direction=LT"},
    {"AtMost", "ROOT r = pred[] compare(a0, b0), direction=LE"},
    {"Computed",
     "n0 = %T[] negate(a0)\n m0 = %T[] multiply(n0, a0)\n n1 = %T[] negate(b0)\n m1 = %T[] multiply(n1, b0)\n "
     "ROOT r = pred[] compare(m0, m1), direction=LT, type=TOTALORDER"},
    {"TwoKeys",
     "first = pred[] compare(a0, b0), direction=GT\n tie = pred[] compare(b0, a0), direction=EQ\n "
     "second = pred[] compare(a2, b2), direction=LT\n both = pred[] and(second, tie)\n ROOT r = pred[] or(first, "
     "both)"},
    {"TwoKeysSelected",
     "first = pred[] compare(a2, b2), direction=LT, type=TOTALORDER\n tie = pred[] compare(a2, b2), direction=EQ, "
     "type=TOTALORDER\n second = pred[] compare(a1, b1), direction=GT\n ROOT r = pred[] select(tie, second, first)"},
    {"NoOrder", "s = %T[] add(a0, b2)\n ROOT r = pred[] compare(s, b0), direction=LT"},
};

std::string sort_text(const std::string& type, const std::string& body, const std::string& dims, int64_t dimension) {
  std::string text = fmt::format(
      "HloModule m\nby {{\n a0 = %T[] parameter(0)\n b0 = %T[] parameter(1)\n a1 = s32[] parameter(2)\n"
      " b1 = s32[] parameter(3)\n a2 = %T[] parameter(4)\n b2 = %T[] parameter(5)\n {}\n}}\n"
      "ENTRY e {{\n x = %T{} parameter(0)\n i = s32{} parameter(1)\n y = %T{} parameter(2)\n"
      " ROOT s = (%T{}, s32{}, %T{}) sort(x, i, y), dimensions={{{}}}, to_apply=by, is_stable=true\n}}\n",
      body, dims, dims, dims, dims, dims, dims, dimension);
  for (size_t at; (at = text.find("%T")) != std::string::npos;) text.replace(at, 2, type);
  return text;
}

class Sorts : public testing::TestWithParam<ComparatorCase> {};
INSTANTIATE_TEST_SUITE_P(Comparators, Sorts, testing::ValuesIn(kComparators),
                         [](const auto& info) { return info.param.name; });

TEST_P(Sorts, OfEveryType) {
  for (const char* type : {"f32", "bf16", "f16", "f64", "s32", "s64", "s8", "u16", "u32", "u64"}) {
    if (std::string(GetParam().body).find("negate") != std::string::npos && type[0] == 'u') continue;
    std::string body = GetParam().body;
    if (type[0] != 'f' && type[0] != 'b') {
      for (size_t at; (at = body.find(", type=TOTALORDER")) != std::string::npos;) body.erase(at, 17);
    }
    for (const Specials specials : {Specials::none, Specials::zeros, Specials::nans}) {
      expect_equal(sort_text(type, body, "[3,37]", 1), specials);
      if (type[0] != 'f' && type[0] != 'b') break;
      // What sign a NaN has that was computed is nobody's business.
      if (specials == Specials::zeros && std::string(GetParam().name) == "Computed") break;
    }
  }
}

TEST_P(Sorts, OfEveryShape) {
  struct Case {
    const char* dims;
    int64_t dimension;
  };
  for (const Case& c : {Case{"[0]", 0}, {"[1]", 0}, {"[2000]", 0}, {"[5,1]", 1}, {"[70,9]", 0}, {"[4,600,3]", 1}}) {
    for (const char* type : {"f32", "s64"}) {
      std::string body = GetParam().body;
      if (type[0] == 's') {
        for (size_t at; (at = body.find(", type=TOTALORDER")) != std::string::npos;) body.erase(at, 17);
      }
      expect_equal(sort_text(type, body, c.dims, c.dimension), Specials::zeros);
      if (std::string(GetParam().name) == "Computed") continue;
      expect_equal(sort_text(type, body, c.dims, c.dimension), Specials::nans);
    }
  }
}

// What JAX writes: zeros and NaNs are made alike before they are compared.
TEST(Sort, OfNumbersMadeAlike) {
  expect_equal(R"(HloModule m

by {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  zero = f32[] constant(0)
  nan = f32[] constant(nan)
  a_is_zero = pred[] compare(a, zero), direction=EQ
  a1 = f32[] select(a_is_zero, zero, a)
  a_is_nan = pred[] compare(a, a), direction=NE
  a2 = f32[] select(a_is_nan, nan, a1)
  b_is_zero = pred[] compare(b, zero), direction=EQ
  b1 = f32[] select(b_is_zero, zero, b)
  b_is_nan = pred[] compare(b, b), direction=NE
  b2 = f32[] select(b_is_nan, nan, b1)
  ROOT r = pred[] compare(a2, b2), direction=LT, type=TOTALORDER
}

ENTRY e {
  x = f32[20,900] parameter(0)
  ROOT y = f32[20,900] sort(x), dimensions={1}, to_apply=by, is_stable=true
}
)",
               Specials::nans);
}

TEST(Sort, OfWhichTheFirstAreRead) {
  for (const int64_t k : {1, 7, 300}) {
    expect_equal(fmt::format(R"(HloModule m

by {{
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  i = s32[] parameter(2)
  j = s32[] parameter(3)
  ROOT r = pred[] compare(a, b), direction=GT, type=TOTALORDER
}}

ENTRY e {{
  x = f32[9,300] parameter(0)
  i = s32[9,300] iota(), iota_dimension=1
  s = (f32[9,300], s32[9,300]) sort(x, i), dimensions={{1}}, to_apply=by, is_stable=true
  values = f32[9,300] get-tuple-element(s), index=0
  places = s32[9,300] get-tuple-element(s), index=1
  v = f32[9,{0}] slice(values), slice={{[0:9], [0:{0}]}}
  p = s32[9,{0}] slice(places), slice={{[0:9], [0:{0}]}}
  ROOT r = (f32[9,{0}], s32[9,{0}]) tuple(v, p)
}}
)",
                             k),
                 Specials::nans);
  }
}

class TopKOf : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Types, TopKOf,
                         testing::Values("f32", "bf16", "f16", "f64", "s32", "s64", "s8", "u16", "u32", "u64"),
                         [](const auto& info) { return info.param; });

TEST_P(TopKOf, EveryShape) {
  for (const auto& [dims, n] : {std::pair("2,3,", 8), {"", 1}, {"40,", 300}, {"", 5000}, {"1000,", 16}}) {
    for (const int64_t k : {0, 1, 2, 16, 17, 40, 300, 5000}) {
      if (k > n) continue;
      for (const char* largest : {"true", "false"}) {
        expect_equal(fmt::format("HloModule m\nENTRY e {{\n x = {0}[{1}{2}] parameter(0)\n"
                                 " ROOT t = ({0}[{1}{3}], s32[{1}{3}]) topk(x), k={3}, largest={4}\n}}\n",
                                 GetParam(), dims, n, k, largest),
                     Specials::nans);
      }
    }
  }
}

}  // namespace
}  // namespace gshard
