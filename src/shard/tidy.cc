#include "shard/tidy.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/hash.h"
#include "ops/table.h"

namespace gshard {
namespace {

std::vector<bool> live_instructions(const Computation& computation) {
  std::vector<bool> live(computation.size(), false);
  for (size_t n = computation.size(); n-- > 0;) {
    const Instruction& x = *computation.at(n);
    if (&x == computation.root() || x.op() == Op::parameter || has_side_effect(x)) live[n] = true;
    if (!live[n]) continue;
    for (const Instruction* operand : x.operands()) live[operand->index()] = true;
    for (const Instruction* before : x.control_predecessors()) live[before->index()] = true;
  }
  return live;
}

// ---- combining ------------------------------------------------------------------------------------------------------

bool is_combinable(const Instruction& x) {
  const bool is_kind = x.op() == Op::all_reduce || x.op() == Op::all_gather || x.op() == Op::reduce_scatter;
  return is_kind && x.operand_count() == 1 && x.shape().is_array() && x.control_predecessors().empty();
}

// What two collectives must have in common. Those of one level do not wait for each other.
struct Kind {
  int level;
  Op op;
  DType type;
  std::string reducer;
  uint64_t attributes;  // but for the channel
  auto operator<=>(const Kind&) const = default;
};

CollectiveAttrs without_channel(const Instruction& x) {
  CollectiveAttrs attrs = x.attrs<CollectiveAttrs>();
  attrs.channel_id = std::nullopt;
  return attrs;
}

class Combiner {
 public:
  Combiner(Computation& computation, int64_t largest) : computation_(computation), largest_(largest) {}

  // The joint collective of each that was joined to others.
  std::unordered_map<const Instruction*, const Instruction*> run() {
    collect();
    for (const auto& [kind, members] : kinds_) {
      std::vector<Instruction*> group;
      int64_t bytes = 0;
      for (Instruction* member : members) {
        const int64_t more = member->operand(0)->shape().byte_size();
        const bool fits =
            !group.empty() && bytes + more <= largest_ && without_channel(*group[0]) == without_channel(*member);
        if (!fits) join(std::exchange(group, {})), bytes = 0;
        group.push_back(member);
        bytes += more;
      }
      join(group);
    }
    if (!joint_.empty()) use_parts();
    return std::move(joint_);
  }

 private:
  void collect() {
    std::vector<int> level(computation_.size(), 0);
    for (const auto& owned : computation_.instructions()) {
      Instruction& x = *owned;
      int& mine = level[x.index()];
      for (const Instruction* operand : x.operands()) mine = std::max(mine, level[operand->index()]);
      if (!is_combinable(x)) continue;
      ++mine;
      const std::string reducer = x.callees().empty() ? "" : x.callees()[0]->name();
      kinds_[{mine, x.op(), x.shape().type(), reducer, hash_of(Attributes(without_channel(x)))}].push_back(&x);
    }
  }

  void join(const std::vector<Instruction*>& group) {
    if (group.size() < 2) return;
    std::vector<Instruction*> operands;
    std::vector<Shape> shapes;
    for (Instruction* member : group) {
      operands.push_back(member->operand(0));
      shapes.push_back(member->shape());
    }
    Instruction* joint =
        computation_.add(group[0]->op(), Shape::tuple(shapes), operands, group[0]->attributes(), group[0]->name());
    joint->mutable_callees() = group[0]->callees();
    joint->mutable_notes() = group[0]->notes();
    for (size_t i = 0; i < group.size(); ++i) {
      Instruction* const of[] = {joint};
      Instruction* part =
          computation_.add(Op::get_tuple_element, shapes[i], of, TupleIndexAttrs{static_cast<int64_t>(i)});
      part->mutable_notes().metadata = group[i]->notes().metadata;
      part->set_name(group[i]->name());  // which goes away
      parts_[group[i]] = part;
      joint_[group[i]] = joint;
    }
  }

  void use_parts() {
    const auto part_of = [&](Instruction* x) {
      const auto found = parts_.find(x);
      return found == parts_.end() ? x : found->second;
    };
    for (const auto& x : computation_.instructions()) {
      for (Instruction*& operand : x->mutable_operands()) operand = part_of(operand);
      for (Instruction*& before : x->mutable_control_predecessors()) before = part_of(before);
    }
    computation_.set_root(part_of(computation_.root()));
    computation_.sort_topologically();
  }

  Computation& computation_;
  const int64_t largest_;
  std::map<Kind, std::vector<Instruction*>> kinds_;
  std::unordered_map<const Instruction*, Instruction*> parts_;
  std::unordered_map<const Instruction*, const Instruction*> joint_;
};

}  // namespace

void remove_unread(Module& module, std::vector<ReshardRecord>& reshards) {
  std::unordered_set<const Instruction*> removed;
  for (const auto& computation : module.computations()) {
    const std::vector<bool> live = live_instructions(*computation);
    for (const auto& x : computation->instructions()) {
      if (!live[x->index()] && has(row_of(x->op()).traits, Traits::collective)) removed.insert(x.get());
    }
    computation->remove_if([&](const Instruction& x) { return !live[x.index()]; });
  }
  for (ReshardRecord& record : reshards) {
    std::erase_if(record.collectives, [&](const Instruction* x) { return removed.contains(x); });
  }
  std::erase_if(reshards, [](const ReshardRecord& record) { return record.collectives.empty(); });
}

void combine_collectives(Module& module, int64_t largest, std::vector<ReshardRecord>& reshards) {
  for (const auto& computation : module.computations()) {
    const auto joint = Combiner(*computation, largest).run();
    if (joint.empty()) continue;
    for (ReshardRecord& record : reshards) {
      for (const Instruction*& collective : record.collectives) {
        if (const auto found = joint.find(collective); found != joint.end()) collective = found->second;
      }
    }
    computation->remove_if([&](const Instruction& x) { return joint.contains(&x); });
  }
}

}  // namespace gshard
