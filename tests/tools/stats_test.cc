// gshard stats: the table and the JSON (what is counted is tested in tests/runtime/statistics_test.cc).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr const char* kMatmul = R"(HloModule matmul

ENTRY %main (x: f32[1000,2000], w: f32[2000,500]) -> f32[1000,500] {
  %x = f32[1000,2000]{1,0} parameter(0), sharding={devices=[4,1]<=[4]}
  %w = f32[2000,500]{1,0} parameter(1)
  ROOT %y = f32[1000,500]{1,0} dot(%x, %w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, metadata={op_name="y" source_file="model.py" source_line=7}
}
)";

TEST(Stats, TheTableIsReadable) {
  const Folder folder;
  folder.write("m.hlo", kMatmul);
  const Outcome o = folder.gshard("stats m.hlo");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, ContainsRegex("instructions +3 in 1 computations\n"));
  EXPECT_THAT(o.out, ContainsRegex("parameters +2, 11.4 MiB\n"));
  EXPECT_THAT(o.out, ContainsRegex("results +1.91 MiB\n"));
  EXPECT_THAT(o.out, ContainsRegex("annotated +1 instructions\n"));
  EXPECT_THAT(o.out, ContainsRegex("\n  dot +1 +1 +2 G +100.0%\n"));
  EXPECT_THAT(o.out, ContainsRegex("\n  %y +f32\\[1000,500\\] +1.91 MiB +model.py:7\n"));
}

TEST(Stats, JsonIsExact) {
  const Folder folder;
  folder.write("m.hlo", kMatmul);
  const Outcome o = folder.gshard("stats --json m.hlo");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  const auto json = nlohmann::json::parse(o.out);
  EXPECT_EQ(json["flops"], 2000000000);
  EXPECT_EQ(json["parameter_bytes"], 12000000);
  EXPECT_EQ(json["largest"][0]["name"], "x");
  EXPECT_EQ(json["largest"][0]["bytes"], 8000000);
  EXPECT_EQ(json["ops"][0]["op"], "dot");
  EXPECT_EQ(json["ops"][0]["count"], 1);
  EXPECT_EQ(json["meshes"][0]["axes"][0]["size"], 4);
}

TEST(Stats, AbsurdSizesAreCounted) {
  const Folder folder;
  folder.write("m.hlo", "HloModule m\nENTRY e {\n  ROOT x = f32[1099511627776,1099511627776] parameter(0)\n}\n");
  const Outcome o = folder.gshard("stats m.hlo");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("8 EiB"));
}

}  // namespace
}  // namespace gshard
