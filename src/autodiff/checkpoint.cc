// Checkpoints of what was built already.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "autodiff/copier.h"
#include "autodiff/gradient.h"
#include "ops/build.h"

namespace gshard {
namespace {

// The end of a computation, from `first` on.
class Tail {
 public:
  Tail(Computation& in, size_t first) : in_(in), first_(first), is_needed_(in.size() - first) {}

  bool has(const Instruction& x) const { return x.index() >= first_ && x.op() != Op::parameter; }

  // What of it the results are made of.
  void need(const std::vector<Value>& results) {
    for (const Value& x : results) mark(*x.instruction());
    for (size_t i = in_.size(); i-- > first_;) {
      if (!is_needed(i)) continue;
      for (const Instruction* operand : in_.at(i)->operands()) mark(*operand);
    }
  }

  // What that reads from outside, each once.
  std::vector<Value> arguments() const {
    std::vector<Value> found;
    std::unordered_set<const Instruction*> seen;
    for (size_t i = first_; i < in_.size(); ++i) {
      if (!is_needed(i)) continue;
      for (Instruction* operand : in_.at(i)->operands()) {
        if (!has(*operand) && seen.insert(operand).second) found.push_back(Value(operand));
      }
    }
    return found;
  }

  void copy_needed(Copier& copier) const {
    for (size_t i = first_; i < in_.size(); ++i) {
      if (is_needed(i)) copier.copy(*in_.at(i));
    }
  }

 private:
  void mark(const Instruction& x) {
    if (has(x)) is_needed_[x.index() - first_] = true;
  }
  bool is_needed(size_t i) const { return is_needed_[i - first_]; }

  Computation& in_;
  size_t first_;
  std::vector<bool> is_needed_;
};

}  // namespace

std::vector<Value> checkpoint_since(size_t first, const std::vector<Value>& results, Here here) {
  const auto is_nothing = [](const Value& x) { return x.instruction() == nullptr; };
  if (results.empty() || std::any_of(results.begin(), results.end(), is_nothing)) {
    throw error_here("checkpoint: a result is a value of nothing", here);
  }
  Computation& in = results[0].computation();
  const size_t last = in.size();
  if (first > last) {
    throw error_here(fmt::format("checkpoint: from instruction {} on, of {}", first, last), here);
  }
  Tail tail(in, first);
  tail.need(results);
  std::vector<Value> made;
  std::copy_if(results.begin(), results.end(), std::back_inserter(made),
               [&](const Value& x) { return tail.has(*x.instruction()); });
  if (made.empty()) return results;

  const std::vector<Value> arguments = tail.arguments();
  std::vector<Shape> shapes;
  for (const Value& argument : arguments) shapes.push_back(argument.shape());
  Computation& body = define(*in.parent(), "recomputed", shapes, [&](Computation& into, Values parameters) {
    Copier copier(into);
    for (size_t i = 0; i < arguments.size(); ++i) copier.put(*arguments[i].instruction(), parameters[i]);
    tail.copy_needed(copier);
    std::vector<Value> copies;
    for (const Value& x : made) copies.push_back(copier.at(*x.instruction()));
    return tuple(copies);
  });
  const std::vector<Value> parts = unpack(checkpoint(body, arguments, here));
  std::vector<Value> replaced;
  size_t next = 0;
  for (const Value& x : results) replaced.push_back(tail.has(*x.instruction()) ? parts[next++] : x);
  in.remove_if([&](const Instruction& x) { return x.index() < last && tail.has(x); });
  return replaced;
}

}  // namespace gshard
