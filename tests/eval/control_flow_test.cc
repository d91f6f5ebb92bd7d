// Calls, loops and branches; which memory they take; and what they say where they cannot go on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "run_text.h"

namespace gshard {
namespace {

using testing::HasSubstr;

const std::string kAdd = R"(
add {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
)";

TEST(ControlFlow, CallFusionAndAsync) {
  EXPECT_EQ(value_of("  x = f32[] constant(2)\n  ROOT y = f32[] call(x, x), to_apply=add", kAdd), "4");
  EXPECT_EQ(value_of("  x = f32[] constant(2)\n  ROOT y = f32[] fusion(x, x), kind=kLoop, calls=add", kAdd), "4");
  EXPECT_EQ(value_of(R"(
  x = f32[] constant(3)
  s = ((f32[], f32[]), f32[], u32[]) async-start(x, x), calls=add
  u = ((f32[], f32[]), f32[], u32[]) async-update(s)
  ROOT d = f32[] async-done(u))",
                     kAdd),
            "6");
}

TEST(ControlFlow, Conditional) {
  const std::string branches = R"(
first {
  a = f32[] parameter(0)
  ROOT b = f32[] negate(a)
}
second {
  a = f32[] parameter(0)
  ROOT b = f32[] add(a, a)
}
)";
  const auto branch = [&](const std::string& index) {
    return value_of("  i = s32[] constant(" + index + ")\n  x = f32[] constant(1)\n  y = f32[] constant(2)\n" +
                        "  ROOT r = f32[] conditional(i, x, y), branch_computations={first, second}",
                    branches);
  };
  EXPECT_EQ(branch("0"), "-1");
  EXPECT_EQ(branch("1"), "4");
  EXPECT_EQ(branch("7"), "4");
  EXPECT_EQ(branch("-1"), "4");
  const auto choice = [&](const std::string& pred) {
    return value_of("  p = pred[] constant(" + pred + ")\n  x = f32[] constant(1)\n  y = f32[] constant(2)\n" +
                        "  ROOT r = f32[] conditional(p, x, y), true_computation=first, false_computation=second",
                    branches);
  };
  EXPECT_EQ(choice("true"), "-1");
  EXPECT_EQ(choice("false"), "4");
}

// Counts to `limit` and writes each number into the array at its place.
std::string counting_loop(const std::string& limit, const std::string& size) {
  std::string text = R"(
condition {
  p = (s32[], f32[SIZE]) parameter(0)
  i = s32[] get-tuple-element(p), index=0
  n = s32[] constant(LIMIT)
  ROOT c = pred[] compare(i, n), direction=LT
}
body {
  p = (s32[], f32[SIZE]) parameter(0)
  i = s32[] get-tuple-element(p), index=0
  one = s32[] constant(1)
  next = s32[] add(i, one)
  number = f32[] convert(i)
  update = f32[1] reshape(number)
  x = f32[SIZE] get-tuple-element(p), index=1
  y = f32[SIZE] dynamic-update-slice(x, update, i)
  ROOT t = (s32[], f32[SIZE]) tuple(next, y)
}
)";
  for (const auto& [name, value] : {std::pair{std::string("SIZE"), size}, {std::string("LIMIT"), limit}}) {
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name))
      text.replace(at, name.size(), value);
  }
  return text;
}

std::string loop_entry(const std::string& size) {
  return "  i = s32[] constant(0)\n  zero = f32[] constant(0)\n  x = f32[" + size +
         "] broadcast(zero), dimensions={}\n" + "  t = (s32[], f32[" + size + "]) tuple(i, x)\n  w = (s32[], f32[" +
         size + "]) while(t), condition=condition, body=body\n  ROOT r = f32[" + size +
         "] get-tuple-element(w), index=1";
}

TEST(ControlFlow, While) {
  EXPECT_EQ(value_of(loop_entry("4"), counting_loop("3", "4")), "{0, 1, 2, 0}");
  EXPECT_EQ(value_of(loop_entry("2"), counting_loop("0", "2")), "{0, 0}");
}

// A limit that one copy of the array would pass shows that there is none.
TEST(ControlFlow, LoopStateIsUpdatedInPlace) {
  EvaluateOptions options;
  options.memory_limit = 6'000'000;
  EXPECT_NO_THROW(run(loop_entry("1000000"), counting_loop("100", "1000000"), {}, options));
  options.memory_limit = 3'000'000;
  EXPECT_THAT(error_of(loop_entry("1000000"), counting_loop("100", "1000000"), {}, options),
              HasSubstr("f32[1000000] needs 4000000 bytes"));
}

TEST(ControlFlow, ValuesDieAfterTheirLastUse) {
  EvaluateOptions options;
  options.memory_limit = 9'000'000;  // two arrays of 4 MB
  std::string chain = "  x0 = f32[1000000] iota(), iota_dimension=0\n";
  for (int i = 1; i <= 10; ++i) {
    chain += "  x" + std::to_string(i) + " = f32[1000000] reverse(x" + std::to_string(i - 1) + "), dimensions={0}\n";
  }
  EXPECT_NO_THROW(run(chain + "  ROOT r = f32[1000000] negate(x10)", "", {}, options));
}

// The elements of a tuple die one by one.
TEST(ControlFlow, TuplesHoldNothingBack) {
  EvaluateOptions options;
  options.memory_limit = 13'000'000;  // three arrays: the tuple's two, and one result
  EXPECT_NO_THROW(run(R"(
  a = f32[1000000] iota(), iota_dimension=0
  b = f32[1000000] negate(a)
  t = (f32[1000000], f32[1000000]) tuple(a, b)
  c = f32[1000000] get-tuple-element(t), index=0
  d = f32[1000000] reverse(c), dimensions={0}
  e = f32[1000000] reverse(d), dimensions={0}
  f = f32[1000000] get-tuple-element(t), index=1
  ROOT g = f32[1000000] add(e, f))",
                      "", {}, options));
}

TEST(ControlFlow, ArgumentsAreNotWrittenTo) {
  const Literal x = literal_of<float>(Shape(DType::f32, {2}), {1, 2});
  EXPECT_EQ(value_of("  x = f32[2] parameter(0)\n  ROOT y = f32[2] negate(x)", "", {x}), "{-1, -2}");
  EXPECT_EQ(text_of(x), "{1, 2}");
}

TEST(ControlFlow, MapRunsItsBodyOnEveryElement) {
  EXPECT_EQ(
      value_of(
          "  x = f32[2,2] constant({{1, 2}, {3, 4}})\n  ROOT y = f32[2,2] map(x, x), dimensions={0,1}, to_apply=add",
          kAdd),
      "{ { 2, 4 }, { 6, 8 } }");
}

TEST(ControlFlow, MapBodiesMayHoldAnyOp) {
  const std::string body = R"(
condition {
  p = (f32[], f32[]) parameter(0)
  x = f32[] get-tuple-element(p), index=0
  n = f32[] get-tuple-element(p), index=1
  ROOT c = pred[] compare(x, n), direction=LT
}
twice {
  p = (f32[], f32[]) parameter(0)
  x = f32[] get-tuple-element(p), index=0
  n = f32[] get-tuple-element(p), index=1
  y = f32[] add(x, x)
  ROOT t = (f32[], f32[]) tuple(y, n)
}
double_until_hundred {
  x = f32[] parameter(0)
  n = f32[] constant(100)
  t = (f32[], f32[]) tuple(x, n)
  w = (f32[], f32[]) while(t), condition=condition, body=twice
  ROOT r = f32[] get-tuple-element(w), index=0
}
)";
  EXPECT_EQ(value_of("  x = f32[3] constant({1, 30, 200})\n  ROOT y = f32[3] map(x), dimensions={0}, "
                     "to_apply=double_until_hundred",
                     body),
            "{128, 120, 200}");
}

TEST(ControlFlow, ValuesThatPassThrough) {
  EXPECT_EQ(value_of(R"(
  x = f32[2] constant({1, 2})
  token = token[] after-all()
  d = f32[2] add-dependency(x, token)
  s = (f32[2], f32[2], u32[]) copy-start(d)
  c = f32[2] copy-done(s)
  i = s32[] constant(5)
  t = (f32[2], s32[]) tuple(c, i)
  ROOT b = (f32[2], s32[]) opt-barrier(t))"),
            "{1, 2} ; 5");
}

// ---- what a caller sees and says ----------------------------------------------------------------------------------

TEST(Evaluate, ObservesEveryInstructionOutsideOfReducers) {
  std::vector<std::string> seen;
  EvaluateOptions options;
  options.observe = [&](const Instruction& instruction, const Literal& value) {
    seen.push_back(instruction.name() + "=" + text_of(value));
  };
  run("  x = f32[] constant(1)\n  y = f32[] call(x, x), to_apply=add\n  v = f32[1] reshape(y)\n"
      "  ROOT m = f32[1] map(v, v), dimensions={0}, to_apply=add",
      kAdd, {}, options);
  EXPECT_THAT(seen, testing::ElementsAre("x=1", "a=1", "b=1", "c=2", "y=2", "v={2}", "m={4}"));
}

TEST(Evaluate, StopsWhereItIsTold) {
  std::atomic<bool> stop = false;
  int steps = 0;
  EvaluateOptions options;
  options.stop = &stop;
  options.observe = [&](const Instruction&, const Literal&) { stop = ++steps == 1000; };
  const std::string forever = R"(
condition {
  x = s32[] parameter(0)
  ROOT c = pred[] constant(true)
}
body {
  x = s32[] parameter(0)
  ROOT y = s32[] add(x, x)
}
)";
  const std::string error = error_of(
      "  x = s32[] constant(1)\n  ROOT w = s32[] while(x), condition=condition, body=body", forever, {}, options);
  EXPECT_THAT(error, HasSubstr("stopped"));
  EXPECT_EQ(steps, 1000);
}

TEST(Evaluate, ChecksArguments) {
  const std::string entry = "  x = f32[2] parameter(0)\n  ROOT y = f32[2] negate(x)";
  EXPECT_THAT(error_of(entry), HasSubstr("%main has 1 parameters, got 0 arguments"));
  EXPECT_THAT(error_of(entry, "", {Literal(Shape(DType::f32, {3}))}),
              HasSubstr("argument 0 is f32[3], the parameter is f32[2]"));
}

TEST(Evaluate, ErrorsNameInstructionPlaceAndModel) {
  const std::string error = error_of(
      "  x = f32[2] constant({1, 2})\n"
      "  ROOT y = f32[2] custom-call(x), custom_call_target=\"magic\", metadata={source_file=\"model.py\" "
      "source_line=7}");
  EXPECT_THAT(error, HasSubstr("test.hlo:5:"));
  EXPECT_THAT(error,
              HasSubstr("%y = custom-call: the target \"magic\" is not known to the evaluator (from model.py:7)"));
}

TEST(Evaluate, AbsurdSizesAreRefusedBeforeTheyAreHeld) {
  EXPECT_THAT(error_of("  x = f32[] constant(1)\n  ROOT y = f32[1000000,1000000] broadcast(x), dimensions={}"),
              HasSubstr("%y = broadcast: f32[1000000,1000000] needs 4000000000000 bytes"));
  EXPECT_THAT(error_of("  ROOT x = s8[4294967296,4294967296] iota(), iota_dimension=0"), HasSubstr("too large"));
}

TEST(Evaluate, ElidedConstants) {
  const std::string entry = "  ROOT x = f32[2,50] constant({...})";
  EXPECT_THAT(error_of(entry), HasSubstr("the text left out the values of f32[2,50]"));
  EvaluateOptions options;
  options.make_up_constants = true;
  const Literal x = run(entry, "", {}, options);
  for (const float value : x.values<float>()) {
    EXPECT_GT(value, 0.5 / 1.4143);
    EXPECT_LT(value, 1.5 / 1.4142);
  }
  EXPECT_EQ(run(entry, "", {}, options), x);
  options.seed = 1;
  EXPECT_FALSE(run(entry, "", {}, options) == x);
}

TEST(Evaluate, DeepNestingIsRefused) {
  std::string computations = "f0 {\n  x = f32[] parameter(0)\n  ROOT y = f32[] negate(x)\n}\n";
  for (int i = 1; i <= 2000; ++i) {
    computations += "f" + std::to_string(i) + " {\n  x = f32[] parameter(0)\n  ROOT y = f32[] call(x), to_apply=f" +
                    std::to_string(i - 1) + "\n}\n";
  }
  EXPECT_THAT(error_of("  x = f32[] constant(1)\n  ROOT y = f32[] call(x), to_apply=f2000", computations),
              HasSubstr("calls nest deeper than 500 levels"));
  EXPECT_EQ(error_of("  x = f32[] constant(1)\n  ROOT y = f32[] call(x), to_apply=f300", computations), "");
}

}  // namespace
}  // namespace gshard
