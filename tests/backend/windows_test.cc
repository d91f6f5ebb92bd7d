// reduce-window and select-and-scatter on the CPU backend against the evaluator.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "parse_verified.h"

namespace gshard {
namespace {

void put_nans(Literal& x) {
  if (x.shape().type() != DType::f32) return;
  size_t next = 0;
  for (float& element : x.mutable_values<float>()) {
    if (++next % 37 == 0) element = std::numeric_limits<float>::quiet_NaN();
  }
}

enum class Nans : uint8_t { none, some };
enum class By : uint8_t { backend, anyone };

void expect_equal(const std::string& text, Nans nans = Nans::none, By by = By::backend) {
  SCOPED_TRACE(text);
  const auto module = parse_verified(text);
  auto arguments = random_arguments(*module, 1, {Signs::both});
  if (nans == Nans::some) put_nans(arguments[0]);
  // The evaluator rounds narrow sums at every step.
  const double slack = module->entry()->root()->shape().is_tuple() || bits_of(arguments[0].shape().type()) > 16 ? 1 : 5;
  EXPECT_EQ(difference_from_evaluator(*module, arguments, slack), "");
  if (by == By::anyone) return;
  EXPECT_EQ(steps_of_the_evaluator(*module), "");
}

struct Dimension {
  int64_t n;
  int64_t size = 1;
  int64_t stride = 1;
  int64_t low = 0;
  int64_t high = 0;
  int64_t dilation = 1;
  int64_t outputs() const { return (n + low + high - (size - 1) * dilation - 1) / stride + 1; }
};

struct WindowCase {
  std::vector<Dimension> dims;
  const char* type = "f32";
  const char* reducer = "add";
  const char* start = "0";
};

std::string sizes_of(const WindowCase& c, bool is_output) {
  std::vector<int64_t> sizes;
  for (const Dimension& d : c.dims) sizes.push_back(is_output ? d.outputs() : d.n);
  return fmt::format("{}[{}]", c.type, fmt::join(sizes, ","));
}

std::string window_of(const WindowCase& c) {
  std::vector<std::string> size, stride, pad, dilation;
  for (const Dimension& d : c.dims) {
    size.push_back(std::to_string(d.size));
    stride.push_back(std::to_string(d.stride));
    pad.push_back(fmt::format("{}_{}", d.low, d.high));
    dilation.push_back(std::to_string(d.dilation));
  }
  return fmt::format("window={{size={} stride={} pad={} rhs_dilate={}}}", fmt::join(size, "x"), fmt::join(stride, "x"),
                     fmt::join(pad, "x"), fmt::join(dilation, "x"));
}

std::string text_of(const WindowCase& c) {
  return fmt::format(
      "HloModule m\nby {{\n a = {0}[] parameter(0)\n b = {0}[] parameter(1)\n ROOT r = {0}[] {1}(a, b)\n}}\n"
      "ENTRY e {{\n x = {2} parameter(0)\n start = {0}[] constant({3})\n"
      " ROOT w = {4} reduce-window(x, start), {5}, to_apply=by\n}}\n",
      c.type, c.reducer, sizes_of(c, false), c.start, sizes_of(c, true), window_of(c));
}

class Windows : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Types, Windows, testing::Values("s8", "s32", "bf16", "f32", "f64"),
                         [](const auto& info) { return info.param; });

TEST_P(Windows, Pooling) {
  const char* type = GetParam();
  for (const char* reducer : {"add", "maximum", "minimum", "multiply"}) {
    const char* start = std::string(reducer) == "multiply" ? "1" : "0";
    expect_equal(text_of({{{2}, {9, 3, 2, 1, 1}, {11, 2, 1, 0, 1}, {20}}, type, reducer, start}));
    expect_equal(text_of({{{3, 2}, {40, 5, 3, -1, -2}}, type, reducer, start}));
    expect_equal(text_of({{{30, 4, 1, 2, 5, 3}}, type, reducer, "2"}), Nans::none, By::anyone);
  }
}

TEST_P(Windows, Cumulative) {
  const char* type = GetParam();
  for (const char* reducer : {"add", "maximum", "minimum"}) {
    for (const Dimension& d :
         {Dimension{90, 90, 1, 89, 0}, {90, 90, 1, 0, 89}, {90, 90, 1, 90, -1}, {90, 200, 2, 150, 90}}) {
      expect_equal(text_of({{{3}, d}, type, reducer, "2"}));
      expect_equal(text_of({{d, {7}}, type, reducer}));
      expect_equal(text_of({{{40}, d, {2}}, type, reducer}));
    }
  }
}

TEST_P(Windows, Long) {
  const char* type = GetParam();
  for (const char* reducer : {"add", "maximum"}) {
    for (const Dimension& d :
         {Dimension{300, 70}, {300, 70, 3, 20, 90}, {300, 100, 100, 0, 0}, {300, 65, 7, -5, 100}}) {
      expect_equal(text_of({{{2}, d, {50}}, type, reducer, "3"}));
      expect_equal(text_of({{{40}, d}, type, reducer}));
      expect_equal(text_of({{{2}, d, {3, 2, 1, 0, 1}}, type, reducer}));
      expect_equal(text_of({{{90, 90, 1, 89, 0}, d}, type, reducer}));
    }
  }
}

TEST(Window, PassesNansOn) {
  for (const char* reducer : {"add", "maximum", "minimum"}) {
    expect_equal(text_of({{{2}, {30, 3, 2, 1, 1}, {20}}, "f32", reducer}), Nans::some);
    expect_equal(text_of({{{200, 100, 1, 20}, {7}}, "f32", reducer}), Nans::some);
    expect_equal(text_of({{{7}, {200, 200, 1, 199}}, "f32", reducer}), Nans::some);
  }
}

TEST(Window, OfLogic) {
  for (const char* type : {"pred", "u8", "s32"}) {
    for (const char* reducer : {"and", "or"}) {
      expect_equal(text_of({{{5}, {200, 200, 1, 199}}, type, reducer, std::string(type) == "pred" ? "true" : "1"}));
      expect_equal(text_of({{{5}, {60, 3, 1, 1, 1}}, type, reducer, std::string(type) == "pred" ? "false" : "0"}));
    }
  }
}

// Between the parts of a network: what makes the operand and what reads the result may stand in the same loops.
TEST(Window, AmongOtherOps) {
  expect_equal(R"(HloModule m

largest {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT r = f32[] maximum(a, b)
}

sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT r = f32[] add(a, b)
}

ENTRY e {
  x = f32[4,12,12,24] parameter(0)
  bias = f32[24] parameter(1)
  biases = f32[4,12,12,24] broadcast(bias), dimensions={3}
  y = f32[4,12,12,24] add(x, biases)
  zero = f32[] constant(0)
  zeros = f32[4,12,12,24] broadcast(zero), dimensions={}
  relu = f32[4,12,12,24] maximum(y, zeros)
  least = f32[] constant(-inf)
  pooled = f32[4,6,6,24] reduce-window(relu, least), window={size=1x3x3x1 stride=1x2x2x1 pad=0_0x0_1x0_1x0_0}, to_apply=largest
  squares = f32[4,6,6,24] multiply(pooled, pooled)
  means = f32[4,24] reduce(squares, zero), dimensions={1,2}, to_apply=sum
  ROOT result = (f32[4,6,6,24], f32[4,24]) tuple(pooled, means)
}
)");
}

TEST(Window, OfPairs) {
  expect_equal(R"(HloModule m

larger {
  a = f32[] parameter(0)
  i = s32[] parameter(1)
  b = f32[] parameter(2)
  j = s32[] parameter(3)
  keeps = pred[] compare(a, b), direction=GE
  x = f32[] select(keeps, a, b)
  y = s32[] select(keeps, i, j)
  ROOT r = (f32[], s32[]) tuple(x, y)
}

ENTRY e {
  x = f32[6,40] parameter(0)
  i = s32[6,40] iota(), iota_dimension=1
  least = f32[] constant(-inf)
  none = s32[] constant(-1)
  w = (f32[6,19], s32[6,19]) reduce-window(x, i, least, none), window={size=1x3 stride=1x2}, to_apply=larger
  values = f32[6,19] get-tuple-element(w), index=0
  places = s32[6,19] get-tuple-element(w), index=1
  ROOT r = (f32[6,19], s32[6,19]) tuple(values, places)
}
)");
}

std::string select_text(const WindowCase& c, const std::string& direction, const std::string& reducer) {
  return fmt::format(
      "HloModule m\nchoose {{\n a = {0}[] parameter(0)\n b = {0}[] parameter(1)\n"
      " ROOT r = pred[] compare(a, b), direction={1}\n}}\n"
      "by {{\n a = {0}[] parameter(0)\n b = {0}[] parameter(1)\n ROOT r = {0}[] {2}(a, b)\n}}\n"
      "ENTRY e {{\n x = {3} parameter(0)\n y = {4} parameter(1)\n start = {0}[] constant({5})\n"
      " ROOT w = {3} select-and-scatter(x, y, start), {6}, select=choose, scatter=by\n}}\n",
      c.type, direction, reducer, sizes_of(c, false), sizes_of(c, true), c.start, window_of(c));
}

TEST_P(Windows, SelectAndScatter) {
  for (const char* direction : {"GE", "GT", "LE", "LT"}) {
    for (const char* reducer : {"add", "maximum"}) {
      WindowCase c{{{3}, {13, 3, 2, 1, 1}, {10, 3, 2, 0, 1}, {70}}, GetParam(), reducer, "0"};
      expect_equal(select_text(c, direction, reducer));
      c.dims = {{40, 5, 2, 4, 4}};
      c.start = "2";
      expect_equal(select_text(c, direction, reducer));
      c.dims = {{6, 2, 2}, {5}, {9, 2, 3, 1, 1}, {3}};
      expect_equal(select_text(c, direction, reducer));
    }
  }
}

TEST(Window, ThatChoosesAmongNans) {
  for (const char* direction : {"GE", "LT"}) {
    expect_equal(select_text({{{3}, {13, 3, 2, 1, 1}, {10, 3, 2, 0, 1}, {7}}}, direction, "add"), Nans::some);
  }
}

TEST(Window, Random) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    std::mt19937_64 random(seed);
    const auto from = [&](int64_t low, int64_t high) {
      return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
    };
    WindowCase c;
    for (int64_t rank = from(1, 3); rank > 0; --rank) {
      Dimension d{from(1, 40)};
      if (from(0, 2) > 0)
        d = {d.n, from(1, from(0, 1) == 0 ? 4 : 60), from(1, 3), from(-3, 20), from(-3, 20), from(1, 2)};
      if (d.n + d.low + d.high < (d.size - 1) * d.dilation + 1) d = {d.n};
      c.dims.push_back(d);
    }
    constexpr const char* kTypes[] = {"f32", "bf16", "s32"};
    constexpr const char* kReducers[] = {"add", "maximum", "minimum"};
    c.type = kTypes[from(0, 2)];
    c.reducer = kReducers[from(0, 2)];
    c.start = from(0, 3) == 0 ? "2" : "0";
    expect_equal(text_of(c), Nans::none, By::anyone);
  }
}

}  // namespace
}  // namespace gshard
