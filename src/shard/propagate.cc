#include "shard/propagate.h"

#include <algorithm>
#include <queue>
#include <span>

namespace gshard {
namespace {

// The digits of each factor of one tensor, as its dimensions are cut now.
using FactorDigits = std::vector<Digits>;

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

class Propagation {
 public:
  Propagation(const std::vector<Constraint>& constraints, const ValueTable& values, const Mesh& mesh,
              std::vector<PartialSharding>& shardings)
      : constraints_(constraints),
        values_(values),
        mesh_(mesh),
        shardings_(shardings),
        users_(constraints, values.class_count()) {}

  // A constraint of a higher level waits until all lower ones have settled: they come first in the order.
  std::vector<Spread> run() {
    queued_.assign(constraints_.size(), true);
    for (uint32_t c = 0; c < constraints_.size(); ++c) queue_.push(c);
    while (!queue_.empty()) {
      const uint32_t next = queue_.top();
      queue_.pop();
      queued_[next] = false;
      visit(constraints_[next]);
    }
    return std::move(spreads_);
  }

 private:
  void visit(const Constraint& constraint) {
    if (!is_any_cut(constraint)) return;
    if (cuts_.size() < constraint.tensors.size()) cuts_.resize(constraint.tensors.size());
    for (size_t t = 0; t < constraint.tensors.size(); ++t) project(constraint, t);
    for (size_t f = 0; f < constraint.factors.size(); ++f) {
      if (!speaks_of(constraint, constraint.factors[f].kind)) continue;
      const Digits agreed = agree(constraint, static_cast<FactorId>(f));
      if (!agreed.empty()) spread(constraint, static_cast<FactorId>(f), agreed);
    }
  }

  bool is_any_cut(const Constraint& constraint) const {
    return std::any_of(constraint.tensors.begin(), constraint.tensors.end(), [&](ValueClass tensor) {
      const auto& dims = shardings_[static_cast<size_t>(tensor)].sharding.dims;
      return std::any_of(dims.begin(), dims.end(), [](const Digits& digits) { return !digits.empty(); });
    });
  }

  // Gives all tensors what is agreed for a factor.
  void spread(const Constraint& constraint, FactorId f, const Digits& agreed) {
    const auto has_all = [&](size_t t) { return cuts_[t][static_cast<size_t>(f)].size() >= agreed.size(); };
    size_t source = 0;
    while (!has_all(source)) ++source;
    for (size_t t = 0; t < constraint.tensors.size(); ++t) {
      const size_t before = spreads_.size();
      if (!extend(constraint, t, f, agreed)) continue;
      project(constraint, t);
      for (size_t s = before; s < spreads_.size(); ++s) spreads_[s].from = constraint.tensors[source];
    }
  }

  static bool speaks_of(const Constraint& constraint, FactorKind kind) {
    if (kind == FactorKind::whole) return constraint.level >= 2;
    return kind != FactorKind::reduce || constraint.level != 1;
  }

  Sharding& sharding_of(const Constraint& constraint, size_t t) {
    return shardings_[static_cast<size_t>(constraint.tensors[t])].sharding;
  }

  // Deals the digits of each dimension out to its factors, major to minor. The last factor takes what is left; an
  // earlier one only digits that divide it, and the next begins where it is used up.
  void project(const Constraint& constraint, size_t t) {
    FactorDigits& cut = cuts_[t];
    if (cut.size() < constraint.factors.size()) cut.resize(constraint.factors.size());
    for (size_t f = 0; f < constraint.factors.size(); ++f) cut[f].clear();
    for (size_t d = 0; d < constraint.dims[t].size(); ++d) {
      const DimFactors& factors = constraint.dims[t][d];
      size_t at = 0;
      int64_t left = constraint.factors[static_cast<size_t>(factors[0])].size;
      for (const Digit digit : sharding_of(constraint, t).dims[d]) {
        while (left == 1 && at + 1 < factors.size()) left = constraint.factors[static_cast<size_t>(factors[++at])].size;
        const int64_t size = mesh_.digits()[digit].size;
        const bool alone = factors.size() == 1;
        if (!alone && left % size != 0) break;
        cut[static_cast<size_t>(factors[at])].push_back(digit);
        left = alone ? left : left / size;
      }
    }
  }

  // The longest list of digits of which every tensor's list for the factor is a beginning; where two disagree, what
  // they have in common.
  Digits agree(const Constraint& constraint, FactorId f) const {
    Digits agreed;
    bool conflict = false;
    for (size_t t = 0; t < constraint.tensors.size(); ++t) {
      const Digits& other = cuts_[t][static_cast<size_t>(f)];
      size_t same = 0;
      while (same < agreed.size() && same < other.size() && agreed[same] == other[same]) ++same;
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
    PartialSharding& tensor = shardings_[static_cast<size_t>(constraint.tensors[t])];
    for (size_t d = 0; d < constraint.dims[t].size(); ++d) {
      const DimFactors& factors = constraint.dims[t][d];
      const auto* at = std::find(factors.begin(), factors.end(), f);
      if (at == factors.end() || !tensor.open[d]) continue;
      Digits& digits = tensor.sharding.dims[d];
      const size_t before = digits.size();
      append_from(constraint, t, d, static_cast<size_t>(at - factors.begin()), agreed);
      if (digits.size() != before) {
        for (size_t i = before; i < digits.size(); ++i) {
          spreads_.push_back({constraint.tensors[t], d, digits[i], constraint.tensors[t], constraint.instruction});
        }
        for (const uint32_t user : users_.of(constraint.tensors[t])) push(user);
        return true;
      }
    }
    return false;
  }

  void append_from(const Constraint& constraint, size_t t, size_t d, size_t at, const Digits& agreed) {
    PartialSharding& tensor = shardings_[static_cast<size_t>(constraint.tensors[t])];
    Digits& digits = tensor.sharding.dims[d];
    const DimFactors& factors = constraint.dims[t][d];
    // What stands before the factor in its dimension must be cut completely before the factor itself can be.
    int64_t before = 1;
    for (size_t i = 0; i < at; ++i) before *= constraint.factors[static_cast<size_t>(factors[i])].size;
    size_t skip = 0;
    int64_t covered = 1;
    while (skip < digits.size() && covered < before) covered *= mesh_.digits()[digits[skip++]].size;
    if (covered != before) return;
    const size_t present = digits.size() - skip;
    if (present >= agreed.size() || !std::equal(agreed.begin(), agreed.begin() + present, digits.begin() + skip))
      return;

    const bool alone = factors.size() == 1;
    const int64_t size = values_.shape_of(constraint.tensors[t]).dim(d);
    int64_t left = constraint.factors[static_cast<size_t>(factors[at])].size;
    for (size_t i = 0; i < present; ++i) left /= mesh_.digits()[agreed[i]].size;
    int64_t pieces = mesh_.size_of(digits);
    for (size_t i = present; i < agreed.size(); ++i) {
      const int64_t digit_size = mesh_.digits()[agreed[i]].size;
      const bool used = (tensor.sharding.used() & digit_bit(agreed[i])) != 0;
      if (used || (!alone && left % digit_size != 0) || pieces * digit_size > size) return;
      digits.push_back(agreed[i]);
      pieces *= digit_size;
      left /= digit_size;
    }
  }

  void push(uint32_t constraint) {
    if (queued_[constraint]) return;
    queued_[constraint] = true;
    queue_.push(constraint);
  }

  const std::vector<Constraint>& constraints_;
  const ValueTable& values_;
  const Mesh& mesh_;
  std::vector<PartialSharding>& shardings_;
  const ConstraintsOfValues users_;
  std::vector<FactorDigits> cuts_;  // of the constraint that is visited; kept for their memory
  std::vector<Spread> spreads_;
  std::vector<bool> queued_;
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> queue_;
};

}  // namespace

std::vector<Spread> propagate(const std::vector<Constraint>& constraints, const ValueTable& values, const Mesh& mesh,
                              std::vector<PartialSharding>& shardings) {
  GSHARD_CHECK(shardings.size() == values.class_count());
  return Propagation(constraints, values, mesh, shardings).run();
}

}  // namespace gshard
