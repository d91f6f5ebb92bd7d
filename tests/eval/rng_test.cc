// Random bits against what XLA 0.10's CPU client gives for the same state, and the stream of `rng`.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/small_float.h"
#include "eval/elements.h"
#include "run_text.h"

namespace gshard {
namespace {

struct Golden {
  std::string algorithm;
  std::string type;
  std::string dims;
  size_t state_size;
  std::vector<uint64_t> state_after;
  std::vector<uint64_t> bits;
};

// The counter starts at its highest value, so that it runs over.
const std::vector<uint64_t> kState = {0x1234567890abcdef, ~uint64_t{0}, 5};

const std::vector<Golden> kGolden = {
    {"rng_default",
     "u32",
     "6",
     2,
     {kState[0], 1},
     {1071378773, 931530424, 4244548240, 3661923330, 2590213835, 3593487232}},
    {"rng_philox", "u32", "5", 3, {kState[0], 1, 6}, {2624265556, 1535325289, 159895556, 3878794924, 1144841679}},
    {"rng_philox", "u64", "3", 2, {kState[0], 1}, {4000892707380392277U, 15727840947053963920U, 15433910142623778507U}},
    {"rng_philox", "u16", "5", 2, {kState[0], 1}, {61781, 1720, 43664, 33794, 34507}},
    {"rng_philox", "u8", "4", 3, {kState[0], 0, 6}, {84, 105, 4, 172}},
    {"rng_philox", "u4", "4", 2, {kState[0], 0}, {5, 8, 0, 2}},
    {"rng_three_fry", "u32", "4", 2, {kState[0], 1}, {1694148129, 3120065187, 314648704, 1319844971}},
    {"rng_three_fry", "u32", "5", 2, {kState[0], 2}, {1694148129, 3120065187, 314648704, 1319844971, 4286925907}},
    {"rng_three_fry",
     "u32",
     "2,3",
     2,
     {kState[0], 2},
     {1694148129, 314648704, 4286925907, 3120065187, 1319844971, 1343584}},
    {"rng_three_fry",
     "u32",
     "3,3",
     2,
     {kState[0], 5},
     {1694148129, 314648704, 4286925907, 3120065187, 1319844971, 1343584, 1814508805, 2375214461, 817778982}},
    {"rng_three_fry",
     "u32",
     "3,5,1",
     2,
     {kState[0], 8},
     {1694148129, 3120065187, 314648704, 1319844971, 4286925907, 1814508805, 3113210990, 2375214461, 3444214543,
      817778982, 954900450, 1328455069, 377580854, 3581095864, 2641875549}},
    {"rng_three_fry", "u32", "3,4,2", 2, {kState[0], 11}, {1694148129, 314648704,  3120065187, 1319844971, 4286925907,
                                                           1814508805, 1343584,    3113210990, 2375214461, 817778982,
                                                           3444214543, 2975882982, 954900450,  377580854,  1328455069,
                                                           3581095864, 2641875549, 776651109,  2609276311, 3025326802,
                                                           4051323574, 1685560799, 2473967264, 796605274}},
    {"rng_three_fry", "u64", "3", 2, {kState[0], 2}, {13400577941247272481U, 5668690986549717120U, 5770653626354771U}},
    {"rng_three_fry", "u16", "3,2", 2, {kState[0], 2}, {42529, 27299, 10368, 15467, 19539, 32864}},
    {"rng_three_fry", "u8", "5", 2, {kState[0], 2}, {33, 163, 128, 107, 83}},
    {"rng_three_fry", "u32", "", 2, {kState[0], 0}, {1694148129}},
};

std::vector<uint64_t> numbers_of(const Literal& x) {
  const Literal wide = convert_elements(x, DType::u64);
  return {wide.values<uint64_t>().begin(), wide.values<uint64_t>().end()};
}

TEST(RngBitGenerator, GivesTheBitsOfXla) {
  for (const Golden& golden : kGolden) {
    const std::string state = "u64[" + std::to_string(golden.state_size) + "]";
    const Literal result = run("  s = " + state + " parameter(0)\n  ROOT r = (" + state + ", " + golden.type + "[" +
                                   golden.dims + "]) rng-bit-generator(s), algorithm=" + golden.algorithm,
                               "",
                               {literal_of<uint64_t>(Shape(DType::u64, {static_cast<int64_t>(golden.state_size)}),
                                                     {kState.begin(), kState.begin() + 3})});
    EXPECT_EQ(numbers_of(result.elements()[0]), golden.state_after) << golden.algorithm << golden.type << golden.dims;
    EXPECT_EQ(numbers_of(result.elements()[1]), golden.bits) << golden.algorithm << golden.type << golden.dims;
  }
}

// Floats are the same bits, not numbers made of them.
TEST(RngBitGenerator, MayGiveTheBitsAlone) {
  const std::string state = "  s = u64[2] constant({1, 2})\n";
  EXPECT_EQ(value_of(state + "  ROOT b = u32[3] rng-bit-generator(s), algorithm=rng_philox"),
            value_of(state + "  r = (u64[2], u32[3]) rng-bit-generator(s), algorithm=rng_philox\n"
                             "  ROOT b = u32[3] get-tuple-element(r), index=1"));
}

TEST(RngBitGenerator, FloatsAreRawBits) {
  const Literal state = literal_of<uint64_t>(Shape(DType::u64, {2}), {1, 2});
  const auto bits = [&](const std::string& type) {
    return run("  s = u64[2] parameter(0)\n  ROOT r = (u64[2], " + type +
                   "[8]) rng-bit-generator(s), algorithm=rng_philox",
               "", {state})
        .elements()[1];
  };
  EXPECT_EQ(bits("f32").reinterpreted(Shape(DType::u32, {8})), bits("u32"));
  EXPECT_EQ(bits("bf16").reinterpreted(Shape(DType::u16, {8})), bits("u16"));
}

std::vector<float> uniform(const std::string& type, const std::string& low, const std::string& high, uint64_t seed) {
  EvaluateOptions options;
  options.seed = seed;
  const Literal x = run("  a = " + type + "[] constant(" + low + ")\n  b = " + type + "[] constant(" + high +
                            ")\n  ROOT r = " + type + "[10000] rng(a, b), distribution=rng_uniform",
                        "", {}, options);
  const Literal wide = convert_elements(x, DType::f32);
  return {wide.values<float>().begin(), wide.values<float>().end()};
}

TEST(Rng, UniformFillsTheHalfOpenInterval) {
  for (const std::string type : {"f32", "f64", "bf16", "f16"}) {
    const std::vector<float> x = uniform(type, "-1", "3", 1);
    double sum = 0;
    for (const float value : x) {
      ASSERT_GE(value, -1) << type;
      ASSERT_LT(value, 3) << type;
      sum += value;
    }
    EXPECT_NEAR(sum / 10000, 1, 0.1) << type;
  }
  for (const std::string type : {"s32", "s8", "u64"}) {
    std::vector<int> counts(5);
    for (const float value : uniform(type, "3", "8", 1)) ++counts[static_cast<size_t>(value) - 3];
    for (const int count : counts) EXPECT_NEAR(count, 2000, 300) << type;
  }
}

// The numbers next to the upper end are drawn as often as others, and the end itself never.
TEST(Rng, UniformComesNearTheUpperEnd) {
  struct Interval {
    std::string type;
    std::string low;
    std::string high;
    float below;  // the largest number of the type below `high`
  };
  const std::vector<Interval> intervals = {
      {"bf16", "0", "1", 1 - 0x1p-8F},     {"f16", "0", "0.0001", 0x1.a34p-14F}, {"f8e5m2", "0", "1", 0.875F},
      {"f8e4m3fn", "-3", "5", 4.5F},       {"f8e4m3fnuz", "-1", "0", -0x1p-10F}, {"f8e5m2", "-4", "-1", -1.25F},
      {"f4e2m1fn", "-1.5", "3", 2},
  };
  for (const auto& [type, low, high, below] : intervals) {
    const std::vector<float> x = uniform(type, low, high, 1);
    EXPECT_EQ(*std::max_element(x.begin(), x.end()), below) << type;
  }
}

TEST(Rng, NormalHasItsMeanAndDeviation) {
  const Literal x =
      run("  m = f64[] constant(2)\n  s = f64[] constant(0.5)\n"
          "  ROOT r = f64[100,100] rng(m, s), distribution=rng_normal");
  double sum = 0;
  double squares = 0;
  for (const double value : x.values<double>()) sum += value, squares += (value - 2) * (value - 2);
  EXPECT_NEAR(sum / 10000, 2, 0.03);
  EXPECT_NEAR(std::sqrt(squares / 10000), 0.5, 0.02);
}

TEST(Rng, DependsOnSeedAndOrderOnly) {
  EXPECT_EQ(uniform("f32", "0", "1", 7), uniform("f32", "0", "1", 7));
  EXPECT_NE(uniform("f32", "0", "1", 7), uniform("f32", "0", "1", 8));
  const Literal two = run(R"(
  a = f32[] constant(0)
  b = f32[] constant(1)
  x = f32[4] rng(a, b), distribution=rng_uniform
  y = f32[4] rng(a, b), distribution=rng_uniform
  ROOT t = (f32[4], f32[4]) tuple(x, y))");
  EXPECT_FALSE(two.elements()[0] == two.elements()[1]);
}

TEST(Rng, StateAdvancesByItsDelta) {
  const Literal states = run(R"(
  x = u64[2] rng-get-and-update-state(), delta=5
  y = u64[2] rng-get-and-update-state(), delta=1
  ROOT t = (u64[2], u64[2]) tuple(x, y))");
  EXPECT_EQ(states.elements()[1].values<uint64_t>()[0], states.elements()[0].values<uint64_t>()[0] + 5);
}

}  // namespace
}  // namespace gshard
