#include "backend/cpu/split_sums.h"

#include <algorithm>

#include "backend/cpu/loop_ops.h"
#include "backend/cpu/replace.h"
#include "ir/dims.h"
#include "ops/build.h"
#include "ops/constants.h"
#include "ops/reducer.h"

namespace gshard::cpu {
namespace {

constexpr int64_t kLeastElements = 1 << 16;
constexpr int64_t kLeastColumns = 16;
constexpr int64_t kLeastRowsOfPart = 32;
constexpr int64_t kLeastParts = 8;
constexpr int64_t kMostParts = 64;

bool is_sum_over_leading_dims(const Instruction& x) {
  if (x.op() != Op::reduce || !is_loop_op(x) || x.operand_count() != 2) return false;
  const DType type = x.shape().type();
  if ((type != DType::f32 && type != DType::f64) || reducer_of(*x.callees()[0]) != Reducer::add) return false;
  const Dims& reduced = x.attrs<DimensionsAttrs>().dimensions;
  return std::all_of(reduced.begin(), reduced.end(),
                     [&](int64_t d) { return d < static_cast<int64_t>(reduced.size()); });
}

// Whether so many parts are whole dimensions from the first on, and a part of the next.
bool fits(int64_t parts, const Dims& dims) {
  size_t d = 0;
  for (; d < dims.size() && parts % dims[d] == 0; ++d) parts /= dims[d];
  return parts == 1 || (d < dims.size() && dims[d] % parts == 0);
}

// Into how many parts the rows are cut; 1 for none.
int64_t parts_of(const Dims& rows) {
  const int64_t count = product_of(rows);
  for (int64_t parts = std::min(kMostParts, count / kLeastRowsOfPart); parts >= kLeastParts; --parts) {
    if (count % parts == 0 && fits(parts, rows)) return parts;
  }
  return 1;
}

Instruction* split(Instruction& x) {
  if (!is_sum_over_leading_dims(x) || is_split_sum(x)) return nullptr;
  const Dims& dims = x.operand(0)->shape().dims();
  const size_t leading = x.attrs<DimensionsAttrs>().dimensions.size();
  const int64_t elements = x.operand(0)->shape().element_count();
  const int64_t columns = x.shape().element_count();
  if (elements < kLeastElements || columns < kLeastColumns) return nullptr;
  const int64_t parts = parts_of(Dims(dims.begin(), dims.begin() + leading));
  if (parts == 1) return nullptr;
  Dims cut{parts, elements / columns / parts};
  for (int64_t d : x.shape().dims()) cut.push_back(d);
  const Value nothing = constant(*x.parent(), neutral_element(Reducer::add, x.shape().type()));
  const Value sums = reduce({reshape(x.operand(0), cut), nothing}, {1}, *x.callees()[0]);
  return reduce({sums, x.operand(1)}, {0}, *x.callees()[0]).instruction();
}

}  // namespace

void split_sums(Module& module) {
  for (const auto& computation : module.computations()) replace(*computation, split);
}

bool is_split_sum(const Instruction& x) {
  if (x.op() != Op::reduce || x.operand(0)->op() != Op::reshape) return false;
  const Dims& reduced = x.attrs<DimensionsAttrs>().dimensions;
  return reduced.size() == 1 && reduced[0] == 1;
}

}  // namespace gshard::cpu
