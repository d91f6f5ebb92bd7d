#include "shard/plan.h"

#include <algorithm>
#include <limits>

#include "base/ceil_div.h"
#include "shard/ring.h"

namespace gshard {
namespace {

bool can_be_cut(const Factor& factor) {
  return factor.kind == FactorKind::parallel || factor.kind == FactorKind::shift || factor.kind == FactorKind::flat ||
         factor.kind == FactorKind::indexed || (factor.kind == FactorKind::reduce && factor.reducer != Reducer::none);
}

// Adds the cuts of one tensor to the plan: each factor without a cut gets the tensor's, as far as the digits are free.
// A factor that is one of several in a dimension of any tensor must be cut evenly, and only after those before it.
class PlanMaker {
 public:
  PlanMaker(const OpContext& op, const Way& way, const Mesh& mesh)
      : rule_(way.rule),
        mesh_(mesh),
        even_(way.rule.factors.size(), false),
        pieces_(way.rule.factors.size(), 1),
        used_(op.manual) {
    plan_.way = &way;
    plan_.cut.resize(rule_.factors.size());
    const auto mark = [&](const std::vector<TensorFactors>& tensors) {
      for (const TensorFactors& dims : tensors) {
        for (const DimFactors& factors : dims) {
          for (const FactorId f : factors) even_[index(f)] = even_[index(f)] || factors.size() > 1;
        }
      }
    };
    mark(rule_.operands);
    mark(rule_.results);
  }

  // All dimensions but `skipped`.
  void follow(const TensorFactors& dims, const Sharding& sharding, std::optional<size_t> skipped = {}) {
    for (size_t d = 0; d < dims.size(); ++d) {
      if (d == skipped || sharding.dims[d].empty()) continue;
      if (dims[d].size() == 1) {
        append_all(dims[d][0], sharding.dims[d]);
        continue;
      }
      size_t at = 0;
      for (const Digit digit : sharding.dims[d]) {
        while (at + 1 < dims[d].size() && left_of(dims[d][at]) == 1) ++at;
        if (!append(dims[d][at], digit)) break;
      }
    }
  }

  // Cuts a parallel loop by what some tensor is cut by and the plan is not: the axes of a dimension that must be whole
  // are moved to one that need not.
  void move(DigitSet cuts, size_t f) {
    for (size_t digit = 0; digit < mesh_.digits().size(); ++digit) {
      if ((cuts >> digit & 1) != 0) append(static_cast<FactorId>(f), static_cast<Digit>(digit));
    }
  }
  DigitSet used() const { return used_; }

  const OpPlan& plan() const { return plan_; }

 private:
  static size_t index(FactorId f) { return static_cast<size_t>(f); }
  int64_t left_of(FactorId f) const { return rule_.factors[index(f)].size / pieces_[index(f)]; }

  // All of them, up to the first that cannot be.
  void append_all(FactorId f, const Digits& digits) {
    Digits& cut = plan_.cut[index(f)];
    if (cut == digits) return;
    const DigitSet set = set_of(digits);
    if (even_[index(f)] || (used_ & set) != 0) {
      if ((set & ~set_of(cut)) == 0) return;
      for (const Digit digit : digits) {
        if (!append(f, digit)) return;
      }
    } else if (can_be_cut(rule_.factors[index(f)])) {
      cut.append(digits);
      pieces_[index(f)] *= mesh_.size_of(digits);
      used_ |= set;
    }
  }

  bool append(FactorId f, Digit digit) {
    const Factor& factor = rule_.factors[index(f)];
    if (!can_be_cut(factor)) return false;
    Digits& cut = plan_.cut[index(f)];
    if ((used_ & digit_bit(digit)) != 0) return std::find(cut.begin(), cut.end(), digit) != cut.end();
    const int64_t pieces = pieces_[index(f)] * mesh_.digits()[digit].size;
    if (even_[index(f)] && factor.size % pieces != 0) return false;
    cut.push_back(digit);
    pieces_[index(f)] = pieces;
    used_ |= digit_bit(digit);
    return true;
  }

  const Rule& rule_;
  const Mesh& mesh_;
  std::vector<bool> even_;
  std::vector<int64_t> pieces_;  // of each factor
  OpPlan plan_;
  DigitSet used_;
};

// A later factor of a dimension may only be cut where those before it are cut completely; the rest is dropped.
void drop_unaligned(const Mesh& mesh, OpPlan& plan) {
  const Rule& rule = plan.way->rule;
  const auto drop = [&](const std::vector<TensorFactors>& tensors) {
    bool dropped = false;
    for (const TensorFactors& dims : tensors) {
      for (const DimFactors& factors : dims) {
        if (factors.size() == 1) continue;
        bool complete = true;
        for (const FactorId f : factors) {
          Digits& cut = plan.cut[static_cast<size_t>(f)];
          if (!complete && !cut.empty()) cut.clear(), dropped = true;
          complete = complete && mesh.size_of(cut) == rule.factors[static_cast<size_t>(f)].size;
        }
      }
    }
    return dropped;
  };
  while (drop(rule.operands) || drop(rule.results)) {
  }
}

// Read and written by each device.
double bytes_touched(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  double bytes = 0;
  for (size_t i = 0; i < op.operand_shapes.size(); ++i) {
    if (!op.operand_shapes[i].is_array()) continue;
    bytes += local_bytes(op.operand_shapes[i], operand_sharding(op, plan, i), mesh);
  }
  for (size_t leaf = 0; leaf < op.result_shapes.size(); ++leaf) {
    bytes += local_bytes(op.result_shapes[leaf], result_sharding(op, plan, leaf), mesh);
  }
  return bytes;
}

// What a plan makes on each device: operands in another form than they lie in, results as they are made and as they are
// wanted. A sum of partial values takes their place.
double bytes_taken(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  double bytes = plan.ring ? bytes_going_around(op, plan, mesh) : 0;
  const auto add_change = [&](const Shape& shape, const Sharding& from, const Sharding& to) {
    if (shape.is_array() && from.dims != to.dims) bytes += local_bytes(shape, to, mesh);
  };
  for (size_t i = 0; i < op.operand_shapes.size(); ++i) {
    if (!op.operand_shapes[i].is_array()) continue;
    add_change(op.operand_shapes[i], op.operands[i], operand_sharding(op, plan, i));
  }
  for (size_t leaf = 0; leaf < op.result_shapes.size(); ++leaf) {
    const Sharding made = result_sharding(op, plan, leaf);
    bytes += local_bytes(op.result_shapes[leaf], made, mesh);
    add_change(op.result_shapes[leaf], made, op.results[leaf]);
  }
  return bytes;
}

DigitSet set_of_all(std::span<const Digits> cut) {
  DigitSet all = 0;
  for (const Digits& digits : cut) all |= set_of(digits);
  return all;
}

// What passes and what the op itself reduces must be combined alike.
bool partials_agree(const OpPlan& plan) {
  const PlanPartial reduced = partial_of(plan);
  return reduced.digits == 0 || reduced.reducer == plan.passing_reducer;
}

// Lets partial operands through where the op is linear in them: all that may be partial jointly, or a single one.
void pass_partials(const OpContext& op, OpPlan& plan) {
  const Linearity& linearity = plan.way->rule.linearity;
  const DigitSet cut = set_of_all(plan.cut) | (plan.ring ? set_of(plan.ring->digits) : 0);
  for (size_t i = 0; i < op.operands.size() && i < 64; ++i) {
    const Sharding& operand = op.operands[i];
    const uint64_t bit = uint64_t{1} << i;
    const bool fits = operand.partial != 0 && (operand.partial & (cut | op.manual)) == 0 &&
                      (linearity.reducer == Reducer::none || linearity.reducer == operand.reducer);
    if (!fits) continue;
    if ((linearity.jointly & bit) != 0) plan.passing_operands = linearity.jointly;
    if ((linearity.singly & bit) != 0) plan.passing_operands = bit;
    if (plan.passing_operands == 0) continue;
    plan.passing = operand.partial;
    plan.passing_reducer = operand.reducer;
    return;
  }
}

// Follows each of the tensors in turn, alone and together with the others, and keeps the cheapest plan.
class PlanSearch {
 public:
  PlanSearch(const OpContext& op, const Target& target)
      : op_(op),
        target_(target),
        mesh_(target.mesh),
        may_pass_(
            std::any_of(op.operands.begin(), op.operands.end(), [](const Sharding& s) { return s.partial != 0; })) {
    for (size_t tensor = 0; tensor < tensor_count(); ++tensor) cuts_.push_back(sharding_of(tensor).cut());
  }

  void try_way(const Way& way) {
    if (way.in_ring) return try_rings(way);
    const size_t tensors = tensor_count();
    for (size_t lead = 0; lead < tensors; ++lead) {
      PlanMaker maker(op_, way, mesh_);
      follow(maker, way.rule, lead);
      consider_moves(maker, way, lead);
      for (size_t t = 0; t < tensors; ++t) follow(maker, way.rule, t);
      consider_moves(maker, way, lead);
    }
    if (tensors == 0) consider(PlanMaker(op_, way, mesh_).plan());
  }

  OpPlan best() && { return std::move(best_); }

 private:
  // The results, then the operands.
  const Sharding& sharding_of(size_t tensor) const {
    const size_t results = op_.results.size();
    return tensor < results ? op_.results[tensor] : op_.operands[tensor - results];
  }

  size_t tensor_count() const { return op_.results.size() + op_.operands.size(); }

  void follow(PlanMaker& maker, const Rule& rule, size_t tensor, std::optional<size_t> skipped_dim = {}) const {
    const size_t results = op_.results.size();
    if (tensor >= results && !op_.operand_shapes[tensor - results].is_array()) return;
    const TensorFactors& dims = tensor < results ? rule.results[tensor] : rule.operands[tensor - results];
    maker.follow(dims, sharding_of(tensor), skipped_dim);
  }

  // Each dimension that is cut goes around in turn, where that may be worth its rounds.
  void try_rings(const Way& way) {
    for (size_t tensor = 0; tensor < tensor_count(); ++tensor) {
      const auto& dims = sharding_of(tensor).dims;
      for (size_t d = 0; d < dims.size(); ++d) {
        const auto rounds = static_cast<double>(mesh_.size_of(dims[d]));
        if (!dims[d].empty() && rounds * target_.machine.round_latency < best_cost_) try_ring(way, tensor, d);
      }
    }
  }

  void try_ring(const Way& way, size_t tensor, size_t dim) {
    const size_t results = op_.results.size();
    Ring ring{std::nullopt, dim, sharding_of(tensor).dims[dim]};
    if (tensor >= results) ring.operand = tensor - results;
    for (size_t lead = 0; lead < tensor_count(); ++lead) {
      PlanMaker maker(op_, way, mesh_);
      const auto follow_but_ring = [&](size_t t) {
        follow(maker, way.rule, t, t == tensor ? std::optional(dim) : std::nullopt);
      };
      follow_but_ring(lead);
      for (size_t t = 0; t < tensor_count(); ++t) follow_but_ring(t);
      OpPlan plan = maker.plan();
      plan.ring = ring;
      if (close_ring(plan, mesh_)) consider(std::move(plan));
    }
  }

  // As it is, and with what it leaves over of the lead's cuts on each of the other loops.
  void consider_moves(const PlanMaker& maker, const Way& way, size_t lead) {
    const DigitSet left = cuts_[lead] & ~maker.used();
    for (size_t f = 0; left != 0 && f < way.rule.factors.size(); ++f) {
      if (way.rule.factors[f].kind != FactorKind::parallel) continue;
      PlanMaker moved = maker;
      moved.move(left, f);
      if (moved.used() != maker.used()) consider(moved.plan());
    }
    consider(maker.plan());
  }

  // Between equals the plan that reduces later is the better one: what follows may be linear too.
  void consider(OpPlan plan) {
    drop_unaligned(mesh_, plan);
    if (may_pass_) {
      OpPlan passing = plan;
      pass_partials(op_, passing);
      if (passing.passing != 0 && partials_agree(passing)) price(passing);
    }
    price(plan);
  }

  // Several tensors often lead to the same plan.
  bool is_new(const OpPlan& plan) {
    const auto is_same = [&](const OpPlan& other) {
      return other.way == plan.way && other.cut == plan.cut && other.passing_operands == plan.passing_operands &&
             other.ring == plan.ring;
    };
    if (std::any_of(tried_.begin(), tried_.end(), is_same)) return false;
    tried_.push_back(plan);
    return true;
  }

  void price(const OpPlan& plan) {
    if (!is_new(plan)) return;
    double cost = seconds_of(op_, plan, target_);
    if (target_.seconds_per_byte > 0) cost += target_.seconds_per_byte * bytes_taken(op_, plan, mesh_);
    if (cost >= best_cost_) return;
    best_cost_ = cost;
    best_ = plan;
  }

  const OpContext& op_;
  const Target& target_;
  const Mesh& mesh_;
  const bool may_pass_;            // some operand is partial
  SmallVector<DigitSet, 6> cuts_;  // of each tensor
  std::vector<OpPlan> tried_;
  OpPlan best_;
  double best_cost_ = std::numeric_limits<double>::infinity();
};

}  // namespace

Sharding sharding_under(const OpPlan& plan, const TensorFactors& dims) {
  Sharding sharding = Sharding::replicated(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) {
    for (const FactorId f : dims[d]) {
      sharding.dims[d].append(plan.cut[static_cast<size_t>(f)]);
    }
  }
  return sharding;
}

PlanPartial partial_of(const OpPlan& plan) {
  const Rule& rule = plan.way->rule;
  PlanPartial partial;
  for (size_t f = 0; f < rule.factors.size(); ++f) {
    const Factor& factor = rule.factors[f];
    const bool leaves_partial =
        factor.kind == FactorKind::reduce || (factor.kind == FactorKind::indexed && factor.reducer != Reducer::none);
    if (!leaves_partial || plan.cut[f].empty()) continue;
    partial.digits |= set_of(plan.cut[f]);
    partial.reducer = factor.reducer;
  }
  return partial;
}

// An operand that the op adds to what it reduces (an init value, the target of a scatter) must be brought by one device
// only: it is partial over the digits of the reduction that it has no factor of.
Sharding operand_sharding(const OpContext& op, const OpPlan& plan, size_t i) {
  const Rule& rule = plan.way->rule;
  Sharding sharding = sharding_under(plan, rule.operands[i]);
  if (plan.ring && plan.ring->operand == i) sharding.dims[plan.ring->dim].append(plan.ring->digits);
  const PlanPartial reduced = partial_of(plan);
  const uint64_t bit = i < 64 ? uint64_t{1} << i : 0;
  if (reduced.digits != 0 && (rule.linearity.jointly & bit) != 0) sharding.partial = reduced.digits & ~sharding.cut();
  if (sharding.partial != 0) sharding.reducer = reduced.reducer;
  if ((plan.passing_operands & bit) != 0) {
    sharding.partial |= plan.passing;
    sharding.reducer = plan.passing_reducer;
  }
  sharding.manual = op.manual;
  return sharding;
}

Sharding result_sharding(const OpContext& op, const OpPlan& plan, size_t leaf) {
  Sharding sharding = sharding_under(plan, plan.way->rule.results[leaf]);
  const PlanPartial reduced = partial_of(plan);
  sharding.partial = reduced.digits | plan.passing;
  if (plan.ring && !plan.ring->operand) {
    sharding.dims[plan.ring->dim].append(plan.ring->digits);
    sharding.partial &= ~set_of(plan.ring->digits);
  }
  if (sharding.partial != 0) sharding.reducer = plan.passing != 0 ? plan.passing_reducer : reduced.reducer;
  sharding.manual = op.manual;
  return sharding;
}

double operations_of(const OpPlan& plan, const Mesh& mesh) {
  double work = 1;
  const std::vector<Factor>& factors = plan.way->rule.factors;
  for (size_t f = 0; f < factors.size(); ++f) {
    if (factors[f].kind == FactorKind::indexed) continue;
    work *= static_cast<double>(ceil_div(factors[f].size, mesh.size_of(plan.cut[f])));
  }
  return 2 * work;
}

double local_bytes(const Shape& shape, const Sharding& sharding, const Mesh& mesh) {
  if (!shape.is_array()) return 0;
  double bytes = static_cast<double>(bytes_of(shape.type()));
  for (const int64_t size : shard_sizes(shape.dims(), sharding, mesh)) bytes *= static_cast<double>(size);
  return bytes;
}

EstimatedTime time_of(const OpContext& op, const OpPlan& plan, const Target& target) {
  EstimatedTime time;
  time.operations_seconds = operations_of(plan, target.mesh) / target.machine.operations_per_second;
  time.traffic_seconds = bytes_touched(op, plan, target.mesh) / target.machine.memory_bytes_per_second;
  time.local_seconds = std::max(time.operations_seconds, time.traffic_seconds);
  if (plan.ring) {
    time.local_seconds = seconds_in_ring(op, plan, target);
    const auto rounds = static_cast<double>(target.mesh.size_of(plan.ring->digits));
    time.bytes_sent = (rounds - 1) * bytes_going_around(op, plan, target.mesh);
  }
  if (plan.way->sent == nullptr) return time;
  for (const Sending& sending : plan.way->sent(op, plan, target.mesh)) {
    if (sending.bytes == 0) continue;
    const Link link = target.machine.link_along(sending.digits, target.mesh);
    time.sending_seconds += sending.messages * link.latency + sending.bytes / link.bytes_per_second;
    time.bytes_sent += sending.bytes;
  }
  return time;
}

double seconds_of(const OpContext& op, const OpPlan& plan, const Target& target) {
  double seconds = time_of(op, plan, target).seconds();
  for (size_t i = 0; i < op.operand_shapes.size(); ++i) {
    if (!op.operand_shapes[i].is_array() || (i < 64 && (op.free_operands >> i & 1) != 0)) continue;
    seconds += target.times.between(op.operand_shapes[i], op.operands[i], operand_sharding(op, plan, i));
  }
  for (size_t leaf = 0; leaf < op.result_shapes.size(); ++leaf) {
    seconds += target.times.between(op.result_shapes[leaf], result_sharding(op, plan, leaf), op.results[leaf]);
  }
  return seconds;
}

OpPlan choose_plan(const OpContext& op, const std::vector<Way>& ways, const Target& target) {
  PlanSearch search(op, target);
  for (const Way& way : ways) search.try_way(way);
  return std::move(search).best();
}

}  // namespace gshard
