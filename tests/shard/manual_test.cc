// Manual regions: the program of each device is written by the user between two calls.
#include <gtest/gtest.h>

#include "eval/arguments.h"
#include "eval/simulate.h"
#include "parse_verified.h"
#include "shard/partition.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

// The module with manual regions, partitioned, gives what a program without any gives.
void expect_same(const std::string& manual, const std::string& whole) {
  const auto module = parse_verified(manual);
  const auto meaning = parse_verified(whole);
  const std::vector<Literal> arguments = random_arguments(*meaning, 1);
  const Literal expected = evaluate(*meaning, arguments);
  for (const auto shardings : {PartitionOptions::Shardings::propagated, PartitionOptions::Shardings::replicated}) {
    PartitionOptions options;
    options.shardings = shardings;
    const Partitioned program = partition(*module, options);
    verify(*program.module);
    const auto results = simulate(*program.module, scatter_arguments(program, arguments));
    const Literal got = gather_results(program, expected.shape(), results);
    const auto x = expected.values<float>();
    const auto y = got.values<float>();
    for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 1e-4) << print(*program.module);
  }
}

constexpr const char* kSumOfColumns = R"(
HloModule whole
sum { a = f32[] parameter(0)  b = f32[] parameter(1)  ROOT c = f32[] add(a, b) }
ENTRY e {
  x = f32[8,16] parameter(0)
  parts = f32[8,4,4] reshape(x)
  zero = f32[] constant(0)
  ROOT y = f32[8,4] reduce(parts, zero), dimensions={1}, to_apply=sum
}
)";

TEST(Manual, AnAllReduceOfTheUsers) {
  expect_same(R"(
HloModule manual, num_partitions=8
sum { a = f32[] parameter(0)  b = f32[] parameter(1)  ROOT c = f32[] add(a, b) }
ENTRY e {
  x = f32[8,16] parameter(0)
  s = f32[8,16] custom-call(x), custom_call_target="Sharding", sharding={devices=[2,4]<=[8]}
  m = f32[4,4] custom-call(s), custom_call_target="SPMDFullToShardShape", sharding={manual}
  r = f32[4,4] all-reduce(m), channel_id=1, replica_groups={{0,1,2,3},{4,5,6,7}}, use_global_device_ids=true, to_apply=sum
  t = f32[4,4] custom-call(r), custom_call_target="Sharding", sharding={manual}
  ROOT y = f32[8,4] custom-call(t), custom_call_target="SPMDShardToFullShape", sharding={devices=[2,1,4]<=[8] last_tile_dim_replicate}
}
)",
              kSumOfColumns);
}

TEST(Manual, ShardysComputationsWithNamedAxes) {
  expect_same(R"(
HloModule manual, frontend_attributes={xla.sdy.meshes={mesh = #sdy.mesh<["a"=2, "b"=4]>}}
sum { a = f32[] parameter(0)  b = f32[] parameter(1)  ROOT c = f32[] add(a, b) }
xla.sdy.manual_computation_body {
  p = f32[4,4] parameter(0)
  ROOT r = f32[4,4] all-reduce(p), channel_id=1, replica_groups={{0,1,2,3},{4,5,6,7}}, use_global_device_ids=true, to_apply=sum
}
ENTRY e {
  x = f32[8,16] parameter(0)
  m = f32[4,4] custom-call(x), custom_call_target="xla.sdy.GlobalToLocalShape", custom_call_has_side_effect=true, frontend_attributes={xla.sdy.in_shardings="#sdy.sharding_per_value<[<@mesh, [{\"a\"}, {\"b\"}]>]>",xla.sdy.manual_axes="#sdy<manual_axes{\"a\", \"b\"}>"}
  r = f32[4,4] call(m), to_apply=xla.sdy.manual_computation_body, frontend_attributes={inlineable="false"}
  ROOT y = f32[8,4] custom-call(r), custom_call_target="xla.sdy.LocalToGlobalShape", custom_call_has_side_effect=true, frontend_attributes={xla.sdy.manual_axes="#sdy<manual_axes{\"a\", \"b\"}>",xla.sdy.out_shardings="#sdy.sharding_per_value<[<@mesh, [{\"a\"}, {}]>]>"}
}
)",
              kSumOfColumns);
}

// Manual over half of the axes: the other is cut by the partitioner inside of the region too.
TEST(Manual, ARegionOverSomeAxes) {
  const std::string text = R"(
HloModule manual, num_partitions=8
ENTRY e {
  x = f32[8,16] parameter(0), sharding={devices=[2,4]<=[8]}
  w = f32[16,4] parameter(1)
  m = f32[4,16] custom-call(x), custom_call_target="SPMDFullToShardShape", sharding={devices=[1,4,2]<=[2,4]T(1,0) last_tile_dims={manual}}
  d = f32[4,4] dot(m, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  p = f32[4,4] collective-permute(d), channel_id=1, source_target_pairs={{0,4},{4,0},{1,5},{5,1},{2,6},{6,2},{3,7},{7,3}}
  ROOT y = f32[8,4] custom-call(p), custom_call_target="SPMDShardToFullShape", sharding={devices=[2,1,4]<=[8] last_tile_dim_replicate}
}
)";
  expect_same(text, R"(
HloModule whole
ENTRY e {
  x = f32[8,16] parameter(0)
  w = f32[16,4] parameter(1)
  d = f32[8,4] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  low = f32[4,4] slice(d), slice={[0:4],[0:4]}
  high = f32[4,4] slice(d), slice={[4:8],[0:4]}
  ROOT y = f32[8,4] concatenate(high, low), dimensions={0}
}
)");
  const Partitioned program = partition(*parse_verified(text));
  EXPECT_EQ(print(*program.module).find("all-gather"), std::string::npos) << print(*program.module);
}

TEST(Manual, WhatDoesNotFitIsNamed) {
  const auto refusal_of = [](const std::string& text) -> std::string {
    try {
      partition(*parse_verified(text));
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  const std::string result = refusal_of(R"(
HloModule m, num_partitions=2
ENTRY e {
  x = f32[4] parameter(0), sharding={devices=[2]<=[2]}
  ROOT m = f32[2] custom-call(x), custom_call_target="SPMDFullToShardShape", sharding={manual}
}
)");
  EXPECT_NE(result.find("is of a manual region"), std::string::npos) << result;
  const std::string type = refusal_of(R"(
HloModule m, num_partitions=2
ENTRY e {
  x = f32[4] parameter(0), sharding={devices=[2]<=[2]}
  m = f32[3] custom-call(x), custom_call_target="SPMDFullToShardShape", sharding={manual}
  ROOT y = f32[6] custom-call(m), custom_call_target="SPMDShardToFullShape", sharding={devices=[2]<=[2]}
}
)");
  EXPECT_NE(type.find("has the type f32[3]"), std::string::npos) << type;
}

}  // namespace
}  // namespace gshard
