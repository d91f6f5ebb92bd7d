// gshard explain and gshard propagate, and what gshard partition reports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Tokens cut by rows, a weight cut by columns, and their product wanted whole.
constexpr const char* kLayer = R"(HloModule layer, num_partitions=4

ENTRY %main (x: f32[8,16], w: f32[16,32]) -> f32[8,32] {
  %x = f32[8,16]{1,0} parameter(0), sharding={devices=[4,1]<=[4]}
  %w = f32[16,32]{1,0} parameter(1), sharding={replicated}
  %y = f32[8,32]{1,0} dot(%x, %w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, metadata={op_name="layer/dot" source_file="layer.py" source_line=7}
  %z = f32[8,32]{1,0} tanh(%y)
  ROOT %out = f32[8,32]{1,0} negate(%z), sharding={replicated}
}
)";

class Layer : public testing::Test {
 protected:
  Layer() { folder.write("m.hlo", kLayer); }
  const Folder folder;
};

TEST_F(Layer, AValueIsDrawnAndFollowedToItsAnnotation) {
  const Outcome o = folder.gshard("explain m.hlo %z");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out,
              StartsWith("%z = tanh (line 7)  f32[8,32]\nmesh x=4; sharding [x, -]: each device holds f32[2,32]"));
  EXPECT_THAT(o.out, HasSubstr("  0:2 │  0  │\n"));
  EXPECT_THAT(o.out, HasSubstr("dimension 0 is cut by x:\n"));
  EXPECT_THAT(o.out, HasSubstr("%y = dot"));
  EXPECT_THAT(o.out, HasSubstr("layer.py:7"));
  EXPECT_THAT(o.out, HasSubstr("its annotation"));
}

TEST_F(Layer, AnUnknownValueIsWrongUsage) {
  const Outcome o = folder.gshard("explain m.hlo nothing");
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, StartsWith("error: the program has no value '%nothing' when it is partitioned"));
  EXPECT_EQ(folder.gshard("explain m.hlo z --collectives").exit_code, 2);
}

TEST_F(Layer, MemoryNamesTheLargestValuesAndWarnsWhereNothingFits) {
  folder.write("small.toml",
               "operations_per_second = 1e12\nmemory_bytes_per_second = 1e12\nmemory_bytes = 100\n[link]\n"
               "bytes_per_second = 1e9\n");
  const Outcome held = folder.gshard("explain m.hlo --memory --machine small.toml");
  EXPECT_EQ(held.exit_code, 0) << held.err;
  EXPECT_THAT(held.out, StartsWith("each device holds at most "));
  EXPECT_THAT(held.out, HasSubstr("; small has 100 B\n"));
  EXPECT_THAT(held.out, HasSubstr("2 KiB  %w f32[16,32] (line 5)\n"));
  const Outcome written = folder.gshard("partition m.hlo --machine small.toml -o out.hlo --report r.json");
  EXPECT_EQ(written.exit_code, 0) << written.err;
  EXPECT_THAT(written.err, HasSubstr("of which small has 100 B; no plan was found that takes less"));
  EXPECT_EQ(folder.gshard("explain m.hlo z --memory").exit_code, 2);
}

TEST_F(Layer, CollectivesHaveTheirCauseAndBytes) {
  const Outcome o = folder.gshard("explain m.hlo --collectives");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, StartsWith("4 devices, x=4: 1 movement of data, each device sends 768 B\n"));
  EXPECT_THAT(o.out, HasSubstr("100.0 %  all-gather  "));
  EXPECT_THAT(o.out, HasSubstr("[x, -] -> [-, -]\n"));
}

// Three times 32 x 160 numbers go around, over links of an axis that takes a second for each.
TEST_F(Layer, ALoopSaysHowOftenItSendsAndForWhichDot) {
  folder.write("ring.hlo", R"(HloModule ring, num_partitions=4
ENTRY main {
  x = f32[1024,128] parameter(0), sharding={devices=[4,1]<=[4]}
  w = f32[128,160] parameter(1), sharding={devices=[4,1]<=[4]}
  ROOT y = f32[1024,160] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[4,1]<=[4]}
}
)");
  EXPECT_THAT(folder.gshard("explain ring.hlo --collectives").out,
              HasSubstr("collective-permute x 3  f32[32,160]\n                     done by %y = dot (line 5)\n"));
  folder.write("m.toml", R"(operations_per_second = 1e3
memory_bytes_per_second = 1e12
[link]
bytes_per_second = 1e12
[axes.x]
bytes_per_second = 20480
)");
  const auto sent = nlohmann::json::parse(folder.gshard("explain ring.hlo --collectives --json --machine m.toml").out);
  EXPECT_EQ(sent["communications"][0]["kind"], "collective-permute");
  EXPECT_EQ(sent["communications"][0]["runs"], 3);
  EXPECT_EQ(sent["communications"][0]["bytes"], 3 * 20480);
  EXPECT_EQ(sent["communications"][0]["seconds"], 3);
}

TEST_F(Layer, TheSameAsJson) {
  const auto value = nlohmann::json::parse(folder.gshard("explain m.hlo z --json").out);
  EXPECT_EQ(value["leaves"][0]["sharding"], "[x, -]");
  EXPECT_EQ(value["leaves"][0]["dimensions"][0][0]["from"].back()["value"], "x");
  const auto sent = nlohmann::json::parse(folder.gshard("explain m.hlo --collectives --json").out);
  EXPECT_EQ(sent["communications"][0]["kind"], "all-gather");
  EXPECT_EQ(sent["communications"][0]["bytes"], 768);
  EXPECT_EQ(sent["communications"][0]["share"], 1);
}

TEST_F(Layer, WithoutAValueTheBoundaryIsShown) {
  const Outcome o = folder.gshard("explain m.hlo");
  EXPECT_THAT(o.out, HasSubstr("%w        f32[16,32]  [-, -]"));
  EXPECT_THAT(o.out, HasSubstr("result.0  f32[8,32]   [-, -]"));
}

TEST_F(Layer, OptionsAnnotateAndResize) {
  EXPECT_THAT(folder.gshard("explain m.hlo --devices 8 w").out, HasSubstr("mesh x=8; "));
  EXPECT_THAT(folder.gshard("explain m.hlo --annotate 'w=_,x' w").out, HasSubstr("sharding [-, x]"));
  EXPECT_EQ(folder.gshard("explain m.hlo --mesh y=2").exit_code, 2);
  const Outcome unknown = folder.gshard("partition m.hlo --annotate 'w=_,y'");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_EQ(unknown.err, "error: --annotate 'w': the mesh [x=4] has no axis 'y'\n");
  EXPECT_EQ(folder.gshard("partition m.hlo --annotate 'w=x,x'").err,
            "error: --annotate 'w': a sharding uses the axis 'x' twice\n");
  EXPECT_EQ(folder.gshard("partition m.hlo --annotate 'w=x'").err,
            "error: --annotate 'w': it has 1 dimension, the value has 2\n");
  EXPECT_EQ(folder.gshard("check m.hlo --mesh x=3").exit_code, 0);
}

TEST_F(Layer, PropagatedShardingsAreReadAgain) {
  const Outcome o = folder.gshard("propagate m.hlo -o sharded.hlo");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(folder.read("sharded.hlo"), HasSubstr("tanh(%y), sharding={devices=[4,1]<=[4]}"));
  EXPECT_EQ(folder.gshard("propagate sharded.hlo").out, folder.read("sharded.hlo"));
  EXPECT_EQ(folder.gshard("check sharded.hlo").exit_code, 0);
}

TEST_F(Layer, ReplicationIsReportedAndForbidden) {
  EXPECT_EQ(folder.gshard("partition m.hlo --forbid-replication 1025").exit_code, 0);
  const Outcome o = folder.gshard("partition m.hlo --forbid-replication 1024");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, HasSubstr("needs all of"));
  EXPECT_THAT(o.err, HasSubstr("f32[8,32] [x, -] on every device, 1 KiB"));
  EXPECT_EQ(folder.gshard("partition m.hlo -o out.hlo --report r.json").exit_code, 0);
  const auto report = nlohmann::json::parse(folder.read("r.json"));
  EXPECT_EQ(report["devices"], 4);
  EXPECT_EQ(report["communications"].size(), 1u);
  for (const char* command : {"check", "propagate"}) {
    EXPECT_EQ(folder.gshard(std::string(command) + " m.hlo --forbid-replication 1025").exit_code, 0);
    EXPECT_EQ(folder.gshard(std::string(command) + " m.hlo --forbid-replication 1024").err, o.err);
  }
}

// On a mesh of other sizes Shardy's names stay: also those of axes that had size 1, and in the results.
TEST(Propagate, BothDialectsAreWrittenOnAResizedMesh) {
  const Folder folder;
  folder.write(
      "m.hlo",
      R"(HloModule m, input_output_alias={ {0}: (0, {}, may-alias) }, num_partitions=4, frontend_attributes={xla.sdy.meshes={mesh = #sdy.mesh<["a"=4, "b"=1]>}}

ENTRY %main (x: f32[8,16]) -> (f32[8,16]) {
  %x = f32[8,16]{1,0} parameter(0), sharding={devices=[4,1]<=[4]}, frontend_attributes={xla.sdy.sharding="#sdy.sharding<@mesh, [{\"a\"}, {\"b\"}]>"}
  %y = f32[8,16]{1,0} tanh(%x)
  %z = f32[8,16]{1,0} custom-call(%y), custom_call_target="xla.sdy.FuncResultSharding", custom_call_has_side_effect=true, sharding={devices=[4,1]<=[4]}, frontend_attributes={xla.sdy.sharding="#sdy.sharding_per_value<[<@mesh, [{\"a\"}, {\"b\"}]>]>"}
  ROOT %out = (f32[8,16]{1,0}) tuple(%z), sharding={{devices=[4,1]<=[4]}}
}
)");
  EXPECT_EQ(folder.gshard("propagate m.hlo --mesh a=2,b=4 --annotate 'y=b,a' -o sharded.hlo").err, "");
  const std::string sharded = folder.read("sharded.hlo");
  EXPECT_THAT(sharded, HasSubstr("xla.sdy.meshes={mesh = #sdy.mesh<[\"a\"=2, \"b\"=4]>}"));
  EXPECT_THAT(sharded, HasSubstr("parameter(0), sharding={devices=[2,4]<=[8]}, frontend_attributes={xla.sdy.sharding="
                                 "\"#sdy.sharding<@mesh, [{\\\"a\\\"}, {\\\"b\\\"}]>\"}"));
  EXPECT_THAT(sharded, HasSubstr("tanh(%x), sharding={devices=[4,2]<=[2,4]T(1,0)}"));
  EXPECT_THAT(sharded, HasSubstr("tuple(%z), sharding={{devices=[2,4]<=[8]}}"));
  EXPECT_EQ(folder.gshard("propagate sharded.hlo").out, sharded);
  EXPECT_EQ(folder.gshard("partition m.hlo --mesh a=2,b=4 -o out.hlo").err, "") << "the alias stays";

  const Outcome o = folder.gshard("propagate m.hlo --mesh a=4,b=2 --annotate 'z=b,_'");
  EXPECT_THAT(o.out, HasSubstr("#sdy.sharding<@mesh, [{\\\"b\\\"}, {}]>")) << o.err;
}

// A weight that lies in parts between steps, and a batch that is cut by the same axis: the author's layout asks for the
// weight to be brought together. It does not where the op does all of its work on every device.
TEST_F(Layer, WhatTheLayoutAsksForIsNoReplication) {
  const std::string layer = R"(HloModule layer, num_partitions=4

ENTRY %main (x: f32[8,16], w: f64[16,32]) -> f32[8,32] {
  %x = f32[8,16]{1,0} parameter(0), sharding={devices=[4,1]<=[4]}
  %w = f64[16,32]{1,0} parameter(1), sharding={devices=[1,4]<=[4]}
  %v = f32[16,32]{1,0} convert(%w)
  ROOT %y = f32[8,32]{1,0} dot(%x, %v), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={devices=[4,1]<=[4]}
}
)";
  folder.write("asked.hlo", layer);
  EXPECT_EQ(folder.gshard("partition asked.hlo --forbid-replication 1").exit_code, 0);
  std::string whole = layer;
  whole.replace(whole.rfind("{devices=[4,1]<=[4]}"), 20, "{replicated}");
  whole.replace(whole.find("{devices=[4,1]<=[4]}"), 20, "{replicated}");
  folder.write("whole.hlo", whole);
  EXPECT_EQ(folder.gshard("partition whole.hlo --forbid-replication 1").exit_code, 3);
}

}  // namespace
}  // namespace gshard
