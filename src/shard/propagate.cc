#include "shard/propagate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <span>

namespace gshard {
namespace {

// When each value's constraints are visited: places in the order of visits, in one list for all values, of which
// [first[v], first[v + 1]) are those of value v.
class TurnsOfValues {
 public:
  TurnsOfValues(const Constraints& constraints, size_t values) : first_(values + 1) {
    for (const Constraint& constraint : constraints.all) {
      for (const ValueClass tensor : constraint.tensors) ++first_[static_cast<size_t>(tensor) + 1];
    }
    for (size_t v = 0; v < values; ++v) first_[v + 1] += first_[v];
    turns_.resize(first_[values]);
    std::vector<uint32_t> turn_of(constraints.order.size());
    for (uint32_t turn = 0; turn < turn_of.size(); ++turn) turn_of[constraints.order[turn]] = turn;
    std::vector<uint32_t> next(first_.begin(), first_.end() - 1);
    for (size_t c = 0; c < constraints.all.size(); ++c) {
      for (const ValueClass tensor : constraints.all[c].tensors) {
        turns_[next[static_cast<size_t>(tensor)]++] = turn_of[c];
      }
    }
  }

  std::span<const uint32_t> of(ValueClass value) const {
    const auto v = static_cast<size_t>(value);
    return std::span(turns_).subspan(first_[v], first_[v + 1] - first_[v]);
  }

 private:
  std::vector<uint32_t> first_;
  std::vector<uint32_t> turns_;
};

// Numbers below a limit, of which the lowest is found at once. One bit each, and above 64 of them one that tells
// whether there is any, and so on: constraints are queued again and again, and a heap of all of them would not stay in
// a cache.
class LowestFirst {
 public:
  explicit LowestFirst(size_t limit) {
    do {
      levels_.emplace_back((limit + 63) / 64);
      limit = levels_.back().size();
    } while (limit > 1);
  }

  bool empty() const { return levels_.back().empty() || levels_.back()[0] == 0; }

  size_t lowest() const {
    size_t lowest = 0;
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
      lowest = lowest * 64 + static_cast<size_t>(std::countr_zero((*level)[lowest]));
    }
    return lowest;
  }

  void add(size_t number) {
    for (std::vector<uint64_t>& level : levels_) {
      uint64_t& word = level[number / 64];
      const bool was_any = word != 0;
      word |= uint64_t{1} << number % 64;
      if (was_any) return;
      number /= 64;
    }
  }

  void remove(size_t number) {
    for (std::vector<uint64_t>& level : levels_) {
      uint64_t& word = level[number / 64];
      word &= ~(uint64_t{1} << number % 64);
      if (word != 0) return;
      number /= 64;
    }
  }

 private:
  std::vector<std::vector<uint64_t>> levels_;
};

class Propagation {
 public:
  Propagation(const Constraints& constraints, const Mesh& mesh, ShardingTable& shardings)
      : constraints_(constraints),
        mesh_(mesh),
        shardings_(shardings),
        turns_(constraints, static_cast<size_t>(shardings.value_count())),
        queue_(constraints.order.size()) {
    for (const Constraint& constraint : constraints.all) ++level_end_[static_cast<size_t>(constraint.level)];
    std::partial_sum(level_end_.begin(), level_end_.end(), level_end_.begin());
  }

  std::vector<Spread> run() && {
    for (ValueClass value = 0; value < shardings_.value_count(); ++value) {
      if (shardings_[value].cut() != 0) queue_constraints_of(value);
    }
    settle(kLastLevel);
    return std::move(spreads_);
  }

 private:
  static constexpr int kLastLevel = 3;
  // The constraints of a wave lie anywhere in memory: they are asked for so many visits before they are read.
  static constexpr size_t kAhead = 6;

  // Visits what waits up to a level until nothing does, lower levels whenever something of them waits. A level goes in
  // waves: what waits is visited before what is queued on its account, so that where two cuts of a value are possible,
  // it has that from nearer by.
  void settle(int level) {
    while (level >= 0 && is_waiting(level)) {
      settle(level - 1);
      std::vector<size_t>& wave = waves_[static_cast<size_t>(level)];
      for (wave.clear(); is_waiting(level); queue_.remove(wave.back())) wave.push_back(queue_.lowest());
      for (size_t i = 0; i < wave.size(); ++i) {
        if (i + kAhead < wave.size()) __builtin_prefetch(&constraint_at(wave[i + kAhead]));
        visit(constraint_at(wave[i]));
        settle(level - 1);
      }
    }
  }

  const Constraint& constraint_at(size_t turn) const { return constraints_.all[constraints_.order[turn]]; }

  bool is_waiting(int level) const {
    return !queue_.empty() && queue_.lowest() < level_end_[static_cast<size_t>(level)];
  }

  void queue_constraints_of(ValueClass value) {
    for (const uint32_t turn : turns_.of(value)) queue_.add(turn);
  }

  void visit(const Constraint& constraint) {
    const std::vector<Factor>& factors = constraint.loops->factors;
    if (cuts_.size() < constraint.tensors.size() * factors.size()) {
      cuts_.resize(constraint.tensors.size() * factors.size());
    }
    for (size_t t = 0; t < constraint.tensors.size(); ++t) project(constraint, t);
    for (size_t f = 0; f < factors.size(); ++f) {
      if (!speaks_of(constraint, factors[f].kind)) continue;
      const Digits agreed = agree(constraint, static_cast<FactorId>(f));
      if (!agreed.empty()) spread(constraint, static_cast<FactorId>(f), agreed);
    }
  }

  // Gives all tensors what is agreed for a factor.
  void spread(const Constraint& constraint, FactorId f, const Digits& agreed) {
    const auto has_all = [&](size_t t) { return cut_of(constraint, t, f).size() >= agreed.size(); };
    size_t source = 0;
    while (!has_all(source)) ++source;
    for (size_t t = 0; t < constraint.tensors.size(); ++t) {
      if (has_all(t)) continue;
      const Digits fresh = extend(constraint, t, f, agreed);
      if (fresh.empty()) continue;
      const ValueClass tensor = constraint.tensors[t];
      spreads_.push_back({tensor, constraint.tensors[source], set_of(fresh), constraint.instruction});
      queue_constraints_of(tensor);
      project(constraint, t);
    }
  }

  static bool speaks_of(const Constraint& constraint, FactorKind kind) {
    if (kind == FactorKind::whole) return constraint.level >= 2;
    return kind != FactorKind::reduce || constraint.level != 1;
  }

  // Of a factor, as one tensor's dimensions are cut now.
  Digits& cut_of(const Constraint& constraint, size_t t, FactorId f) {
    return cuts_[t * constraint.loops->factors.size() + static_cast<size_t>(f)];
  }

  // Deals the digits of each dimension out to its factors, major to minor. The last factor takes what is left; an
  // earlier one only digits that divide it, and the next begins where it is used up.
  void project(const Constraint& constraint, size_t t) {
    const Loops& loops = *constraint.loops;
    for (size_t f = 0; f < loops.factors.size(); ++f) cut_of(constraint, t, static_cast<FactorId>(f)).clear();
    const Sharding& sharding = shardings_[constraint.tensors[t]];
    for (size_t d = 0; d < loops.dims[t].size(); ++d) {
      const DimFactors& factors = loops.dims[t][d];
      const Digits& digits = sharding.dims[d];
      if (digits.empty()) continue;
      if (factors.size() == 1) {
        Digits& cut = cut_of(constraint, t, factors[0]);
        if (cut.empty()) {
          cut = digits;
        } else {
          cut.append(digits);
        }
      } else {
        deal_out(constraint, t, factors, digits);
      }
    }
  }

  void deal_out(const Constraint& constraint, size_t t, const DimFactors& factors, const Digits& digits) {
    const auto size_of = [&](FactorId f) { return constraint.loops->factors[static_cast<size_t>(f)].size; };
    size_t at = 0;
    int64_t left = size_of(factors[0]);
    for (const Digit digit : digits) {
      while (left == 1 && at + 1 < factors.size()) left = size_of(factors[++at]);
      const int64_t size = mesh_.digits()[digit].size;
      if (left % size != 0) break;
      cut_of(constraint, t, factors[at]).push_back(digit);
      left /= size;
    }
  }

  // The longest list of digits of which every tensor's list for the factor is a beginning; where two disagree, what
  // they have in common.
  Digits agree(const Constraint& constraint, FactorId f) {
    Digits agreed;
    bool conflict = false;
    for (size_t t = 0; t < constraint.tensors.size(); ++t) {
      const Digits& other = cut_of(constraint, t, f);
      if (other.empty() || other == agreed) continue;
      const auto same = static_cast<size_t>(
          std::mismatch(agreed.begin(), agreed.end(), other.begin(), other.end()).first - agreed.begin());
      if (same < agreed.size() && same < other.size()) {
        agreed.resize(same);
        conflict = true;
      } else if (!conflict && other.size() > agreed.size()) {
        agreed = other;
      }
    }
    return agreed;
  }

  // Cuts tensor t's dimension with factor f by the digits that it lacks; returns those that it has got.
  Digits extend(const Constraint& constraint, size_t t, FactorId f, const Digits& agreed) {
    const ValueClass tensor = constraint.tensors[t];
    const TensorFactors& dims = constraint.loops->dims[t];
    for (size_t d = 0; d < dims.size(); ++d) {
      const auto* at = std::find(dims[d].begin(), dims[d].end(), f);
      if (at == dims[d].end() || !shardings_.partial(tensor).open[d]) continue;
      const Digits fresh = lacking(constraint, t, d, static_cast<size_t>(at - dims[d].begin()), agreed);
      if (fresh.empty()) continue;
      Sharding extended = shardings_[tensor];
      extended.dims[d].append(fresh);
      shardings_.set(tensor, extended);
      return fresh;
    }
    return {};
  }

  // The digits that dimension d of tensor t lacks along its factor at `at`, as many as fit.
  Digits lacking(const Constraint& constraint, size_t t, size_t d, size_t at, const Digits& agreed) const {
    const DimFactors& factors = constraint.loops->dims[t][d];
    const auto size_of = [&](size_t i) { return constraint.loops->factors[static_cast<size_t>(factors[i])].size; };
    const Digits& digits = shardings_[constraint.tensors[t]].dims[d];
    // What stands before the factor in its dimension must be cut completely before the factor itself can be.
    int64_t before = 1;
    for (size_t i = 0; i < at; ++i) before *= size_of(i);
    size_t skip = 0;
    int64_t covered = 1;
    while (skip < digits.size() && covered < before) covered *= mesh_.digits()[digits[skip++]].size;
    const size_t present = digits.size() - skip;
    if (covered != before || present >= agreed.size()) return {};
    const auto* const first = agreed.begin() + present;
    if (!std::equal(agreed.begin(), first, digits.begin() + skip)) return {};

    int64_t parts_of = 0;
    if (factors.size() > 1) parts_of = size_of(at) / mesh_.size_of(Digits(agreed.begin(), first));
    Digits fresh(first, agreed.end());
    while (!fresh.empty() && !fits(constraint, t, d, fresh, parts_of)) fresh.resize(fresh.size() - 1);
    return fresh;
  }

  // Whether a dimension can be cut further. Unless it is 0, what is cut is `parts_of` long and each part alike.
  bool fits(const Constraint& constraint, size_t t, size_t d, const Digits& fresh, int64_t parts_of) const {
    const auto& [sharding, open, replicated] = shardings_.partial(constraint.tensors[t]);
    const int64_t pieces = mesh_.size_of(fresh);
    return ((sharding.used() | replicated) & set_of(fresh)) == 0 && parts_of % pieces == 0 &&
           sharding.pieces(d, mesh_) * pieces <= constraint.loops->sizes[t][d];
  }

  const Constraints& constraints_;
  const Mesh& mesh_;
  ShardingTable& shardings_;
  const TurnsOfValues turns_;
  std::array<size_t, kLastLevel + 1> level_end_ = {};  // in the order of visits
  std::vector<Digits> cuts_;  // of the factors of each tensor of the constraint that is visited
  std::vector<Spread> spreads_;
  LowestFirst queue_;  // of turns
  std::array<std::vector<size_t>, kLastLevel + 1> waves_;
};

}  // namespace

std::vector<Spread> propagate(const Constraints& constraints, const Mesh& mesh, ShardingTable& shardings) {
  return Propagation(constraints, mesh, shardings).run();
}

}  // namespace gshard
