#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "eval/elements.h"
#include "run_text.h"

namespace gshard {
namespace {

std::string comparator(const std::string& type, const std::string& relation) {
  return "less {\n  a = " + type + "[] parameter(0)\n  b = " + type +
         "[] parameter(1)\n  ROOT c = pred[] compare(a, b), direction=" + relation + "\n}\n";
}

std::string sorted(const std::string& shape, const std::string& values, const std::string& relation,
                   const std::string& dimension = "0") {
  return value_of("  x = " + shape + " constant(" + values + ")\n  ROOT y = " + shape + " sort(x), dimensions={" +
                      dimension + "}, to_apply=less",
                  comparator(shape.substr(0, shape.find('[')), relation));
}

TEST(Sort, Numbers) {
  EXPECT_EQ(sorted("s32[5]", "{3, -1, 2, -1, 0}", "LT"), "{-1, -1, 0, 2, 3}");
  EXPECT_EQ(sorted("u8[4]", "{200, 1, 255, 0}", "GT"), "{255, 200, 1, 0}");
  EXPECT_EQ(sorted("u64[3]", "{18446744073709551615, 0, 9223372036854775808}", "LT"),
            "{0, 9223372036854775808, 18446744073709551615}");
  EXPECT_EQ(sorted("bf16[4]", "{1, -inf, 0.5, inf}", "LT"), "{-inf, 0.5, 1, inf}");
  EXPECT_EQ(sorted("s4[3]", "{7, -8, 0}", "GT"), "{7, 0, -8}");
}

TEST(Sort, AlongAnyDimension) {
  EXPECT_EQ(sorted("s32[2,3]", "{{3, 1, 2}, {0, 5, 1}}", "LT", "1"), "{ { 1, 2, 3 }, { 0, 1, 5 } }");
  EXPECT_EQ(sorted("s32[2,3]", "{{3, 1, 2}, {0, 5, 1}}", "LT", "0"), "{ { 0, 1, 1 }, { 3, 5, 2 } }");
}

TEST(Sort, TotalOrder) {
  EXPECT_EQ(sorted("f32[6]", "{nan, 0, inf, -0, -nan, -inf}", "LT, type=TOTALORDER"), "{-nan, -inf, -0, 0, inf, nan}");
}

// A comparator that is no order at all still gives back the same elements.
TEST(Sort, KeepsAllElementsWhateverTheComparatorSays) {
  const std::string text = sorted("f32[6]", "{2, nan, 1, nan, 3, 0}", "LT");
  for (const std::string value : {"0", "1", "2", "3"}) EXPECT_NE(text.find(value), std::string::npos) << text;
  EXPECT_EQ(sorted("s32[5]", "{1, 2, 3, 4, 5}", "NE").size(), sorted("s32[5]", "{5, 4, 3, 2, 1}", "EQ").size());
}

// The second operand tells where each element came from.
TEST(Sort, IsStableAndCarriesOperandsAlong) {
  EXPECT_EQ(value_of(R"(
  k = s32[6] constant({1, 0, 1, 0, 2, 1})
  v = f32[6] iota(), iota_dimension=0
  ROOT y = (s32[6], f32[6]) sort(k, v), dimensions={0}, is_stable=true, to_apply=less)",
                     R"(
less {
  a = s32[] parameter(0)
  b = s32[] parameter(1)
  c = f32[] parameter(2)
  d = f32[] parameter(3)
  ROOT r = pred[] compare(a, b), direction=LT
}
)"),
            "{0, 0, 1, 1, 1, 2} ; {1, 3, 0, 2, 5, 4}");
}

TEST(Sort, ByTheSecondOperandBackwards) {
  EXPECT_EQ(value_of(R"(
  k = s32[3] constant({1, 2, 3})
  v = f32[3] constant({5, 7, 6})
  ROOT y = (s32[3], f32[3]) sort(k, v), dimensions={0}, to_apply=less)",
                     R"(
less {
  a = s32[] parameter(0)
  b = s32[] parameter(1)
  c = f32[] parameter(2)
  d = f32[] parameter(3)
  ROOT r = pred[] compare(d, c), direction=LT
}
)"),
            "{2, 3, 1} ; {7, 6, 5}");
}

// Two keys: what a comparator of several ops says, against std::stable_sort.
TEST(Sort, ByAnyComparator) {
  constexpr size_t kSize = 1000;
  std::vector<int32_t> first(kSize);
  std::vector<int32_t> second(kSize);
  for (size_t i = 0; i < kSize; ++i) {
    first[i] = static_cast<int32_t>(random_bits(1, i) % 10);
    second[i] = static_cast<int32_t>(random_bits(2, i) % 50);
  }
  const Shape shape(DType::s32, {static_cast<int64_t>(kSize)});
  const Literal result = run(R"(
  x = s32[1000] parameter(0)
  y = s32[1000] parameter(1)
  i = s32[1000] iota(), iota_dimension=0
  ROOT t = (s32[1000], s32[1000], s32[1000]) sort(x, y, i), dimensions={0}, is_stable=true, to_apply=less)",
                             R"(
less {
  a = s32[] parameter(0)
  b = s32[] parameter(1)
  c = s32[] parameter(2)
  d = s32[] parameter(3)
  e = s32[] parameter(4)
  f = s32[] parameter(5)
  before = pred[] compare(a, b), direction=LT
  same = pred[] compare(a, b), direction=EQ
  after = pred[] compare(c, d), direction=GT
  tie = pred[] and(same, after)
  ROOT r = pred[] or(before, tie)
}
)",
                             {literal_of<int32_t>(shape, first), literal_of<int32_t>(shape, second)});
  std::vector<int32_t> order(kSize);
  for (size_t i = 0; i < kSize; ++i) order[i] = static_cast<int32_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](int32_t i, int32_t j) {
    const auto a = static_cast<size_t>(i);
    const auto b = static_cast<size_t>(j);
    return first[a] != first[b] ? first[a] < first[b] : second[a] > second[b];
  });
  for (size_t i = 0; i < kSize; ++i) EXPECT_EQ(result.elements()[2].values<int32_t>()[i], order[i]) << i;
}

TEST(Sort, NothingAndOne) {
  EXPECT_EQ(run("  x = f32[0] parameter(0)\n  ROOT y = f32[0] sort(x), dimensions={0}, to_apply=less",
                comparator("f32", "LT"), {Literal(Shape(DType::f32, {0}))})
                .shape()
                .element_count(),
            0);
  EXPECT_EQ(sorted("f32[1]", "{4}", "GT"), "{4}");
}

TEST(TopK, LargestAndSmallest) {
  const std::string x = "f32[2,4] {{1, 4, 4, 2}, {-1, -2, -3, -4}}";
  EXPECT_EQ(apply("(f32[2,2], s32[2,2]) topk", {x}, "k=2, largest=true"),
            "{ { 4, 4 }, { -1, -2 } } ; { { 1, 2 }, { 0, 1 } }");
  EXPECT_EQ(apply("(f32[2,2], s32[2,2]) topk", {x}, "k=2, largest=false"),
            "{ { 1, 2 }, { -4, -3 } } ; { { 0, 3 }, { 3, 2 } }");
}

TEST(TopK, TotalOrderAndIntegers) {
  EXPECT_EQ(apply("(f32[4], s32[4]) topk", {"f32[4] {0, nan, -0, inf}"}, "k=4, largest=true"),
            "{nan, inf, 0, -0} ; {1, 3, 0, 2}");
  EXPECT_EQ(apply("(u8[1], s32[1]) topk", {"u8[3] {3, 255, 255}"}, "k=1, largest=true"), "{255} ; {1}");
  EXPECT_EQ(apply("(s32[0], s32[0]) topk", {"s32[3] {3, 2, 1}"}, "k=0, largest=true").find("3"), std::string::npos);
}

TEST(TopK, AsACustomCall) {
  EXPECT_EQ(apply("(f32[1,2], s32[1,2]) custom-call", {"f32[1,3] {{1, 3, 2}}"}, "custom_call_target=\"TopK\""),
            "{ { 3, 2 } } ; { { 1, 2 } }");
}

}  // namespace
}  // namespace gshard
