// What turns a module into steps, shared by the files lower*.cc.
//
// A Scope lowers one computation, once per place that it is called from; the Lowering holds what all scopes share: the
// program so far, the time, and what stands in which buffer.
#pragma once

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backend/cpu/program.h"

namespace gshard::cpu {

struct LeafHash {
  size_t operator()(const Leaf& leaf) const {
    return std::hash<const void*>()(leaf.value) ^ (leaf.part * size_t{0x9e3779b97f4a7c15});
  }
};
template <class T>
using LeafMap = std::unordered_map<Leaf, T, LeafHash>;

inline size_t leaf_count(const Shape& shape) { return shape.is_tuple() ? static_cast<size_t>(shape.leaf_count()) : 1; }

// Whether an op starts a collective whose results come with its -done form.
bool is_start(Op op);

class Lowering;

// Leaf by leaf of a loop's state: whether every round passes it on as it is.
std::vector<char> unchanged_state(const Instruction& loop);

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
  Leaf resolve(Leaf leaf) const;
  bool is_seen_through(const Instruction& x) const;
  bool is_only_a_name(const Instruction& x) const;
  void count_uses();
  template <class F>
  void for_each_input(const Instruction& x, F&& f) const;
  template <class F>
  void for_each_input(const Group& group, F&& f) const;

  void lower(const Instruction& x);
  void lower_node(const Instruction& x);
  void lower_group(const Group& group);
  void lower_dot(const DotPlan& plan);
  void lower_convolution(const Instruction& x, const ConvolutionSpec& spec);
  void lower_while(const Instruction& x);
  void lower_conditional(const Instruction& x);
  void lower_constant(const Instruction& x);
  void lower_routine(const Instruction& x);
  void lower_by_evaluator(const Instruction& x);
  Wanted wanted_of(const Instruction& x) const;
  std::vector<Buffer> operands_of(const Instruction& x);
  std::vector<Buffer> results_of(const Instruction& x);
  void lower_between_devices(const Instruction& x);
  void lower_collective(const Instruction& x);
  void lower_collective_done(const Instruction& x);
  void lower_device_id(const Instruction& x);
  bool is_awaited_later(const Instruction& start) const;
  void hold_operands(const Instruction& start, const std::vector<Buffer>& operands);

  void release(const Leaf& leaf);
  bool is_free(Buffer buffer, const std::vector<Leaf>& dying) const;
  Buffer output_for(const Leaf& leaf, const std::vector<Leaf>& reusable);
  Buffer updated(const Leaf& output, const Leaf& before, bool may_reuse);
  template <class T, class... Args>
  void add(Args&&... args);
  void touch(Buffer buffer);
  void copy(Buffer from, Buffer to);
  void check_fresh();
  std::vector<Leaf> reusable_inputs(const Group& group, size_t argument) const;

  Lowering& lowering_;
  const Computation& computation_;
  Reads reads_;
  const Fusion* fusion_;
  LeafMap<Buffer> bound_;
  LeafMap<int> uses_;
  LeafMap<Buffer> wanted_;
  std::vector<char> lowered_;
  std::vector<Leaf> fresh_;  // bound and not yet looked at for NaN
  Steps steps_;
};

class Lowering {
 public:
  explicit Lowering(NanChecks checks) : checks_(checks) {}
  Program lower(const Module& module, const DeviceGrid& grid);
  bool checks_nans() const { return checks_ == NanChecks::on; }
  // Of an instruction, among the collectives of the program.
  size_t channel_of(const Instruction& collective);

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
  const std::vector<char>& unchanged_state_of(const Instruction& loop) {
    auto& unchanged = unchanged_[&loop];
    if (unchanged.empty()) unchanged = unchanged_state(loop);
    return unchanged;
  }
  const Fusion* fusion_of(const Computation& computation, const Reads& reads) {
    auto& fusion = fusions_[&computation];
    if (fusion == nullptr) {
      program.fusions.push_back(std::make_unique<Fusion>(
          computation, reads, checks_nans() ? Fusion::Merging::never : Fusion::Merging::where_faster));
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
  const NanChecks checks_;
  void bind_arguments(const Module& module, Scope& scope);
  void bind_results(const Module& module, Scope& scope);

  std::unordered_map<const Computation*, const Fusion*> fusions_;
  std::unordered_map<const Instruction*, size_t> channels_;
  std::unordered_map<const Instruction*, std::vector<char>> unchanged_;
};

template <class F>
void Scope::for_each_input(const Group& group, F&& f) const {
  for (const Argument& argument : group.kernel.arguments) {
    if (!argument.written) f(resolve(argument.leaf));
    if (argument.before.value != nullptr) f(resolve(argument.before));
  }
}

template <class F>
void Scope::for_each_input(const Instruction& x, F&& f) const {
  for (const Instruction* operand : reads_.read_by(x)) {
    for (size_t part = 0; part < leaf_count(operand->shape()); ++part) f(resolve({operand, part}));
  }
}

template <class T, class... Args>
void Scope::add(Args&&... args) {
  steps_.push_back(std::make_unique<T>(std::forward<Args>(args)...));
}

}  // namespace gshard::cpu
