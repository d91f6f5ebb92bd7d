#include "shard/refusal.h"

#include "ir/module.h"
#include "ops/table.h"
#include "shard/annotation_calls.h"

namespace gshard {
namespace {

// Ops that act on the world outside of the program, but alike on every device.
bool acts_alike_everywhere(Op op) {
  return op == Op::infeed || op == Op::outfeed || op == Op::rng || op == Op::rng_get_and_update_state;
}

}  // namespace

Error located(const Error& error, const Instruction& instruction) {
  return Error(error.kind(), "%" + instruction.name() + ": " + error.what())
      .at({instruction.parent()->parent()->file(), instruction.text_line(), instruction.text_column(), ""});
}

Error refusal(const Instruction& instruction, const std::string& why) {
  return Error::program(std::string(keyword_of(instruction.op())) + ": %" + instruction.name() + " " + why)
      .at({instruction.parent()->parent()->file(), instruction.text_line(), instruction.text_column(), ""});
}

void check_is_supported(const Instruction& i) {
  switch (i.op()) {
    case Op::fusion:
    case Op::async_start:
    case Op::async_update:
    case Op::async_done:
      throw refusal(i, "must be inlined before partitioning");
    case Op::all_gather_start:
    case Op::all_gather_done:
    case Op::all_reduce_start:
    case Op::all_reduce_done:
    case Op::collective_permute_start:
    case Op::collective_permute_done:
      throw refusal(i, "is one half of an asynchronous collective; partition the module before these are made");
    default:
      break;
  }
  const bool speaks_of_shardings = is_sharding_call(i) || is_to_manual_call(i) || is_to_automatic_call(i);
  if (!speaks_of_shardings && has_side_effect(i) && !acts_alike_everywhere(i.op())) {
    throw refusal(i, "has a side effect, which the partitioner does not support");
  }
}

}  // namespace gshard
