// Forms of annotations that people and tools write for the same thing, and annotations that contradict each other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shard/checked.h"
#include "text/parse.h"

namespace gshard {
namespace {

constexpr const char* kMesh = R"(mesh = #sdy.mesh<["x"=4, "y"=2]>)";
constexpr const char* kCut = R"(#sdy.sharding<@mesh, [{\"x\"}, {\"y\"}]>)";

std::string with_shardy(const std::string& meshes, const std::string& first, const std::string& second = kCut) {
  return "HloModule m, num_partitions=8, frontend_attributes={xla.sdy.meshes={" + meshes + R"(}}
ENTRY e {
  a = f32[8,16] parameter(0), frontend_attributes={xla.sdy.sharding=")" +
         first + R"("}
  b = f32[8,16] parameter(1), frontend_attributes={xla.sdy.sharding=")" +
         second + R"("}
  ROOT n = f32[8,16] add(a, b)
}
)";
}

std::string first_parameter(const std::string& text) {
  const Partitioned program = checked(text);
  return program.parameters[0][0].sharding.to_string(program.mesh);
}

TEST(Forms, AShardyShardingMayStartAtItsMesh) {
  EXPECT_EQ(first_parameter(with_shardy(kMesh, R"(<@mesh, [{\"y\"}, {\"x\", ?}], replicated={}>)")), "[y, x]");
}

// An open dimension may be cut further, but not by these.
TEST(Forms, AShardyShardingNamesAxesThatCutNothing) {
  EXPECT_EQ(first_parameter(with_shardy(kMesh, R"(#sdy.sharding<@mesh, [{?}, {?}]>)")), "[x, y]");
  EXPECT_EQ(first_parameter(with_shardy(kMesh, R"(#sdy.sharding<@mesh, [{?}, {?}], replicated={\"y\"}>)")), "[x, -]");
  EXPECT_EQ(first_parameter(with_shardy(kMesh, R"(#sdy.sharding<@mesh, [{?}, {?}], replicated={\"x\":(1)2}>)")),
            "[-, y]");
  const auto contradiction = with_shardy(kMesh, R"(#sdy.sharding<@mesh, [{\"x\"}, {?}], replicated={\"x\"}>)");
  EXPECT_THROW(partition(*parse_module(contradiction)), Error);
}

TEST(Forms, AMeshOfOneDeviceHasNoDimensions) {
  const std::string meshes = std::string(R"(maximal_mesh_2 = #sdy.mesh<[], device_ids=[2]>, )") + kMesh;
  EXPECT_EQ(first_parameter(with_shardy(meshes, "#sdy.sharding<@maximal_mesh_2, []>")), "[-, -]");
}

TEST(Forms, ShardyMeshesThatNobodyNamesDoNotCount) {
  const std::string other = std::string(R"(other = #sdy.mesh<["z"=8]>, )") + kMesh;
  EXPECT_EQ(first_parameter(with_shardy(other, kCut)), "[x, y]");
  EXPECT_THROW(partition(*parse_module(with_shardy(other, kCut, R"(#sdy.sharding<@other, [{\"z\"}, {}]>)"))), Error);
}

TEST(Forms, TwoShardyMeshesMayBeTheSame) {
  const std::string twice = std::string(R"(again = #sdy.mesh<["x"=4, "y"=2]>, )") + kMesh;
  EXPECT_EQ(first_parameter(with_shardy(twice, R"(#sdy.sharding<@again, [{\"x\"}, {}]>)")), "[x, -]");
}

std::string with_inline_mesh(const std::string& first, const std::string& second) {
  std::string text = with_shardy("", first, second);
  const std::string header = ", frontend_attributes={xla.sdy.meshes={}}";
  return text.erase(text.find(header), header.size());
}

TEST(Forms, AShardyMeshMayStandInsideOfTheSharding) {
  constexpr const char* kInside = R"(#sdy.sharding<mesh<[\"x\"=4, \"y\"=2]>, [{\"x\"}, {\"y\"}]>)";
  constexpr const char* kOther = R"(#sdy.sharding<mesh<[\"z\"=8]>, [{\"z\"}, {}]>)";
  EXPECT_EQ(first_parameter(with_inline_mesh(kInside, kInside)), "[x, y]");
  EXPECT_EQ(first_parameter(with_shardy(kMesh, R"(#sdy.sharding<@mesh, [{\"y\"}, {}]>)", kInside)), "[y, -]");
  EXPECT_EQ(first_parameter(with_shardy(R"(other = #sdy.mesh<["z"=8]>)", kInside, kInside)), "[x, y]");
  EXPECT_THROW(partition(*parse_module(with_inline_mesh(kInside, kOther))), Error);
}

TEST(Forms, AShardyMeshThatIsNowhereIsAnError) {
  try {
    partition(*parse_module(with_inline_mesh(kCut, kCut)));
    FAIL() << "partitioned";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("@mesh"));
    EXPECT_THAT(error.report(), testing::HasSubstr("3:"));
  }
}

TEST(Forms, AShardyMeshThatTheHeaderDoesNotListIsAnError) {
  EXPECT_THROW(partition(*parse_module(with_shardy(kMesh, R"(#sdy.sharding<@other, [{\"x\"}, {}]>)"))), Error);
  EXPECT_EQ(first_parameter(with_shardy(kMesh, R"(#sdy.sharding<@other, [{}, {}]>)")), "[-, -]");
}

TEST(Forms, AShardyMeshIsOfAllPartitions) {
  for (const char* mesh : {R"(mesh = #sdy.mesh<["x"=4, "y"=4]>)", R"(mesh = #sdy.mesh<["x"=2, "y"=2]>)"})
    EXPECT_THROW(partition(*parse_module(with_shardy(mesh, kCut))), Error) << mesh;
}

TEST(Forms, NothingFollowsAShardySharding) {
  EXPECT_THROW(partition(*parse_module(with_shardy(kMesh, std::string(kCut) + ", unreduced={}"))), Error);
  EXPECT_THROW(partition(*parse_module(with_shardy(kMesh, std::string(kCut) + " x"))), Error);
}

void expect_refused(const std::string& sharding, const std::string& name, const std::string& number) {
  try {
    partition(*parse_module("HloModule m, num_partitions=4\nENTRY e {\n  a = f32[4,4] parameter(0)\n" +
                            ("  ROOT c = f32[4,4] negate(a), sharding={" + sharding + "}\n}")));
    ADD_FAILURE() << sharding << " was read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(name));
    EXPECT_THAT(error.what(), testing::HasSubstr("the device " + number));
    EXPECT_THAT(error.report(), testing::HasSubstr("4:"));
  }
}

TEST(Forms, DevicesThatThereAreNotAreErrorsOfTheInstruction) {
  expect_refused("maximal device=7", "%c", "7");
  expect_refused("maximal device=9223372036854775807", "%c", "9223372036854775807");
  expect_refused("devices=[2,2]0,1,2,7", "%c", "7");
  expect_refused("devices=[8,1]<=[8]", "%c", "7");
  expect_refused("devices=[1073741824,1]<=[1073741824]", "%c", "1073741823");
}

TEST(Forms, MoreDevicesThanAnyoneHasAreAnError) {
  const std::string rest = "\nENTRY e {\n  ROOT a = f32[4,4] parameter(0)\n}";
  EXPECT_THROW(partition(*parse_module("HloModule m, num_partitions=2305843009213693951" + rest)), Error);
  PartitionOptions options;
  options.mesh = {{"x", int64_t{1} << 40}, {"y", int64_t{1} << 40}};
  EXPECT_THROW(partition(*parse_module("HloModule m" + rest), options), Error);
}

TEST(Forms, AxesOfANewMeshCanBeNamed) {
  const auto module = parse_module("HloModule m\nENTRY e {\n  ROOT a = f32[4,4] parameter(0)\n}");
  PartitionOptions options;
  for (const char* name : {"data", "fsdp_transpose", "x-1", "a.b", "2"}) {
    options.mesh = {{name, 4}};
    EXPECT_EQ(partition(*module, options).mesh.device_count(), 4) << name;
  }
  for (const char* name : {"_", "-", "?", "a+b", "a;b", "a b", "x:(1)2", "a\"b"}) {
    options.mesh = {{name, 4}};
    EXPECT_THROW(partition(*module, options), Error) << name;
  }
}

// What the result's tuple is to be says nothing of how its elements are held before.
TEST(Forms, AnAnnotatedTupleLeavesItsElementsAsTheyAreAnnotated) {
  const Propagated shardings = propagate_shardings(*parse_module(R"(
HloModule m
ENTRY e {
  a = f32[8,4] parameter(0), sharding={devices=[4,1]<=[4]}
  b = f32[8,4] negate(a), sharding={devices=[4,1]<=[4]}
  ROOT t = (f32[8,4]) tuple(b), sharding={{replicated}}
}
)"));
  for (ValueClass value = 0; value < shardings.shardings.value_count(); ++value) {
    EXPECT_EQ(shardings.shardings[value].to_string(shardings.mesh), "[x, -]");
  }
  EXPECT_EQ(shardings.results[0].to_string(shardings.mesh), "[-, -]");
}

}  // namespace
}  // namespace gshard
