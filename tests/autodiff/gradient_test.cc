// What gradients promise beside their numbers: what is left out, what is said twice, and messages.
#include "autodiff/gradient.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "count_ops.h"
#include "eval/arguments.h"
#include "eval/evaluate.h"
#include "ops/build.h"
#include "ops/einsum.h"
#include "ops/split.h"
#include "runtime/prepare.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

using testing::HasSubstr;
using testing::Not;

Shape f32(Dims dims) { return Shape(DType::f32, std::move(dims)); }

Value total(Value x) {
  Dims all;
  for (size_t d = 0; d < x.rank(); ++d) all.push_back(static_cast<int64_t>(d));
  return reduce(x, all, Reducer::add);
}

// The entry's result is what `body` returns.
std::unique_ptr<Module> module_with(const std::vector<Shape>& parameters, const Body& body) {
  auto module = std::make_unique<Module>("m");
  define_entry(*module, "main", parameters, body);
  verify(*module);
  return module;
}

TEST(Gradient, OfAPolynomialTwice) {
  const auto module = module_with({f32({})}, [](Computation&, Values p) {
    const Value y = multiply(multiply(p[0], p[0]), p[0]);
    const Value first = gradient(y, p)[0];
    return tuple({first, gradient(first, p)[0]});
  });
  const Literal result = evaluate(*module, std::array{Literal::scalar(DType::f32, 5.0F)});
  EXPECT_EQ(result.elements()[0].values<float>()[0], 75);
  EXPECT_EQ(result.elements()[1].values<float>()[0], 30);
}

TEST(Gradient, IsZeroWhereTheLossDoesNotDepend) {
  const auto module = module_with({f32({2}), f32({3})},
                                  [](Computation&, Values p) { return gradient(total(p[0]), std::array{p[1]})[0]; });
  EXPECT_EQ(count(*module, Op::multiply), 0);
  EXPECT_EQ(evaluate(*module, random_arguments(*module, 1)), Literal(f32({3})));
}

TEST(Gradient, WithRespectToAValueOnTheWay) {
  const auto module = module_with({f32({2})}, [](Computation&, Values p) {
    const Value x = exponential(p[0]);
    return gradient(total(multiply(x, x)), std::array{x})[0];
  });
  const std::vector<Literal> arguments = random_arguments(*module, 1);
  EXPECT_FLOAT_EQ(evaluate(*module, arguments).values<float>()[1], 2 * std::exp(arguments[0].values<float>()[1]));
}

TEST(Gradient, MakesNothingForWhatNobodyAskedFor) {
  const auto module = module_with({f32({4, 3}), f32({3, 2})}, [](Computation&, Values p) {
    return gradient(total(einsum("ij,jk->ik", p[0], p[1])), std::array{p[1]})[0];
  });
  EXPECT_EQ(count(*module, Op::dot), 2);  // the product, and the gradient of its right operand
}

TEST(Gradient, AddsTheCotangentsOfAValueOnce) {
  const auto module = module_with({f32({4})}, [](Computation&, Values p) {
    const Value x = tanh(p[0]);
    const Value loss = total(add(add(x, negate(x)), sine(x)));
    return gradient(loss, p)[0];
  });
  EXPECT_EQ(count(*module, Op::add) - 1, 2 + 2);  // the loss's, that of its reducer aside, and three cotangents of x
}

TEST(Gradient, StopsWhereItIsTold) {
  const auto module = module_with(
      {f32({})}, [](Computation&, Values p) { return gradient(multiply(p[0], stop_gradient(p[0])), p)[0]; });
  EXPECT_EQ(evaluate(*module, std::array{Literal::scalar(DType::f32, 5.0F)}).values<float>()[0], 5);
  EXPECT_EQ(count(*prepare(*module), Op::copy), 0);
}

TEST(Gradient, VectorJacobianProductsTakeCotangents) {
  const auto module = module_with({f32({2}), f32({2})}, [](Computation&, Values p) {
    const std::array results{multiply(p[0], p[0]), exponential(p[0])};
    return vector_jacobian_product(results, std::array{p[1], Value()}, std::array{p[0]})[0];
  });
  const std::vector<Literal> arguments = random_arguments(*module, 1);
  const Literal result = evaluate(*module, arguments);
  EXPECT_FLOAT_EQ(result.values<float>()[0], 2 * arguments[0].values<float>()[0] * arguments[1].values<float>()[0]);
}

// The large cotangents of what is padded do not meet the small ones of the padding.
TEST(Gradient, APaddingValueGetsWhatThePaddingDoes) {
  const auto module = module_with({f32({2}), f32({}), f32({4})}, [](Computation&, Values p) {
    Padding padding;
    padding.dims = {{1, 1, 0}};
    return gradient(total(multiply(pad(p[0], p[1], padding), p[2])), std::array{p[1]})[0];
  });
  Literal cotangents(f32({4}));
  std::ranges::copy(std::array{3.0F, 1e9F, INFINITY, 5.0F}, cotangents.mutable_values<float>().begin());
  const std::array arguments{Literal(f32({2})), Literal(f32({})), cotangents};
  EXPECT_EQ(evaluate(*module, arguments).values<float>()[0], 8);
}

// 1 / 0.1F is rounded up to 10, and it fits 9 times.
TEST(Gradient, OfARemainderCountsHowOftenItFits) {
  const auto module = module_with(
      {f32({}), f32({})}, [](Computation&, Values p) { return gradient(remainder(p[0], p[1]), p)[1]; });
  const std::array arguments{Literal::scalar(DType::f32, 1.0F), Literal::scalar(DType::f32, 0.1F)};
  EXPECT_EQ(evaluate(*module, arguments).values<float>()[0], -9);
}

TEST(Gradient, NarrowFactorsMakeNarrowProducts) {
  const auto module = module_with({Shape(DType::bf16, {4, 3}), f32({3, 2})}, [](Computation&, Values p) {
    const Value y = einsum("ij,jk->ik", p[0], convert(p[1], DType::bf16), DType::f32);
    return gradient(total(y), std::array{p[1]})[0];
  });
  EXPECT_EQ(module->entry()->root()->shape(), f32({3, 2}));
  for (const auto& instruction : module->entry()->instructions()) {
    if (instruction->op() != Op::dot) continue;
    for (const Instruction* operand : instruction->operands()) EXPECT_EQ(operand->shape().type(), DType::bf16);
  }
}

TEST(Gradient, ComesFromThePlaceOfItsOp) {
  int64_t line = 0;
  const auto module = module_with({f32({4})}, [&](Computation&, Values p) {
    line = std::source_location::current().line() + 1;
    const Value y = tanh(p[0]);
    Metadata metadata = *y->notes().metadata;
    metadata.op_name = "encoder/tanh";
    y->mutable_notes().metadata = std::make_shared<const Metadata>(metadata);
    return gradient(total(y), p)[0];
  });
  const Metadata& metadata = *module->entry()->root()->notes().metadata;
  EXPECT_EQ(metadata.op_name, "transpose(encoder/tanh)");
  EXPECT_EQ(metadata.source_line, line);
  EXPECT_THAT(metadata.source_file, HasSubstr("gradient_test.cc"));
}

TEST(Gradient, AnAnnotationHoldsForTheCotangent) {
  const auto module = module_with({f32({8, 4})}, [](Computation&, Values p) {
    const Value x = split(tanh(p[0]), 0, 4);
    return gradient(total(multiply(x, x)), p)[0];
  });
  size_t annotated = 0;
  for (const auto& instruction : module->entry()->instructions()) annotated += instruction->notes().sharding != nullptr;
  EXPECT_EQ(annotated, 2);
  EXPECT_THAT(print(*module), HasSubstr("custom_call_target=\"Sharding\", sharding={devices=[4,1]<=[4]}"));
}

// ---- calls and checkpoints ------------------------------------------------------------------------------------------

Computation& layer(Module& module) {
  return define(module, "layer", {f32({4})}, [](Computation&, Values p) { return tanh(sine(p[0])); });
}

std::unique_ptr<Module> with_layer(const std::function<Value(Computation&, const std::vector<Value>&)>& call) {
  auto module = std::make_unique<Module>("m");
  Computation& callee = layer(*module);
  define_entry(*module, "main", {f32({4})},
               [&](Computation&, Values p) { return gradient(total(call(callee, {p[0]})), p)[0]; });
  verify(*module);
  return module;
}

TEST(Gradient, CallsAreInlined) {
  const auto module = with_layer([](Computation& f, const std::vector<Value>& x) { return call(f, x); });
  const auto prepared = prepare(*module);
  EXPECT_EQ(count(*prepared, Op::tanh), 1);
  EXPECT_EQ(count(*prepared, Op::opt_barrier), 0);
}

TEST(Gradient, CheckpointsAreComputedAgainBehindABarrier) {
  const auto plain = with_layer([](Computation& f, const std::vector<Value>& x) { return call(f, x); });
  const auto module = with_layer([](Computation& f, const std::vector<Value>& x) { return checkpoint(f, x); });
  const std::vector<Literal> arguments = random_arguments(*module, 1);
  EXPECT_EQ(evaluate(*module, arguments), evaluate(*plain, arguments));
  const auto prepared = prepare(*module);
  EXPECT_EQ(count(*prepared, Op::opt_barrier), 1);
  EXPECT_EQ(count(*prepared, Op::tanh), 1);  // the loss is not asked for here: only the second computation is left
  EXPECT_EQ(evaluate(*prepared, arguments), evaluate(*plain, arguments));
}

TEST(Gradient, AnnotationsOfCalleesAreKept) {
  Module module("m");
  Computation& callee = define(module, "layer", {f32({8, 4})}, [](Computation&, Values p) {
    const Value x = split(p[0], 0, 4);
    return split(multiply(x, x), 1, 4);
  });
  define_entry(module, "main", {f32({8, 4})},
               [&](Computation&, Values p) { return tuple({gradient(total(call(callee, {p[0]})), p)[0]}); });
  const auto prepared = prepare(module);
  size_t rows = 0, columns = 0;
  for (const auto& instruction : prepared->entry()->instructions()) {
    if (instruction->notes().sharding == nullptr) continue;
    rows += instruction->notes().sharding->tiles.dims[0] == 4 ? 1 : 0;
    columns += instruction->notes().sharding->tiles.dims[1] == 4 ? 1 : 0;
  }
  EXPECT_EQ(rows, 2) << print(*prepared);     // the argument and its gradient
  EXPECT_EQ(columns, 1) << print(*prepared);  // the cotangent of the result, which itself nobody reads
}

// ---- messages -------------------------------------------------------------------------------------------------------

std::string message_of(const std::vector<Shape>& parameters, const Body& body) {
  Module module("m");
  try {
    define_entry(module, "main", parameters, body);
  } catch (const Error& error) {
    return error.report();
  }
  return "no error";
}

TEST(GradientErrors, NameTheOpItsPlaceAndTheReason) {
  const std::string message = message_of({f32({4})}, [](Computation& in, Values p) {
    const Value drawn = rng(total(p[0]), constant(in, DType::f32, 1), {4}, Distribution::rng_uniform);
    return gradient(total(drawn), p)[0];
  });
  EXPECT_THAT(message, HasSubstr("gradient_test.cc:"));
  EXPECT_THAT(message, HasSubstr("= rng has none: the draw is not a function of its bounds"));
}

TEST(GradientErrors, OfWhatIsAskedFor) {
  EXPECT_THAT(message_of({f32({4})}, [](Computation&, Values p) { return gradient(p[0], p)[0]; }),
              HasSubstr("f32[4] is not one floating-point number"));
  EXPECT_THAT(message_of({f32({}), Shape(DType::s32)},
                         [](Computation&, Values p) { return gradient(p[0], std::array{p[1]})[0]; }),
              HasSubstr("s32[] is neither an array of floating-point nor of complex numbers"));
  EXPECT_THAT(message_of({f32({}), f32({})},
                         [](Computation&, Values p) { return vector_jacobian_product(p, std::array{p[0]}, p)[0]; }),
              HasSubstr("2 results with 1 cotangents"));
  EXPECT_THAT(
      message_of({f32({}), f32({2})},
                 [](Computation&, Values p) { return vector_jacobian_product(p.first(1), std::array{p[1]}, p)[0]; }),
      HasSubstr("the cotangent of %parameter"));
}

TEST(GradientErrors, OfNothingAndOfOtherComputations) {
  EXPECT_THAT(message_of({f32({})}, [](Computation&, Values p) { return gradient({}, p)[0]; }),
              HasSubstr("the loss is a value of nothing"));
  EXPECT_THAT(message_of({f32({})}, [](Computation&, Values p) { return gradient(p[0], std::array{Value()})[0]; }),
              HasSubstr("what it is asked with respect to is a value of nothing"));
  EXPECT_THAT(message_of({f32({})}, [](Computation&, Values p) { return checkpoint_since(0, {p[0], {}})[0]; }),
              HasSubstr("checkpoint: a result is a value of nothing"));
  Module other("other");
  Value elsewhere;
  define_entry(other, "elsewhere", {f32({})}, [&](Computation&, Values p) { return elsewhere = p[0]; });
  EXPECT_THAT(message_of({f32({})},
                         [&](Computation&, Values p) {
                           return vector_jacobian_product(p, std::array{elsewhere}, p)[0];
                         }),
              HasSubstr("is of computation %elsewhere, the result of %main"));
}

TEST(GradientErrors, OfReductions) {
  Module module("m");
  Computation& odd =
      define(module, "odd", {f32({}), f32({})}, [](Computation&, Values x) { return multiply(add(x[0], x[1]), x[1]); });
  EXPECT_THAT(message_of({f32({4})},
                         [&](Computation& in, Values p) {
                           const Value zero = constant(in, DType::f32, 0);
                           return gradient(reduce({p[0], zero}, {0}, odd), p)[0];
                         }),
              HasSubstr("%odd is neither a sum, a product nor a choice among the elements"));
}

TEST(GradientErrors, OfCheckpointsThatDraw) {
  Module module("m");
  const auto drawing = [](Computation& in, Values p) {
    const Value noise = rng(constant(in, DType::f32, 0), constant(in, DType::f32, 1), {4}, Distribution::rng_uniform);
    return add(p[0], noise);
  };
  Computation& layer = define(module, "layer", {f32({4})}, drawing);
  try {
    define_entry(module, "main", {f32({4})},
                 [&](Computation&, Values p) { return gradient(total(checkpoint(layer, {p[0]})), p)[0]; });
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("%layer is computed again in the backward pass, and %rng"));
  }
}

}  // namespace
}  // namespace gshard
