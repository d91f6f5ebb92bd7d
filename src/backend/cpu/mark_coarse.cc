#include "backend/cpu/mark_coarse.h"

#include <algorithm>

#include "ops/reducer.h"
#include "ops/table.h"

namespace gshard::cpu {
namespace {

// Whether the relative error of an operand is that of the result, or half of it.
bool passes_errors_on(Op op) {
  switch (op) {
    case Op::abs:
    case Op::convert:
    case Op::copy:
    case Op::divide:
    case Op::maximum:
    case Op::minimum:
    case Op::multiply:
    case Op::negate:
    case Op::rsqrt:
    case Op::select:
    case Op::sqrt:
      return true;
    default:
      return false;
  }
}

// Errors of coarse functions, each an eighth of a bf16's ulp or less by far, that may add up in one bf16.
constexpr double kMostErrors = 4;

bool is_positive(const Node& node) {
  return node.kind == Node::Kind::op &&
         (node.instruction->op() == Op::exponential || node.instruction->op() == Op::logistic);
}

class Marker {
 public:
  explicit Marker(Kernel& kernel) : kernel_(kernel), is_fine_(kernel.nodes.size()), is_seen_(kernel.nodes.size()) {
    for (const Node& x : kernel.nodes) errors_.push_back(errors_of(x));
  }

  void run() {
    for (const Store& store : kernel_.stores) {
      see(store.node, node(store.node).type == DType::bf16);
      see(store.guard, false);
      see_terms(store.index);
    }
    for (const Reduction& r : kernel_.reductions) {
      for (int n : r.starts) see(n, false);
    }
    // Readers stand behind what they read.
    for (size_t n = kernel_.nodes.size(); n-- > 0;) {
      Node& x = kernel_.nodes[n];
      x.coarse = x.type == DType::bf16 || (x.type == DType::f32 && is_seen_[n] && !is_fine_[n]);
      if (x.kind == Node::Kind::reduced) {
        see_inputs(x);
      } else {
        see_operands(x);
      }
    }
  }

 private:
  const Node& node(int n) const { return kernel_.nodes[static_cast<size_t>(n)]; }

  // How many errors of coarse functions its own relative error is made of, where they are passed on.
  double errors_of(const Node& x) const {
    if (x.kind == Node::Kind::reduced) return x.reduction < 0 ? 0 : 1;  // of what is positive (see_inputs)
    if (x.kind == Node::Kind::choose) return std::max(errors_seen_in(x.operands[1]), errors_seen_in(x.operands[2]));
    if (x.kind != Node::Kind::op) return 0;
    const Op op = x.instruction->op();
    double errors = has(row_of(op).traits, Traits::transcendental) ? 1 : 0;
    if (!passes_errors_on(op)) return errors;
    for (int operand : x.operands) errors += errors_seen_in(operand);
    return errors;
  }

  // A bf16 was rounded: it is as good as any.
  double errors_seen_in(int n) const { return node(n).type == DType::bf16 ? 0 : errors_[static_cast<size_t>(n)]; }

  void see(int n, bool coarsely) {
    if (n < 0) return;
    is_seen_[static_cast<size_t>(n)] = 1;
    if (!coarsely) is_fine_[static_cast<size_t>(n)] = 1;
  }

  void see_terms(const Index& index) {
    for (const Index::Term& term : index.terms) see(term.node, false);
  }

  void see_operands(const Node& x) {
    const bool is_little = errors_[static_cast<size_t>(&x - kernel_.nodes.data())] <= kMostErrors;
    const bool passes_on =
        x.coarse && is_little &&
        (x.kind == Node::Kind::choose || (x.kind == Node::Kind::op && passes_errors_on(x.instruction->op())));
    for (int operand : x.operands) see(operand, passes_on);
    see(x.guard, false);
    see_terms(x.index);
  }

  // What is positive cancels nothing in a sum.
  void see_inputs(const Node& reduced) {
    if (reduced.reduction < 0) return;
    const Reduction& r = kernel_.reductions[static_cast<size_t>(reduced.reduction)];
    const bool is_sum = r.inputs.size() == 1 && reducer_of(*r.reducer) == Reducer::add;
    for (int input : r.inputs) see(input, reduced.coarse && is_sum && is_positive(node(input)));
  }

  Kernel& kernel_;
  std::vector<char> is_fine_;
  std::vector<char> is_seen_;
  std::vector<double> errors_;  // by node
};

}  // namespace

void mark_coarse(Kernel& kernel) { Marker(kernel).run(); }

}  // namespace gshard::cpu
