#include "runtime/large_values.h"

namespace gshard {

std::vector<HeldValue> large_values(const Partitioned& program, int64_t bytes, double share) {
  std::vector<HeldValue> found;
  for (const TracedValue& traced : program.trace) {
    const Shape& shape = traced.value->shape();
    if (!shape.is_array() || shape.byte_size() <= bytes) continue;
    const Shape part = shape.with_dims(shard_sizes(shape.dims(), traced.sharding, program.mesh));
    const double held = static_cast<double>(part.byte_size()) / static_cast<double>(shape.byte_size());
    if (held > share) found.push_back({traced.value, held});
  }
  return found;
}

}  // namespace gshard
