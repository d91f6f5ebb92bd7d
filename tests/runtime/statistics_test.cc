#include "runtime/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "text/parse.h"

namespace gshard {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const OpCount& count_of(const Statistics& s, Op op) {
  const auto found = std::find_if(s.ops.begin(), s.ops.end(), [op](const OpCount& count) { return count.op == op; });
  EXPECT_NE(found, s.ops.end()) << keyword_of(op);
  return *found;
}

// Ten steps of a recurrence: x = tanh(x w).
constexpr const char* kLoop =
    R"(HloModule loop, num_partitions=8, frontend_attributes={xla.sdy.meshes={mesh = #sdy.mesh<["data"=2, "one"=1, "model"=4]>}}

less {
  state = (s32[], f32[8,16], f32[16,16]) parameter(0)
  i = s32[] get-tuple-element(state), index=0
  ten = s32[] constant(10)
  ROOT more = pred[] compare(i, ten), direction=LT
}

step {
  state = (s32[], f32[8,16], f32[16,16]) parameter(0)
  i = s32[] get-tuple-element(state), index=0
  one = s32[] constant(1)
  next = s32[] add(i, one)
  x = f32[8,16] get-tuple-element(state), index=1
  w = f32[16,16] get-tuple-element(state), index=2
  y = f32[8,16] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  z = f32[8,16] tanh(y)
  r = f32[8,16] all-reduce(z), replica_groups={}, to_apply=sum
  ROOT t = (s32[], f32[8,16], f32[16,16]) tuple(next, r, w)
}

sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}

ENTRY main {
  x = f32[8,16] parameter(0), sharding={devices=[2,4]<=[8]}
  w = f32[16,16] parameter(1), frontend_attributes={xla.sdy.sharding="#sdy.sharding<@mesh, [{}, {}]>"}
  zero = s32[] constant(0)
  start = (s32[], f32[8,16], f32[16,16]) tuple(zero, x, w)
  end = (s32[], f32[8,16], f32[16,16]) while(start), condition=less, body=step
  ROOT result = f32[8,16] get-tuple-element(end), index=1
}
)";

TEST(Statistics, CountInstructionsAndBytes) {
  const auto module = parse_module(kLoop);
  const Statistics s = statistics_of(*module);
  EXPECT_EQ(s.instructions, static_cast<int64_t>(module->instruction_count()));
  EXPECT_EQ(s.computations, 4);
  EXPECT_EQ(s.parameters, 2);
  EXPECT_EQ(s.parameter_bytes, 4 * (8 * 16 + 16 * 16));
  EXPECT_EQ(s.result_bytes, 4 * 8 * 16);
}

TEST(Statistics, LoopsMultiplyWhatTheyRun) {
  const auto module = parse_module(kLoop);
  const Statistics s = statistics_of(*module);
  ASSERT_THAT(s.loops, SizeIs(1));
  EXPECT_EQ(s.loops[0].trips, 10);
  EXPECT_EQ(count_of(s, Op::dot).count, 1);
  EXPECT_EQ(count_of(s, Op::dot).runs, 10);
  EXPECT_EQ(count_of(s, Op::dot).flops, 10 * 2 * 8 * 16 * 16);
  EXPECT_EQ(count_of(s, Op::tanh).transcendentals, 10 * 8 * 16);
  EXPECT_EQ(s.ops[0].op, Op::dot);
  double flops = 0;
  for (const OpCount& op : s.ops) flops += op.flops;
  EXPECT_EQ(s.flops, flops);
}

TEST(Statistics, LargestValuesLeaveOutAliases) {
  const auto module = parse_module(kLoop);
  const Statistics s = statistics_of(*module, 3);
  std::vector<std::string> names;
  for (const LargeValue& value : s.largest) names.push_back(value.instruction->name());
  ASSERT_THAT(names, SizeIs(3));
  EXPECT_EQ(names[0], "w");
  EXPECT_EQ(s.largest[0].instruction->parent(), module->entry());
  EXPECT_EQ(s.largest[0].bytes, 4 * 16 * 16);
}

TEST(Statistics, CollectivesAndAnnotationsAreFound) {
  const auto module = parse_module(kLoop);
  const Statistics s = statistics_of(*module);
  ASSERT_THAT(s.collectives, SizeIs(1));
  EXPECT_EQ(s.collectives[0].op, Op::all_reduce);
  EXPECT_EQ(s.collectives[0].runs, 10);
  EXPECT_EQ(s.collectives[0].bytes, 10 * 4 * 8 * 16);
  EXPECT_EQ(s.devices, 8);
  EXPECT_EQ(s.annotated, 2);
  ASSERT_THAT(s.meshes, SizeIs(1));
  EXPECT_EQ(s.meshes[0].name, "mesh");
  EXPECT_THAT(s.meshes[0].mesh.axes(), ElementsAre(MeshAxis{"data", 2}, MeshAxis{"one", 1}, MeshAxis{"model", 4}));
}

std::vector<NamedMesh> meshes_of(const std::string& attributes) {
  const auto module =
      parse_module("HloModule m, num_partitions=4" + attributes +
                   "\nENTRY main {\n  ROOT x = f32[8,4] parameter(0), sharding={devices=[4,1]<=[4]}\n}\n");
  return statistics_of(*module).meshes;
}

TEST(Statistics, WithoutShardyTheMeshIsFoundInTheDeviceLists) {
  const auto meshes = meshes_of("");
  ASSERT_THAT(meshes, SizeIs(1));
  EXPECT_EQ(meshes[0].name, "");
  EXPECT_EQ(meshes[0].mesh.device_count(), 4);
}

TEST(Statistics, IllFormedMeshesAreNone) {
  for (const char* text : {"= #sdy.mesh<[", "mesh = #sdy.mesh<[\"a\"", "mesh = #sdy.mesh<[\"a\"=x]>",
                           "m = #sdy.mesh<[\"a\"=0]>", "m = #sdy.mesh<[\"a\"=99999999999999999999]>"}) {
    EXPECT_LE(meshes_of(std::string(", frontend_attributes={xla.sdy.meshes={") + text + "}}").size(), 1) << text;
  }
}

TEST(Statistics, LoopsThatDependOnDataAreCountedOnce) {
  std::string text = kLoop;
  text.replace(text.find("ROOT more = pred[] compare(i, ten), direction=LT"), 48,
               "x = f32[8,16] get-tuple-element(state), index=1\n  f = f32[1,1] slice(x), slice={[0:1], [0:1]}\n"
               "  g = f32[] reshape(f)\n  h = f32[] constant(0.5)\n  ROOT more = pred[] compare(g, h), direction=LT");
  const auto module = parse_module(text);
  const Statistics s = statistics_of(*module);
  EXPECT_EQ(s.loops[0].trips, std::nullopt);
  EXPECT_EQ(count_of(s, Op::dot).runs, 1);
}

}  // namespace
}  // namespace gshard
