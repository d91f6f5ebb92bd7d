// Rules of the ops that make or move elements: broadcast, reshape, transpose, slice, pad, concatenate, reverse, and of
// pointwise ops.
#include <algorithm>
#include <numeric>

#include "ops/custom_call.h"
#include "ops/rule_maker.h"
#include "ops/table.h"

namespace gshard {
namespace {

// Every number keeps its value, whatever it is a summand of.
bool is_widening(const Instruction& convert) {
  const DType from = convert.operand(0)->shape().type();
  const DType to = convert.shape().type();
  return is_floating(from) && (to == DType::f32 || to == DType::f64) && bits_of(from) < bits_of(to);
}

Linearity linearity_of_pointwise(const Instruction& instruction) {
  switch (instruction.op()) {
    case Op::add:
    case Op::subtract:
    case Op::complex:
      return {0b11, 0, Reducer::add};
    case Op::negate:
    case Op::real:
    case Op::imag:
      return {0b1, 0, Reducer::add};
    case Op::multiply:
      return {0, 0b11, Reducer::add};
    case Op::divide:
      return is_integer(instruction.shape().type()) ? Linearity{} : Linearity{0, 0b1, Reducer::add};
    case Op::maximum:
      return {0b11, 0, Reducer::max};
    case Op::minimum:
      return {0b11, 0, Reducer::min};
    case Op::and_:
      return {0b11, 0, Reducer::and_};
    case Op::or_:
      return {0b11, 0, Reducer::or_};
    case Op::xor_:
      return {0b11, 0, Reducer::xor_};
    case Op::select:
      return {0b110, 0, Reducer::none};
    case Op::convert:
      return is_widening(instruction) ? Linearity{0b1, 0, Reducer::none} : Linearity{};
    default:
      return {};
  }
}

// One reshape dimension still to be matched on one side.
struct Side {
  const Dims& dims;
  size_t at = 0;
  int64_t left = 1;  // what is left of dims[at]

  explicit Side(const Dims& all) : dims(all) { skip_ones(); }
  bool done() const { return at == dims.size(); }
  void take(int64_t size) {
    left /= size;
    if (left == 1) ++at, skip_ones();
  }
  void skip_ones() {
    while (at < dims.size() && dims[at] == 1) ++at;
    if (at < dims.size()) left = dims[at];
  }
};

}  // namespace

Rule rule_pointwise(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const Shape& shape = instruction.shape();
  // The last dimension numbers the parts of one element of the other type.
  const bool splits_or_joins =
      instruction.op() == Op::bitcast_convert && instruction.operand(0)->shape().rank() != shape.rank();
  for (size_t d = 0; d < shape.rank(); ++d) {
    if (splits_or_joins && d >= instruction.operand(0)->shape().rank()) break;
    const FactorId id = maker.parallel(shape.dim(d));
    maker.result(0, static_cast<int64_t>(d), id);
    for (size_t i = 0; i < instruction.operand_count(); ++i) {
      if (splits_or_joins || maker.operand_rank(i) == shape.rank()) maker.operand(i, static_cast<int64_t>(d), id);
    }
  }
  maker.linearity() = linearity_of_pointwise(instruction);
  if (has(row_of(instruction.op()).traits, Traits::data_movement)) maker.moves_elements();
  return std::move(maker).finish();
}

// Values without array operands that any device can make its part of: parameter, constant, iota. The parts of a tuple
// have nothing to do with each other.
Rule rule_leaf(const Instruction& instruction) {
  RuleMaker maker(instruction);
  if (!instruction.shape().is_array()) return std::move(maker).finish();
  for (size_t d = 0; d < maker.result_rank(); ++d) {
    maker.result(0, static_cast<int64_t>(d), maker.parallel(instruction.shape().dim(d)));
  }
  return std::move(maker).finish();
}

// The bits of an element depend on nothing but the state and its place.
Rule rule_rng_bit_generator(const Instruction& instruction) {
  RuleMaker maker(instruction);
  if (instruction.operand(0)->shape().type() != DType::u64) return std::move(maker).finish();
  const bool with_state = instruction.shape().is_tuple();
  const Shape& bits = with_state ? instruction.shape().element(1) : instruction.shape();
  for (size_t d = 0; d < bits.rank(); ++d) {
    maker.result(with_state ? 1 : 0, static_cast<int64_t>(d), maker.parallel(bits.dim(d)));
  }
  return std::move(maker).finish();
}

Rule rule_whole(const Instruction& instruction) { return RuleMaker(instruction).finish(); }

// Between replicas it is pointwise: they all hold the same part. Between partitions it is what the manual region says.
Rule rule_all_reduce(const Instruction& instruction) {
  RuleMaker maker(instruction);
  if (instruction.attrs<CollectiveAttrs>().channel_id) return std::move(maker).finish();
  for (size_t i = 0; i < instruction.operand_count(); ++i) {
    const Shape& shape = instruction.operand(i)->shape();
    for (size_t d = 0; d < shape.rank(); ++d) {
      const FactorId id = maker.parallel(shape.dim(d));
      maker.operand(i, static_cast<int64_t>(d), id);
      maker.result(i, static_cast<int64_t>(d), id);
    }
  }
  return std::move(maker).finish();
}

Rule rule_broadcast(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const Dims& operand_dims = instruction.attrs<DimensionsAttrs>().dimensions;
  const Shape& shape = instruction.shape();
  for (size_t d = 0; d < shape.rank(); ++d) {
    const FactorId id = maker.parallel(shape.dim(d));
    maker.result(0, static_cast<int64_t>(d), id);
    for (size_t o = 0; o < operand_dims.size(); ++o) {
      const bool carries =
          operand_dims[o] == static_cast<int64_t>(d) && instruction.operand(0)->shape().dim(o) == shape.dim(d);
      if (carries) maker.operand(0, static_cast<int64_t>(o), id);
    }
  }
  maker.moves_elements();
  return std::move(maker).finish();
}

// Both sides are read major to minor. While one remainder divides the other, the smaller is a factor of both; where
// they share only a part (6 and 4), that part is one, and what follows matches only as a linear index up to the next
// place where both sides end together: a flat factor.
Rule rule_reshape(const Instruction& instruction) {
  RuleMaker maker(instruction);
  maker.moves_elements();
  const Shape& from = instruction.operand(0)->shape();
  const Shape& to = instruction.shape();
  if (from.element_count() == 0) return std::move(maker).finish();
  Side in(from.dims());
  Side out(to.dims());
  while (!in.done() && !out.done()) {
    const int64_t common = std::gcd(in.left, out.left);
    if (common > 1) {
      const FactorId id = maker.parallel(common);
      maker.operand(0, static_cast<int64_t>(in.at), id);
      maker.result(0, static_cast<int64_t>(out.at), id);
      const bool nests = common == in.left || common == out.left;
      in.take(common);
      out.take(common);
      if (nests) continue;
    }
    const auto first_in = static_cast<int64_t>(in.at);
    const auto first_out = static_cast<int64_t>(out.at);
    int64_t in_run = in.left;
    int64_t out_run = out.left;
    in.take(in.left);
    out.take(out.left);
    while (in_run != out_run) {
      Side& behind = in_run < out_run ? in : out;
      int64_t& run = in_run < out_run ? in_run : out_run;
      run *= behind.left;
      behind.take(behind.left);
    }
    const FactorId flat = maker.factor(FactorKind::flat, in_run);
    maker.operand(0, first_in, flat);
    maker.result(0, first_out, flat);
  }
  return std::move(maker).finish();
}

namespace {

bool is_row_major(const Shape& shape) {
  const auto& layout = shape.layout();
  if (layout == nullptr || layout->minor_to_major.size() != shape.rank()) return true;
  return std::is_sorted(layout->minor_to_major.rbegin(), layout->minor_to_major.rend());
}

}  // namespace

// Between layouts it transposes.
Rule rule_bitcast(const Instruction& instruction) {
  const Shape& from = instruction.operand(0)->shape();
  const Shape& to = instruction.shape();
  const bool is_reshape = bits_of(to.type()) == bits_of(from.type()) && is_row_major(from) && is_row_major(to);
  return is_reshape ? rule_reshape(instruction) : rule_whole(instruction);
}

Rule rule_transpose(const Instruction& instruction) {
  RuleMaker maker(instruction);
  const Dims& permutation = instruction.attrs<DimensionsAttrs>().dimensions;
  for (size_t d = 0; d < permutation.size(); ++d) {
    const FactorId id = maker.parallel(instruction.shape().dim(d));
    maker.operand(0, permutation[d], id);
    maker.result(0, static_cast<int64_t>(d), id);
  }
  maker.moves_elements();
  return std::move(maker).finish();
}

namespace {

// An op that keeps dimension d as it is where `keeps(d)` holds and shifts it elsewhere; of its operands the first
// `count` have the dimensions of the result.
template <class Keeps>
Rule keep_or_shift(const Instruction& instruction, size_t count, Keeps keeps) {
  RuleMaker maker(instruction);
  for (size_t d = 0; d < maker.result_rank(); ++d) {
    const FactorKind kind = keeps(d) ? FactorKind::parallel : FactorKind::shift;
    const FactorId id = maker.factor(kind, instruction.shape().dim(d));
    maker.result(0, static_cast<int64_t>(d), id);
    for (size_t i = 0; i < count; ++i) maker.operand(i, static_cast<int64_t>(d), id);
  }
  maker.moves_elements(count);
  return std::move(maker).finish();
}

}  // namespace

Rule rule_reverse(const Instruction& instruction) {
  const Dims& reversed = instruction.attrs<DimensionsAttrs>().dimensions;
  return keep_or_shift(instruction, 1, [&](size_t d) {
    return std::find(reversed.begin(), reversed.end(), static_cast<int64_t>(d)) == reversed.end();
  });
}

Rule rule_slice(const Instruction& instruction) {
  const Shape& from = instruction.operand(0)->shape();
  return keep_or_shift(instruction, 1, [&](size_t d) { return from.dim(d) == instruction.shape().dim(d); });
}

// The padding value is not moved by the op but written by it, so a partial operand passes only with a padding of zero
// for every device: not linear.
Rule rule_pad(const Instruction& instruction) {
  const auto& padding = instruction.attrs<PadAttrs>().padding.dims;
  Rule rule = keep_or_shift(instruction, 1, [&](size_t d) { return padding[d] == PaddingDim{}; });
  rule.linearity = {};
  return rule;
}

// Annotations are identities whose result keeps the sharding that they name; every other target is opaque.
Rule rule_custom_call(const Instruction& instruction) {
  const KnownCall known = known_call_of(instruction);
  if (known == KnownCall::topk) return rule_topk(instruction);
  const bool passes = known == KnownCall::pointwise || known == KnownCall::identity;
  const bool is_alike = instruction.operand_count() == 1 && instruction.shape().is_array() &&
                        instruction.operand(0)->shape().dims() == instruction.shape().dims();
  return passes && is_alike ? rule_pointwise(instruction) : rule_whole(instruction);
}

Rule rule_concatenate(const Instruction& instruction) {
  const int64_t joined = instruction.attrs<DimensionsAttrs>().dimensions[0];
  return keep_or_shift(instruction, instruction.operand_count(),
                       [&](size_t d) { return static_cast<int64_t>(d) != joined; });
}

}  // namespace gshard
