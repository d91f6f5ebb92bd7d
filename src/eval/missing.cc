// Kernels that are still to come. Whoever adds one removes its line.
#include "eval/evaluator.h"

namespace gshard {

#define GSHARD_MISSING(op)                                                            \
  Literal eval_##op(const Instruction& instruction, std::span<Literal>, Evaluator&) { \
    throw evaluation_error(instruction, "cannot be evaluated");                       \
  }
GSHARD_MISSING(all_gather)
GSHARD_MISSING(all_gather_done)
GSHARD_MISSING(all_gather_start)
GSHARD_MISSING(all_reduce)
GSHARD_MISSING(all_reduce_done)
GSHARD_MISSING(all_reduce_start)
GSHARD_MISSING(all_to_all)
GSHARD_MISSING(collective_broadcast)
GSHARD_MISSING(collective_permute)
GSHARD_MISSING(collective_permute_done)
GSHARD_MISSING(collective_permute_start)
GSHARD_MISSING(custom_call)
GSHARD_MISSING(get_dimension_size)
GSHARD_MISSING(infeed)
GSHARD_MISSING(outfeed)
GSHARD_MISSING(partition_id)
GSHARD_MISSING(ragged_all_to_all)
GSHARD_MISSING(recv)
GSHARD_MISSING(recv_done)
GSHARD_MISSING(reduce)
GSHARD_MISSING(reduce_scatter)
GSHARD_MISSING(replica_id)
GSHARD_MISSING(rng)
GSHARD_MISSING(rng_bit_generator)
GSHARD_MISSING(rng_get_and_update_state)
GSHARD_MISSING(scan)
GSHARD_MISSING(send)
GSHARD_MISSING(send_done)
GSHARD_MISSING(set_dimension_size)
GSHARD_MISSING(sort)
GSHARD_MISSING(topk)

}  // namespace gshard
