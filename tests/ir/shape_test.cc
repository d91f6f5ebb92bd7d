#include "ir/shape.h"

#include <gtest/gtest.h>

#include <limits>

namespace gshard {
namespace {

TEST(Shape, CountsElementsAndBytes) {
  const Shape matrix(DType::bf16, {3, 5});
  EXPECT_EQ(matrix.element_count(), 15);
  EXPECT_EQ(matrix.byte_size(), 30);
  EXPECT_EQ(Shape(DType::f32).element_count(), 1);
  EXPECT_EQ(Shape(DType::f32, {4, 0, 7}).element_count(), 0);
  EXPECT_EQ(Shape::tuple({matrix, Shape(DType::pred, {2})}).byte_size(), 32);
}

TEST(Shape, SaturatesInsteadOfOverflowing) {
  const int64_t huge = int64_t{1} << 40;
  const Shape absurd(DType::f64, {huge, huge, huge});
  EXPECT_EQ(absurd.element_count(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(absurd.byte_size(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Shape(DType::f64, {huge, 0, huge}).byte_size(), 0);
}

TEST(Shape, EqualityIgnoresLayouts) {
  Shape a(DType::f32, {2, 3});
  const Shape b = a;
  a.set_layout(std::make_shared<const Layout>(Layout{{0, 1}, ""}));
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.hash(), b.hash());
  EXPECT_NE(a, Shape(DType::f32, {3, 2}));
}

TEST(Shape, PrintsForMessages) {
  EXPECT_EQ(Shape::tuple({Shape(DType::s32), Shape(DType::bf16, {4, 4}), Shape::token()}).to_string(),
            "(s32[], bf16[4,4], token[])");
}

}  // namespace
}  // namespace gshard
