#include "ir/module.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace gshard {

const std::shared_ptr<const Attributes>& Instruction::no_attributes() {
  static const auto* const kNone = new std::shared_ptr<const Attributes>(std::make_shared<const Attributes>());
  return *kNone;
}

void Instruction::set_attributes(Attributes attributes) {
  attributes_ = std::holds_alternative<NoAttrs>(attributes)
                    ? no_attributes()
                    : std::make_shared<const Attributes>(std::move(attributes));
}

// ---- Computation ------------------------------------------------------------------------------------------------

Instruction* Computation::append(std::unique_ptr<Instruction> instruction) {
  Instruction* added = instruction.get();
  added->parent_ = this;
  added->index_ = static_cast<uint32_t>(instructions_.size());
  instructions_.push_back(std::move(instruction));
  if (added->op() == Op::parameter) {
    const auto number = static_cast<size_t>(added->attrs<ParameterAttrs>().number);
    if (parameters_.size() <= number) parameters_.resize(number + 1, nullptr);
    parameters_[number] = added;
  }
  return added;
}

Instruction* Computation::add(Op op, Shape shape, std::span<Instruction* const> operands, Attributes attributes,
                              std::string_view name_hint) {
  // Numbers count up through the whole computation, so a hint with a number appended is unique unless the text
  // already used it; the counter starts beyond every number that the text used.
  if (next_name_ == 0) {
    for (const auto& existing : instructions_) {
      const size_t dot = existing->name().rfind('.');
      if (dot == std::string::npos) continue;
      uint64_t number = 0;
      for (size_t i = dot + 1; i < existing->name().size() && number < (uint64_t{1} << 40); ++i) {
        const char c = existing->name()[i];
        if (c < '0' || c > '9') break;
        number = number * 10 + static_cast<uint64_t>(c - '0');
      }
      next_name_ = std::max(next_name_, number);
    }
    ++next_name_;
  }
  std::string name(name_hint.empty() ? keyword_of(op) : name_hint);
  // A hint that is a name with a number gets a new number, not a second one.
  if (const size_t dot = name.rfind('.'); dot != std::string::npos && dot + 1 < name.size() &&
                                          std::all_of(name.begin() + static_cast<std::ptrdiff_t>(dot) + 1, name.end(),
                                                      [](char c) { return c >= '0' && c <= '9'; })) {
    name.resize(dot);
  }
  name += "." + std::to_string(next_name_++);
  auto instruction = std::make_unique<Instruction>(op, std::move(shape), std::move(name));
  instruction->operands_.assign(operands.begin(), operands.end());
  instruction->set_attributes(std::move(attributes));
  return append(std::move(instruction));
}

void Computation::remove_if(const std::function<bool(const Instruction&)>& dead) {
  std::erase_if(instructions_, [&](const std::unique_ptr<Instruction>& i) { return dead(*i); });
  renumber();
}

void Computation::renumber() {
  parameters_.clear();
  for (size_t i = 0; i < instructions_.size(); ++i) {
    Instruction& instruction = *instructions_[i];
    instruction.index_ = static_cast<uint32_t>(i);
    instruction.parent_ = this;
    if (instruction.op() != Op::parameter) continue;
    const auto number = static_cast<size_t>(instruction.attrs<ParameterAttrs>().number);
    if (parameters_.size() <= number) parameters_.resize(number + 1, nullptr);
    parameters_[number] = &instruction;
  }
}

void Computation::sort_topologically() {
  renumber();
  enum class State : uint8_t { unseen, open, done };
  std::vector<State> state(instructions_.size(), State::unseen);
  std::vector<size_t> order;
  order.reserve(instructions_.size());
  // Depth first without recursion: each entry is an instruction and how many of its predecessors were looked at.
  std::vector<std::pair<Instruction*, size_t>> stack;
  const auto predecessor = [](const Instruction& i, size_t at) -> Instruction* {
    if (at < i.operand_count()) return i.operand(at);
    at -= i.operand_count();
    return at < i.control_predecessors().size() ? i.control_predecessors()[at] : nullptr;
  };
  for (const auto& start : instructions_) {
    if (state[start->index()] != State::unseen) continue;
    stack.emplace_back(start.get(), 0);
    state[start->index()] = State::open;
    while (!stack.empty()) {
      auto& [instruction, next] = stack.back();
      Instruction* before = predecessor(*instruction, next);
      if (before == nullptr) {
        state[instruction->index()] = State::done;
        order.push_back(instruction->index());
        stack.pop_back();
        continue;
      }
      ++next;
      GSHARD_CHECK(before->parent() == this, before->name());
      if (state[before->index()] == State::open) {
        throw Error::program("instruction %" + before->name() + " depends on itself");
      }
      if (state[before->index()] == State::unseen) {
        state[before->index()] = State::open;
        stack.emplace_back(before, 0);
      }
    }
  }
  reorder(order);
}

void Computation::reorder(std::span<const size_t> order) {
  GSHARD_CHECK(order.size() == instructions_.size(), name_);
  std::vector<std::unique_ptr<Instruction>> ordered;
  ordered.reserve(order.size());
  for (size_t i : order) ordered.push_back(std::move(instructions_[i]));
  instructions_ = std::move(ordered);
  renumber();
}

void Computation::replace_uses(const Instruction* old, Instruction* replacement) {
  for (const auto& instruction : instructions_) {
    std::replace(instruction->operands_.begin(), instruction->operands_.end(), const_cast<Instruction*>(old),
                 replacement);
    std::replace(instruction->control_predecessors_.begin(), instruction->control_predecessors_.end(),
                 const_cast<Instruction*>(old), replacement);
  }
  if (root_ == old) root_ = replacement;
}

UserTable::UserTable(const Computation& computation) : starts_(computation.size() + 2, 0) {
  for (const auto& user : computation.instructions()) {
    for (const Instruction* operand : user->operands()) ++starts_[operand->index() + 2];
  }
  for (size_t i = 2; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  users_.resize(starts_.back());
  for (const auto& user : computation.instructions()) {
    for (const Instruction* operand : user->operands()) users_[starts_[operand->index() + 1]++] = user.get();
  }
}

// ---- Module -----------------------------------------------------------------------------------------------------

Computation* Module::add_computation(std::string_view name_hint) {
  std::string name(name_hint);
  for (size_t n = 1; find(name) != nullptr; ++n) name = std::string(name_hint) + ".clone." + std::to_string(n);
  computations_.push_back(std::make_unique<Computation>(this, std::move(name)));
  return computations_.back().get();
}

Computation* Module::find(std::string_view name) const {
  for (const auto& computation : computations_) {
    if (computation->name() == name) return computation.get();
  }
  return nullptr;
}

namespace {

// Walks the call graph depth first, without recursion of its own, and lists callees before callers.
class CallOrder {
 public:
  void visit(Computation* start) {
    if (done_.contains(start)) return;
    open(start);
    while (!stack_.empty()) {
      Visit& visit = stack_.back();
      if (visit.next == visit.callees.size()) {
        close();
        continue;
      }
      const auto [caller, callee] = visit.callees[visit.next++];
      if (open_.contains(callee)) {
        throw Error::program("computation %" + callee->name() + " calls itself")
            .at({callee->parent()->file(), caller->text_line(), caller->text_column(), ""});
      }
      if (!done_.contains(callee)) open(callee);
    }
  }
  const std::vector<Computation*>& order() const { return order_; }

 private:
  struct Visit {
    Computation* computation;
    std::vector<std::pair<const Instruction*, Computation*>> callees;
    size_t next = 0;
  };

  void open(Computation* computation) {
    open_.insert(computation);
    Visit visit{computation, {}};
    for (const auto& instruction : computation->instructions()) {
      if (!instruction->callees().empty()) append_callees(*instruction, visit);
    }
    stack_.push_back(std::move(visit));
  }
  // In XLA's order, in which the text stands: the body of a loop before its condition, and of a branch that is named
  // several times the last one.
  static void append_callees(const Instruction& instruction, Visit& visit) {
    Instruction::Callees callees = instruction.callees();
    if (instruction.op() == Op::while_) std::reverse(callees.begin(), callees.end());
    const auto first = static_cast<std::ptrdiff_t>(visit.callees.size());
    std::unordered_set<const Computation*> seen;
    for (size_t i = callees.size(); i-- > 0;) {
      const bool is_new = callees.size() == 1 || seen.insert(callees[i]).second;
      if (is_new) visit.callees.emplace_back(&instruction, callees[i]);
    }
    std::reverse(visit.callees.begin() + first, visit.callees.end());
  }
  void close() {
    Computation* computation = stack_.back().computation;
    open_.erase(computation);
    done_.insert(computation);
    order_.push_back(computation);
    stack_.pop_back();
  }

  std::vector<Visit> stack_;
  std::unordered_set<const Computation*> open_;
  std::unordered_set<const Computation*> done_;
  std::vector<Computation*> order_;
};

bool callees_stand_first(const Module& module) {
  std::unordered_set<const Computation*> before;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      for (const Computation* callee : instruction->callees()) {
        if (!before.contains(callee)) return false;
      }
    }
    before.insert(computation.get());
  }
  return true;
}

}  // namespace

Computation* Module::append(std::unique_ptr<Computation> computation) {
  computations_.push_back(std::move(computation));
  return computations_.back().get();
}

void Module::sort_computations() {
  if (callees_stand_first(*this)) return;
  std::unordered_set<const Computation*> called;
  for (const auto& computation : computations_) {
    for (const auto& instruction : computation->instructions()) {
      called.insert(instruction->callees().begin(), instruction->callees().end());
    }
  }
  CallOrder calls;
  for (const auto& computation : computations_) {
    if (!called.contains(computation.get())) calls.visit(computation.get());
  }
  // What is left is called, but by nothing that is not: these are circles.
  for (const auto& computation : computations_) calls.visit(computation.get());
  reorder(calls.order());
}

void Module::sort_and_prune_computations() {
  CallOrder calls;
  calls.visit(entry_);
  reorder(calls.order());
}

void Module::reorder(const std::vector<Computation*>& order) {
  std::unordered_map<const Computation*, std::unique_ptr<Computation>> owned;
  for (auto& computation : computations_) owned.emplace(computation.get(), std::move(computation));
  computations_.clear();
  for (const Computation* computation : order) computations_.push_back(std::move(owned[computation]));
}

size_t Module::instruction_count() const {
  size_t count = 0;
  for (const auto& computation : computations_) count += computation->size();
  return count;
}

std::unique_ptr<Module> Module::clone() const {
  auto copy = std::make_unique<Module>(name_);
  copy->file_ = file_;
  copy->header_ = header_;
  copy->source_tables_ = source_tables_;
  std::unordered_map<const Computation*, Computation*> computation_of;
  for (const auto& computation : computations_) {
    copy->computations_.push_back(std::make_unique<Computation>(copy.get(), computation->name()));
    computation_of[computation.get()] = copy->computations_.back().get();
  }
  for (const auto& computation : computations_) {
    Computation* into = computation_of[computation.get()];
    into->execution_thread_ = computation->execution_thread_;
    into->next_name_ = computation->next_name_;
    for (const auto& from : computation->instructions()) {
      auto to = std::make_unique<Instruction>(from->op(), from->shape(), from->name());
      for (const Instruction* operand : from->operands()) to->mutable_operands().push_back(into->at(operand->index()));
      for (const Instruction* before : from->control_predecessors()) {
        to->mutable_control_predecessors().push_back(into->at(before->index()));
      }
      for (const Computation* callee : from->callees()) to->mutable_callees().push_back(computation_of.at(callee));
      to->set_attributes(from->shared_attributes());
      to->mutable_notes() = from->notes();
      to->set_text_position(from->text_line(), from->text_column());
      into->append(std::move(to));
    }
    if (computation->root() != nullptr) into->root_ = into->at(computation->root()->index());
  }
  if (entry_ != nullptr) copy->entry_ = computation_of[entry_];
  return copy;
}

Instruction* clone_body(const Computation& from, std::span<Instruction* const> arguments, Computation& into) {
  std::vector<Instruction*> copy_of(from.size());
  for (const auto& original : from.instructions()) {
    if (original->op() == Op::parameter) {
      copy_of[original->index()] = arguments[static_cast<size_t>(original->attrs<ParameterAttrs>().number)];
      continue;
    }
    Instruction::Operands operands;
    for (const Instruction* operand : original->operands()) operands.push_back(copy_of[operand->index()]);
    Instruction* copy =
        into.add(original->op(), original->shape(), {operands.data(), operands.size()}, NoAttrs{}, original->name());
    copy->set_attributes(original->shared_attributes());
    copy->mutable_callees() = original->callees();
    for (const Instruction* before : original->control_predecessors()) {
      copy->mutable_control_predecessors().push_back(copy_of[before->index()]);
    }
    copy->mutable_notes() = original->notes();
    copy->set_text_position(original->text_line(), original->text_column());
    copy_of[original->index()] = copy;
  }
  return copy_of[from.root()->index()];
}

std::string model_source_of(const Instruction& instruction) {
  const auto& metadata = instruction.notes().metadata;
  if (metadata == nullptr) return "";
  if (!metadata->source_file.empty()) {
    return metadata->source_file + ":" + std::to_string(metadata->source_line);
  }
  const SourceTables& tables = instruction.parent()->parent()->source_tables();
  const auto row = [](const auto& table, int64_t id) {
    return id >= 1 && id <= static_cast<int64_t>(table.size()) ? &table[static_cast<size_t>(id - 1)] : nullptr;
  };
  const auto* frame = row(tables.frames, metadata->stack_frame_id);
  const auto* location = frame != nullptr ? row(tables.locations, frame->location) : nullptr;
  const auto* file = location != nullptr ? row(tables.files, location->file) : nullptr;
  return file != nullptr ? *file + ":" + std::to_string(location->line) : "";
}

}  // namespace gshard
