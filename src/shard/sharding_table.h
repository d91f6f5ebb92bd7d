// How all values of a program lie: what is annotated, what propagation makes of it, and what the partitioner obeys.
//
//   ShardingTable shardings(values);                     // everything whole, and open to be cut
//   shardings.set(x, {sharding, open});
//   shardings[x].to_string(mesh)                         // "[data, -]"
//
// The values of a train step lie in some dozens of ways: each of them is kept once, and for each value its number. So
// the table of 100,000 values stays in the cache, where a Sharding for each would be the largest thing in memory.
#pragma once

#include <unordered_map>
#include <vector>

#include "ir/sharding.h"
#include "shard/value_table.h"

namespace gshard {

// What is known of a class of values while shardings are chosen.
struct PartialSharding {
  Sharding sharding;
  // Dimensions that propagation may still cut; an annotation closes those that it specifies.
  SmallVector<bool, 8> open;
  // Digits by which it may cut none of them.
  DigitSet replicated = 0;
  bool operator==(const PartialSharding&) const = default;
};

class ShardingTable {
 public:
  explicit ShardingTable(const ValueTable& values);

  // Values are 0 to this.
  ValueClass value_count() const { return static_cast<ValueClass>(number_of_.size()); }
  // References hold until something is set.
  const Sharding& operator[](ValueClass value) const { return partial(value).sharding; }
  const PartialSharding& partial(ValueClass value) const { return distinct_[number_of_[static_cast<size_t>(value)]]; }

  void set(ValueClass value, const PartialSharding& sharding);
  // Keeps which dimensions are open, and to what.
  void set(ValueClass value, const Sharding& sharding) {
    set(value, {sharding, partial(value).open, partial(value).replicated});
  }

 private:
  uint32_t number_of(const PartialSharding& sharding);

  std::vector<uint32_t> number_of_;
  std::vector<PartialSharding> distinct_;
  std::unordered_multimap<uint64_t, uint32_t> known_;  // numbers by hashes
};

}  // namespace gshard
