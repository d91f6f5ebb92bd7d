#include "ops/einsum.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/verify.h"

namespace gshard {
namespace {

struct Outcome {
  Shape shape;
  std::vector<Op> ops;  // those that einsum made
};

Outcome run(std::string_view equation, const std::vector<Shape>& shapes, std::optional<DType> type = {}) {
  Module module("m");
  define_entry(module, "main", shapes, [&](Computation&, Values x) {
    return x.size() == 1 ? einsum(equation, x[0]) : einsum(equation, x[0], x[1], type);
  });
  verify(module);
  Outcome outcome{module.entry()->root()->shape(), {}};
  for (const auto& i : module.entry()->instructions()) {
    if (i->op() != Op::parameter && i->op() != Op::constant) outcome.ops.push_back(i->op());
  }
  return outcome;
}

std::string error_of(std::string_view equation, const std::vector<Shape>& shapes) {
  try {
    run(equation, shapes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Shape f32(Dims dims) { return Shape(DType::f32, dims); }

TEST(Einsum, DispatchIsOneDotAndATranspose) {
  const Outcome dispatch = run("GSEC,GSM->EGCM", {f32({2, 8, 4, 3}), f32({2, 8, 5})});
  EXPECT_EQ(dispatch.shape, f32({4, 2, 3, 5}));
  EXPECT_EQ(dispatch.ops, (std::vector{Op::dot, Op::transpose}));
}

TEST(Einsum, PicksTheOrderThatNeedsNoTranspose) {
  EXPECT_EQ(run("mk,kn->mn", {f32({2, 3}), f32({3, 4})}).ops, std::vector{Op::dot});
  const Outcome swapped = run("mk,kn->nm", {f32({2, 3}), f32({3, 4})});
  EXPECT_EQ(swapped.shape, f32({4, 2}));
  EXPECT_EQ(swapped.ops, std::vector{Op::dot});
}

TEST(Einsum, SumsLettersOfOneOperandFirst) {
  const Outcome sum = run("abc,bd->d", {f32({2, 3, 4}), f32({3, 5})});
  EXPECT_EQ(sum.shape, f32({5}));
  EXPECT_EQ(sum.ops, (std::vector{Op::reduce, Op::dot}));
}

TEST(Einsum, OuterProductsAndProductsOfElements) {
  EXPECT_EQ(run("a,b->ab", {f32({2}), f32({3})}).shape, f32({2, 3}));
  EXPECT_EQ(run("ab,ab->ab", {f32({2, 3}), f32({2, 3})}).shape, f32({2, 3}));
  EXPECT_EQ(run(",a->a", {f32({}), f32({3})}).shape, f32({3}));
  EXPECT_EQ(run("ab,ab->", {f32({2, 3}), f32({2, 3})}).shape, f32({}));
}

TEST(Einsum, OneOperandIsSummedAndTransposed) {
  EXPECT_EQ(run("abc->ca", {f32({2, 3, 4})}).ops, (std::vector{Op::reduce, Op::transpose}));
  EXPECT_EQ(run("abc->ca", {f32({2, 3, 4})}).shape, f32({4, 2}));
  EXPECT_EQ(run("ab->ab", {f32({2, 3})}).ops, std::vector<Op>{});
}

TEST(Einsum, MayWidenTheResult) {
  const Shape narrow(DType::bf16, {2, 2});
  EXPECT_EQ(run("ab,bc->ac", {narrow, narrow}).shape.type(), DType::bf16);
  EXPECT_EQ(run("ab, bc -> ac", {narrow, narrow}, DType::f32).shape.type(), DType::f32);
}

TEST(Einsum, NamesWhatDoesNotFit) {
  const std::vector<Shape> two{f32({64, 2}), f32({32, 2})};
  EXPECT_EQ(error_of("SE,SM->EM", two), "einsum \"SE,SM->EM\": S is 64 in operand 0 and 32 in operand 1");
  EXPECT_EQ(error_of("SEC,SM->EM", two), "einsum \"SEC,SM->EM\": operand 0 is f32[64,2], SEC names 3 dimensions");
  EXPECT_EQ(error_of("SE,TM->EX", two), "einsum \"SE,TM->EX\": X stands in the result and in no operand");
  EXPECT_EQ(error_of("SE,TT->E", two),
            "einsum \"SE,TT->E\": T stands twice in operand 1; take a diagonal with select and iota first");
  EXPECT_EQ(error_of("SE,TM", two), "einsum \"SE,TM\": has no \"->\" and result");
  EXPECT_EQ(error_of("SE->E", two), "einsum \"SE->E\": names 1 operands, got 2");
  EXPECT_EQ(error_of("S...,TM->E", two), "einsum \"S...,TM->E\": '.' in operand 0 is no letter");
}

}  // namespace
}  // namespace gshard
