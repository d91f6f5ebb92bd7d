#include "shard/lineage.h"

#include <algorithm>
#include <optional>

namespace gshard {
namespace {

std::optional<size_t> dim_cut_by(const Sharding& sharding, Digit digit) {
  for (size_t d = 0; d < sharding.dims.size(); ++d) {
    if (std::find(sharding.dims[d].begin(), sharding.dims[d].end(), digit) != sharding.dims[d].end()) return d;
  }
  return std::nullopt;
}

}  // namespace

std::vector<LineageStep> lineage_of(const Propagated& propagated, ValueClass value, Digit digit) {
  std::vector<LineageStep> steps;
  auto dim = dim_cut_by(propagated.shardings[value], digit);
  if (!dim) return steps;
  // A value had its digits before it gave them on, so the steps go back in the order of the record.
  for (auto spread = propagated.spreads.rbegin(); spread != propagated.spreads.rend() && dim; ++spread) {
    if (spread->to != value || (spread->digits & digit_bit(digit)) == 0) continue;
    steps.push_back({value, *dim, spread->through});
    value = spread->from;
    dim = dim_cut_by(propagated.shardings[value], digit);
  }
  if (dim) steps.push_back({value, *dim, nullptr});
  return steps;
}

}  // namespace gshard
