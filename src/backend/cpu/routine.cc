#include "backend/cpu/routine.h"

#include <algorithm>

#include "backend/cpu/prepare_one_hot.h"
#include "backend/cpu/random_routine.h"
#include "backend/cpu/ragged_routine.h"
#include "backend/cpu/select_routine.h"
#include "backend/cpu/sort_routine.h"
#include "backend/cpu/sum_rows_routine.h"
#include "backend/cpu/topk_routine.h"
#include "backend/cpu/window_routine.h"
#include "base/ceil_div.h"
#include "ops/custom_call.h"

namespace gshard::cpu {
namespace {

// Parts that keep the threads of a large machine busy, and workspaces few.
constexpr int64_t kMostParts = 32;

}  // namespace

RowParts::RowParts(int64_t all_rows, int64_t work) : rows(all_rows) {
  const int64_t paying = std::max<int64_t>(kWorkOfPart / std::max<int64_t>(work, 1), 1);
  step = std::max(paying, ceil_div(std::max<int64_t>(rows, 1), kMostParts));
}

std::unique_ptr<Routine> routine_of(const Instruction& x, const Wanted& wanted) {
  switch (x.op()) {
    case Op::ragged_dot:
      return make_ragged_dot(x);
    case Op::reduce_window:
      return make_windows(x);
    case Op::select_and_scatter:
      return make_select_and_scatter(x);
    case Op::rng_bit_generator:
      return make_random_bits(x);
    case Op::sort:
      return make_sort(x, wanted);
    case Op::topk:
      return make_topk(x);
    case Op::custom_call:
      if (x.attrs<CustomCallAttrs>().custom_call_target == kSumRows) return make_sum_rows(x);
      return known_call_of(x) == KnownCall::topk ? make_topk(x) : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace gshard::cpu
