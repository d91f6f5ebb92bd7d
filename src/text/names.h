// The instructions of one computation by name, while it is read. The names are views into the text.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace gshard {

class Instruction;

// An open hash table. Clearing keeps the memory, since a module has many small computations.
class NameTable {
 public:
  void clear() {
    used_ = 0;
    // Slots of earlier generations count as empty.
    if (++generation_ == 0) slots_.clear(), generation_ = 1;
  }

  Instruction* find(std::string_view name) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[slot_of(name)];
    return slot.generation == generation_ ? slot.instruction : nullptr;
  }

  // Returns false, and changes nothing, where the name is taken.
  bool insert(std::string_view name, Instruction* instruction) {
    if (used_ * 2 >= slots_.size()) grow();
    Slot& slot = slots_[slot_of(name)];
    if (slot.generation == generation_) return false;
    slot = {name, instruction, generation_};
    ++used_;
    return true;
  }

  // Calls `visit(name)` for each name.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.generation == generation_) visit(slot.name);
    }
  }

 private:
  struct Slot {
    std::string_view name;
    Instruction* instruction = nullptr;
    uint32_t generation = 0;
  };

  // The slot of the name, or the empty one where it belongs.
  size_t slot_of(std::string_view name) const {
    const size_t mask = slots_.size() - 1;
    size_t at = std::hash<std::string_view>{}(name)&mask;
    while (slots_[at].generation == generation_ && slots_[at].name != name) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Slot> old = std::move(slots_);
    slots_.assign(old.empty() ? 64 : old.size() * 2, Slot{});
    for (const Slot& slot : old) {
      if (slot.generation == generation_) slots_[slot_of(slot.name)] = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t used_ = 0;
  uint32_t generation_ = 1;
};

}  // namespace gshard
