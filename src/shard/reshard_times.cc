#include "shard/reshard_times.h"

#include "base/hash.h"

namespace gshard {
namespace {

void add_sharding(uint64_t& hash, const Sharding& sharding) {
  for (const Digits& digits : sharding.dims) {
    hash_combine(hash, digits.size());
    for (const Digit digit : digits) hash_combine(hash, digit);
  }
  hash_combine(hash, sharding.partial);
  hash_combine(hash, static_cast<uint64_t>(sharding.reducer));
}

}  // namespace

size_t ReshardTimes::Hash::operator()(const Question& question) const {
  auto hash = static_cast<uint64_t>(question.type);
  for (const int64_t size : question.dims) hash_combine(hash, static_cast<uint64_t>(size));
  add_sharding(hash, question.from);
  add_sharding(hash, question.to);
  return hash;
}

double ReshardTimes::between(const Shape& shape, Sharding from, Sharding to) {
  from.manual = to.manual = 0;
  if (from == to || !shape.is_array()) return 0;
  const auto [found, is_new] = known_.try_emplace({shape.type(), shape.dims(), std::move(from), std::move(to)}, 0.0);
  const Question& asked = found->first;
  if (is_new)
    found->second = seconds_of(reshard_steps(asked.dims, asked.from, asked.to, mesh_), asked.type, mesh_, machine_);
  return found->second;
}

}  // namespace gshard
