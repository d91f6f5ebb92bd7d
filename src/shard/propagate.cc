#include "shard/propagate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

namespace gshard {
namespace {

// The constraints of each value, in one list for all values: [first[v], first[v + 1]) are those of value v.
class ConstraintsOfValues {
 public:
  ConstraintsOfValues(const std::vector<Constraint>& constraints, size_t values) : first_(values + 1) {
    for (const Constraint& constraint : constraints) {
      for (const ValueClass tensor : constraint.tensors) ++first_[static_cast<size_t>(tensor) + 1];
    }
    for (size_t v = 0; v < values; ++v) first_[v + 1] += first_[v];
    all_.resize(first_[values]);
    std::vector<uint32_t> next(first_.begin(), first_.end() - 1);
    for (uint32_t c = 0; c < constraints.size(); ++c) {
      for (const ValueClass tensor : constraints[c].tensors) all_[next[static_cast<size_t>(tensor)]++] = c;
    }
  }

  std::span<const uint32_t> of(ValueClass value) const {
    const auto v = static_cast<size_t>(value);
    return std::span(all_).subspan(first_[v], first_[v + 1] - first_[v]);
  }

 private:
  std::vector<uint32_t> first_;
  std::vector<uint32_t> all_;
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

// How all values lie, in one list of dimensions: of a program of any size little is read that is not needed.
class ValueCuts {
 public:
  struct Dim {
    Digits digits;
    int64_t size = 1;
    bool open = false;
  };

  ValueCuts(const std::vector<PartialSharding>& shardings, const ValueTable& values) {
    rows_.reserve(shardings.size());
    for (size_t value = 0; value < shardings.size(); ++value) {
      const auto& [sharding, open] = shardings[value];
      rows_.push_back({dims_.size(), sharding.cut(), sharding.partial | sharding.manual});
      const Shape& shape = values.shape_of(static_cast<ValueClass>(value));
      for (size_t d = 0; d < sharding.dims.size(); ++d) dims_.push_back({sharding.dims[d], shape.dim(d), open[d]});
    }
  }

  bool is_cut(ValueClass value) const { return row(value).cut != 0; }
  const Dim& dim(ValueClass value, size_t d) const { return dims_[row(value).first + d]; }
  bool uses_any(ValueClass value, DigitSet digits) const { return ((row(value).cut | row(value).other) & digits) != 0; }
  void append(ValueClass value, size_t d, const Digits& digits) {
    dims_[row(value).first + d].digits.append(digits);
    rows_[static_cast<size_t>(value)].cut |= set_of(digits);
  }

  void write_to(std::vector<PartialSharding>& shardings) const {
    for (size_t value = 0; value < shardings.size(); ++value) {
      auto& dims = shardings[value].sharding.dims;
      for (size_t d = 0; d < dims.size(); ++d) dims[d] = dims_[rows_[value].first + d].digits;
    }
  }

 private:
  struct Row {
    size_t first = 0;
    DigitSet cut = 0;
    DigitSet other = 0;  // partial or manual
  };
  const Row& row(ValueClass value) const { return rows_[static_cast<size_t>(value)]; }

  std::vector<Row> rows_;
  std::vector<Dim> dims_;
};

class Propagation {
 public:
  Propagation(const std::vector<Constraint>& constraints, const ValueTable& values, const Mesh& mesh,
              const std::vector<PartialSharding>& shardings)
      : constraints_(constraints),
        mesh_(mesh),
        values_(shardings, values),
        users_(constraints, values.class_count()),
        queue_(constraints.size()) {}

  std::vector<Spread> run(std::vector<PartialSharding>& shardings) && {
    for (size_t value = 0; value < shardings.size(); ++value) {
      if (values_.is_cut(static_cast<ValueClass>(value))) queue_constraints_of(static_cast<ValueClass>(value));
    }
    settle(kLastLevel);
    values_.write_to(shardings);
    return std::move(spreads_);
  }

 private:
  static constexpr int kLastLevel = 3;

  // Visits what waits up to a level until nothing does, lower levels whenever something of them waits. A level goes in
  // waves: what waits is visited before what is queued on its account, so that where two cuts of a value are possible,
  // it has that from nearer by.
  void settle(int level) {
    while (level >= 0 && is_waiting(level)) {
      settle(level - 1);
      std::vector<size_t>& wave = waves_[static_cast<size_t>(level)];
      for (wave.clear(); is_waiting(level); queue_.remove(wave.back())) wave.push_back(queue_.lowest());
      for (const size_t constraint : wave) {
        visit(constraints_[constraint]);
        settle(level - 1);
      }
    }
  }

  // They are in the order of their levels.
  bool is_waiting(int level) const { return !queue_.empty() && constraints_[queue_.lowest()].level <= level; }

  void queue_constraints_of(ValueClass value) {
    for (const uint32_t constraint : users_.of(value)) queue_.add(constraint);
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
      if (has_all(t) || !extend(constraint, t, f, agreed)) continue;
      spreads_.back().from = constraint.tensors[source];
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
    if (!values_.is_cut(constraint.tensors[t])) return;
    for (size_t d = 0; d < loops.dims[t].size(); ++d) {
      const DimFactors& factors = loops.dims[t][d];
      const Digits& digits = values_.dim(constraint.tensors[t], d).digits;
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

  // Gives tensor t's dimension with factor f the digits that it lacks; whether anything changed.
  bool extend(const Constraint& constraint, size_t t, FactorId f, const Digits& agreed) {
    const ValueClass tensor = constraint.tensors[t];
    const TensorFactors& dims = constraint.loops->dims[t];
    for (size_t d = 0; d < dims.size(); ++d) {
      const auto* at = std::find(dims[d].begin(), dims[d].end(), f);
      if (at == dims[d].end() || !values_.dim(tensor, d).open) continue;
      const Digits fresh = append_from(constraint, t, d, static_cast<size_t>(at - dims[d].begin()), agreed);
      if (fresh.empty()) continue;
      spreads_.push_back({tensor, tensor, static_cast<uint32_t>(d), fresh, constraint.instruction});
      queue_constraints_of(tensor);
      return true;
    }
    return false;
  }

  // Of the digits that dimension d of tensor t lacks along its factor at `at`, appends and returns those that fit.
  Digits append_from(const Constraint& constraint, size_t t, size_t d, size_t at, const Digits& agreed) {
    const DimFactors& factors = constraint.loops->dims[t][d];
    const auto size_of = [&](size_t i) { return constraint.loops->factors[static_cast<size_t>(factors[i])].size; };
    const Digits& digits = values_.dim(constraint.tensors[t], d).digits;
    // What stands before the factor in its dimension must be cut completely before the factor itself can be.
    int64_t before = 1;
    for (size_t i = 0; i < at; ++i) before *= size_of(i);
    size_t skip = 0;
    int64_t covered = 1;
    while (skip < digits.size() && covered < before) covered *= mesh_.digits()[digits[skip++]].size;
    const size_t present = digits.size() - skip;
    if (covered != before || present >= agreed.size()) return {};
    const auto* const lacking = agreed.begin() + present;
    if (!std::equal(agreed.begin(), lacking, digits.begin() + skip)) return {};

    int64_t parts_of = 0;
    if (factors.size() > 1) parts_of = size_of(at) / mesh_.size_of(Digits(agreed.begin(), lacking));
    Digits fresh(lacking, agreed.end());
    while (!fresh.empty() && !fits(constraint.tensors[t], d, fresh, parts_of)) fresh.resize(fresh.size() - 1);
    values_.append(constraint.tensors[t], d, fresh);
    return fresh;
  }

  // Whether a dimension can be cut further. Unless it is 0, what is cut is `parts_of` long and each part alike.
  bool fits(ValueClass tensor, size_t d, const Digits& fresh, int64_t parts_of) const {
    const ValueCuts::Dim& dim = values_.dim(tensor, d);
    const int64_t pieces = mesh_.size_of(fresh);
    return !values_.uses_any(tensor, set_of(fresh)) && parts_of % pieces == 0 &&
           mesh_.size_of(dim.digits) * pieces <= dim.size;
  }

  const std::vector<Constraint>& constraints_;
  const Mesh& mesh_;
  ValueCuts values_;
  const ConstraintsOfValues users_;
  std::vector<Digits> cuts_;  // of the factors of each tensor of the constraint that is visited
  std::vector<Spread> spreads_;
  LowestFirst queue_;
  std::array<std::vector<size_t>, kLastLevel + 1> waves_;
};

}  // namespace

std::vector<Spread> propagate(const std::vector<Constraint>& constraints, const ValueTable& values, const Mesh& mesh,
                              std::vector<PartialSharding>& shardings) {
  GSHARD_CHECK(shardings.size() == values.class_count());
  return Propagation(constraints, values, mesh, shardings).run(shardings);
}

}  // namespace gshard
