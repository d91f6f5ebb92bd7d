// From instructions to steps on buffers. Loop state and results are computed where they are to be, operands that die
// are overwritten, and what cannot be is copied.
#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "backend/cpu/program.h"
#include "backend/cpu/schedule_kernel.h"
#include "ops/custom_call.h"

namespace gshard::cpu {
namespace {

struct LeafHash {
  size_t operator()(const Leaf& leaf) const {
    return std::hash<const void*>()(leaf.value) ^ (leaf.part * size_t{0x9e3779b97f4a7c15});
  }
};
template <class T>
using LeafMap = std::unordered_map<Leaf, T, LeafHash>;

size_t leaf_count(const Shape& shape) { return shape.is_tuple() ? static_cast<size_t>(shape.leaf_count()) : 1; }

// Ops whose result is their first operand.
bool is_passed_on(const Instruction& x) {
  if (x.op() == Op::custom_call) {
    return known_call_of(x) == KnownCall::identity && x.operand_count() == 1 && x.shape() == x.operand(0)->shape();
  }
  return x.op() == Op::opt_barrier || x.op() == Op::add_dependency || x.op() == Op::domain;
}

class Lowering;

// One computation being lowered, once per place that it is called from.
class Scope {
 public:
  Scope(Lowering& lowering, const Computation& computation);

  // Leaf `part` of the computation's result.
  Leaf result(size_t part) const { return resolve({computation_.root(), part}); }
  void bind(const Leaf& leaf, Buffer buffer);
  // Never to be overwritten in this scope.
  void keep(const Leaf& leaf) { ++uses_[leaf]; }
  // The leaf is best computed in this buffer, if that is free by then.
  void want(const Leaf& leaf, Buffer buffer) { wanted_.emplace(leaf, buffer); }
  Buffer buffer_of(const Leaf& leaf) const;
  Steps run();
  // Copies the results that were not computed in these buffers (by leaf; -1 for tokens) there.
  void bring_results_to(const std::vector<Buffer>& places, Steps& steps) const;

 private:
  // A matrix operand: a leaf, seen through transposes. Dimension d of the operand is dimension order[d] of the leaf.
  struct View {
    const Instruction* base;
    Dims order;
  };

  Leaf resolve(Leaf leaf) const;
  static View view_of(const Instruction& x, const std::vector<char>& seen_through);
  View view_of(const Instruction& x) const { return view_of(x, seen_through_); }
  bool is_seen_through(const Instruction& x) const;
  bool is_only_a_name(const Instruction& x) const;
  std::vector<char> find_transposes_of_dots() const;
  void count_uses();
  template <class F>
  void for_each_input(const Instruction& x, F&& f) const;
  template <class F>
  void for_each_input(const Group& group, F&& f) const;

  void lower(const Instruction& x);
  void lower_node(const Instruction& x);
  void lower_group(const Group& group);
  void lower_dot(const Instruction& x);
  void lower_while(const Instruction& x);
  void lower_conditional(const Instruction& x);
  void lower_constant(const Instruction& x);
  void lower_by_evaluator(const Instruction& x);

  void release(const Leaf& leaf);
  bool is_free(Buffer buffer, const std::vector<Leaf>& dying) const;
  Buffer output_for(const Leaf& leaf, const std::vector<Leaf>& reusable);
  Buffer updated(const Leaf& output, const Leaf& before, bool may_reuse);
  template <class T, class... Args>
  void add(Args&&... args);
  void touch(Buffer buffer);
  void copy(Buffer from, Buffer to);
  std::vector<Leaf> reusable_inputs(const Group& group, size_t argument) const;

  Lowering& lowering_;
  const Computation& computation_;
  UserTable users_;
  std::vector<char> seen_through_;
  const Fusion* fusion_;
  LeafMap<Buffer> bound_;
  LeafMap<int> uses_;
  LeafMap<Buffer> wanted_;
  std::vector<char> lowered_;
  Steps steps_;
};

class Lowering {
 public:
  Program lower(const Module& module);

  Buffer add_buffer(const Leaf& leaf, int64_t bytes, BufferInfo::Kind kind = BufferInfo::Kind::arena) {
    BufferInfo info;
    info.kind = kind;
    info.bytes = bytes;
    info.leaf = leaf;
    program.buffers.push_back(std::move(info));
    live.push_back(0);
    reserved.push_back(0);
    writable.push_back(kind == BufferInfo::Kind::arena || kind == BufferInfo::Kind::result);
    return static_cast<Buffer>(program.buffers.size()) - 1;
  }
  void touch(Buffer buffer) {
    if (buffer < 0) return;
    BufferInfo& info = program.buffers[static_cast<size_t>(buffer)];
    info.first_use = std::min(info.first_use, now);
    info.last_use = std::max(info.last_use, now);
  }
  // Copies that happen at the same time: no source is overwritten before it was read.
  void copy_all(std::vector<std::pair<Buffer, Buffer>> copies, Steps& steps);
  void copy(Buffer from, Buffer to, Steps& steps) {
    ++now;
    touch(from);
    touch(to);
    steps.push_back(std::make_unique<CopyStep>(from, to, program.buffers[static_cast<size_t>(to)].bytes));
  }
  const Fusion* fusion_of(const Computation& computation, const std::vector<char>& left_out) {
    auto& fusion = fusions_[&computation];
    if (fusion == nullptr) {
      program.fusions.push_back(std::make_unique<Fusion>(computation, left_out));
      fusion = program.fusions.back().get();
    }
    return fusion;
  }

  Program program;
  int64_t now = 0;
  // By buffer: how many leaves that are still to be read stand in it; whether it waits for one leaf; whether it may be
  // written at all.
  std::vector<int> live;
  std::vector<char> reserved;
  std::vector<char> writable;

 private:
  void bind_arguments(const Module& module, Scope& scope);
  void bind_results(const Module& module, Scope& scope);

  std::unordered_map<const Computation*, const Fusion*> fusions_;
};

// ---- a scope ------------------------------------------------------------------------------------------------------

Scope::Scope(Lowering& lowering, const Computation& computation)
    : lowering_(lowering), computation_(computation), users_(computation), lowered_(computation.size()) {
  seen_through_ = find_transposes_of_dots();
  fusion_ = lowering.fusion_of(computation, seen_through_);
  count_uses();
}

// Through what only passes values on.
Leaf Scope::resolve(Leaf leaf) const {
  while (true) {
    const Instruction& x = *leaf.value;
    if (x.op() == Op::tuple) {
      size_t part = leaf.part;
      size_t i = 0;
      for (; part >= leaf_count(x.operand(i)->shape()); ++i) part -= leaf_count(x.operand(i)->shape());
      leaf = {x.operand(i), part};
    } else if (x.op() == Op::get_tuple_element) {
      const auto element = static_cast<size_t>(x.attrs<TupleIndexAttrs>().index);
      size_t part = leaf.part;
      for (size_t i = 0; i < element; ++i) part += leaf_count(x.operand(0)->shape().element(i));
      leaf = {x.operand(0), part};
    } else if (is_passed_on(x) || (is_view_op(x.op()) && is_seen_through(x))) {
      leaf = {x.operand(0), leaf.part};
    } else {
      return leaf;
    }
  }
}

// A reshape that stands in no kernel with others is the same bytes.
bool Scope::is_seen_through(const Instruction& x) const {
  if (x.shape().byte_size() != x.operand(0)->shape().byte_size()) return false;
  const Group* group = fusion_->group_of(x);
  if (group == nullptr) return true;
  return group->members.size() == 1 && !gshard::cpu::is_free(*x.operand(0));
}

// Whether no step computes it: what reads it reads what it names.
bool Scope::is_only_a_name(const Instruction& x) const {
  return x.op() == Op::tuple || x.op() == Op::get_tuple_element || is_passed_on(x) || seen_through_[x.index()] != 0 ||
         (is_view_op(x.op()) && is_seen_through(x));
}

// Transposes that only dots read are strides of theirs.
std::vector<char> Scope::find_transposes_of_dots() const {
  std::vector<char> found(computation_.size());
  for (const auto& x : computation_.instructions()) {
    if (x->op() != Op::transpose || x.get() == computation_.root()) continue;
    const auto users = users_.users_of(*x);
    found[x->index()] = !users.empty() && std::all_of(users.begin(), users.end(),
                                                      [&](const Instruction* user) { return user->op() == Op::dot; });
  }
  // Where oneDNN would not take the strides, the transposes are done, which may take the form that another dot relied
  // on.
  const auto order_of = [&](const Instruction& x) { return view_of(x, found).order; };
  bool changed = true;
  while (changed) {
    changed = false;
    for (const auto& x : computation_.instructions()) {
      if (x->op() != Op::dot || matmul_of(*x, order_of(*x->operand(0)), order_of(*x->operand(1)))) continue;
      for (const Instruction* operand : x->operands()) changed |= std::exchange(found[operand->index()], 0) != 0;
    }
  }
  return found;
}

Scope::View Scope::view_of(const Instruction& x, const std::vector<char>& seen_through) {
  View view{&x, Dims(x.shape().rank())};
  std::iota(view.order.begin(), view.order.end(), 0);
  if (seen_through[x.index()] == 0) return view;
  // Dimension d of a transpose is dimension `dimensions[d]` of its operand.
  return {x.operand(0), x.attrs<DimensionsAttrs>().dimensions};
}

template <class F>
void Scope::for_each_input(const Group& group, F&& f) const {
  for (const Argument& argument : group.kernel.arguments) {
    if (!argument.written) f(resolve(argument.leaf));
    if (argument.before.value != nullptr) f(resolve(argument.before));
  }
}

template <class F>
void Scope::for_each_input(const Instruction& x, F&& f) const {
  for (const Instruction* operand : x.operands()) {
    if (x.op() == Op::dot) {
      f(resolve({view_of(*operand).base}));
      continue;
    }
    for (size_t part = 0; part < leaf_count(operand->shape()); ++part) f(resolve({operand, part}));
  }
}

void Scope::count_uses() {
  std::vector<const Group*> counted;
  for (const auto& x : computation_.instructions()) {
    if (is_only_a_name(*x)) continue;
    const Group* group = fusion_->group_of(*x);
    if (group == nullptr) {
      // What is free and in no group is computed where it is read.
      if (!gshard::cpu::is_free(*x)) for_each_input(*x, [&](const Leaf& leaf) { ++uses_[leaf]; });
    } else if (std::find(counted.begin(), counted.end(), group) == counted.end()) {
      counted.push_back(group);
      for_each_input(*group, [&](const Leaf& leaf) { ++uses_[leaf]; });
    }
  }
  for (size_t part = 0; part < leaf_count(computation_.root()->shape()); ++part) ++uses_[result(part)];
}

// ---- buffers ------------------------------------------------------------------------------------------------------

void Scope::bind(const Leaf& leaf, Buffer buffer) {
  bound_[leaf] = buffer;
  if (buffer >= 0 && uses_[leaf] > 0) ++lowering_.live[static_cast<size_t>(buffer)];
}

Buffer Scope::buffer_of(const Leaf& leaf) const {
  const auto found = bound_.find(leaf);
  GSHARD_CHECK(found != bound_.end(), leaf.value->parent()->name() + " " + leaf.value->name());
  return found->second;
}

void Scope::release(const Leaf& leaf) {
  const auto found = uses_.find(leaf);
  if (--found->second > 0) return;
  if (const Buffer buffer = buffer_of(leaf); buffer >= 0) --lowering_.live[static_cast<size_t>(buffer)];
}

void Scope::touch(Buffer buffer) { lowering_.touch(buffer); }

// Whether nothing is in the buffer that is still to be read, but for `dying`, which this step reads for the last time.
bool Scope::is_free(Buffer buffer, const std::vector<Leaf>& dying) const {
  int live = lowering_.live[static_cast<size_t>(buffer)];
  for (const Leaf& leaf : dying) live -= buffer_of(leaf) == buffer ? 1 : 0;
  return live == 0 && lowering_.writable[static_cast<size_t>(buffer)] != 0;
}

// Where to write a leaf: where it is wanted, else over one of the operands that the step may overwrite, else anew.
Buffer Scope::output_for(const Leaf& leaf, const std::vector<Leaf>& reusable) {
  Buffer chosen = -1;
  if (const auto wanted = wanted_.find(leaf); wanted != wanted_.end() && is_free(wanted->second, reusable)) {
    chosen = wanted->second;
  }
  for (const Leaf& input : reusable) {
    if (chosen >= 0) break;
    const Buffer buffer = buffer_of(input);
    const auto at = static_cast<size_t>(buffer);
    const bool fits = lowering_.program.buffers[at].bytes == leaf.shape().byte_size();
    if (fits && lowering_.reserved[at] == 0 && is_free(buffer, {input})) chosen = buffer;
  }
  if (chosen < 0) chosen = lowering_.add_buffer(leaf, leaf.shape().byte_size());
  bind(leaf, chosen);
  return chosen;
}

template <class T, class... Args>
void Scope::add(Args&&... args) {
  steps_.push_back(std::make_unique<T>(std::forward<Args>(args)...));
}

void Scope::copy(Buffer from, Buffer to) { lowering_.copy(from, to, steps_); }

// ---- kernels ------------------------------------------------------------------------------------------------------

// The inputs that die with a kernel and that its output `argument` may overwrite: each element is written after all
// reads of it, by the iteration that read it.
std::vector<Leaf> Scope::reusable_inputs(const Group& group, size_t argument) const {
  const Kernel& kernel = group.kernel;
  const auto store = std::find_if(kernel.stores.begin(), kernel.stores.end(),
                                  [&](const Store& s) { return s.argument == static_cast<int>(argument); });
  const auto number = static_cast<int>(store - kernel.stores.begin());
  const auto stage = std::find_if(kernel.stages.begin(), kernel.stages.end(), [&](const Stage& s) {
    return std::find(s.stores.begin(), s.stores.end(), number) != s.stores.end();
  });
  std::vector<char> is_safe(kernel.arguments.size(), 1);
  for (auto at = kernel.stages.begin(); at != kernel.stages.end(); ++at) {
    for (int n : nodes_of(kernel, *at)) {
      const Node& node = kernel.nodes[static_cast<size_t>(n)];
      if (node.kind != Node::Kind::load) continue;
      if (at > stage || node.guard >= 0 || !(node.index == store->index)) {
        is_safe[static_cast<size_t>(node.argument)] = 0;
      }
    }
  }
  // One array may be read as several arguments.
  LeafMap<int> reads;
  LeafMap<char> safe;
  for_each_input(group, [&](const Leaf& leaf) { ++reads[leaf]; });
  for (size_t a = 0; a < kernel.arguments.size(); ++a) {
    if (kernel.arguments[a].written) continue;
    char& all = safe.emplace(resolve(kernel.arguments[a].leaf), 1).first->second;
    all = all != 0 && is_safe[a] != 0;
  }
  const bool whole = kernel.arguments[argument].before.value == nullptr;
  std::vector<Leaf> reusable;
  for (const auto& [leaf, count] : reads) {
    const auto found = safe.find(leaf);
    const bool is_harmless = found == safe.end() ? !whole : found->second != 0;
    if (is_harmless && uses_.at(leaf) == count && buffer_of(leaf) >= 0) reusable.push_back(leaf);
  }
  std::sort(reusable.begin(), reusable.end(), [](const Leaf& a, const Leaf& b) {
    return std::pair(a.value->index(), a.part) < std::pair(b.value->index(), b.part);
  });
  return reusable;
}

// The buffer for an array of which a part is written: it holds `before` when the kernel runs.
Buffer Scope::updated(const Leaf& output, const Leaf& before, bool may_reuse) {
  const Buffer old = buffer_of(before);
  const auto wanted = wanted_.find(output);
  const bool old_is_wanted = wanted == wanted_.end() || wanted->second == old;
  const bool is_own = old_is_wanted && (lowering_.reserved[static_cast<size_t>(old)] == 0 || wanted != wanted_.end());
  if (may_reuse && is_own && is_free(old, {before})) {
    bind(output, old);
    return old;
  }
  const Buffer fresh = output_for(output, {});
  copy(old, fresh);
  return fresh;
}

void Scope::lower_group(const Group& group) {
  const Kernel& kernel = group.kernel;
  std::vector<Buffer> buffers(kernel.arguments.size(), -1);
  for (size_t a = 0; a < kernel.arguments.size(); ++a) {
    if (!kernel.arguments[a].written) buffers[a] = buffer_of(resolve(kernel.arguments[a].leaf));
  }
  std::vector<Leaf> outputs;
  for (size_t a = 0; a < kernel.arguments.size(); ++a) {
    const Argument& argument = kernel.arguments[a];
    if (!argument.written) continue;
    const Leaf leaf = resolve(argument.leaf);
    std::vector<Leaf> reusable = reusable_inputs(group, a);
    // What another output took already is gone.
    std::erase_if(reusable, [&](const Leaf& input) {
      return std::any_of(outputs.begin(), outputs.end(),
                         [&](const Leaf& o) { return buffer_of(o) == buffer_of(input); });
    });
    if (argument.before.value == nullptr) {
      buffers[a] = output_for(leaf, reusable);
    } else {
      const Leaf before = resolve(argument.before);
      const bool may_reuse = std::find(reusable.begin(), reusable.end(), before) != reusable.end();
      buffers[a] = updated(leaf, before, may_reuse);
    }
    outputs.push_back(leaf);
  }
  ++lowering_.now;
  for (Buffer buffer : buffers) touch(buffer);
  for_each_input(group, [&](const Leaf& leaf) { release(leaf); });
  add<KernelStep>(outputs[0].value, &group, std::move(buffers));
}

// ---- other instructions -------------------------------------------------------------------------------------------

void Scope::lower_constant(const Instruction& x) {
  const Buffer buffer = lowering_.add_buffer({&x}, x.shape().byte_size(), BufferInfo::Kind::constant);
  lowering_.program.buffers[static_cast<size_t>(buffer)].constant = x.attrs<ConstantAttrs>().value;
  bind({&x}, buffer);
}

void Scope::lower_dot(const Instruction& x) {
  const View lhs = view_of(*x.operand(0));
  const View rhs = view_of(*x.operand(1));
  const std::optional<MatmulSpec> spec = matmul_of(x, lhs.order, rhs.order);
  if (!spec) return lower_by_evaluator(x);
  const Buffer a = buffer_of(resolve({lhs.base}));
  const Buffer b = buffer_of(resolve({rhs.base}));
  const Buffer result = output_for({&x}, {});
  ++lowering_.now;
  for (Buffer buffer : {a, b, result}) touch(buffer);
  for_each_input(x, [&](const Leaf& leaf) { release(leaf); });
  add<MatmulStep>(&x, *spec, a, b, result);
}

void Scope::lower_by_evaluator(const Instruction& x) {
  std::vector<Buffer> operands;
  for_each_input(x, [&](const Leaf& leaf) { operands.push_back(buffer_of(leaf)); });
  std::vector<Buffer> results;
  for (size_t part = 0; part < leaf_count(x.shape()); ++part) {
    const Leaf leaf{&x, part};
    if (leaf.shape().is_token()) {
      bind(leaf, -1);
      results.push_back(-1);
    } else {
      results.push_back(output_for(leaf, {}));
    }
  }
  ++lowering_.now;
  for (Buffer buffer : operands) touch(buffer);
  for (Buffer buffer : results) touch(buffer);
  for_each_input(x, [&](const Leaf& leaf) { release(leaf); });
  add<EvaluateStep>(&x, std::move(operands), std::move(results));
}

void Scope::lower_while(const Instruction& x) {
  const Computation& condition = *x.callees()[0];
  const Computation& body = *x.callees()[1];
  // The state: in the memory of its start where that dies here.
  std::vector<Buffer> state;
  std::vector<std::pair<Buffer, Buffer>> copies;
  for (size_t part = 0; part < leaf_count(x.shape()); ++part) {
    const Leaf start = resolve({x.operand(0), part});
    if (start.shape().is_token()) {
      state.push_back(-1);
      continue;
    }
    Buffer buffer = buffer_of(start);
    const bool is_taken = std::find(state.begin(), state.end(), buffer) != state.end();
    const auto wanted = wanted_.find({&x, part});
    const bool is_elsewhere =
        wanted == wanted_.end() ? lowering_.reserved[static_cast<size_t>(buffer)] != 0 : wanted->second != buffer;
    if (is_taken || is_elsewhere || uses_[start] > 1 || !is_free(buffer, {start})) {
      const Buffer from = buffer;
      const bool has_place = wanted != wanted_.end() && is_free(wanted->second, {}) &&
                             std::find(state.begin(), state.end(), wanted->second) == state.end();
      buffer = has_place ? wanted->second : lowering_.add_buffer({&x, part}, start.shape().byte_size());
      copies.emplace_back(from, buffer);
    }
    state.push_back(buffer);
  }
  lowering_.copy_all(std::move(copies), steps_);
  for_each_input(x, [&](const Leaf& leaf) { release(leaf); });
  std::vector<char> was_reserved;
  ++lowering_.now;
  for (Buffer buffer : state) {
    touch(buffer);
    was_reserved.push_back(buffer < 0 ? 0 : lowering_.reserved[static_cast<size_t>(buffer)]);
    if (buffer >= 0) lowering_.reserved[static_cast<size_t>(buffer)] = 1;
  }
  Scope test(lowering_, condition);
  Scope round(lowering_, body);
  for (size_t part = 0; part < state.size(); ++part) {
    test.keep({condition.parameter(0), part});
    test.bind({condition.parameter(0), part}, state[part]);
  }
  Steps test_steps = test.run();
  const Buffer predicate = test.buffer_of(test.result(0));
  touch(predicate);
  for (size_t part = 0; part < state.size(); ++part) {
    // The condition has no claim on the state while the body runs.
    if (state[part] >= 0) lowering_.live[static_cast<size_t>(state[part])] = 0;
    round.bind({body.parameter(0), part}, state[part]);
    if (state[part] >= 0) round.want(round.result(part), state[part]);
  }
  Steps round_steps = round.run();
  round.bring_results_to(state, round_steps);
  ++lowering_.now;
  for (size_t part = 0; part < state.size(); ++part) {
    touch(state[part]);
    if (state[part] >= 0) {
      lowering_.live[static_cast<size_t>(state[part])] = 0;
      lowering_.reserved[static_cast<size_t>(state[part])] = was_reserved[part];
    }
    bind({&x, part}, state[part]);
  }
  add<WhileStep>(&x, std::move(test_steps), predicate, std::move(round_steps));
}

void Scope::lower_conditional(const Instruction& x) {
  const Buffer index = buffer_of(resolve({x.operand(0)}));
  std::vector<Buffer> results;
  for (size_t part = 0; part < leaf_count(x.shape()); ++part) {
    const Leaf leaf{&x, part};
    if (leaf.shape().is_token()) {
      bind(leaf, -1);
      results.push_back(-1);
      continue;
    }
    results.push_back(output_for(leaf, {}));
    // Reserved, so that only results of the branches are put there.
    lowering_.reserved[static_cast<size_t>(results.back())] = 1;
  }
  ++lowering_.now;
  touch(index);
  for (Buffer buffer : results) touch(buffer);
  std::vector<Steps> branches;
  for (size_t b = 0; b < x.callees().size(); ++b) {
    const Computation& branch = *x.callees()[b];
    Scope scope(lowering_, branch);
    for (size_t part = 0; part < leaf_count(branch.parameter(0)->shape()); ++part) {
      const Leaf inside{branch.parameter(0), part};
      scope.keep(inside);
      scope.bind(inside, buffer_of(resolve({x.operand(b + 1), part})));
    }
    for (size_t part = 0; part < results.size(); ++part) {
      if (results[part] < 0) continue;
      lowering_.live[static_cast<size_t>(results[part])] = 0;
      scope.want(scope.result(part), results[part]);
    }
    Steps steps = scope.run();
    scope.bring_results_to(results, steps);
    // The arguments of the branch outlive it.
    for (size_t part = 0; part < leaf_count(branch.parameter(0)->shape()); ++part) {
      const Buffer buffer = buffer_of(resolve({x.operand(b + 1), part}));
      if (buffer >= 0) --lowering_.live[static_cast<size_t>(buffer)];
    }
    branches.push_back(std::move(steps));
  }
  ++lowering_.now;
  for (size_t part = 0; part < results.size(); ++part) {
    if (results[part] < 0) continue;
    touch(results[part]);
    lowering_.reserved[static_cast<size_t>(results[part])] = 0;
    lowering_.live[static_cast<size_t>(results[part])] = uses_[{&x, part}] > 0 ? 1 : 0;
  }
  for_each_input(x, [&](const Leaf& leaf) {
    touch(buffer_of(leaf));
    release(leaf);
  });
  add<BranchStep>(&x, index, std::move(branches));
}

void Scope::lower_node(const Instruction& x) {
  switch (x.op()) {
    case Op::parameter:
      return;
    case Op::constant:
      return lower_constant(x);
    case Op::dot:
      return lower_dot(x);
    case Op::while_:
      return lower_while(x);
    case Op::conditional:
      return lower_conditional(x);
    default:
      return lower_by_evaluator(x);
  }
}

// Lowers an instruction, or the group that computes it, after all that it reads.
void Scope::lower(const Instruction& x) {
  if (lowered_[x.index()] != 0) return;
  lowered_[x.index()] = 1;
  const Group* group = fusion_->group_of(x);
  const bool is_name = is_only_a_name(x);
  if (group == nullptr || is_name) {
    if (!is_name && gshard::cpu::is_free(x)) return;
    for (const Instruction* operand : x.operands()) lower(*operand);
    for (const Instruction* before : x.control_predecessors()) lower(*before);
    if (!is_name) lower_node(x);
    return;
  }
  for (const Instruction* member : group->members) lowered_[member->index()] = 1;
  for (const Instruction* member : group->members) {
    for (const Instruction* operand : member->operands()) {
      if (!group->members.contains(operand)) lower(*operand);
    }
  }
  lower_group(*group);
}

Steps Scope::run() {
  // A group runs when its last member is reached, or earlier where others need it.
  std::unordered_map<const Group*, size_t> last;
  for (const auto& x : computation_.instructions()) {
    if (const Group* group = fusion_->group_of(*x); group != nullptr) last[group] = x->index();
  }
  for (const auto& x : computation_.instructions()) {
    const Group* group = fusion_->group_of(*x);
    if (group == nullptr || last[group] == x->index()) lower(*x);
  }
  return std::move(steps_);
}

// ---- the whole ----------------------------------------------------------------------------------------------------

void Lowering::copy_all(std::vector<std::pair<Buffer, Buffer>> copies, Steps& steps) {
  while (!copies.empty()) {
    const auto is_source = [&](Buffer buffer) {
      return std::any_of(copies.begin(), copies.end(), [&](const auto& c) { return c.first == buffer; });
    };
    auto next = std::find_if(copies.begin(), copies.end(), [&](const auto& c) { return !is_source(c.second); });
    if (next == copies.end()) {
      // A ring: one of its values waits elsewhere.
      const Buffer from = copies.front().first;
      const BufferInfo& info = program.buffers[static_cast<size_t>(from)];
      const Buffer aside = add_buffer(info.leaf, info.bytes);
      copy(from, aside, steps);
      for (auto& c : copies) {
        if (c.first == from) c.first = aside;
      }
      continue;
    }
    copy(next->first, next->second, steps);
    copies.erase(next);
  }
}

void Scope::bring_results_to(const std::vector<Buffer>& places, Steps& steps) const {
  std::vector<std::pair<Buffer, Buffer>> copies;
  for (size_t part = 0; part < places.size(); ++part) {
    if (places[part] < 0) continue;
    const Buffer from = buffer_of(result(part));
    if (from != places[part]) copies.emplace_back(from, places[part]);
  }
  lowering_.copy_all(std::move(copies), steps);
}

void Lowering::bind_arguments(const Module& module, Scope& scope) {
  for (const Instruction* parameter : module.entry()->parameters()) {
    for (size_t part = 0; part < leaf_count(parameter->shape()); ++part) {
      const Leaf leaf{parameter, part};
      if (leaf.shape().is_token()) {
        program.arguments.push_back(-1);
        continue;
      }
      const Buffer buffer = add_buffer(leaf, leaf.shape().byte_size(), BufferInfo::Kind::argument);
      program.buffers[static_cast<size_t>(buffer)].number = program.arguments.size();
      program.arguments.push_back(buffer);
    }
  }
  size_t next = 0;
  for (const Instruction* parameter : module.entry()->parameters()) {
    for (size_t part = 0; part < leaf_count(parameter->shape()); ++part) {
      scope.bind({parameter, part}, program.arguments[next++]);
    }
  }
}

// The number of a leaf among all leaves of a tuple.
size_t number_of(const Shape& shape, const TupleIndex& index) {
  size_t number = 0;
  const Shape* at = &shape;
  for (int64_t i : index) {
    for (int64_t before = 0; before < i; ++before) number += leaf_count(at->element(static_cast<size_t>(before)));
    at = &at->element(static_cast<size_t>(i));
  }
  return number;
}

// Results stand in memory of their own, or in that of the parameter that they are aliased with.
void Lowering::bind_results(const Module& module, Scope& scope) {
  const Shape& shape = module.entry()->root()->shape();
  program.donors.assign(leaf_count(shape), -1);
  for (const InputOutputAlias& alias : module.header().input_output_alias) {
    size_t first = 0;
    for (int64_t p = 0; p < alias.parameter; ++p)
      first += leaf_count(module.entry()->parameter(static_cast<size_t>(p))->shape());
    const Shape& donor = module.entry()->parameter(static_cast<size_t>(alias.parameter))->shape();
    program.donors[number_of(shape, alias.output)] = static_cast<int>(first + number_of(donor, alias.parameter_index));
  }
  LeafMap<char> taken;
  for (size_t part = 0; part < program.donors.size(); ++part) {
    const Shape& leaf = leaf_of(shape, part);
    if (leaf.is_token()) {
      program.results.push_back(-1);
      continue;
    }
    Buffer buffer = -1;
    if (program.donors[part] >= 0) {
      buffer = program.arguments[static_cast<size_t>(program.donors[part])];
      writable[static_cast<size_t>(buffer)] = 1;
      reserved[static_cast<size_t>(buffer)] = 1;
    } else {
      buffer = add_buffer({module.entry()->root(), part}, leaf.byte_size(), BufferInfo::Kind::result);
      program.buffers[static_cast<size_t>(buffer)].number = part;
      reserved[static_cast<size_t>(buffer)] = 1;
    }
    program.results.push_back(buffer);
    scope.want(scope.result(part), buffer);
  }
}

Program Lowering::lower(const Module& module) {
  Scope scope(*this, *module.entry());
  bind_arguments(module, scope);
  bind_results(module, scope);
  program.steps = scope.run();
  scope.bring_results_to(program.results, program.steps);
  return std::move(program);
}

}  // namespace

Program lower(const Module& module) { return Lowering().lower(module); }

}  // namespace gshard::cpu
