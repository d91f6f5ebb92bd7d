// Each test is a module in which a parameter is used in one way, and what that asks of its values.
#include "eval/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/small_float.h"
#include "eval/value_use.h"
#include "text/parse.h"

namespace gshard {
namespace {

std::unique_ptr<Module> module_of(const std::string& entry, const std::string& computations = "") {
  return parse_module("HloModule m\n" + computations + "\nENTRY main {\n" + entry + "\n}\n");
}

ValueUse use_of(const Module& module, size_t parameter = 0, size_t leaf = 0) {
  return parameter_uses(module)[parameter][leaf];
}

template <class T>
std::vector<T> values_of(const Module& module, size_t parameter = 0, ArgumentOptions options = {}) {
  const auto arguments = random_arguments(module, 1, options);
  const std::span<const T> values = arguments[parameter].values<T>();
  return {values.begin(), values.end()};
}

template <class T>
std::pair<T, T> range_of(const std::vector<T>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, *high};
}

// ---- floats -------------------------------------------------------------------------------------------------------

TEST(Arguments, FloatsArePositiveAndAboutOne) {
  const auto module = module_of("  ROOT x = f32[1000] parameter(0)");
  const auto [low, high] = range_of(values_of<float>(*module));
  EXPECT_GE(low, 0.5F);
  EXPECT_LE(high, 1.5F);
  EXPECT_LT(low, 0.52F);
  EXPECT_GT(high, 1.48F);
}

TEST(Arguments, FloatsAreSignedWhereAsked) {
  const auto module = module_of("  ROOT x = f64[1000] parameter(0)");
  const auto values = values_of<double>(*module, 0, {Signs::both});
  const auto negative = std::count_if(values.begin(), values.end(), [](double x) { return x < 0; });
  EXPECT_NEAR(static_cast<double>(negative), 500, 100);
  for (double x : values) EXPECT_GE(std::abs(x), 0.5);
}

TEST(Arguments, OperandsOfADotAreDividedByTheRootOfTheFanIn) {
  const auto module = module_of(R"(
  x = f32[8,16,4] parameter(0)
  w = bf16[16,4,100] parameter(1)
  b = f32[100] parameter(2)
  wide = f32[16,4,100] convert(w)
  y = f32[8,100] dot(x, wide), lhs_contracting_dims={1,2}, rhs_contracting_dims={0,1}
  bias = f32[8,100] broadcast(b), dimensions={1}
  ROOT z = f32[8,100] add(y, bias))");
  EXPECT_EQ(use_of(*module, 0).fan_in, 64);
  EXPECT_EQ(use_of(*module, 1).fan_in, 64);
  EXPECT_EQ(use_of(*module, 2).fan_in, 1);
  const auto [low, high] = range_of(values_of<float>(*module));
  EXPECT_GE(low, 0.5F / 8);
  EXPECT_LE(high, 1.5F / 8);
  for (BF16 x : values_of<BF16>(*module, 1)) EXPECT_LE(static_cast<float>(x), 1.5F / 8);
}

TEST(Arguments, TheFanInOfAConvolutionIsItsWindowTimesItsInputFeatures) {
  const auto module = module_of(R"(
  x = f32[2,8,8,3] parameter(0)
  k = f32[5,5,3,16] parameter(1)
  ROOT y = f32[2,4,4,16] convolution(x, k), window={size=5x5}, dim_labels=b01f_01io->b01f)");
  EXPECT_EQ(use_of(*module, 0).fan_in, 75);
  EXPECT_EQ(use_of(*module, 1).fan_in, 75);
}

TEST(Arguments, FunctionsWithDomainsGetValuesOfThem) {
  const auto module = module_of(R"(
  x = f32[100] parameter(0)
  y = f32[100] parameter(1)
  rate = f32[] parameter(2)
  one = f32[] constant(1)
  a = f32[100] atanh(x)
  b = f32[100] acosh(y)
  keep = f32[] subtract(one, rate)
  ROOT t = (f32[100], f32[100], f32[]) tuple(a, b, keep))");
  EXPECT_LE(range_of(values_of<float>(*module, 0)).second, 1.0F);
  EXPECT_GE(range_of(values_of<float>(*module, 1)).first, 1.0F);
  EXPECT_TRUE(use_of(*module, 2).below_one);
}

TEST(Arguments, ComplexNumbersHaveBothParts) {
  const auto module = module_of("  ROOT x = c64[100] parameter(0)");
  for (const auto& x : values_of<std::complex<float>>(*module)) {
    EXPECT_GE(x.real(), 0.5F);
    EXPECT_GE(x.imag(), 0.5F);
  }
}

// ---- integers -----------------------------------------------------------------------------------------------------

TEST(Arguments, IntegersWithoutAUseAreSmall) {
  const auto module = module_of("  ROOT x = s64[1000] parameter(0)");
  EXPECT_EQ(range_of(values_of<int64_t>(*module)), (std::pair<int64_t, int64_t>(0, 3)));
}

constexpr const char* kTake = R"(
  table = f32[100,8] parameter(0)
  ids = s32[1000] parameter(1)
  zero = s32[] constant(0)
  zeros = s32[1000] broadcast(zero), dimensions={}
  negative = pred[1000] compare(ids, zeros), direction=LT
  size = s32[] constant(100)
  sizes = s32[1000] broadcast(size), dimensions={}
  wrapped = s32[1000] add(ids, sizes)
  index = s32[1000] select(negative, wrapped, ids)
  column = s32[1000,1] reshape(index)
  ROOT rows = f32[1000,8] gather(table, column), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,8})";

TEST(Arguments, GatheredPositionsLieInTheTable) {
  const auto module = module_of(kTake);
  EXPECT_EQ(range_of(values_of<int32_t>(*module, 1)), (std::pair<int32_t, int32_t>(0, 99)));
}

TEST(Arguments, ComponentsOfAnIndexVectorHaveTheirOwnLimits) {
  const auto module = module_of(R"(
  x = f32[7,50] parameter(0)
  i = s32[200,1] parameter(1)
  j = s32[200,1] parameter(2)
  ij = s32[200,2] concatenate(i, j), dimensions={1}
  ROOT y = f32[200,3] gather(x, ij), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0,1}, index_vector_dim=1, slice_sizes={1,3})");
  EXPECT_EQ(use_of(*module, 1).limit, 7);
  EXPECT_EQ(use_of(*module, 2).limit, 48);
}

TEST(Arguments, StartsOfSlicesFit) {
  const auto module = module_of(R"(
  x = f32[32,10] parameter(0)
  i = s32[] parameter(1)
  j = s32[] parameter(2)
  a = f32[1,8] dynamic-slice(x, i, j), dynamic_slice_sizes={1,8}
  k = s32[] parameter(3)
  zero = s32[] constant(0)
  ROOT b = f32[32,10] dynamic-update-slice(x, a, k, zero))");
  EXPECT_EQ(use_of(*module, 1).limit, 32);
  EXPECT_EQ(use_of(*module, 2).limit, 3);
  EXPECT_EQ(use_of(*module, 3).limit, 32);
}

TEST(Arguments, LabelsAreAmongTheClassesAndLengthsNotZero) {
  const auto module = module_of(R"(
  labels = s32[64] parameter(0)
  length = s32[] parameter(1)
  classes = s32[64,10] iota(), iota_dimension=1
  spread = s32[64,10] broadcast(labels), dimensions={0}
  hot = pred[64,10] compare(spread, classes), direction=EQ
  lengths = s32[64,10] broadcast(length), dimensions={}
  mask = pred[64,10] compare(classes, lengths), direction=LT
  ROOT both = pred[64,10] and(hot, mask))");
  EXPECT_EQ(range_of(values_of<int32_t>(*module)), (std::pair<int32_t, int32_t>(0, 9)));
  EXPECT_EQ(use_of(*module, 1).limit, 10);
  EXPECT_EQ(use_of(*module, 1).low, 1);
}

TEST(Arguments, DivisorsAreNotZero) {
  const auto module = module_of(R"(
  n = s32[100] parameter(0)
  x = f32[100] parameter(1)
  f = f32[100] convert(n)
  ROOT y = f32[100] divide(x, f))");
  EXPECT_GE(range_of(values_of<int32_t>(*module)).first, 1);
}

TEST(Arguments, StridesShrinkTheRange) {
  const auto module = module_of(R"(
  x = f32[64] parameter(0)
  i = s32[] parameter(1)
  eight = s32[] constant(8)
  start = s32[] multiply(i, eight)
  ROOT y = f32[8] dynamic-slice(x, start), dynamic_slice_sizes={8})");
  EXPECT_EQ(use_of(*module, 1).limit, 7);
}

std::string scatter(const std::string& promises) {
  return R"(
  x = f32[100] parameter(0)
  i = s32[60] parameter(1)
  u = f32[60] parameter(2)
  column = s32[60,1] reshape(i)
  ROOT y = f32[100] scatter(x, column, u), update_window_dims={}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, )" +
         promises + "to_apply=second";
}
constexpr const char* kSecond = "second {\n  a = f32[] parameter(0)\n  ROOT b = f32[] parameter(1)\n}\n";

TEST(Arguments, PromisesOfAScatterAreKept) {
  const auto both = module_of(scatter("indices_are_sorted=true, unique_indices=true, "), kSecond);
  auto values = values_of<int32_t>(*both, 1);
  EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
  EXPECT_EQ(std::set<int32_t>(values.begin(), values.end()).size(), 60);
  EXPECT_LT(values.back(), 100);

  values = values_of<int32_t>(*module_of(scatter("unique_indices=true, "), kSecond), 1);
  EXPECT_FALSE(std::is_sorted(values.begin(), values.end()));
  EXPECT_EQ(std::set<int32_t>(values.begin(), values.end()).size(), 60);

  values = values_of<int32_t>(*module_of(scatter("indices_are_sorted=true, "), kSecond), 1);
  EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
  EXPECT_LT(std::set<int32_t>(values.begin(), values.end()).size(), 60);
}

TEST(Arguments, RowsOfIndicesAreSortedAndUniqueAsRows) {
  const auto module = module_of(R"(
  x = f32[9,5] parameter(0)
  i = s32[40,2] parameter(1)
  u = f32[40] parameter(2)
  ROOT y = f32[9,5] scatter(x, i, u), update_window_dims={}, inserted_window_dims={0,1}, scatter_dims_to_operand_dims={0,1}, index_vector_dim=1, indices_are_sorted=true, unique_indices=true, to_apply=second)",
                                kSecond);
  EXPECT_EQ(use_of(*module, 1).limit, 5);
  // 40 different rows of two numbers below 5 there are not: they are sorted at least.
  const auto values = values_of<int32_t>(*module, 1);
  std::vector<std::pair<int32_t, int32_t>> rows;
  for (size_t i = 0; i < values.size(); i += 2) rows.emplace_back(values[i], values[i + 1]);
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
}

TEST(Arguments, GroupSizesFitTheRaggedDimension) {
  const auto module = module_of(R"(
  x = f32[30,8] parameter(0)
  w = f32[4,8,5] parameter(1)
  sizes = s32[4] parameter(2)
  ROOT y = f32[30,5] ragged-dot(x, w, sizes), lhs_contracting_dims={1}, rhs_contracting_dims={1}, lhs_ragged_dims={0}, rhs_group_dims={0})");
  EXPECT_EQ(use_of(*module, 2).limit, 8);
  EXPECT_EQ(use_of(*module, 0).fan_in, 8);
}

TEST(Arguments, TheSelectorOfAConditionalIsABranch) {
  const auto module = module_of(R"(
  i = s32[] parameter(0)
  x = f32[4] parameter(1)
  ROOT y = f32[4] conditional(i, x, x, x), branch_computations={same, same, same})",
                                "same {\n  ROOT v = f32[4] parameter(0)\n}\n");
  EXPECT_EQ(use_of(*module, 0).limit, 3);
}

TEST(Arguments, KeysAndStatesAreRandomBits) {
  const auto module = module_of(R"(
  key = u32[2] parameter(0)
  state = u64[3] parameter(1)
  seed = u32[] parameter(2)
  thirteen = u32[] constant(13)
  hashed = u32[] shift-left(seed, thirteen)
  count = u32[8] parameter(3)
  ROOT t = (u32[2], u64[3], u32[], u32[8]) tuple(key, state, hashed, count))");
  EXPECT_GT(range_of(values_of<uint32_t>(*module, 0)).second, 1000);
  EXPECT_GT(range_of(values_of<uint64_t>(*module, 1)).second, uint64_t{1} << 40);
  EXPECT_GT(values_of<uint32_t>(*module, 2)[0], 1000);
  EXPECT_LT(range_of(values_of<uint32_t>(*module, 3)).second, 4);
}

TEST(Arguments, PredicatesAreCoins) {
  const auto values = values_of<uint8_t>(*module_of("  ROOT x = pred[1000] parameter(0)"));
  EXPECT_NEAR(static_cast<double>(std::count(values.begin(), values.end(), 1)), 500, 100);
  EXPECT_EQ(range_of(values), (std::pair<uint8_t, uint8_t>(0, 1)));
}

TEST(Arguments, NarrowIntegersStayInTheirType) {
  const auto module = module_of(R"(
  table = f32[1000,8] parameter(0)
  ids = s4[64,1] parameter(1)
  wide = s32[64,1] convert(ids)
  bits = u4[64] parameter(2)
  ROOT rows = f32[64,8] gather(table, wide), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,8})");
  EXPECT_EQ(range_of(values_of<int8_t>(*module, 1)), (std::pair<int8_t, int8_t>(0, 7)));
  EXPECT_EQ(range_of(values_of<uint8_t>(*module, 2)), (std::pair<uint8_t, uint8_t>(0, 3)));
}

// ---- through computations -----------------------------------------------------------------------------------------

TEST(Arguments, UsesInCalledComputationsCount) {
  const auto module = module_of(R"(
  table = f32[100,8] parameter(0)
  pair = (s32[4], s32[4]) parameter(1)
  ids = s32[4] get-tuple-element(pair), index=1
  ROOT y = f32[4,8] call(table, ids), to_apply=take)",
                                R"(take {
  table = f32[100,8] parameter(0)
  ids = s32[4] parameter(1)
  column = s32[4,1] reshape(ids)
  ROOT rows = f32[4,8] gather(table, column), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,8}
}
)");
  EXPECT_EQ(use_of(*module, 1, 0).limit, ValueUse::kNoLimit);
  EXPECT_EQ(use_of(*module, 1, 1).limit, 100);
}

TEST(Arguments, UsesOfTheResultOfACalledComputationCount) {
  const auto module = module_of(R"(
  x = f32[50] parameter(0)
  i = s32[] parameter(1)
  j = s32[] call(i), to_apply=same
  ROOT y = f32[1] dynamic-slice(x, j), dynamic_slice_sizes={1})",
                                "same {\n  v = s32[] parameter(0)\n  ROOT c = s32[] copy(v)\n}\n");
  EXPECT_EQ(use_of(*module, 1).limit, 50);
}

TEST(Arguments, LoopsPassUsesFromOneIterationToTheNext) {
  // `second` becomes `first` in the next iteration, and only there indexes.
  const auto module = module_of(R"(
  first = s32[] parameter(0)
  second = s32[] parameter(1)
  x = f32[40,8] parameter(2)
  w = f32[8,8] parameter(3)
  zero = s32[] constant(0)
  start = (s32[], s32[], s32[], f32[40,8], f32[8,8]) tuple(zero, first, second, x, w)
  ROOT end = (s32[], s32[], s32[], f32[40,8], f32[8,8]) while(start), condition=more, body=step)",
                                R"(more {
  state = (s32[], s32[], s32[], f32[40,8], f32[8,8]) parameter(0)
  i = s32[] get-tuple-element(state), index=0
  three = s32[] constant(3)
  ROOT less = pred[] compare(i, three), direction=LT
}
step {
  state = (s32[], s32[], s32[], f32[40,8], f32[8,8]) parameter(0)
  i = s32[] get-tuple-element(state), index=0
  a = s32[] get-tuple-element(state), index=1
  b = s32[] get-tuple-element(state), index=2
  x = f32[40,8] get-tuple-element(state), index=3
  w = f32[8,8] get-tuple-element(state), index=4
  zero = s32[] constant(0)
  row = f32[1,8] dynamic-slice(x, a, zero), dynamic_slice_sizes={1,8}
  y = f32[1,8] dot(row, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  next = f32[40,8] dynamic-update-slice(x, y, a, zero)
  one = s32[] constant(1)
  i1 = s32[] add(i, one)
  ROOT t = (s32[], s32[], s32[], f32[40,8], f32[8,8]) tuple(i1, b, b, next, w)
}
)");
  EXPECT_EQ(use_of(*module, 0).limit, 40);
  EXPECT_EQ(use_of(*module, 1).limit, 40);
  EXPECT_EQ(use_of(*module, 2).fan_in, 8);
  EXPECT_EQ(use_of(*module, 3).fan_in, 8);
}

TEST(Arguments, AnnotationsAreLookedThrough) {
  const auto module = module_of(R"(
  table = f32[100,8] parameter(0)
  ids = s32[4,1] parameter(1)
  marked = s32[4,1] custom-call(ids), custom_call_target="Sharding", sharding={replicated}
  ROOT rows = f32[4,8] gather(table, marked), offset_dims={1}, collapsed_slice_dims={0}, start_index_map={0}, index_vector_dim=1, slice_sizes={1,8})");
  EXPECT_EQ(use_of(*module, 1).limit, 100);
}

// ---- as a whole ---------------------------------------------------------------------------------------------------

TEST(Arguments, TheSameSeedGivesTheSameValues) {
  const auto module = module_of(kTake);
  const auto first = random_arguments(*module, 7);
  EXPECT_EQ(first, random_arguments(*module, 7));
  const auto other = random_arguments(*module, 8);
  EXPECT_FALSE(first[0] == other[0]);
  EXPECT_FALSE(first[1] == other[1]);
}

TEST(Arguments, TuplesAreFilledLeafByLeaf) {
  const auto module = module_of("  ROOT p = (f32[2], (s32[3], token[]), ()) parameter(0)");
  const auto arguments = random_arguments(*module, 1);
  EXPECT_EQ(arguments[0].shape(), module->entry()->root()->shape());
  EXPECT_GE(arguments[0].elements()[0].values<float>()[1], 0.5F);
}

TEST(Arguments, ATerabyteIsAnError) {
  const auto module = module_of("  ROOT x = f32[1048576,1048576,1048576] parameter(0)");
  try {
    random_arguments(*module, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::memory);
  }
}

TEST(Arguments, ManyCopiesOfALargeTupleAreNotAnalysed) {
  std::string entry = "  t0 = f32[2] parameter(0)\n";
  std::string last = "t0";
  for (int level = 1; level <= 17; ++level) {
    const std::string next = "t" + std::to_string(level);
    entry += "  " + next + " = tuple(" + last + ", " + last + ")\n";
    last = next;
  }
  for (int copy = 0; copy < 1000; ++copy) entry += "  c" + std::to_string(copy) + " = copy(" + last + ")\n";
  const auto module = module_of(entry + "  ROOT r = f32[2] copy(t0)");
  EXPECT_EQ(random_arguments(*module, 1).size(), 1);
}

TEST(Arguments, LeavesAreConvertedToAnotherShapesTypes) {
  const auto module = module_of("  ROOT p = (bf16[20], s32[3]) parameter(0)");
  const Literal narrow = random_arguments(*module, 1)[0];
  const Shape wide = Shape::tuple({Shape(DType::f64, {20}), Shape(DType::s32, {3})});
  const Literal converted = convert_leaves(narrow, wide);
  EXPECT_EQ(converted.shape(), wide);
  EXPECT_EQ(converted.elements()[0].values<double>()[7], static_cast<double>(narrow.elements()[0].values<BF16>()[7]));
}

}  // namespace
}  // namespace gshard
