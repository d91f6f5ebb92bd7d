// gshard bench and gshard profile: what they count; times are only there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

// Three rounds of a product and an addition.
constexpr const char* kLoop = R"(HloModule loop

body {
  state = (s32[], f32[64,64]) parameter(0)
  i = s32[] get-tuple-element(state), index=0
  one = s32[] constant(1)
  next = s32[] add(i, one)
  x = f32[64,64] get-tuple-element(state), index=1
  y = f32[64,64] dot(x, x), lhs_contracting_dims={1}, rhs_contracting_dims={0}, metadata={op_name="y" source_file="model.py" source_line=7}
  z = f32[64,64] add(y, x), metadata={op_name="z" source_file="model.py" source_line=8}
  ROOT after = (s32[], f32[64,64]) tuple(next, z)
}

condition {
  state = (s32[], f32[64,64]) parameter(0)
  i = s32[] get-tuple-element(state), index=0
  three = s32[] constant(3)
  ROOT more = pred[] compare(i, three), direction=LT
}

ENTRY main {
  x = f32[64,64] parameter(0)
  zero = s32[] constant(0)
  start = (s32[], f32[64,64]) tuple(zero, x)
  end = (s32[], f32[64,64]) while(start), condition=condition, body=body
  ROOT result = f32[64,64] get-tuple-element(end), index=1
}
)";
constexpr double kProduct = 2.0 * 64 * 64 * 64;

TEST(Bench, CountsWhatRanAndComparesItWithTheMachine) {
  const Folder folder;
  folder.write("m.hlo", kLoop);
  const Outcome o = folder.gshard("bench m.hlo --repeat 3 --json");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const auto json = nlohmann::json::parse(o.out);
  EXPECT_EQ(json["seconds"].size(), 3);
  EXPECT_EQ(json["median_seconds"], json["seconds"][1]);
  EXPECT_GE(json["flops"], 3 * kProduct + 3 * 64 * 64);
  EXPECT_LE(json["flops"], 3 * kProduct + 3 * 64 * 64 + 20);  // the counter
  EXPECT_EQ(json["bf16_flops"], 0);
  EXPECT_GT(json["peak_f32_flops_per_second"], 0);
  EXPECT_EQ(json["argument_bytes"], 64 * 64 * 4);
  EXPECT_GT(json["bytes"], 3 * 64 * 64 * 4);
}

TEST(Bench, ShowsTheSameToPeople) {
  const Folder folder;
  folder.write("m.hlo", kLoop);
  const Outcome o = folder.gshard("bench m.hlo --repeat 2");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, ContainsRegex("step time +[0-9.]+ [mu]?s, median of 2, from"));
  EXPECT_THAT(o.out, ContainsRegex("arithmetic +1.59 MFLOP, .*FLOP/s, [0-9.]+% of the peak\n"));
}

TEST(Profile, NamesStepsByOperationAndLine) {
  const Folder folder;
  folder.write("m.hlo", kLoop);
  const Outcome o = folder.gshard("profile m.hlo");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, ContainsRegex("^[^\n]* for a run, [^\n]* of them in [0-9]+ steps; compiled in "));
  EXPECT_THAT(o.out, ContainsRegex("\n  dot +3 "));
  EXPECT_THAT(o.out, ContainsRegex("\n  model.py:7 +3 "));
  EXPECT_THAT(o.out, ContainsRegex("\n  model.py:8 +3 "));
}

TEST(Profile, TheTraceHoldsEveryStep) {
  const Folder folder;
  folder.write("m.hlo", kLoop);
  const Outcome o = folder.gshard("profile m.hlo -o trace.json");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const auto trace = nlohmann::json::parse(folder.read("trace.json"));
  int products = 0;
  std::set<std::string> rows;
  const nlohmann::json* loop = nullptr;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == "M" && event["name"] == "thread_name") rows.insert(event["args"]["name"]);
    if (event["ph"] != "X") continue;
    if (event["cat"] == "while") loop = &event;
    if (event["cat"] != "dot") continue;
    ++products;
    EXPECT_EQ(event["name"], "dot model.py:7");
    EXPECT_EQ(event["args"]["flops"], kProduct);
  }
  EXPECT_EQ(products, 3);
  EXPECT_TRUE(rows.contains("steps"));
  ASSERT_NE(loop, nullptr);
  // The loop holds its steps.
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X" || event["cat"] != "dot") continue;
    EXPECT_GE(event["ts"], (*loop)["ts"]);
    EXPECT_LE(event["ts"].get<double>() + event["dur"].get<double>(),
              (*loop)["ts"].get<double>() + (*loop)["dur"].get<double>() + 1e-6);
  }
}

TEST(Profile, OfSeveralDevicesHasARowForEach) {
  const Folder folder;
  folder.write("m.hlo", kLoop);
  const Outcome o = folder.gshard("profile m.hlo --mesh x=2 --annotate 'x=x,_' -o trace.json");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  const auto trace = nlohmann::json::parse(folder.read("trace.json"));
  std::set<std::string> devices;
  for (const auto& event : trace["traceEvents"]) {
    if (event["name"] == "process_name") devices.insert(event["args"]["name"]);
  }
  EXPECT_EQ(devices, (std::set<std::string>{"device 0", "device 1"}));
  EXPECT_THAT(o.out, ContainsRegex("^[^\n]* for a run, [^\n]* in [0-9]+ steps of 2 devices added up; compiled in "));
}

TEST(Profile, AnOutputThatCannotBeWrittenIsAnErrorBeforeAnythingRuns) {
  const Folder folder;
  // What would be the error of a run.
  folder.write("m.hlo", "HloModule m\nENTRY e {\n  ROOT c = f32[1000] constant({...})\n}\n");
  const Outcome o = folder.gshard("profile m.hlo -o nowhere/trace.json");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(o.err, "error: nowhere/trace.json: cannot create it: No such file or directory\n");
}

TEST(Profile, ShowsTheLargestValuesAtThePeak) {
  const Folder folder;
  folder.write("m.hlo", R"(HloModule m
ENTRY e {
  x = f32[300,200] parameter(0)
  y = f32[300,300] dot(x, x), lhs_contracting_dims={1}, rhs_contracting_dims={1}, metadata={op_name="y" source_file="model.py" source_line=7}
  ROOT z = f32[300,200] dot(y, x), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}
)");
  const Outcome o = folder.gshard("profile m.hlo");
  ASSERT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("values on the way when they are most, 352 KiB of each device"));
  EXPECT_THAT(o.out, ContainsRegex("\n  %y +f32\\[300,300\\] +352 KiB +model.py:7\n"));
}

TEST(Profile, LeftOutConstantsAreAnError) {
  const Folder folder;
  folder.write("m.hlo", "HloModule m\nENTRY e {\n  ROOT c = f32[1000] constant({...})\n}\n");
  for (const char* command : {"bench m.hlo", "profile m.hlo"}) {
    const Outcome o = folder.gshard(command);
    EXPECT_EQ(o.exit_code, 3);
    EXPECT_THAT(o.err, HasSubstr("--make-up-constants"));
  }
}

}  // namespace
}  // namespace gshard
