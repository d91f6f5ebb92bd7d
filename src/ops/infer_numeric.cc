// Types of whole algorithms: random numbers, linear algebra, Fourier transforms, batch normalisation.
#include "ops/infer.h"

namespace gshard {

// ---- random numbers
// ---------------------------------------------------------------------------------------------------

Shape infer_rng(const Instruction& i) {
  const Shape& declared = i.shape();
  require(declared.is_array(), i, "the result cannot be {}", declared);
  const bool normal = i.attrs<RngAttrs>().distribution == Distribution::rng_normal;
  require(!is_complex(declared.type()), i, "cannot make {}", declared);
  require(!normal || is_floating(declared.type()), i, "rng_normal cannot make {}, only floating-point numbers",
          declared);
  require(i.operand_count() == 2, i, "has {} operands, must have 2", i.operand_count());
  for (size_t k = 0; k < 2; ++k) {
    const Shape& bound = i.operand(k)->shape();
    require(bound == Shape(declared.type()), i, "operand {} is {}, must be {}[]", k, bound, declared.type());
  }
  return declared;
}

// (new state, bits), or the bits alone. Threefry has a state of 128 bits, Philox of 128 or 192.
Shape infer_rng_bit_generator(const Instruction& i) {
  const Shape& state = i.operand(0)->shape();
  const int64_t state_bits = saturating_multiply(state.element_count(), bits_of(state.type()));
  const bool philox = i.attrs<RngBitGeneratorAttrs>().algorithm != RngAlgorithm::rng_three_fry;
  require(state.rank() == 1 && (state_bits == 128 || (philox && state_bits == 192)), i,
          "the state is {}, must be u64[2]{}", state, philox ? " or u64[3]" : "");
  const Shape& declared = i.shape();
  const Shape& bits = declared.tuple_size() == 2 ? declared.element(1) : declared;
  require(bits.is_array() && (is_integer(bits.type()) || is_floating(bits.type())), i,
          "the result is {}, must be ({}, integers)", declared, state);
  if (declared.is_array()) return declared;
  return Shape::tuple({state, bits});
}

Shape infer_rng_get_and_update_state(const Instruction& i) {
  const Shape& declared = i.shape();
  require(declared == Shape(DType::u64, {2}) || declared == Shape(DType::u64, {1}), i,
          "the result is {}, must be u64[2]", declared);
  return declared;
}

// ---- linear algebra
// ---------------------------------------------------------------------------------------------------

namespace {

void require_square(const Instruction& i, size_t operand) {
  const Shape& a = array_operand(i, operand);
  const size_t rank = a.rank();
  require(rank >= 2, i, "operand {} is {}, must have two dimensions at least", operand, a);
  require(a.dim(rank - 1) == a.dim(rank - 2), i, "operand {} is {}, its matrices must be square", operand, a);
}

}  // namespace

Shape infer_cholesky(const Instruction& i) {
  require_square(i, 0);
  return i.operand(0)->shape();
}

Shape infer_triangular_solve(const Instruction& i) {
  require_square(i, 0);
  require_equal_types(i, 0, 1);
  const Shape& a = i.operand(0)->shape();
  const Shape& b = array_operand(i, 1);
  const size_t rank = a.rank();
  require(b.rank() == rank, i, "operand 0 is {}, operand 1 is {}: ranks must be equal", a, b);
  for (size_t d = 0; d + 2 < rank; ++d) {
    require(a.dim(d) == b.dim(d), i, "batch dimension {} of operand 0 has size {}, of operand 1 size {}", d, a.dim(d),
            b.dim(d));
  }
  const size_t met = i.attrs<TriangularSolveAttrs>().left_side ? rank - 2 : rank - 1;
  require(b.dim(met) == a.dim(rank - 1), i, "the matrices of {} have size {}, dimension {} of {} has size {}", a,
          a.dim(rank - 1), met, b, b.dim(met));
  return b;
}

// ---- Fourier transforms
// -----------------------------------------------------------------------------------------------

namespace {

void check_fft_lengths(const Instruction& i, bool last_too) {
  const auto& [type, lengths] = i.attrs<FftAttrs>();
  const Shape& operand = i.operand(0)->shape();
  require(lengths.size() >= 1 && lengths.size() <= 3, i, "fft_length={} must have 1 to 3 lengths", lengths);
  require(lengths.size() <= operand.rank(), i, "fft_length={} has {} lengths, operand 0 is {}", lengths, lengths.size(),
          operand);
  const size_t first = operand.rank() - lengths.size();
  for (size_t k = 0; k < lengths.size() - (last_too ? 0 : 1); ++k) {
    require(operand.dim(first + k) == lengths[k], i, "dimension {} of {} has size {}, fft_length={} says {}", first + k,
            operand, operand.dim(first + k), lengths, lengths[k]);
  }
}

Shape with_last(const Shape& shape, DType type, int64_t size) {
  Dims dims = shape.dims();
  dims.back() = size;
  return Shape(type, dims);
}

}  // namespace

Shape infer_fft(const Instruction& i) {
  const auto& [type, lengths] = i.attrs<FftAttrs>();
  const Shape& operand = i.operand(0)->shape();
  const bool from_real = type == FftType::RFFT;
  require(is_complex(operand.type()) != from_real, i, "{} takes {} numbers, operand 0 is {}",
          EnumWords<FftType>::words[static_cast<size_t>(type)], from_real ? "real" : "complex", operand);
  check_fft_lengths(i, type != FftType::IRFFT);
  const int64_t half = lengths.back() == 0 ? 0 : lengths.back() / 2 + 1;
  if (type == FftType::RFFT) {
    require(operand.type() == DType::f32 || operand.type() == DType::f64, i, "RFFT takes f32 or f64, operand 0 is {}",
            operand);
    return with_last(operand, operand.type() == DType::f32 ? DType::c64 : DType::c128, half);
  }
  if (type == FftType::IRFFT) {
    require(operand.dims().back() == half, i, "the last dimension of {} has size {}, must have {} for fft_length={}",
            operand, operand.dims().back(), half, lengths);
    return with_last(operand, real_part_type(operand.type()), lengths.back());
  }
  return operand;
}

// ---- batch normalisation
// ----------------------------------------------------------------------------------------------

namespace {

// Operands 1 to `last` hold one number for each feature. Returns their shape.
Shape check_features(const Instruction& i, size_t last) {
  const Shape& operand = i.operand(0)->shape();
  const int64_t feature = i.attrs<BatchNormAttrs>().feature_index;
  require_below(i, feature, operand.rank(), "feature_index");
  const Shape per_feature(operand.type(), {operand.dim(static_cast<size_t>(feature))});
  for (size_t k = 1; k <= last; ++k) {
    const Shape& shape = i.operand(k)->shape();
    require(shape == per_feature, i, "operand {} is {}, must be {} for feature_index={} of {}", k, shape, per_feature,
            feature, operand);
  }
  return per_feature;
}

}  // namespace

Shape infer_batch_norm_training(const Instruction& i) {
  const Shape per_feature = check_features(i, 2);
  return Shape::tuple({i.operand(0)->shape(), per_feature, per_feature});
}

Shape infer_batch_norm_inference(const Instruction& i) {
  check_features(i, 4);
  return i.operand(0)->shape();
}

Shape infer_batch_norm_grad(const Instruction& i) {
  const Shape per_feature = check_features(i, 3);
  const Shape& operand = i.operand(0)->shape();
  const Shape& gradient = i.operand(4)->shape();
  require(gradient == operand, i, "operand 0 is {}, operand 4 is {}: they must be equal", operand, gradient);
  return Shape::tuple({operand, per_feature, per_feature});
}

}  // namespace gshard
