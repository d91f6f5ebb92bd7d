// From one sharding of a value to another: a list of steps, which can be priced without being emitted.
//
//   f32[16,8], mesh [x=4]:  [x, -] -> [-, x]      one all_to_all
//                           partial(add): x -> [x, -]  one reduce_scatter
//
// Steps act on the minor end of a dimension. Where the padded sizes of two shardings do not nest (f32[9] cut by 4 is
// 3,3,3,0, by 2 it is 5,4), or other digits change, each device fetches the interval that it is to have, where that is
// less than to gather the dimension, cut it to its real size, and cut it again. Where digits only change places, one
// collective-permute moves all parts. Where they do and parts are of other sizes too ([x, y] -> [y, x] with x=4, y=2),
// an all-to-all makes these first.
#pragma once

#include <vector>

#include "ir/sharding.h"
#include "shard/emitter.h"
#include "shard/machine.h"
#include "shard/remap.h"

namespace gshard {

struct Step {
  enum class Kind : uint8_t {
    all_reduce,      // partial -> replicated
    reduce_scatter,  // partial -> dim
    all_to_all,      // dim -> to_dim
    all_gather,      // dim -> replicated
    local_slice,     // replicated -> dim
    make_partial,    // replicated -> partial: kept on the first device of a group, neutral on the others
    place,           // dim -> partial: this device's part where it belongs, neutral around it
    resize,          // this device's part of dim gets `size` elements
    remap,           // every device, among those that differ along `digits`, fetches its interval of dim
    permute,         // to the device at these places along `to_digits`, from the one there along `digits`
  };
  Kind kind;
  size_t dim = 0;
  size_t to_dim = 0;
  int64_t size = 0;
  Digits digits = {};
  Digits to_digits = {};
  Remap remap = {};
  RemapTraffic traffic = {};  // of the remap
  Reducer reducer = Reducer::none;
  // Elements of this device's value before and after the step.
  int64_t elements_before = 0;
  int64_t elements_after = 0;
};

// The steps from one sharding of a value of global sizes `sizes` to another. `from.manual == to.manual`.
std::vector<Step> reshard_steps(const Dims& sizes, const Sharding& from, const Sharding& to, const Mesh& mesh);

// Elements that each device sends over its links, by the usual ring algorithms.
double elements_sent(const std::vector<Step>& steps, const Mesh& mesh);

// Estimated seconds until they are done, one after the other: the elements over the slowest link of each step, and a
// latency for each of its messages.
double seconds_of(const std::vector<Step>& steps, DType type, const Mesh& mesh, const Machine& machine);

Instruction* emit(const std::vector<Step>& steps, Instruction* value, Emitter& emitter);

}  // namespace gshard
