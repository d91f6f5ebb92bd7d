// gshard run: arguments, results and what goes wrong on the way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// Parameters that another module's results can be: `result`, and parts of a tuple.
constexpr const char* kTuple = R"(HloModule tuples

ENTRY %main (result: f32[4]) -> (f32[4], (s32[2], pred[])) {
  %result = f32[4]{0} parameter(0)
  %numbers = s32[2]{0} constant({7, -8})
  %yes = pred[] constant(true)
  %pair = (s32[2]{0}, pred[]) tuple(%numbers, %yes)
  ROOT %all = (f32[4]{0}, (s32[2]{0}, pred[])) tuple(%result, %pair)
}
)";

constexpr const char* kElided = R"(HloModule elided

ENTRY %main () -> f32[1000] {
  ROOT %c = f32[1000]{0} constant({...})
}
)";

TEST(Run, ResultsAreShownInATable) {
  const Folder folder;
  folder.write("m.hlo", kTuple);
  const Outcome o = folder.gshard("run m.hlo --seed 3");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, ContainsRegex("result +shape +min +max +mean +non-finite +first values\n"));
  EXPECT_THAT(o.out, ContainsRegex("result\\.0 +f32\\[4\\] +[01]\\.[0-9]+ +[01]\\.[0-9]+ +[01]\\.[0-9]+ +0 "));
  EXPECT_THAT(o.out, ContainsRegex("result\\.1\\.0 +s32\\[2\\] +-8 +7 +-0\\.5 +0 +7 -8\n"));
  EXPECT_THAT(o.out, ContainsRegex("result\\.1\\.1 +pred\\[\\] +1 +1 +1 +0 +1\n"));
  EXPECT_EQ(o.err, "");
}

// Where oneDNN makes no products of bf16 they are done in f32.
TEST(Run, ProductsOfBf16WhereTheProcessorHasNone) {
  const Folder folder;
  folder.write("m.hlo",
               "HloModule m\nENTRY e {\n  x = bf16[8,30] parameter(0)\n  y = bf16[30,16] parameter(1)\n"
               "  ROOT d = bf16[8,16] dot(x, y), lhs_contracting_dims={1}, rhs_contracting_dims={0}\n}\n");
  const Outcome slow = folder.shell("ONEDNN_MAX_CPU_ISA=AVX2 $GSHARD run m.hlo");
  EXPECT_EQ(slow.exit_code, 0) << slow.err;
  EXPECT_EQ(slow.out, folder.gshard("run m.hlo").out);
}

// The same on both backends, whatever the seed.
TEST(Run, ConstantsThatAreMadeUpDependOnTheSeedAlone) {
  const Folder folder;
  folder.write("m.hlo", kElided);
  const std::string first = folder.gshard("run m.hlo --make-up-constants --seed 5").out;
  EXPECT_EQ(folder.gshard("run m.hlo --make-up-constants --seed 5 --backend reference").out, first);
  EXPECT_NE(folder.gshard("run m.hlo --make-up-constants --seed 6").out, first);
}

TEST(Run, TheSeedDecides) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const std::string first = folder.gshard("run m.hlo --seed 1").out;
  EXPECT_EQ(folder.gshard("run m.hlo --seed 1").out, first);
  EXPECT_NE(folder.gshard("run m.hlo --seed 2").out, first);
  EXPECT_EQ(folder.gshard("run m.hlo").out, folder.gshard("run m.hlo --seed 0").out);
  EXPECT_THAT(folder.gshard("run m.hlo --seed 1 --signed").out, Not(first));
}

TEST(Run, ResultsOfOneRunAreArgumentsOfAnother) {
  const Folder folder;
  folder.write("double.hlo", kDouble);
  folder.write("tuple.hlo", kTuple);
  EXPECT_EQ(folder.gshard("run double.hlo --seed 1 --out r.npz").exit_code, 0);
  const Outcome once = folder.gshard("run tuple.hlo --args r.npz --out t.npz");
  EXPECT_EQ(once.exit_code, 0) << once.err;
  const std::string values = folder.gshard("run double.hlo --seed 1").out;
  const std::string mean = values.substr(values.find("f32[4]"));
  EXPECT_THAT(once.out, HasSubstr(mean.substr(0, mean.find('\n'))));
}

TEST(Run, ArgumentsThatDoNotFitAreNamed) {
  const Folder folder;
  folder.write("double.hlo", kDouble);
  folder.write("tuple.hlo", kTuple);
  std::string eight = kDouble;
  for (size_t at; (at = eight.find("f32[4]")) != std::string::npos;) eight.replace(at, 6, "f32[8]");
  for (size_t at; (at = eight.find("%x")) != std::string::npos;) eight.replace(at, 2, "%result");
  eight.replace(eight.find("(x:"), 3, "(result:");
  folder.write("eight.hlo", eight);
  ASSERT_EQ(folder.gshard("run double.hlo --out r.npz").exit_code, 0);

  const Outcome wrong = folder.gshard("run eight.hlo --args r.npz");
  EXPECT_EQ(wrong.exit_code, 3);
  EXPECT_EQ(wrong.err,
            "error: r.npz: array 'result' for parameter result: it is float32[4], the parameter is f32[8]\n");

  const Outcome missing = folder.gshard("run double.hlo --args r.npz");
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_EQ(missing.err,
            "error: r.npz: no array for parameter x of shape f32[4]: none is called 'x', 'arg0', '0' or 'arr_0'; there "
            "are result\n");

  const Outcome filled = folder.gshard("run double.hlo --args r.npz --seed 1");
  EXPECT_EQ(filled.exit_code, 0);
  EXPECT_EQ(filled.out, folder.gshard("run double.hlo --seed 1").out);
  EXPECT_EQ(filled.err, "warning: r.npz: array 'result' is no parameter\n");
  EXPECT_EQ(folder.gshard("run double.hlo --args r.npz --seed 1 --quiet").err, "");

  EXPECT_EQ(folder.gshard("run double.hlo --args none.npz").exit_code, 3);
  EXPECT_EQ(folder.gshard("run double.hlo --args double.hlo").exit_code, 3);
}

TEST(Run, DoublePrecisionWidensParametersAndResults) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome o = folder.gshard("run m.hlo --seed 1 --f64 --out wide.npz");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, HasSubstr("f64[4]"));
  // The same random values: those of f32 are exact in f64.
  std::string narrow = folder.gshard("run m.hlo --seed 1").out;
  narrow.replace(narrow.find("f32"), 3, "f64");
  EXPECT_EQ(o.out, narrow);
}

TEST(Run, LeftOutConstantsAreAnErrorUnlessMadeUp) {
  const Folder folder;
  folder.write("m.hlo", kElided);
  const Outcome o = folder.gshard("run m.hlo");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, HasSubstr("m.hlo:4:"));
  EXPECT_THAT(o.err, HasSubstr("\n  ROOT %c = f32[1000]{0} constant({...})\n"));
  EXPECT_EQ(folder.gshard("run m.hlo --make-up-constants").exit_code, 0);
}

constexpr const char* kRoots = R"(HloModule roots

ENTRY %main (x: f32[2,4]) -> f32[2,4] {
  %x = f32[2,4]{1,0} parameter(0)
  %two = f32[] constant(2)
  %twos = f32[2,4]{1,0} broadcast(%two), dimensions={}
  %less = f32[2,4]{1,0} subtract(%x, %twos)
  %root = f32[2,4]{1,0} sqrt(%less), metadata={op_name="root" source_file="model.py" source_line=12}
  ROOT %y = f32[2,4]{1,0} add(%root, %x)
}
)";

TEST(Run, TheFirstInstructionThatMakesANaNIsNamed) {
  const Folder folder;
  folder.write("m.hlo", kRoots);
  EXPECT_EQ(folder.gshard("run m.hlo").exit_code, 0);
  const Outcome o = folder.gshard("run m.hlo --check-nans");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_THAT(o.err, HasSubstr("%root = sqrt"));
  EXPECT_THAT(o.err, HasSubstr("made the first NaN at [0,0] of f32[2,4]"));
  EXPECT_THAT(o.err, HasSubstr("model.py:12"));
  const Outcome parts = folder.gshard("run m.hlo --check-nans --mesh x=2 --annotate 'x=x,_'");
  EXPECT_EQ(parts.exit_code, 3);
  EXPECT_THAT(parts.err, ContainsRegex("made the first NaN .* on device [01]"));
  EXPECT_EQ(folder.gshard("run m.hlo --check-nans --backend reference").exit_code, 2);
}

TEST(Run, NaNsOfConstantsThatAreNotTakenAreFine) {
  const Folder folder;
  folder.write("m.hlo", R"(HloModule m
ENTRY %main (x: f32[4]) -> f32[4] {
  %x = f32[4]{0} parameter(0)
  %nan = f32[] constant(nan)
  %nans = f32[4]{0} broadcast(%nan), dimensions={}
  %is_finite = pred[4]{0} is-finite(%x)
  ROOT %y = f32[4]{0} select(%is_finite, %x, %nans)
}
)");
  const Outcome o = folder.gshard("run m.hlo --check-nans");
  EXPECT_EQ(o.exit_code, 0) << o.err;
}

TEST(Run, ATerabyteIsAnErrorOfMemory) {
  const Folder folder;
  folder.write("m.hlo", R"(HloModule huge
ENTRY %main () -> f32[] {
  %zero = f32[] constant(0)
  %huge = f32[1048576,1048576] broadcast(%zero), dimensions={}
  %part = f32[1,1] slice(%huge), slice={[0:1], [0:1]}
  ROOT %r = f32[] reshape(%part)
}
)");
  const Outcome o = folder.gshard("run m.hlo --backend reference");
  EXPECT_EQ(o.exit_code, 4);
  EXPECT_THAT(o.err, HasSubstr("f32[1048576,1048576]"));
  EXPECT_EQ(folder.gshard("stats m.hlo").exit_code, 0);
  // Compiled, it is never held.
  EXPECT_EQ(folder.gshard("run m.hlo").exit_code, 0);
}

TEST(Run, ATerabyteOfResultsOrOnTheWayIsAnErrorOfMemory) {
  const Folder folder;
  folder.write("result.hlo", R"(HloModule huge
ENTRY %main () -> f32[1048576,1048576] {
  %zero = f32[] constant(0)
  ROOT %huge = f32[1048576,1048576] broadcast(%zero), dimensions={}
}
)");
  const Outcome result = folder.gshard("run result.hlo");
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("f32[1048576,1048576]"));
  folder.write("way.hlo", R"(HloModule huge
ENTRY %main () -> f32[] {
  %zero = f32[] constant(0)
  %huge = f32[1048576,1048576] broadcast(%zero), dimensions={}
  %sorted = f32[1048576,1048576] cholesky(%huge), lower=true
  %part = f32[1,1] slice(%sorted), slice={[0:1], [0:1]}
  ROOT %r = f32[] reshape(%part)
}
)");
  const Outcome way = folder.gshard("run way.hlo");
  EXPECT_EQ(way.exit_code, 4);
  EXPECT_THAT(way.err, HasSubstr("8796093022208 bytes"));
}

TEST(Run, SizesBeyondAllNumbersAreAnErrorOfMemory) {
  const Folder folder;
  // Bytes beyond 2^63 and 2^64, elements beyond 2^63, and 2^64 elements.
  for (const std::string& size : std::vector<std::string>{"2000000000", "3000000000", "3100000000", "4294967296"}) {
    std::string text = R"(HloModule huge
ENTRY e {
  x = f32[] parameter(0)
  b = f32[SIZE,SIZE] broadcast(x), dimensions={}
  n = f32[SIZE,SIZE] tanh(b)
  s = f32[SIZE,1] slice(n), slice={[0:SIZE], [5:6]}
  t = f32[SIZE,SIZE] opt-barrier(n)
  ROOT r = f32[1,1] slice(t), slice={[0:1], [0:1]}
}
)";
    for (size_t at; (at = text.find("SIZE")) != std::string::npos;) text.replace(at, 4, size);
    folder.write("m.hlo", text);
    const Outcome o = folder.gshard("run m.hlo");
    EXPECT_EQ(o.exit_code, 4) << size;
    EXPECT_THAT(o.err, HasSubstr("f32[" + size + "," + size + "] is too large to hold in memory"));
  }
}

// Each of 2^61 bytes, which could be counted; not so all of them.
TEST(Run, ManyLargeValuesOnTheWayAreAnErrorOfMemory) {
  const Folder folder;
  const std::vector<std::string> ops = {"tanh", "cosine", "sine", "negate", "exponential"};
  std::string text = "HloModule huge\nENTRY e {\n  x = f32[] parameter(0)\n";
  text += "  b = f32[536870912,1073741824] broadcast(x), dimensions={}\n";
  for (const std::string& op : ops) {
    text += "  " + op + ".1 = f32[536870912,1073741824] " + op + "(b)\n";
    text += "  " + op + ".2 = f32[536870912,1073741824] opt-barrier(" + op + ".1)\n";
  }
  std::string parts;
  for (const std::string& op : ops) {
    text += "  " + op + ".3 = f32[1,1] slice(" + op + ".2), slice={[0:1], [0:1]}\n";
    parts += (parts.empty() ? "" : ", ") + op + ".3";
  }
  folder.write("m.hlo",
               text + "  ROOT r = (f32[1,1], f32[1,1], f32[1,1], f32[1,1], f32[1,1]) tuple(" + parts + ")\n}\n");
  const Outcome o = folder.gshard("run m.hlo");
  EXPECT_EQ(o.exit_code, 4);
  EXPECT_THAT(o.err, HasSubstr("take 9223372036854775807 bytes"));
}

TEST(Run, PartitionedOnVirtualDevicesTheResultsAreTheSame) {
  const Folder folder;
  folder.write("m.hlo", R"(HloModule m
ENTRY %main (x: f32[8,6], w: f32[6,10]) -> f32[8,10] {
  %x = f32[8,6] parameter(0)
  %w = f32[6,10] parameter(1), sharding={devices=[2,1]<=[2]}
  ROOT %y = f32[8,10] dot(%x, %w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}
)");
  const std::string alone = folder.gshard("run m.hlo").out;
  EXPECT_EQ(folder.gshard("run m.hlo --devices 2").out, alone);
  EXPECT_EQ(folder.gshard("run m.hlo --devices 3").out, alone);
  EXPECT_EQ(folder.gshard("run m.hlo --devices 2 --backend reference").out, alone);
  EXPECT_THAT(folder.gshard("run m.hlo --devices 2 --verbose").err, HasSubstr("all-gather"));
}

TEST(Run, AnErrorLeavesEarlierResultsAlone) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  folder.write("bad.hlo", kElided);
  ASSERT_EQ(folder.gshard("run m.hlo --out r.npz").exit_code, 0);
  const std::string before = folder.read("r.npz");
  EXPECT_EQ(folder.gshard("run bad.hlo --out r.npz").exit_code, 3);
  EXPECT_EQ(folder.read("r.npz"), before);
  EXPECT_EQ(folder.shell("ls r.npz*").out, "r.npz\n");
  const Outcome o = folder.gshard("run m.hlo --out nowhere/r.npz");
  EXPECT_EQ(o.exit_code, 3);
  EXPECT_EQ(o.out, "");
  EXPECT_EQ(o.err, "error: nowhere/r.npz: cannot create it: No such file or directory\n");
}

TEST(Run, VerboseTellsTimesOnStandardError) {
  const Folder folder;
  folder.write("m.hlo", kDouble);
  const Outcome o = folder.gshard("run m.hlo --verbose");
  EXPECT_EQ(o.out, folder.gshard("run m.hlo").out);
  EXPECT_THAT(o.err, ContainsRegex("info: m.hlo: read and verified [0-9]+ B in [0-9.]+ s\n"));
  EXPECT_THAT(o.err, ContainsRegex("info: evaluated in [0-9.]+ s, peak memory [0-9.]+ [KMG]iB\n"));
}

}  // namespace
}  // namespace gshard
