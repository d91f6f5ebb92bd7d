// Multi-head attention over packed sequences.
//
//   Tensor y = attention(scope / "self", x, x_places, x, x_places, {.heads = 16, .key_size = 128});
//
// Several sequences may share a row of a batch: `segments` numbers them from 1 (0 is padding), and nobody looks into
// another segment; but a query that sees no key at all, its segment having none there, gets the mean of all values.
// Logits are divided by sqrt(key_size). (The authors begin with smaller queries instead: for Adafactor, whose steps are
// relative to the weights, that is the same; for Adam it is not.)
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

// What queries look at: a key and a value for each token.
struct AttentionCache {
  Tensor keys;    // [B,K,heads,key_size]
  Tensor values;  // the same
};

// Those of y [B,K,M]. Parameters k, v.
AttentionCache attention_cache(const Scope& scope, Tensor y, const AttentionOptions& options,
                               Here here = Here::current());

// x [B,Q,M] looks at the tokens of a cache where `seen` (pred [B,Q,K]) holds; [B,Q,M]. Parameters q, out.
Tensor attend(const Scope& scope, Tensor x, const AttentionCache& cache, Tensor seen, const AttentionOptions& options,
              Here here = Here::current());

// One more token x [B,N,M] of each of the N texts that are written in each row of a batch: their keys and values are
// written into rows place to place + N - 1 (s32 scalar) of the cache, and then they look at it, where `seen`
// (pred [B,N,K]) holds. Texts may have beginnings in common: which rows are whose only `seen` says. Returns the result,
// and the cache after.
struct CachedAttention {
  Tensor result;
  AttentionCache cache;
};
struct CachePlace {
  Tensor place;
  Tensor seen;
};
CachedAttention attention_step(const Scope& scope, Tensor x, const AttentionCache& cache, const CachePlace& at,
                               const AttentionOptions& options, Here here = Here::current());

}  // namespace gshard
