// Gating against plain loops: Algorithm 1 of the paper as it is printed, with the variants that the options name.
#include "model/gating.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "run.h"

namespace gshard {
namespace {

struct Case {
  int64_t groups = 2;
  int64_t tokens = 8;
  std::vector<double> logits = {};  // [G,S,E]
  std::vector<bool> is_token = {};  // [G,S]; all where it is empty
  GatingOptions options = {};
};

struct Gated {
  std::vector<double> combine = {};  // [G,S,E,C]
  double balance = 0;
  double sent = 0;
  double dropped = 0;
  double entropy = 0;
  double z_loss = 0;
  std::vector<double> tokens_per_expert = {};
};

// What the program makes.
Gated gated(const Case& test, Mode mode = Mode::train) {
  Model model("gating", {.numerics = Numerics::doubled(), .mode = mode, .seed = 7});
  const Dims sizes = {test.groups, test.tokens, test.options.experts};
  const Tensor logits = model.input("logits", Shape(DType::f64, sizes));
  std::vector<Literal> inputs = {doubles(sizes, test.logits)};
  Tensor is_token;
  if (!test.is_token.empty()) {
    is_token = model.input("is_token", Shape(DType::pred, {test.groups, test.tokens}));
    inputs.emplace_back(is_token.shape());
    std::copy(test.is_token.begin(), test.is_token.end(), inputs[1].mutable_values<uint8_t>().begin());
  }
  std::vector<NamedTensor> results;
  {
    const Scope scope = model.scope() / "gate";
    results.push_back({"combine", combine_weights(route(scope, logits, is_token, test.options))});
  }
  for (const NamedTensor& metric : model.metrics()) results.push_back(metric);
  for (const NamedTensor& loss : model.losses()) results.push_back({"loss of " + loss.name, loss.value});
  const ModelProgram program = std::move(model).finish(results);
  const std::vector<Literal> values = run_whole(program, inputs);
  Gated result{elements_of(values[0])};
  for (size_t i = 0; i < program.results.size(); ++i) {
    if (program.results[i] == "gate/balance") result.balance = elements_of(values[i])[0];
    if (program.results[i] == "gate/entropy") result.entropy = elements_of(values[i])[0];
    if (program.results[i] == "loss of gate/z") result.z_loss = elements_of(values[i])[0];
    if (program.results[i] == "gate/sent") result.sent = elements_of(values[i])[0];
    if (program.results[i] == "gate/dropped") result.dropped = elements_of(values[i])[0];
    if (program.results[i] == "gate/tokens_per_expert") result.tokens_per_expert = elements_of(values[i]);
  }
  return result;
}

// The random numbers that the program of a case draws for second choices.
std::vector<double> random_numbers(const Case& test) {
  Model model("random", {.numerics = Numerics::doubled(), .seed = 7});
  model.input("logits", Shape(DType::f64, {1}));
  const Tensor r = (model.scope() / "gate" / "choice_1").uniform({test.groups, test.tokens});
  return elements_of(run_whole(std::move(model).finish({{"r", r}}), {doubles({1}, {0})})[0]);
}

struct TopTwo {
  size_t e1, e2;
  double g1, g2;  // not normalised
};

TopTwo top_two(const double* gates, size_t experts) {
  const size_t e1 = static_cast<size_t>(std::max_element(gates, gates + experts) - gates);
  size_t e2 = e1 == 0 ? 1 : 0;
  for (size_t e = 0; e < experts; ++e) {
    if (e != e1 && gates[e] > gates[e2]) e2 = e;
  }
  return {e1, e2, gates[e1], gates[e2]};
}

std::vector<double> softmax_of(const double* logits, size_t experts) {
  std::vector<double> gates(experts);
  const double largest = *std::max_element(logits, logits + experts);
  double total = 0;
  for (size_t e = 0; e < experts; ++e) total += gates[e] = std::exp(logits[e] - largest);
  for (double& gate : gates) gate /= total;
  return gates;
}

// Algorithm 1 for one group; `combine` is [S,E,C].
class PlainGroup {
 public:
  PlainGroup(const Case& test, size_t group, const std::vector<double>& random, std::vector<double>& per_expert)
      : test_(test),
        S(static_cast<size_t>(test.tokens)),
        E(static_cast<size_t>(test.options.experts)),
        C(static_cast<size_t>(capacity_of(test.options, test.tokens, Mode::train))),
        group_(group),
        random_(random),
        per_expert_(per_expert),
        combine(S * E * C),
        count_(E),
        mean_gate_(E) {}

  void run() {
    for (size_t s = 0; s < S; ++s) {
      gates_.push_back(softmax_of(&test_.logits[(group_ * S + s) * E], E));
      if (!is_token(s)) continue;
      ++tokens_;
      for (size_t e = 0; e < E; ++e) mean_gate_[e] += gates_[s][e];
    }
    for (size_t s = 0; s < S; ++s) first_choice(s);
    for (size_t e = 0; e < E; ++e) {
      const double n = std::max(tokens_, 1.0);
      balance += count_[e] / n * (mean_gate_[e] / n) * static_cast<double>(E);
    }
    for (size_t s = 0; s < S; ++s) second_choice(s);
    if (test_.options.normalize == NormalizeGates::after_dropping) renormalize();
  }

 private:
  bool is_token(size_t s) const { return test_.is_token.empty() || test_.is_token[group_ * S + s]; }

  void put(size_t s, size_t e, double weight) {
    combine[(s * E + e) * C + static_cast<size_t>(count_[e])] = weight;
    ++per_expert_[e];
    ++kept;
  }

  void first_choice(size_t s) {
    if (!is_token(s)) return;
    const TopTwo top = top_two(gates_[s].data(), E);
    const double g1 = top.g1 / (top.g1 + top.g2);
    ++sent;
    if (count_[top.e1] < static_cast<double>(C)) put(s, top.e1, g1);
    ++count_[top.e1];
  }

  void second_choice(size_t s) {
    if (!is_token(s)) return;
    const TopTwo top = top_two(gates_[s].data(), E);
    const double g2 = top.g2 / (top.g1 + top.g2);
    const bool is_sent = test_.options.later == LaterChoices::all || 2 * g2 > random_[group_ * S + s];
    sent += is_sent ? 1 : 0;
    if (is_sent && count_[top.e2] < static_cast<double>(C)) put(s, top.e2, g2);
    if (is_sent || test_.options.unsent == UnsentChoices::take_slots) ++count_[top.e2];
  }

  void renormalize() {
    for (size_t s = 0; s < S; ++s) {
      double total = 0;
      for (size_t i = s * E * C; i < (s + 1) * E * C; ++i) total += combine[i];
      for (size_t i = s * E * C; total > 0 && i < (s + 1) * E * C; ++i) combine[i] /= total;
    }
  }

  const Case& test_;
  const size_t S, E, C;
  const size_t group_;
  const std::vector<double>& random_;
  std::vector<double>& per_expert_;

 public:
  std::vector<double> combine;
  double balance = 0;
  double sent = 0;
  double kept = 0;

 private:
  double tokens_ = 0;
  std::vector<double> count_;
  std::vector<double> mean_gate_;
  std::vector<std::vector<double>> gates_;
};

Gated by_loops(const Case& test) {
  Gated result;
  result.tokens_per_expert.resize(static_cast<size_t>(test.options.experts));
  const std::vector<double> random = random_numbers(test);
  double kept = 0;
  for (size_t group = 0; group < static_cast<size_t>(test.groups); ++group) {
    PlainGroup plain(test, group, random, result.tokens_per_expert);
    plain.run();
    result.combine.insert(result.combine.end(), plain.combine.begin(), plain.combine.end());
    result.balance += plain.balance / static_cast<double>(test.groups);
    result.sent += plain.sent;
    kept += plain.kept;
  }
  result.dropped = (result.sent - kept) / std::max(result.sent, 1.0);
  return result;
}

void expect_equal_to_loops(const Case& test) {
  const Gated program = gated(test);
  const Gated loops = by_loops(test);
  const auto near = testing::Pointwise(testing::DoubleNear(1e-8), loops.combine);
  EXPECT_THAT(program.combine, near);
  EXPECT_EQ(program.tokens_per_expert, loops.tokens_per_expert);
  EXPECT_NEAR(program.balance, loops.balance, 1e-12);
  EXPECT_EQ(program.sent, loops.sent);
  EXPECT_NEAR(program.dropped, loops.dropped, 1e-12);
}

// Options in all combinations that Algorithm 1 and its variants have.
std::vector<GatingOptions> variants(int64_t experts, int64_t capacity = 0) {
  std::vector<GatingOptions> all;
  for (const auto later : {LaterChoices::random, LaterChoices::all}) {
    for (const auto normalize : {NormalizeGates::before_dropping, NormalizeGates::after_dropping}) {
      for (const auto unsent : {UnsentChoices::take_slots, UnsentChoices::take_none}) {
        all.push_back(
            {.experts = experts, .capacity = capacity, .later = later, .normalize = normalize, .unsent = unsent});
      }
    }
  }
  return all;
}

std::vector<double> random_logits(std::mt19937& random, int64_t count, double spread) {
  std::normal_distribution<double> normal(0, spread);
  std::vector<double> logits(static_cast<size_t>(count));
  for (double& logit : logits) logit = normal(random);
  return logits;
}

TEST(Gating, RandomGates) {
  std::mt19937 random(1);
  for (const GatingOptions& options : variants(4)) {
    for (const double spread : {0.1, 1.0, 5.0}) {
      expect_equal_to_loops({2, 12, random_logits(random, int64_t{2} * 12 * 4, spread), {}, options});
    }
  }
}

TEST(Gating, TiesGoToTheFirstExpert) {
  std::mt19937 random(2);
  for (const GatingOptions& options : variants(3)) {
    std::vector<double> logits;
    for (int i = 0; i < 2 * 9 * 3; ++i) logits.push_back(static_cast<double>(random() % 2));
    expect_equal_to_loops({2, 9, logits, {}, options});
    expect_equal_to_loops({2, 9, std::vector<double>(logits.size(), 0.25), {}, options});
  }
}

TEST(Gating, AllTokensToOneExpert) {
  for (const GatingOptions& options : variants(4)) {
    std::vector<double> logits;
    for (int s = 0; s < 16; ++s) logits.insert(logits.end(), {0, 30, 1, 0});
    expect_equal_to_loops({2, 8, logits, {}, options});
  }
}

TEST(Gating, PaddingTakesNoPlace) {
  std::mt19937 random(3);
  for (const GatingOptions& options : variants(4)) {
    std::vector<bool> is_token;
    for (int s = 0; s < 3 * 8; ++s) is_token.push_back(s < 8 && random() % 3 != 0);  // groups 1 and 2 are empty
    expect_equal_to_loops({3, 8, random_logits(random, int64_t{3} * 8 * 4, 2), is_token, options});
  }
}

TEST(Gating, CapacityOfOne) {
  std::mt19937 random(4);
  for (const GatingOptions& options : variants(4, 1)) {
    expect_equal_to_loops({2, 8, random_logits(random, int64_t{2} * 8 * 4, 1), {}, options});
  }
}

TEST(Gating, CapacityIsTheFactorsShare) {
  EXPECT_EQ(capacity_of({.experts = 4}, 16, Mode::train), 8);
  EXPECT_EQ(capacity_of({.experts = 4, .evaluation_factor = 1.5}, 16, Mode::evaluate), 6);
  EXPECT_EQ(capacity_of({.experts = 64}, 16, Mode::train), 1);
  EXPECT_EQ(capacity_of({.experts = 2, .capacity_factor = 9}, 16, Mode::train), 16);
  EXPECT_EQ(capacity_of({.experts = 2, .capacity_factor = 1e30}, 16, Mode::train), 16);
  EXPECT_EQ(capacity_of({.experts = 5, .capacity_factor = 1.15}, 100, Mode::train), 23);  // 22.999999999999996
  EXPECT_EQ(capacity_of(GatingOptions{.experts = 8}.without_drops(), 16, Mode::train), 16);
}

TEST(Gating, EvaluationSendsAllSecondChoices) {
  std::mt19937 random(5);
  Case test{2, 8, random_logits(random, int64_t{2} * 8 * 4, 1), {}, {.experts = 4}};
  const Gated evaluated = gated(test, Mode::evaluate);
  test.options.later = LaterChoices::all;
  EXPECT_EQ(evaluated.combine, gated(test).combine);
}

TEST(Gating, EvaluationIsTheSameInEveryStepAndHasItsOwnCapacity) {
  std::mt19937 random(8);
  for (const auto later : {LaterChoices::random, LaterChoices::all, LaterChoices::sampled}) {
    Case test{2, 8, random_logits(random, int64_t{2} * 8 * 4, 1), {}, {.experts = 4, .later = later}};
    test.options.evaluation_factor = 4;
    const Gated first = gated(test, Mode::evaluate);
    EXPECT_EQ(first.combine.size(), size_t{2} * 8 * 4 * 8);
    test.options.threshold = 0.1;  // of no account here
    EXPECT_EQ(gated(test, Mode::evaluate).combine, first.combine);
    test.options.evaluation_factor = 2;
    test.options.capacity_factor = 4;
    EXPECT_EQ(gated(test, Mode::evaluate).combine.size(), size_t{2} * 8 * 4 * 4);
  }
}

// Means over the tokens that are no padding.
TEST(Gating, EntropyAndZLoss) {
  std::mt19937 random(9);
  std::vector<bool> is_token;
  for (int s = 0; s < 2 * 8; ++s) is_token.push_back(s % 3 != 0);
  const Case test{2, 8, random_logits(random, int64_t{2} * 8 * 4, 2), is_token, {.experts = 4, .z_weight = 0.5}};
  double entropy = 0;
  double squares = 0;
  double tokens = 0;
  for (size_t s = 0; s < is_token.size(); ++s) {
    if (!is_token[s]) continue;
    const double* logits = &test.logits[s * 4];
    const std::vector<double> gates = softmax_of(logits, 4);
    for (const double gate : gates) entropy -= gate * std::log(gate);
    squares += std::pow(logits[0] - std::log(gates[0]), 2);
    tokens += 1;
  }
  const Gated program = gated(test);
  EXPECT_NEAR(program.entropy, entropy / tokens, 1e-12);
  EXPECT_NEAR(program.z_loss, 0.5 * squares / tokens, 1e-12);
}

TEST(Gating, OnlyPaddingIsNothing) {
  const Case test{2, 4, std::vector<double>(2 * 4 * 3, 1), std::vector<bool>(8, false), {.experts = 3, .z_weight = 1}};
  const Gated program = gated(test);
  EXPECT_THAT(program.combine, testing::Each(0.0));
  EXPECT_THAT(program.tokens_per_expert, testing::Each(0.0));
  for (const double number : {program.balance, program.sent, program.dropped, program.entropy, program.z_loss}) {
    EXPECT_EQ(number, 0);
  }
}

TEST(Gating, OneExpertTakesWhatItHasPlacesFor) {
  Case test{2, 6, std::vector<double>(12, 0.5), {}, {.experts = 1, .choices = 1, .capacity = 4}};
  const Gated some = gated(test);
  EXPECT_THAT(some.tokens_per_expert, testing::ElementsAre(8));
  EXPECT_NEAR(some.dropped, 1.0 / 3, 1e-12);
  EXPECT_NEAR(some.balance, 1, 1e-12);
  EXPECT_NEAR(std::accumulate(some.combine.begin(), some.combine.end(), 0.0), 8, 1e-8);
}

TEST(Gating, OneChoiceWeighsItsGateAndThreeAddUpToOne) {
  std::mt19937 random(6);
  Case test{1, 8, random_logits(random, 8 * 4, 1), {}, GatingOptions{.experts = 4, .choices = 1}.without_drops()};
  const Gated one = gated(test);
  for (size_t s = 0; s < 8; ++s) {
    const std::vector<double> gates = softmax_of(&test.logits[s * 4], 4);
    const double weight = std::accumulate(&one.combine[s * 32], &one.combine[s * 32] + 32, 0.0);
    EXPECT_NEAR(weight, *std::max_element(gates.begin(), gates.end()), 1e-12);
  }
  test.options.choices = 3;
  test.options.later = LaterChoices::all;
  const Gated three = gated(test);
  for (size_t s = 0; s < 8; ++s) {
    EXPECT_NEAR(std::accumulate(&three.combine[s * 32], &three.combine[s * 32] + 32, 0.0), 1, 1e-8);
  }
  EXPECT_EQ(three.dropped, 0);
}

TEST(Gating, SampledSecondChoicesFollowTheGates) {
  std::vector<double> logits;
  for (int s = 0; s < 512; ++s) logits.insert(logits.end(), {5, std::log(3.0), 0, -50});
  GatingOptions options = GatingOptions{.experts = 4, .later = LaterChoices::sampled}.without_drops();
  const Gated sampled = gated({1, 512, logits, {}, options});
  EXPECT_EQ(sampled.tokens_per_expert[0], 512);
  EXPECT_NEAR(sampled.tokens_per_expert[1], 384, 40);
  EXPECT_EQ(sampled.tokens_per_expert[3], 0);
  EXPECT_EQ(sampled.tokens_per_expert[1] + sampled.tokens_per_expert[2], 512);
}

// Gates that round to 0 are gates of experts all the same: no token takes two places of one.
TEST(Gating, SampledSecondChoicesAreOthersThanTheFirst) {
  std::vector<double> logits;
  for (int s = 0; s < 16; ++s) logits.insert(logits.end(), {2000, 0, 0});
  GatingOptions options = GatingOptions{.experts = 3, .later = LaterChoices::sampled}.without_drops();
  const Gated sampled = gated({1, 16, logits, {}, options});
  EXPECT_EQ(sampled.tokens_per_expert[0], 16);
  EXPECT_EQ(sampled.tokens_per_expert[1] + sampled.tokens_per_expert[2], 16);
  EXPECT_EQ(sampled.dropped, 0);
}

TEST(Gating, ErrorsNameWhatDoesNotFit) {
  Model model("gating");
  const Tensor logits = model.input("logits", Shape(DType::f32, {2, 8, 4}));
  const Scope scope = model.scope();
  EXPECT_EQ(error_of([&] { route(scope, logits, {}, {.experts = 8}); }),
            "gating: logits f32[2,8,4] for 8 experts, must be [groups,tokens,experts]");
  EXPECT_EQ(error_of([&] { route(scope, logits, {}, {.experts = 4, .choices = 5}); }),
            "gating: 5 choices among 4 experts");
  EXPECT_EQ(error_of([&] { route(scope, logits, {}, {.experts = 4, .capacity_factor = 0}); }),
            "gating: a capacity of 0, factors of 0 and 2 in evaluation; must be positive");
  EXPECT_EQ(error_of([&] { route(scope, logits, {}, {.experts = 4, .threshold = -1}); }),
            "gating: a threshold of -1, must not be negative");
  EXPECT_EQ(error_of([&] { route(scope, logits, logits, {.experts = 4}); }),
            "gating: what is a token is f32[2,8,4] for logits f32[2,8,4]");
}

}  // namespace
}  // namespace gshard
