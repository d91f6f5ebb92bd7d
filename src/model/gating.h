// Which experts a token goes to: GShard's Top2Gating (Algorithm 1 of arXiv 2006.16668), its variants, and top-k.
//
//   Routing routing = route(scope, logits, is_token, {.experts = 8});      // logits [G,S,E], is_token [G,S] or {}
//   Tensor combine = combine_weights(routing);                            // [G,S,E,C]
//
// Tokens come in groups, each on its own. In a group every expert takes C tokens at most: first choices come before
// second ones, and earlier tokens before later ones. What does not fit is dropped: its weight is 0. Dimensions:
//
//   G groups   S tokens of a group   E experts   C capacity: tokens of a group that an expert takes
#pragma once

#include <vector>

#include "model/model.h"

namespace gshard {

// Who goes to its second (third, ...) choice.
enum class LaterChoices : uint8_t {
  random,  // with probability g2 / threshold, where g2 is the normalised gate
  all,
  sampled,  // all, to an expert drawn by the gates without the first choice's
};

// What is divided by the sum of a token's gates.
enum class NormalizeGates : uint8_t {
  before_dropping,  // all that were chosen; those that are dropped leave a smaller sum behind
  after_dropping,   // those that are sent: a lone survivor weighs 1
};

// Whether choices that are not sent, by chance, count in their expert's capacity.
enum class UnsentChoices : uint8_t { take_slots, take_none };

// What of a routing becomes metrics: sums, or also what each token does.
enum class GatingReport : uint8_t { sums, tokens };

struct GatingOptions {
  int64_t experts = 0;
  int64_t choices = 2;           // experts per token; with one, its gate is its weight, not divided by anything
  double capacity_factor = 2;    // C = factor * S / E, one at least. The paper's is 2
  double evaluation_factor = 2;  // the same in evaluation
  int64_t capacity = 0;          // C itself, where it is not 0
  LaterChoices later = LaterChoices::random;  // in training; evaluation sends all
  double threshold = 0.5;
  NormalizeGates normalize = NormalizeGates::before_dropping;
  UnsentChoices unsent = UnsentChoices::take_slots;
  // What is added to the model's losses. The balance is sum_e share_e * gate_e * E of each group, averaged: 1 where all
  // experts are alike (E^2 times the paper's l_aux). The z-loss is the mean of logsumexp(logits)^2.
  double balance_weight = 0.01;
  double z_weight = 0;
  GatingReport report = GatingReport::sums;

  // Lingvo's: choices that are not sent take no slot.
  static GatingOptions lingvo(int64_t experts);
  // No token is ever dropped, for C is S.
  GatingOptions without_drops() const;
};

// The tokens that a group's expert takes.
int64_t capacity_of(const GatingOptions& options, int64_t tokens, Mode mode);

// The k-th choices of all tokens, in the exact type.
struct Choice {
  Tensor expert;  // s32 [G,S]
  Tensor slot;    // s32 [G,S]: its place among the expert's tokens, C where it is not sent or finds none
  Tensor weight;  // [G,S]: 0 there
};

struct Routing {
  std::vector<Choice> choices;
  int64_t experts = 0;
  int64_t capacity = 0;
};

// The gating of one layer: softmax(logits) in the exact type. Where `is_token` is not of nothing it is pred, and what
// is no token (padding) goes nowhere, takes no place and counts in no loss. Adds to the scope's metrics
// tokens_per_expert [E], sent (the choices that were sent), dropped (the share of them that found no place), entropy
// (of the gates, in nats) and balance, those of single tokens experts [K,G,S] (-1 where it is not sent or finds no
// place) and gates [G,S,E] where they are asked for, and the losses of the options. Throws Error(program) where sizes
// or options do not fit each other.
Routing route(const Scope& scope, Tensor logits, Tensor is_token, const GatingOptions& options,
              Here here = Here::current());

// combine[g,s,e,c]: how much of what expert e makes in slot c belongs to token s; 0 almost everywhere.
Tensor combine_weights(const Routing& routing);

}  // namespace gshard
