#include "model/moe.h"

#include <fmt/format.h>

#include "model/functions.h"
#include "ops/infer.h"

namespace gshard {
namespace {

// ---- by products with one-hot matrices ------------------------------------------------------------------------------

Tensor dispatch_by_einsum(const Scope& scope, Tensor combine, Tensor tokens) {
  const Tensor mask = convert(combine > 0, tokens.type());
  return einsum("GSEC,GSM->EGCM", scope.annotate(mask, {"group"}), tokens);
}

Tensor combine_by_einsum(const Scope& scope, Tensor combine, Tensor expert_out) {
  return einsum("GSEC,GECM->GSM", scope.activation(combine), expert_out);
}

// ---- by indices of rows ---------------------------------------------------------------------------------------------

// s32 [G,S]: the row of a choice among the E * C slots of its group, E * C where it has none.
Tensor row_of(const Choice& choice, const Routing& routing) {
  const int64_t rows = routing.experts * routing.capacity;
  return where(choice.slot < routing.capacity, choice.expert * routing.capacity + choice.slot, rows);
}

Tensor dispatch_by_scatter(const Scope& scope, const Routing& routing, Tensor tokens) {
  const int64_t groups = tokens.dim(0);
  const int64_t size = tokens.dim(2);
  ScatterAttrs attributes;  // rows that no slot has are dropped
  attributes.update_window_dims = {2};
  attributes.inserted_window_dims = {1};
  attributes.scatter_dims_to_operand_dims = {1};
  attributes.input_batching_dims = {0};
  attributes.scatter_indices_batching_dims = {0};
  attributes.index_vector_dim = 2;
  const Shape slots(tokens.type(), {groups, routing.experts * routing.capacity, size});
  Tensor rows = full(tokens.computation(), slots, 0);
  for (const Choice& choice : routing.choices) {
    rows = scope.annotate(scatter(rows, row_of(choice, routing), tokens, attributes, Reducer::add), {"group"});
  }
  return transpose(reshape(rows, {groups, routing.experts, routing.capacity, size}), {1, 0, 2, 3});
}

Tensor combine_by_gather(const Scope& scope, const Routing& routing, Tensor expert_out) {
  const int64_t size = expert_out.dim(3);
  const Tensor rows = reshape(expert_out, {expert_out.dim(0), routing.experts * routing.capacity, size});
  GatherAttrs attributes;  // rows that no slot has are another's, with a weight of 0
  attributes.offset_dims = {2};
  attributes.collapsed_slice_dims = {1};
  attributes.start_index_map = {1};
  attributes.operand_batching_dims = {0};
  attributes.start_indices_batching_dims = {0};
  attributes.index_vector_dim = 2;
  attributes.slice_sizes = {1, 1, size};
  Tensor total;
  for (const Choice& choice : routing.choices) {
    const Tensor own = scope.exact(gather(rows, row_of(choice, routing), attributes));
    const Tensor weighted = own * expand_dims(choice.weight, -1);
    total = total.instruction() == nullptr ? weighted : total + weighted;
  }
  return scope.activation(total);
}

// ---------------------------------------------------------------------------------------------------------------------

// [E,G,C,M] -> [E,G,C,M]: each expert on its own.
Tensor experts(const Scope& scope, Tensor expert_in, const MoeOptions& options) {
  const int64_t count = options.gating.experts;
  const int64_t size = expert_in.dim(3);
  const Tensor wi =
      scope.parameter("wi", {count, size, options.hidden}, Initializer::fan_in(size), {"expert", "model", "ff"});
  const Tensor wo = scope.parameter("wo", {count, options.hidden, size}, Initializer::fan_in(options.hidden),
                                    {"expert", "ff", "model"});
  const Tensor hidden = relu(einsum("EGCM,EMH->EGCH", expert_in, scope.activation(wi)));
  const Tensor cut = scope.annotate(hidden, {"expert", "group", "", "ff"});
  return einsum("EGCH,EHM->EGCM", scope.dropout(cut, options.dropout), scope.activation(wo));
}

// The number of groups.
int64_t groups_of(const Scope& scope, Tensor x, const MoeOptions& options, const Here& here) {
  if (x.rank() != 3) throw error_here(fmt::format("moe: x is {}, must be [batch,length,size]", x.shape()), here);
  const int64_t tokens = x.dim(0) * x.dim(1);
  if (options.group_size < 1 || tokens % options.group_size != 0) {
    throw error_here(
        fmt::format("moe: {} x {} tokens are no multiple of groups of {}", x.dim(0), x.dim(1), options.group_size),
        here);
  }
  const int64_t groups = tokens / options.group_size;
  const int64_t parts = scope.layout().parts("group");
  if (groups % parts == 0) return groups;
  throw error_here(fmt::format("moe: {} groups of {} tokens are cut in {} parts; make groups smaller or batches larger",
                               groups, options.group_size, parts),
                   here);
}

}  // namespace

Tensor moe(const Scope& scope, Tensor x, Tensor is_token, const MoeOptions& options, Here here) {
  const int64_t groups = groups_of(scope, x, options, here);
  const int64_t size = x.dim(2);
  const Tensor tokens = scope.annotate(reshape(scope.activation(x), {groups, options.group_size, size}), {"group"});
  if (is_token.instruction() != nullptr) is_token = reshape(is_token, {groups, options.group_size});
  const Tensor gate = scope.parameter("gate", {size, options.gating.experts}, Initializer::fan_in(size));
  const Tensor logits = einsum("GSM,ME->GSE", scope.exact(tokens), scope.exact(gate));
  const Routing routing = route(scope, logits, is_token, options.gating, here);

  const bool by_einsum = options.dispatch == Dispatch::einsum;
  const Tensor combine = by_einsum ? scope.annotate(combine_weights(routing), {"group"}) : Tensor();
  Tensor expert_in =
      by_einsum ? dispatch_by_einsum(scope, combine, tokens) : dispatch_by_scatter(scope, routing, tokens);
  expert_in = scope.annotate(expert_in, {"expert", "group"});
  const Tensor expert_out = scope.annotate(experts(scope, expert_in, options), {"expert", "group"});
  const Tensor back = scope.annotate(transpose(expert_out, {1, 0, 2, 3}), {"group", "expert"});
  const Tensor y = by_einsum ? combine_by_einsum(scope, combine, back) : combine_by_gather(scope, routing, back);
  return scope.annotate(reshape(scope.annotate(y, {"group"}), x.dims()), {"batch"});
}

}  // namespace gshard
