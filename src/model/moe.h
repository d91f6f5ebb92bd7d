// GShard's mixture-of-experts layer (Algorithm 2 of arXiv 2006.16668): a feed-forward layer for each expert, and each
// token goes to few of them.
//
//   Tensor y = moe(scope / "moe", x, is_token, {.gating = {.experts = 8}, .hidden = 64, .group_size = 128});
//
// With dimensions as in model/gating.h, M the size of a token's vector and H the hidden size, the cut ones in brackets
// where groups and experts are cut by the same axes:
//
//   combine    = route(softmax(einsum([G]SM, ME -> [G]SE)))
//   expert_in  = einsum([G]SEC, [G]SM -> [E]GCM)       tokens to their experts: one all-to-all
//   hidden     = relu(einsum([E]GCM, [E]MH -> [E]GCH))
//   expert_out = einsum([E]GCH, [E]HM -> [E]GCM)
//   y          = einsum([G]SEC, [G]ECM -> [G]SM)       and back: another one
#pragma once

#include "model/gating.h"

namespace gshard {

// How tokens get to their experts' slots and back; both give the same numbers.
enum class Dispatch : uint8_t {
  einsum,   // products with one-hot matrices: 4 * S * M operations per choice and token
  scatter,  // rows written and read by their index: S times fewer operations, and none of them products
  // Rows sorted by their experts, and products of as many rows as each expert has (ragged_dot): no slot is made that no
  // token fills, which is what GatingOptions::without_drops() wants. Where experts are cut, every part is given all
  // tokens and computes the rows of its own experts; what comes back is added up.
  sorted,
};

struct MoeOptions {
  GatingOptions gating = {};
  int64_t hidden = 0;
  // Tokens of a group. Groups are cut from the whole batch, whatever the devices: their number must be a multiple of
  // the parts that they are cut into.
  int64_t group_size = 0;
  Dispatch dispatch = Dispatch::einsum;
  double dropout = 0;  // of the hidden layer

  // No token is ever dropped, and no slot made that none fills.
  MoeOptions without_drops() const;
};

// x [B,L,M] -> [B,L,M], 0 for tokens that no expert took. `is_token` is pred [B,L], or of nothing. Parameters: gate
// [M,E], wi [E,M,H], wo [E,H,M]. Metrics and losses are those of route(). Throws Error(program) where the tokens are no
// multiple of the groups, or the groups of the parts that they are cut into.
Tensor moe(const Scope& scope, Tensor x, Tensor is_token, const MoeOptions& options, Here here = Here::current());

}  // namespace gshard
