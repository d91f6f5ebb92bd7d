#include "backend/cpu/add_rows.h"

#include <algorithm>
#include <optional>

#include "ops/reducer.h"

namespace gshard::cpu {
namespace {

class RowAdder {
 public:
  explicit RowAdder(Kernel& kernel) : kernel_(kernel), is_read_(kernel.reductions.size()) { find_read(); }

  void run() {
    const std::optional<LoopSet> outer = outer_loops();
    if (!outer) return;
    std::vector<char> added(kernel_.reductions.size());
    for (size_t r = 0; r < kernel_.reductions.size(); ++r) {
      Store* store = is_read_[r] ? nullptr : store_of(static_cast<int>(r));
      if (store == nullptr || !may_add(kernel_.reductions[r], *outer)) continue;
      added[r] = 1;
      kernel_.added_over = kernel_.reductions[r].loops;
      add(kernel_.reductions[r], *store);
    }
    remove(added);
  }

 private:
  Node& node(int n) { return kernel_.nodes[static_cast<size_t>(n)]; }

  // Notes which reductions other nodes and reductions read.
  void find_read() {
    const auto read = [&](int n) {
      if (n >= 0 && node(n).kind == Node::Kind::reduced) is_read_[static_cast<size_t>(node(n).reduction)] = 1;
    };
    for (const Node& x : kernel_.nodes) {
      for (int operand : x.operands) read(operand);
      for (const Index::Term& term : x.index.terms) read(term.node);
      read(x.guard);
    }
    for (const Reduction& r : kernel_.reductions) {
      for (int n : r.inputs) read(n);
      for (int n : r.starts) read(n);
    }
    for (const Store& store : kernel_.stores) {
      for (const Index::Term& term : store.index.terms) read(term.node);
      read(store.guard);
    }
  }

  // Those of the reductions that are read, where they agree.
  std::optional<LoopSet> outer_loops() const {
    std::optional<LoopSet> outer;
    for (size_t r = 0; r < kernel_.reductions.size(); ++r) {
      if (!is_read_[r]) continue;
      if (outer && *outer != kernel_.reductions[r].domain) return std::nullopt;
      outer = kernel_.reductions[r].domain;
    }
    return outer;
  }

  // The one store of a reduction's result.
  Store* store_of(int reduction) {
    Store* found = nullptr;
    for (Store& store : kernel_.stores) {
      const Node& stored = node(store.node);
      if (stored.kind != Node::Kind::reduced || stored.reduction != reduction) continue;
      if (found != nullptr || store.guard >= 0) return nullptr;
      found = &store;
    }
    return found;
  }

  bool may_add(const Reduction& r, LoopSet outer) {
    const bool crosses =
        (r.loops & ~outer) == 0 && (outer & ~(r.loops | r.domain)) == 0 && (r.domain & ~outer) != 0 && r.loops != 0;
    if (!crosses || (kernel_.added_over != 0 && kernel_.added_over != r.loops)) return false;
    if (r.inputs.size() != 1 || reducer_of(*r.reducer) != Reducer::add) return false;
    const Node& input = node(r.inputs[0]);
    const Instruction& root = *r.reducer->root();
    // Numbers that registers hold as they are stored.
    return (input.type == DType::f32 || input.type == DType::f64) && input.domain == (r.domain | r.loops) &&
           (node(r.starts[0]).domain & ~outer) == 0 && root.op() == Op::add && root.operand(0)->op() == Op::parameter &&
           root.operand(1)->op() == Op::parameter;
  }

  int append(Node made) {
    for (int operand : made.operands) made.domain |= node(operand).domain;
    made.domain |= made.index.loops();
    for (int operand : made.operands) made.level = std::max(made.level, node(operand).level);
    kernel_.nodes.push_back(std::move(made));
    return static_cast<int>(kernel_.nodes.size()) - 1;
  }

  void add(const Reduction& r, Store& store) {
    const DType type = node(r.inputs[0]).type;
    Node first{Node::Kind::in_range, DType::pred};
    for (size_t l = 0; l < kernel_.loops.size(); ++l) {
      if ((r.loops & loop_bit(static_cast<int>(l))) != 0) first.index.add_loop(l, 1);
    }
    first.high = 1;
    Node old{Node::Kind::load, type};
    old.argument = store.argument;
    old.index = store.index;
    Node before{Node::Kind::choose, type};
    before.operands = {append(std::move(first)), r.starts[0], append(std::move(old))};
    Node sum{Node::Kind::op, type, r.reducer->root()};
    sum.operands = {append(std::move(before)), r.inputs[0]};
    store.node = append(std::move(sum));
  }

  void remove(const std::vector<char>& removed) {
    std::vector<int> numbers(removed.size(), -1);
    std::vector<Reduction> left;
    for (size_t r = 0; r < removed.size(); ++r) {
      if (removed[r]) continue;
      numbers[r] = static_cast<int>(left.size());
      left.push_back(std::move(kernel_.reductions[r]));
    }
    kernel_.reductions = std::move(left);
    for (Node& x : kernel_.nodes) {
      if (x.kind == Node::Kind::reduced) x.reduction = numbers[static_cast<size_t>(x.reduction)];
    }
  }

  Kernel& kernel_;
  std::vector<char> is_read_;
};

}  // namespace

void add_rows(Kernel& kernel) {
  if (kernel.reductions.size() > 1) RowAdder(kernel).run();
}

}  // namespace gshard::cpu
