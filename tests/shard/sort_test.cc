// Sorts, top-k and reductions by combiners of their own, along dimensions that are cut.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shard/against_the_whole.h"
#include "shard/checked.h"
#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

TEST(Sort, ACutDimensionIsExchangedForAFreeOne) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
less {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  i = s32[] parameter(2)
  j = s32[] parameter(3)
  ROOT c = pred[] compare(a, b), direction=LT
}
ENTRY e {
  x = f32[37,9] parameter(0), sharding={devices=[4,1]<=[4]}
  places = s32[37,9] iota(), iota_dimension=0
  r = (f32[37,9], s32[37,9]) sort(x, places), dimensions={0}, is_stable=true, to_apply=less
  ROOT order = s32[37,9] get-tuple-element(r), index=1, sharding={devices=[4,1]<=[4]}
}
)");
  EXPECT_EQ(largest_result(program, Op::all_gather), 0) << print(*program.module);
  EXPECT_GT(largest_result(program, Op::all_to_all), 0);
  EXPECT_EQ(program.reshards.size(), 2u) << "numbers that count up are made where they are read";
}

TEST(Sort, TheTopOfACutRowIsGatheredFromTheTopsOfItsParts) {
  for (const char* call :
       {"topk(x), k=4, largest=true", "topk(x), k=4, largest=false", "custom-call(x), custom_call_target=\"TopK\""}) {
    for (const char* type : {"f32", "s32", "u8"}) {
      const Partitioned program = checked(fmt::format(R"(
HloModule m, num_partitions=8
ENTRY e {{
  x = {0}[2,501] parameter(0), sharding={{devices=[1,4,2]<=[2,4]T(1,0) last_tile_dim_replicate}}
  ROOT top = ({0}[2,4], s32[2,4]) {1}, sharding={{{{replicated}}, {{replicated}}}}
}}
)",
                                                      type, call));
      EXPECT_EQ(largest_result(program, Op::all_gather), 32) << print(*program.module);
    }
  }
}

// More than a part has; parts without any element.
TEST(Sort, TheTopMayNeedWholeParts) {
  checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[9] parameter(0), sharding={devices=[4]<=[4]}
  some = (f32[5], s32[5]) topk(x), k=5, largest=true
  ROOT all = (f32[9], s32[9]) topk(x), k=9, largest=false
}
)");
}

// In total order -NaN comes after all numbers and NaN before: padding comes after both.
TEST(Sort, PaddingComesAfterEveryNumber) {
  const auto module = parse_module(R"(
HloModule m, num_partitions=2
ENTRY e {
  bits = u32[7] parameter(0), sharding={devices=[2]<=[2]}
  x = f32[7] bitcast-convert(bits)
  top = (f32[7], s32[7]) topk(x), k=7, largest=true
  bottom = (f32[7], s32[7]) topk(x), k=7, largest=false
  order = s32[7] get-tuple-element(top), index=1, sharding={replicated}
  other_order = s32[7] get-tuple-element(bottom), index=1, sharding={replicated}
  ROOT r = (s32[7], s32[7]) tuple(order, other_order)
}
)");
  Literal bits{Shape(DType::u32, {7})};
  const uint32_t values[] = {0xFFFFFFFF, 0x7FC00000, 0xFF800000, 0x7F800000, 0xFFC00000, 0x7FFFFFFF, 0x80000000};
  std::copy(std::begin(values), std::end(values), bits.mutable_values<uint32_t>().begin());
  const Verdict verdict = against_the_whole(*module, std::vector<Literal>{bits}, Numbers::declared);
  EXPECT_EQ(verdict.kind, Verdict::Kind::same) << verdict.text;
  EXPECT_EQ(largest_result(partition(*module), Op::all_gather), 8);
}

constexpr const char* kLargestWithPlace = R"(
HloModule m, num_partitions=4
largest {
  a = f32[] parameter(0)
  i = s32[] parameter(1)
  b = f32[] parameter(2)
  j = s32[] parameter(3)
  greater = pred[] compare(a, b), direction=GT
  equal = pred[] compare(a, b), direction=EQ
  before = pred[] compare(i, j), direction=LT
  tie = pred[] and(equal, before)
  left = pred[] or(greater, tie)
  x = f32[] select(left, a, b)
  k = s32[] select(left, i, j)
  ROOT r = (f32[], s32[]) tuple(x, k)
}
ENTRY e {
  x = f32[5,SIZE,3] parameter(0), sharding={devices=[1,4,1]<=[4]}
  places = s32[5,SIZE,3] iota(), iota_dimension=1
  low = f32[] constant(-inf)
  none = s32[] constant(0)
  r = (f32[5,3], s32[5,3]) reduce(x, places, low, none), dimensions={1}, to_apply=largest
  ROOT best = s32[5,3] get-tuple-element(r), index=1, sharding={replicated}
}
)";

TEST(Sort, TheLargestOfAllIsTheLargestOfThoseOfTheParts) {
  for (const char* size : {"8", "9", "23", "3"}) {
    std::string text = kLargestWithPlace;
    for (size_t at = text.find("SIZE"); at != std::string::npos; at = text.find("SIZE")) text.replace(at, 4, size);
    const Partitioned program = checked(text);
    EXPECT_LE(largest_result(program, Op::all_gather), 60) << print(*program.module);
  }
}

// A sum of squares is no reduction in parts, nor one from a value that counts each time.
TEST(Sort, WhatCannotBeReducedInPartsIsNot) {
  for (const char* body : {"multiply(b, b)", "negate(b)", "add(b, one)"}) {
    checked(fmt::format(R"(
HloModule m, num_partitions=4
f {{
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  one = f32[] constant(1)
  x = f32[] {}
  ROOT r = f32[] add(a, x)
}}
ENTRY e {{
  x = f32[9,3] parameter(0), sharding={{devices=[4,1]<=[4]}}
  init = f32[] constant(0)
  ROOT r = f32[3] reduce(x, init), dimensions={{0}}, to_apply=f
}}
)",
                        body));
  }
}

TEST(Sort, TheFirstOfEqualsIsTheFirstOfTheWhole) {
  checked(R"(
HloModule m, num_partitions=4
first {
  a = s32[] parameter(0)
  i = s32[] parameter(1)
  b = s32[] parameter(2)
  j = s32[] parameter(3)
  left = pred[] compare(a, b), direction=GE
  x = s32[] select(left, a, b)
  k = s32[] select(left, i, j)
  ROOT r = (s32[], s32[]) tuple(x, k)
}
ENTRY e {
  x = s32[6,7] parameter(0), sharding={devices=[2,2]<=[4]}
  places = s32[42] iota(), iota_dimension=0
  numbers = s32[6,7] reshape(places)
  low = s32[] constant(-2147483648)
  none = s32[] constant(-1)
  ROOT r = (s32[], s32[]) reduce(x, numbers, low, none), dimensions={0,1}, to_apply=first
}
)");
}

}  // namespace
}  // namespace gshard
