#include "shard/sharding_table.h"

#include "base/hash.h"

namespace gshard {
namespace {

uint64_t hash_of(const PartialSharding& partial) {
  const Sharding& sharding = partial.sharding;
  uint64_t hash = sharding.dims.size();
  for (const Digits& digits : sharding.dims) {
    for (const uint64_t word : digits.words()) hash_combine(hash, word);
  }
  hash_combine(hash, sharding.partial);
  hash_combine(hash, static_cast<uint64_t>(sharding.reducer));
  hash_combine(hash, sharding.manual);
  for (const bool open : partial.open) hash_combine(hash, open ? 1 : 0);
  hash_combine(hash, partial.replicated);
  return hash;
}

}  // namespace

ShardingTable::ShardingTable(const ValueTable& values) {
  number_of_.reserve(values.class_count());
  std::unordered_map<size_t, uint32_t> whole_of_rank;
  for (size_t value = 0; value < values.class_count(); ++value) {
    const size_t rank = values.shape_of(static_cast<ValueClass>(value)).rank();
    const auto [whole, is_new] = whole_of_rank.try_emplace(rank);
    if (is_new) whole->second = number_of({Sharding::replicated(rank), SmallVector<bool, 8>(rank, true)});
    number_of_.push_back(whole->second);
  }
}

void ShardingTable::set(ValueClass value, const PartialSharding& sharding) {
  number_of_[static_cast<size_t>(value)] = number_of(sharding);
}

uint32_t ShardingTable::number_of(const PartialSharding& sharding) {
  const uint64_t hash = hash_of(sharding);
  for (auto [at, end] = known_.equal_range(hash); at != end; ++at) {
    if (distinct_[at->second] == sharding) return at->second;
  }
  const auto number = static_cast<uint32_t>(distinct_.size());
  distinct_.push_back(sharding);
  known_.emplace(hash, number);
  return number;
}

}  // namespace gshard
