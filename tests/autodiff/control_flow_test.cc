// Gradients of loops and conditionals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "autodiff/central_differences.h"
#include "autodiff/gradient.h"
#include "eval/arguments.h"
#include "eval/evaluate.h"
#include "ops/build.h"
#include "ops/einsum.h"
#include "parse_verified.h"
#include "runtime/prepare.h"
#include "text/print.h"

namespace gshard {
namespace {

using testing::HasSubstr;

std::string difference(const std::string& text, uint64_t seed = 1) {
  const auto module = parse_verified(text);
  return gradient_difference(*module, random_arguments(*module, seed, {Signs::both}), {.seed = seed});
}

// A condition on element 0 of the state.
std::string condition(const std::string& state, int rounds) {
  return "condition {\n  p = " + state + " parameter(0)\n  i = get-tuple-element(p), index=0\n  n = s32[] constant(" +
         std::to_string(rounds) + ")\n  ROOT c = pred[] compare(i, n), direction=LT\n}\n";
}

// x' = sin(x * w) + i, w constant.
std::string loop_text(int rounds) {
  const std::string state = "(s32[], f64[3], f64[3])";
  return "HloModule m\n" + condition(state, rounds) + R"(
body {
  p = )" +
         state + R"( parameter(0)
  i = get-tuple-element(p), index=0
  x = get-tuple-element(p), index=1
  w = get-tuple-element(p), index=2
  y = multiply(x, w)
  z = sine(y)
  f = f64[] convert(i)
  g = f64[3] broadcast(f), dimensions={}
  next = add(z, g)
  one = s32[] constant(1)
  j = add(i, one)
  ROOT r = tuple(j, next, w)
}
ENTRY e {
  a = f64[3] parameter(0)
  b = f64[3] parameter(1)
  zero = s32[] constant(0)
  t = tuple(zero, a, b)
  r = while(t), condition=condition, body=body
  ROOT y = get-tuple-element(r), index=1
})";
}

TEST(GradientOfLoops, OfAFewRounds) {
  for (const int rounds : {0, 1, 2, 7}) EXPECT_EQ(difference(loop_text(rounds)), "");
}

TEST(GradientOfLoops, KeepWhatChangesAndHandOnWhatDoesNot) {
  const auto module = with_gradients(*parse_verified(loop_text(7)));
  const std::string text = print(*module);
  EXPECT_THAT(text, HasSubstr("f64[7,3]"));
  // x and what cosine is of; not w, nor the result of the sine.
  const Instruction* backwards = nullptr;
  for (const auto& i : module->entry()->instructions()) backwards = i->op() == Op::while_ ? i.get() : backwards;
  size_t stacks = 0;
  for (const Shape& element : backwards->shape().elements()) stacks += element.rank() == 2 ? 1 : 0;
  EXPECT_EQ(stacks, 2) << text;
}

TEST(GradientOfLoops, StaysTheSameWhenSimplified) {
  const auto module = with_gradients(*parse_verified(loop_text(5)));
  const std::vector<Literal> arguments = random_arguments(*module, 1);
  EXPECT_EQ(evaluate(*prepare(*module), arguments), evaluate(*module, arguments));
}

TEST(GradientOfLoops, OverStackedWeights) {
  const std::string state = "(s32[], f64[4], f64[5,4])";
  EXPECT_EQ(difference("HloModule m\n" + condition(state, 5) + R"(
body {
  p = )" + state + R"( parameter(0)
  i = get-tuple-element(p), index=0
  x = get-tuple-element(p), index=1
  w = get-tuple-element(p), index=2
  zero = s32[] constant(0)
  row = f64[1,4] dynamic-slice(w, i, zero), dynamic_slice_sizes={1,4}
  v = f64[4] reshape(row)
  y = multiply(x, v)
  z = tanh(y)
  one = s32[] constant(1)
  j = add(i, one)
  ROOT r = tuple(j, z, w)
}
ENTRY e {
  a = f64[4] parameter(0)
  b = f64[5,4] parameter(1)
  zero = s32[] constant(0)
  t = tuple(zero, a, b)
  r = while(t), condition=condition, body=body
  x = get-tuple-element(r), index=1
  w = get-tuple-element(r), index=2
  s = multiply(w, w)
  ROOT y = tuple(x, s)
})"),
            "");
}

TEST(GradientOfLoops, StateIsExchangedAndNested) {
  const std::string state = "(s32[], (f64[3], f64[3]))";
  EXPECT_EQ(difference("HloModule m\n" + condition(state, 4) + R"(
body {
  p = )" + state + R"( parameter(0)
  i = get-tuple-element(p), index=0
  xy = get-tuple-element(p), index=1
  x = get-tuple-element(xy), index=0
  y = get-tuple-element(xy), index=1
  z = multiply(x, y)
  one = s32[] constant(1)
  j = add(i, one)
  zx = tuple(z, x)
  ROOT r = tuple(j, zx)
}
ENTRY e {
  a = f64[3] parameter(0)
  b = f64[3] parameter(1)
  zero = s32[] constant(0)
  ab = tuple(a, b)
  t = tuple(zero, ab)
  r = while(t), condition=condition, body=body
  xy = get-tuple-element(r), index=1
  ROOT y = get-tuple-element(xy), index=0
})"),
            "");
}

TEST(GradientOfLoops, WithinALoop) {
  const std::string inner = "(s32[], f64[3])";
  const std::string outer = "(s32[], f64[3], f64[3])";
  std::string inner_condition = condition(inner, 3);
  inner_condition.replace(0, 9, "inner_condition");
  EXPECT_EQ(difference("HloModule m\n" + inner_condition + condition(outer, 4) + R"(
inner_body {
  p = )" + inner + R"( parameter(0)
  i = get-tuple-element(p), index=0
  x = get-tuple-element(p), index=1
  y = sine(x)
  z = multiply(y, x)
  one = s32[] constant(1)
  j = add(i, one)
  ROOT r = tuple(j, z)
}
body {
  p = )" + outer + R"( parameter(0)
  i = get-tuple-element(p), index=0
  x = get-tuple-element(p), index=1
  s = get-tuple-element(p), index=2
  zero = s32[] constant(0)
  t = tuple(zero, x)
  u = while(t), condition=inner_condition, body=inner_body
  y = get-tuple-element(u), index=1
  z = add(y, x)
  n = add(s, z)
  one = s32[] constant(1)
  j = add(i, one)
  ROOT r = tuple(j, z, n)
}
ENTRY e {
  a = f64[3] parameter(0)
  zero = s32[] constant(0)
  none = f64[] constant(0)
  nothing = f64[3] broadcast(none), dimensions={}
  t = tuple(zero, a, nothing)
  r = while(t), condition=condition, body=body
  ROOT y = get-tuple-element(r), index=2
})"),
            "");
}

TEST(GradientOfLoops, TwiceIsTheSecondDerivative) {
  Module module("m");
  const Shape scalar(DType::f64);
  const Shape state = Shape::tuple({Shape(DType::s32), scalar});
  Computation& test = define(module, "test", {state}, [](Computation&, Values p) {
    return compare(get_tuple_element(p[0], 0), 3, Direction::LT);
  });
  Computation& step = define(module, "step", {state}, [](Computation&, Values p) {
    const Value x = get_tuple_element(p[0], 1);
    return tuple({add(get_tuple_element(p[0], 0), 1), multiply(x, x)});
  });
  define_entry(module, "main", {scalar}, [&](Computation& in, Values p) {
    const Value y = get_tuple_element(while_(tuple({constant(in, DType::s32, 0), p[0]}), test, step), 1);
    const Value first = gradient(y, p)[0];
    return tuple({y, first, gradient(first, p)[0]});
  });
  verify(module);
  // x^8
  const Literal result = evaluate(module, std::array{Literal::scalar(DType::f64, 1.5)});
  EXPECT_NEAR(result.elements()[0].values<double>()[0], std::pow(1.5, 8), 1e-9);
  EXPECT_NEAR(result.elements()[1].values<double>()[0], 8 * std::pow(1.5, 7), 1e-9);
  EXPECT_NEAR(result.elements()[2].values<double>()[0], 56 * std::pow(1.5, 6), 1e-9);
}

TEST(GradientOfLoops, ACheckpointInALoopIsComputedAgain) {
  Module module("m");
  const Shape x(DType::f64, {3});
  const Shape state = Shape::tuple({Shape(DType::s32), x, x});
  Computation& layer =
      define(module, "layer", {x, x}, [](Computation&, Values p) { return tanh(sine(multiply(p[0], p[1]))); });
  define_entry(module, "main", {x, x}, [&](Computation& in, Values p) {
    const Value end = while_(
        tuple({constant(in, DType::s32, 0), p[0], p[1]}),
        [](Computation&, Values s) { return compare(get_tuple_element(s[0], 0), 4, Direction::LT); },
        [&](Computation&, Values s) {
          const std::vector<Value> e = unpack(s[0]);
          return tuple({add(e[0], 1), checkpoint(layer, {e[1], e[2]}), e[2]});
        });
    return get_tuple_element(end, 1);
  });
  verify(module);
  EXPECT_EQ(gradient_difference(module, random_arguments(module, 1)), "");
  const auto differentiated = with_gradients(module);
  const Instruction* backwards = nullptr;
  for (const auto& i : differentiated->entry()->instructions()) backwards = i->op() == Op::while_ ? i.get() : backwards;
  size_t stacks = 0;
  for (const Shape& element : backwards->shape().elements()) stacks += element.rank() == 2 ? 1 : 0;
  EXPECT_EQ(stacks, 1);  // what comes into the layer
}

TEST(GradientOfLoops, OfUnknownLengthIsRefused) {
  const std::string state = "(s32[], f64[3])";
  const auto module = parse_verified("HloModule m\n" + condition(state, 4) + R"(
body {
  p = (s32[], f64[3]) parameter(0)
  i = get-tuple-element(p), index=0
  x = get-tuple-element(p), index=1
  y = sine(x)
  j = add(i, i)
  ROOT r = tuple(j, y)
}
ENTRY e {
  a = f64[3] parameter(0)
  n = s32[] parameter(1)
  t = tuple(n, a)
  r = while(t), condition=condition, body=body
  ROOT y = get-tuple-element(r), index=1
})");
  try {
    with_gradients(*module);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("gradient: %r = while has none: how often it runs is not known"));
  }
}

// ---- conditionals ---------------------------------------------------------------------------------------------------

constexpr std::string_view kConditional = R"(HloModule m
first {
  p = (f64[3], f64[3]) parameter(0)
  x = get-tuple-element(p), index=0
  y = get-tuple-element(p), index=1
  z = multiply(x, y)
  ROOT r = tuple(z, x)
}
second {
  p = (f64[3], f64[3]) parameter(0)
  x = get-tuple-element(p), index=0
  y = get-tuple-element(p), index=1
  z = sine(y)
  ROOT r = tuple(z, z)
}
third {
  p = f64[3] parameter(0)
  ROOT r = tuple(p, p)
}
ENTRY e {
  a = f64[3] parameter(0)
  b = f64[3] parameter(1)
  i = s32[] constant(SELECTOR)
  t = tuple(a, b)
  u = tuple(b, b)
  r = conditional(i, t, u, a), branch_computations={first, second, third}
  x = get-tuple-element(r), index=0
  y = get-tuple-element(r), index=1
  ROOT z = multiply(x, y)
})";

TEST(GradientOfConditionals, IsThatOfTheBranchTaken) {
  for (const char* selector : {"0", "1", "2"}) {
    std::string text(kConditional);
    text.replace(text.find("SELECTOR"), 8, selector);
    EXPECT_EQ(difference(text), "");
  }
}

TEST(GradientOfConditionals, InALoop) {
  const std::string state = "(s32[], f64[3])";
  EXPECT_EQ(difference("HloModule m\n" + condition(state, 4) + R"(
even {
  p = f64[3] parameter(0)
  ROOT r = sine(p)
}
odd {
  p = f64[3] parameter(0)
  ROOT r = multiply(p, p)
}
body {
  p = )" + state + R"( parameter(0)
  i = get-tuple-element(p), index=0
  x = get-tuple-element(p), index=1
  one = s32[] constant(1)
  side = and(i, one)
  y = conditional(side, x, x), branch_computations={even, odd}
  j = add(i, one)
  ROOT r = tuple(j, y)
}
ENTRY e {
  a = f64[3] parameter(0)
  zero = s32[] constant(0)
  t = tuple(zero, a)
  r = while(t), condition=condition, body=body
  ROOT y = get-tuple-element(r), index=1
})"),
            "");
}

}  // namespace
}  // namespace gshard
