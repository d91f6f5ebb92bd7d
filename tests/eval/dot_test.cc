// dot, ragged-dot and scaled-dot, against sums over all indices.
#include <gtest/gtest.h>

#include "base/small_float.h"
#include "eval/matmul.h"
#include "eval/one_op.h"

namespace gshard {
namespace {

Dims joined(std::initializer_list<Dims> parts) {
  Dims all;
  for (const Dims& part : parts) all.append({part.data(), part.size()});
  return all;
}

Dims part(const Dims& dims, size_t first, size_t count) { return {dims.begin() + first, dims.begin() + first + count}; }

// An operand whose dimensions stand in any order: order[i] says where dimension i of [batch, contracting, free] is.
struct Side {
  Dims order;
  Dims batch;
  Dims contracting;
  Dims free;

  Side(Random& random, size_t batches, size_t contractings, size_t frees)
      : order(random.permutation(batches + contractings + frees)),
        batch(part(order, 0, batches)),
        contracting(part(order, batches, contractings)),
        free(part(order, batches + contractings, frees)) {
    std::sort(free.begin(), free.end());
  }
  // Puts values by role where the dimensions stand.
  Dims place(const Dims& b, const Dims& c, const Dims& f) const {
    Dims placed(order.size());
    for (size_t i = 0; i < b.size(); ++i) placed[static_cast<size_t>(batch[i])] = b[i];
    for (size_t i = 0; i < c.size(); ++i) placed[static_cast<size_t>(contracting[i])] = c[i];
    for (size_t i = 0; i < f.size(); ++i) placed[static_cast<size_t>(free[i])] = f[i];
    return placed;
  }
};

struct RandomDot {
  Dims batch, contracting, lhs_free, rhs_free;
  Side lhs, rhs;

  explicit RandomDot(Random& random)
      : batch(random.sizes(static_cast<size_t>(random.between(0, 2)), 1, 3)),
        contracting(random.sizes(static_cast<size_t>(random.between(0, 2)), 0, 5)),
        lhs_free(random.sizes(static_cast<size_t>(random.between(0, 2)), 1, 12)),
        rhs_free(random.sizes(static_cast<size_t>(random.between(0, 2)), 1, 12)),
        lhs(random, batch.size(), contracting.size(), lhs_free.size()),
        rhs(random, batch.size(), contracting.size(), rhs_free.size()) {}

  DotAttrs attrs() const {
    DotAttrs attrs;
    attrs.lhs_batch_dims = lhs.batch;
    attrs.lhs_contracting_dims = lhs.contracting;
    attrs.rhs_batch_dims = rhs.batch;
    attrs.rhs_contracting_dims = rhs.contracting;
    return attrs;
  }
  Dims lhs_sizes() const { return lhs.place(batch, contracting, lhs_free); }
  Dims rhs_sizes() const { return rhs.place(batch, contracting, rhs_free); }

  Array product(const Array& x, const Array& y) const {
    Array result(joined({batch, lhs_free, rhs_free}));
    for_each_index(result.dims, [&](const Dims& index) {
      const Dims b = part(index, 0, batch.size());
      const Dims m = part(index, batch.size(), lhs_free.size());
      const Dims n = part(index, batch.size() + lhs_free.size(), rhs_free.size());
      Number sum = 0;
      for_each_index(contracting, [&](const Dims& k) { sum += x[lhs.place(b, k, m)] * y[rhs.place(b, k, n)]; });
      result[index] = sum;
    });
    return result;
  }
};

struct Types {
  DType lhs, rhs, result;
};

TEST(Dot, SumsOverAllIndices) {
  constexpr Types kTypes[] = {{DType::f32, DType::f32, DType::f32},    {DType::f64, DType::f64, DType::f64},
                              {DType::bf16, DType::bf16, DType::f32},  {DType::f16, DType::f16, DType::f16},
                              {DType::s8, DType::s8, DType::s32},      {DType::u8, DType::s8, DType::s32},
                              {DType::s64, DType::s64, DType::s64},    {DType::c64, DType::c64, DType::c64},
                              {DType::c128, DType::c128, DType::c128}, {DType::f8e4m3fn, DType::f8e5m2, DType::f32},
                              {DType::s4, DType::s4, DType::s32},      {DType::bf16, DType::f32, DType::f32}};
  Random random(21);
  OneOp op;
  for (int round = 0; round < 240; ++round) {
    const RandomDot dot(random);
    const Types& types = kTypes[round % std::size(kTypes)];
    const bool is_unsigned = is_unsigned_int(types.lhs);
    const auto numbers = [&](const Dims& dims) {
      return is_complex(types.result) ? random.complex_array(dims, -4, 4) : random.array(dims, is_unsigned ? 0 : -4, 4);
    };
    const Array x = numbers(dot.lhs_sizes());
    const Array y = numbers(dot.rhs_sizes());
    // Small integers: every type above holds the sums exactly.
    const Literal result = op.run(Op::dot, dot.attrs(), {x.literal(types.lhs), y.literal(types.rhs)}, {},
                                  Shape(types.result, dot.product(x, y).dims));
    EXPECT_EQ(Array::of(result), dot.product(x, y)) << round;
  }
}

Literal matrix_product(const Literal& x, const Literal& y, DType result) {
  DotAttrs attrs;
  attrs.lhs_contracting_dims = {1};
  attrs.rhs_contracting_dims = {0};
  return OneOp().run(Op::dot, attrs, {x, y}, {}, Shape(result, {x.shape().dim(0), y.shape().dim(1)}));
}

TEST(Dot, IntegersWrapInTheResultType) {
  const Array big({1, 2}, 100);
  const Literal x = big.literal(DType::s8);
  const Literal y = Array({2, 1}, 100).literal(DType::s8);
  EXPECT_EQ(matrix_product(x, y, DType::s8).values<int8_t>()[0], static_cast<int8_t>(20000));
  EXPECT_EQ(matrix_product(x, y, DType::s32).values<int32_t>()[0], 20000);
  const Literal a = Array({1, 2}, 1 << 20).literal(DType::s32);
  const Literal b = Array({2, 1}, 1 << 13).literal(DType::s32);
  EXPECT_EQ(matrix_product(a, b, DType::s32).values<int32_t>()[0], 0);
  EXPECT_EQ(matrix_product(a, b, DType::s64).values<int64_t>()[0], int64_t{1} << 34);
}

TEST(Dot, PredicatesMeetWithAndThenOr) {
  Literal x(Shape(DType::pred, {2, 2}));
  Literal y(Shape(DType::pred, {2, 1}));
  x.mutable_values<uint8_t>()[0] = x.mutable_values<uint8_t>()[1] = 1;
  y.mutable_values<uint8_t>()[0] = y.mutable_values<uint8_t>()[1] = 1;
  const Literal result = matrix_product(x, y, DType::pred);
  EXPECT_EQ(result.values<uint8_t>()[0], 1);
  EXPECT_EQ(result.values<uint8_t>()[1], 0);
}

TEST(Dot, NarrowFloatsAddUpInFloatAndRoundOnce) {
  // In bf16 alone the sum would stop at 256.
  const Literal x = Array({1, 1000}, 1).literal(DType::bf16);
  const Literal y = Array({1000, 1}, 1).literal(DType::bf16);
  EXPECT_EQ(Array::of(matrix_product(x, y, DType::bf16)).values[0], 1000.0);
  EXPECT_EQ(Array::of(matrix_product(x, y, DType::f32)).values[0], 1000.0);
}

TEST(Dot, EachSumIsInTheOrderOfTheContractedDimension) {
  Random random(22);
  const int64_t depth = 777;
  const Array x = random.fractions({9, depth});
  const Array y = random.fractions({depth, 13});
  const Literal a = x.literal(DType::f32);
  const Literal b = y.literal(DType::f32);
  const Literal result = matrix_product(a, b, DType::f32);
  for (size_t i = 0; i < 9; ++i) {
    for (size_t j = 0; j < 13; ++j) {
      float sum = 0;
      for (size_t k = 0; k < depth; ++k) {
        const float product = a.values<float>()[i * depth + k] * b.values<float>()[k * 13 + j];
        sum += product;
      }
      EXPECT_EQ(result.values<float>()[i * 13 + j], sum);
    }
  }
}

TEST(Dot, InfinitiesAndNansPass) {
  Literal x(Shape(DType::f32, {1, 2}));
  x.mutable_values<float>()[0] = std::numeric_limits<float>::infinity();
  const Literal y = Array({2, 1}, 0).literal(DType::f32);
  EXPECT_TRUE(std::isnan(matrix_product(x, y, DType::f32).values<float>()[0]));
}

// Every shape around the edges of tiles and blocks.
template <class T>
void check_matmul(MatmulSize size, Random& random) {
  const auto numbers = [&](int64_t count) {
    std::vector<T> values(static_cast<size_t>(count));
    for (T& value : values) value = static_cast<T>(random.between(0, 9));
    return values;
  };
  const std::vector<T> a = numbers(size.m * size.k);
  const std::vector<T> b = numbers(size.k * size.n);
  for (int layout = 0; layout < 8; ++layout) {
    const bool a_turned = (layout & 1) != 0;
    const bool b_turned = (layout & 2) != 0;
    const bool c_turned = (layout & 4) != 0;
    const MatrixView<const T> x{a.data(), a_turned ? 1 : size.k, a_turned ? size.m : 1};
    const MatrixView<const T> y{b.data(), b_turned ? 1 : size.n, b_turned ? size.k : 1};
    std::vector<T> c(static_cast<size_t>(size.m * size.n), 1);
    const MatrixView<T> z{c.data(), c_turned ? 1 : size.n, c_turned ? size.m : 1};
    matmul_add<T>(size, x, y, z);
    for (int64_t i = 0; i < size.m; ++i) {
      for (int64_t j = 0; j < size.n; ++j) {
        T sum = 1;
        for (int64_t k = 0; k < size.k; ++k) sum += *part_of(x, i, k).data * *part_of(y, k, j).data;
        ASSERT_EQ(*part_of(z, i, j).data, sum) << size.m << " " << size.n << " " << size.k << " layout " << layout;
      }
    }
  }
}

TEST(Matmul, EverySizeAndLayout) {
  Random random(23);
  for (const MatmulSize size : {MatmulSize{0, 3, 4},
                                {3, 0, 4},
                                {3, 4, 0},
                                {1, 1, 1},
                                {1, 300, 20},
                                {300, 1, 20},
                                {3, 5, 7},
                                {4, 8, 256},
                                {5, 9, 257},
                                {129, 257, 3},
                                {130, 3, 300},
                                {3, 130, 300},
                                {64, 64, 64}}) {
    check_matmul<float>(size, random);
    check_matmul<double>(size, random);
    check_matmul<uint32_t>(size, random);
    check_matmul<uint64_t>(size, random);
  }
}

// ---- ragged-dot -----------------------------------------------------------------------------------------------------

// Group of position `at` along the ragged dimension, or -1 beyond the last.
int64_t group_of(const std::vector<int64_t>& sizes, int64_t at) {
  for (size_t g = 0; g < sizes.size(); ++g) {
    if (at < sizes[g]) return static_cast<int64_t>(g);
    at -= sizes[g];
  }
  return -1;
}

std::vector<int64_t> integers(const Array& array, size_t first, size_t count) {
  std::vector<int64_t> result;
  for (size_t i = first; i < first + count; ++i) result.push_back(static_cast<int64_t>(array.values[i].real()));
  return result;
}

TEST(RaggedDot, FreeDimension) {
  Random random(24);
  OneOp op;
  for (int round = 0; round < 60; ++round) {
    const int64_t b = random.between(1, 2), x = random.between(1, 2), m = random.between(0, 7),
                  k = random.between(1, 5), n = random.between(1, 9), g = random.between(1, 4);
    const bool shared = random.flip();
    const Array lhs = random.array({b, x, m, k}, -4, 4);
    const Array rhs = random.array({g, b, k, n}, -4, 4);
    const Array sizes = random.array(shared ? Dims{g} : Dims{b, x, g}, 0, 4);
    Array expected({b, x, m, n});
    for_each_index(expected.dims, [&](const Dims& i) {
      const size_t first = shared ? 0 : static_cast<size_t>((i[0] * x + i[1]) * g);
      const int64_t group = group_of(integers(sizes, first, static_cast<size_t>(g)), i[2]);
      for (int64_t q = 0; q < k && group >= 0; ++q)
        expected[i] += lhs[{i[0], i[1], i[2], q}] * rhs[{group, i[0], q, i[3]}];
    });
    RaggedDotAttrs attrs;
    attrs.lhs_batch_dims = {0};
    attrs.lhs_contracting_dims = {3};
    attrs.rhs_batch_dims = {1};
    attrs.rhs_contracting_dims = {2};
    attrs.lhs_ragged_dims = {2};
    attrs.rhs_group_dims = {0};
    const Literal result =
        op.run(Op::ragged_dot, attrs, {lhs.literal(DType::f32), rhs.literal(DType::f32), sizes.literal(DType::s32)}, {},
               Shape(DType::f32, expected.dims));
    EXPECT_EQ(Array::of(result), expected) << round;
  }
}

TEST(RaggedDot, ContractedDimension) {
  Random random(25);
  OneOp op;
  for (int round = 0; round < 60; ++round) {
    const int64_t b = random.between(1, 2), m = random.between(1, 4), x = random.between(1, 2),
                  k = random.between(0, 7), n = random.between(1, 9), g = random.between(1, 4);
    const bool shared = random.flip();
    const Array lhs = random.array({b, m, x, k}, -4, 4);
    const Array rhs = random.array({x, k, b, n}, -4, 4);
    const Array sizes = random.array(shared ? Dims{g} : Dims{b, x, g}, 0, 4);
    Array expected({g, b, m, n});
    for_each_index({b, m, n, x, k}, [&](const Dims& i) {
      const size_t first = shared ? 0 : static_cast<size_t>((i[0] * x + i[3]) * g);
      const int64_t group = group_of(integers(sizes, first, static_cast<size_t>(g)), i[4]);
      if (group >= 0)
        expected[{group, i[0], i[1], i[2]}] += lhs[{i[0], i[1], i[3], i[4]}] * rhs[{i[3], i[4], i[0], i[2]}];
    });
    RaggedDotAttrs attrs;
    attrs.lhs_batch_dims = {0};
    attrs.lhs_contracting_dims = {2, 3};
    attrs.rhs_batch_dims = {2};
    attrs.rhs_contracting_dims = {0, 1};
    attrs.lhs_ragged_dims = {3};
    const Literal result =
        op.run(Op::ragged_dot, attrs, {lhs.literal(DType::f32), rhs.literal(DType::f32), sizes.literal(DType::s32)}, {},
               Shape(DType::f32, expected.dims));
    EXPECT_EQ(Array::of(result), expected) << round;
  }
}

TEST(RaggedDot, BatchDimensionIsADot) {
  Random random(26);
  const Array lhs = random.array({4, 2, 3}, -4, 4);
  const Array rhs = random.array({4, 3, 5}, -4, 4);
  Array expected({4, 2, 5});
  for_each_index({4, 2, 5, 3}, [&](const Dims& i) {
    expected[{i[0], i[1], i[2]}] += lhs[{i[0], i[1], i[3]}] * rhs[{i[0], i[3], i[2]}];
  });
  RaggedDotAttrs attrs;
  attrs.lhs_batch_dims = {0};
  attrs.lhs_contracting_dims = {2};
  attrs.rhs_batch_dims = {0};
  attrs.rhs_contracting_dims = {1};
  attrs.lhs_ragged_dims = {0};
  const Literal sizes = Array({2}, 2).literal(DType::s32);
  const Literal result = OneOp().run(Op::ragged_dot, attrs, {lhs.literal(DType::f32), rhs.literal(DType::f32), sizes},
                                     {}, Shape(DType::f32, expected.dims));
  EXPECT_EQ(Array::of(result), expected);
}

TEST(ScaledDot, ScalesBlocksOfTheContractedDimension) {
  Random random(27);
  const Array lhs = random.array({3, 8}, -4, 4);
  const Array rhs = random.array({8, 5}, -4, 4);
  Array lhs_scale = random.array({3, 4}, -2, 2);
  Array rhs_scale = random.array({2, 5}, -2, 2);
  for (Number& x : lhs_scale.values) x = std::exp2(x.real());
  for (Number& x : rhs_scale.values) x = std::exp2(x.real());
  Array expected({3, 5});
  for_each_index({3, 5, 8}, [&](const Dims& i) {
    expected[{i[0], i[1]}] +=
        lhs[{i[0], i[2]}] * lhs_scale[{i[0], i[2] / 2}] * rhs[{i[2], i[1]}] * rhs_scale[{i[2] / 4, i[1]}];
  });
  DotAttrs attrs;
  attrs.lhs_contracting_dims = {1};
  attrs.rhs_contracting_dims = {0};
  const auto run = [&](const Literal& left_scale, const Literal& right_scale) {
    return Array::of(OneOp().run(Op::scaled_dot, attrs,
                                 {lhs.literal(DType::f8e4m3fn), rhs.literal(DType::f8e4m3fn), left_scale, right_scale},
                                 {}, Shape(DType::f32, {3, 5})));
  };
  EXPECT_EQ(run(lhs_scale.literal(DType::f8e8m0fnu), rhs_scale.literal(DType::f8e8m0fnu)), expected);
  // A scalar scales everything.
  const Array ones({2, 5}, 1);
  Array plain({3, 5});
  for_each_index({3, 5, 8}, [&](const Dims& i) { plain[{i[0], i[1]}] += 2.0 * lhs[{i[0], i[2]}] * rhs[{i[2], i[1]}]; });
  EXPECT_EQ(run(Array({}, 2).literal(DType::f8e8m0fnu), ones.literal(DType::f8e8m0fnu)), plain);
}

}  // namespace
}  // namespace gshard
