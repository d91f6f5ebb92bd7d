#include "backend/cpu/plan_dots.h"

#include <algorithm>

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

// A place that the dot's result may be written to directly.
struct Written {
  const Instruction* output;
  StridedDims dims;  // of the dot's result
};

// The last first.
std::vector<Written> outputs_of(const Instruction& dot, const UserTable& users) {
  std::vector<const Instruction*> chain{&dot};
  std::vector<Written> written;
  while (true) {
    const Instruction& output = *chain.back();
    std::optional<StridedDims> view = row_major_view(output.shape().dims());
    for (size_t i = chain.size(); i-- > 1 && view;) {
      if (chain[i]->op() != Op::convert) view = view_before(*chain[i], *view);
    }
    if (view) written.push_back({&output, std::move(*view)});
    const auto next = users.users_of(output);
    if (next.size() != 1 || &output == dot.parent()->root()) break;
    const Instruction& user = *next[0];
    // A sum in f32 that is rounded once.
    const bool is_rounding = user.op() == Op::convert && user.shape().type() == DType::bf16 &&
                             output.shape().type() == DType::f32 && dot.shape().type() == DType::f32;
    const bool is_move = user.op() == Op::transpose || user.op() == Op::copy || user.op() == Op::reshape ||
                         (user.op() == Op::bitcast && user.shape().type() == output.shape().type());
    if (!is_rounding && !is_move) break;
    chain.push_back(&user);
  }
  std::reverse(written.begin(), written.end());
  return written;
}

bool is_empty(const Instruction& dot) {
  return dot.shape().element_count() == 0 || dot.operand(0)->shape().element_count() == 0;
}

// The plan of a dot that oneDNN has a fast form of.
std::optional<DotPlan> plan_dot(const Instruction& dot, const UserTable& users, const std::vector<char>& is_written) {
  if (is_empty(dot)) return std::nullopt;
  const std::vector<Seen> lhs = views_of(*dot.operand(0), is_written);
  const std::vector<Seen> rhs = views_of(*dot.operand(1), is_written);
  for (const Written& written : outputs_of(dot, users)) {
    for (size_t l = lhs.size(); l-- > 0;) {
      for (size_t r = rhs.size(); r-- > 0;) {
        const DotForm form{{lhs[l].type, lhs[l].view.dims},
                           {rhs[r].type, rhs[r].view.dims},
                           {written.output->shape().type(), written.dims}};
        std::optional<MatmulSpec> spec = matmul_of(dot.attrs<DotAttrs>(), form);
        if (spec) return DotPlan{&dot, written.output, lhs[l].view, rhs[r].view, std::move(*spec)};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Reads::Reads(const Computation& computation)
    : read_by_(computation.size()), users_(computation.size()), skipped_(computation.size()) {
  const UserTable users(computation);
  std::vector<char> is_written(computation.size());
  for (const auto& x : computation.instructions()) {
    const auto operands = x->operands();
    read_by_[x->index()] = {operands.begin(), operands.end()};
    if (x->op() != Op::dot) continue;
    if (std::optional<DotPlan> plan = plan_dot(*x, users, is_written)) {
      is_written[plan->output->index()] = 1;
      plans_.emplace(plan->output, std::move(*plan));
    }
  }
  for (const auto& [output, plan] : plans_) read_by_[output->index()] = {plan.lhs.base, plan.rhs.base};
  for (const auto& x : computation.instructions()) {
    for (const Instruction* read : read_by_[x->index()]) users_[read->index()].push_back(x.get());
  }
  skip_unread(computation);
}

void Reads::skip_unread(const Computation& computation) {
  // Between the arrays that a plan reads and its output.
  std::vector<char> is_between(computation.size());
  for (const auto& [output, plan] : plans_) {
    std::vector<const Instruction*> pending(output->operands().begin(), output->operands().end());
    while (!pending.empty()) {
      const Instruction* x = pending.back();
      pending.pop_back();
      if (x == plan.lhs.base || x == plan.rhs.base || is_between[x->index()] != 0) continue;
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
