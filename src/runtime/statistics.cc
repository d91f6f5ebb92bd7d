#include "runtime/statistics.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string_view>
#include <unordered_map>

#include "base/error.h"
#include "ir/sharding.h"
#include "ops/cost.h"
#include "ops/table.h"
#include "shard/shardy.h"
#include "transform/trip_count.h"

namespace gshard {
namespace {

constexpr std::string_view kShardyMeshes = "xla.sdy.meshes";
constexpr std::string_view kShardySharding = "xla.sdy.sharding";

// Ops whose result is an operand's elements under another name.
bool is_alias(const Instruction& instruction) {
  switch (instruction.op()) {
    case Op::get_tuple_element:
    case Op::tuple:
    case Op::bitcast:
    case Op::reshape:
    case Op::opt_barrier:
      return true;
    case Op::parameter:
      return instruction.parent() != instruction.parent()->parent()->entry();
    default:
      return false;
  }
}

bool is_annotated(const Instruction& instruction) {
  if (instruction.notes().sharding != nullptr) return true;
  const auto& attributes = instruction.notes().frontend_attributes;
  return attributes != nullptr && std::any_of(attributes->begin(), attributes->end(),
                                              [](const auto& entry) { return entry.first == kShardySharding; });
}

class Counter {
 public:
  Counter(const Module& module, Statistics& statistics)
      : module_(module), statistics_(statistics), costs_(module, [this](const Instruction& loop) {
          const std::optional<int64_t> trips = trip_count(loop);
          trips_[&loop] = trips;
          return static_cast<double>(trips.value_or(1));
        }) {}

  void count() {
    // Callers stand behind their callees: from the entry on.
    const auto& computations = module_.computations();
    for (auto computation = computations.rbegin(); computation != computations.rend(); ++computation) {
      const double runs = costs_.runs(**computation);
      for (const auto& i : (*computation)->instructions()) count(*i, runs);
    }
    for (const auto& [op, count] : ops_) statistics_.ops.push_back(count);
    for (const auto& [op, count] : collectives_) statistics_.collectives.push_back(count);
    statistics_.flops = costs_.total().flops;
    statistics_.transcendentals = costs_.total().transcendentals;
    std::stable_sort(statistics_.ops.begin(), statistics_.ops.end(), [](const OpCount& a, const OpCount& b) {
      return a.flops != b.flops ? a.flops > b.flops : a.count > b.count;
    });
  }

 private:
  void count(const Instruction& i, double runs) {
    OpCount& op = ops_.try_emplace(i.op(), OpCount{i.op()}).first->second;
    ++op.count;
    op.runs += runs;
    if (is_annotated(i)) ++statistics_.annotated;
    if (runs == 0) return;  // part of a reducer or comparator, whose user has the cost
    const Cost cost = costs_.of(i) * runs;
    op.flops += cost.flops;
    op.transcendentals += cost.transcendentals;
    if (i.op() == Op::while_) statistics_.loops.push_back({&i, trips_[&i]});
    if (has(row_of(i.op()).traits, Traits::collective)) count_collective(i, runs);
    if (i.shape().is_array() && !is_alias(i)) statistics_.largest.push_back({&i, i.shape().byte_size()});
  }

  void count_collective(const Instruction& i, double runs) {
    CollectiveCount& collective = collectives_.try_emplace(i.op(), CollectiveCount{i.op()}).first->second;
    ++collective.count;
    collective.runs += runs;
    for (const Instruction* operand : i.operands()) {
      collective.bytes += runs * static_cast<double>(operand->shape().byte_size());
    }
  }

  const Module& module_;
  Statistics& statistics_;
  std::unordered_map<const Instruction*, std::optional<int64_t>> trips_;
  Costs costs_;
  std::map<Op, OpCount> ops_;
  std::map<Op, CollectiveCount> collectives_;
};

// ---- meshes -------------------------------------------------------------------------------------------------------

// What cannot be read is left to partitioning to refuse.
std::vector<NamedMesh> shardy_meshes(const Module& module) {
  std::vector<NamedMesh> meshes;
  const auto text = frontend_attribute(module.header().frontend_attributes, kShardyMeshes);
  if (!text) return meshes;
  try {
    for (ShardyMesh& mesh : read_shardy_meshes(*text)) {
      if (!mesh.axes.empty()) meshes.push_back({std::move(mesh.name), Mesh(std::move(mesh.axes))});
    }
  } catch (const Error&) {
    return {};
  }
  return meshes;
}

void collect_tilings(const HloSharding& sharding, std::vector<const HloSharding*>& tilings) {
  if (sharding.kind == HloSharding::Kind::tiled) tilings.push_back(&sharding);
  for (const HloSharding& element : sharding.elements) collect_tilings(element, tilings);
}

// The mesh that all device lists agree on; none where they do not.
std::vector<NamedMesh> found_meshes(const Module& module) {
  std::vector<const HloSharding*> tilings;
  for (const auto& computation : module.computations()) {
    for (const auto& i : computation->instructions()) {
      if (i->notes().sharding != nullptr) collect_tilings(*i->notes().sharding, tilings);
    }
  }
  if (tilings.empty()) return {};
  try {
    return {{"", find_mesh(tilings, module.header().num_partitions)}};
  } catch (const Error&) {
    return {};
  }
}

std::vector<NamedMesh> meshes_of(const Module& module) {
  try {
    std::vector<NamedMesh> named = shardy_meshes(module);
    return named.empty() ? found_meshes(module) : named;
  } catch (const Error&) {
    return {};  // an ill-formed mesh is the partitioner's to complain about
  }
}

int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

void keep_largest(std::vector<LargeValue>& values, size_t count) {
  std::stable_sort(values.begin(), values.end(),
                   [](const LargeValue& a, const LargeValue& b) { return a.bytes > b.bytes; });
  if (values.size() > count) values.resize(count);
}

}  // namespace

Statistics statistics_of(const Module& module, size_t largest_count) {
  Statistics statistics;
  statistics.instructions = static_cast<int64_t>(module.instruction_count());
  statistics.computations = static_cast<int64_t>(module.computations().size());
  for (const Instruction* parameter : module.entry()->parameters()) {
    ++statistics.parameters;
    statistics.parameter_bytes = saturating_add(statistics.parameter_bytes, parameter->shape().byte_size());
  }
  statistics.result_bytes = module.entry()->root()->shape().byte_size();
  statistics.devices = module.header().num_partitions;
  Counter(module, statistics).count();
  keep_largest(statistics.largest, largest_count);
  statistics.meshes = meshes_of(module);
  return statistics;
}

}  // namespace gshard
