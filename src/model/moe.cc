#include "model/moe.h"

#include <fmt/format.h>

#include <limits>

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

// Rows of table [...,rows,size] by their indices [...,n]: [...,n,size].
Tensor rows_at(Tensor table, Tensor indices) {
  const auto batches = static_cast<int64_t>(indices.rank()) - 1;
  GatherAttrs attributes;
  attributes.offset_dims = {batches + 1};
  attributes.collapsed_slice_dims = {batches};
  attributes.start_index_map = {batches};
  for (int64_t d = 0; d < batches; ++d) attributes.operand_batching_dims.push_back(d);
  attributes.start_indices_batching_dims = attributes.operand_batching_dims;
  attributes.index_vector_dim = batches + 1;
  attributes.slice_sizes.resize(table.rank(), 1);
  attributes.slice_sizes.back() = table.dim(table.rank() - 1);
  return gather(table, indices, attributes);
}

Tensor combine_by_gather(const Scope& scope, const Routing& routing, Tensor expert_out) {
  const Tensor rows = reshape(expert_out, {expert_out.dim(0), routing.experts * routing.capacity, expert_out.dim(3)});
  Tensor total;
  for (const Choice& choice : routing.choices) {
    // Rows that no slot has are another's, with a weight of 0.
    const Tensor own = scope.exact(rows_at(rows, row_of(choice, routing)));
    total = plus(total, own * expand_dims(choice.weight, -1));
  }
  return scope.activation(total);
}

// ---------------------------------------------------------------------------------------------------------------------

struct ExpertWeights {
  Tensor wi;  // [E,M,H]
  Tensor wo;  // [E,H,M]
};

ExpertWeights expert_weights(const Scope& scope, int64_t size, const MoeOptions& options) {
  const int64_t count = options.gating.experts;
  const Tensor wi =
      scope.parameter("wi", {count, size, options.hidden}, Initializer::fan_in(size), {"expert", "model", "ff"});
  const Tensor wo = scope.parameter("wo", {count, options.hidden, size}, Initializer::fan_in(options.hidden),
                                    {"expert", "ff", "model"});
  return {scope.activation(wi), scope.activation(wo)};
}

// [E,G,C,M] -> [E,G,C,M]: each expert on its own.
Tensor experts(const Scope& scope, Tensor expert_in, const MoeOptions& options) {
  const auto [wi, wo] = expert_weights(scope, expert_in.dim(3), options);
  const Tensor hidden = relu(einsum("EGCM,EMH->EGCH", expert_in, wi));
  const Tensor cut = scope.annotate(hidden, {"expert", "group", "", "ff"});
  return einsum("EGCH,EHM->EGCM", scope.dropout(cut, options.dropout), wo);
}

Tensor through_slots(const Scope& scope, const Routing& routing, Tensor tokens, const MoeOptions& options) {
  const bool by_einsum = options.dispatch == Dispatch::einsum;
  const Tensor combine = by_einsum ? scope.annotate(combine_weights(routing), {"group"}) : Tensor();
  Tensor expert_in =
      by_einsum ? dispatch_by_einsum(scope, combine, tokens) : dispatch_by_scatter(scope, routing, tokens);
  expert_in = scope.annotate(expert_in, {"expert", "group"});
  const Tensor expert_out = scope.annotate(experts(scope, expert_in, options), {"expert", "group"});
  const Tensor back = scope.annotate(transpose(expert_out, {1, 0, 2, 3}), {"group", "expert"});
  return by_einsum ? combine_by_einsum(scope, combine, back) : combine_by_gather(scope, routing, back);
}

// ---- by rows in the order of their experts --------------------------------------------------------------------------
//
//   P parts that the experts are cut into   K choices   R = K * S rows of a group, row k * S + s is the k-th of token s

// s32 [P,G,R]: the rows in ascending order of their keys [P,G,R], earlier ones of a key first. Keys are 0 to `largest`.
Tensor ascending_order(Tensor keys, int64_t largest) {
  const int64_t rows = keys.dim(2);
  const bool is_narrow = largest < std::numeric_limits<int32_t>::max() / rows;
  const Tensor wide = convert(keys, is_narrow ? DType::s32 : DType::s64);
  const Tensor numbers = sort(wide * rows + positions_along(wide, 2, wide.type()), 2, Direction::LT);
  return convert(remainder(numbers, rows), DType::s32);
}

struct SortedRows {
  Tensor order;  // s32 [P,G,R]: the rows of a part's experts, one expert after another, and then all others
  Tensor place;  // s32 [P,G,R]: where each row stands there
  Tensor sizes;  // s32 [P,G,E/P]: how many rows each expert has
};

SortedRows sort_rows(const Routing& routing, int64_t parts) {
  const int64_t own = routing.experts / parts;
  std::vector<Tensor> of_choices;
  for (const Choice& choice : routing.choices) {
    of_choices.push_back(where(choice.slot < routing.capacity, choice.expert, routing.experts));
  }
  const Tensor expert = concatenate(of_choices, 1);
  const Tensor all = broadcast(expert, {parts, expert.dim(0), expert.dim(1)}, {1, 2});
  const Tensor within = all - positions_along(all, 0, DType::s32) * own;
  const Tensor key = where((within >= 0) & (within < own), within, own);
  const Tensor order = ascending_order(key, own);
  const Tensor place = ascending_order(order, order.dim(2) - 1);
  return {order, place, sum(one_hot(key, own, DType::s32), {2})};
}

// rows [P,G,R,M] by weights [E,M,N], each with its expert's: [P,G,R,N], 0 for rows of other parts' experts.
Tensor by_experts(Tensor rows, Tensor weights, Tensor sizes) {
  const int64_t parts = rows.dim(0);
  RaggedDotAttrs attributes;
  attributes.lhs_batch_dims = attributes.rhs_batch_dims = {0};
  attributes.lhs_contracting_dims = {3};
  attributes.rhs_contracting_dims = {2};
  attributes.lhs_ragged_dims = {2};
  attributes.rhs_group_dims = {1};
  const Dims split = {parts, weights.dim(0) / parts, weights.dim(1), weights.dim(2)};
  return ragged_dot(rows, reshape(weights, split), sizes, attributes);
}

// hidden [P,G,R,H] in sorted order. What is dropped depends on the row before sorting, and so not on the parts.
Tensor dropped_out(const Scope& scope, Tensor hidden, Tensor order, double rate) {
  if (rate == 0 || scope.mode() == Mode::evaluate) return hidden;
  const Shape one_part(hidden.type(), {hidden.dim(1), hidden.dim(2), hidden.dim(3)});
  const Tensor kept = scope.dropout(full(hidden.computation(), one_part, 1), rate);
  return hidden * rows_at(broadcast(kept, hidden.dims(), {1, 2, 3}), order);
}

Tensor through_sorted_rows(const Scope& scope, const Routing& routing, Tensor tokens, const MoeOptions& options) {
  const int64_t cut = scope.layout().parts("expert");
  const int64_t parts = routing.experts % cut == 0 ? cut : 1;
  const auto choices = static_cast<int64_t>(routing.choices.size());
  const int64_t groups = tokens.dim(0);
  const int64_t size = tokens.dim(2);
  const auto [order, place, sizes] = sort_rows(routing, parts);
  const auto [wi, wo] = expert_weights(scope, size, options);

  const Tensor everywhere = broadcast(tokens, {parts, groups, tokens.dim(1), size}, {1, 2, 3});
  const Tensor rows = scope.annotate(rows_at(everywhere, remainder(order, tokens.dim(1))), {"expert", "group"});
  const Tensor hidden = scope.annotate(relu(by_experts(rows, wi, sizes)), {"expert", "group", "", "ff"});
  const Tensor out = by_experts(dropped_out(scope, hidden, order, options.dropout), wo, sizes);

  std::vector<Tensor> weights;
  for (const Choice& choice : routing.choices) weights.push_back(choice.weight);
  const Tensor weighted = scope.exact(rows_at(out, place)) * expand_dims(concatenate(weights, 1), -1);
  const Tensor by_choice = reshape(weighted, {parts, groups, choices, tokens.dim(1), size});
  return scope.activation(sum(by_choice, {0, 2}));
}

// ---------------------------------------------------------------------------------------------------------------------

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

MoeOptions MoeOptions::without_drops() const {
  MoeOptions options = *this;
  options.gating = gating.without_drops();
  options.dispatch = Dispatch::sorted;
  return options;
}

Tensor moe(const Scope& scope, Tensor x, Tensor is_token, const MoeOptions& options, Here here) {
  const int64_t groups = groups_of(scope, x, options, here);
  const int64_t size = x.dim(2);
  const Tensor tokens = scope.annotate(reshape(scope.activation(x), {groups, options.group_size, size}), {"group"});
  if (is_set(is_token)) is_token = reshape(is_token, {groups, options.group_size});
  const Tensor gate = scope.parameter("gate", {size, options.gating.experts}, Initializer::fan_in(size));
  const Tensor logits = einsum("GSM,ME->GSE", scope.exact(tokens), scope.exact(gate));
  const Routing routing = route(scope, logits, is_token, options.gating, here);

  const bool is_sorted = options.dispatch == Dispatch::sorted;
  const Tensor y =
      is_sorted ? through_sorted_rows(scope, routing, tokens, options) : through_slots(scope, routing, tokens, options);
  return scope.annotate(reshape(scope.annotate(y, {"group"}), x.dims()), {"batch"});
}

}  // namespace gshard
