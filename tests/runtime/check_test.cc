#include "runtime/check.h"

#include <gtest/gtest.h>

#include "eval/evaluate.h"
#include "parse_verified.h"
#include "runtime/dependence.h"
#include "runtime/prepare.h"

namespace gshard {
namespace {

// ENTRY of `body` over x = f32[8,4] cut by rows over four devices.
std::unique_ptr<Module> over_rows(const std::string& body) {
  return parse_verified(R"(
HloModule m, num_partitions=4
sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
ENTRY e {
  x = f32[8,4] parameter(0), sharding={devices=[4,1]<=[4]}
  zero = f32[] constant(0)
  zeros = f32[8,4] broadcast(zero), dimensions={}
)" + body + "}\n");
}

Instruction* find(Module& module, Op op) {
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() == op) return instruction.get();
    }
  }
  return nullptr;
}

constexpr const char* kColumnSums = "ROOT s = f32[4] reduce(x, zero), dimensions={0}, to_apply=sum\n";

TEST(Check, EqualProgramsPass) {
  for (const CheckedTypes types : {CheckedTypes::widened, CheckedTypes::declared}) {
    CheckOptions options;
    options.types = types;
    const CheckReport report = check(*over_rows(kColumnSums), options);
    EXPECT_TRUE(report.passed());
    ASSERT_EQ(report.outputs.size(), 1u);
    EXPECT_EQ(report.outputs[0].name, "result");
    EXPECT_EQ(report.trials, 1);
  }
}

// Contractions and sums of narrow floats, some of both signs, cut over many devices: each device's part is rounded
// once, and their sum once more.
TEST(Check, NarrowSumsOverManyDevicesAreRoundedTwice) {
  constexpr const char* kProgram = R"(
HloModule m, num_partitions=DEVICES
sum { a = TYPE[] parameter(0) b = TYPE[] parameter(1) ROOT c = TYPE[] add(a, b) }
ENTRY e {
  x = TYPE[16,256] parameter(0), sharding={devices=[1,DEVICES]<=[DEVICES]}
  w = TYPE[256,16] parameter(1), sharding={devices=[DEVICES,1]<=[DEVICES]}
  shift = TYPE[] constant(0.5)
  shifts = TYPE[16,256] broadcast(shift), dimensions={}
  signed = TYPE[16,256] subtract(x, shifts)
  zero = TYPE[] constant(0)
  products = TYPE[16,16] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={replicated}
  differences = TYPE[16,16] dot(signed, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}, sharding={replicated}
  sums = TYPE[16] reduce(x, zero), dimensions={1}, to_apply=sum, sharding={replicated}
  ROOT r = (TYPE[16,16], TYPE[16,16], TYPE[16]) tuple(products, differences, sums)
}
)";
  for (const char* type : {"bf16", "f16"}) {
    for (const char* devices : {"8", "64"}) {
      std::string text = kProgram;
      for (const auto& [from, to] : {std::pair<std::string, std::string>{"TYPE", type}, {"DEVICES", devices}}) {
        for (size_t at = text.find(from); at != std::string::npos; at = text.find(from)) {
          text.replace(at, from.size(), to);
        }
      }
      CheckOptions options;
      options.types = CheckedTypes::declared;
      const CheckReport report = check(*parse_verified(text), options);
      EXPECT_TRUE(report.passed());
      for (const OutputCheck& output : report.outputs) {
        EXPECT_GT(output.whole_error, 0);
        EXPECT_LT(output.parts_error, 4 * output.whole_error) << type << " on " << devices << ": " << output.name;
      }
    }
  }
}

// A reduction over half of the devices gives half of the sum.
TEST(Check, AFaultInThePartitionedProgramIsFound) {
  for (const CheckedTypes types : {CheckedTypes::widened, CheckedTypes::declared}) {
    const auto module = over_rows(kColumnSums);
    auto prepared = prepare(*module);
    Partitioned program = partition(*prepared);
    Instruction* reduction = find(*program.module, Op::all_reduce);
    ASSERT_NE(reduction, nullptr);
    reduction->parent()->replace_uses(reduction, reduction->operand(0));
    CheckOptions options;
    options.types = types;
    try {
      const CheckReport report = check(*module, std::move(prepared), std::move(program), options);
      EXPECT_FALSE(report.passed());
      EXPECT_EQ(report.outputs[0].finding, Finding::different);
    } catch (const Error& error) {  // the copies of the result differ
      EXPECT_NE(std::string(error.what()).find("another copy"), std::string::npos) << error.what();
    }
  }
}

// What stands after the fault is not blamed.
TEST(Check, TheFirstValueThatDiffersIsNamed) {
  const auto module = over_rows(
      "n = f32[8,4] negate(x)\n  s = f32[4] reduce(n, zero), dimensions={0}, to_apply=sum\n"
      "  t = f32[4] tanh(s)\n  ROOT y = f32[4] add(t, s)\n");
  auto prepared = prepare(*module);
  Partitioned program = partition(*prepared);
  Instruction* negation = find(*program.module, Op::negate);
  ASSERT_NE(negation, nullptr);
  negation->parent()->replace_uses(negation, negation->operand(0));
  const Instruction* reduction = find(*program.module, Op::reduce);
  ASSERT_NE(reduction, nullptr);
  const CheckReport report = check(*module, std::move(prepared), std::move(program));
  EXPECT_FALSE(report.passed());
  ASSERT_TRUE(report.fault);
  EXPECT_EQ(report.fault->instruction->name(), "s");
  EXPECT_TRUE(report.ties.empty());
}

// A branch whose result is wanted otherwise by two conditionals is two programs of a device; the fault is in the
// second.
TEST(Check, AFaultInOneFormOfAComputationIsNamed) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=4
bend { x = f32[8,4] parameter(0) c = f32[8,4] cosine(x) ROOT y = f32[8,4] negate(c) }
keep { x = f32[8,4] parameter(0) ROOT y = f32[8,4] copy(x) }
ENTRY e {
  x = f32[8,4] parameter(0), sharding={devices=[4,1]<=[4]}
  p = pred[] parameter(1)
  q = pred[] not(p)
  a = f32[8,4] conditional(p, x, x), true_computation=bend, false_computation=keep, sharding={devices=[4,1]<=[4]}
  b = f32[8,4] conditional(q, a, a), true_computation=bend, false_computation=keep, sharding={devices=[1,4]<=[4]}
  c = f32[8,4] conditional(p, b, b), true_computation=bend, false_computation=keep, sharding={devices=[1,4]<=[4]}
  ROOT r = (f32[8,4], f32[8,4]) tuple(a, c)
}
)");
  auto prepared = prepare(*module);
  Partitioned program = partition(*prepared);
  std::vector<Computation*> forms;
  for (const auto& computation : program.module->computations()) {
    if (computation->name().starts_with("bend")) forms.push_back(computation.get());
  }
  ASSERT_EQ(forms.size(), 2u) << "two forms";
  CheckOptions options;
  options.every_value = true;
  const CheckReport fine = check(*module, prepared->clone(), partition(*prepared), options);
  EXPECT_TRUE(fine.passed());
  EXPECT_FALSE(fine.fault);

  for (const auto& i : forms[1]->instructions()) {
    if (i->op() == Op::cosine) forms[1]->replace_uses(i.get(), i->operand(0));
  }
  const CheckReport report = check(*module, std::move(prepared), std::move(program), options);
  EXPECT_FALSE(report.passed());
  ASSERT_TRUE(report.fault);
  EXPECT_EQ(report.fault->instruction->name(), "y");
}

// In a manual region each device's own value is compared.
TEST(Check, AFaultInAManualRegionIsNamed) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=8
ENTRY e {
  x = f32[8,16] parameter(0), sharding={devices=[2,4]<=[8]}
  w = f32[16,4] parameter(1)
  m = f32[4,16] custom-call(x), custom_call_target="SPMDFullToShardShape", sharding={devices=[1,4,2]<=[2,4]T(1,0) last_tile_dims={manual}}
  c = f32[4,16] cosine(m)
  d = f32[4,4] dot(c, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  p = f32[4,4] collective-permute(d), channel_id=1, source_target_pairs={{0,4},{4,0},{1,5},{5,1},{2,6},{6,2},{3,7},{7,3}}
  ROOT y = f32[8,4] custom-call(p), custom_call_target="SPMDShardToFullShape", sharding={devices=[2,1,4]<=[8] last_tile_dim_replicate}
}
)");
  CheckOptions options;
  options.every_value = true;
  const CheckReport fine = check(*module, options);
  EXPECT_TRUE(fine.passed());
  EXPECT_FALSE(fine.fault);

  auto prepared = prepare(*module);
  Partitioned program = partition(*prepared);
  Instruction* cosine = find(*program.module, Op::cosine);
  ASSERT_NE(cosine, nullptr);
  cosine->parent()->replace_uses(cosine, cosine->operand(0));
  const CheckReport report = check(*module, std::move(prepared), std::move(program), options);
  EXPECT_FALSE(report.passed());
  ASSERT_TRUE(report.fault);
  EXPECT_EQ(report.fault->instruction->name(), "d");
  EXPECT_EQ(report.fault->shape.dims(), Dims({2, 4, 4})) << "the values of both groups of devices";
}

// Two sums of the same numbers in different orders are equal up to rounding; which is larger is nobody's fault.
TEST(Check, DecisionsAtTiesAreFollowed) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=4
sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
ENTRY e {
  x = f32[64,32] parameter(0), sharding={devices=[1,4]<=[4]}
  zero = f32[] constant(0)
  e = f32[64,32] exponential(x)
  back = f32[64,32] reverse(e), dimensions={1}
  s = f32[64] reduce(e, zero), dimensions={1}, to_apply=sum
  t = f32[64] reduce(back, zero), dimensions={1}, to_apply=sum
  larger = pred[64] compare(s, t), direction=GT
  u = f32[64] select(larger, s, t)
  ROOT r = (pred[64], f32[64]) tuple(larger, u)
}
)");
  const CheckReport report = check(*module);
  EXPECT_TRUE(report.passed());
  EXPECT_FALSE(report.fault);
  ASSERT_FALSE(report.ties.empty());
  EXPECT_EQ(report.ties[0].instruction->name(), "larger");
}

// A program whose devices take the operand of `broken` for its value, checked.
CheckReport with_fault(const Module& module, Op broken, const CheckOptions& options) {
  auto prepared = prepare(module);
  Partitioned program = partition(*prepared);
  Instruction* instruction = find(*program.module, broken);
  GSHARD_CHECK(instruction != nullptr);
  instruction->parent()->replace_uses(instruction, instruction->operand(0));
  return check(module, std::move(prepared), std::move(program), options);
}

// -x in all columns but the first, which is `first`.
std::unique_ptr<Module> with_first_column(const std::string& first) {
  return over_rows("n = f32[8,4] negate(x)\n  column = s32[8,4] iota(), iota_dimension=1\n" + first + R"(
  place = s32[] constant(0)
  places = s32[8,4] broadcast(place), dimensions={}
  is_first = pred[8,4] compare(column, places), direction=EQ
  ROOT y = f32[8,4] select(is_first, first, n)
)");
}

TEST(Check, AMaskHidesNoFault) {
  const auto module =
      with_first_column("  mask = f32[] constant(-1e30)\n  first = f32[8,4] broadcast(mask), dimensions={}\n");
  for (const CheckedTypes types : {CheckedTypes::widened, CheckedTypes::declared}) {
    CheckOptions options;
    options.types = types;
    EXPECT_TRUE(check(*module, options).passed());
    const CheckReport report = with_fault(*module, Op::negate, options);
    EXPECT_EQ(report.outputs[0].finding, Finding::different);
    if (types == CheckedTypes::declared) continue;
    ASSERT_TRUE(report.fault);
    EXPECT_EQ(report.fault->instruction->name(), "y");
  }
}

// What cancels is large, and its sum over the devices rounds in another order.
TEST(Check, WhatIsLeftOfLargeTermsMayBeRounding) {
  const auto module = over_rows(R"(
  row = s32[8,4] iota(), iota_dimension=0
  half = s32[] constant(4)
  halves = s32[8,4] broadcast(half), dimensions={}
  is_upper = pred[8,4] compare(row, halves), direction=LT
  up = f32[] constant(1e9)
  ups = f32[8,4] broadcast(up), dimensions={}
  down = f32[] constant(-1e9)
  downs = f32[8,4] broadcast(down), dimensions={}
  terms = f32[8,4] select(is_upper, ups, downs)
  t = f32[8,4] add(x, terms)
  ROOT s = f32[4] reduce(t, zero), dimensions={0}, to_apply=sum
)");
  const CheckReport report = check(*module);
  EXPECT_TRUE(report.passed());
  EXPECT_FALSE(report.fault);
}

// exp(|x - 40|) bounds no rounding of exp(x - 40).
TEST(Check, OnlySumsAreHeldToTheSizesOfTheirTerms) {
  const auto module = over_rows(
      "far = f32[] constant(-40)\n  fars = f32[8,4] broadcast(far), dimensions={}\n"
      "  s = f32[8,4] add(x, fars)\n  ROOT e = f32[8,4] exponential(s)\n");
  auto prepared = prepare(*module);
  Partitioned program = partition(*prepared);
  Instruction* exponential = find(*program.module, Op::exponential);
  ASSERT_NE(exponential, nullptr);
  Instruction* sum = exponential->operand(0);
  ASSERT_EQ(sum->op(), Op::add);
  sum->parent()->replace_uses(sum, sum->operand(0));
  const CheckReport report = check(*module, std::move(prepared), std::move(program));
  EXPECT_FALSE(report.passed());
  ASSERT_TRUE(report.fault);
  EXPECT_EQ(report.fault->instruction->name(), "e");
}

// exp(1000 x) overflows in f32 and not in f64.
TEST(Check, AnOverflowHidesNoFault) {
  const auto module = with_first_column(R"(
  thousand = f32[] constant(1000)
  thousands = f32[8,4] broadcast(thousand), dimensions={}
  large = f32[8,4] multiply(x, thousands)
  first = f32[8,4] exponential(large)
)");
  CheckOptions options;
  options.types = CheckedTypes::declared;
  EXPECT_EQ(check(*module, options).outputs[0].finding, Finding::non_finite);
  options.allowed = {Finding::non_finite};
  EXPECT_TRUE(check(*module, options).passed());
  EXPECT_EQ(with_fault(*module, Op::negate, options).outputs[0].finding, Finding::different);
  EXPECT_EQ(with_fault(*module, Op::exponential, options).outputs[0].finding, Finding::different);
}

// x + 1e8 - 1e8 is 0 in f32, so that every integer is another than in f64.
TEST(Check, IntegersThatRoundingDecidesShowNothing) {
  const auto module = over_rows(R"(
  far = f32[] constant(1e8)
  fars = f32[8,4] broadcast(far), dimensions={}
  there = f32[8,4] add(x, fars)
  back = f32[8,4] subtract(there, fars)
  hundred = f32[] constant(100)
  hundreds = f32[8,4] broadcast(hundred), dimensions={}
  t = f32[8,4] multiply(back, hundreds)
  seven = f32[] constant(7)
  sevens = f32[8,4] broadcast(seven), dimensions={}
  u = f32[8,4] add(t, sevens)
  n = f32[8,4] negate(u)
  ROOT y = s32[8,4] convert(n)
)");
  CheckOptions options;
  options.types = CheckedTypes::declared;
  const CheckReport fine = check(*module, options);
  EXPECT_TRUE(fine.passed()) << "the parts are those of the whole program";
  EXPECT_EQ(fine.outputs[0].whole_error, 1);
  const CheckReport report = with_fault(*module, Op::negate, options);
  EXPECT_FALSE(report.passed());
  EXPECT_EQ(report.outputs[0].finding, Finding::undecided);
}

// In bf16, where a value made up in f64 would be another than the same one rounded.
TEST(Check, ConstantsThatTheTextLeftOutAreTheSameOnBothSides) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = bf16[8,4] parameter(0), sharding={devices=[4,1]<=[4]}
  c = bf16[8,4] constant({...})
  ROOT y = bf16[8,4] add(x, c)
}
)");
  for (const CheckedTypes types : {CheckedTypes::widened, CheckedTypes::declared}) {
    CheckOptions options;
    options.types = types;
    EXPECT_TRUE(check(*module, options).passed());
  }
}

TEST(Prepare, MakesUpTheConstantsOfTheEvaluator) {
  const auto module = parse_verified("HloModule m\nENTRY e {\n  ROOT c = f32[3,5] constant({...})\n}\n");
  EvaluateOptions options;
  options.make_up_constants = true;
  EXPECT_EQ(evaluate(*prepare(*module), {}), evaluate(*module, {}, options));
  options.seed = 7;
  const Literal expected = evaluate(*module, {}, options);
  EXPECT_FALSE(evaluate(*prepare(*module), {}) == expected);
  make_up_constants(*module, 7);
  EXPECT_EQ(evaluate(*prepare(*module), {}), expected);
}

TEST(Check, ProgramsThatKnowTheirDeviceAreComparedOnSeveral) {
  const auto module = parse_verified(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[8,4] parameter(0), sharding={devices=[4,1]<=[4]}
  y = f32[8,4] multiply(x, x)
  s = f32[8,4] custom-call(y), custom_call_target="Sharding", sharding={devices=[4,1]<=[4]}
  m = f32[2,4] custom-call(s), custom_call_target="SPMDFullToShardShape", sharding={manual}
  n = f32[2,4] collective-permute(m), channel_id=1, source_target_pairs={{0,1},{1,2},{2,3},{3,0}}
  p = f32[2,4] custom-call(n), custom_call_target="Sharding", sharding={manual}
  ROOT z = f32[8,4] custom-call(p), custom_call_target="SPMDShardToFullShape", sharding={devices=[4,1]<=[4]}
}
)");
  EXPECT_TRUE(check(*module).passed());
}

TEST(Check, AConstantOutputProvesNothing) {
  const auto module = over_rows("ROOT y = f32[8,4] multiply(x, zeros)\n");
  const CheckReport report = check(*module);
  EXPECT_EQ(report.outputs[0].finding, Finding::constant);
  EXPECT_EQ(report.trials, 2);
  CheckOptions options;
  options.allowed = {Finding::constant};
  EXPECT_TRUE(check(*module, options).passed());
}

TEST(Check, AnOutputThatIsConstantInTheTextIsFine) {
  EXPECT_TRUE(check(*over_rows("ROOT y = (f32[8,4], f32[8,4]) tuple(x, zeros)\n")).passed());
}

// Random arguments are positive at first, where this is zero everywhere.
TEST(Check, FurtherArgumentsAreTriedWhereTheFirstShowNothing) {
  const auto module = over_rows("n = f32[8,4] negate(x)\n  ROOT y = f32[8,4] maximum(n, zeros)\n");
  const CheckReport report = check(*module);
  EXPECT_TRUE(report.passed());
  EXPECT_EQ(report.trials, 2);
}

TEST(Check, ANonFiniteOutputProvesNothing) {
  const auto module = over_rows("y = f32[8,4] divide(zeros, zeros)\n  ROOT z = f32[8,4] add(x, y)\n");
  EXPECT_EQ(check(*module).outputs[0].finding, Finding::non_finite);
  CheckOptions options;
  options.allowed = {Finding::non_finite};
  EXPECT_TRUE(check(*module, options).passed());
}

TEST(Dependence, LoopsAreFollowedLeafByLeaf) {
  const auto module = parse_verified(R"(
HloModule m
body {
  s = (s32[], f32[4], f32[4]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  x = f32[4] get-tuple-element(s), index=1
  y = f32[4] get-tuple-element(s), index=2
  one = s32[] constant(1)
  j = s32[] add(i, one)
  twice = f32[4] add(x, x)
  same = f32[4] add(y, y)
  ROOT t = (s32[], f32[4], f32[4]) tuple(j, twice, same)
}
condition {
  s = (s32[], f32[4], f32[4]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  n = s32[] constant(2)
  ROOT c = pred[] compare(i, n), direction=LT
}
ENTRY e {
  x = f32[4] parameter(0)
  zero = s32[] constant(0)
  start = f32[4] iota(), iota_dimension=0
  s = (s32[], f32[4], f32[4]) tuple(zero, x, start)
  ROOT w = (s32[], f32[4], f32[4]) while(s), condition=condition, body=body
}
)");
  EXPECT_EQ(results_dependent_on_arguments(*module), (std::vector<bool>{false, true, false}));
}

}  // namespace
}  // namespace gshard
