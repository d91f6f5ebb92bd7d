// The instructions of a module by the names of their computations and their own.
#pragma once

#include <string>
#include <unordered_map>

#include "ir/module.h"

namespace gshard {

class InstructionNames {
 public:
  explicit InstructionNames(const Module& module) {
    for (const auto& computation : module.computations()) {
      for (const auto& i : computation->instructions()) found_[computation->name()][i->name()] = i.get();
    }
  }
  // Null where there is none.
  const Instruction* find(const std::string& computation, const std::string& name) const {
    const auto names = found_.find(computation);
    if (names == found_.end()) return nullptr;
    const auto instruction = names->second.find(name);
    return instruction == names->second.end() ? nullptr : instruction->second;
  }

 private:
  std::unordered_map<std::string, std::unordered_map<std::string, const Instruction*>> found_;
};

}  // namespace gshard
