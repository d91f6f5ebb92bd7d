#include "transform/expand_batch_norm.h"

#include "ops/build.h"
#include "transform/annotation.h"
#include "transform/rewrite.h"

namespace gshard {
namespace {

// One batch norm being expanded. Values are in a type of 32 bits at least; "by feature" are those with one dimension.
class Expansion {
 public:
  explicit Expansion(Instruction& norm)
      : norm_(norm),
        attributes_(norm.attrs<BatchNormAttrs>()),
        type_(type_of(norm)),
        dims_(norm.operand(0)->shape().dims()) {
    for (size_t d = 0; d < dims_.size(); ++d) {
      if (static_cast<int64_t>(d) != attributes_.feature_index) others_.push_back(static_cast<int64_t>(d));
    }
  }

  Value run() const {
    switch (norm_.op()) {
      case Op::batch_norm_inference:
        return convert(normalized(operand(3), operand(4)), norm_.shape().type());
      case Op::batch_norm_training:
        return training();
      default:
        return grad();
    }
  }

 private:
  // All operands are of one type.
  static DType type_of(const Instruction& norm) {
    return norm.operand(0)->shape().type() == DType::f64 ? DType::f64 : DType::f32;
  }

  Value operand(size_t i) const { return convert(Value(norm_.operand(i)), type_); }
  Value by_element(Value by_feature) const { return broadcast(by_feature, dims_, {attributes_.feature_index}); }

  // The average by feature. The count is written in a type that has the number.
  Value mean(Value x) const {
    double count = 1;
    for (const int64_t d : others_) count *= static_cast<double>(dims_[static_cast<size_t>(d)]);
    const Value sum = reduce(x, others_, Reducer::add);
    const Value divisor = convert(constant(x.computation(), DType::f64, count), type_);
    return divide(sum, broadcast(divisor, sum.dims(), {}));
  }

  Value deviation(Value variance) const { return sqrt(add(variance, attributes_.epsilon)); }

  // With the scale and the offset of operands 1 and 2.
  Value normalized(Value mean, Value variance) const {
    const Value factor = divide(operand(1), deviation(variance));
    const Value centered = subtract(operand(0), by_element(mean));
    return add(multiply(centered, by_element(factor)), by_element(operand(2)));
  }

  Value training() const {
    const Value average = mean(operand(0));
    const Value centered = subtract(operand(0), by_element(average));
    const Value variance = mean(multiply(centered, centered));
    return results({normalized(average, variance), average, variance});
  }

  Value grad() const {
    const Value gradient = operand(4);
    const Value centered = subtract(operand(0), by_element(operand(2)));
    const Value inverse = divide(1, deviation(operand(3)));
    const Value products = multiply(gradient, centered);
    const Value grad_scale = multiply(reduce(products, others_, Reducer::add), inverse);
    const Value grad_offset = reduce(gradient, others_, Reducer::add);
    // The statistics depend on every element: their part of the gradient is taken out again.
    const Value through_variance = multiply(centered, by_element(multiply(multiply(inverse, inverse), mean(products))));
    const Value rest = subtract(subtract(gradient, by_element(mean(gradient))), through_variance);
    return results({multiply(by_element(multiply(operand(1), inverse)), rest), grad_scale, grad_offset});
  }

  Value results(std::vector<Value> values) const {
    for (size_t i = 0; i < values.size(); ++i) values[i] = convert(values[i], norm_.shape().element(i).type());
    return tuple(values);
  }

  Instruction& norm_;
  const BatchNormAttrs& attributes_;
  const DType type_;
  const Dims dims_;
  Dims others_;  // dimensions without the features
};

bool is_batch_norm(const Instruction& x) {
  return x.op() == Op::batch_norm_training || x.op() == Op::batch_norm_inference || x.op() == Op::batch_norm_grad;
}

// What was added comes from the program's line, not from here, and has the layouts of what it replaces.
Instruction* expanded(Instruction& norm) {
  Computation& computation = *norm.parent();
  const size_t before = computation.size();
  Instruction* result = Expansion(norm).run().instruction();
  for (size_t i = before; i < computation.size(); ++i) computation.at(i)->mutable_notes().metadata = nullptr;
  result->mutable_shape() = norm.shape();
  return result;
}

bool expand(Computation& computation) {
  TupleShardings shardings;
  for (const auto& instruction : computation.instructions()) {
    if (is_batch_norm(*instruction) && TupleShardings::can_take(*instruction)) shardings.take(*instruction);
  }
  return rewrite(computation, [&](Instruction& x) -> Instruction* {
    return is_batch_norm(x) ? shardings.put_back(expanded(x), x) : nullptr;
  });
}

}  // namespace

bool expand_batch_norm(Module& module) {
  bool changed = false;
  const size_t count = module.computations().size();  // those of the reducers come behind
  for (size_t i = 0; i < count; ++i) changed |= expand(*module.computations()[i]);
  if (changed) module.sort_and_prune_computations();
  return changed;
}

}  // namespace gshard
