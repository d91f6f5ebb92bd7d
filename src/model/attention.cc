#include "model/attention.h"

#include <fmt/format.h>

#include <cmath>

#include "model/functions.h"
#include "ops/infer.h"

namespace gshard {
namespace {

constexpr double kNever = -1e9;

double root(int64_t x) { return std::sqrt(static_cast<double>(x)); }

struct Weights {
  Tensor q, k, v, out;
};

Weights weights_of(const Scope& scope, int64_t size, const AttentionOptions& options) {
  const Dims inward = {size, options.heads, options.key_size};
  const auto into = [&](const char* name, double deviation) {
    return scope.activation(scope.parameter(name, inward, Initializer::normal(deviation), {"model", "heads"}));
  };
  Weights weights;
  weights.q = into("q", 1 / root(size * options.key_size));
  weights.k = into("k", 1 / root(size));
  weights.v = into("v", 1 / root(size));
  const Dims outward = {options.heads, options.key_size, size};
  const Initializer initializer = Initializer::normal(1 / root(options.heads * options.key_size));
  weights.out = scope.activation(scope.parameter("out", outward, initializer, {"heads", "", "model"}));
  return weights;
}

Tensor heads_of(const Scope& scope, Tensor x, Tensor weight) {
  return scope.annotate(einsum("BLM,MHD->BLHD", x, weight), {"batch", "", "heads"});
}

// pred [B,1,Q,K]: whether a query sees a key.
Tensor seen(const Places& queries, const Places& keys, Sight sight) {
  const auto of_query = [](Tensor x) { return reshape(x, {x.dim(0), 1, x.dim(1), 1}); };
  const auto of_key = [](Tensor x) { return reshape(x, {x.dim(0), 1, 1, x.dim(1)}); };
  const Tensor same = equal(of_query(queries.segments), of_key(keys.segments));
  if (sight == Sight::everything) return same;
  return same & (of_query(queries.positions) >= of_key(keys.positions));
}

// Queries [B,Q,H,D], keys and values [B,K,H,D].
Tensor look(const Scope& scope, Tensor queries, const AttentionCache& keys, Tensor seen, double dropout) {
  const Tensor logits = einsum("BQHD,BKHD->BHQK", queries, keys.keys, scope.numerics().exact);
  const Tensor shares = scope.activation(softmax(where(seen, logits, kNever), -1));
  return einsum("BHQK,BKHD->BQHD", scope.dropout(shares, dropout), keys.values);
}

void check(Tensor x, const AttentionOptions& options, const Here& here) {
  if (x.rank() == 3 && options.heads > 0 && options.key_size > 0) return;
  throw error_here(fmt::format("attention: x is {}, must be [batch,length,size], with {} heads of {}", x.shape(),
                               options.heads, options.key_size),
                   here);
}

}  // namespace

Tensor attention(const Scope& scope, Tensor x, const Places& x_places, Tensor y, const Places& y_places,
                 const AttentionOptions& options, Here here) {
  check(x, options, here);
  const Weights weights = weights_of(scope, x.dim(2), options);
  const Tensor queries = heads_of(scope, scope.activation(x), weights.q);
  const Tensor source = scope.activation(y);
  const AttentionCache keys{heads_of(scope, source, weights.k), heads_of(scope, source, weights.v)};
  const Tensor result = look(scope, queries, keys, seen(x_places, y_places, options.sight), options.dropout);
  return scope.annotate(einsum("BQHD,HDM->BQM", result, weights.out), {"batch"});
}

CachedAttention attention_step(const Scope& scope, Tensor x, Tensor step, const AttentionCache& cache,
                               const AttentionOptions& options, Here here) {
  check(x, options, here);
  const Weights weights = weights_of(scope, x.dim(2), options);
  const Tensor zero = full_like(step, 0);
  const auto written = [&](Tensor into, Tensor weight) {
    return dynamic_update_slice(into, heads_of(scope, scope.activation(x), weight), {zero, step, zero, zero});
  };
  const AttentionCache after{written(cache.keys, weights.k), written(cache.values, weights.v)};
  const Shape places(step.type(), {1, 1, 1, after.keys.dim(1)});
  const Tensor is_past = iota(x.computation(), places, 3) <= step;
  const Tensor result = look(scope, heads_of(scope, scope.activation(x), weights.q), after, is_past, 0);
  return {scope.annotate(einsum("BQHD,HDM->BQM", result, weights.out), {"batch"}), after};
}

}  // namespace gshard
