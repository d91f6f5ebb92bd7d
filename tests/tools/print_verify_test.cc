// gshard print and gshard verify, and how files that are no modules are answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The shape of the sum is wrong.
constexpr const char* kWrong = R"(HloModule wrong

ENTRY %main (x: f32[4]) -> f32[5] {
  %x = f32[4]{0} parameter(0)
  ROOT %sum = f32[5]{0} add(%x, %x)
}
)";

TEST(Print, CanonicalTextIsPrintedAsItIs) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome o = folder.gshard("print m.hlo");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.out, kDouble);
  EXPECT_EQ(o.err, "");
}

TEST(Print, ReadsStandardInputAndWritesFiles) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome o = folder.gshard("print - -o out.hlo <m.hlo");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(folder.read("out.hlo"), kDouble);
  EXPECT_EQ(folder.shell("cat m.hlo | $GSHARD print -").out, kDouble);
}

TEST(Print, MetadataIsLeftOutWhereAsked) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome o = folder.gshard("print m.hlo --no-metadata");
  EXPECT_THAT(o.out, Not(HasSubstr("metadata")));
  EXPECT_THAT(o.out, HasSubstr("add(%x, %x)\n"));
}

// A call of a function, and a value that nobody uses.
constexpr const char* kCalling = R"(HloModule calling

%twice (v: f32[4]) -> f32[4] {
  %v = f32[4]{0} parameter(0)
  ROOT %sum = f32[4]{0} add(%v, %v)
}

ENTRY %main (x: f32[4]) -> f32[4] {
  %x = f32[4]{0} parameter(0)
  %unused = f32[4]{0} tanh(%x)
  ROOT %y = f32[4]{0} call(%x), to_apply=%twice
}
)";

TEST(Print, SimplifyingLeavesWhatIsNeeded) {
  const Folder folder;
  folder.write("m.hlo", kCalling);
  const Outcome o = folder.gshard("print m.hlo --simplify");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, Not(HasSubstr("call(")));
  EXPECT_THAT(o.out, Not(HasSubstr("tanh(")));
  EXPECT_THAT(o.out, HasSubstr("add("));
  folder.write("small.hlo", o.out);
  EXPECT_EQ(folder.gshard("run small.hlo --seed 1").out, folder.gshard("run m.hlo --seed 1").out);
}

TEST(Print, PassesRunInOrderAndAreDumped) {
  const Folder folder;
  folder.write("m.hlo", kCalling);
  const Outcome o = folder.gshard("print --passes inline-calls,eliminate-dead-code m.hlo --dump-to steps");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(folder.shell("ls steps").out, "00-read.hlo\n01-inline-calls.hlo\n02-eliminate-dead-code.hlo\n");
  EXPECT_THAT(folder.read("steps/00-read.hlo"), HasSubstr("call("));
  EXPECT_THAT(folder.read("steps/01-inline-calls.hlo"), HasSubstr("tanh("));
  EXPECT_EQ(folder.read("steps/02-eliminate-dead-code.hlo"), o.out);
  EXPECT_THAT(folder.gshard("print m.hlo --passes inline-calls --verbose").err, HasSubstr("inline-calls: changed in "));
}

TEST(Print, AnUnknownPassIsWrongUsage) {
  const Folder folder;
  folder.write("m.hlo", kCalling);
  const Outcome o = folder.gshard("print m.hlo --passes inlin-calls");
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_EQ(o.err, "error: unknown pass 'inlin-calls'; did you mean 'inline-calls'? (see 'gshard help print')\n");
}

TEST(Print, AFileThatCannotBeWrittenIsAnError) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome o = folder.gshard("print m.hlo -o nowhere/out.hlo");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_EQ(o.err, "error: nowhere/out.hlo: cannot create it: No such file or directory\n");
}

TEST(Verify, CountsWhatIsFine) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome o = folder.gshard("verify m.hlo");
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_EQ(o.out, "ok m.hlo: 2 instructions in 1 computations\n");
  EXPECT_EQ(o.err, "");
}

TEST(Verify, GoesOnAfterAnError) {
  const Folder folder;
  folder.write("good.hlo", kDouble);
  folder.write("wrong.hlo", kWrong);
  const Outcome o = folder.gshard("verify good.hlo wrong.hlo none.hlo good.hlo");
  EXPECT_EQ(o.exit_code, 3);
  const std::string ok = "ok good.hlo: 2 instructions in 1 computations\n";
  EXPECT_EQ(o.out, ok + ok);
  EXPECT_THAT(o.err, StartsWith("wrong.hlo:5:"));
  EXPECT_THAT(o.err, HasSubstr("none.hlo: cannot open it: No such file or directory"));
}

TEST(Verify, AWrongTypeIsShownInItsLine) {
  const Folder folder;
  folder.write("wrong.hlo", kWrong);
  const Outcome o = folder.gshard("verify wrong.hlo");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, HasSubstr("error: add: "));
  EXPECT_THAT(o.err, HasSubstr("f32[5]"));
  EXPECT_THAT(o.err, HasSubstr("\n  ROOT %sum = f32[5]{0} add(%x, %x)\n"));
  EXPECT_THAT(o.err, HasSubstr("^\n"));
}

TEST(Verify, AnErrorInStandardInputIsShownInItsLine) {
  const Folder folder;
  folder.write("wrong.hlo", kWrong);
  const Outcome o = folder.gshard("verify - <wrong.hlo");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, StartsWith("<stdin>:5:"));
  EXPECT_THAT(o.err, HasSubstr("\n  ROOT %sum"));
}

TEST(BadFiles, AreOneClearLineAndExitCode3) {
  const Folder folder;
  folder.write("empty.hlo", "");
  folder.shell("mkdir folder; printf '\\x00\\x01\\xff\\xfe' >binary.hlo");
  const auto error_of = [&](const std::string& file) {
    const Outcome o = folder.gshard("print " + file);
    EXPECT_EQ(o.exit_code, 3) << file;
    EXPECT_EQ(o.out, "");
    return o.err;
  };
  EXPECT_EQ(error_of("none.hlo"), "error: none.hlo: cannot open it: No such file or directory\n");
  EXPECT_EQ(error_of("folder"), "error: folder: it is a directory, not a file\n");
  EXPECT_EQ(error_of("empty.hlo"), "error: empty.hlo: it is empty\n");
  EXPECT_EQ(error_of("- </dev/null"), "error: <stdin>: it is empty\n");
  EXPECT_THAT(error_of("binary.hlo"), HasSubstr("binary.hlo"));
}

TEST(BadFiles, ATruncatedFileIsShownWhereItEnds) {
  const Folder folder;
  folder.write("cut.hlo", std::string(kDouble).substr(0, 150));
  const Outcome o = folder.gshard("print cut.hlo");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, StartsWith("cut.hlo:5:"));
}

}  // namespace
}  // namespace gshard
