// Dots whose operands or sums go around the devices: each form, over rings of several sizes, alone and beside other
// axes, and where the estimate chooses them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "random_ops.h"
#include "random_program.h"
#include "shard/against_the_whole.h"
#include "shard/checked.h"
#include "shard/random_annotations.h"
#include "shard/trials.h"
#include "text/parse.h"
#include "text/verify.h"
#include "transform/trip_count.h"

namespace gshard {
namespace {

// A dot of two parameters and its result with their cuts, as "devices=..." of HLO.
struct Dot {
  const char* name;
  const char* lhs;
  const char* rhs;
  const char* result;
  const char* dims;
  const char* lhs_cut;  // {0}: devices on the ring
  const char* rhs_cut;
  const char* result_cut;
};

constexpr const char* kMatrices = "lhs_contracting_dims={1}, rhs_contracting_dims={0}";
constexpr const char* kBatched =
    "lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_contracting_dims={1}";

constexpr Dot kDots[] = {
    {"weights_cut_along_the_contraction", "[128,24]", "[24,8]", "[128,8]", kMatrices, "[{0},1]<=[{0}]",
     "[{0},1]<=[{0}]", "[{0},1]<=[{0}]"},
    {"the_left_operand_cut_along_the_contraction", "[6,16]", "[16,64]", "[6,64]", kMatrices, "[1,{0}]<=[{0}]",
     "[1,{0}]<=[{0}]", "[1,{0}]<=[{0}]"},
    {"contraction_of_sizes_that_do_not_divide", "[16,21]", "[21,5]", "[16,5]", kMatrices, "[{0},1]<=[{0}]",
     "[{0},1]<=[{0}]", "[{0},1]<=[{0}]"},
    {"fewer_rows_than_devices", "[16,3]", "[3,5]", "[16,5]", kMatrices, "[{0},1]<=[{0}]", "[{0},1]<=[{0}]",
     "[{0},1]<=[{0}]"},
    {"rows_cut_and_columns_wanted_cut", "[16,6]", "[6,64]", "[16,64]", kMatrices, "[{0},1]<=[{0}]", "[1,{0}]<=[{0}]",
     "[1,{0}]<=[{0}]"},
    {"rows_that_do_not_divide", "[13,6]", "[6,9]", "[13,9]", kMatrices, "[{0},1]<=[{0}]", "[1,{0}]<=[{0}]",
     "[1,{0}]<=[{0}]"},
    {"columns_cut_and_rows_wanted_cut", "[16,6]", "[6,11]", "[16,11]", kMatrices, "[{0},1]<=[{0}]", "[1,{0}]<=[{0}]",
     "[{0},1]<=[{0}]"},
    {"batch_of_one_operand", "[8,5,6]", "[8,6,16]", "[8,5,16]", kBatched, "[{0},1,1]<=[{0}]", "[1,1,{0}]<=[{0}]",
     "[1,1,{0}]<=[{0}]"},
    {"batch_that_does_not_divide", "[7,5,6]", "[7,6,16]", "[7,5,16]", kBatched, "[{0},1,1]<=[{0}]", "[1,1,{0}]<=[{0}]",
     "[1,1,{0}]<=[{0}]"},
    {"sums_cut_along_rows", "[16,24]", "[24,8]", "[16,8]", kMatrices, "[1,{0}]<=[{0}]", "[{0},1]<=[{0}]",
     "[{0},1]<=[{0}]"},
    {"sums_cut_along_columns", "[5,24]", "[24,16]", "[5,16]", kMatrices, "[1,{0}]<=[{0}]", "[{0},1]<=[{0}]",
     "[1,{0}]<=[{0}]"},
    {"sums_of_sizes_that_do_not_divide", "[13,23]", "[23,8]", "[13,8]", kMatrices, "[1,{0}]<=[{0}]", "[{0},1]<=[{0}]",
     "[{0},1]<=[{0}]"},
    {"sums_cut_along_the_batch", "[8,5,24]", "[8,24,6]", "[8,5,6]", kBatched, "[1,1,{0}]<=[{0}]", "[1,{0},1]<=[{0}]",
     "[{0},1,1]<=[{0}]"},
    {"sums_cut_along_a_batch_that_does_not_divide", "[9,5,23]", "[9,23,6]", "[9,5,6]", kBatched, "[1,1,{0}]<=[{0}]",
     "[1,{0},1]<=[{0}]", "[{0},1,1]<=[{0}]"},
};

std::string cut_text(const char* cut, int devices) {
  return "sharding={devices=" + fmt::format(fmt::runtime(cut), devices) + "}";
}

std::string text_of(const Dot& dot, int devices, const char* type) {
  return fmt::format(
      "HloModule m, num_partitions={0}\nENTRY e {{\n  x = {1}{2} parameter(0), {3}\n  w = {1}{4} parameter(1), {5}\n"
      "  ROOT y = {1}{6} dot(x, w), {7}, {8}\n}}\n",
      devices, type, dot.lhs, cut_text(dot.lhs_cut, devices), dot.rhs, cut_text(dot.rhs_cut, devices), dot.result,
      dot.dims, cut_text(dot.result_cut, devices));
}

const Instruction* find(const Partitioned& program, Op op) {
  for (const auto& computation : program.module->computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() == op) return instruction.get();
    }
  }
  return nullptr;
}

void PrintTo(const Dot& dot, std::ostream* out) { *out << dot.name; }

class Rings : public testing::TestWithParam<Dot> {};

TEST_P(Rings, AreOneLoopWithOnePermute) {
  for (const int devices : {2, 4, 8}) {
    SCOPED_TRACE(devices);
    const Partitioned program = checked(text_of(GetParam(), devices, "f32"), with_rings());
    ASSERT_EQ(count(program, Op::while_), 1u);
    EXPECT_EQ(trip_count(*find(program, Op::while_)), devices - 1);
    EXPECT_EQ(count(program, Op::collective_permute), 1u);
    EXPECT_EQ(count(program, Op::dot), 2u) << "one in the loop, one before or behind it";
    for (const Op op : {Op::all_gather, Op::all_reduce, Op::reduce_scatter, Op::all_to_all}) {
      EXPECT_EQ(count(program, op), 0u) << keyword_of(op);
    }
  }
}

TEST_P(Rings, AddInSinglePrecisionAtLeast) {
  const Partitioned program = checked(text_of(GetParam(), 4, "bf16"), with_rings());
  for (const auto& computation : program.module->computations()) {
    for (const auto& i : computation->instructions()) {
      EXPECT_FALSE(i->op() == Op::add && i->shape().type() == DType::bf16) << i->name();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, Rings, testing::ValuesIn(kDots), [](const auto& info) { return info.param.name; });

// ---- beside other axes ---------------------------------------------------------------------------------------------

struct Program {
  const char* name;
  int devices;
  const char* body;
};
void PrintTo(const Program& program, std::ostream* out) { *out << program.name; }

constexpr Program kPrograms[] = {
    {"along_one_axis_of_two", 8, R"(
  x = f32[64,12] parameter(0), sharding={devices=[2,1,4]<=[8] last_tile_dim_replicate}
  w = f32[12,16] parameter(1), sharding={devices=[2,4]<=[8]}
  ROOT y = f32[64,16] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[2,4]<=[8]}
)"},
    {"along_two_axes_at_once", 8, R"(
  x = f32[128,20] parameter(0), sharding={devices=[8,1]<=[8]}
  w = f32[20,6] parameter(1), sharding={devices=[8,1]<=[4,2]T(1,0)}
  ROOT y = f32[128,6] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[8,1]<=[8]}
)"},
    {"along_the_minor_axis_of_a_dimension", 8, R"(
  x = f32[24,5] parameter(0), sharding={devices=[8,1]<=[8]}
  w = f32[5,64] parameter(1), sharding={devices=[1,4,2]<=[2,4]T(1,0) last_tile_dim_replicate}
  ROOT y = f32[24,64] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[2,4]<=[8]}
)"},
    {"sums_beside_another_axis", 8, R"(
  x = f32[6,40] parameter(0), sharding={devices=[1,4,2]<=[2,4]T(1,0) last_tile_dim_replicate}
  w = f32[40,16] parameter(1), sharding={devices=[4,2]<=[2,4]T(1,0)}
  ROOT y = f32[6,16] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[4,2]<=[2,4]T(1,0)}
)"},
    {"sums_of_which_a_part_stays_partial", 8, R"(
  x = f32[6,40] parameter(0), sharding={devices=[1,8]<=[8]}
  w = f32[40,16] parameter(1), sharding={devices=[8,1]<=[8]}
  y = f32[6,16] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[1,2,4]<=[8] last_tile_dim_replicate}
  ROOT z = f32[6,16] tanh(y)
)"},
    {"devices_in_an_order_of_their_own", 6, R"(
  x = f32[40,13] parameter(0), sharding={devices=[6,1]3,5,0,1,4,2}
  w = f32[13,5] parameter(1), sharding={devices=[6,1]3,5,0,1,4,2}
  ROOT y = f32[40,5] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[6,1]3,5,0,1,4,2}
)"},
    {"one_value_as_both_operands", 4, R"(
  x = f32[9,50] parameter(0), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[9,9] dot(x, x), lhs_contracting_dims={1}, rhs_contracting_dims={1}, sharding={devices=[1,4]<=[4]}
)"},
    {"in_a_loop", 4, R"(
  x = f32[8,8] parameter(0), sharding={devices=[4,1]<=[4]}
  zero = s32[] constant(0)
  s = (s32[], f32[8,8]) tuple(zero, x)
  w = (s32[], f32[8,8]) while(s), condition=condition, body=body
  ROOT r = f32[8,8] get-tuple-element(w), index=1
)"},
};

constexpr const char* kLoop = R"(
body {
  s = (s32[], f32[8,8]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  x = f32[8,8] get-tuple-element(s), index=1
  one = s32[] constant(1)
  j = s32[] add(i, one)
  y = f32[8,8] dot(x, x), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  ROOT t = (s32[], f32[8,8]) tuple(j, y)
}
condition {
  s = (s32[], f32[8,8]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  n = s32[] constant(2)
  ROOT c = pred[] compare(i, n), direction=LT
}
)";

class RingPrograms : public testing::TestWithParam<Program> {};

TEST_P(RingPrograms, GiveTheSameNumbers) {
  const Program& p = GetParam();
  const std::string loop = std::string_view(p.body).find("while") == std::string_view::npos ? "" : kLoop;
  const Partitioned program =
      checked(fmt::format("HloModule m, num_partitions={}\n{}ENTRY e {{{}}}\n", p.devices, loop, p.body), with_rings());
  EXPECT_EQ(count(program, Op::while_), loop.empty() ? 1u : 2u);
  EXPECT_GE(count(program, Op::collective_permute), 1u);
  EXPECT_EQ(count(program, Op::all_gather), 0u);
}

INSTANTIATE_TEST_SUITE_P(Shard, RingPrograms, testing::ValuesIn(kPrograms),
                         [](const auto& info) { return info.param.name; });

// ---- at random -----------------------------------------------------------------------------------------------------

TEST(RandomRings, AreTheSameHoweverTheDotIsCut) {
  const auto families = op_families();
  const auto dot = std::find_if(families.begin(), families.end(),
                                [](const OpFamily& family) { return std::string_view(family.name) == "dot"; });
  ASSERT_NE(dot, families.end());
  uint64_t rings = 0;
  for (uint64_t seed = 0; seed < trials(100); ++seed) {
    const auto module = parse_module(dot->text(seed));
    verify(*module);
    const std::string mesh = annotate_at_random(*module, seed);
    const Numbers numbers = seed % 4 == 3 ? Numbers::declared : Numbers::widened;
    const Verdict verdict = against_the_whole(*module, wild_arguments(*module, seed), numbers, with_rings());
    ASSERT_EQ(verdict.kind, Verdict::Kind::same) << "seed " << seed << " on " << mesh << ": " << verdict.text;
    rings += count(partition(*module, with_rings()), Op::while_);
  }
  EXPECT_GT(rings, trials(100) / 8);
}

TEST(RandomRings, AreTheSameInWholePrograms) {
  for (uint64_t seed = 0; seed < trials(20); ++seed) {
    const auto module = random_program({.seed = seed, .instructions = 30, .largest_size = 9});
    const std::string mesh = annotate_at_random(*module, seed);
    verify(*module);
    const Verdict verdict = against_the_whole(*module, wild_arguments(*module, seed), Numbers::widened, with_rings());
    ASSERT_EQ(verdict.kind, Verdict::Kind::same) << "seed " << seed << " on " << mesh << ": " << verdict.text;
  }
}

// ---- the choice ----------------------------------------------------------------------------------------------------

// Weights that are cut along the contraction, as in fully sharded data parallelism.
size_t loops_of(int64_t size, const char* machine) {
  PartitionOptions options;
  options.machine = *machine_named(machine);
  const auto module = parse_module(fmt::format(R"(
HloModule m, num_partitions=8
ENTRY e {{
  x = bf16[{0},{0}] parameter(0), sharding={{devices=[8,1]<=[8]}}
  w = bf16[{0},{0}] parameter(1), sharding={{devices=[8,1]<=[8]}}
  ROOT y = bf16[{0},{0}] dot(x, w), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}, sharding={{devices=[8,1]<=[8]}}
}}
)",
                                               size));
  return count(partition(*module, options), Op::while_);
}

TEST(RingChoice, IsMadeByTheSizeOfTheDot) {
  for (const char* machine : {"balanced", "tpu-v3", "h100"}) {
    EXPECT_EQ(loops_of(64, machine), 0u) << machine;
    EXPECT_EQ(loops_of(16384, machine), 1u) << machine;
  }
}

TEST(RingChoice, IsNeverThatOfThreadsWhichShareTheirCores) { EXPECT_EQ(loops_of(16384, "threads"), 0u); }

// One reduction behind a loop is less than a ring in each round.
TEST(RingChoice, LeavesSumsOfALoopToTheLoop) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
body {
  s = (s32[], f32[8,6], f32[12,8], f32[12,6]) parameter(0)
  n = s32[] get-tuple-element(s), index=0
  g = f32[8,6] get-tuple-element(s), index=1
  x = f32[12,8] get-tuple-element(s), index=2
  y = f32[12,6] get-tuple-element(s), index=3
  one = s32[] constant(1)
  next = s32[] add(n, one)
  d = f32[8,6] dot(x, y), lhs_contracting_dims={0}, rhs_contracting_dims={0}
  sum = f32[8,6] add(g, d)
  again = f32[12,8] cosine(x)
  ROOT r = (s32[], f32[8,6], f32[12,8], f32[12,6]) tuple(next, sum, again, y)
}
condition {
  s = (s32[], f32[8,6], f32[12,8], f32[12,6]) parameter(0)
  n = s32[] get-tuple-element(s), index=0
  five = s32[] constant(5)
  ROOT c = pred[] compare(n, five), direction=LT
}
ENTRY e {
  x = f32[12,8] parameter(0), sharding={devices=[4,1]<=[4]}
  y = f32[12,6] parameter(1), sharding={devices=[4,1]<=[4]}
  zero = f32[] constant(0)
  zeros = f32[8,6] broadcast(zero), dimensions={}
  none = s32[] constant(0)
  s = (s32[], f32[8,6], f32[12,8], f32[12,6]) tuple(none, zeros, x, y)
  w = (s32[], f32[8,6], f32[12,8], f32[12,6]) while(s), condition=condition, body=body
  ROOT g = f32[8,6] get-tuple-element(w), index=1, sharding={devices=[4,1]<=[4]}
}
)",
                                      with_rings());
  EXPECT_EQ(count(program, Op::while_), 1u);
  EXPECT_EQ(count(program, Op::collective_permute), 0u);
  EXPECT_EQ(count(program, Op::reduce_scatter), 1u);
}

// Two dots and what is done with them; what sends is hidden, and nothing else of a loop costs.
size_t loops_of_sums(const char* more) {
  PartitionOptions options;
  options.machine = {"m", 128e6, 1e15, 0, 0, {1e6, 0}, {}, false};
  return count(checked(fmt::format(R"(
HloModule m, num_partitions=4
ENTRY e {{
  x = f32[12,40] parameter(0), sharding={{devices=[1,4]<=[4]}}
  w = f32[40,6] parameter(1), sharding={{devices=[4,1]<=[4]}}
  v = f32[40,6] parameter(2), sharding={{devices=[4,1]<=[4]}}
  a = f32[12,6] dot(x, w), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}
  b = f32[12,6] dot(x, v), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}
  {}
}}
)",
                                   more),
                       options),
               Op::while_);
}

TEST(RingChoice, LeavesSumsThatAreAddedToBeReducedTogether) {
  EXPECT_EQ(loops_of_sums("ROOT s = f32[12,6] add(a, b), sharding={devices=[4,1]<=[4]}"), 0u);
  EXPECT_EQ(loops_of_sums("n = f32[12,6] tanh(b)\nROOT s = f32[12,6] add(a, n), sharding={devices=[4,1]<=[4]}"), 2u);
}

TEST(RingChoice, DependsOnTheLinks) {
  const auto loops = [](double bytes_per_second, double latency) {
    PartitionOptions options;
    options.machine = {"m", 1e12, 1e12, 0, 1e-6, {bytes_per_second, latency}, {}, false};
    const auto module = parse_module(text_of(kDots[0], 8, "f32"));
    return count(partition(*module, options), Op::while_);
  };
  EXPECT_EQ(loops(1e12, 0), 0u) << "nothing to hide";
  EXPECT_EQ(loops(1e9, 1), 0u) << "a latency in each round";
}

}  // namespace
}  // namespace gshard
