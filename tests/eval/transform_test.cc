// fft, cholesky, triangular-solve and batch normalisation, against their definitions.
#include <gtest/gtest.h>

#include <numbers>

#include "eval/one_op.h"

namespace gshard {
namespace {

// ---- fft ----------------------------------------------------------------------------------------------------------

// The sum over all elements of a line along dimension d, with exp(sign * 2 pi i jk / n).
Array transformed(const Array& x, size_t d, double sign) {
  Array y(x.dims);
  const auto n = static_cast<double>(x.dims[d]);
  for_each_index(x.dims, [&](const Dims& index) {
    Dims from = index;
    for (from[d] = 0; from[d] < x.dims[d]; ++from[d]) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(from[d] * index[d] % x.dims[d]) / n;
      y[index] += x[from] * std::polar(1.0, sign * angle) / (sign > 0 ? n : 1);
    }
  });
  return y;
}

Array with_last(const Array& x, int64_t size) {
  Dims dims = x.dims;
  dims.back() = size;
  Array result(dims);
  for_each_index(dims, [&](const Dims& index) {
    if (x.contains(index)) result[index] = x[index];
  });
  return result;
}

struct Spectrum {
  Dims dims;
  size_t rank;  // of the transform
};

Array forward(Array x, size_t rank) {
  for (size_t k = 0; k < rank; ++k) x = transformed(x, x.dims.size() - 1 - k, -1);
  return x;
}

Dims last(const Dims& dims, size_t count) { return {dims.end() - static_cast<std::ptrdiff_t>(count), dims.end()}; }

TEST(Fft, AnyLengthAndRank) {
  Random random(51);
  OneOp op;
  const Spectrum kCases[] = {{{1}, 1},    {{2}, 1},       {{3}, 1},    {{4}, 1},          {{5}, 1},     {{16}, 1},
                             {{17}, 1},   {{30}, 1},      {{97}, 1},   {{128}, 1},        {{3, 12}, 1}, {{4, 6}, 2},
                             {{5, 7}, 2}, {{2, 3, 4}, 3}, {{8, 1}, 2}, {{2, 3, 5, 7}, 3}, {{0, 4}, 1}};
  for (const Spectrum& c : kCases) {
    for (const DType type : {DType::c64, DType::c128}) {
      const double tolerance = type == DType::c64 ? 1e-6 : 1e-13;
      const Array x = random.complex_array(c.dims, -9, 9);
      const Array y = forward(x, c.rank);
      const Literal spectrum = op.run(Op::fft, FftAttrs{FftType::FFT, last(c.dims, c.rank)}, {x.literal(type)});
      EXPECT_EQ(spectrum.shape(), Shape(type, c.dims));
      EXPECT_LT(difference(Array::of(spectrum), y), tolerance) << Shape(type, c.dims).to_string();
      const Literal back = op.run(Op::fft, FftAttrs{FftType::IFFT, last(c.dims, c.rank)}, {y.literal(type)});
      EXPECT_LT(difference(Array::of(back), x), tolerance) << Shape(type, c.dims).to_string();
    }
  }
}

TEST(Fft, OfRealNumbers) {
  Random random(52);
  OneOp op;
  const Spectrum kCases[] = {{{1}, 1},    {{2}, 1},    {{7}, 1},       {{8}, 1},
                             {{3, 9}, 1}, {{4, 6}, 2}, {{3, 4, 5}, 3}, {{2, 2, 3, 4}, 2}};
  for (const Spectrum& c : kCases) {
    for (const DType type : {DType::f32, DType::f64}) {
      const double tolerance = type == DType::f32 ? 1e-6 : 1e-13;
      const Array x = random.array(c.dims, -9, 9);
      const Array half = with_last(forward(x, c.rank), c.dims.back() / 2 + 1);
      const Literal spectrum = op.run(Op::fft, FftAttrs{FftType::RFFT, last(c.dims, c.rank)}, {x.literal(type)});
      EXPECT_LT(difference(Array::of(spectrum), half), tolerance) << Shape(type, c.dims).to_string();
      const DType complex_type = type == DType::f32 ? DType::c64 : DType::c128;
      const Literal back =
          op.run(Op::fft, FftAttrs{FftType::IRFFT, last(c.dims, c.rank)}, {half.literal(complex_type)});
      EXPECT_EQ(back.shape(), Shape(type, c.dims));
      EXPECT_LT(difference(Array::of(back), x), tolerance) << Shape(type, c.dims).to_string();
    }
  }
}

TEST(Fft, LongPrimeLengthIsFastAndExact) {
  // A delta gives a pure wave at every length.
  const int64_t n = 100003;
  Array x({n});
  x.values[1] = 1;
  const Literal y = OneOp().run(Op::fft, FftAttrs{FftType::FFT, {n}}, {x.literal(DType::c128)});
  for (int64_t k = 0; k < n; k += 997) {
    const Number expected = std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
    EXPECT_LT(std::abs(y.values<Number>()[static_cast<size_t>(k)] - expected), 1e-12);
  }
}

// ---- cholesky and triangular-solve ----------------------------------------------------------------------------------

Number conjugate_if(bool conjugate, Number x) { return conjugate ? std::conj(x) : x; }

// a * b of the matrices in the two last dimensions, either transposed or conjugated.
struct Factor {
  const Array& array;
  bool transpose = false;
  bool conjugate = false;
  Number at(Dims index, int64_t row, int64_t column) const {
    index.push_back(transpose ? column : row);
    index.push_back(transpose ? row : column);
    return conjugate_if(conjugate, array[index]);
  }
};

Array product(const Dims& dims, int64_t depth, const Factor& a, const Factor& b) {
  Array result(dims);
  for_each_index(dims, [&](const Dims& index) {
    const Dims batch(index.begin(), index.end() - 2);
    const int64_t row = index[index.size() - 2];
    for (int64_t k = 0; k < depth; ++k) result[index] += a.at(batch, row, k) * b.at(batch, k, index.back());
  });
  return result;
}

// Zeros, or what the op must not look at, outside of the triangle.
Array triangle(Array x, bool lower, Number outside) {
  for_each_index(x.dims, [&](const Dims& index) {
    const int64_t row = index[index.size() - 2];
    const bool inside = lower ? index.back() <= row : index.back() >= row;
    if (!inside) x[index] = outside;
  });
  return x;
}

constexpr DType kFloats[] = {DType::f32, DType::f64, DType::c64, DType::c128};
double tolerance_of(DType type) { return bits_of(real_part_type(type)) == 32 ? 1e-5 : 1e-12; }

Array numbers(Random& random, DType type, const Dims& dims) {
  return is_complex(type) ? random.complex_array(dims, -4, 4) : random.array(dims, -4, 4);
}

TEST(Cholesky, FactorTimesItsAdjointIsTheMatrix) {
  Random random(53);
  OneOp op;
  for (const DType type : kFloats) {
    for (const Dims& dims : {Dims{1, 1}, Dims{5, 5}, Dims{2, 3, 4, 4}, Dims{0, 3, 3}, Dims{2, 0, 0}}) {
      for (const bool lower : {true, false}) {
        const Array half = numbers(random, type, dims);
        const int64_t n = dims.back();
        Array a = product(dims, n, {half}, {half, true, true});
        for_each_index(dims, [&](const Dims& i) { a[i] += i.back() == i[i.size() - 2] ? 1.0 : 0.0; });
        const Literal factor = op.run(Op::cholesky, CholeskyAttrs{lower}, {triangle(a, lower, 777).literal(type)});
        const Array f = Array::of(factor);
        EXPECT_EQ(triangle(f, lower, 0), f);
        const Array again = lower ? product(dims, n, {f}, {f, true, true}) : product(dims, n, {f, true, true}, {f});
        EXPECT_LT(difference(again, a), tolerance_of(type));
      }
    }
  }
}

TEST(Cholesky, MatrixThatIsNotPositiveDefiniteGivesNan) {
  Array a({2, 2, 2});
  a.values = {4, 0, 2, -5, 4, 0, 2, 5};
  const Literal factor = OneOp().run(Op::cholesky, CholeskyAttrs{true}, {a.literal(DType::f32)});
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(std::isnan(factor.values<float>()[i]));
  EXPECT_EQ(factor.values<float>()[4], 2);
  EXPECT_EQ(factor.values<float>()[7], 2);
}

TEST(TriangularSolve, SolutionFitsTheSystem) {
  Random random(54);
  OneOp op;
  for (int round = 0; round < 200; ++round) {
    const DType type = kFloats[round % 4];
    TriangularSolveAttrs attrs;
    attrs.left_side = random.flip();
    attrs.lower = random.flip();
    attrs.unit_diagonal = random.flip();
    attrs.transpose_a = static_cast<TransposeA>(random.between(0, 2));
    const Dims batch = random.sizes(static_cast<size_t>(random.between(0, 2)), 0, 3);
    const int64_t n = random.between(0, 6);
    const int64_t m = random.between(0, 4);
    Dims a_dims = batch;
    Dims b_dims = batch;
    a_dims.append(std::array{n, n});
    b_dims.append(attrs.left_side ? std::array{n, m} : std::array{m, n});
    Array a = numbers(random, type, a_dims);
    const Array b = numbers(random, type, b_dims);
    // A large diagonal keeps the systems well conditioned; one that is not to be read is wrong on purpose.
    for (Number& x : a.values) x *= 0.125;
    for_each_index(a_dims, [&](const Dims& i) {
      if (i.back() == i[i.size() - 2]) a[i] = attrs.unit_diagonal ? 777.0 : a[i] + 4.0;
    });
    const Array x =
        Array::of(op.run(Op::triangular_solve, attrs, {triangle(a, attrs.lower, 777).literal(type), b.literal(type)}));
    Array system = triangle(a, attrs.lower, 0);
    for_each_index(a_dims, [&](const Dims& i) {
      if (attrs.unit_diagonal && i.back() == i[i.size() - 2]) system[i] = 1;
    });
    const Factor factor{system, attrs.transpose_a != TransposeA::NO_TRANSPOSE,
                        attrs.transpose_a == TransposeA::ADJOINT};
    const Array again = attrs.left_side ? product(b_dims, n, factor, {x}) : product(b_dims, n, {x}, factor);
    EXPECT_LT(difference(again, b), tolerance_of(type)) << round;
  }
}

// ---- batch normalisation --------------------------------------------------------------------------------------------

struct BatchNorm {
  Dims dims;
  int64_t feature;
  double epsilon;

  int64_t features() const { return dims[static_cast<size_t>(feature)]; }
  double count() const {
    return static_cast<double>(Shape(DType::pred, dims).element_count()) / static_cast<double>(features());
  }
  Dims feature_of(const Dims& index) const { return {index[static_cast<size_t>(feature)]}; }
  BatchNormAttrs attrs() const { return {static_cast<float>(epsilon), feature}; }

  template <class Value>
  Array sums(Value&& value) const {
    Array result({features()});
    for_each_index(dims, [&](const Dims& i) { result[feature_of(i)] += value(i, feature_of(i)); });
    return result;
  }
  Array normalized(const Array& x, const Array& scale, const Array& offset, const Array& mean,
                   const Array& variance) const {
    Array result(dims);
    for_each_index(dims, [&](const Dims& i) {
      const Dims f = feature_of(i);
      result[i] = (x[i] - mean[f]) / std::sqrt(variance[f] + epsilon) * scale[f] + offset[f];
    });
    return result;
  }
};

TEST(BatchNorm, TrainingAndInference) {
  Random random(55);
  OneOp op;
  for (int64_t feature = 0; feature < 3; ++feature) {
    const BatchNorm norm{{3, 4, 5}, feature, 0.25};
    const Array x = random.array(norm.dims, -9, 9);
    const Array scale = random.fractions({norm.features()});
    const Array offset = random.fractions({norm.features()});
    Array mean = norm.sums([&](const Dims& i, const Dims&) { return x[i]; });
    for (Number& m : mean.values) m /= norm.count();
    Array variance = norm.sums([&](const Dims& i, const Dims& f) { return std::norm(x[i] - mean[f]); });
    for (Number& v : variance.values) v /= norm.count();
    const Array expected = norm.normalized(x, scale, offset, mean, variance);

    const auto f32 = [](const Array& array) { return array.literal(DType::f32); };
    const Literal trained = op.run(Op::batch_norm_training, norm.attrs(), {f32(x), f32(scale), f32(offset)});
    EXPECT_LT(difference(Array::of(trained.elements()[0]), expected), 1e-6);
    EXPECT_LT(difference(Array::of(trained.elements()[1]), mean), 1e-6);
    EXPECT_LT(difference(Array::of(trained.elements()[2]), variance), 1e-6);
    const Literal inferred =
        op.run(Op::batch_norm_inference, norm.attrs(), {f32(x), f32(scale), f32(offset), f32(mean), f32(variance)});
    EXPECT_LT(difference(Array::of(inferred), expected), 1e-6);
  }
}

TEST(BatchNorm, GradientIsTheSlopeOfTraining) {
  Random random(56);
  OneOp op;
  const BatchNorm norm{{4, 3, 2}, 1, 0.5};
  const auto f64 = [](const Array& array) { return array.literal(DType::f64); };
  Array x = random.fractions(norm.dims);
  Array scale = random.fractions({3});
  Array offset = random.fractions({3});
  const Array grad = random.fractions(norm.dims);
  const auto train = [&] { return op.run(Op::batch_norm_training, norm.attrs(), {f64(x), f64(scale), f64(offset)}); };
  const auto loss = [&] {
    const Array y = Array::of(train().elements()[0]);
    double sum = 0;
    for (size_t i = 0; i < y.values.size(); ++i) sum += (y.values[i] * grad.values[i]).real();
    return sum;
  };
  const Literal trained = train();
  const Literal gradient = op.run(Op::batch_norm_grad, norm.attrs(),
                                  {f64(x), f64(scale), trained.elements()[1], trained.elements()[2], f64(grad)});
  Array* const inputs[] = {&x, &scale, &offset};
  for (size_t k = 0; k < 3; ++k) {
    Array slope(inputs[k]->dims);
    for (size_t i = 0; i < slope.values.size(); ++i) {
      const Number before = inputs[k]->values[i];
      inputs[k]->values[i] = before + 1e-5;
      const double above = loss();
      inputs[k]->values[i] = before - 1e-5;
      slope.values[i] = (above - loss()) / 2e-5;
      inputs[k]->values[i] = before;
    }
    EXPECT_LT(difference(Array::of(gradient.elements()[k]), slope), 1e-7);
  }
}

}  // namespace
}  // namespace gshard
