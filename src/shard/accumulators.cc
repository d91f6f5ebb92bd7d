#include "shard/accumulators.h"

#include <algorithm>

#include "shard/annotation_calls.h"

namespace gshard {
namespace {

// How often a loop is taken to go round, whose count nobody has looked for.
constexpr double kRounds = 8;

// Elements of a value that is added up are read, added to others, and written.
constexpr double kPassesOfAdding = 3;

}  // namespace

// Follows the state of one loop through its body and its condition, in the order of their instructions.
class Accumulators::Tracer {
 public:
  Tracer(Accumulators& all, const Instruction& loop) : all_(all), values_(all.decision_.values) {
    flow_.state.resize(values_.leaf_count(loop));
    trace(*loop.callees()[0], [&](const Instruction& reader) { spoil_operands(reader); });
    spoil_all(*loop.callees()[0]->root());
    flow_.origins.clear();
    trace(*loop.callees()[1], [&](const Instruction& reader) { follow(reader); });
    end_at(*loop.callees()[1]->root());
  }

  Flow result() && { return std::move(flow_); }

 private:
  // visit(reader) is called for what does more with the state than to give it another name.
  template <class Visit>
  void trace(const Computation& computation, Visit visit) {
    for (const auto& instruction : computation.instructions()) {
      const auto is_state = [&](const Instruction* operand) { return flow_.origins.contains(operand); };
      const auto& operands = instruction->operands();
      if (instruction->op() == Op::parameter) begin_at(*instruction);
      if (std::none_of(operands.begin(), operands.end(), is_state)) continue;
      if (!rename(*instruction)) visit(*instruction);
    }
  }

  void begin_at(const Instruction& parameter) {
    std::vector<int>& origins = flow_.origins[&parameter];
    for (size_t leaf = 0; leaf < flow_.state.size(); ++leaf) origins.push_back(static_cast<int>(leaf));
  }

  void end_at(const Instruction& root) {
    for (size_t leaf = 0; leaf < flow_.state.size(); ++leaf) {
      const int origin = origin_of(root, leaf);
      if (origin == static_cast<int>(leaf)) continue;
      spoil(origin);
      spoil(static_cast<int>(leaf));
    }
  }

  bool rename(const Instruction& i) {
    if (i.op() == Op::tuple) {
      join(i);
    } else if (i.op() == Op::get_tuple_element) {
      pick(i);
    } else if (i.op() == Op::opt_barrier || i.op() == Op::domain) {
      flow_.origins[&i] = std::vector<int>(flow_.origins.at(i.operand(0)));
    } else {
      return false;
    }
    return true;
  }

  void follow(const Instruction& i) {
    if (i.op() == Op::while_) return follow_loop(i);
    if (!follow_op(i)) spoil_operands(i);
  }

  void join(const Instruction& tuple) {
    std::vector<int> origins;
    for (const Instruction* operand : tuple.operands()) {
      for (size_t leaf = 0; leaf < values_.leaf_count(*operand); ++leaf) origins.push_back(origin_of(*operand, leaf));
    }
    flow_.origins[&tuple] = std::move(origins);
  }

  void pick(const Instruction& element) {
    const Instruction& tuple = *element.operand(0);
    const LeafRange range =
        leaves_of_element(tuple.shape(), static_cast<size_t>(element.attrs<TupleIndexAttrs>().index));
    std::vector<int> origins;
    for (size_t n = 0; n < range.count; ++n) origins.push_back(origin_of(tuple, range.first + n));
    keep(element, std::move(origins));
  }

  // A loop inside that itself only adds to what it is handed goes on with the sum.
  void follow_loop(const Instruction& loop) {
    const Flow& inner = all_.flow_of(loop);
    std::vector<int> origins;
    for (size_t leaf = 0; leaf < inner.state.size(); ++leaf) {
      const int origin = origin_of(*loop.operand(0), leaf);
      origins.push_back(origin);
      if (origin == kNone) continue;
      const State& state = inner.state[leaf];
      if (!state.only_adds || !agree(origin, state.reducer)) {
        spoil(origin);
        origins.back() = kNone;
        continue;
      }
      for (const Term& term : state.terms) state_at(origin).terms.push_back({term.value, kRounds * term.times});
    }
    keep(loop, std::move(origins));
  }

  // An op that is linear in the one leaf of the state that it reads, element by element.
  bool follow_op(const Instruction& i) {
    if (!has_rule(i.op()) || is_sharding_call(i) || !i.shape().is_array() || i.operand_count() > 64) return false;
    int origin = kNone;
    uint64_t made_of = 0;
    for (size_t n = 0; n < i.operand_count(); ++n) {
      if (!i.operand(n)->shape().is_array()) return false;
      const int other = origin_of(*i.operand(n), 0);
      if (other == kNone) continue;
      if (origin != kNone && other != origin) return false;
      origin = other;
      made_of |= uint64_t{1} << n;
    }
    if (origin == kNone) return true;
    const Rule rule = rule_of(i);
    const Linearity& linear = rule.linearity;
    const bool jointly = (made_of & ~linear.jointly) == 0;
    const bool singly = (made_of & (made_of - 1)) == 0 && (made_of & ~linear.singly) == 0;
    if ((!jointly && !singly) || !is_elementwise(i, rule, made_of) || !agree(origin, linear.reducer)) return false;
    const uint64_t added = jointly ? linear.jointly & ~made_of : 0;
    if (!is_elementwise(i, rule, added)) return false;
    for (size_t n = 0; n < i.operand_count(); ++n) {
      if ((added >> n & 1) == 0) continue;
      state_at(origin).terms.push_back({i.operand(n), 1});
      if (all_.forecast_.is_read_once(*i.operand(n))) flow_.added_to[i.operand(n)] = origin;
    }
    flow_.origins[&i] = {origin};
    return true;
  }

  // The elements of the operands lie where those of the result do.
  static bool is_elementwise(const Instruction& i, const Rule& rule, uint64_t operands) {
    const bool all_parallel = std::all_of(rule.factors.begin(), rule.factors.end(),
                                          [](const Factor& factor) { return factor.kind == FactorKind::parallel; });
    for (size_t n = 0; n < i.operand_count(); ++n) {
      if ((operands >> n & 1) == 0) continue;
      const Shape& shape = i.operand(n)->shape();
      const bool alike = shape.type() == i.shape().type() && shape.dims() == i.shape().dims();
      if (!alike || rule.operands[n] != rule.results[0]) return false;
    }
    return all_parallel;
  }

  // Whether ops that are linear for this reducer may stand beside those before them.
  bool agree(int origin, Reducer reducer) {
    State& state = state_at(origin);
    if (state.reducer == Reducer::none) state.reducer = reducer;
    return reducer == Reducer::none || state.reducer == reducer;
  }

  State& state_at(int origin) { return flow_.state[static_cast<size_t>(origin)]; }

  int origin_of(const Instruction& i, size_t leaf) const {
    const auto found = flow_.origins.find(&i);
    return found == flow_.origins.end() ? kNone : found->second[leaf];
  }

  void keep(const Instruction& i, std::vector<int> origins) {
    if (std::all_of(origins.begin(), origins.end(), [](int origin) { return origin == kNone; })) return;
    flow_.origins[&i] = std::move(origins);
  }

  void spoil(int origin) {
    if (origin != kNone) state_at(origin).only_adds = false;
  }
  void spoil_operands(const Instruction& i) {
    for (const Instruction* operand : i.operands()) spoil_all(*operand);
  }
  void spoil_all(const Instruction& i) {
    const auto found = flow_.origins.find(&i);
    if (found == flow_.origins.end()) return;
    for (const int origin : found->second) spoil(origin);
  }

  Accumulators& all_;
  const ValueTable& values_;
  Flow flow_;
};

const Accumulators::Flow& Accumulators::flow_of(const Instruction& loop) {
  if (const auto found = flows_.find(&loop); found != flows_.end()) return found->second;
  Flow flow = Tracer(*this, loop).result();
  return flows_.emplace(&loop, std::move(flow)).first->second;
}

std::optional<size_t> Accumulators::state_of(const Instruction& loop, const Instruction& value, size_t leaf) {
  const Flow& flow = flow_of(loop);
  int origin = kNone;
  if (const auto found = flow.origins.find(&value); found != flow.origins.end()) origin = found->second[leaf];
  if (const auto found = flow.added_to.find(&value); found != flow.added_to.end()) origin = found->second;
  if (origin == kNone || !flow.state[static_cast<size_t>(origin)].only_adds) return std::nullopt;
  return static_cast<size_t>(origin);
}

double Accumulators::seconds_with(const State& state, const Shape& shape, const Start& start, const Sharding& held,
                                  const Sharding& wanted) {
  double elements = 1;
  for (const int64_t size : shard_sizes(shape.dims(), held, decision_.mesh)) elements *= static_cast<double>(size);
  const double to_add = kPassesOfAdding * elements * static_cast<double>(bytes_of(shape.type())) /
                        decision_.machine.memory_bytes_per_second;
  double seconds = 0;
  for (const Term& term : state.terms) {
    const double to_bring = decision_.times.between(shape, forecast_.of(*term.value), held);
    seconds += kRounds * term.times * (to_bring + to_add);
  }
  if (!start.is_one_number) seconds += decision_.times.between(shape, start.sharding, held);
  return seconds + decision_.times.between(shape, held, wanted);
}

Sharding Accumulators::best_for(const Instruction& loop, size_t leaf, const Start& start, const Sharding& wanted) {
  const State& state = flow_of(loop).state[leaf];
  const Shape& shape = decision_.shape_of(loop, leaf);
  Sharding best = wanted;
  if (!state.only_adds || !shape.is_array() || state.reducer == Reducer::none) return best;
  double least = seconds_with(state, shape, start, wanted, wanted);
  std::vector<Sharding> tried;
  for (const Term& term : state.terms) {
    const Sharding held = forecast_.of(*term.value);
    const bool fits = held.partial != 0 && held.reducer == state.reducer && held.manual == wanted.manual;
    if (!fits || std::find(tried.begin(), tried.end(), held) != tried.end()) continue;
    tried.push_back(held);
    const double seconds = seconds_with(state, shape, start, held, wanted);
    if (seconds < least) least = seconds, best = held;
  }
  return best;
}

}  // namespace gshard
