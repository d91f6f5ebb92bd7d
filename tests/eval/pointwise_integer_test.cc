// Integer ops against arithmetic in 128 bits, on all pairs of the narrow types and on the edges of the wide ones.
#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <map>

#include "eval/elements.h"
#include "ir/dtype.h"
#include "run_text.h"

namespace gshard {
namespace {

using Wide = __int128;

// The integers of a type: their range, and how any integer wraps into it.
struct IntegerType {
  DType type;
  int bits = bits_of(type);
  bool is_signed = is_signed_int(type);

  Wide modulus() const { return Wide{1} << bits; }
  Wide low() const { return is_signed ? -modulus() / 2 : 0; }
  Wide high() const { return low() + modulus() - 1; }
  Wide wrap(Wide x) const {
    const Wide rest = ((x % modulus()) + modulus()) % modulus();
    return rest > high() ? rest - modulus() : rest;
  }
  // The bits of x as a non-negative number.
  Wide pattern(Wide x) const { return x < 0 ? x + modulus() : x; }
};

const std::vector<DType> kTypes = {DType::s2, DType::s4, DType::s8, DType::s16, DType::s32, DType::s64,
                                   DType::u2, DType::u4, DType::u8, DType::u16, DType::u32, DType::u64};

// All values of narrow types, and those of wide ones at which something happens.
std::vector<Wide> values_of(const IntegerType& type) {
  std::vector<Wide> values;
  if (type.bits <= 4) {
    for (Wide x = type.low(); x <= type.high(); ++x) values.push_back(x);
    return values;
  }
  for (Wide x : {0, 1, 2, 3, 7, 8, type.bits - 1, type.bits, type.bits + 1, 100}) values.push_back(x);
  for (Wide x : {type.low(), type.low() + 1, type.high(), type.high() - 1, type.high() / 2, type.high() / 3}) {
    values.push_back(x);
  }
  if (type.is_signed) {
    for (Wide x : {-1, -2, -3, -7, -100}) values.push_back(x);
  }
  return values;
}

Literal array_of(DType type, const std::vector<Wide>& values) {
  Literal bits{Shape(DType::u64, {static_cast<int64_t>(values.size())})};
  for (size_t i = 0; i < values.size(); ++i) bits.mutable_values<uint64_t>()[i] = static_cast<uint64_t>(values[i]);
  return convert_elements(bits, type);
}

std::vector<Wide> numbers_of(const Literal& x) {
  const Literal wide = convert_elements(x, is_signed_int(x.shape().type()) ? DType::s64 : DType::u64);
  std::vector<Wide> numbers;
  for (size_t i = 0; i < static_cast<size_t>(x.shape().element_count()); ++i) {
    const bool is_signed = is_signed_int(x.shape().type());
    numbers.push_back(is_signed ? Wide{wide.values<int64_t>()[i]} : Wide{wide.values<uint64_t>()[i]});
  }
  return numbers;
}

std::string number(Wide x) { return std::to_string(static_cast<int64_t>(x)); }

// Runs the op on all the arguments at once; `meaning` gives the result before wrapping.
void expect_unary(const std::string& op, const std::function<Wide(const IntegerType&, Wide)>& meaning) {
  for (const DType dtype : kTypes) {
    const IntegerType type{dtype};
    const std::vector<Wide> x = values_of(type);
    const std::string shape = std::string(name_of(dtype)) + "[" + std::to_string(x.size()) + "]";
    if (dtype >= DType::u1 && dtype <= DType::u64 && (op == "abs" || op == "sign")) continue;  // have no unsigned form
    const Literal y =
        run("  x = " + shape + " parameter(0)\n  ROOT y = " + shape + " " + op + "(x)", "", {array_of(dtype, x)});
    const std::vector<Wide> got = numbers_of(y);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(number(got[i]), number(type.wrap(meaning(type, x[i])))) << shape << " " << op << " " << number(x[i]);
    }
  }
}

void expect_binary(const std::string& op, const std::function<Wide(const IntegerType&, Wide, Wide)>& meaning) {
  for (const DType dtype : kTypes) {
    const IntegerType type{dtype};
    std::vector<Wide> x;
    std::vector<Wide> y;
    for (Wide a : values_of(type)) {
      for (Wide b : values_of(type)) x.push_back(a), y.push_back(b);
    }
    const std::string shape = std::string(name_of(dtype)) + "[" + std::to_string(x.size()) + "]";
    const Literal z = run(
        "  x = " + shape + " parameter(0)\n  y = " + shape + " parameter(1)\n  ROOT z = " + shape + " " + op + "(x, y)",
        "", {array_of(dtype, x), array_of(dtype, y)});
    const std::vector<Wide> got = numbers_of(z);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(number(got[i]), number(type.wrap(meaning(type, x[i], y[i]))))
          << name_of(dtype) << " " << op << "(" << number(x[i]) << ", " << number(y[i]) << ")";
    }
  }
}

// Modulo 2^128: two numbers of 64 bits without a sign are too large for the signed product.
Wide product(Wide x, Wide y) {
  return static_cast<Wide>(static_cast<unsigned __int128>(x) * static_cast<unsigned __int128>(y));
}

TEST(PointwiseInteger, Arithmetic) {
  expect_binary("add", [](const IntegerType&, Wide x, Wide y) { return x + y; });
  expect_binary("subtract", [](const IntegerType&, Wide x, Wide y) { return x - y; });
  expect_binary("multiply", [](const IntegerType& t, Wide x, Wide y) { return product(t.wrap(x), t.wrap(y)); });
  expect_unary("negate", [](const IntegerType&, Wide x) { return -x; });
  expect_unary("abs", [](const IntegerType&, Wide x) { return x < 0 ? -x : x; });
  expect_unary("sign", [](const IntegerType&, Wide x) { return Wide{(x > 0) - (x < 0)}; });
}

// Division by zero gives all ones, a remainder by zero the dividend; the lowest number by -1 wraps to itself.
TEST(PointwiseInteger, Division) {
  expect_binary("divide", [](const IntegerType&, Wide x, Wide y) { return y == 0 ? -1 : x / y; });
  expect_binary("remainder", [](const IntegerType&, Wide x, Wide y) { return y == 0 ? x : x % y; });
}

TEST(PointwiseInteger, Extremes) {
  expect_binary("maximum", [](const IntegerType&, Wide x, Wide y) { return x > y ? x : y; });
  expect_binary("minimum", [](const IntegerType&, Wide x, Wide y) { return x < y ? x : y; });
}

TEST(PointwiseInteger, Power) {
  expect_binary("power", [](const IntegerType& t, Wide x, Wide y) -> Wide {
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 == 0 ? 1 : -1) : 0;
    // Square and multiply from the highest bit down, unlike the evaluator.
    Wide result = 1;
    for (int bit = t.bits - 1; bit >= 0; --bit) {
      result = static_cast<Wide>(static_cast<unsigned __int128>(result) * static_cast<unsigned __int128>(result));
      if ((y >> bit) & 1) {
        result = static_cast<Wide>(static_cast<unsigned __int128>(result) * static_cast<unsigned __int128>(x));
      }
      result = t.wrap(result);
    }
    return result;
  });
}

TEST(PointwiseInteger, MultiplyHigh) {
  expect_binary("mulhi", [](const IntegerType& t, Wide x, Wide y) { return product(x, y) >> t.bits; });
}

TEST(PointwiseInteger, Bits) {
  expect_binary("and", [](const IntegerType&, Wide x, Wide y) { return x & y; });
  expect_binary("or", [](const IntegerType&, Wide x, Wide y) { return x | y; });
  expect_binary("xor", [](const IntegerType&, Wide x, Wide y) { return x ^ y; });
  expect_unary("not", [](const IntegerType&, Wide x) { return ~x; });
  expect_unary("popcnt",
               [](const IntegerType& t, Wide x) { return Wide{std::popcount(static_cast<uint64_t>(t.pattern(x)))}; });
  expect_unary("count-leading-zeros", [](const IntegerType& t, Wide x) {
    Wide zeros = 0;
    while (zeros < t.bits && ((t.pattern(x) >> (t.bits - 1 - zeros)) & 1) == 0) ++zeros;
    return zeros;
  });
}

// An amount of the width or more shifts everything out; a negative one is read as a large one.
TEST(PointwiseInteger, Shifts) {
  const auto beyond = [](const IntegerType& t, Wide amount) { return t.pattern(amount) >= t.bits; };
  expect_binary("shift-left", [&](const IntegerType& t, Wide x, Wide amount) {
    return beyond(t, amount) ? 0 : t.pattern(x) << amount;
  });
  expect_binary("shift-right-logical", [&](const IntegerType& t, Wide x, Wide amount) {
    return beyond(t, amount) ? 0 : t.pattern(x) >> amount;
  });
  expect_binary("shift-right-arithmetic", [&](const IntegerType& t, Wide x, Wide amount) {
    const Wide as_signed = t.pattern(x) >= t.modulus() / 2 ? t.pattern(x) - t.modulus() : t.pattern(x);
    return as_signed >> (beyond(t, amount) ? t.bits - 1 : static_cast<int>(amount));
  });
}

TEST(PointwiseInteger, Comparisons) {
  const std::map<std::string, std::function<bool(Wide, Wide)>> relations = {
      {"EQ", std::equal_to<>()},   {"NE", std::not_equal_to<>()}, {"LT", std::less<>()},
      {"LE", std::less_equal<>()}, {"GT", std::greater<>()},      {"GE", std::greater_equal<>()},
  };
  for (const DType dtype : kTypes) {
    const IntegerType type{dtype};
    for (const auto& [direction, relation] : relations) {
      std::vector<Wide> x;
      std::vector<Wide> y;
      for (Wide a : values_of(type)) {
        for (Wide b : values_of(type)) x.push_back(a), y.push_back(b);
      }
      const std::string size = "[" + std::to_string(x.size()) + "]";
      const std::string shape = std::string(name_of(dtype)) + size;
      const Literal z = run("  x = " + shape + " parameter(0)\n  y = " + shape + " parameter(1)\n  ROOT z = pred" +
                                size + " compare(x, y), direction=" + direction,
                            "", {array_of(dtype, x), array_of(dtype, y)});
      for (size_t i = 0; i < x.size(); ++i) {
        ASSERT_EQ(z.values<uint8_t>()[i] != 0, relation(x[i], y[i])) << shape << direction << number(x[i]);
      }
    }
  }
}

TEST(PointwiseInteger, Clamp) {
  EXPECT_EQ(apply("s32[4] clamp", {"s32[] -2", "s32[4] {-5, -2, 1, 9}", "s32[] 3"}), "{-2, -2, 1, 3}");
  EXPECT_EQ(apply("u8[2] clamp", {"u8[2] {1, 9}", "u8[2] {0, 10}", "u8[2] {5, 5}"}), "{1, 5}");
}

TEST(PointwiseInteger, Pred) {
  const std::string x = "pred[4] {false, false, true, true}";
  const std::string y = "pred[4] {false, true, false, true}";
  EXPECT_EQ(apply("pred[4] and", {x, y}), "{0, 0, 0, 1}");
  EXPECT_EQ(apply("pred[4] or", {x, y}), "{0, 1, 1, 1}");
  EXPECT_EQ(apply("pred[4] xor", {x, y}), "{0, 1, 1, 0}");
  EXPECT_EQ(apply("pred[4] add", {x, y}), "{0, 1, 1, 1}");
  EXPECT_EQ(apply("pred[4] multiply", {x, y}), "{0, 0, 0, 1}");
  EXPECT_EQ(apply("pred[4] maximum", {x, y}), "{0, 1, 1, 1}");
  EXPECT_EQ(apply("pred[4] minimum", {x, y}), "{0, 0, 0, 1}");
  EXPECT_EQ(apply("pred[4] not", {x}), "{1, 1, 0, 0}");
  EXPECT_EQ(apply("pred[4] compare", {x, y}, "direction=LT"), "{0, 1, 0, 0}");
}

TEST(PointwiseInteger, Select) {
  EXPECT_EQ(apply("s4[2] select", {"pred[2] {true, false}", "s4[2] {1, 2}", "s4[2] {-3, -4}"}), "{1, -4}");
  EXPECT_EQ(apply("u64[2] select", {"pred[] true", "u64[2] {1, 2}", "u64[2] {3, 4}"}), "{1, 2}");
  EXPECT_EQ(apply("c128[1] select", {"pred[1] {false}", "c128[1] {(1, 2)}", "c128[1] {(3, 4)}"}), "{(3, 4)}");
}

}  // namespace
}  // namespace gshard
