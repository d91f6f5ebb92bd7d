// Discrete Fourier transforms of any length, computed in double whatever the operand's type.
#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "eval/elements.h"
#include "eval/evaluator.h"
#include "eval/movement.h"

namespace gshard {
namespace {

using Complex = std::complex<double>;

enum class Sign { forward, inverse };  // exp(-2 pi i jk / n), or exp(+...) with a division by n

// std::complex's operator* looks out for infinities, which makes it slow.
Complex times(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

// exp(-2 pi i k / n).
Complex root_of_unity(int64_t k, int64_t n) {
  const double angle = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
  return {std::cos(angle), -std::sin(angle)};
}

// Transforms of a length that is a power of two: decimation in time.
class RadixTwo {
 public:
  explicit RadixTwo(int64_t n) : n_(n) {
    for (int64_t k = 0; k < n / 2; ++k) roots_.push_back(root_of_unity(k, n));
  }

  void forward(Complex* x) const {
    reorder(x);
    for (int64_t half = 1; half < n_; half *= 2) {
      for (int64_t block = 0; block < n_; block += 2 * half) {
        for (int64_t k = 0; k < half; ++k) {
          Complex& low = x[block + k];
          Complex& high = x[block + k + half];
          const Complex turned = times(high, roots_[static_cast<size_t>(k * (n_ / 2 / half))]);
          high = low - turned;
          low += turned;
        }
      }
    }
  }

 private:
  void reorder(Complex* x) const {
    for (int64_t i = 1, reversed = 0; i < n_; ++i) {
      int64_t bit = n_ / 2;
      for (; (reversed & bit) != 0; bit /= 2) reversed ^= bit;
      reversed ^= bit;
      if (i < reversed) std::swap(x[i], x[reversed]);
    }
  }

  int64_t n_;
  std::vector<Complex> roots_;
};

// Transforms of any length; other lengths than powers of two are convolutions with a chirp (Bluestein).
class Transform {
 public:
  explicit Transform(int64_t n)
      : n_(n),
        chirped_(!std::has_single_bit(static_cast<uint64_t>(n))),
        padded_(chirped_ ? padded_size(n) : n),
        radix_two_(padded_) {
    if (!chirped_) return;
    // exp(-pi i k^2 / n); k^2 is reduced modulo 2n on the way, so that the angle stays exact.
    for (int64_t k = 0, square = 0; k < n; ++k) {
      chirp_.push_back(root_of_unity(square, 2 * n));
      square = (square + 2 * k + 1) % (2 * n);
    }
    spectrum_.assign(static_cast<size_t>(padded_), 0);
    for (int64_t k = 0; k < n; ++k) {
      const Complex value = std::conj(chirp_[static_cast<size_t>(k)]);
      spectrum_[static_cast<size_t>(k)] = value;
      if (k > 0) spectrum_[static_cast<size_t>(padded_ - k)] = value;
    }
    radix_two_.forward(spectrum_.data());
    work_.resize(static_cast<size_t>(padded_));
  }

  void run(Complex* x, Sign sign) {
    // The inverse is the forward transform between two conjugations.
    if (sign == Sign::inverse) conjugate(x, 1);
    if (chirped_) {
      convolve_with_chirp(x);
    } else {
      radix_two_.forward(x);
    }
    if (sign == Sign::inverse) conjugate(x, 1 / static_cast<double>(n_));
  }

 private:
  static int64_t padded_size(int64_t n) {
    return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(2 * n - 1)));
  }

  void conjugate(Complex* x, double factor) const {
    for (int64_t i = 0; i < n_; ++i) x[i] = {x[i].real() * factor, -x[i].imag() * factor};
  }

  void convolve_with_chirp(Complex* x) {
    std::fill(work_.begin(), work_.end(), 0);
    for (size_t k = 0; k < chirp_.size(); ++k) work_[k] = times(x[k], chirp_[k]);
    radix_two_.forward(work_.data());
    // Conjugated, so that another forward transform is the inverse.
    for (size_t k = 0; k < work_.size(); ++k) work_[k] = std::conj(times(work_[k], spectrum_[k]));
    radix_two_.forward(work_.data());
    const double factor = 1 / static_cast<double>(padded_);
    for (size_t k = 0; k < chirp_.size(); ++k) x[k] = times(std::conj(work_[k]) * factor, chirp_[k]);
  }

  int64_t n_;
  bool chirped_;
  int64_t padded_;
  RadixTwo radix_two_;
  std::vector<Complex> chirp_;
  std::vector<Complex> spectrum_;
  std::vector<Complex> work_;
};

// Transforms a c128 array along one dimension.
void transform_dimension(Literal& array, size_t d, Sign sign) {
  const int64_t n = array.shape().dim(d);
  Transform transform(n);
  std::vector<Complex> line(static_cast<size_t>(n));
  const Dims strides = row_major_strides(array.shape().dims());
  Dims lines = array.shape().dims();
  lines[d] = 1;
  Complex* values = array.mutable_values<Complex>().data();
  const StridedLoop<1> loop(lines, {strides});
  loop.run([&](const std::array<int64_t, 1>& run) {
    for (int64_t i = 0; i < loop.run_length(); ++i) {
      Complex* x = values + run[0] + i * loop.run_strides()[0];
      for (int64_t k = 0; k < n; ++k) line[static_cast<size_t>(k)] = x[k * strides[d]];
      transform.run(line.data(), sign);
      for (int64_t k = 0; k < n; ++k) x[k * strides[d]] = line[static_cast<size_t>(k)];
    }
  });
}

// The first `size` elements of the last dimension.
Literal shortened(const Literal& array, int64_t size) {
  Dims dims = array.shape().dims();
  dims.back() = size;
  const Shape shape = array.shape().with_dims(dims);
  Literal result(shape);
  copy_box(dims, result, View::whole(shape), array, View::whole(array.shape()));
  return result;
}

// The last dimension, of which n / 2 + 1 elements are given, with all n of a spectrum of real numbers:
// x[n - k] = conj(x[k]).
Literal completed(const Literal& half, int64_t n) {
  Dims dims = half.shape().dims();
  const int64_t given = dims.back();
  dims.back() = n;
  Literal result(half.shape().with_dims(dims));
  const auto from = half.values<Complex>();
  const auto to = result.mutable_values<Complex>();
  for (int64_t line = 0; line * n < static_cast<int64_t>(to.size()); ++line) {
    const Complex* x = from.data() + line * given;
    Complex* y = to.data() + line * n;
    for (int64_t k = 0; k < n; ++k) y[k] = k < given ? x[k] : std::conj(x[n - k]);
  }
  return result;
}

// The real parts of a c128 array.
Literal real_parts(const Literal& array) {
  Literal result = Literal::uninitialized(array.shape().with_type(DType::f64));
  const auto from = array.values<Complex>();
  const auto to = result.mutable_values<double>();
  std::transform(from.begin(), from.end(), to.begin(), [](Complex x) { return x.real(); });
  return result;
}

}  // namespace

Literal eval_fft(const Instruction& instruction, std::span<Literal> operands, Evaluator&) {
  const auto& [type, lengths] = instruction.attrs<FftAttrs>();
  const Shape& shape = instruction.shape();
  if (shape.element_count() == 0 || operands[0].shape().element_count() == 0) return Literal(shape);
  const size_t last = shape.rank() - 1;
  const size_t first = shape.rank() - lengths.size();
  const Sign sign = type == FftType::FFT || type == FftType::RFFT ? Sign::forward : Sign::inverse;
  Literal values = convert_elements(operands[0], DType::c128);
  // The last dimension goes first where it becomes shorter, and last where it becomes longer.
  if (type != FftType::IRFFT) transform_dimension(values, last, sign);
  if (type == FftType::RFFT) values = shortened(values, shape.dim(last));
  for (size_t d = first; d < last; ++d) transform_dimension(values, d, sign);
  if (type == FftType::IRFFT) {
    values = completed(values, shape.dim(last));
    transform_dimension(values, last, sign);
    values = real_parts(values);
  }
  return convert_elements(values, shape.type());
}

}  // namespace gshard
