#include "model/attention.h"

#include <fmt/format.h>

#include <cmath>

#include "model/functions.h"
#include "ops/infer.h"

namespace gshard {
namespace {

constexpr double kNever = -1e9;

double root(int64_t x) { return std::sqrt(static_cast<double>(x)); }

Tensor inward_weight(const Scope& scope, const char* name, int64_t size, const AttentionOptions& options) {
  const Dims sizes = {size, options.heads, options.key_size};
  return scope.activation(scope.parameter(name, sizes, Initializer::normal(1 / root(size)), {"model", "heads"}));
}

Tensor outward_weight(const Scope& scope, int64_t size, const AttentionOptions& options) {
  const Initializer initializer = Initializer::normal(1 / root(options.heads * options.key_size));
  const Dims sizes = {options.heads, options.key_size, size};
  return scope.activation(scope.parameter("out", sizes, initializer, {"heads", "", "model"}));
}

Tensor heads_of(const Scope& scope, Tensor x, Tensor weight) {
  return scope.annotate(einsum("BLM,MHD->BLHD", x, weight), {"batch", "", "heads"});
}

// pred [B,Q,K]: whether a query sees a key.
Tensor seen(const Places& queries, const Places& keys, Sight sight) {
  const Tensor same = equal(expand_dims(queries.segments, 2), expand_dims(keys.segments, 1));
  if (sight == Sight::everything) return same;
  return same & (expand_dims(queries.positions, 2) >= expand_dims(keys.positions, 1));
}

void check(Tensor x, const AttentionOptions& options, const Here& here) {
  if (x.rank() == 3 && options.heads > 0 && options.key_size > 0) return;
  throw error_here(fmt::format("attention: x is {}, must be [batch,length,size], with {} heads of {}", x.shape(),
                               options.heads, options.key_size),
                   here);
}

}  // namespace

AttentionCache attention_cache(const Scope& scope, Tensor y, const AttentionOptions& options, Here here) {
  check(y, options, here);
  const Tensor source = scope.activation(y);
  const auto heads = [&](const char* name) {
    return heads_of(scope, source, inward_weight(scope, name, y.dim(2), options));
  };
  const Tensor keys = heads("k");
  return {keys, heads("v")};
}

Tensor attend(const Scope& scope, Tensor x, const AttentionCache& cache, Tensor seen, const AttentionOptions& options,
              Here here) {
  check(x, options, here);
  const Tensor queries = heads_of(scope, scope.activation(x), inward_weight(scope, "q", x.dim(2), options));
  const Tensor products = einsum("BQHD,BKHD->BHQK", queries, cache.keys, scope.numerics().exact);
  const Tensor logits = products * (1 / root(options.key_size));
  const Tensor shares = scope.activation(softmax(where(expand_dims(seen, 1), logits, kNever), -1));
  const Tensor result = einsum("BHQK,BKHD->BQHD", scope.dropout(shares, options.dropout), cache.values);
  return scope.annotate(einsum("BQHD,HDM->BQM", result, outward_weight(scope, x.dim(2), options)), {"batch"});
}

Tensor attention(const Scope& scope, Tensor x, const Places& x_places, Tensor y, const Places& y_places,
                 const AttentionOptions& options, Here here) {
  const AttentionCache cache = attention_cache(scope, y, options, here);
  return attend(scope, x, cache, seen(x_places, y_places, options.sight), options, here);
}

CachedAttention attention_step(const Scope& scope, Tensor x, const AttentionCache& cache, const CachePlace& at,
                               const AttentionOptions& options, Here here) {
  const AttentionCache now = attention_cache(scope, x, options, here);
  const Tensor zero = full_like(at.place, 0);
  const auto written = [&](Tensor into, Tensor rows) {
    return dynamic_update_slice(into, rows, {zero, at.place, zero, zero});
  };
  const AttentionCache after{written(cache.keys, now.keys), written(cache.values, now.values)};
  return {attend(scope, x, after, at.seen, options, here), after};
}

}  // namespace gshard
