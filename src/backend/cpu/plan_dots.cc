#include "backend/cpu/plan_dots.h"

#include <algorithm>
#include <cmath>
#include <ranges>

#include "backend/cpu/loop_ops.h"
#include "eval/elements.h"

namespace gshard::cpu {
namespace {

// A dot's operand, seen through ever more of the ops that made it.
struct Seen {
  StridedView view;
  DType type;  // of the array
};

// Past what `is_written` says that another dot writes, nothing is to be seen.
std::vector<Seen> views_of(const Instruction& operand, const std::vector<char>& is_written) {
  std::vector<const Instruction*> chain{&operand};
  std::vector<Seen> seen;
  while (true) {
    const Instruction& base = *chain.back();
    std::optional<StridedView> view = StridedView{&base, 0, row_major_view(base.shape().dims())};
    for (size_t i = chain.size() - 1; i-- > 0 && view;) {
      if (chain[i]->op() != Op::convert) view = view_through(*chain[i], std::move(*view));
    }
    if (!view) return seen;
    seen.push_back({std::move(*view), base.shape().type()});
    if (is_written[base.index()] != 0) return seen;
    switch (base.op()) {
      case Op::convert:
        if (base.shape().type() != DType::f32 || base.operand(0)->shape().type() != DType::bf16) return seen;
        break;
      case Op::bitcast:
      case Op::broadcast:
      case Op::copy:
      case Op::reshape:
      case Op::slice:
      case Op::transpose:
        break;
      default:
        return seen;
    }
    chain.push_back(base.operand(0));
  }
}

// ---- what follows a dot -------------------------------------------------------------------------------------------

// Something that the dot's result may be written as, and what the product then has to do beside.
struct Written {
  const Instruction* output;
  StridedDims dims;  // of the dot's result
  std::optional<Seen> bias = {};
  float scale = 1;
};

bool is_move(const Instruction& x) {
  return x.op() == Op::transpose || x.op() == Op::copy || x.op() == Op::reshape ||
         (x.op() == Op::bitcast && x.shape().type() == x.operand(0)->shape().type());
}

// Of a sum in f32 that is rounded once.
bool is_rounding(const Instruction& x, const Instruction& dot) {
  return x.op() == Op::convert && x.shape().type() == DType::bf16 && x.operand(0)->shape().type() == DType::f32 &&
         dot.shape().type() == DType::f32;
}

// The other operand of a binary op; null for one of the value with itself.
const Instruction* other_operand(const Instruction& x, const Instruction& value) {
  if (x.operand(0) == x.operand(1)) return nullptr;
  return x.operand(x.operand(0) == &value ? 1 : 0);
}

// The number that an array is full of; none where it is not known or no finite float.
std::optional<float> number_in(const Instruction& x) {
  if (x.op() == Op::broadcast) return number_in(*x.operand(0));
  if (x.op() != Op::constant || !x.shape().is_scalar() || !is_floating(x.shape().type())) return std::nullopt;
  const Literal& value = x.attrs<ConstantAttrs>().value;
  if (value.is_elided()) return std::nullopt;
  const float number = convert_elements(value, DType::f32).values<float>()[0];
  return std::isfinite(number) ? std::optional(number) : std::nullopt;
}

// The factor that multiplies a value; none where x is something else.
std::optional<float> factor_of(const Instruction& x, const Instruction& value) {
  if (x.op() != Op::multiply && (x.op() != Op::divide || x.operand(0) != &value)) return std::nullopt;
  const Instruction* other = other_operand(x, value);
  const std::optional<float> number = other == nullptr ? std::nullopt : number_in(*other);
  if (!number || x.op() == Op::multiply) return number;
  return std::isfinite(1 / *number) ? std::optional(1 / *number) : std::nullopt;
}

// The ops between a dot and what is written, the dot first.
class Followers {
 public:
  Followers(const Instruction& dot, const UserTable& users, const std::vector<char>& is_written, Epilogues epilogues)
      : users_(users), is_written_(is_written), chain_{&dot}, may_fold_(epilogues == Epilogues::folded) {}

  // All that may be written, in the order of the chain.
  std::vector<Written> outputs() {
    std::vector<Written> outputs;
    do {
      if (is_worth_it()) add_to(outputs);
    } while (extend());
    return outputs;
  }

 private:
  const Instruction& last() const { return *chain_.back(); }
  bool is_root(const Instruction& x) const { return &x == x.parent()->root(); }

  // A bias or a factor costs nothing in a loop that is there anyway.
  bool is_worth_it() const {
    if (!bias_ && scale_ == 1) return true;
    const auto users = users_.users_of(last());
    return is_root(last()) || !std::all_of(users.begin(), users.end(), [](auto* user) { return is_loop_op(*user); });
  }

  void add_to(std::vector<Written>& outputs) const {
    std::optional<StridedDims> dims = before(row_major_view(last().shape().dims()), chain_.size() - 1);
    if (dims) outputs.push_back({&last(), std::move(*dims), bias_, scale_});
  }

  // A view of the chain's value at a place as dimensions of the dot's result.
  std::optional<StridedDims> before(std::optional<StridedDims> view, size_t place) const {
    for (size_t i = place; i > 0 && view; --i) {
      if (is_move(*chain_[i])) view = view_before(*chain_[i], *view);
    }
    return view;
  }

  bool extend() {
    const auto next = users_.users_of(last());
    if (next.size() != 1 || is_root(last())) return false;
    const Instruction& user = *next[0];
    if (!is_move(user) && !is_rounding(user, *chain_[0]) && !(may_fold_ && fold(user))) return false;
    chain_.push_back(&user);
    return true;
  }

  // oneDNN adds first, and scales then.
  bool fold(const Instruction& user) {
    const DType type = user.shape().type();
    if ((type != DType::f32 && type != DType::bf16) || scale_ != 1) return false;
    if (const std::optional<float> factor = factor_of(user, last())) {
      scale_ = *factor;
      return true;
    }
    const Instruction* added = user.op() == Op::add ? other_operand(user, last()) : nullptr;
    if (added == nullptr || bias_) return false;
    std::vector<Seen> seen = views_of(*added, is_written_);
    // Products of f32 take no bias of another type: what was converted is then read as it was.
    const DType factor = chain_[0]->operand(0)->shape().type();
    std::erase_if(seen, [&](const Seen& s) {
      const DType held = s.view.base->shape().type();
      return held != DType::f32 && held != factor;
    });
    // A bias is seen through the broadcast that spreads it.
    if (seen.empty() || seen.back().view.base == added || is_free(*seen.back().view.base)) return false;
    std::optional<StridedDims> dims = before(seen.back().view.dims, chain_.size() - 1);
    if (!dims) return false;
    seen.back().view.dims = std::move(*dims);
    bias_ = std::move(seen.back());
    return true;
  }

  const UserTable& users_;
  const std::vector<char>& is_written_;
  std::vector<const Instruction*> chain_;
  const bool may_fold_;
  std::optional<Seen> bias_;
  float scale_ = 1;
};

bool is_empty(const Instruction& dot) {
  return dot.shape().element_count() == 0 || dot.operand(0)->shape().element_count() == 0;
}

// What is written to memory for the dot to read one of these views: nothing where all that moves elements is seen through.
int64_t bytes_moved(const std::vector<Seen>& views, size_t chosen) {
  return chosen + 1 == views.size() ? 0 : views[chosen].view.base->shape().byte_size();
}

// The cheapest product that writes this, of operands as they are seen through more or less of what moves their elements.
std::optional<DotPlan> plan_written(const Instruction& dot, const std::vector<Seen>& lhs, const std::vector<Seen>& rhs,
                                    const Written& written) {
  std::optional<DotPlan> best;
  double least = 0;
  for (size_t l = lhs.size(); l-- > 0;) {
    for (size_t r = rhs.size(); r-- > 0;) {
      const double moving = cost_of_moving(bytes_moved(lhs, l) + bytes_moved(rhs, r));
      if (best && moving >= least) continue;
      DotForm form{{lhs[l].type, lhs[l].view.dims},
                   {rhs[r].type, rhs[r].view.dims},
                   {written.output->shape().type(), written.dims}};
      if (written.bias) form.bias = DotArray{written.bias->type, written.bias->view.dims};
      std::optional<MatmulSpec> spec = matmul_of(dot.attrs<DotAttrs>(), form);
      if (!spec) continue;
      const double cost = overhead_of(*spec) + moving;
      if (best && cost >= least) continue;
      least = cost;
      spec->scale = written.scale;
      best = DotPlan{&dot, written.output, lhs[l].view, rhs[r].view, std::nullopt, std::move(*spec)};
      if (written.bias) best->bias = written.bias->view;
    }
  }
  return best;
}

// The plan of a dot that there is a fast form of.
std::optional<DotPlan> plan_dot(const Instruction& dot, const UserTable& users, const std::vector<char>& is_written,
                                Epilogues epilogues) {
  if (is_empty(dot)) return std::nullopt;
  const std::vector<Seen> lhs = views_of(*dot.operand(0), is_written);
  const std::vector<Seen> rhs = views_of(*dot.operand(1), is_written);
  const std::vector<Written> candidates = Followers(dot, users, is_written, epilogues).outputs();
  for (const Written& written : std::views::reverse(candidates)) {
    if (auto plan = plan_written(dot, lhs, rhs, written)) return plan;
  }
  return std::nullopt;
}

// The arrays that a plan reads.
std::vector<const Instruction*> bases_of(const DotPlan& plan) {
  std::vector<const Instruction*> bases{plan.lhs.base, plan.rhs.base};
  if (plan.bias) bases.push_back(plan.bias->base);
  return bases;
}

}  // namespace

Reads::Reads(const Computation& computation, Epilogues epilogues)
    : read_by_(computation.size()), users_(computation.size()), skipped_(computation.size()) {
  const UserTable users(computation);
  std::vector<char> is_written(computation.size());
  for (const auto& x : computation.instructions()) {
    const auto operands = x->operands();
    read_by_[x->index()] = {operands.begin(), operands.end()};
    if (x->op() != Op::dot) continue;
    if (std::optional<DotPlan> plan = plan_dot(*x, users, is_written, epilogues)) {
      is_written[plan->output->index()] = 1;
      plans_.emplace(plan->output, std::move(*plan));
    }
  }
  for (const auto& [output, plan] : plans_) read_by_[output->index()] = bases_of(plan);
  for (const auto& x : computation.instructions()) {
    for (const Instruction* read : read_by_[x->index()]) users_[read->index()].push_back(x.get());
  }
  skip_unread(computation);
}

void Reads::skip_unread(const Computation& computation) {
  // Between the arrays that a plan reads and its output.
  std::vector<char> is_between(computation.size());
  for (const auto& [output, plan] : plans_) {
    const std::vector<const Instruction*> bases = bases_of(plan);
    std::vector<const Instruction*> pending(output->operands().begin(), output->operands().end());
    while (!pending.empty()) {
      const Instruction* x = pending.back();
      pending.pop_back();
      if (std::find(bases.begin(), bases.end(), x) != bases.end() || is_between[x->index()] != 0) continue;
      is_between[x->index()] = 1;
      pending.insert(pending.end(), x->operands().begin(), x->operands().end());
    }
  }
  for (size_t i = computation.size(); i-- > 0;) {
    const Instruction& x = *computation.at(i);
    if (is_between[i] == 0 || !users_[i].empty() || &x == computation.root()) continue;
    skipped_[i] = 1;
    for (const Instruction* read : read_by_[i]) std::erase(users_[read->index()], &x);
    read_by_[i].clear();
  }
}

const DotPlan* Reads::plan_of(const Instruction& output) const {
  const auto found = plans_.find(&output);
  return found == plans_.end() ? nullptr : &found->second;
}

}  // namespace gshard::cpu
