#include "ops/table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/error.h"

namespace gshard {
namespace {

TEST(Table, HasEveryOpWithItsAttributes) {
  std::set<std::string_view> keywords;
  for (size_t i = 0; i < kOpCount; ++i) {
    const OpRow& row = row_of(static_cast<Op>(i));
    EXPECT_EQ(row.op, static_cast<Op>(i));
    EXPECT_EQ(default_attributes(row.op).index(), row.attributes);
    EXPECT_TRUE(row.operands.max == kAny || row.operands.min <= row.operands.max);
    EXPECT_TRUE(row.types == Types::unchecked || row.operands.min >= 1) << keyword_of(row.op);
    EXPECT_TRUE(keywords.insert(keyword_of(row.op)).second);
    EXPECT_EQ(op_from_keyword(keyword_of(row.op)), row.op);
  }
}

TEST(Table, TraitsAgreeWithEachOther) {
  for (size_t i = 0; i < kOpCount; ++i) {
    const OpRow& row = row_of(static_cast<Op>(i));
    const auto keyword = keyword_of(row.op);
    const bool pointwise = has(row.traits, Traits::pointwise);
    EXPECT_TRUE(!has(row.traits, Traits::commutative) || row.operands.min == 2) << keyword;
    EXPECT_TRUE(!has(row.traits, Traits::transcendental) || pointwise) << keyword;
    EXPECT_TRUE(!pointwise || row.types != Types::unchecked) << keyword;
    EXPECT_FALSE(pointwise && has(row.traits, Traits::data_movement)) << keyword;
  }
}

TEST(Table, AttributeIndexIsThatOfTheVariant) {
  EXPECT_EQ(attributes<NoAttrs>(), Attributes(NoAttrs{}).index());
  EXPECT_EQ(attributes<DotAttrs>(), Attributes(DotAttrs{}).index());
  EXPECT_EQ(attributes<ScanAttrs>(), Attributes(ScanAttrs{}).index());
}

TEST(Table, TypesAreSetsOfClasses) {
  EXPECT_TRUE(has(Types::integer, DType::u4));
  EXPECT_FALSE(has(Types::integer, DType::pred));
  EXPECT_TRUE(has(Types::inexact, DType::c64));
  EXPECT_FALSE(has(Types::any, DType::token));
  EXPECT_FALSE(has(Types::any, DType::tuple));
}

TEST(Table, CountsOperandsAndCallees) {
  const auto message_of = [](const Instruction& instruction) {
    try {
      infer_shape(instruction);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  Instruction add(Op::add, Shape(DType::f32), "a");
  EXPECT_EQ(message_of(add), "add: needs 2 operands, has 0");
  Instruction concatenate(Op::concatenate, Shape(DType::f32), "c");
  concatenate.set_attributes(DimensionsAttrs{});
  EXPECT_EQ(message_of(concatenate), "concatenate: needs at least 1 operands, has 0");
  Instruction state(Op::parameter, Shape(DType::f32), "s");
  Instruction loop(Op::while_, Shape(DType::f32), "w");
  loop.mutable_operands().push_back(&state);
  EXPECT_EQ(message_of(loop), "while: needs 2 called computations, has 0");
}

TEST(Table, CustomCallsSayWhetherTheyHaveSideEffects) {
  Instruction call(Op::custom_call, Shape(DType::f32), "c");
  CustomCallAttrs attributes;
  call.set_attributes(attributes);
  EXPECT_FALSE(has_side_effect(call));
  attributes.custom_call_has_side_effect = true;
  call.set_attributes(attributes);
  EXPECT_TRUE(has_side_effect(call));
  EXPECT_TRUE(has_side_effect(Instruction(Op::infeed, Shape(), "i")));
}

}  // namespace
}  // namespace gshard
