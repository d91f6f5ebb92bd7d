#include "backend/cpu/fuse.h"

#include <algorithm>

#include "backend/cpu/loop_ops.h"
#include "backend/cpu/schedule_kernel.h"
#include "backend/cpu/split_sums.h"
#include "ops/table.h"

namespace gshard::cpu {
namespace {

// Larger groups are not tried: what they would save is small, and they take long to compile.
constexpr size_t kMaxMembers = 64;

// Nanoseconds: of a byte between memory and core, of a vector operation, of a transcendental one, of a lane that is
// fetched by itself, and of starting a kernel.
constexpr double kByte = 0.1;
constexpr double kVectorOp = 0.4;
constexpr double kTranscendental = 8;
constexpr double kGatheredLane = 0.5;
constexpr double kStart = 300;
// Two groups may cost this much more together: what stands between large loops, such as the root of a mean square, is
// cheaper alone, but would keep them apart.
constexpr double kPriceOfOne = 1.04;
// Values are computed by each of their readers, with what they are made of, within these bounds.
constexpr size_t kMostReaders = 4;
constexpr size_t kMostCopied = 16;
constexpr double kWorthCopying = 0.97;

double iterations_of(const Kernel& kernel, LoopSet loops) {
  double product = 1;
  for (size_t l = 0; l < kernel.loops.size(); ++l) {
    if ((loops & loop_bit(static_cast<int>(l))) != 0) product *= static_cast<double>(kernel.loops[l]);
  }
  return product;
}

double cost_of(const Kernel& kernel, const Node& node, int lane) {
  const bool has_lanes = lane >= 0 && (node.domain & loop_bit(lane)) != 0;
  const double runs = iterations_of(kernel, node.domain) / (has_lanes ? kernel.lanes : 1);
  if (node.kind == Node::Kind::load) {
    if (kernel.is_transposed(node)) return runs * kTransposedLoad * kVectorOp;
    const int64_t factor = lane < 0 ? 1 : node.index.factor(static_cast<size_t>(lane));
    return runs * (has_lanes && factor != 1 ? kGatheredLane * kernel.lanes : kVectorOp);
  }
  const bool is_slow =
      node.kind == Node::Kind::op && has(row_of(node.instruction->op()).traits, Traits::transcendental);
  return runs * (is_slow ? kTranscendental : kVectorOp);
}

}  // namespace

double bytes_touched(const Kernel& kernel) {
  std::vector<double> touched(kernel.arguments.size());
  for (const Node& node : kernel.nodes) {
    if (node.kind == Node::Kind::load)
      touched[static_cast<size_t>(node.argument)] += iterations_of(kernel, node.domain);
  }
  for (const Store& store : kernel.stores) {
    touched[static_cast<size_t>(store.argument)] += iterations_of(kernel, store.index.loops());
  }
  double bytes = 0;
  for (size_t a = 0; a < kernel.arguments.size(); ++a) {
    const Argument& argument = kernel.arguments[a];
    const double elements = std::min(touched[a], static_cast<double>(argument.elements));
    bytes += elements * static_cast<double>(bytes_of(argument.type));
  }
  return bytes;
}

double cost_of(const Kernel& kernel) {
  double cost = kStart;
  for (const Stage& stage : kernel.stages) {
    const int lane = kernel.outer_lane >= 0 ? kernel.outer_lane : stage.lane;
    for (int n : nodes_of(kernel, stage)) {
      const Node& node = kernel.nodes[static_cast<size_t>(n)];
      cost += is_kept_for(kernel, node, stage) ? kVectorOp * iterations_of(kernel, node.domain) / kernel.lanes
                                               : cost_of(kernel, node, lane);
    }
    for (int r : stage.reductions) {
      const Reduction& reduction = kernel.reductions[static_cast<size_t>(r)];
      cost += kVectorOp * iterations_of(kernel, reduction.loops | reduction.domain) / (lane >= 0 ? kernel.lanes : 1);
    }
  }
  return cost + kByte * bytes_touched(kernel);
}

namespace {

// A candidate group with its estimated time.
struct Candidate {
  Group group;
  double cost = 0;
  bool alive = true;
};

class Fuser {
 public:
  Fuser(const Computation& computation, const Reads& reads)
      : computation_(computation), users_(reads), candidate_of_(computation.size(), -1), copiers_(computation.size()) {
    const auto is_left_out = [&](const Instruction& x) { return reads.is_skipped(x) || reads.plan_of(x) != nullptr; };
    for (const auto& x : computation.instructions()) {
      if (!is_left_out(*x) && is_loop_op(*x) && !is_free(*x)) add(*x);
    }
    for (const auto& x : computation.instructions()) {
      if (!is_left_out(*x) && is_free(*x) && is_read_from_memory(*x)) add(*x);
    }
  }

  void run() {
    for (size_t i = computation_.size(); i-- > 0;) {
      if (candidate_of_[i] < 0 || is_free(*computation_.at(i))) continue;
      for (const Instruction* user : users_.users_of(*computation_.at(i))) {
        const int producer = candidate_of_[i];
        const int consumer = candidate_of_[user->index()];
        if (consumer >= 0 && consumer != producer) try_merge(producer, consumer);
      }
    }
  }

  // Joins sums over rows with groups that go through the same rows.
  void join_sums() {
    for (const auto& x : computation_.instructions()) {
      if (!is_split_sum(*x) || candidate_of_[x->index()] < 0) continue;
      for (const Instruction* array : arrays_summed_by(*x)) {
        try_join(candidate_of_[x->index()], candidate_of_[array->index()]);
        for (const Instruction* user : users_.users_of(*array)) {
          try_join(candidate_of_[x->index()], candidate_of_[user->index()]);
        }
      }
    }
  }

  // Lets groups compute what they would read from others where that is cheap.
  void copy_cheap_values() {
    for (size_t p = candidates_.size(); p-- > 0;) {
      const std::vector<Leaf> outputs = candidates_[p].group.outputs;
      for (const Leaf& output : outputs) {
        if (candidates_[p].alive && is_recomputed(*output.value)) try_copy(p, *output.value);
      }
    }
  }

  std::vector<Group> take_groups(std::vector<int>& group_of) {
    std::vector<Group> groups;
    group_of.assign(computation_.size(), -1);
    for (Candidate& candidate : candidates_) {
      if (!candidate.alive) continue;
      for (const Instruction* member : candidate.group.members) {
        group_of[member->index()] = static_cast<int>(groups.size());
      }
      groups.push_back(std::move(candidate.group));
    }
    return groups;
  }

 private:
  // Kernels compute what is free by themselves, but for arrays of which they write a part.
  bool is_read_from_memory(const Instruction& x) const {
    const auto users = users_.users_of(x);
    return &x == computation_.root() || std::any_of(users.begin(), users.end(), [&](const Instruction* user) {
      const bool is_updated =
          (user->op() == Op::dynamic_update_slice || user->op() == Op::scatter) && user->operand(0) == &x;
      return is_updated || (!is_free(*user) && candidate_of_[user->index()] < 0);
    });
  }

  // The parts of a variadic reduction stand in its group.
  void add(const Instruction& x) {
    if (x.op() == Op::get_tuple_element) {
      const int candidate = candidate_of_[x.operand(0)->index()];
      if (candidate < 0) return;
      candidates_[static_cast<size_t>(candidate)].group.members.insert(&x);
      candidate_of_[x.index()] = candidate;
      rebuild(candidates_[static_cast<size_t>(candidate)]);
      return;
    }
    Candidate candidate;
    candidate.group.members.insert(&x);
    if (!rebuild(candidate)) return;
    candidate_of_[x.index()] = static_cast<int>(candidates_.size());
    candidates_.push_back(std::move(candidate));
  }

  static bool computes(const Group& group, const Instruction& x) {
    return group.members.contains(&x) || group.copies.contains(&x);
  }

  // Whether anything reads x that does not compute it by itself.
  bool is_read_outside(const Group& group, const Instruction& x) const {
    if (&x == computation_.root()) return true;
    const auto users = users_.users_of(x);
    return std::any_of(users.begin(), users.end(), [&](const Instruction* user) {
      if (copiers_[user->index()] != 0) {
        const bool is_copied = std::any_of(candidates_.begin(), candidates_.end(), [&](const Candidate& other) {
          return other.alive && other.group.copies.contains(user) && !computes(other.group, x);
        });
        if (is_copied) return true;
      }
      if (group.members.contains(user)) return false;
      const int owner = candidate_of_[user->index()];
      return owner < 0 || !computes(candidates_[static_cast<size_t>(owner)].group, x);
    });
  }

  // What is read from outside of the members, the last first.
  std::vector<Leaf> outputs_of(const Group& group) const {
    std::vector<const Instruction*> read;
    for (const Instruction* member : group.members) {
      if (is_read_outside(group, *member)) read.push_back(member);
    }
    std::sort(read.begin(), read.end(), [](auto* a, auto* b) { return a->index() > b->index(); });
    std::vector<Leaf> outputs;
    for (const Instruction* x : read) {
      if (!x->shape().is_tuple()) {
        outputs.push_back({x});
        continue;
      }
      for (size_t part = 0; part < x->shape().tuple_size(); ++part) outputs.push_back({x, part});
    }
    return outputs;
  }

  bool rebuild(Candidate& candidate) const {
    Group& group = candidate.group;
    group.outputs = outputs_of(group);
    if (group.outputs.empty()) return false;
    std::optional<Kernel> kernel;
    if (group.copies.empty()) {
      kernel = build_kernel(group.members, group.outputs);
    } else {
      Members all = group.members;
      all.insert(group.copies.begin(), group.copies.end());
      kernel = build_kernel(all, group.outputs);
    }
    if (!kernel) return false;
    group.kernel = std::move(*kernel);
    candidate.cost = is_view(group) ? 0 : cost_of(group.kernel);
    return true;
  }

  // One reshape, which costs nothing where it stands alone.
  static bool is_view(const Group& group) {
    return group.members.size() == 1 && group.copies.empty() && is_view_op((*group.members.begin())->op());
  }

  // Whether something that is in neither stands between them: it needs the producer, and the consumer needs it. All
  // that comes later is looked at, because a group reaches back by members that stand early.
  bool is_something_between(const Candidate& producer, const Candidate& consumer) const {
    std::vector<char> seen(computation_.size());
    std::vector<const Instruction*> pending;
    const auto visit_users = [&](const Instruction& x, bool is_producer) {
      for (const Instruction* user : users_.users_of(x)) {
        if (is_producer && (producer.group.members.contains(user) || consumer.group.members.contains(user))) continue;
        if (seen[user->index()] != 0) continue;
        seen[user->index()] = 1;
        pending.push_back(user);
      }
    };
    for (const Instruction* member : producer.group.members) visit_users(*member, true);
    while (!pending.empty()) {
      const Instruction* x = pending.back();
      pending.pop_back();
      if (consumer.group.members.contains(x) || producer.group.members.contains(x)) return true;
      // Reaching one member of a group makes all that it computes wait.
      if (const int other = candidate_of_[x->index()]; other >= 0) {
        for (const Instruction* member : candidates_[static_cast<size_t>(other)].group.members)
          visit_users(*member, false);
      } else {
        visit_users(*x, false);
      }
    }
    return false;
  }

  bool try_merge(int producer_number, int consumer_number) {
    Candidate& producer = candidates_[static_cast<size_t>(producer_number)];
    Candidate& consumer = candidates_[static_cast<size_t>(consumer_number)];
    if (producer.group.members.size() + consumer.group.members.size() > kMaxMembers) return false;
    if (is_something_between(producer, consumer)) return false;
    Candidate merged;
    merged.group.members = producer.group.members;
    merged.group.members.insert(consumer.group.members.begin(), consumer.group.members.end());
    if (!rebuild(merged) || merged.cost > kPriceOfOne * (producer.cost + consumer.cost)) return false;
    for (const Instruction* member : producer.group.members) candidate_of_[member->index()] = consumer_number;
    producer.alive = false;
    consumer = std::move(merged);
    return true;
  }

  // What the group of a sum reads that is as large as what it adds up.
  std::vector<const Instruction*> arrays_summed_by(const Instruction& sum) const {
    const Group& group = candidates_[static_cast<size_t>(candidate_of_[sum.index()])].group;
    const int64_t elements = sum.operand(0)->shape().element_count();
    std::vector<const Instruction*> arrays;
    for (const Instruction* member : group.members) {
      for (const Instruction* operand : member->operands()) {
        const bool is_new = std::find(arrays.begin(), arrays.end(), operand) == arrays.end();
        if (is_new && !computes(group, *operand) && operand->shape().is_array() &&
            operand->shape().element_count() == elements) {
          arrays.push_back(operand);
        }
      }
    }
    std::sort(arrays.begin(), arrays.end(), [](auto* a, auto* b) { return a->index() < b->index(); });
    return arrays;
  }

  // Merges groups of which neither reads the other, or either.
  void try_join(int a, int b) {
    if (a < 0 || b < 0 || a == b) return;
    if (is_something_between(candidates_[static_cast<size_t>(b)], candidates_[static_cast<size_t>(a)])) return;
    try_merge(a, b);
  }

  static bool is_recomputed(const Instruction& x) {
    switch (x.op()) {
      case Op::dynamic_slice:
      case Op::dynamic_update_slice:
      case Op::gather:
      case Op::get_tuple_element:
      case Op::reduce:
      case Op::scatter:
        return false;
      default:
        return true;
    }
  }

  // A value and what it is computed from in its group, down to what others have to read anyway.
  static Members chain_of(const Group& group, const Instruction& value) {
    Members chain;
    std::vector<const Instruction*> pending{&value};
    while (!pending.empty()) {
      const Instruction* x = pending.back();
      pending.pop_back();
      if (!computes(group, *x) || !is_recomputed(*x) || !chain.insert(x).second) continue;
      for (const Instruction* operand : x->operands()) pending.push_back(operand);
    }
    return chain;
  }

  // The groups that read a value; none where something else reads it too.
  std::vector<size_t> readers_of(size_t owner, const Instruction& value) const {
    std::vector<size_t> readers;
    if (&value == computation_.root() || copiers_[value.index()] != 0) return {};
    for (const Instruction* user : users_.users_of(value)) {
      const int reader = candidate_of_[user->index()];
      if (reader < 0 || copiers_[user->index()] != 0) return {};
      const auto number = static_cast<size_t>(reader);
      if (is_view(candidates_[number].group)) return {};
      if (number != owner && std::find(readers.begin(), readers.end(), number) == readers.end()) {
        readers.push_back(number);
      }
    }
    return readers;
  }

  // All readers of a value compute it by themselves, if that makes all of them together faster.
  void try_copy(size_t owner, const Instruction& value) {
    const std::vector<size_t> readers = readers_of(owner, value);
    if (readers.empty() || readers.size() > kMostReaders) return;
    const Members chain = chain_of(candidates_[owner].group, value);
    if (chain.size() > kMostCopied) return;
    std::vector<std::pair<size_t, Candidate>> before{{owner, candidates_[owner]}};
    for (size_t reader : readers) before.emplace_back(reader, candidates_[reader]);
    const std::vector<char> copiers = copiers_;
    if (copy_into(owner, readers, chain)) return;
    copiers_ = copiers;
    for (auto& [number, candidate] : before) {
      for (const Instruction* member : candidate.group.members)
        candidate_of_[member->index()] = static_cast<int>(number);
      candidates_[number] = std::move(candidate);
    }
  }

  // Whether that was worth it.
  bool copy_into(size_t owner, const std::vector<size_t>& readers, const Members& chain) {
    double before = candidates_[owner].cost;
    for (size_t reader : readers) {
      Group& group = candidates_[reader].group;
      before += candidates_[reader].cost;
      for (const Instruction* x : chain) {
        if (group.members.contains(x)) continue;
        group.copies.insert(x);
        copiers_[x->index()] = 1;
      }
      if (group.members.size() + group.copies.size() > kMaxMembers) return false;
    }
    double after = 0;
    if (outputs_of(candidates_[owner].group).empty()) {
      give(owner, readers[0]);
    } else {
      if (!rebuild(candidates_[owner])) return false;
      after += candidates_[owner].cost;
    }
    for (size_t reader : readers) {
      if (!rebuild(candidates_[reader])) return false;
      after += candidates_[reader].cost;
    }
    return after < kWorthCopying * before;
  }

  // What nobody reads from the owner any more is a reader's.
  void give(size_t owner, size_t reader) {
    candidates_[owner].alive = false;
    Group& to = candidates_[reader].group;
    for (const Instruction* member : candidates_[owner].group.members) {
      candidate_of_[member->index()] = static_cast<int>(reader);
      to.members.insert(member);
      to.copies.erase(member);
    }
    to.copies.insert(candidates_[owner].group.copies.begin(), candidates_[owner].group.copies.end());
  }

  const Computation& computation_;
  const Reads& users_;
  std::vector<Candidate> candidates_;
  std::vector<int> candidate_of_;
  std::vector<char> copiers_;  // by instruction: whether any group copies it
};

}  // namespace

Fusion::Fusion(const Computation& computation, const Reads& reads, Merging merging) {
  Fuser fuser(computation, reads);
  if (merging == Merging::where_faster) {
    fuser.run();
    fuser.join_sums();
    fuser.copy_cheap_values();
  }
  groups_ = fuser.take_groups(group_of_);
}

const Group* Fusion::group_of(const Instruction& x) const {
  const int group = group_of_[x.index()];
  return group < 0 ? nullptr : &groups_[static_cast<size_t>(group)];
}

}  // namespace gshard::cpu
