#include "ops/constants.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/small_float.h"

namespace gshard {
namespace {

template <class T>
T only(const Literal& literal) {
  return literal.values<T>()[0];
}

TEST(Constants, ConvertNumbers) {
  EXPECT_EQ(only<float>(full(Shape(DType::f32), 0.1)), 0.1F);
  EXPECT_EQ(static_cast<float>(only<BF16>(full(Shape(DType::bf16), 1.00390625))), 1.0F);
  EXPECT_EQ(only<int32_t>(full(Shape(DType::s32), -2.9)), -2);
  EXPECT_EQ(only<uint8_t>(full(Shape(DType::u8), 300)), 255);
  EXPECT_EQ(only<int8_t>(full(Shape(DType::s4), -100)), -8);
  EXPECT_EQ(only<uint8_t>(full(Shape(DType::pred), 0.5)), 1);
  EXPECT_EQ(only<int64_t>(full(Shape(DType::s64), std::nan(""))), 0);
  EXPECT_EQ(only<std::complex<float>>(full(Shape(DType::c64), 2)), std::complex<float>(2, 0));
  EXPECT_EQ(full(Shape(DType::s32, {3}), 7).values<int32_t>()[2], 7);
}

TEST(Constants, ExtremesAreTheTypesOwn) {
  EXPECT_EQ(only<float>(highest(DType::f32)), std::numeric_limits<float>::infinity());
  EXPECT_EQ(static_cast<float>(only<F8E4M3FN>(highest(DType::f8e4m3fn))), 448.0F);
  EXPECT_EQ(static_cast<float>(only<F8E4M3FN>(lowest(DType::f8e4m3fn))), -448.0F);
  EXPECT_EQ(static_cast<float>(only<F4E2M1FN>(lowest(DType::f4e2m1fn))), -6.0F);
  EXPECT_GT(static_cast<float>(only<F8E8M0FNU>(lowest(DType::f8e8m0fnu))), 0.0F);
  EXPECT_EQ(only<uint8_t>(highest(DType::pred)), 1);
  EXPECT_EQ(only<uint8_t>(highest(DType::u4)), 15);
  EXPECT_EQ(only<int8_t>(lowest(DType::s4)), -8);
  EXPECT_EQ(only<uint64_t>(highest(DType::u64)), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(only<int64_t>(lowest(DType::s64)), std::numeric_limits<int64_t>::min());
  EXPECT_THROW(highest(DType::c64), Error);
}

TEST(Constants, NeutralElementsChangeNothing) {
  EXPECT_EQ(only<float>(neutral_element(Reducer::add, DType::f32)), 0.0F);
  EXPECT_EQ(only<int32_t>(neutral_element(Reducer::mul, DType::s32)), 1);
  EXPECT_EQ(only<float>(neutral_element(Reducer::max, DType::f32)), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(only<uint8_t>(neutral_element(Reducer::and_, DType::pred)), 1);
  EXPECT_EQ(only<int8_t>(neutral_element(Reducer::and_, DType::s8)), -1);
  EXPECT_EQ(only<uint8_t>(neutral_element(Reducer::and_, DType::u4)), 15);
  EXPECT_EQ(only<uint8_t>(neutral_element(Reducer::or_, DType::pred)), 0);
}

}  // namespace
}  // namespace gshard
