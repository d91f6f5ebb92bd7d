#include "autodiff/loop_body.h"

#include <algorithm>

#include "autodiff/leaves.h"
#include "autodiff/walk.h"
#include "ops/build.h"
#include "ops/table.h"

namespace gshard {
namespace {

// The leaf of the state, a parameter, that x is; nothing where it is none, or a tuple.
std::optional<size_t> state_leaf(const Instruction& x, const Instruction& state) {
  if (x.shape().is_tuple()) return std::nullopt;
  size_t leaf = 0;
  const Instruction* at = &x;
  for (; at->op() == Op::get_tuple_element; at = at->operand(0)) {
    leaf += first_leaf(at->operand(0)->shape(), static_cast<size_t>(at->attrs<TupleIndexAttrs>().index));
  }
  return at == &state ? std::optional(leaf) : std::nullopt;
}

// What was put into a tuple as that leaf; null where that cannot be seen.
const Instruction* put_as(const Instruction& x, size_t leaf) {
  if (!x.shape().is_tuple()) return &x;
  if (x.op() != Op::tuple) return nullptr;
  const LeafPlace place = place_of(x.shape(), leaf);
  return put_as(*x.operand(place.element), place.leaf);
}

// Whether making it again is cheaper than to keep it.
bool is_free(const Instruction& x) {
  switch (x.op()) {
    case Op::constant:
    case Op::iota:
    case Op::broadcast:
    case Op::reshape:
    case Op::tuple:
      return true;
    case Op::convert:
      return x.operand(0)->shape().byte_size() <= x.shape().byte_size();
    default:
      return false;
  }
}

bool is_little_work(const Instruction& x) {
  const Traits traits = row_of(x.op()).traits;
  return has(traits, Traits::data_movement) || (has(traits, Traits::pointwise) && !has(traits, Traits::transcendental));
}

}  // namespace

LoopBody::LoopBody(const Instruction& loop, const LeafSet& active, std::set<size_t> carried) {
  while (!differentiate(loop, active, carried)) {
  }
  choose_kept();
}

// Whether no leaf got a cotangent that is not among the carried ones; they include it then.
bool LoopBody::differentiate(const Instruction& loop, const LeafSet& active, std::set<size_t>& carried) {
  const Computation& body = *loop.callees()[1];
  round_ = std::make_unique<Computation>(body.parent(), body.name());
  Instruction* state = parameter(*round_, loop.shape()).instruction();
  round_->set_root(clone_body(body, {&state, 1}, *round_));
  const size_t size = round_->size();
  Walk walk(*round_);
  for (size_t leaf = 0; leaf < active.size(); ++leaf) {
    if (active[leaf]) walk.ask(*state, leaf);
  }
  walk.follow(0, size);
  seeds_.clear();
  for (const size_t leaf : carried) {
    seeds_.push_back(parameter(*round_, leaf_shape(loop.shape(), leaf).without_layout()).instruction());
    if (walk.is_active(*round_->root(), leaf)) walk.give(*round_->root(), leaf, seeds_.back());
  }
  walk.run(0, size);
  const size_t before = carried.size();
  cotangents_.clear();
  for (size_t leaf = 0; leaf < active.size(); ++leaf) {
    Instruction* cotangent = walk.cotangent(*state, leaf).instruction();
    if (cotangent != nullptr) carried.insert(leaf);
    if (carried.contains(leaf)) cotangents_.push_back(cotangent);
  }
  program_.clear();
  for (const auto& instruction : round_->instructions()) {
    if (walk.is_program(*instruction)) program_.insert(instruction.get());
  }
  walk.finish();
  carried_.assign(carried.begin(), carried.end());
  return carried.size() == before;
}

// Also of the round forwards: an element that the round backwards takes out of a tuple made there.
bool LoopBody::is_forward(const Instruction& x) const {
  return program_.contains(&x) || (x.op() == Op::get_tuple_element && is_forward(*x.operand(0)));
}

bool LoopBody::is_constant(size_t leaf) const {
  const Instruction* next = put_as(*round_->root(), leaf);
  return next != nullptr && state_leaf(*next, *round_->parameter(0)) == leaf;
}

// Whether each round can make x from what is the same in all rounds and from the numbers that count them: the weights
// of the round's layer, say.
bool LoopBody::is_made_of_constants(const Instruction& x) const {
  if (const auto leaf = state_leaf(x, *round_->parameter(0))) {
    return is_constant(*leaf) || (x.shape().is_scalar() && is_integer(x.shape().type()));
  }
  const auto is_known = [&](const Instruction* operand) { return made_of_constants_.contains(operand); };
  return x.op() != Op::parameter && std::all_of(x.operands().begin(), x.operands().end(), is_known);
}

bool LoopBody::is_cheap(const Instruction& x) const {
  const bool is_state = x.op() == Op::parameter || state_leaf(x, *round_->parameter(0)).has_value();
  return is_free(x) || (!is_state && made_of_constants_.contains(&x) && is_little_work(x));
}

void LoopBody::choose_kept() {
  for (const auto& instruction : round_->instructions()) {
    if (is_made_of_constants(*instruction)) made_of_constants_.insert(instruction.get());
  }
  for (const Instruction* cotangent : cotangents_) {
    if (cotangent != nullptr) need(*cotangent);
  }
}

// Notes what the round backwards needs to have x: all that it is made of there, or what it keeps of the round
// forwards.
void LoopBody::need(const Instruction& x) {
  std::vector<const Instruction*> open{&x};
  while (!open.empty()) {
    const Instruction& next = *open.back();
    open.pop_back();
    if (std::find(seeds_.begin(), seeds_.end(), &next) != seeds_.end()) continue;
    if (needed_.contains(&next) || sources_.contains(&next)) continue;
    if (is_forward(next) && !is_cheap(next)) {
      sources_.insert(&next);
      for (size_t leaf = 0; leaf < leaf_count(next.shape()); ++leaf) keep(next, leaf);
      continue;
    }
    needed_.insert(&next);
    open.insert(open.end(), next.operands().begin(), next.operands().end());
  }
}

void LoopBody::keep(const Instruction& x, size_t leaf) {
  const Instruction& state = *round_->parameter(0);
  std::optional<size_t> of_state = &x == &state ? std::optional(leaf) : state_leaf(x, state);
  if (!leaf_shape(x.shape(), leaf).is_array()) {
    throw Error::program("gradient: a loop cannot keep the token %" + x.name() + " for its rounds backwards");
  }
  if (!of_state) {
    kept_.emplace_back(&x, leaf);
    kept_shapes_.push_back(leaf_shape(x.shape(), leaf).without_layout());
    return;
  }
  if (is_constant(*of_state)) {
    if (std::find(constant_.begin(), constant_.end(), *of_state) == constant_.end()) constant_.push_back(*of_state);
    return;
  }
  if (std::find(kept_.begin(), kept_.end(), Leaf(&state, *of_state)) != kept_.end()) return;
  kept_.emplace_back(&state, *of_state);
  kept_shapes_.push_back(leaf_shape(state.shape(), *of_state).without_layout());
}

LoopBody::Forwards LoopBody::forwards(Value state) const {
  Copier copier(state.computation());
  copier.put(*round_->parameter(0), state);
  for (const auto& instruction : round_->instructions()) {
    if (is_forward(*instruction) && !copier.has(*instruction)) copier.copy(*instruction);
  }
  Forwards made{copier.at(*round_->root()), {}};
  for (const auto& [x, leaf] : kept_) made.kept.push_back(leaf_of(copier.at(*x), leaf));
  return made;
}

// x, put together from what was kept of it.
Value LoopBody::read(Computation& in, const Instruction& x, const std::vector<Value>& of_state, Values kept) const {
  std::vector<Value> leaves;
  const Instruction& state = *round_->parameter(0);
  for (size_t leaf = 0; leaf < leaf_count(x.shape()); ++leaf) {
    const std::optional<size_t> number = &x == &state ? std::optional(leaf) : state_leaf(x, state);
    const auto place = std::find(kept_.begin(), kept_.end(), Leaf(&x, leaf));
    leaves.push_back(number ? of_state[*number] : kept[static_cast<size_t>(place - kept_.begin())]);
  }
  return pack(in, x.shape(), leaves);
}

std::vector<Value> LoopBody::backwards(Computation& in, Values cotangents, Values kept, Values constant) const {
  const Instruction& state = *round_->parameter(0);
  std::vector<Value> of_state(leaf_count(state.shape()));
  for (size_t i = 0; i < constant_.size(); ++i) of_state[constant_[i]] = constant[i];
  for (size_t i = 0; i < kept_.size(); ++i) {
    if (kept_[i].first == &state) of_state[kept_[i].second] = kept[i];
  }
  Copier copier(in);
  for (size_t i = 0; i < seeds_.size(); ++i) copier.put(*seeds_[i], cotangents[i]);
  for (const auto& instruction : round_->instructions()) {
    if (sources_.contains(instruction.get())) copier.put(*instruction, read(in, *instruction, of_state, kept));
    if (needed_.contains(instruction.get())) copier.copy(*instruction);
  }
  std::vector<Value> before;
  for (size_t i = 0; i < carried_.size(); ++i) {
    before.push_back(cotangents_[i] != nullptr ? copier.at(*cotangents_[i]) : full_like(cotangents[i], 0));
  }
  return before;
}

}  // namespace gshard
