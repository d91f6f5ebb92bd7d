// Where values stand: results are computed where they are wanted, or over operands that die.
#include <algorithm>

#include "backend/cpu/lowering.h"
#include "backend/cpu/schedule_kernel.h"

namespace gshard::cpu {

// ---- buffers ------------------------------------------------------------------------------------------------------

void Scope::bind(const Leaf& leaf, Buffer buffer) {
  bound_[leaf] = buffer;
  if (lowering_.checks_nans() && buffer >= 0) fresh_.push_back(leaf);
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

void Scope::copy(Buffer from, Buffer to) { lowering_.copy(from, to, steps_); }

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
  const auto bytes_of_element = [&](size_t a) { return bytes_of(kernel.arguments[a].type); };
  // A sum that grows from row to row is written while other rows still read.
  const bool grows = (kernel.added_over & ~store->index.loops()) != 0;
  std::vector<char> is_safe(kernel.arguments.size(), 1);
  for (auto at = kernel.stages.begin(); at != kernel.stages.end(); ++at) {
    for (int n : nodes_of(kernel, *at)) {
      const Node& node = kernel.nodes[static_cast<size_t>(n)];
      if (node.kind != Node::Kind::load) continue;
      const auto read = static_cast<size_t>(node.argument);
      const bool is_same_place = node.index == store->index && bytes_of_element(read) == bytes_of_element(argument);
      if (at > stage || grows || node.guard >= 0 || !is_same_place) is_safe[read] = 0;
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

}  // namespace gshard::cpu
