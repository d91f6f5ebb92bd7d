// Loops that permute dimensions and do something on the way, against the evaluator.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "parse_verified.h"

namespace gshard {
namespace {

void expect_equal(const std::string& text) {
  SCOPED_TRACE(text);
  const auto module = parse_verified(text);
  EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1, {Signs::both})), "");
}

struct Sizes {
  int64_t rows;
  int64_t columns;
};

class Transposes : public testing::TestWithParam<Sizes> {};
INSTANTIATE_TEST_SUITE_P(Sizes, Transposes,
                         testing::Values(Sizes{8, 8}, Sizes{16, 256}, Sizes{9, 23}, Sizes{100, 17}, Sizes{272, 1040},
                                         Sizes{1027, 261}),
                         [](const auto& info) { return fmt::format("{}x{}", info.param.rows, info.param.columns); });

// Arrays that are read along both dimensions, numbers of both, and arrays of several types.
TEST_P(Transposes, InsideOfChains) {
  const auto& [rows, columns] = GetParam();
  for (const char* type : {"f32", "bf16", "f64"}) {
    expect_equal(fmt::format(R"(HloModule m
ENTRY e {{
  x = {2}[{0},{1}] parameter(0)
  y = {2}[{1},{0}] parameter(1)
  z = bf16[{0},{1}] parameter(2)
  s = {2}[{0}] parameter(3)
  xt = {2}[{1},{0}] transpose(x), dimensions={{1,0}}
  w = {2}[{0},{1}] convert(z)
  wt = {2}[{1},{0}] transpose(w), dimensions={{1,0}}
  sb = {2}[{1},{0}] broadcast(s), dimensions={{1}}
  a = {2}[{1},{0}] multiply(xt, sb)
  b = {2}[{1},{0}] add(a, y)
  ROOT c = {2}[{1},{0}] subtract(b, wt)
}}
)",
                             rows, columns, type));
  }
}

TEST_P(Transposes, OfPartsOfArrays) {
  const auto& [rows, columns] = GetParam();
  for (const char* type : {"f32", "bf16", "s8"}) {
    expect_equal(fmt::format(R"(HloModule m
ENTRY e {{
  x = {4}[3,{2},{3}] parameter(0)
  part = {4}[3,{0},{1}] slice(x), slice={{[0:3], [1:{5}], [2:{3}]}}
  back = {4}[3,{0},{1}] reverse(part), dimensions={{1}}
  ROOT t = {4}[3,{1},{0}] transpose(back), dimensions={{0,2,1}}
}}
)",
                             rows, columns, rows + 1, columns + 2, type, rows + 1));
  }
}

// The same, of an array that is padded first and so read with care.
TEST_P(Transposes, OfPaddedArrays) {
  const auto& [rows, columns] = GetParam();
  expect_equal(fmt::format(R"(HloModule m
ENTRY e {{
  x = f32[{0},{1}] parameter(0)
  zero = f32[] constant(0)
  p = f32[{2},{3}] pad(x, zero), padding=1_2x0_3
  t = f32[{3},{2}] transpose(p), dimensions={{1,0}}
  y = f32[{3},{2}] parameter(1)
  ROOT s = f32[{3},{2}] add(t, y)
}}
)",
                           rows, columns, rows + 3, columns + 3));
}

TEST(Transpose, OfSeveralDimensions) {
  for (const char* order : {"2,1,0,3", "3,0,2,1", "1,3,0,2", "3,2,1,0"}) {
    Dims sizes{12, 20, 9, 33};
    Dims moved;
    for (const char* d = order;; d += 2) {
      moved.push_back(sizes[static_cast<size_t>(*d - '0')]);
      if (d[1] == 0) break;
    }
    expect_equal(fmt::format(R"(HloModule m
ENTRY e {{
  x = f32[12,20,9,33] parameter(0)
  t = f32[{0}] transpose(x), dimensions={{{1}}}
  ROOT y = bf16[{0}] convert(t)
}}
)",
                             fmt::join(moved, ","), order));
  }
}

}  // namespace
}  // namespace gshard
