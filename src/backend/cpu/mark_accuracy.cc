#include "backend/cpu/mark_accuracy.h"

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

// Whether a small error of operand `i` makes a small one of the result, wherever that operand stands: roots, logarithms
// and quotients are steep where it is nearly 0.
bool is_gentle(Op op, size_t i) {
  switch (op) {
    case Op::abs:
    case Op::add:
    case Op::convert:
    case Op::copy:
    case Op::exponential:
    case Op::logistic:
    case Op::maximum:
    case Op::minimum:
    case Op::multiply:
    case Op::negate:
    case Op::subtract:
    case Op::tanh:
      return true;
    case Op::divide:
      return i == 0;
    case Op::select:
      return i > 0;
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
  explicit Marker(Kernel& kernel) : kernel_(kernel), seen_(kernel.nodes.size(), Accuracy::coarse) {
    for (const Node& x : kernel.nodes) errors_.push_back(errors_of(x));
  }

  void run() {
    for (const Store& store : kernel_.stores) {
      see(store.node, Accuracy::full);
      see(store.guard, Accuracy::full);
      see_terms(store.index);
    }
    for (const Reduction& r : kernel_.reductions) {
      for (int n : r.starts) see(n, Accuracy::full);
    }
    // Readers stand behind what they read.
    for (size_t n = kernel_.nodes.size(); n-- > 0;) {
      Node& x = kernel_.nodes[n];
      // A bf16 is rounded, whoever sees it.
      x.accuracy = x.type == DType::bf16 ? Accuracy::coarse : x.type == DType::f32 ? seen_[n] : Accuracy::full;
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

  void see(int n, Accuracy accuracy) {
    if (n < 0) return;
    Accuracy& seen = seen_[static_cast<size_t>(n)];
    seen = std::min(seen, accuracy);
  }

  void see_terms(const Index& index) {
    for (const Index::Term& term : index.terms) see(term.node, Accuracy::full);
  }

  void see_operands(const Node& x) {
    const bool is_little = errors_[static_cast<size_t>(&x - kernel_.nodes.data())] <= kMostErrors;
    for (size_t i = 0; i < x.operands.size(); ++i) {
      see(x.operands[i], seen_by(x, i, x.accuracy == Accuracy::coarse && is_little));
    }
    see(x.guard, Accuracy::full);
    see_terms(x.index);
  }

  static Accuracy seen_by(const Node& x, size_t operand, bool may_be_coarse) {
    const bool is_choice = x.kind == Node::Kind::choose;
    if (x.accuracy == Accuracy::full || !(is_choice || x.kind == Node::Kind::op)) return Accuracy::full;
    if (may_be_coarse && (is_choice || passes_errors_on(x.instruction->op()))) return Accuracy::coarse;
    const bool is_near = is_choice ? operand > 0 : is_gentle(x.instruction->op(), operand);
    return is_near ? Accuracy::near : Accuracy::full;
  }

  void see_inputs(const Node& reduced) {
    if (reduced.reduction < 0) return;
    const Reduction& r = kernel_.reductions[static_cast<size_t>(reduced.reduction)];
    const bool is_sum = r.inputs.size() == 1 && reducer_of(*r.reducer) == Reducer::add;
    for (int input : r.inputs) {
      // What is positive cancels nothing in a sum.
      see(input, !is_sum                    ? Accuracy::full
                 : is_positive(node(input)) ? reduced.accuracy
                                            : std::min(reduced.accuracy, Accuracy::near));
    }
  }

  Kernel& kernel_;
  std::vector<Accuracy> seen_;  // the most that a reader asks for, by node
  std::vector<double> errors_;  // by node
};

}  // namespace

void mark_accuracy(Kernel& kernel) { Marker(kernel).run(); }

}  // namespace gshard::cpu
