// Gradients of collectives: the way back between the devices. What a device gives to several comes back as a sum.
#include <algorithm>
#include <array>

#include "autodiff/channel.h"
#include "autodiff/gradients.h"
#include "ops/build.h"
#include "ops/reducer.h"

namespace gshard {
namespace {

// The attributes of the same collective at another place in the program.
template <class Attrs>
Attrs again(const Pullback& p) {
  Attrs attrs = p.attrs<Attrs>();
  if (attrs.channel_id) attrs.channel_id = unused_channel(*p.walk().computation().parent());
  return attrs;
}

// The cotangents of the operands that want one: `make` is the collective of those that are not zero.
template <class Make>
void give_through(Pullback& p, Make make) {
  std::vector<Value> given;
  std::vector<size_t> operands;
  for (size_t i = 0; i < p.operand_count(); ++i) {
    if (p.cotangent(i).instruction() == nullptr || !p.wants(i)) continue;
    given.push_back(p.cotangent(i));
    operands.push_back(i);
  }
  if (given.empty()) return;
  const Value made = make(given);
  for (size_t k = 0; k < operands.size(); ++k) {
    p.give(operands[k], made.shape().is_tuple() ? get_tuple_element(made, static_cast<int64_t>(k)) : made);
  }
}

void check_sum(const Pullback& p) {
  if (reducer_of(*p.instruction().callees()[0]) != Reducer::add) p.refuse("it is no sum");
}

}  // namespace

void gradient_all_reduce(Pullback& p) {
  check_sum(p);
  give_through(
      p, [&](const std::vector<Value>& given) { return all_reduce(given, Reducer::add, again<CollectiveAttrs>(p)); });
}

void gradient_all_gather(Pullback& p) {
  give_through(p, [&](const std::vector<Value>& given) {
    return reduce_scatter(given, Reducer::add, again<CollectiveAttrs>(p));
  });
}

void gradient_reduce_scatter(Pullback& p) {
  check_sum(p);
  give_through(p, [&](const std::vector<Value>& given) { return all_gather(given, again<CollectiveAttrs>(p)); });
}

// Part j of device i went to part i of device j, and goes the same way back.
void gradient_all_to_all(Pullback& p) {
  std::vector<Value> all = p.cotangents();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].instruction() == nullptr) all[i] = full_like(p.operand(i), 0);
  }
  const Value made = all_to_all(all, again<CollectiveAttrs>(p));
  for (size_t i = 0; i < all.size(); ++i) {
    p.give(i, made.shape().is_tuple() ? get_tuple_element(made, static_cast<int64_t>(i)) : made);
  }
}

void gradient_collective_permute(Pullback& p) {
  CollectivePermuteAttrs back = again<CollectivePermuteAttrs>(p);
  if (!back.slice_sizes.text.empty()) p.refuse("it writes parts of its operands in place");
  auto pairs = back.source_target_pairs.list();
  for (auto& [source, target] : pairs) std::swap(source, target);
  back.source_target_pairs = std::move(pairs);
  give_through(p, [&](const std::vector<Value>& given) { return collective_permute(given, back); });
}

}  // namespace gshard
