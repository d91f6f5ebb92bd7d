// gshard check and gshard partition.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string over_rows(const std::string& body) {
  return "HloModule m, num_partitions=4\n"
         "ENTRY e {\n"
         "  x = f32[8,4] parameter(0), sharding={devices=[4,1]<=[4]}\n"
         "  " +
         body + "\n}\n";
}

const std::string kGram =
    over_rows("ROOT y = f32[4,4] dot(x, x), lhs_contracting_dims={0}, rhs_contracting_dims={0}, sharding={replicated}");

TEST(Check, EqualIsExitCode0AndOneLine) {
  const Folder folder;
  folder.write("m.hlo", kGram);
  const Outcome o = folder.gshard("check m.hlo");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, StartsWith("equal: 4 devices, x=4; 1 output, largest relative error "));
  EXPECT_THAT(o.out, HasSubstr("1 all-reduce"));
  EXPECT_EQ(o.err, "");
  EXPECT_EQ(folder.gshard("check --native - <m.hlo").exit_code, 0);
  for (const char* backend : {"cpu", "reference"}) {
    EXPECT_EQ(folder.gshard(std::string("check m.hlo --backend ") + backend).exit_code, 0);
    EXPECT_EQ(folder.gshard(std::string("check m.hlo --native --backend ") + backend).exit_code, 0);
  }
}

TEST(Check, ProductsMayMultiplyInBf16OnBothSides) {
  const Folder folder;
  folder.write("m.hlo", kGram);
  EXPECT_EQ(folder.gshard("check m.hlo --native --precision bf16").exit_code, 0);
  const Outcome o = folder.gshard("check m.hlo --precision bf16");
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("give --native too"));
}

TEST(Check, ValuesOnTheWayAreComparedInDoublePrecision) {
  const Folder folder;
  folder.write("m.hlo", kGram);
  EXPECT_EQ(folder.gshard("check m.hlo --bisect").exit_code, 0);
  const Outcome o = folder.gshard("check m.hlo --native --bisect");
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_THAT(o.err, HasSubstr("give it without --native"));
}

TEST(Check, ConstantsThatTheTextLeftOutAreMadeUpOnce) {
  const Folder folder;
  folder.write("m.hlo",
               "HloModule m, num_partitions=4\n"
               "ENTRY e {\n"
               "  x = bf16[8,4] parameter(0), sharding={devices=[4,1]<=[4]}\n"
               "  c = bf16[8,4] constant({...})\n"
               "  ROOT y = bf16[8,4] add(x, c)\n"
               "}\n");
  for (const char* options : {"", " --native", " --seed 3", " --seed 3 --native"}) {
    EXPECT_EQ(folder.gshard(std::string("check m.hlo") + options).exit_code, 0) << options;
  }
}

TEST(Check, HelpSaysWhatIsCompared) {
  const Outcome o = Folder().gshard("check --help");
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_THAT(o.out, HasSubstr("both compiled"));
  EXPECT_THAT(o.out, HasSubstr("gshard run --backend reference"));
  EXPECT_THAT(o.out, HasSubstr("not with --native"));
}

TEST(Check, DifferentIsExitCode1) {
  const Folder folder;
  folder.write("m.hlo", over_rows("ROOT y = f32[8,4] subtract(x, x)"));
  const Outcome o = folder.gshard("check m.hlo");
  EXPECT_EQ(o.exit_code, 1);
  EXPECT_THAT(o.out, StartsWith("result f32[8,4] [x, -]: all elements are one number, whatever the arguments\n"));
  EXPECT_THAT(o.out, HasSubstr("different: 4 devices"));
  EXPECT_EQ(folder.gshard("check m.hlo --allow-constant").exit_code, 0);
}

TEST(Check, WhatCannotBePartitionedIsExitCode3) {
  const Folder folder;
  folder.write(
      "m.hlo",
      over_rows("ROOT y = f32[8,4] custom-call(x), custom_call_target=\"f\", custom_call_has_side_effect=true"));
  const Outcome o = folder.gshard("check m.hlo");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, StartsWith("m.hlo:4:"));
}

TEST(Check, WithoutAnnotationsAWarningSaysHowToCut) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome o = folder.gshard("check m.hlo");
  EXPECT_THAT(o.out, StartsWith("equal: one device; 1 output, "));
  const std::string advice =
      "warning: nothing is annotated, so nothing is cut; annotate from outside, as in --mesh data=4 --annotate "
      "'NAME=data,_'\n";
  EXPECT_EQ(o.err, advice);
  for (const char* command : {"partition m.hlo", "propagate m.hlo", "explain m.hlo", "explain m.hlo --collectives"}) {
    EXPECT_EQ(folder.gshard(command).err, advice) << command;
  }
  EXPECT_THAT(folder.gshard("check m.hlo --devices 2").err, HasSubstr("as in --annotate 'NAME=x,_'"));
  EXPECT_EQ(folder.gshard("check m.hlo --mesh data=2 --annotate 'x=data'").err, "");
  const Outcome no_mesh = folder.gshard("check m.hlo --annotate 'x=data'");
  EXPECT_EQ(no_mesh.exit_code, 2);
  EXPECT_EQ(no_mesh.err,
            "error: --annotate 'x': the module has no mesh with an axis 'data'; give it one, as --mesh data=4\n");
}

TEST(Partition, TheResultIsAProgramAgain) {
  const Folder folder;
  folder.write("m.hlo", kGram);
  const Outcome o = folder.gshard("partition m.hlo -o out.hlo");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_EQ(o.out, "");
  EXPECT_THAT(folder.read("out.hlo"), HasSubstr("all-reduce("));
  EXPECT_EQ(folder.gshard("verify out.hlo").exit_code, 0);
  EXPECT_EQ(folder.gshard("partition m.hlo").out, folder.read("out.hlo"));
  const Outcome again = folder.gshard("partition out.hlo");
  EXPECT_EQ(again.exit_code, 3);
  EXPECT_THAT(again.err, HasSubstr("a program that is partitioned already cannot be partitioned again"));
}

}  // namespace
}  // namespace gshard
