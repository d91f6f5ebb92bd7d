// What collectives compute: the results of all members of a group from the operands of all of them.
#pragma once

#include <span>
#include <vector>

#include "eval/evaluator.h"

namespace gshard {

// The devices that take part in a collective together, in the order of its groups. Device = replica * partitions +
// partition; the three modes of HLO's replica groups (over replicas, over partitions, over flattened ids) follow from
// channel_id and use_global_device_ids.
struct DeviceGrid {
  int64_t replicas = 1;
  int64_t partitions = 1;
  int64_t count() const { return replicas * partitions; }
};

// The devices that a module's header says.
DeviceGrid grid_of(const Module& module);

// Whether an op moves values between devices, with groups or pairs that say which: not the -done forms, which only
// wait.
bool moves_between_devices(Op op);

// The groups of an instruction; devices that are in none are absent. For a collective-permute there is one group of all
// devices of a replica (or partition). Throws Error(program) where a group names a device that does not exist.
std::vector<std::vector<int64_t>> groups_of(const Instruction& instruction, const DeviceGrid& grid);

// Throws Error(program) where a pair of a collective-permute names a device that does not exist.
void expect_pairs_within(const Instruction& permute, const DeviceGrid& grid);

// results[m] for member m of the group `members`, where operands[m] are that member's operands. Reductions run over the
// members in order, so every run gives the same bits.
std::vector<Literal> collect(const Instruction& instruction, const DeviceGrid& grid, std::span<const int64_t> members,
                             std::span<const std::vector<Literal>> operands, Evaluator& evaluator);

}  // namespace gshard
