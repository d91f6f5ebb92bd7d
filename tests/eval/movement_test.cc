// Ops that put elements elsewhere, against their definitions index by index.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "eval/one_op.h"
#include "eval/run_text.h"
#include "text/parse.h"

namespace gshard {
namespace {

// One type of each size of element.
constexpr DType kTypes[] = {DType::s8, DType::bf16, DType::f32, DType::f64, DType::c128};
constexpr int kRounds = 60;

class Movement : public testing::TestWithParam<DType> {
 protected:
  Array run(Op op, Attributes attributes, const std::vector<Array>& operands, std::optional<Dims> declared = {}) {
    std::vector<Literal> literals;
    for (const Array& operand : operands) literals.push_back(operand.literal(GetParam()));
    std::optional<Shape> shape;
    if (declared) shape = Shape(GetParam(), *declared);
    return Array::of(op_.run(op, std::move(attributes), literals, {}, shape));
  }
  // Small enough for every type, and different from neighbours.
  Array elements(const Dims& dims) { return random_.array(dims, -60, 60); }
  Dims dims(size_t low_rank = 0) {
    return random_.sizes(static_cast<size_t>(random_.between(static_cast<int64_t>(low_rank), 4)), 0, 5);
  }

  Random random_{7};
  OneOp op_;
};
INSTANTIATE_TEST_SUITE_P(Types, Movement, testing::ValuesIn(kTypes),
                         [](const auto& info) { return std::string(name_of(info.param)); });

TEST_P(Movement, Broadcast) {
  for (int round = 0; round < kRounds; ++round) {
    const Dims result = dims();
    Dims dimensions = random_.permutation(result.size());
    dimensions.resize(static_cast<size_t>(random_.between(0, static_cast<int64_t>(result.size()))));
    Dims sizes;
    for (int64_t d : dimensions) sizes.push_back(result[static_cast<size_t>(d)]);
    const Array x = elements(sizes);
    Array expected(result);
    for_each_index(result, [&](const Dims& index) {
      Dims from;
      for (int64_t d : dimensions) from.push_back(index[static_cast<size_t>(d)]);
      expected[index] = x[from];
    });
    EXPECT_EQ(run(Op::broadcast, DimensionsAttrs{dimensions}, {x}, result), expected);
  }
}

TEST_P(Movement, Transpose) {
  for (int round = 0; round < kRounds; ++round) {
    const Array x = elements(dims());
    const Dims permutation = random_.permutation(x.dims.size());
    Dims result;
    for (int64_t d : permutation) result.push_back(x.dims[static_cast<size_t>(d)]);
    Array expected(result);
    for_each_index(result, [&](const Dims& index) {
      Dims from(index.size());
      for (size_t d = 0; d < index.size(); ++d) from[static_cast<size_t>(permutation[d])] = index[d];
      expected[index] = x[from];
    });
    EXPECT_EQ(run(Op::transpose, DimensionsAttrs{permutation}, {x}), expected);
  }
}

TEST_P(Movement, TransposeInTiles) {
  const Array x = elements({3, 37, 41});
  Array expected({41, 3, 37});
  for_each_index(expected.dims, [&](const Dims& i) { expected[i] = x[{i[1], i[2], i[0]}]; });
  EXPECT_EQ(run(Op::transpose, DimensionsAttrs{{2, 0, 1}}, {x}), expected);
}

TEST_P(Movement, Reverse) {
  for (int round = 0; round < kRounds; ++round) {
    const Array x = elements(dims());
    Dims dimensions = random_.permutation(x.dims.size());
    dimensions.resize(static_cast<size_t>(random_.between(0, static_cast<int64_t>(x.dims.size()))));
    Array expected(x.dims);
    for_each_index(x.dims, [&](const Dims& index) {
      Dims from = index;
      for (int64_t d : dimensions)
        from[static_cast<size_t>(d)] = x.dims[static_cast<size_t>(d)] - 1 - index[static_cast<size_t>(d)];
      expected[index] = x[from];
    });
    EXPECT_EQ(run(Op::reverse, DimensionsAttrs{dimensions}, {x}), expected);
  }
}

TEST_P(Movement, Slice) {
  for (int round = 0; round < kRounds; ++round) {
    const Array x = elements(dims());
    SliceRanges slice;
    Dims result;
    for (int64_t size : x.dims) {
      slice.starts.push_back(random_.between(0, size));
      slice.limits.push_back(random_.between(slice.starts.back(), size));
      slice.strides.push_back(random_.between(1, 3));
      result.push_back((slice.limits.back() - slice.starts.back() + slice.strides.back() - 1) / slice.strides.back());
    }
    Array expected(result);
    for_each_index(result, [&](const Dims& index) {
      Dims from;
      for (size_t d = 0; d < index.size(); ++d) from.push_back(slice.starts[d] + index[d] * slice.strides[d]);
      expected[index] = x[from];
    });
    EXPECT_EQ(run(Op::slice, SliceAttrs{slice}, {x}), expected);
  }
}

TEST_P(Movement, SliceWithStridesBeyondTheArray) {
  const Array x = elements({3, 4});
  Array expected({1, 2});
  expected[{0, 0}] = x[{1, 0}];
  expected[{0, 1}] = x[{1, 2}];
  const SliceRanges slice{{1, 0}, {3, 4}, {int64_t{1} << 62, 2}};
  EXPECT_EQ(run(Op::slice, SliceAttrs{slice}, {x}), expected);
}

TEST_P(Movement, Pad) {
  for (int round = 0; round < kRounds; ++round) {
    const Array x = elements(dims());
    Padding padding;
    Dims result;
    for (int64_t size : x.dims) {
      const int64_t interior = random_.between(0, 2);
      const int64_t spread = size + std::max<int64_t>(size - 1, 0) * interior;
      const int64_t low = random_.between(-spread, 3);
      const int64_t high = random_.between(std::max(-spread, -spread - low), 3);
      padding.dims.push_back({low, high, interior});
      result.push_back(spread + low + high);
    }
    const Array value({}, 99);
    Array expected(result, 99);
    for_each_index(x.dims, [&](const Dims& index) {
      Dims to;
      for (size_t d = 0; d < index.size(); ++d)
        to.push_back(padding.dims[d].low + index[d] * (padding.dims[d].interior + 1));
      if (expected.contains(to)) expected[to] = x[index];
    });
    EXPECT_EQ(run(Op::pad, PadAttrs{padding}, {x, value}), expected);
  }
}

TEST_P(Movement, PadThatCutsFarAway) {
  const int64_t far = int64_t{1} << 61;
  const Array x = elements({3});
  // low + interior push all elements out of a result of two.
  EXPECT_EQ(run(Op::pad, PadAttrs{{{{far, -far - 1, 0}}}}, {x, Array({}, 5)}), Array({2}, 5));
  Array expected({2}, 5);
  expected[{1}] = x[{1}];
  EXPECT_EQ(run(Op::pad, PadAttrs{{{{-far, -far - 1, far}}}}, {x, Array({}, 5)}), expected);
}

TEST_P(Movement, Concatenate) {
  for (int round = 0; round < kRounds; ++round) {
    const Dims base = dims(1);
    const int64_t along = random_.between(0, static_cast<int64_t>(base.size()) - 1);
    const auto d = static_cast<size_t>(along);
    std::vector<Array> operands;
    Dims result = base;
    result[d] = 0;
    for (int64_t n = random_.between(1, 4); n > 0; --n) {
      Dims sizes = base;
      sizes[d] = random_.between(0, 4);
      result[d] += sizes[d];
      operands.push_back(elements(sizes));
    }
    Array expected(result);
    int64_t at = 0;
    for (const Array& operand : operands) {
      for_each_index(operand.dims, [&](Dims index) {
        const Number value = operand[index];
        index[d] += at;
        expected[index] = value;
      });
      at += operand.dims[d];
    }
    EXPECT_EQ(run(Op::concatenate, DimensionsAttrs{{along}}, operands), expected);
  }
}

TEST_P(Movement, ReshapeKeepsTheOrderOfElements) {
  const Array x = elements({2, 6, 1});
  Array expected({3, 4});
  expected.values = x.values;
  EXPECT_EQ(run(Op::reshape, NoAttrs{}, {x}, Dims{3, 4}), expected);
}

TEST(DynamicSizes, ThatAreSetMustBeThoseOfTheArray) {
  EXPECT_EQ(value_of("  x = s32[2,3] constant({{1, 2, 3}, {4, 5, 6}})\n  n = s32[] constant(3)\n"
                     "  m = s32[] constant(2)\n  ROOT y = s32[3,2] dynamic-reshape(x, n, m)"),
            "{ { 1, 2 }, { 3, 4 }, { 5, 6 } }");
  const std::string set = "  x = s32[2] constant({1, 2})\n  n = s32[] constant(";
  EXPECT_EQ(value_of(set + "2)\n  ROOT y = s32[2] set-dimension-size(x, n), dimensions={0}"), "{1, 2}");
  EXPECT_THAT(error_of(set + "1)\n  ROOT y = s32[2] set-dimension-size(x, n), dimensions={0}"),
              testing::HasSubstr("sets dimension 0 of s32[2] to 1"));
}

TEST(Domain, PassesItsOperandOn) {
  EXPECT_EQ(value_of("  x = s32[2] constant({1, 2})\n  ROOT y = s32[2] domain(x), "
                     "domain={kind=\"sharding\", entry={replicated}, exit={maximal device=1}}"),
            "{1, 2}");
}

// ---- dynamic-slice and dynamic-update-slice -----------------------------------------------------------------------

// Starts from far below to far above, as `type` holds them, and what they are clamped to.
struct Starts {
  std::vector<Literal> literals;
  Dims clamped;
};

Starts random_starts(Random& random, DType type, const Dims& sizes, const Dims& window) {
  Starts starts;
  for (size_t d = 0; d < sizes.size(); ++d) {
    const int64_t start = random.between(is_unsigned_int(type) ? 0 : -8, 12);
    starts.literals.push_back(Array({}, static_cast<double>(start)).literal(type));
    starts.clamped.push_back(std::max<int64_t>(0, std::min(start, sizes[d] - window[d])));
  }
  return starts;
}

Dims plus(const Dims& a, const Dims& b) {
  Dims sum;
  for (size_t d = 0; d < a.size(); ++d) sum.push_back(a[d] + b[d]);
  return sum;
}

TEST(DynamicSlice, ClampsStarts) {
  Random random(3);
  OneOp op;
  for (const DType type : {DType::s8, DType::u8, DType::s32, DType::u32, DType::s64, DType::u64}) {
    for (int round = 0; round < kRounds; ++round) {
      const Array x = random.array(random.sizes(static_cast<size_t>(random.between(0, 3)), 0, 6), -99, 99);
      Dims window;
      for (int64_t size : x.dims) window.push_back(random.between(0, size));
      const Starts starts = random_starts(random, type, x.dims, window);
      Array sliced(window);
      for_each_index(window, [&](const Dims& i) { sliced[i] = x[plus(i, starts.clamped)]; });
      std::vector<Literal> operands{x.literal(DType::s32)};
      operands.insert(operands.end(), starts.literals.begin(), starts.literals.end());
      EXPECT_EQ(Array::of(op.run(Op::dynamic_slice, DynamicSliceAttrs{window}, operands)), sliced);

      const Array update = random.array(window, 100, 200);
      Array updated = x;
      for_each_index(window, [&](const Dims& i) { updated[plus(i, starts.clamped)] = update[i]; });
      operands.insert(operands.begin() + 1, update.literal(DType::s32));
      EXPECT_EQ(Array::of(op.run(Op::dynamic_update_slice, NoAttrs{}, operands)), updated);
    }
  }
}

TEST(DynamicSlice, TakesUnsignedStartsBeyondSigned64Bits) {
  OneOp op;
  const Array x = Random(1).array({5}, 0, 99);
  const Literal start = Literal::scalar<uint64_t>(DType::u64, ~uint64_t{0});
  const Array y = Array::of(op.run(Op::dynamic_slice, DynamicSliceAttrs{{2}}, {x.literal(DType::s32), start}));
  EXPECT_EQ(y.values, (std::vector<Number>{x.values[3], x.values[4]}));
}

TEST(DynamicUpdateSlice, WritesInPlaceInALoop) {
  // 2,000 updates of an array of 40 MB: copies would be 80 GB.
  const auto module = parse_module(R"(HloModule m
body {
  state = (s32[], f32[10000000]) parameter(0)
  i = s32[] get-tuple-element(state), index=0
  x = f32[10000000] get-tuple-element(state), index=1
  one = s32[] constant(1)
  next = s32[] add(i, one)
  value = f32[] convert(next)
  update = f32[1] reshape(value)
  y = f32[10000000] dynamic-update-slice(x, update, i)
  ROOT r = (s32[], f32[10000000]) tuple(next, y)
}
condition {
  state = (s32[], f32[10000000]) parameter(0)
  i = s32[] get-tuple-element(state), index=0
  n = s32[] constant(2000)
  ROOT less = pred[] compare(i, n), direction=LT
}
ENTRY e {
  zero = s32[] constant(0)
  fzero = f32[] constant(0)
  x = f32[10000000] broadcast(fzero), dimensions={}
  start = (s32[], f32[10000000]) tuple(zero, x)
  loop = (s32[], f32[10000000]) while(start), condition=condition, body=body
  ROOT r = f32[10000000] get-tuple-element(loop), index=1
}
)");
  const Literal result = evaluate(*module, {});
  EXPECT_EQ(result.values<float>()[1999], 2000);
  EXPECT_EQ(result.values<float>()[2000], 0);
}

// ---- bitcast ------------------------------------------------------------------------------------------------------

Literal run_text(const std::string& body, const std::vector<Literal>& arguments) {
  return evaluate(*parse_module("HloModule m\nENTRY e {\n" + body + "\n}\n"), arguments);
}

TEST(Bitcast, MovesElementsWhereLayoutsDiffer) {
  const Array x = Random(5).array({2, 3}, 0, 99);
  // The bytes of a column-major f32[2,3] are a row-major f32[3,2]: a transposition.
  const Literal moved =
      run_text("x = s32[2,3]{0,1} parameter(0)\nROOT b = s32[3,2]{1,0} bitcast(x)", {x.literal(DType::s32)});
  Array expected({3, 2});
  for_each_index(expected.dims, [&](const Dims& i) { expected[i] = x[{i[1], i[0]}]; });
  EXPECT_EQ(Array::of(moved), expected);
  const Literal back = run_text("x = s32[3,2]{1,0} parameter(0)\nROOT b = s32[2,3]{0,1} bitcast(x)", {moved});
  EXPECT_EQ(Array::of(back), x);
  const Literal reshaped = run_text("x = s32[2,3] parameter(0)\nROOT b = s32[6] bitcast(x)", {x.literal(DType::s32)});
  EXPECT_EQ(Array::of(reshaped).values, x.values);
}

TEST(Bitcast, ReinterpretsBytes) {
  const Literal ones = Array({2}, 1).literal(DType::f32);
  const Literal bits = run_text("x = f32[2] parameter(0)\nROOT b = u32[2] bitcast(x)", {ones});
  EXPECT_EQ(bits.values<uint32_t>()[1], 0x3f800000U);
}

}  // namespace
}  // namespace gshard
