// Multi-head attention over packed sequences.
//
//   Tensor y = attention(scope / "self", x, x_places, x, x_places, {.heads = 16, .key_size = 128});
//
// Several sequences may share a row of a batch: `segments` numbers them from 1 (0 is padding), and nobody looks into
// another segment. Logits are not divided by sqrt(key_size): the initial queries are smaller for it, as in the
// authors' implementation.
#pragma once

#include "model/model.h"

namespace gshard {

// What stands where in a batch [B,L].
struct Places {
  Tensor segments;   // s32: the number of the token's sequence, 0 for padding
  Tensor positions;  // s32: its place in the sequence, from 0
  Tensor is_token() const { return segments > 0; }
};

enum class Sight : uint8_t { everything, past };  // what a query sees of its segment: past includes itself

struct AttentionOptions {
  int64_t heads = 0;
  int64_t key_size = 0;  // of each head's queries, keys and values
  Sight sight = Sight::everything;
  double dropout = 0;  // of the weights
};

// x [B,Q,M] looks at y [B,K,M]; [B,Q,M]. Parameters: q, k, v [M,heads,key_size], out [heads,key_size,M].
Tensor attention(const Scope& scope, Tensor x, const Places& x_places, Tensor y, const Places& y_places,
                 const AttentionOptions& options, Here here = Here::current());

// Keys and values of what was decoded so far, which one more token at a time looks at.
struct AttentionCache {
  Tensor keys;    // [B,K,heads,key_size]
  Tensor values;  // the same
};

// The same for one token x [B,1,M] of each row at place `step` (s32 scalar): its key and value are written into the
// cache there, and it sees the places up to it. Returns the result, and the cache after.
struct CachedAttention {
  Tensor result;
  AttentionCache cache;
};
CachedAttention attention_step(const Scope& scope, Tensor x, Tensor step, const AttentionCache& cache,
                               const AttentionOptions& options, Here here = Here::current());

}  // namespace gshard
