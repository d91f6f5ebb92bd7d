#include "shard/lineage.h"

#include <algorithm>
#include <optional>

namespace gshard {
namespace {

bool has(const Digits& digits, Digit digit) { return std::find(digits.begin(), digits.end(), digit) != digits.end(); }

std::optional<size_t> dim_cut_by(const Sharding& sharding, Digit digit) {
  for (size_t d = 0; d < sharding.dims.size(); ++d) {
    if (has(sharding.dims[d], digit)) return d;
  }
  return std::nullopt;
}

}  // namespace

std::vector<LineageStep> lineage_of(const Propagated& propagated, ValueClass value, Digit digit) {
  std::vector<LineageStep> steps;
  auto dim = dim_cut_by(propagated.shardings[static_cast<size_t>(value)], digit);
  if (!dim) return steps;
  // A value had its digits before it gave them on, so the steps go back in the order of the record.
  for (auto spread = propagated.spreads.rbegin(); spread != propagated.spreads.rend() && dim; ++spread) {
    if (spread->to != value || !has(spread->digits, digit)) continue;
    steps.push_back({value, *dim, spread->through});
    value = spread->from;
    dim = dim_cut_by(propagated.shardings[static_cast<size_t>(value)], digit);
  }
  if (dim) steps.push_back({value, *dim, nullptr});
  return steps;
}

}  // namespace gshard
