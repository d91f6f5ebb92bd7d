#include "runtime/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace gshard {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
Literal array(DType type, const std::vector<T>& values) {
  Literal literal{Shape(type, {static_cast<int64_t>(values.size())})};
  std::copy(values.begin(), values.end(), literal.mutable_values<T>().begin());
  return literal;
}

Literal doubles(const std::vector<double>& values) { return array(DType::f64, values); }

TEST(Compare, AnErrorIsRelativeToTheElement) {
  const Comparison c = compare(doubles({1, 1000}), doubles({1, 1001}), 1e-4);
  EXPECT_EQ(c.different, 1);
  EXPECT_DOUBLE_EQ(c.largest_error, 1e-3);
  ASSERT_TRUE(c.first);
  EXPECT_EQ(c.first->element, 1);
  EXPECT_EQ(c.first->expected, "1000");
  EXPECT_EQ(c.first->got, "1001");
}

// What is left of 1 - 1 is rounding; beside elements of 1 it is nothing.
TEST(Compare, SmallElementsAreMeasuredAgainstTheRest) {
  EXPECT_EQ(compare(doubles({1, 1e-17}), doubles({1, 3e-17}), 1e-9).different, 0);
  EXPECT_EQ(compare(doubles({1e-17, 1e-17}), doubles({1e-17, 3e-17}), 1e-9).different, 1);
}

// Of an even number of elements the upper of the two in the middle.
TEST(Compare, AMaskDoesNotHideTheRestFromTheMedian) {
  const Literal expected = doubles({-1e30, 0, 2, 3});
  const Literal got = doubles({-1e30, 0, 2, 4});
  EXPECT_EQ(compare(expected, got, 1e-9).different, 0);
  const Comparison c = compare(expected, got, 1e-9, Scale::median);
  EXPECT_EQ(c.different, 1);
  EXPECT_DOUBLE_EQ(c.largest_error, 1.0 / 3);
  EXPECT_EQ(compare(doubles({1, 1e-17}), doubles({1, 3e-17}), 1e-9, Scale::median).different, 0);
  EXPECT_EQ(compare(doubles({0, 0}), doubles({0, 1e-300}), 1e-9, Scale::median).different, 1);
}

TEST(Compare, NonFiniteElementsAreEqualToTheirKind) {
  EXPECT_EQ(compare(doubles({kNan, kInfinity}), doubles({kNan, kInfinity}), 0).different, 0);
  EXPECT_EQ(compare(doubles({kNan, kInfinity, 1}), doubles({1, -kInfinity, kNan}), 1).different, 3);
}

TEST(Compare, IntegersAreEqualOrNot) {
  const Comparison c = compare(array<int32_t>(DType::s32, {1, 2, 3}), array<int32_t>(DType::s32, {1, 3, 3}), 1);
  EXPECT_EQ(c.different, 1);
  EXPECT_EQ(c.first->got, "3");
  EXPECT_EQ(compare(array<uint8_t>(DType::pred, {0, 1}), array<uint8_t>(DType::pred, {0, 1}), 0).different, 0);
}

TEST(Compare, ComplexNumbersAreComparedAsPoints) {
  using Complex = std::complex<double>;
  const Literal a = array<Complex>(DType::c128, {{3, 4}});
  EXPECT_DOUBLE_EQ(compare(a, array<Complex>(DType::c128, {{3, 5}}), 1).largest_error, 0.2);
}

TEST(Compare, EmptyArraysAreEqual) {
  EXPECT_EQ(compare(doubles({}), doubles({}), 0).different, 0);
  EXPECT_FALSE(content_of(doubles({})).is_constant);
  EXPECT_EQ(content_of(doubles({})).non_finite, 0);
}

TEST(Content, SaysWhatAnArrayShows) {
  EXPECT_TRUE(content_of(doubles({2, 2, 2})).is_constant);
  EXPECT_FALSE(content_of(doubles({2, 2, 3})).is_constant);
  EXPECT_FALSE(content_of(doubles({2})).is_constant);
  EXPECT_DOUBLE_EQ(content_of(doubles({1, kNan, kInfinity, 2})).non_finite, 0.5);
}

TEST(RoundingErrors, AreRelativeToTheElementOrTheMedian) {
  const RoundingErrors e = rounding_errors(doubles({1e9, 1, 1}), doubles({1e9, 1, 1}), doubles({2e9, 1, 1}));
  EXPECT_EQ(e.whole, 0);
  EXPECT_DOUBLE_EQ(e.parts, std::sqrt(1.0 / 3));
  EXPECT_DOUBLE_EQ(rounding_errors(doubles({4, 4, 1}), doubles({4, 4, 3}), doubles({4, 4, 1})).whole,
                   std::sqrt(0.25 / 3));
  EXPECT_DOUBLE_EQ(rounding_errors(doubles({0, 0}), doubles({2, 2}), doubles({3, 3})).parts, 3);
}

TEST(RoundingErrors, LeaveOutWhatIsNotFinite) {
  const RoundingErrors e =
      rounding_errors(doubles({1, 1, kNan, 1}), doubles({1, kInfinity, 1, 2}), doubles({kNan, kInfinity, 1, 3}));
  EXPECT_DOUBLE_EQ(e.whole, 1);
  EXPECT_DOUBLE_EQ(e.parts, 2);
}

TEST(PositionText, CountsRowMajor) {
  EXPECT_EQ(position_text(Shape(DType::f32, {2, 3, 4}), 23), "[1,2,3]");
  EXPECT_EQ(position_text(Shape(DType::f32), 0), "[]");
}

}  // namespace
}  // namespace gshard
