// What the command says about itself, and to those who use it wrongly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Usage, TheVersionNamesTheCommit) {
  const Outcome o = Folder().gshard("--version");
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_THAT(o.out, ContainsRegex("^gshard [0-9]+\\.[0-9]+\\.[0-9]+ \\([-0-9a-z]+\\)\n$"));
}

TEST(Usage, HelpListsTheSubcommands) {
  const Folder folder;
  const Outcome o = folder.gshard("help");
  EXPECT_EQ(o.exit_code, 0);
  for (const char* name : {"print", "verify", "stats", "run", "help"}) EXPECT_THAT(o.out, HasSubstr(name));
  EXPECT_EQ(folder.gshard("--help").out, o.out);
  EXPECT_EQ(folder.gshard("-h").out, o.out);
}

class EverySubcommand : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Help, EverySubcommand,
                         testing::Values("print", "verify", "stats", "run", "bench", "profile", "propagate",
                                         "partition", "explain", "check", "machine", "model", "corpus", "report",
                                         "train", "translate", "score", "evaluate", "help"),
                         [](const auto& info) { return info.param; });

TEST_P(EverySubcommand, HasHelpWithAnExample) {
  const Folder folder;
  const Outcome o = folder.gshard("help " + GetParam());
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("Usage: gshard " + GetParam()));
  EXPECT_THAT(o.out, HasSubstr("\n  gshard " + GetParam()));
  EXPECT_EQ(folder.gshard(GetParam() + " --help").out, o.out);
}

struct WrongUsage {
  const char* arguments;
  const char* error;
};
void PrintTo(const WrongUsage& usage, std::ostream* os) { *os << usage.arguments; }

class EveryWrongUsage : public testing::TestWithParam<WrongUsage> {};

TEST_P(EveryWrongUsage, IsOneLineAndExitCode2) {
  const Outcome o = Folder().gshard(GetParam().arguments);
  EXPECT_EQ(o.exit_code, 2);
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(o.err, std::string("error: ") + GetParam().error + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Usage, EveryWrongUsage,
    testing::Values(
        WrongUsage{"", "a subcommand is missing; 'gshard help' lists them"},
        WrongUsage{"prnit m.hlo", "unknown subcommand 'prnit'; did you mean 'print'? (see 'gshard help')"},
        WrongUsage{"help verfy", "unknown subcommand 'verfy'; did you mean 'verify'? (see 'gshard help')"},
        WrongUsage{"--versoin", "unknown option '--versoin'; did you mean '--version'? (see 'gshard help')"},
        WrongUsage{"print m.hlo --metadata",
                   "unknown option '--metadata'; did you mean '--no-metadata'? (see 'gshard help print')"},
        WrongUsage{"print m.hlo n.hlo", "unexpected argument 'n.hlo' (see 'gshard help print')"},
        WrongUsage{"verify", "FILE is required (see 'gshard help verify')"},
        WrongUsage{"run m.hlo --seed", "--seed: 1 required N missing (see 'gshard help run')"},
        WrongUsage{"run m.hlo --seed=-1", "--seed: '-1' is no whole number from 0 to 2^64-1"},
        WrongUsage{"run m.hlo --devices 0", "--devices: there must be 1 device at least (see 'gshard help run')"},
        WrongUsage{"partition m.hlo --devices=00",
                   "--devices: there must be 1 device at least (see 'gshard help partition')"},
        WrongUsage{"run m.hlo --precision bf16 --backend reference", "--precision bf16 needs --backend cpu"},
        WrongUsage{"run m.hlo --precision bf16 --f64",
                   "--precision bf16 is of products of f32, of which --f64 leaves none"},
        WrongUsage{"run m.hlo --machine threads",
                   "--machine is of a partitioned program: give --devices, --mesh or --annotate too"},
        WrongUsage{"run m.hlo --out ''", "--out: what is given is empty (see 'gshard help run')"},
        WrongUsage{"stats ''", "FILE: what is given is empty (see 'gshard help stats')"},
        WrongUsage{"partition m.hlo --report r -o r", "--report and --out are both 'r': give them places of their own"},
        WrongUsage{"translate --model m --alpha nan",
                   "--alpha: 'nan' is no number from 0 to 10 (see 'gshard help translate')"},
        WrongUsage{"translate --model m --expert-capacity 0",
                   "--expert-capacity: '0' is no number from 0.001 to 1000000 (see 'gshard help translate')"},
        WrongUsage{"help verify all", "'verify' has no subcommands: 'all' is none"},
        WrongUsage{"model list tiny", "model list shows all: 'tiny' is of 'model show'"},
        WrongUsage{"model show tiny --devices 3",
                   "tiny over [device=3]: moe: 16 groups of 128 tokens are cut in 3 parts; make groups smaller or batches larger"},
        WrongUsage{"model show tiny --devices 18446744073709551615",
                   "18446744073709551615 devices: more than 2147483647"},
        WrongUsage{"model show tiny --devices 0", "--devices: there must be 1 device at least"},
        WrongUsage{"model show tiny --tensor 0", "--tensor: there must be 1 device at least"},
        WrongUsage{"run m.hlo --out r.npy", "--out: 'r.npy' ends in neither .npz nor .safetensors"},
        WrongUsage{"corpus import m.tsv -o c --max-ratio nan", "--max-ratio must be above 0"},
        WrongUsage{"corpus fetch --languages de --sources lo,example -o c",
                   "--sources: the example is taken alone, without other sources"},
        WrongUsage{"corpus fetch --languages de --sources example --manifest m.json -o c",
                   "--manifest is of Debian's packages, of which the example has none"},
        WrongUsage{"run m.hlo --sed=1", "unknown option '--sed'; did you mean '--seed'? (see 'gshard help run')"}));

TEST(Usage, HelpNamesWhatIsRequiredAndWhatAnOptionMayBe) {
  const Folder folder;
  EXPECT_THAT(folder.gshard("help corpus import").out,
              ContainsRegex("--out DIR +The folder of the corpus .required.\n"));
  EXPECT_THAT(folder.gshard("help run").out, HasSubstr("  --backend {reference,cpu} "));
  EXPECT_THAT(folder.gshard("help translate").out, HasSubstr("  --beam N from 1 to 64 "));
}

TEST(Usage, WhatFollowsTwoDashesIsNoOption) {
  const Folder folder;
  folder.write("-m.hlo", kDouble);
  EXPECT_EQ(folder.gshard("print -- -m.hlo").out, kDouble);
  EXPECT_EQ(folder.gshard("verify -q -- -m.hlo").exit_code, 0);
}

TEST(Usage, SizesOfAMeshThatContradictEachOther) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome both = folder.gshard("partition m.hlo --mesh x=2 --devices 4");
  EXPECT_EQ(both.exit_code, 2);
  EXPECT_EQ(both.err, "error: --devices and --mesh both resize the mesh: give one of them\n");
  const Outcome twice = folder.gshard("partition m.hlo --mesh x=2,x=4");
  EXPECT_EQ(twice.exit_code, 2);
  EXPECT_EQ(twice.err, "error: --mesh 'x=2,x=4': it has two sizes for 'x'\n");
}

TEST(Usage, AnUnknownSubcommandFarFromAllListsAll) {
  EXPECT_THAT(Folder().gshard("model.hlo").err,
              ContainsRegex("unknown subcommand 'model.hlo'; it is none of .*print.*"));
}

TEST(Terminal, ColoursAreForTerminalsOnly) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  EXPECT_THAT(folder.gshard("verify m.hlo none.hlo").err, Not(HasSubstr("\x1b")));
  // util-linux's script gives the command a terminal.
  if (folder.shell("script -qec true /dev/null").exit_code != 0) GTEST_SKIP() << "no script(1), or no terminals";
  const std::string on_terminal = "script -qec '$GSHARD verify m.hlo none.hlo' /dev/null | cat";
  const std::string coloured = folder.shell("unset NO_COLOR; export TERM=xterm; " + on_terminal).out;
  EXPECT_THAT(coloured, HasSubstr("\x1b[32mok\x1b[0m"));
  EXPECT_THAT(coloured, HasSubstr("\x1b[1;31merror:\x1b[0m"));
  EXPECT_THAT(folder.shell("export TERM=xterm NO_COLOR=1; " + on_terminal).out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(folder.shell("export TERM=dumb; " + on_terminal).out, Not(HasSubstr("\x1b")));
}

TEST(Terminal, AClosedPipeEndsQuietly) {
  const Folder folder;
  std::string text = "HloModule m\n\nENTRY %main () -> f32[] {\n";
  for (int i = 0; i < 20000; ++i) text += "  %c" + std::to_string(i) + " = f32[] constant(1)\n";
  folder.write("m.hlo", text + "  ROOT %r = f32[] constant(2)\n}\n");
  const Outcome o = folder.shell("set -o pipefail; $GSHARD print m.hlo | head -n 1");
  EXPECT_EQ(o.exit_code, 0);
  EXPECT_THAT(o.out, StartsWith("HloModule m"));
  EXPECT_EQ(o.err, "");
}

TEST(Terminal, AFullDiskIsAnError) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome o = folder.gshard("print m.hlo >/dev/full");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_EQ(o.err, "error: cannot write to standard output: No space left on device\n");
}

TEST(Terminal, WhatCannotBeWrittenLeavesTheFileThatWasThere) {
  const Folder folder;
  std::string text = "HloModule m\n\nENTRY %main () -> f32[] {\n";
  for (int i = 0; i < 2000; ++i) text += "  %c" + std::to_string(i) + " = f32[] constant(1)\n";
  text += "  ROOT %r = f32[] constant(2)\n}\n";
  folder.write("m.hlo", text);
  const Outcome o = folder.shell("trap '' XFSZ; ulimit -f 8; $GSHARD print m.hlo -o m.hlo");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_EQ(o.err, "error: m.hlo: cannot write it: File too large\n");
  EXPECT_EQ(folder.read("m.hlo"), text);
  EXPECT_FALSE(std::filesystem::exists(folder.path("m.hlo.partial")));
}

TEST(Terminal, ALinkStaysOne) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome o = folder.shell("touch out.hlo; ln -s out.hlo link.hlo; $GSHARD print m.hlo -o link.hlo");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path("link.hlo")));
  EXPECT_EQ(folder.read("out.hlo"), kDouble);
  const Outcome r = folder.shell("touch out.npz; ln -s out.npz link.npz; $GSHARD run m.hlo --out link.npz");
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path("link.npz")));
  EXPECT_TRUE(folder.read("out.npz").starts_with("PK"));
}

}  // namespace
}  // namespace gshard
