// State that loops only add to is reduced once, behind the loop; and whatever else a body does with its state, the
// result is that of the whole program.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "shard/against_the_whole.h"
#include "shard/checked.h"
#include "shard/trials.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

// A loop of three rounds over state {s32[] n, f32[8,6] g, f32[12,8] x, f32[12,6] y}, cut so that x * y is partial.
struct Loop {
  std::string body;  // of its lines the one called %next is the next g
  std::string condition = "";
  std::string header = "";
  std::string sharding = "{replicated}";
  std::string start = "f32[8,6] parameter(2), sharding={replicated}";
};

constexpr const char* kState = "(s32[], f32[8,6], f32[12,8], f32[12,6])";
constexpr const char* kElements = R"(
  state = (s32[], f32[8,6], f32[12,8], f32[12,6]) parameter(0)
  n = s32[] get-tuple-element(state), index=0
  g = f32[8,6] get-tuple-element(state), index=1
  x = f32[12,8] get-tuple-element(state), index=2
  y = f32[12,6] get-tuple-element(state), index=3
  one = s32[] constant(1)
)";
constexpr const char* kProduct = "lhs_contracting_dims={0}, rhs_contracting_dims={0}";

std::string text_of(const Loop& loop) {
  return fmt::format(R"(HloModule m, num_partitions=4
{5}
body {{{1}  d = f32[8,6] dot(x, y), {2}
{6}
  after = s32[] add(n, one)
  again = f32[12,8] negate(x)
  ROOT r = {0} tuple(after, next, again, y)
}}
condition {{{1}  three = s32[] constant(3)
  few = pred[] compare(n, three), direction=LT
  {7}
  ROOT c = pred[] and(few, {8})
}}
ENTRY e {{
  x = f32[12,8] parameter(0), sharding={{devices=[4,1]<=[4]}}
  y = f32[12,6] parameter(1), sharding={{devices=[4,1]<=[4]}}
  zero = f32[] constant(0)
  none = s32[] constant(0)
  start = {4}
  state = {0} tuple(none, start, x, y)
  loop = {0} while(state), condition=condition, body=body
  ROOT g = f32[8,6] get-tuple-element(loop), index=1, sharding={3}
}}
)",
                     kState, kElements, kProduct, loop.sharding, loop.start, loop.header, loop.body, loop.condition,
                     loop.condition.empty() ? "few" : "more");
}

bool is_reduction(const Instruction& i) { return i.op() == Op::all_reduce || i.op() == Op::reduce_scatter; }

// How many reductions stand in the computations whose names begin so.
int reductions_in(const Partitioned& program, std::string_view name) {
  int count = 0;
  for (const auto& computation : program.module->computations()) {
    if (!computation->name().starts_with(name)) continue;
    for (const auto& i : computation->instructions()) count += is_reduction(*i) ? 1 : 0;
  }
  return count;
}

void expect_one_behind(const Loop& loop) {
  const Partitioned program = checked(text_of(loop));
  EXPECT_EQ(reductions_in(program, "body"), 0) << loop.body;
  EXPECT_EQ(reductions_in(program, "inner"), 0) << loop.body;
  EXPECT_EQ(reductions_in(program, "e"), 1) << loop.body;
}

void expect_one_in_each_round(const Loop& loop) {
  const Partitioned program = checked(text_of(loop));
  EXPECT_EQ(reductions_in(program, "body"), 1) << loop.body;
  EXPECT_EQ(largest_result(program, Op::while_), 8 * 6) << loop.body;
}

TEST(Accumulators, AreReducedBehindTheLoop) {
  expect_one_behind({"next = f32[8,6] add(g, d)"});
  expect_one_behind({"next = f32[8,6] add(d, g)"});
  expect_one_behind({"next = f32[8,6] subtract(d, g)"});
  expect_one_behind(
      {fmt::format("d2 = f32[8,6] dot(x, y), {} h = f32[8,6] add(g, d) next = f32[8,6] add(h, d2)", kProduct)});
  expect_one_behind({"next = f32[8,6] add(g, d)", "", "", "{devices=[4,1]<=[4]}"});
  expect_one_behind({"next = f32[8,6] add(g, d)", "", "", "{devices=[1,4]<=[4]}"});
}

TEST(Accumulators, AreScaledAndChosen) {
  expect_one_behind({R"(
  half = f32[] constant(0.5)
  halves = f32[8,6] broadcast(half), dimensions={}
  scaled = f32[8,6] multiply(g, halves)
  next = f32[8,6] add(scaled, d))"});
  expect_one_behind({R"(
  first = pred[] compare(n, one), direction=EQ
  h = f32[8,6] add(g, d)
  next = f32[8,6] select(first, g, h))"});
}

// A reduction over no dimension adds its start value, which is a scalar, to every element.
TEST(Accumulators, AreNotAddedToByValuesOfOtherSizes) {
  checked(
      text_of({"quarter = f32[] constant(0.25) e = f32[8,6] add(g, d)\n"
               "next = f32[8,6] reduce(e, quarter), dimensions={}, to_apply=sum",
               "", "sum { a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] add(a, b) }"}));
}

// What is added in a wider type than it was made in is summed in that type, over the devices too.
TEST(Accumulators, AreAddedToInAWiderType) {
  const Loop loop{R"(
  low_x = bf16[12,8] convert(x)
  low_y = bf16[12,6] convert(y)
  low = bf16[8,6] dot(low_x, low_y), lhs_contracting_dims={0}, rhs_contracting_dims={0}
  wide = f32[8,6] convert(low)
  next = f32[8,6] add(g, wide))"};
  const auto module = parse_module(text_of(loop));
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const Verdict verdict = against_the_whole(*module, wild_arguments(*module, seed), Numbers::widened);
    EXPECT_EQ(verdict.kind, Verdict::Kind::same) << verdict.text;
  }
  const Partitioned program = partition(*module);
  EXPECT_EQ(reductions_in(program, "body"), 0);
  EXPECT_EQ(reductions_in(program, "e"), 1);
}

TEST(Accumulators, StartInAnyForm) {
  const std::string zeros = "f32[8,6] broadcast(zero), dimensions={}";
  expect_one_behind({"next = f32[8,6] add(g, d)", "", "", "{devices=[4,1]<=[4]}", zeros});
  const Loop cut{"next = f32[8,6] add(g, d)", "", "", "{devices=[4,1]<=[4]}",
                 "f32[8,6] parameter(2), sharding={devices=[4,1]<=[4]}"};
  expect_one_behind(cut);
  EXPECT_EQ(largest_result(checked(text_of(cut)), Op::all_gather), 0) << "each device has its part of the start value";
}

TEST(Accumulators, OfTheLargest) {
  const Partitioned program = checked(R"(HloModule m, num_partitions=4
largest { a = f32[] parameter(0) b = f32[] parameter(1) ROOT c = f32[] maximum(a, b) }
body {
  state = (f32[8], f32[12,8], s32[]) parameter(0)
  m = f32[8] get-tuple-element(state), index=0
  x = f32[12,8] get-tuple-element(state), index=1
  n = s32[] get-tuple-element(state), index=2
  one = s32[] constant(1)
  low = f32[] constant(-inf)
  most = f32[8] reduce(x, low), dimensions={0}, to_apply=largest
  next = f32[8] maximum(m, most)
  after = s32[] add(n, one)
  again = f32[12,8] negate(x)
  ROOT r = (f32[8], f32[12,8], s32[]) tuple(next, again, after)
}
condition {
  state = (f32[8], f32[12,8], s32[]) parameter(0)
  n = s32[] get-tuple-element(state), index=2
  three = s32[] constant(3)
  ROOT c = pred[] compare(n, three), direction=LT
}
ENTRY e {
  x = f32[12,8] parameter(0), sharding={devices=[4,1]<=[4]}
  m = f32[8] parameter(1), sharding={replicated}
  none = s32[] constant(0)
  state = (f32[8], f32[12,8], s32[]) tuple(m, x, none)
  loop = (f32[8], f32[12,8], s32[]) while(state), condition=condition, body=body
  ROOT g = f32[8] get-tuple-element(loop), index=0, sharding={replicated}
}
)");
  EXPECT_EQ(reductions_in(program, "body"), 0);
  EXPECT_EQ(reductions_in(program, "e"), 1);
}

std::string inner_loop(const std::string& body) {
  return fmt::format(R"(
inner {{{1}  d = f32[8,6] dot(x, y), {2}
{3}
  after = s32[] add(n, one)
  ROOT r = {0} tuple(after, next, x, y)
}}
twice {{{1}  two = s32[] constant(2)
  ROOT c = pred[] compare(n, two), direction=LT
}}
)",
                     kState, kElements, kProduct, body);
}

constexpr const char* kCallOfInner = R"(
  zero = s32[] constant(0)
  handed = (s32[], f32[8,6], f32[12,8], f32[12,6]) tuple(zero, g, x, y)
  loop = (s32[], f32[8,6], f32[12,8], f32[12,6]) while(handed), condition=twice, body=inner
  next = f32[8,6] get-tuple-element(loop), index=1)";

TEST(Accumulators, PassThroughLoopsInside) {
  expect_one_behind({kCallOfInner, "", inner_loop("next = f32[8,6] add(g, d)")});
  // Where the loop around needs it whole, the one inside still reduces once.
  const std::string read = std::string(kCallOfInner) + R"(
  seen = f32[8,6] cosine(next)
)";
  Loop loop{read, "", inner_loop("next = f32[8,6] add(g, d)")};
  loop.body.replace(loop.body.find("  next ="), 8, "  sum =");
  loop.body.replace(loop.body.find("cosine(next)"), 12, "cosine(sum)");
  loop.body.replace(loop.body.find("seen ="), 6, "next =");
  const Partitioned program = checked(text_of(loop));
  EXPECT_EQ(reductions_in(program, "inner"), 0);
  EXPECT_EQ(reductions_in(program, "body"), 1);
}

TEST(Accumulators, AreWholeWhereTheyAreRead) {
  expect_one_in_each_round({"h = f32[8,6] add(g, d) next = f32[8,6] tanh(h)"});
  expect_one_in_each_round({"s = f32[8,6] multiply(g, g) next = f32[8,6] add(s, d)"});
  expect_one_in_each_round({"next = f32[8,6] maximum(g, d)"});
  expect_one_in_each_round({"h = f32[8,6] maximum(g, g) next = f32[8,6] add(h, d)"});
  expect_one_in_each_round({"next = f32[8,6] add(g, d)", R"(
  limit = f32[] constant(1e6)
  one_of_g = f32[1,1] slice(g), slice={[0:1], [0:1]}
  first = f32[] reshape(one_of_g)
  more = pred[] compare(first, limit), direction=LT)"});
}

// ---- random bodies
// ---------------------------------------------------------------------------------------------------

// A few ops on the state and on values beside it, most of them linear.
std::string random_body(std::mt19937_64& dice) {
  static constexpr const char* kOps[] = {
      "add(%{0}, %{1})",        "add(%{1}, %{0})", "subtract(%{0}, %{1})", "select(flag, %{0}, %{1})",
      "multiply(%{0}, halves)", "negate(%{0})",    "maximum(%{0}, %{1})",  "copy(%{0})",
      "minimum(%{1}, %{0})"};
  std::string body = R"(
  half = f32[] constant(0.5)
  halves = f32[8,6] broadcast(half), dimensions={}
  flag = pred[] compare(n, one), direction=EQ
)";
  std::vector<std::string> products = {"d"};
  std::vector<std::string> values = {"g", "halves"};
  std::string last = "g";
  const uint64_t count = 1 + dice() % 4;
  for (uint64_t n = 0; n < count; ++n) {
    // A product is mostly read once: what others read too is whole.
    std::string other = values[dice() % values.size()];
    if (dice() % 3 != 0) {
      other = products.back();
      if (dice() % 4 != 0) products.back() = fmt::format("d{}", n);
      if (products.back() != other) body += fmt::format("  {} = f32[8,6] dot(x, y), {}\n", products.back(), kProduct);
    }
    const uint64_t drawn = dice();
    const size_t among = dice() % 4 == 0 ? std::size(kOps) : 6;
    std::string op = kOps[drawn % among];
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"%{0}", last}, {"%{1}", other}}) {
      for (size_t at = op.find(from); at != std::string::npos; at = op.find(from)) op.replace(at, from.size(), to);
    }
    const std::string name = n + 1 == count ? "next" : fmt::format("v{}", n);
    body += fmt::format("  {} = f32[8,6] {}\n", name, op);
    if (dice() % 4 != 0) values.push_back(name);
    last = name;
  }
  return body;
}

class RandomAccumulators : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomAccumulators, AreTheSameInAnyForm) {
  static constexpr const char* kShardings[] = {"{replicated}",
                                               "{devices=[4,1]<=[4]}",
                                               "{devices=[1,4]<=[4]}",
                                               "{devices=[2,2]<=[4]}",
                                               "{devices=[2,1,2]<=[4] last_tile_dim_replicate}",
                                               "{devices=[1,2,2]<=[2,2]T(1,0) last_tile_dim_replicate}"};
  int behind = 0;
  for (uint64_t trial = 0; trial < trials(12); ++trial) {
    std::mt19937_64 dice(trial * 8 + GetParam());
    const auto sharding = [&] { return std::string(kShardings[dice() % std::size(kShardings)]); };
    Loop loop{random_body(dice), "", "", sharding()};
    loop.start =
        dice() % 3 == 0 ? "f32[8,6] broadcast(zero), dimensions={}" : "f32[8,6] parameter(2), sharding=" + sharding();
    if (dice() % 3 == 0) {
      loop.header = inner_loop(random_body(dice));
      loop.body = kCallOfInner;
    }
    std::string text = text_of(loop);
    // Both factors of the product along the same axes, often two of them.
    const std::string cut = kShardings[dice() % std::size(kShardings)];
    for (size_t at = text.find("{devices=[4,1]<=[4]}"); at < text.find("zero = f32");
         at = text.find("{devices=[4,1]<=[4]}", at + 1)) {
      text.replace(at, 20, cut);
    }
    const auto module = parse_module(text);
    verify(*module);
    const Partitioned program = partition(*module);
    behind += reductions_in(program, "body") + reductions_in(program, "inner") == 0 && reductions_in(program, "e") > 0;
    const Verdict verdict = against_the_whole(*module, wild_arguments(*module, trial), Numbers::widened);
    ASSERT_EQ(verdict.kind, Verdict::Kind::same) << text << verdict.text;
  }
  EXPECT_GT(behind, 0);
}

INSTANTIATE_TEST_SUITE_P(Shard, RandomAccumulators, testing::Range<uint64_t>(0, 8));

}  // namespace
}  // namespace gshard
