#include "runtime/communication.h"

#include <algorithm>
#include <map>
#include <unordered_set>

#include "eval/collectives.h"
#include "ops/cost.h"
#include "ops/table.h"
#include "transform/trip_count.h"

namespace gshard {
namespace {

double group_size(const Instruction& collective, int64_t devices) {
  const auto* attrs = std::get_if<CollectiveAttrs>(&collective.attributes());
  if (attrs == nullptr) return static_cast<double>(devices);
  const ReplicaGroups& groups = attrs->replica_groups;
  if (groups.iota && groups.iota->dims.size() == 2) return static_cast<double>(groups.iota->dims[1]);
  return static_cast<double>(groups.groups.empty() ? devices : static_cast<int64_t>(groups.groups[0].size()));
}

// What a device sends in one run, by the usual ring algorithms.
double bytes_sent(const Instruction& collective, int64_t devices) {
  double bytes = 0;
  for (const Instruction* operand : collective.operands()) bytes += static_cast<double>(operand->shape().byte_size());
  const double members = group_size(collective, devices);
  switch (collective.op()) {
    case Op::all_gather:
      return bytes * (members - 1);
    case Op::all_reduce:
      return 2 * bytes * (members - 1) / members;
    case Op::reduce_scatter:
    case Op::all_to_all:
      return bytes * (members - 1) / members;
    default:
      return bytes;
  }
}

// Messages one after the other.
double messages_in(const Instruction& collective, int64_t devices) {
  if (collective.op() == Op::collective_permute) return 1;
  const double once = doublings(static_cast<int64_t>(group_size(collective, devices)));
  return collective.op() == Op::all_reduce ? 2 * once : once;
}

// Devices that send to each other in a collective: pairs, or one group, of which there are others that differ likewise.
std::vector<std::pair<int64_t, int64_t>> partners_in(const Instruction& collective, const DeviceGrid& grid) {
  if (collective.op() == Op::collective_permute) {
    return collective.attrs<CollectivePermuteAttrs>().source_target_pairs.list();
  }
  std::vector<std::pair<int64_t, int64_t>> pairs;
  const auto groups = groups_of(collective, grid);
  for (const int64_t member : groups.empty() ? std::vector<int64_t>{} : groups[0]) {
    pairs.emplace_back(groups[0][0], member);
  }
  return pairs;
}

// The mesh digits along which a collective sends.
Digits digits_of(const Instruction& collective, const Boundary& program) {
  const Mesh& mesh = program.mesh;
  std::vector<int64_t> positions(static_cast<size_t>(mesh.device_count()));
  for (size_t position = 0; position < positions.size(); ++position) {
    const size_t device = mesh.device_order().empty() ? position : static_cast<size_t>(mesh.device_order()[position]);
    positions[device] = static_cast<int64_t>(position);
  }
  const auto position_of = [&](int64_t device) { return positions[static_cast<size_t>(device) % positions.size()]; };
  DigitSet found = 0;
  for (const auto& [from, to] : partners_in(collective, {program.replicas, mesh.device_count()})) {
    for (size_t d = 0; d < mesh.digits().size(); ++d) {
      const Mesh::DigitRow& row = mesh.digits()[d];
      const bool differs = position_of(from) / row.stride % row.size != position_of(to) / row.stride % row.size;
      if (differs) found |= digit_bit(static_cast<Digit>(d));
    }
  }
  Digits digits;
  for (size_t d = 0; d < mesh.digits().size(); ++d) {
    if ((found >> d & 1) != 0) digits.push_back(static_cast<Digit>(d));
  }
  return digits;
}

// Instructions of the whole program by their places in its text, which what was emitted for them keeps.
using Places = std::map<std::pair<int64_t, int64_t>, const Instruction*>;

Places places_of(const Module& module) {
  Places places;
  for (const auto& computation : module.computations()) {
    for (const auto& i : computation->instructions()) {
      if (i->text_line() != 0) places[{i->text_line(), i->text_column()}] = i.get();
    }
  }
  return places;
}

double trips_of(const Instruction& loop) { return static_cast<double>(trip_count(loop).value_or(1)); }

}  // namespace

std::string Communication::kind() const {
  std::string text;
  std::string last;
  for (const Instruction* collective : collectives) {
    const std::string word(keyword_of(collective->op()));
    if (word == last) continue;
    text += (text.empty() ? "" : " + ") + word;
    last = word;
  }
  return text;
}

std::vector<Communication> communications_of(const Module& prepared, const Partitioned& program,
                                             const Machine& machine) {
  const Costs costs(*program.module, trips_of);
  std::vector<Communication> all;
  std::unordered_set<const Instruction*> known;
  for (const ReshardRecord& record : program.reshards) {
    known.insert(record.collectives.begin(), record.collectives.end());
    const double runs = costs.runs(*record.collectives[0]->parent());
    all.push_back({record.cause, record.value, record.shape, record.from, record.to, record.collectives, runs,
                   runs * record.bytes, runs * record.seconds});
  }
  const Places places = places_of(prepared);
  for (const auto& computation : program.module->computations()) {
    for (const auto& i : computation->instructions()) {
      if (!has(row_of(i->op()).traits, Traits::collective) || known.contains(i.get())) continue;
      const auto cause = places.find({i->text_line(), i->text_column()});
      const double runs = costs.runs(*computation);
      const double bytes = bytes_sent(*i, program.mesh.device_count());
      const double messages = messages_in(*i, program.mesh.device_count());
      const Link link = machine.link_along(digits_of(*i, program), program.mesh);
      all.push_back({cause == places.end() ? nullptr : cause->second,
                     nullptr,
                     i->shape(),
                     {},
                     {},
                     {i.get()},
                     runs,
                     runs * bytes,
                     runs * (messages * link.latency + bytes / link.bytes_per_second)});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return all;
}

Estimate loops_estimated(const Module& prepared, const PartitionOptions& options) {
  return estimate(prepared, options, trips_of);
}

}  // namespace gshard
