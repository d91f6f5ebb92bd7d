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
