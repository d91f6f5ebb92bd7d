#include "shard/annotation_calls.h"

namespace gshard {
namespace {

bool calls(const Instruction& instruction, std::string_view target) {
  return instruction.op() == Op::custom_call && instruction.attrs<CustomCallAttrs>().custom_call_target == target;
}

}  // namespace

bool is_sharding_call(const Instruction& instruction) {
  return calls(instruction, "Sharding") || calls(instruction, "xla.sdy.FuncResultSharding") ||
         calls(instruction, "xla.sdy.ShardingGroup") || calls(instruction, "xla.sdy.PropagationBarrier");
}

bool is_to_manual_call(const Instruction& instruction) {
  return calls(instruction, "SPMDFullToShardShape") || calls(instruction, "xla.sdy.GlobalToLocalShape");
}

bool is_to_automatic_call(const Instruction& instruction) {
  return calls(instruction, "SPMDShardToFullShape") || calls(instruction, "xla.sdy.LocalToGlobalShape");
}

}  // namespace gshard
