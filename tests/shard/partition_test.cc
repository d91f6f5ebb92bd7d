#include "shard/partition.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "count_ops.h"
#include "eval/arguments.h"
#include "eval/elements.h"
#include "eval/simulate.h"
#include "parse_verified.h"
#include "shard/checked.h"
#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

void add_leaves(const Literal& value, std::vector<Literal>& leaves) {
  if (value.shape().is_array()) leaves.push_back(convert_elements(value, DType::f64));
  for (const Literal& element : value.elements()) add_leaves(element, leaves);
}

// The partitioned program gives the numbers of the whole one, up to `tolerance` of the largest of each result.
void expect_same_results(const Module& module, const Partitioned& program, double tolerance) {
  verify(*program.module);
  const std::vector<Literal> arguments = random_arguments(module, 1);
  const Literal whole = evaluate(module, arguments);
  const Literal parts = gather_results(program, module.entry()->root()->shape(),
                                       simulate(*program.module, scatter_arguments(program, arguments)));
  std::vector<Literal> expected;
  std::vector<Literal> got;
  add_leaves(whole, expected);
  add_leaves(parts, got);
  ASSERT_EQ(expected.size(), got.size());
  for (size_t leaf = 0; leaf < expected.size(); ++leaf) {
    const auto x = expected[leaf].values<double>();
    const auto y = got[leaf].values<double>();
    double largest = 0;
    for (const double value : x) largest = std::max(largest, std::abs(value));
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_LE(std::abs(x[i] - y[i]), tolerance * largest) << "result " << leaf << ", element " << i << "\n"
                                                            << print(*program.module);
    }
  }
}

// The layer of the paper's Algorithm 2 with its annotations: tokens cut by group, experts by expert.
constexpr const char* kMoeLayer = R"(
HloModule moe_layer, num_partitions=4

ENTRY moe {
  x = f32[8,16,32] parameter(0), sharding={devices=[4,1,1]<=[4]}
  wg = f32[32,8] parameter(1), sharding={replicated}
  wi = f32[8,32,64] parameter(2)
  wo = f32[8,64,32] parameter(3)
  gates = f32[8,16,8] dot(x, wg), lhs_contracting_dims={2}, rhs_contracting_dims={0}
  combine = f32[8,16,8,4] broadcast(gates), dimensions={0,1,2}
  dispatched = f32[8,8,4,32] dot(combine, x), lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={1}, rhs_contracting_dims={1}
  expert_in = f32[8,8,4,32] transpose(dispatched), dimensions={1,0,2,3}, sharding={devices=[4,1,1,1]<=[4]}
  hidden = f32[8,8,4,64] dot(expert_in, wi), lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={3}, rhs_contracting_dims={1}
  zero = f32[] constant(0)
  zeros = f32[8,8,4,64] broadcast(zero), dimensions={}
  relu = f32[8,8,4,64] maximum(hidden, zeros)
  expert_out = f32[8,8,4,32] dot(relu, wo), lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={3}, rhs_contracting_dims={1}
  returned = f32[8,8,4,32] transpose(expert_out), dimensions={1,0,2,3}
  ROOT y = f32[8,16,32] dot(combine, returned), lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={2,3}, rhs_contracting_dims={1,2}
}
)";

TEST(Partition, ThePapersLayerIsOneAllToAllEachWay) {
  const auto module = parse_verified(kMoeLayer);
  const Partitioned program = partition(*module);
  EXPECT_EQ(count(*program.module, Op::all_to_all), 2u) << print(*program.module);
  EXPECT_EQ(count(*program.module, Op::all_gather), 0u);
  EXPECT_EQ(count(*program.module, Op::all_reduce), 0u);
  expect_same_results(*module, program, 1e-6);
}

// GShard, figure 2: both operands cut on the contracted dimension leave a partial sum and one all-reduce.
TEST(Partition, AContractionOverCutDimensionsIsOneReduction) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=4
ENTRY e {
  a = f32[6,8] parameter(0), sharding={devices=[1,4]<=[4]}
  b = f32[8,10] parameter(1), sharding={devices=[4,1]<=[4]}
  ROOT c = f32[6,10] dot(a, b), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={replicated}
}
)");
  const Partitioned program = partition(*module);
  EXPECT_EQ(count(*program.module, Op::all_reduce), 1u);
  EXPECT_EQ(count(*program.module, Op::all_gather), 0u);
  expect_same_results(*module, program, 1e-6);
}

// GShard, 3.3.3: 15 rows over 2 devices are 8 and 7 with one row of padding, which must not reach the sum.
TEST(Partition, PaddingDoesNotReachAReduction) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=2
largest {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] maximum(a, b)
}
sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
ENTRY e {
  x = f32[15,4] parameter(0), sharding={devices=[2,1]<=[2]}
  one = f32[] constant(1)
  shift = f32[15,4] broadcast(one), dimensions={}
  y = f32[15,4] add(x, shift)
  n = f32[15,4] negate(y)
  low = f32[] constant(-inf)
  s = f32[4] reduce(y, one), dimensions={0}, to_apply=sum
  m = f32[4] reduce(n, low), dimensions={0}, to_apply=largest
  ROOT r = (f32[4], f32[4]) tuple(s, m)
}
)");
  expect_same_results(*module, partition(*module), 1e-6);
}

// Some narrow floats have no infinities: their first and last numbers pad maxima and minima.
TEST(Partition, PaddingDoesNotReachAReductionOfNarrowFloats) {
  for (const std::string type : {"f8e4m3fn", "f8e4m3b11fnuz", "f8e5m2", "f4e2m1fn"}) {
    for (const std::string op : {"maximum", "minimum"}) {
      checked("HloModule m, num_partitions=4\nchoose {\n  a = " + type + "[] parameter(0)\n  b = " + type +
              "[] parameter(1)\n  ROOT c = " + type + "[] " + op + "(a, b)\n}\nENTRY e {\n  x = " + type +
              "[13,3] parameter(0), sharding={devices=[4,1]<=[4]}\n  one = " + type + "[] constant(1)\n  ROOT m = " +
              type + "[3] reduce(x, one), dimensions={0}, to_apply=choose\n}\n");
    }
  }
}

// bf16 has 8 digits: 1,505 is 1,504 there, and 1,500 + 5 must not be 1,504 + 5.
TEST(Partition, PlacesOfNarrowFloatsAreRoundedOnce) {
  checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  places = bf16[2000] iota(), iota_dimension=0, sharding={devices=[4]<=[4]}
  numbers = s32[2000] iota(), iota_dimension=0
  rounded = bf16[2000] convert(numbers)
  ROOT same = pred[2000] compare(places, rounded), direction=EQ, sharding={devices=[4]<=[4]}
}
)");
}

// Places beyond 2^31: nobody has the memory to run these, but what counts them must have room for them.
TEST(Partition, PlacesOfLongDimensionsAreCountedInSixtyFourBits) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=8
sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
ENTRY e {
  x = f32[4294967301] parameter(0), sharding={devices=[8]<=[8]}
  seed = u64[2] parameter(1)
  zero = f32[] constant(0)
  total = f32[] reduce(x, zero), dimensions={0}, to_apply=sum
  places = f64[4294967301] iota(), iota_dimension=0, sharding={devices=[8]<=[8]}
  bits = u32[4294967301] rng-bit-generator(seed), algorithm=rng_default, sharding={devices=[8]<=[8]}
  back = f32[4294967301] reverse(x), dimensions={0}
  ROOT r = (f32[], f64[4294967301], u32[4294967301], f32[4294967301]) tuple(total, places, bits, back)
}
)");
  const Partitioned program = partition(*module);
  for (const auto& instruction : program.module->entry()->instructions()) {
    if (instruction->op() != Op::multiply || instruction->shape().rank() > 0) continue;
    if (instruction->shape().type() != DType::s32) continue;
    const Literal& factor = instruction->operand(1)->attrs<ConstantAttrs>().value;
    EXPECT_LT(factor.values<int32_t>()[0], 1 << 28) << print(*program.module);
  }
}

TEST(Partition, LoopsKeepTheirStateWhereItLies) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=4
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
ENTRY e {
  x = f32[8,8] parameter(0), sharding={devices=[4,1]<=[4]}
  zero = s32[] constant(0)
  s = (s32[], f32[8,8]) tuple(zero, x)
  w = (s32[], f32[8,8]) while(s), condition=condition, body=body
  ROOT r = f32[8,8] get-tuple-element(w), index=1
}
)");
  const Partitioned program = partition(*module);
  EXPECT_EQ(program.results[0].sharding, program.parameters[0][0].sharding);
  expect_same_results(*module, program, 1e-6);
}

// Splitting 32 heads into 8 groups of 4 keeps a cut by 16: 8 from the groups, 2 from the heads of each.
TEST(Partition, ASplitDimensionKeepsItsSharding) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=16
ENTRY e {
  x = f32[32,3] parameter(0), sharding={devices=[16,1]<=[16]}
  ROOT y = f32[8,4,3] reshape(x)
}
)");
  const Partitioned program = partition(*module);
  EXPECT_EQ(program.results[0].sharding.to_string(program.mesh), "[x:(1)8, x:(8)2, -]");
  EXPECT_EQ(count(*program.module, Op::all_gather), 0u);
  expect_same_results(*module, program, 0);
}

TEST(Partition, WhatItCannotDoIsAnErrorThatNamesTheOp) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=2
ENTRY e {
  x = f32[4] parameter(0), sharding={devices=[2]<=[2]}
  ROOT y = f32[4] custom-call(x), custom_call_target="mystery", custom_call_has_side_effect=true
}
)");
  try {
    partition(*module);
    FAIL() << "was partitioned";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("custom-call: %y has a side effect"), std::string::npos) << error.what();
  }
}

// The real modules at the scale that can be run here, on the 8 devices that they are annotated for.
class RealModules : public testing::TestWithParam<const char*> {};

TEST_P(RealModules, GiveTheSameNumbersPartitioned) {
  const std::filesystem::path path = std::filesystem::path(GSHARD_HLO_DIR) / "scaled" / GetParam();
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  const auto module = parse_module(text.str(), path.string());
  // bf16 activations: what a rounding to 8 bits of mantissa may add up to.
  expect_same_results(*module, partition(*module), 0.02);
}

INSTANTIATE_TEST_SUITE_P(Scaled, RealModules,
                         testing::Values("mixtral_8x7b_train.hlo", "llama3_8b_train.hlo", "qwen3_14b_prefill.hlo",
                                         "mixtral_8x7b_generate.hlo"),
                         [](const auto& info) {
                           std::string name = info.param;
                           return name.substr(0, name.find('.'));
                         });

TEST(Partition, AnOpMayHaveNoResults) {
  checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[16] parameter(0), sharding={devices=[4]<=[4]}
  nothing = () custom-call(x), custom_call_target="MoveToHost"
  ROOT both = ((), f32[16]) tuple(nothing, x)
}
)");
}

// Bytes of a number stay with it: only the dimension that numbers them is whole.
TEST(Partition, ABitcastToAnotherWidthKeepsItsRows) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[14,6] parameter(0), sharding={devices=[4,1]<=[4]}
  bytes = u8[14,6,4] bitcast-convert(x)
  word = s32[14,6] bitcast-convert(bytes)
  ROOT y = u32[14,6] bitcast-convert(word)
}
)");
  EXPECT_EQ(program.reshards.size(), 0u) << print(*program.module);
  EXPECT_EQ(program.results[0].sharding, program.parameters[0][0].sharding);
}

// The bytes of a value in another order of its dimensions: devices hold all values with the last dimension minor.
TEST(Partition, ABitcastBetweenLayoutsTransposes) {
  const auto module = parse_module(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[5,3,4]{0,2,1} parameter(0), sharding={devices=[4,1,1]<=[4]}
  y = f32[5,3,4]{0,2,1} cosine(x)
  b = f32[3,4,5]{2,1,0} bitcast(y)
  c = f32[20,3]{0,1} bitcast(y)
  d = f32[12,5]{1,0} bitcast(b), sharding={devices=[2,2]<=[4]}
  ROOT r = (f32[3,4,5]{2,1,0}, f32[20,3]{0,1}, f32[12,5]{1,0}) tuple(b, c, d)
}
)");
  verify(*module);
  const std::vector<Literal> arguments = random_arguments(*module, 1);
  const Literal expected = evaluate(*module, arguments);
  const Partitioned program = partition(*module);
  const auto results = simulate(*program.module, scatter_arguments(program, arguments));
  EXPECT_TRUE(gather_results(program, expected.shape(), results) == expected) << print(*program.module);
}

}  // namespace
}  // namespace gshard
