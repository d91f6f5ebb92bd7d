// What an op on cut dimensions has to fetch from other devices before each device can do its part.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "shard/plan.h"
#include "shard/remap.h"

namespace gshard {

struct Exchange {
  size_t operand = 0;
  Remap remap;
};

// A dimension of an operand and the one of the result that share a shift or flat factor.
struct DimPair {
  size_t operand = 0;
  size_t operand_dim = 0;
  size_t result_dim = 0;
};

// How a plan cuts such a pair.
struct ShiftCut {
  Digits digits;
  int64_t parts = 1;
  int64_t operand_size = 0;
  int64_t operand_part = 0;  // elements of each device
  int64_t result_size = 0;
  int64_t result_part = 0;

  // The number of results of part i that are no padding.
  int64_t results_of(int64_t i) const;
};

// Nothing where the plan does not cut the pair, or both alike.
std::optional<ShiftCut> find_cut(const OpContext& op, const OpPlan& plan, const Mesh& mesh, const DimPair& pair);

// Whether products of any two of these sizes and attributes fit 64 bits, and places 32. Others are not worth an
// exchange.
bool are_moderate(std::initializer_list<int64_t> numbers);

// An exchange of an operand along a cut pair whose intervals are still to be named.
Exchange exchange_of(const ShiftCut& cut, const DimPair& pair, int64_t length);

std::vector<Sending> sendings_of(const std::vector<Exchange>& exchanges, const OpContext& op, const OpPlan& plan,
                                 const Mesh& mesh);

// Replaces the operands of `op` by what they fetch. Wanted elements that do not exist become `fill`.
void run_exchanges(const std::vector<Exchange>& exchanges, Instruction* fill, LocalOp& op);

}  // namespace gshard
