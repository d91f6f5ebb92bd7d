#include "ops/counted_loop.h"

#include <gtest/gtest.h>

#include "parse_verified.h"

namespace gshard {
namespace {

struct LoopText {
  std::string start = "constant(0)";
  std::string step = "add(i, one)";
  std::string test = "compare(i, ten), direction=LT";
  std::string note = "";
};

std::optional<int64_t> trips(const LoopText& text) {
  const auto module = parse_verified(R"(HloModule m
condition {
  p = (s32[], s32[]) parameter(0)
  i = get-tuple-element(p), index=0
  bound = get-tuple-element(p), index=1
  ten = s32[] constant(10)
  ROOT c = )" + text.test + R"(
}
body {
  p = (s32[], s32[]) parameter(0)
  i = get-tuple-element(p), index=0
  bound = get-tuple-element(p), index=1
  one = s32[] constant(1)
  j = )" + text.step + R"(
  ROOT r = tuple(j, bound)
}
ENTRY e {
  a = s32[] parameter(0)
  start = s32[] )" + text.start + R"(
  seven = s32[] constant(7)
  t = tuple(start, seven)
  ROOT w = while(t), condition=condition, body=body)" +
                                     text.note + "\n}\n");
  return counted_trips(*module->entry()->root());
}

TEST(CountedLoop, CountsFromAConstantToAConstant) {
  EXPECT_EQ(trips({}), 10);
  EXPECT_EQ(trips({.start = "constant(10)"}), 0);
  EXPECT_EQ(trips({.start = "constant(3)", .step = "add(one, i)"}), 7);
  EXPECT_EQ(trips({.start = "constant(15)", .step = "subtract(i, one)", .test = "compare(i, ten), direction=GE"}), 6);
  EXPECT_EQ(trips({.test = "compare(ten, i), direction=GT"}), 10);
  EXPECT_EQ(trips({.test = "compare(i, ten), direction=NE"}), 10);
}

TEST(CountedLoop, TheBoundMayBeStateThatStays) { EXPECT_EQ(trips({.test = "compare(i, bound), direction=LE"}), 8); }

TEST(CountedLoop, WhatTheLoopSaysHolds) {
  EXPECT_EQ(trips({.start = "copy(a)", .note = R"(, backend_config={"known_trip_count":{"n":"32"}})"}), 32);
}

TEST(CountedLoop, OthersAreNotKnown) {
  EXPECT_EQ(trips({.start = "copy(a)"}), std::nullopt);
  EXPECT_EQ(trips({.step = "add(i, i)"}), std::nullopt);
  EXPECT_EQ(trips({.step = "subtract(i, one)", .test = "compare(i, ten), direction=NE"}), std::nullopt);
  EXPECT_EQ(trips({.step = "multiply(i, one)"}), std::nullopt);
}

}  // namespace
}  // namespace gshard
