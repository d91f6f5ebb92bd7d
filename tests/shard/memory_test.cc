#include <gtest/gtest.h>

#include "count_ops.h"
#include "eval/arguments.h"
#include "eval/evaluate.h"
#include "eval/simulate.h"
#include "parse_verified.h"
#include "shard/fit_memory.h"
#include "shard/partition.h"
#include "text/verify.h"

namespace gshard {
namespace {

PartitionOptions with_memory(double bytes) {
  PartitionOptions options;
  options.machine.memory_bytes = bytes;
  return options;
}

double peak_of(const std::string& text) { return estimate(*parse_verified(text)).peak_bytes; }

constexpr double kKiB = 1024;

// ---- what is held ---------------------------------------------------------------------------------------------------

TEST(Memory, ParametersAreHeldByTheCallerUnlessTheyAreGivenAway) {
  const std::string body = R"(
ENTRY e {
  x = f32[1024] parameter(0)
  t = f32[1024] transpose(x), dimensions={0}
  u = f32[1024] transpose(t), dimensions={0}
  ROOT v = f32[1024] transpose(u), dimensions={0}
})";
  EXPECT_EQ(peak_of("HloModule m" + body), 3 * 4 * kKiB);
  EXPECT_EQ(peak_of("HloModule m, input_output_alias={ {}: (0, {}, may-alias) }" + body), 2 * 4 * kKiB);
  EXPECT_EQ(peak_of("HloModule m, buffer_donor={ (0, {}) }" + body), 2 * 4 * kKiB);
}

TEST(Memory, ChainsOfPointwiseOpsAndBroadcastsAreOneLoop) {
  EXPECT_EQ(peak_of(R"(
HloModule m
ENTRY e {
  x = f32[1024] parameter(0)
  one = f32[] constant(1)
  ones = f32[1024] broadcast(one), dimensions={}
  a = f32[1024] add(x, ones)
  b = f32[1024] tanh(a)
  ROOT c = f32[1024] multiply(b, x)
})"),
            2 * 4 * kKiB + 4);
}

TEST(Memory, AnOpWritesOverWhatItReadsLast) {
  EXPECT_EQ(peak_of(R"(
HloModule m
ENTRY e {
  x = f32[1024] parameter(0)
  t = f32[1024] transpose(x), dimensions={0}
  row = f32[1] constant({7})
  at = s32[] constant(3)
  u = f32[1024] dynamic-update-slice(t, row, at)
  n = f32[1024] negate(u)
  ROOT w = (f32[1024], f32[1024]) tuple(n, u)
})"),
            3 * 4 * kKiB);
}

TEST(Memory, ShardsAreCountedWithTheirPadding) {
  EXPECT_EQ(peak_of(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[9,256] parameter(0), sharding={devices=[4,1]<=[4]}
  ROOT t = f32[256,9] transpose(x), dimensions={1,0}
})"),
            2 * 3 * kKiB);
}

// The state is one and the same memory in every round; what the body makes on the way comes on top.
constexpr const char* kLoop = R"(
HloModule m
less { s = (s32[], f32[1024]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  n = s32[] constant(5)
  ROOT c = pred[] compare(i, n), direction=LT }
step { s = (s32[], f32[1024]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  x = f32[1024] get-tuple-element(s), index=1
  xx = f32[2048] concatenate(x, x), dimensions={0}
  y = f32[1024] slice(xx), slice={[1:1025]}
  one = s32[] constant(1)
  j = s32[] add(i, one)
  ROOT r = (s32[], f32[1024]) tuple(j, y) }
ENTRY e {
  x = f32[1024] parameter(0)
  zero = s32[] constant(0)
  s = (s32[], f32[1024]) tuple(zero, x)
  w = (s32[], f32[1024]) while(s), condition=less, body=step
  ROOT y = f32[1024] get-tuple-element(w), index=1
})";

TEST(Memory, OfALoopIsItsStateAndWhatOneRoundMakes) {
  // x, which the caller keeps; the state; xx, in the round, while the old state has ended or the new one has not begun.
  EXPECT_NEAR(peak_of(kLoop), (4 + 4 + 8) * kKiB, 64);
}

TEST(Memory, NamesWhatIsHeldAtThePeakInsideOfLoopsToo) {
  const auto module = parse_verified(kLoop);
  const Estimate result = estimate(*module);
  ASSERT_FALSE(result.at_peak.empty());
  EXPECT_EQ(result.at_peak[0].value->name(), "xx");
  EXPECT_EQ(result.at_peak[0].bytes, 8 * kKiB);
}

TEST(Memory, TimesOfLoopsAreMultipliedOut) {
  const auto module = parse_verified(kLoop);
  PartitionOptions options;
  options.machine = *machine_named("h100");
  const double once = estimate(*module, options).time.local_seconds;
  const double often = estimate(*module, options, [](const Instruction&) { return 5.0; }).time.local_seconds;
  EXPECT_NEAR(often, 5 * once, 1e-6 * often);
}

// ---- time and bytes -------------------------------------------------------------------------------------------------

// The weights are cut by the devices that cut the batch.
constexpr const char* kCutWeights = R"(
HloModule fsdp, num_partitions=8
ENTRY e {
  x = f32[4096,1024] parameter(0), sharding={devices=[8,1]<=[8]}
  w = f32[1024,1024] parameter(1), sharding={devices=[8,1]<=[8]}
  ROOT y = f32[4096,1024] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[8,1]<=[8]}
})";

TEST(Memory, TimeAndBytesAreThoseOfTheProgramThatIsWritten) {
  const auto module = parse_verified(kCutWeights);
  PartitionOptions options;
  options.machine = *machine_named("h100");
  const Estimate result = estimate(*module, options);
  const Partitioned program = partition(*module, options);
  ASSERT_EQ(program.reshards.size(), 1);
  EXPECT_EQ(result.time.bytes_sent, program.reshards[0].bytes);
  EXPECT_EQ(result.time.sending_seconds, program.reshards[0].seconds);
  EXPECT_DOUBLE_EQ(result.time.operations_seconds, 2.0 * 4096 * 1024 * 1024 / 8 / 989e12);
}

// ---- a limit of plans -----------------------------------------------------------------------------------------------

// To gather the weights and do everything everywhere is faster where computing costs nothing; to add up partial
// products sends twice as much, and never holds the weights whole.
constexpr const char* kGatherOrReduce = R"(
HloModule m, num_partitions=8
ENTRY e {
  x = f32[1024,1024] parameter(0), sharding={replicated}
  w = f32[1024,1024] parameter(1), sharding={devices=[8,1]<=[8]}
  ROOT y = f32[1024,1024] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={replicated}
})";

PartitionOptions fast_devices(double memory) {
  PartitionOptions options;
  options.machine.operations_per_second = 1e18;
  options.machine.memory_bytes = memory;
  return options;
}

TEST(Memory, PlansThatFitAreTakenWhereTheFastestDoNot) {
  const auto module = parse_verified(kGatherOrReduce);
  const Partitioned fastest = partition(*module, fast_devices(0));
  EXPECT_EQ(count(*fastest.module, Op::all_gather), 1);
  const double needed = estimate(*module, fast_devices(0)).peak_bytes;
  EXPECT_EQ(needed, 12.5 * 1024 * kKiB);

  const Partitioned enough = partition(*module, fast_devices(needed));
  EXPECT_EQ(count(*enough.module, Op::all_gather), 1);

  const Partitioned tight = partition(*module, fast_devices(needed - 1));
  EXPECT_FALSE(tight.shortage);
  EXPECT_EQ(count(*tight.module, Op::all_gather), 0);
  EXPECT_EQ(count(*tight.module, Op::all_reduce), 1);
  EXPECT_EQ(estimate(*module, fast_devices(needed - 1)).peak_bytes, 9 * 1024 * kKiB);
}

TEST(Memory, WhatFitsComputesTheSame) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[32,32] parameter(0), sharding={replicated}
  w = f32[32,32] parameter(1), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[32,32] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={replicated}
})");
  const double needed = estimate(*module, fast_devices(0)).peak_bytes;
  const Partitioned tight = partition(*module, fast_devices(needed - 1));
  EXPECT_EQ(count(*tight.module, Op::all_reduce), 1);
  verify(*tight.module);
  const std::vector<Literal> arguments = random_arguments(*module, 1);
  const Literal whole = evaluate(*module, arguments);
  const Literal parts = gather_results(tight, module->entry()->root()->shape(),
                                       simulate(*tight.module, scatter_arguments(tight, arguments)));
  for (size_t i = 0; i < whole.values<float>().size(); ++i) {
    EXPECT_NEAR(whole.values<float>()[i], parts.values<float>()[i], 1e-4);
  }
}

TEST(Memory, WhereNothingFitsTheLeastIsTakenAndTold) {
  const auto module = parse_verified(kCutWeights);
  const Partitioned program = partition(*module, with_memory(1000));
  ASSERT_TRUE(program.shortage);
  EXPECT_GT(program.shortage->peak_bytes, 1000);
  EXPECT_LE(program.shortage->peak_bytes, estimate(*module).peak_bytes);
  ASSERT_FALSE(program.shortage->at_peak.empty());
  EXPECT_GE(program.shortage->at_peak[0].bytes, program.shortage->at_peak.back().bytes);
}

TEST(Memory, OpsInLoopsPayForWhatIsHeldAroundThem) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=8
less { s = (s32[], f32[1024,1024], f32[1024,1024]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  n = s32[] constant(5)
  ROOT c = pred[] compare(i, n), direction=LT }
step { s = (s32[], f32[1024,1024], f32[1024,1024]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  x = f32[1024,1024] get-tuple-element(s), index=1, sharding={replicated}
  w = f32[1024,1024] get-tuple-element(s), index=2
  y = f32[1024,1024] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  one = s32[] constant(1)
  j = s32[] add(i, one)
  ROOT r = (s32[], f32[1024,1024], f32[1024,1024]) tuple(j, y, w) }
ENTRY e {
  x = f32[1024,1024] parameter(0), sharding={replicated}
  w = f32[1024,1024] parameter(1), sharding={devices=[8,1]<=[8]}
  zero = s32[] constant(0)
  s = (s32[], f32[1024,1024], f32[1024,1024]) tuple(zero, x, w)
  l = (s32[], f32[1024,1024], f32[1024,1024]) while(s), condition=less, body=step
  ROOT y = f32[1024,1024] get-tuple-element(l), index=1
})");
  const double needed = estimate(*module, fast_devices(0)).peak_bytes;
  EXPECT_EQ(count(*partition(*module, fast_devices(0)).module, Op::all_gather), 1);
  const Partitioned tight = partition(*module, fast_devices(needed - 1));
  EXPECT_FALSE(tight.shortage);
  EXPECT_EQ(count(*tight.module, Op::all_gather), 0);
  EXPECT_LT(estimate(*module, fast_devices(needed - 1)).peak_bytes, needed);
}

}  // namespace
}  // namespace gshard
