#include "autodiff/sum.h"

#include <vector>

#include "ir/dims.h"
#include "ops/build.h"

namespace gshard {
namespace {

bool is_zeros(const Instruction& x) {
  if (x.op() == Op::broadcast) return is_zeros(*x.operand(0));
  return x.op() == Op::constant && x.shape().is_scalar() && x.attrs<ConstantAttrs>().value == Literal(x.shape());
}

bool is_slice_of_zeros(Value x) { return x->op() == Op::dynamic_update_slice && is_zeros(*x->operand(0)); }

Value add_slice(Value x, Value slice_of_zeros) {
  const Value slice = slice_of_zeros->operand(1);
  std::vector<Value> starts;
  for (size_t i = 2; i < slice_of_zeros->operand_count(); ++i) starts.emplace_back(slice_of_zeros->operand(i));
  return dynamic_update_slice(x, add(dynamic_slice(x, starts, slice.dims()), slice), starts);
}

}  // namespace

Value sum(std::span<const Value> cotangents) {
  Value all;
  const auto include = [&](Value more, auto&& added) { all = all.instruction() == nullptr ? more : added(all, more); };
  for (const Value& x : cotangents) {
    if (!is_slice_of_zeros(x)) include(x, [](Value a, Value b) { return add(a, b); });
  }
  for (const Value& x : cotangents) {
    if (is_slice_of_zeros(x)) include(x, add_slice);
  }
  return all;
}

Value total(Value x) { return reduce(x, counting(0, x.rank()), Reducer::add); }

}  // namespace gshard
