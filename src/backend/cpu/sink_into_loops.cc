#include "backend/cpu/sink_into_loops.h"

#include <algorithm>
#include <unordered_map>

#include "backend/cpu/replace.h"
#include "ops/build.h"

namespace gshard::cpu {
namespace {

// What reads element `part` of the computation's only parameter.
std::vector<Instruction*> readers_of(const Computation& computation, size_t part) {
  std::vector<Instruction*> readers;
  for (const auto& x : computation.instructions()) {
    const bool reads = x->op() == Op::get_tuple_element && x->operand(0) == computation.parameter(0);
    if (reads && x->attrs<TupleIndexAttrs>().index == static_cast<int64_t>(part)) readers.push_back(x.get());
  }
  return readers;
}

// Whether nothing but the elements of the parameter is read.
bool is_read_by_parts(const Computation& computation) {
  const Instruction* parameter = computation.parameter(0);
  return parameter != computation.root() && parameter->shape().is_tuple() &&
         std::all_of(computation.instructions().begin(), computation.instructions().end(), [&](const auto& x) {
           const auto operands = x->operands();
           return x->op() == Op::get_tuple_element ||
                  std::find(operands.begin(), operands.end(), parameter) == operands.end();
         });
}

class LoopSinker {
 public:
  LoopSinker(Instruction& loop) : loop_(loop), test_(*loop.callees()[0]), body_(*loop.callees()[1]) {}

  bool run() {
    if (loop_.operand(0)->op() != Op::tuple || body_.root()->op() != Op::tuple) return false;
    if (!is_read_by_parts(test_) || !is_read_by_parts(body_) || !is_result_read_by_parts()) return false;
    bool changed = false;
    for (size_t part = 0; part < body_.root()->operand_count(); ++part) {
      while (may_sink(part)) {
        sink(part);
        changed = true;
      }
    }
    if (!changed) return false;
    test_.sort_topologically();
    body_.sort_topologically();
    return true;
  }

 private:
  bool is_result_read_by_parts() const {
    const UserTable users(*loop_.parent());
    const auto of_loop = users.users_of(loop_);
    return &loop_ != loop_.parent()->root() &&
           std::all_of(of_loop.begin(), of_loop.end(), [&](const Instruction* user) {
             return user->op() == Op::get_tuple_element && user != loop_.parent()->root();
           });
  }

  // Whether each round passes it on as it is, and in no other place.
  bool is_passed_on(size_t part, const std::vector<Instruction*>& readers) const {
    const auto is_reader = [&](const Instruction* x) {
      return std::find(readers.begin(), readers.end(), x) != readers.end();
    };
    const auto results = body_.root()->operands();
    return is_reader(results[part]) && std::count_if(results.begin(), results.end(), is_reader) == 1;
  }

  Instruction& start(size_t part) const { return *loop_.operand(0)->operand(part); }

  // Where all that the loop reads of it are slices, rows may lie apart; else they stay rows.
  bool may_sink(size_t part) const {
    if (start(part).op() != Op::transpose) return false;
    const std::vector<Instruction*> readers = readers_of(body_, part);
    if (!is_passed_on(part, readers)) return false;
    const Dims& permutation = start(part).attrs<DimensionsAttrs>().dimensions;
    if (permutation.back() + 1 == static_cast<int64_t>(permutation.size())) return true;
    const UserTable users(body_);
    return std::all_of(readers.begin(), readers.end(), [&](const Instruction* reader) {
      const auto of_reader = users.users_of(*reader);
      return std::all_of(of_reader.begin(), of_reader.end(), [&](const Instruction* user) {
        return user == body_.root() || user->op() == Op::dynamic_slice;
      });
    });
  }

  void sink(size_t part) {
    Instruction& moved = start(part);
    Instruction* source = moved.operand(0);
    Computation& outside = *loop_.parent();
    for (Computation* inside : {&test_, &body_}) {
      set_element(inside->parameter(0)->mutable_shape(), part, source->shape());
      for (Instruction* reader : readers_of(*inside, part)) move_inside(*reader, moved);
    }
    set_element(body_.root()->mutable_shape(), part, source->shape());
    // The loop's result in this place is what was there before it.
    for (const auto& x : outside.instructions()) {
      for (Instruction*& operand : x->mutable_operands()) {
        const bool is_part = operand->op() == Op::get_tuple_element && operand->operand(0) == &loop_ &&
                             operand->attrs<TupleIndexAttrs>().index == static_cast<int64_t>(part);
        if (is_part) operand = &moved;
      }
    }
    set_element(loop_.mutable_shape(), part, source->shape());
    for (const auto& x : outside.instructions()) {
      if (x->op() == Op::get_tuple_element && x->operand(0) == &loop_) {
        x->mutable_shape() = loop_.shape().element(static_cast<size_t>(x->attrs<TupleIndexAttrs>().index));
      }
    }
    std::vector<Value> state(loop_.operand(0)->operands().begin(), loop_.operand(0)->operands().end());
    state[part] = source;
    loop_.mutable_operands()[0] = tuple(state).instruction();
    outside.sort_topologically();
  }

  // Each user of `reader` inside of the loop sees it through a move of its own.
  static void move_inside(Instruction& reader, const Instruction& moved) {
    Computation& inside = *reader.parent();
    reader.mutable_shape() = moved.operand(0)->shape();
    const size_t count = inside.size();
    for (size_t i = 0; i < count; ++i) {
      Instruction& user = *inside.at(i);
      const auto operands = user.operands();
      if (&user == inside.root() && user.op() == Op::tuple) continue;
      if (std::find(operands.begin(), operands.end(), &reader) == operands.end()) continue;
      Instruction* own = transpose(&reader, moved.attrs<DimensionsAttrs>().dimensions).instruction();
      own->mutable_notes().metadata = moved.notes().metadata;
      std::replace(user.mutable_operands().begin(), user.mutable_operands().end(), &reader, own);
    }
  }

  static void set_element(Shape& tuple, size_t part, const Shape& element) {
    std::vector<Shape> elements(tuple.elements().begin(), tuple.elements().end());
    elements[part] = element;
    tuple = Shape::tuple(std::move(elements));
  }

  Instruction& loop_;
  Computation& test_;
  Computation& body_;
};

}  // namespace

void sink_into_loops(Module& module) {
  std::unordered_map<const Computation*, int> calls;
  for (const auto& computation : module.computations()) {
    for (const auto& x : computation->instructions()) {
      for (const Computation* callee : x->callees()) ++calls[callee];
    }
  }
  // Callers first: what sinks into a loop may sink on.
  for (size_t c = module.computations().size(); c-- > 0;) {
    Computation& computation = *module.computations()[c];
    std::vector<Instruction*> loops;
    for (const auto& x : computation.instructions()) {
      if (x->op() == Op::while_ && calls[x->callees()[0]] == 1 && calls[x->callees()[1]] == 1) loops.push_back(x.get());
    }
    bool changed = false;
    for (Instruction* loop : loops) changed |= LoopSinker(*loop).run();
    if (changed) remove_unread(computation);
  }
}

}  // namespace gshard::cpu
