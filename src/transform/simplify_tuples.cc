#include "transform/simplify_tuples.h"

#include "transform/annotation.h"
#include "transform/rewrite.h"

namespace gshard {
namespace {

Instruction* element_of_tuple(const Instruction& get) {
  Instruction& tuple = *get.operand(0);
  if (tuple.op() != Op::tuple || tuple.notes().frontend_attributes != nullptr) return nullptr;
  const auto index = static_cast<size_t>(get.attrs<TupleIndexAttrs>().index);
  Instruction* element = tuple.operand(index);
  if (tuple.notes().sharding == nullptr) return element;
  const HloSharding sharding = element_sharding(tuple.shape(), *tuple.notes().sharding, index);
  const bool says_so_already = element->notes().sharding != nullptr && *element->notes().sharding == sharding;
  return says_so_already ? element : annotate(element, sharding, tuple);
}

bool is_element(const Instruction& get, const Instruction* tuple, size_t index) {
  return get.op() == Op::get_tuple_element && get.operand(0) == tuple && !is_annotated(get) &&
         get.attrs<TupleIndexAttrs>().index == static_cast<int64_t>(index);
}

Instruction* tuple_of_elements(const Instruction& tuple) {
  if (tuple.operand_count() == 0 || tuple.operand(0)->operand_count() != 1) return nullptr;
  Instruction* whole = tuple.operand(0)->operand(0);
  if (!(whole->shape() == tuple.shape())) return nullptr;
  for (size_t i = 0; i < tuple.operand_count(); ++i) {
    if (!is_element(*tuple.operand(i), whole, i)) return nullptr;
  }
  return whole;
}

}  // namespace

bool simplify_tuples(Module& module) {
  return rewrite(module, [](Instruction& x) -> Instruction* {
    if (x.op() == Op::get_tuple_element) return element_of_tuple(x);
    return x.op() == Op::tuple ? tuple_of_elements(x) : nullptr;
  });
}

}  // namespace gshard
