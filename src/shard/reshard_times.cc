#include "shard/reshard_times.h"

#include "base/hash.h"

namespace gshard {
namespace {

void add_sharding(uint64_t& hash, const Sharding& sharding) {
  for (const Digits& digits : sharding.dims) {
    const auto words = digits.words();
    hash_combine(hash, words[0] + 3 * words[1] + 5 * words[2] + 7 * words[3]);
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

const ReshardTimes::Answer& ReshardTimes::answer(const Shape& shape, const Sharding& from, const Sharding& to) {
  Question question{shape.type(), shape.dims(), from, to};
  question.from.manual = question.to.manual = 0;
  const auto [found, is_new] = known_.try_emplace(std::move(question));
  Answer& answer = found->second;
  if (is_new) {
    const Question& asked = found->first;
    answer.steps = reshard_steps(asked.dims, asked.from, asked.to, mesh_);
    answer.seconds = seconds_of(answer.steps, asked.type, mesh_, machine_);
  }
  return answer;
}

double ReshardTimes::between(const Shape& shape, const Sharding& from, const Sharding& to) {
  const bool lie_alike = from.dims == to.dims && from.partial == to.partial && from.reducer == to.reducer;
  return lie_alike || !shape.is_array() ? 0 : answer(shape, from, to).seconds;
}

const std::vector<Step>& ReshardTimes::steps_between(const Shape& shape, const Sharding& from, const Sharding& to) {
  return answer(shape, from, to).steps;
}

}  // namespace gshard
