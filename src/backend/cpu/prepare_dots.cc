#include "backend/cpu/prepare_dots.h"

#include <algorithm>
#include <array>

#include "backend/cpu/matmul.h"
#include "backend/cpu/replace.h"
#include "eval/strided.h"
#include "ir/dims.h"
#include "ops/build.h"

namespace gshard::cpu {
namespace {

// The dimensions of an operand by their part in the dot.
struct OperandDims {
  Dims batch;
  Dims contracting;
  Dims others;
};

OperandDims dims_of(const Shape& shape, const Dims& batch, const Dims& contracting) {
  OperandDims dims{batch, contracting, {}};
  for (int64_t d = 0; d < static_cast<int64_t>(shape.rank()); ++d) {
    if (!is_among(d, batch) && !is_among(d, contracting)) dims.others.push_back(d);
  }
  return dims;
}

Value in_order(Value x, const Dims& order) {
  return std::is_sorted(order.begin(), order.end()) ? x : transpose(x, order);
}

Value as_type(Value x, DType type) { return x.type() == type ? x : convert(x, type); }

bool is_loop_number(DType type) {
  if (is_floating(type)) return bits_of(type) >= 16;
  return is_integer(type) && bits_of(type) >= 8;
}

// f32 as bf16, or the bf16 that it was made of.
Value rounded(Value x) {
  const bool is_wide = x->op() == Op::convert && x->operand(0)->shape().type() == DType::bf16;
  return is_wide ? Value(x->operand(0)) : convert(x, DType::bf16);
}

// The same product or convolution of operands that are rounded to bf16; null where it is not to be rounded.
Instruction* with_rounded_operands(Instruction& x) {
  if (x.op() != Op::dot && x.op() != Op::convolution) return nullptr;
  for (const Shape* shape : {&x.shape(), &x.operand(0)->shape(), &x.operand(1)->shape()}) {
    if (shape->type() != DType::f32) return nullptr;
  }
  const Value lhs = rounded(x.operand(0));
  const Value rhs = rounded(x.operand(1));
  if (x.op() == Op::dot) return dot(lhs, rhs, x.attrs<DotAttrs>(), DType::f32).instruction();
  return convolution(lhs, rhs, x.attrs<ConvolutionAttrs>(), DType::f32).instruction();
}

class DotPreparer {
 public:
  explicit DotPreparer(Instruction& dot)
      : dot_(dot),
        attrs_(dot.attrs<DotAttrs>()),
        lhs_(dims_of(lhs(), attrs_.lhs_batch_dims, attrs_.lhs_contracting_dims)),
        rhs_(dims_of(rhs(), attrs_.rhs_batch_dims, attrs_.rhs_contracting_dims)) {}

  // A dot of types that there are products of; null where it has such, or needs none.
  Instruction* of_known_types() const {
    const bool has_types = matmul_engine(dot_) != MatmulEngine::none;
    if (has_types || !has_numbers() || has_no_sums() || has_no_others()) return nullptr;
    const DType type = product_type();
    const auto wide = [&](Instruction* x) { return as_type(Value(x), type); };
    return as_type(dot(wide(dot_.operand(0)), wide(dot_.operand(1)), attrs_, type), result().type()).instruction();
  }

  // A form that runs faster; null where the dot is good as it is.
  Instruction* of_fast_form() const {
    if (!has_numbers()) return nullptr;
    if (has_no_sums()) return product().instruction();
    if (has_no_others()) return sum_of_products().instruction();
    return with_ordered_operands();
  }

 private:
  const Shape& lhs() const { return dot_.operand(0)->shape(); }
  const Shape& rhs() const { return dot_.operand(1)->shape(); }
  const Shape& result() const { return dot_.shape(); }
  bool has_numbers() const {
    const std::array shapes{&lhs(), &rhs(), &result()};
    return std::all_of(shapes.begin(), shapes.end(),
                       [](auto* shape) { return is_loop_number(shape->type()) && shape->element_count() > 0; });
  }
  bool has_no_sums() const { return product_of(sizes_of(lhs(), lhs_.contracting)) == 1; }
  bool has_no_others() const {
    return product_of(sizes_of(lhs(), lhs_.others)) == 1 && product_of(sizes_of(rhs(), rhs_.others)) == 1;
  }
  // The type in which loops multiply and add up. Integers that wrap around may be cut before.
  DType loop_type() const {
    const bool is_whole = is_integer(lhs().type()) && is_integer(rhs().type()) && is_integer(result().type());
    return is_whole ? result().type() : product_type();
  }
  bool is_of_one_type() const { return lhs().type() == result().type() && rhs().type() == result().type(); }

  // Each number of the result is one product.
  Value product() const {
    const size_t batch = lhs_.batch.size();
    const DType type = is_of_one_type() ? result().type() : loop_type();
    const auto spread = [&](Instruction* x, const OperandDims& dims, size_t first) {
      const Value ordered = in_order(x, joined(dims.batch, dims.others, dims.contracting));
      const Value kept = reshape(ordered, sizes_of(x->shape(), joined(dims.batch, dims.others)));
      const Dims places = joined(counting(0, batch), counting(first, dims.others.size()));
      return broadcast(as_type(kept, type), result().dims(), places);
    };
    return as_type(
        multiply(spread(dot_.operand(0), lhs_, batch), spread(dot_.operand(1), rhs_, batch + lhs_.others.size())),
        result().type());
  }

  // Each number of the result is the sum over contracted dimensions of what two arrays of one shape hold.
  Value sum_of_products() const {
    const auto flat = [&](Instruction* x, const OperandDims& dims) {
      const Value ordered = in_order(x, joined(dims.batch, dims.contracting, dims.others));
      return as_type(reshape(ordered, sizes_of(x->shape(), joined(dims.batch, dims.contracting))), loop_type());
    };
    const Value products = multiply(flat(dot_.operand(0), lhs_), flat(dot_.operand(1), rhs_));
    const Value sum = reduce(products, counting(lhs_.batch.size(), lhs_.contracting.size()), Reducer::add);
    return as_type(reshape(sum, result().dims()), result().type());
  }

  // A type that there are products of, in which those of these types are exact or rounded as the evaluator's are.
  DType product_type() const {
    const auto any = [&](auto holds) { return holds(lhs().type()) || holds(rhs().type()) || holds(result().type()); };
    if (any([](DType type) { return type == DType::f64; })) return DType::f64;
    if (any(is_floating)) return DType::f32;
    return bits_of(result().type()) == 64 ? DType::s64 : DType::s32;
  }

  // One operand or both with batch dimensions first and contracted ones last, where that makes a matrix product of it, or
  // few products of many small ones.
  Instruction* with_ordered_operands() const {
    const Dims lhs_order = joined(lhs_.batch, lhs_.others, lhs_.contracting);
    const Dims rhs_order = joined(rhs_.batch, rhs_.others, rhs_.contracting);
    const Dims lhs_plain = counting(0, lhs().rank());
    const Dims rhs_plain = counting(0, rhs().rank());
    const int64_t lhs_bytes = lhs().byte_size();
    const int64_t rhs_bytes = rhs().byte_size();
    struct Form {
      const Dims& lhs;
      const Dims& rhs;
      int64_t bytes_moved;
    };
    const Form forms[] = {{lhs_plain, rhs_plain, 0},
                          {lhs_plain, rhs_order, rhs_bytes},
                          {lhs_order, rhs_plain, lhs_bytes},
                          {lhs_order, rhs_order, lhs_bytes + rhs_bytes}};
    const Form* best = nullptr;
    double least = 0;
    for (const Form& form : forms) {
      const std::optional<MatmulSpec> spec = matmul_with(form.lhs, form.rhs);
      if (!spec) continue;
      const double cost = overhead_of(*spec) + cost_of_moving(form.bytes_moved);
      if (best != nullptr && cost >= least) continue;
      best = &form;
      least = cost;
    }
    return best == nullptr || best == &forms[0] ? nullptr : ordered(best->lhs, best->rhs);
  }

  // Where operands lie in memory in these orders.
  std::optional<MatmulSpec> matmul_with(const Dims& lhs_order, const Dims& rhs_order) const {
    const DotForm form{{lhs().type(), laid_out(lhs(), lhs_order)},
                       {rhs().type(), laid_out(rhs(), rhs_order)},
                       {result().type(), row_major_view(result().dims())}};
    return matmul_of(attrs_, form);
  }

  // The dimensions of an array whose memory has them in another order.
  static StridedDims laid_out(const Shape& shape, const Dims& order) {
    const StridedDims in_memory = row_major_view(sizes_of(shape, order));
    StridedDims dims(order.size());
    for (size_t i = 0; i < order.size(); ++i) dims[static_cast<size_t>(order[i])] = in_memory[i];
    return dims;
  }

  Instruction* ordered(const Dims& lhs_order, const Dims& rhs_order) const {
    const auto moved = [](const Dims& dims, const Dims& order) {
      Dims places;
      for (int64_t d : dims) places.push_back(std::find(order.begin(), order.end(), d) - order.begin());
      return places;
    };
    DotAttrs attrs = attrs_;
    attrs.lhs_batch_dims = moved(lhs_.batch, lhs_order);
    attrs.lhs_contracting_dims = moved(lhs_.contracting, lhs_order);
    attrs.rhs_batch_dims = moved(rhs_.batch, rhs_order);
    attrs.rhs_contracting_dims = moved(rhs_.contracting, rhs_order);
    return dot(in_order(dot_.operand(0), lhs_order), in_order(dot_.operand(1), rhs_order), attrs, result().type())
        .instruction();
  }

  Instruction& dot_;
  const DotAttrs& attrs_;
  OperandDims lhs_;
  OperandDims rhs_;
};

// The same of types that there are products of; null where it has such, or cannot.
Instruction* of_known_types(Instruction& x) {
  if (x.op() == Op::dot) return DotPreparer(x).of_known_types();
  if (x.op() != Op::convolution && x.op() != Op::ragged_dot) return nullptr;
  const auto fits = [](DType type) { return is_floating(type) && is_loop_number(type) && bits_of(type) <= 32; };
  const DType result = x.shape().type();
  if (!fits(x.operand(0)->shape().type()) || !fits(x.operand(1)->shape().type()) || !fits(result)) return nullptr;
  if (matmul_engine(x) != MatmulEngine::none) return nullptr;
  const Value wide_lhs = as_type(x.operand(0), DType::f32);
  const Value wide_rhs = as_type(x.operand(1), DType::f32);
  const Value wide =
      x.op() == Op::convolution
          ? convolution(wide_lhs, wide_rhs, x.attrs<ConvolutionAttrs>(), DType::f32)
          : ragged_dot(wide_lhs, wide_rhs, x.operand(2), x.attrs<RaggedDotAttrs>());
  return as_type(wide, result).instruction();
}

}  // namespace

void round_operands(Module& module) {
  for (const auto& computation : module.computations()) replace(*computation, with_rounded_operands);
}

void prepare_dots(Module& module) {
  // Computations of reducers are added on the way.
  const size_t count = module.computations().size();
  for (size_t c = 0; c < count; ++c) {
    Computation& computation = *module.computations()[c];
    replace(computation, of_known_types);
    replace(computation, [](Instruction& x) { return x.op() == Op::dot ? DotPreparer(x).of_fast_form() : nullptr; });
  }
  module.sort_computations();
}

}  // namespace gshard::cpu
