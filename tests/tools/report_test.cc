// gshard report, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "run_tool.h"

namespace gshard {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kMetrics = R"({"kind":"run","step":0,"name":"mine","devices":2,"all_to_alls":8}
{"kind":"step","step":10,"steps":10,"loss":5.5,"source_tokens":900,"target_tokens":800,"milliseconds":100}
{"kind":"evaluation","step":10,"loss":5.25}
)";

TEST(ReportCommand, PrintsACurveAndWritesAPage) {
  const Folder folder;
  folder.write("metrics.jsonl", kMetrics);
  const Outcome o = folder.gshard("report .");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("lowest dev loss 5.250, at step 10\n8 all-to-alls a step on 2 devices\n"));
  EXPECT_THAT(o.out, HasSubstr("written: ./report.html\n"));
  EXPECT_THAT(folder.read("report.html"), StartsWith("<!DOCTYPE html>"));
}

TEST(ReportCommand, OfARunThatIsStillWriting) {
  const Folder folder;
  folder.write("metrics.jsonl", std::string(kMetrics) + R"({"kind":"step","st)");
  EXPECT_EQ(folder.gshard("report .").exit_code, 0);
}

TEST(ReportCommand, OfNoRun) {
  const Folder folder;
  const Outcome o = folder.gshard("report nothing");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, StartsWith("error: nothing/metrics.jsonl: cannot open it"));
}

TEST(ReportCommand, OfDamagedMetricsNamesTheLine) {
  const Folder folder;
  folder.write("metrics.jsonl", "{\"kind\":\"step\"}\nwhat\n{\"kind\":\"step\"}\n");
  const Outcome o = folder.gshard("report .");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, StartsWith("error: ./metrics.jsonl: line 2 is no record of a run\n"));
}

}  // namespace
}  // namespace gshard
