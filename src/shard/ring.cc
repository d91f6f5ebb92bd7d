#include "shard/ring.h"

#include <algorithm>

#include "base/ceil_div.h"

namespace gshard {
namespace {

// Of its time, what sending costs that is hidden behind computing, or the other way round: both want memory, and others
// want the links.
constexpr double kCostOfHidden = 0.25;

const TensorFactors& ring_tensor(const OpPlan& plan) {
  const Rule& rule = plan.way->rule;
  return plan.ring->operand ? rule.operands[*plan.ring->operand] : rule.results[0];
}

// Removes the beginning; false where it begins otherwise or nothing is left.
bool drop_start(Digits& digits, const Digits& start) {
  if (start.size() >= digits.size() || !std::equal(start.begin(), start.end(), digits.begin())) return false;
  digits = Digits(digits.begin() + start.size(), digits.end());
  return true;
}

// Of one device in one round: of tensors with the ring's factor a share, of others all. What rounds add to is read and
// written.
double bytes_in_round(const OpContext& op, const OpPlan& plan, double share, const Mesh& mesh) {
  const Rule& rule = plan.way->rule;
  const size_t factor = ring_factor(plan);
  const auto bytes_of_tensor = [&](const Shape& shape, const TensorFactors& dims) {
    const double bytes = local_bytes(shape, sharding_under(plan, dims), mesh);
    return find_dim(dims, factor) ? bytes * share : bytes;
  };
  const double result = bytes_of_tensor(op.result_shapes[0], rule.results[0]);
  const bool adds = !plan.ring->operand || !find_dim(rule.results[0], factor);
  double bytes = adds ? 2 * result : result;
  for (size_t i = 0; i < op.operand_shapes.size(); ++i) {
    bytes += bytes_of_tensor(op.operand_shapes[i], rule.operands[i]);
  }
  return bytes;
}

}  // namespace

size_t ring_factor(const OpPlan& plan) { return static_cast<size_t>(ring_tensor(plan)[plan.ring->dim][0]); }

std::optional<size_t> find_dim(const TensorFactors& dims, size_t factor) {
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d][0] == static_cast<FactorId>(factor)) return d;
  }
  return std::nullopt;
}

// Each device adds up an operand's parts in another order, so no two may make the same sum.
bool close_ring(OpPlan& plan, const Mesh& mesh) {
  const Rule& rule = plan.way->rule;
  const size_t f = ring_factor(plan);
  if (!drop_start(plan.ring->digits, plan.cut[f])) return false;
  const DigitSet around = set_of(plan.ring->digits);
  const int64_t pieces = mesh.size_of(plan.cut[f]) * mesh.size_of(plan.ring->digits);
  if (!plan.cut[f].empty() && rule.factors[f].size % pieces != 0) return false;
  if (!plan.ring->operand) return (around & ~partial_of(plan).digits) == 0;
  if ((around & sharding_under(plan, ring_tensor(plan)).cut()) != 0) return false;
  return rule.factors[f].kind == FactorKind::parallel || (around & ~sharding_under(plan, rule.results[0]).cut()) == 0;
}

DType sum_type(DType type) { return is_floating(type) && bits_of(type) < 32 ? DType::f32 : type; }

double bytes_going_around(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  if (plan.ring->operand) {
    const size_t i = *plan.ring->operand;
    return local_bytes(op.operand_shapes[i], operand_sharding(op, plan, i), mesh);
  }
  const Shape sum = op.result_shapes[0].with_type(sum_type(op.result_shapes[0].type()));
  return local_bytes(sum, result_sharding(op, plan, 0), mesh);
}

// While a part is worked on it is already on its way to the next device, or the sum is that it will be added to: n
// rounds have n - 1 of these between them.
double seconds_in_ring(const OpContext& op, const OpPlan& plan, const Target& target) {
  const Mesh& mesh = target.mesh;
  const Machine& machine = target.machine;
  const auto rounds = static_cast<double>(mesh.size_of(plan.ring->digits));
  const size_t factor = ring_factor(plan);
  const int64_t size = ceil_div(plan.way->rule.factors[factor].size, mesh.size_of(plan.cut[factor]));
  const double share = static_cast<double>(ceil_div(size, mesh.size_of(plan.ring->digits))) / static_cast<double>(size);
  const double computing = std::max(operations_of(plan, mesh) * share / machine.operations_per_second,
                                    bytes_in_round(op, plan, share, mesh) / machine.memory_bytes_per_second);
  const Link link = machine.link_along(plan.ring->digits, mesh);
  const double sending = link.latency + bytes_going_around(op, plan, mesh) / link.bytes_per_second;
  const double hidden = std::min(computing, sending) * (machine.is_shared ? 1 : kCostOfHidden);
  return computing + (rounds - 1) * (std::max(computing, sending) + hidden) + rounds * machine.round_latency;
}

}  // namespace gshard
