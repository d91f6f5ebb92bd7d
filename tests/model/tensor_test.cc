#include "model/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "eval/arguments.h"
#include "run.h"

namespace gshard {
namespace {

using testing::ElementsAre;

std::vector<double> on(const std::vector<Literal>& arguments, const std::function<Tensor(Values)>& f) {
  return elements_of(run(arguments, [&](Computation&, Values x) { return f(x); }));
}

const Literal kRow = doubles({3}, {1, 2, 3});
const Literal kMatrix = doubles({2, 3}, {1, 5, 2, 6, 3, 6});

TEST(Tensor, OperatorsRepeatDimensionsAsNumpyDoes) {
  EXPECT_THAT(on({kMatrix, kRow}, [](Values x) { return x[0] + x[1]; }), ElementsAre(2, 7, 5, 7, 5, 9));
  EXPECT_THAT(on({kMatrix, kRow}, [](Values x) { return x[1] - x[0]; }), ElementsAre(0, -3, 1, -5, -1, -3));
  EXPECT_THAT(on({kRow}, [](Values x) { return expand_dims(x[0], 1) * x[0]; }), ElementsAre(1, 2, 3, 2, 4, 6, 3, 6, 9));
  EXPECT_THAT(on({kRow}, [](Values x) { return -(6 / x[0]) + 1; }), ElementsAre(-5, -2, -1));
}

TEST(Tensor, ComparesAndChooses) {
  EXPECT_THAT(on({kRow}, [](Values x) { return (x[0] < 3) & (x[0] >= 2); }), ElementsAre(0, 1, 0));
  EXPECT_THAT(on({kRow}, [](Values x) { return (!equal(x[0], 2)) | (x[0] > 5); }), ElementsAre(1, 0, 1));
  EXPECT_THAT(on({kMatrix, kRow}, [](Values x) { return where(x[1] <= 2, x[0], -1); }),
              ElementsAre(1, 5, -1, 6, 3, -1));
  EXPECT_THAT(on({kMatrix, kRow}, [](Values x) { return where(x[0] > 2, 0, x[1]); }), ElementsAre(1, 0, 3, 0, 0, 0));
}

TEST(Tensor, ReducesDimensionsCountedFromEitherEnd) {
  EXPECT_THAT(on({kMatrix}, [](Values x) { return sum(x[0], {0}); }), ElementsAre(7, 8, 8));
  EXPECT_THAT(on({kMatrix}, [](Values x) { return max(x[0], {-1}); }), ElementsAre(5, 6));
  EXPECT_THAT(on({kMatrix}, [](Values x) { return min(x[0], {-1, 0}); }), ElementsAre(1));
  EXPECT_THAT(on({kRow}, [](Values x) { return x[0] - mean(x[0], {0}, Keep::dims); }), ElementsAre(-1, 0, 1));
  EXPECT_THAT(on({kMatrix}, [](Values x) { return mean(x[0]) + sum(x[0]) * 0; }), ElementsAre(23.0 / 6));
}

TEST(Tensor, LargestElementsComeInOrderAndTiesByPlace) {
  EXPECT_THAT(on({kMatrix}, [](Values x) { return argmax(x[0], 1); }), ElementsAre(1, 0));
  EXPECT_THAT(on({kMatrix}, [](Values x) { return argmax(x[0], 0); }), ElementsAre(1, 0, 1));
  EXPECT_THAT(on({kMatrix}, [](Values x) { return top_k(x[0], 3).values; }), ElementsAre(5, 2, 1, 6, 6, 3));
  EXPECT_THAT(on({kMatrix}, [](Values x) { return top_k(x[0], 3).indices; }), ElementsAre(1, 2, 0, 0, 2, 1));
  EXPECT_THAT(on({integers({4}, {3, -7, INT32_MIN, 3})}, [](Values x) { return top_k(x[0], 4).indices; }),
              ElementsAre(0, 3, 1, 2));
  const Literal low = doubles({3}, {-HUGE_VAL, -HUGE_VAL, 1});
  EXPECT_THAT(on({low}, [](Values x) { return top_k(x[0], 3).indices; }), ElementsAre(2, 0, 1));
}

TEST(Tensor, AddsUpAlongADimension) {
  EXPECT_THAT(on({kMatrix}, [](Values x) { return cumsum(x[0], 1); }), ElementsAre(1, 6, 8, 6, 9, 15));
  EXPECT_THAT(on({kMatrix}, [](Values x) { return cumsum(x[0], -1, Running::exclusive); }),
              ElementsAre(0, 1, 6, 0, 6, 9));
  EXPECT_THAT(on({kMatrix}, [](Values x) { return cumsum(x[0], 0); }), ElementsAre(1, 5, 2, 7, 8, 8));
}

TEST(Tensor, OneHotOfNoPlaceIsZero) {
  EXPECT_THAT(on({integers({3}, {1, -1, 2})}, [](Values x) { return one_hot(x[0], 2, DType::f32); }),
              ElementsAre(0, 1, 0, 0, 0, 0));
}

// Neither their sums nor the number of their elements are f16.
TEST(Tensor, MeansOfNarrowTypes) {
  const auto mean_of = [](int64_t count, double value) {
    const Literal x = convert_leaves(doubles({count}, std::vector<double>(static_cast<size_t>(count), value)),
                                     Shape(DType::f16, {count}));
    return on({x}, [](Values x) { return mean(x[0]); });
  };
  EXPECT_THAT(mean_of(4000, 100), ElementsAre(100));
  EXPECT_THAT(mean_of(70000, 0.5), ElementsAre(0.5));
}

TEST(Tensor, OneHotOfMorePlacesThanTheTypeOfIndicesCounts) {
  for (const DType type : {DType::u8, DType::s8}) {
    const Literal five = convert_leaves(integers({1}, {5}), Shape(type, {1}));
    const std::vector<double> found = on({five}, [](Values x) { return one_hot(x[0], 600, DType::f32); });
    EXPECT_EQ(found[5], 1);
    EXPECT_EQ(std::count(found.begin(), found.end(), 1), 1);
  }
}

TEST(Tensor, ErrorsNameSizesAndTheLineOfTheModel) {
  Module module("test");
  define_entry(module, "main", {Shape(DType::f32, {2, 3}), Shape(DType::f32, {4})}, [&](Computation&, Values x) {
    EXPECT_EQ(error_of([&] { x[0] + x[1]; }), "operator +: sizes of f32[2,3] and f32[4] differ");
    EXPECT_EQ(error_of([&] { sum(x[0], {2}); }), "sum: dimension 2 of 2");
    EXPECT_EQ(error_of([&] { top_k(x[1], 5); }), "top_k: 5 largest of f32[4]");
    EXPECT_EQ(error_of([&] { x[1] * Tensor(); }), "operator: a tensor of nothing");
    EXPECT_EQ(error_of([&] { where({}, x[1], 0); }), "where: a condition of nothing");
    EXPECT_EQ(error_of([&] { one_hot(x[1], 4, DType::f32); }),
              "one_hot: 4 places, at indices f32[4]; must be integers");
    EXPECT_EQ(error_of([&] { x[1] * convert(x[1], DType::bf16); }),
              "operator *: f32[4] and bf16[4] are of two types; convert() one of them");
    try {
      x[0] / x[1];
    } catch (const Error& error) {
      EXPECT_EQ(error.position()->line, __LINE__ - 2);
    }
    return x[0];
  });
}

}  // namespace
}  // namespace gshard
