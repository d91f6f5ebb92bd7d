#include "transform/trip_count.h"

#include <gtest/gtest.h>

#include "text/parse.h"

namespace gshard {
namespace {

const Instruction& loop_of(const Module& module) {
  for (const auto& x : module.entry()->instructions()) {
    if (x->op() == Op::while_) return *x;
  }
  GSHARD_CHECK(false, "no loop");
}

std::optional<int64_t> count_of(const std::string& text) { return trip_count(loop_of(*parse_module(text))); }

// A loop over one counter and an array, written in the language of its parts.
struct Counter {
  std::string type = "s32";
  std::string start = "0";
  std::string step = "1";
  std::string op = "add";
  std::string direction = "LT";
  std::string bound = "10";
};

std::string text_of(const Counter& c) {
  const std::string state = "(" + c.type + "[], f32[4])";
  const std::string head = "  s = " + state + " parameter(0)\n  i = " + c.type + "[] get-tuple-element(s), index=0\n";
  return "HloModule m\ncondition {\n" + head + "  n = " + c.type + "[] constant(" + c.bound +
         ")\n  ROOT p = pred[] compare(i, n), direction=" + c.direction + "\n}\nbody {\n" + head + "  d = " + c.type +
         "[] constant(" + c.step + ")\n  j = " + c.type + "[] " + c.op +
         "(i, d)\n  x = f32[4] get-tuple-element(s), index=1\n  y = f32[4] cosine(x)\n  ROOT r = " + state +
         " tuple(j, y)\n}\nENTRY main {\n  x = f32[4] parameter(0)\n  z = " + c.type + "[] constant(" + c.start +
         ")\n  t = " + state + " tuple(z, x)\n  ROOT w = " + state + " while(t), condition=condition, body=body\n}\n";
}

struct Case {
  Counter counter;
  std::optional<int64_t> count;
};

class Counting : public testing::TestWithParam<Case> {};

TEST_P(Counting, IsKnown) { EXPECT_EQ(count_of(text_of(GetParam().counter)), GetParam().count); }

INSTANTIATE_TEST_SUITE_P(
    Loops, Counting,
    testing::Values(Case{{}, 10}, Case{{.start = "10"}, 0}, Case{{.start = "11"}, 0}, Case{{.step = "3"}, 4},
                    Case{{.direction = "LE"}, 11}, Case{{.direction = "LE", .bound = "-1"}, 0},
                    Case{{.start = "10", .step = "-1", .direction = "GT", .bound = "0"}, 10},
                    Case{{.start = "10", .step = "-1", .direction = "GE", .bound = "0"}, 11},
                    Case{{.start = "10", .op = "subtract", .direction = "GT", .bound = "0"}, 10},
                    Case{{.step = "2", .direction = "NE"}, 5}, Case{{.direction = "EQ", .bound = "0"}, 1},
                    Case{{.direction = "EQ", .bound = "3"}, 0},
                    // Far beyond what could be run.
                    Case{{.type = "s64", .bound = "4000000000000"}, 4'000'000'000'000},
                    Case{{.type = "u64", .start = "1", .bound = "18446744073709551615"}, std::nullopt},
                    Case{{.type = "u32", .start = "7", .step = "4294967295", .direction = "GT", .bound = "2"}, 5},
                    // Never ends, or only after the counter wrapped around.
                    Case{{.step = "0"}, std::nullopt}, Case{{.step = "-1"}, std::nullopt},
                    Case{{.type = "s8", .start = "100", .step = "1", .direction = "GT", .bound = "0"}, 28},
                    Case{{.type = "u8", .step = "3", .direction = "NE", .bound = "2"}, 86},
                    // No sum, so it is run.
                    Case{{.start = "1", .step = "2", .op = "multiply", .bound = "1000"}, 10},
                    Case{{.type = "f32", .step = "0.25", .bound = "1"}, 4}));

// A loop whose counter goes through a call, a fusion and a copy, with the bound as an unchanging part of the state.
constexpr const char* kThroughCalls = R"(HloModule m
increment {
  i = s32[] parameter(0)
  one = s32[] constant(1)
  ROOT j = s32[] add(i, one)
}
test {
  s = (s32[], s64[], f32[4]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  wide = s64[] convert(i)
  n = s64[] get-tuple-element(s), index=1
  ROOT p = pred[] compare(n, wide), direction=GT
}
condition {
  s = (s32[], s64[], f32[4]) parameter(0)
  ROOT p = pred[] call(s), to_apply=test
}
work {
  s = (s32[], s64[], f32[4]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  c = s32[] copy(i)
  j = s32[] fusion(c), kind=kLoop, calls=increment
  n = s64[] get-tuple-element(s), index=1
  x = f32[4] get-tuple-element(s), index=2
  ROOT r = (s32[], s64[], f32[4]) tuple(j, n, x)
}
body {
  s = (s32[], s64[], f32[4]) parameter(0)
  ROOT r = (s32[], s64[], f32[4]) call(s), to_apply=work
}
ENTRY main {
  x = f32[4] parameter(0)
  two = s32[] constant(2)
  four = s32[] multiply(two, two)
  n = s64[] constant(50000)
  t = (s32[], s64[], f32[4]) tuple(four, n, x)
  ROOT w = (s32[], s64[], f32[4]) while(t), condition=condition, body=body
}
)";

TEST(TripCount, IsFoundThroughCallsAndInvariants) { EXPECT_EQ(count_of(kThroughCalls), 49996); }

TEST(TripCount, IsUnknownWhereDataDecides) {
  EXPECT_EQ(count_of(R"(HloModule m
condition {
  s = (s32[], s32[]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  n = s32[] get-tuple-element(s), index=1
  ROOT p = pred[] compare(i, n), direction=LT
}
body {
  s = (s32[], s32[]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  n = s32[] get-tuple-element(s), index=1
  one = s32[] constant(1)
  j = s32[] add(i, one)
  ROOT r = (s32[], s32[]) tuple(j, n)
}
ENTRY main {
  n = s32[] parameter(0)
  zero = s32[] constant(0)
  t = (s32[], s32[]) tuple(zero, n)
  ROOT w = (s32[], s32[]) while(t), condition=condition, body=body
}
)"),
            std::nullopt);
}

TEST(TripCount, IsReadFromTheBackendConfig) {
  std::string text = text_of({.step = "0"});
  text.replace(text.rfind("body=body"), 9, R"(body=body, backend_config={"known_trip_count":{"n":"17"}})");
  EXPECT_EQ(count_of(text), 17);
}

// Eight levels of calls, each calling the next twice: 2^40 frames, of which none is walked twice.
TEST(TripCount, GivesUpOnDoublingCalls) {
  std::string text =
      "HloModule m\nf0 {\n  i = s32[] parameter(0)\n  one = s32[] constant(1)\n  ROOT j = s32[] add(i, one)\n}\n";
  for (int level = 1; level <= 40; ++level) {
    const std::string callee = "f" + std::to_string(level - 1);
    text += "f" + std::to_string(level) + " {\n  i = s32[] parameter(0)\n  a = s32[] call(i), to_apply=" + callee +
            "\n  ROOT b = s32[] call(a), to_apply=" + callee + "\n}\n";
  }
  text += R"(condition {
  i = s32[] parameter(0)
  n = s32[] constant(5)
  ROOT p = pred[] compare(i, n), direction=LT
}
ENTRY main {
  zero = s32[] constant(0)
  ROOT w = s32[] while(zero), condition=condition, body=f40
}
)";
  EXPECT_EQ(count_of(text), std::nullopt);
}

}  // namespace
}  // namespace gshard
