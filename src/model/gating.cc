#include "model/gating.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "model/functions.h"
#include "ops/infer.h"

namespace gshard {
namespace {

Tensor last(Tensor x) { return expand_dims(x, -1); }

// Choices while they are made. Masks [G,S,E] are of the exact type: 1 at the expert, 0 where there is no token.
struct Draft {
  Tensor expert;  // s32 [G,S]
  Tensor gate;    // [G,S]
  Tensor chosen;  // whether the token is sent there or not
  Tensor sent;    // the same, of those that are sent
  Tensor place;   // [G,S], counted from 0 within the expert
  Tensor kept;    // [G,S]: 1 where it is sent and has a place
};

class Router {
 public:
  Router(const Scope& scope, Tensor logits, Tensor is_token, const GatingOptions& options)
      : scope_(scope),
        options_(options),
        logits_(scope.exact(logits)),
        gates_(softmax(logits_, -1)),
        capacity_(capacity_of(options, logits.dim(1), scope.mode())) {
    if (is_set(is_token)) token_ = scope.exact(is_token);
  }

  Routing run() {
    choose();
    for (size_t k = 1; later() == LaterChoices::random && k < drafts_.size(); ++k) send_by_chance(drafts_[k], k);
    place();
    report();
    const std::vector<Tensor> weights = weights_of_choices();
    Routing routing{{}, options_.experts, capacity_};
    for (size_t k = 0; k < drafts_.size(); ++k) {
      const Draft& draft = drafts_[k];
      const Tensor slot = where(draft.kept > 0, draft.place, capacity_);
      routing.choices.push_back({draft.expert, convert(slot, DType::s32), weights[k]});
    }
    return routing;
  }

 private:
  LaterChoices later() const {
    const bool by_chance = scope_.mode() == Mode::train && options_.threshold > 0;
    return by_chance || options_.later == LaterChoices::sampled ? options_.later : LaterChoices::all;
  }

  void choose() {
    Tensor left = gates_;  // below 0 where they were chosen
    for (int64_t k = 0; k < options_.choices; ++k) {
      const bool drawn = k > 0 && later() == LaterChoices::sampled && scope_.mode() == Mode::train;
      Draft draft;
      draft.expert = argmax(drawn ? with_noise(left, k) : left, -1);
      const Tensor mask = one_hot(draft.expert, options_.experts, gates_.type());
      draft.gate = sum(gates_ * mask, {-1});
      draft.chosen = is_set(token_) ? mask * last(token_) : mask;
      draft.sent = draft.chosen;
      left = where(mask > 0, -1, left);
      drafts_.push_back(draft);
    }
  }

  // Its largest element is distributed as the gates that are left (Gumbel's trick).
  Tensor with_noise(Tensor left, int64_t k) const {
    constexpr double kLeast = 1e-37;  // those that round to 0 come before the ones that were chosen
    const Tensor uniform = (scope_ / fmt::format("sample_{}", k)).uniform(left.dims());
    const Tensor gumbel = -log(-log(uniform + std::ldexp(1.0, -25)));
    return where(left < 0, -std::numeric_limits<double>::infinity(), log(maximum(left, kLeast)) + gumbel);
  }

  void send_by_chance(Draft& draft, size_t k) const {
    const Tensor drawn = (scope_ / fmt::format("choice_{}", k)).uniform(draft.gate.dims());
    const Tensor wins = share(draft.gate, gates()) / options_.threshold > drawn;
    draft.sent = draft.chosen * last(convert(wins, draft.chosen.type()));
  }

  // Places by the order of tokens, after all choices before.
  void place() {
    Tensor before;  // [G,1,E]
    for (Draft& draft : drafts_) {
      const Tensor counted = options_.unsent == UnsentChoices::take_slots ? draft.chosen : draft.sent;
      const Tensor places = plus(before, cumsum(counted, 1, Running::exclusive));
      draft.place = sum(places * draft.chosen, {-1});
      draft.kept = sum(draft.sent, {-1}) * convert(draft.place < capacity_, draft.sent.type());
      before = plus(before, sum(counted, {1}, Keep::dims));
    }
  }

  std::vector<Tensor> gates() const {
    std::vector<Tensor> gates;
    for (const Draft& draft : drafts_) gates.push_back(draft.gate);
    return gates;
  }

  // Of a token's gates; where all are 0 it is 0.
  static Tensor share(Tensor gate, const std::vector<Tensor>& all) {
    Tensor total;
    for (const Tensor& one : all) total = plus(total, one);
    return gate / (total + 1e-9);
  }

  std::vector<Tensor> weights_of_choices() const {
    std::vector<Tensor> kept;
    for (const Draft& draft : drafts_) kept.push_back(draft.gate * draft.kept);
    if (drafts_.size() == 1) return kept;
    const auto divisors = options_.normalize == NormalizeGates::after_dropping ? kept : gates();
    std::vector<Tensor> weights;
    for (const Tensor& one : kept) weights.push_back(share(one, divisors));
    return weights;
  }

  // The mean over the tokens of each group, [G,S,...] -> [G,...]; over all tokens, [G,S] -> [].
  Tensor mean_by_group(Tensor masked) const {
    if (!is_set(token_)) return mean(masked, {1});
    return sum(masked, {1}) / maximum(sum(token_, {1}, Keep::dims), 1);
  }
  Tensor mean_of_tokens(Tensor x) const {
    if (!is_set(token_)) return mean(x);
    return sum(x * token_) / maximum(sum(token_), 1);
  }

  // By the first choices, before any is dropped.
  Tensor balance() const {
    const Tensor shares = mean_by_group(drafts_[0].chosen);
    const Tensor gates = mean_by_group(is_set(token_) ? gates_ * last(token_) : gates_);
    return mean(sum(shares * gates, {-1})) * options_.experts;
  }

  void report_tokens() const {
    std::vector<Tensor> experts;
    for (const Draft& draft : drafts_) experts.push_back(expand_dims(where(draft.kept > 0, draft.expert, -1), 0));
    scope_.add_metric("experts", concatenate(experts, 0));
    scope_.add_metric("gates", gates_);
  }

  void report() const {
    if (options_.report == GatingReport::tokens) report_tokens();
    Tensor per_expert;
    Tensor sent;
    for (const Draft& draft : drafts_) {
      per_expert = plus(per_expert, sum(draft.chosen * last(draft.kept), {0, 1}));
      sent = plus(sent, sum(draft.sent));
    }
    const Tensor balance = this->balance();
    const Tensor normalizer = logsumexp(logits_, -1);
    const Tensor entropy = normalizer - sum(gates_ * logits_, {-1});
    scope_.add_metric("tokens_per_expert", per_expert);
    scope_.add_metric("sent", sent);
    scope_.add_metric("dropped", (sent - sum(per_expert)) / maximum(sent, 1));
    scope_.add_metric("entropy", mean_of_tokens(entropy));
    scope_.add_metric("balance", balance);
    if (options_.balance_weight != 0) scope_.add_loss("balance", balance * options_.balance_weight);
    if (options_.z_weight != 0) scope_.add_loss("z", mean_of_tokens(normalizer * normalizer) * options_.z_weight);
  }

  const Scope& scope_;
  const GatingOptions& options_;
  Tensor logits_;
  Tensor gates_;
  int64_t capacity_;
  Tensor token_;  // [G,S], 1 where there is one; of nothing where all are
  std::vector<Draft> drafts_;
};

void check(Tensor logits, Tensor is_token, const GatingOptions& options, const Here& here) {
  if (logits.rank() != 3 || logits.dim(2) != options.experts) {
    throw error_here(fmt::format("gating: logits {} for {} experts, must be [groups,tokens,experts]", logits.shape(),
                                 options.experts),
                     here);
  }
  if (options.choices < 1 || options.choices > options.experts) {
    throw error_here(fmt::format("gating: {} choices among {} experts", options.choices, options.experts), here);
  }
  if (options.capacity < 0 || !(options.capacity_factor > 0) || !(options.evaluation_factor > 0)) {
    throw error_here(fmt::format("gating: a capacity of {}, factors of {} and {} in evaluation; must be positive",
                                 options.capacity, options.capacity_factor, options.evaluation_factor),
                     here);
  }
  if (!(options.threshold >= 0)) {
    throw error_here(fmt::format("gating: a threshold of {}, must not be negative", options.threshold), here);
  }
  if (!is_set(is_token)) return;
  if (is_token.shape() == Shape(DType::pred, {logits.dim(0), logits.dim(1)})) return;
  throw error_here(fmt::format("gating: what is a token is {} for logits {}", is_token.shape(), logits.shape()), here);
}

}  // namespace

GatingOptions GatingOptions::lingvo(int64_t experts) {
  GatingOptions options;
  options.experts = experts;
  options.unsent = UnsentChoices::take_none;
  return options;
}

GatingOptions GatingOptions::without_drops() const {
  GatingOptions options = *this;
  options.capacity = std::numeric_limits<int64_t>::max();
  return options;
}

int64_t capacity_of(const GatingOptions& options, int64_t tokens, Mode mode) {
  // An expert is chosen once at most by each token.
  if (options.capacity != 0) return std::min(options.capacity, tokens);
  const double factor = mode == Mode::train ? options.capacity_factor : options.evaluation_factor;
  const double share = factor * static_cast<double>(tokens) / static_cast<double>(options.experts);
  // A product that is a whole number may be rounded to one just below it, 1.15 * 100 / 5 say.
  constexpr double kRounding = 1 + 1e-12;
  return std::max<int64_t>(1, static_cast<int64_t>(std::min(static_cast<double>(tokens), share * kRounding)));
}

Routing route(const Scope& scope, Tensor logits, Tensor is_token, const GatingOptions& options, Here here) {
  check(logits, is_token, options, here);
  return Router(scope, logits, is_token, options).run();
}

Tensor combine_weights(const Routing& routing) {
  Tensor total;
  for (const Choice& choice : routing.choices) {
    const DType type = choice.weight.type();
    const Tensor weighted = one_hot(choice.expert, routing.experts, type) * last(choice.weight);
    const Tensor slot = one_hot(choice.slot, routing.capacity, type);
    total = plus(total, last(weighted) * expand_dims(slot, 2));
  }
  return total;
}

}  // namespace gshard
