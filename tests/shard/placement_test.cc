// Shardings whose devices are numbered otherwise than the mesh, at the boundary and inside.
#include <gtest/gtest.h>

#include "count_ops.h"
#include "eval/simulate.h"
#include "ops/table.h"
#include "parse_verified.h"
#include "shard/partition.h"
#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

Literal counted(const Shape& shape) {
  Literal literal(shape);
  const auto values = literal.mutable_values<float>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return literal;
}

std::vector<float> floats(const Literal& literal) {
  return {literal.values<float>().begin(), literal.values<float>().end()};
}

TEST(Placement, ADeviceOrderWithoutAxesIsKeptAtTheBoundary) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[4] parameter(0), sharding={devices=[4]3,1,0,2}
  ROOT y = f32[4] negate(x), sharding={devices=[4]1,0,3,2}
}
)");
  const Partitioned program = partition(*module);
  verify(*program.module);
  const auto arguments = scatter_arguments(program, std::vector<Literal>{counted(Shape(DType::f32, {4}))});
  EXPECT_EQ(floats(arguments[3][0]), std::vector<float>{0});
  EXPECT_EQ(floats(arguments[2][0]), std::vector<float>{3});
  const auto results = simulate(*program.module, arguments);
  EXPECT_EQ(floats(results[1]), std::vector<float>{-0.0F});
  EXPECT_EQ(floats(results[0]), std::vector<float>{-1});
  EXPECT_EQ(floats(gather_results(program, Shape(DType::f32, {4}), results)), (std::vector<float>{-0.0F, -1, -2, -3}));
  EXPECT_EQ(boundary_of(*parse_module(print(*program.module))), static_cast<const Boundary&>(program));
}

TEST(Placement, TilingsThatDoNotNestBothHold) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=6
ENTRY e {
  x = f32[6,6] parameter(0), sharding={devices=[2,3]<=[6]}
  ROOT y = f32[6,6] negate(x), sharding={devices=[3,2]<=[6]}
}
)");
  const Partitioned program = partition(*module);
  verify(*program.module);
  const auto results =
      simulate(*program.module, scatter_arguments(program, std::vector<Literal>{counted(Shape(DType::f32, {6, 6}))}));
  // Device 1 of [3,2] holds rows 0 and 1, columns 3 to 5.
  EXPECT_EQ(floats(results[1]), (std::vector<float>{-3, -4, -5, -9, -10, -11}));
}

TEST(Placement, AMaximalValueComesFromItsDevice) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[4] parameter(0), sharding={maximal device=2}
  w = f32[4] parameter(1), sharding={devices=[4]<=[4]}
  ROOT y = f32[4] add(x, w), sharding={devices=[4]<=[4]}
}
)");
  const Partitioned program = partition(*module);
  EXPECT_EQ(count(*program.module, Op::collective_broadcast), 1U);
  const Literal x = counted(Shape(DType::f32, {4}));
  const auto arguments = scatter_arguments(program, std::vector<Literal>{x, x});
  EXPECT_EQ(floats(arguments[1][0]), (std::vector<float>{0, 0, 0, 0}));
  EXPECT_EQ(floats(arguments[2][0]), (std::vector<float>{0, 1, 2, 3}));
  const Literal whole = gather_results(program, Shape(DType::f32, {4}), simulate(*program.module, arguments));
  EXPECT_EQ(floats(whole), (std::vector<float>{0, 2, 4, 6}));
}

// Replicas run the same program on the same arguments; collectives without a channel are between them.
TEST(Placement, ReplicasTimesPartitions) {
  const auto module = parse_verified(R"(
HloModule m, replica_count=2, num_partitions=2
sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
ENTRY e {
  x = f32[4,4] parameter(0), sharding={devices=[1,2]<=[2]}
  d = f32[4,4] dot(x, x), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  ROOT y = f32[4,4] all-reduce(d), to_apply=sum, sharding={replicated}
}
)");
  const Partitioned program = partition(*module);
  verify(*program.module);
  Literal x(Shape(DType::f32, {4, 4}));
  for (float& value : x.mutable_values<float>()) value = 1;
  const auto arguments = scatter_arguments(program, std::vector<Literal>{x});
  ASSERT_EQ(arguments.size(), 4U);
  const auto results = simulate(*program.module, arguments);
  EXPECT_EQ(floats(gather_results(program, Shape(DType::f32, {4, 4}), results)), std::vector<float>(16, 8));
}

}  // namespace
}  // namespace gshard
