// A program: computations of instructions, one of them the entry, and what the header of the text says.
//
//   HloModule double, entry_computation_layout={(f32[4]{0})->f32[4]{0}}
//
//   ENTRY %main (x: f32[4]) -> f32[4] {
//     %x = f32[4]{0} parameter(0)
//     ROOT %sum = f32[4]{0} add(%x, %x)
//   }
//
// A module owns its computations, a computation owns its instructions. Instructions stand in an order in which
// operands come before users, computations in an order in which callees come before callers. Not thread-safe while
// it is changed; reading from several threads is fine.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/instruction.h"

namespace gshard {

class Module;

class Computation {
 public:
  Computation(Module* parent, std::string name) : parent_(parent), name_(std::move(name)) {}
  Computation(const Computation&) = delete;
  Computation& operator=(const Computation&) = delete;

  Module* parent() const { return parent_; }
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  const std::vector<std::unique_ptr<Instruction>>& instructions() const { return instructions_; }
  size_t size() const { return instructions_.size(); }
  Instruction* at(size_t index) const { return instructions_[index].get(); }
  Instruction* root() const { return root_; }
  void set_root(Instruction* root) { root_ = root; }

  // The parameters by their numbers; a null where a number is missing.
  const std::vector<Instruction*>& parameters() const { return parameters_; }
  Instruction* parameter(size_t number) const { return parameters_[number]; }

  // Appends at the end. A parameter instruction needs its ParameterAttrs set before.
  Instruction* append(std::unique_ptr<Instruction> instruction);
  // Appends a new instruction; its name is made unique in this computation ("add" becomes "add.7").
  Instruction* add(Op op, Shape shape, std::span<Instruction* const> operands, Attributes attributes = NoAttrs{},
                   std::string_view name_hint = {});

  // Removes the instructions for which `dead` holds (which no live instruction may use), renumbers the rest.
  void remove_if(const std::function<bool(const Instruction&)>& dead);
  // Puts the instructions into an order in which operands and control predecessors come before users, keeping the
  // present order where it can. Throws Error(program) on a cycle.
  void sort_topologically();
  // Puts the instructions into this order, a permutation of their indices in which operands come before users.
  void reorder(std::span<const size_t> order);
  // Replaces `old` as an operand, control predecessor and root everywhere in this computation. O(size).
  void replace_uses(const Instruction* old, Instruction* replacement);
  // Recomputes indices and parameters() after instructions were changed from outside.
  void renumber();

  // The thread that runs it, "" for main: `}, execution_thread="..."`.
  const std::string& execution_thread() const { return execution_thread_; }
  void set_execution_thread(std::string name) { execution_thread_ = std::move(name); }

 private:
  friend class Module;

  Module* parent_;
  std::string name_;
  std::vector<std::unique_ptr<Instruction>> instructions_;
  std::vector<Instruction*> parameters_;
  Instruction* root_ = nullptr;
  std::string execution_thread_;
  uint64_t next_name_ = 0;
};

// The users of every instruction of one computation, as a table made once: users_of(x) lists each user once per
// use, in program order.
class UserTable {
 public:
  explicit UserTable(const Computation& computation);
  std::span<Instruction* const> users_of(const Instruction& instruction) const {
    const size_t first = starts_[instruction.index()];
    return std::span(users_).subspan(first, starts_[instruction.index() + 1] - first);
  }

 private:
  std::vector<uint32_t> starts_;
  std::vector<Instruction*> users_;
};

// A position in a nested tuple: {} the whole, {1,0} the first part of the second part.
using TupleIndex = std::vector<int64_t>;

// One entry of input_output_alias={ {1}: (0, {}, may-alias) }.
struct InputOutputAlias {
  TupleIndex output;
  int64_t parameter = 0;
  TupleIndex parameter_index;
  bool must = false;
  bool operator==(const InputOutputAlias&) const = default;
};

// One entry of buffer_donor={ (0, {}) }.
struct BufferDonor {
  int64_t parameter = 0;
  TupleIndex parameter_index;
  bool operator==(const BufferDonor&) const = default;
};

// The FileNames, FunctionNames, FileLocations and StackFrames tables. Ids are 1-based, as in the text; an entry of
// the vectors at i is the row with id i + 1.
struct SourceTables {
  struct Location {
    int64_t file = 0;
    int64_t function = 0;
    int64_t line = 0;
    int64_t end_line = 0;
    int64_t column = 0;
    int64_t end_column = 0;
    bool operator==(const Location&) const = default;
  };
  struct Frame {
    int64_t location = 0;
    int64_t parent = 0;  // id of the calling frame; 0 for none
    bool operator==(const Frame&) const = default;
  };
  std::vector<std::string> files;
  std::vector<std::string> functions;
  std::vector<Location> locations;
  std::vector<Frame> frames;
  bool empty() const { return files.empty() && functions.empty() && locations.empty() && frames.empty(); }
  bool operator==(const SourceTables&) const = default;
};

struct ModuleHeader {
  bool is_scheduled = false;
  std::vector<InputOutputAlias> input_output_alias;
  std::vector<BufferDonor> buffer_donor;
  // entry_computation_layout={(params)->result}; absent where the text gave none.
  std::optional<std::vector<Shape>> entry_parameter_layouts;
  std::optional<Shape> entry_result_layout;
  std::vector<bool> allow_spmd_sharding_propagation_to_parameters;
  std::vector<bool> allow_spmd_sharding_propagation_to_output;
  int64_t replica_count = 1;
  int64_t num_partitions = 1;
  FrontendAttributes frontend_attributes;
  // Other `name=value` pairs of the header, as written.
  std::vector<std::pair<std::string, std::string>> others;
};

class Module {
 public:
  explicit Module(std::string name) : name_(std::move(name)) {}
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  const std::vector<std::unique_ptr<Computation>>& computations() const { return computations_; }
  Computation* entry() const { return entry_; }
  void set_entry(Computation* entry) { entry_ = entry; }
  // Appends an empty computation; the name is made unique in the module.
  Computation* add_computation(std::string_view name_hint);
  // Appends a computation made before, whose name the caller knows to be unique in the module.
  Computation* append(std::unique_ptr<Computation> computation);
  // Puts the computations into another order, in which each stands once.
  void reorder(const std::vector<Computation*>& order);
  // Null where there is none of that name.
  Computation* find(std::string_view name) const;
  // Puts callees before callers: the order stays where that is so already, else it is the one in which the computations
  // that nobody calls reach them. Throws Error(program) where a computation calls itself.
  void sort_computations();
  // The same for the computations that the entry reaches; removes all others.
  void sort_and_prune_computations();

  const ModuleHeader& header() const { return header_; }
  ModuleHeader& mutable_header() { return header_; }
  const SourceTables& source_tables() const { return source_tables_; }
  SourceTables& mutable_source_tables() { return source_tables_; }
  // The file that the module was read from, for messages; may be empty.
  const std::string& file() const { return file_; }
  void set_file(std::string file) { file_ = std::move(file); }

  size_t instruction_count() const;
  std::unique_ptr<Module> clone() const;

 private:
  std::string name_;
  std::string file_;
  std::vector<std::unique_ptr<Computation>> computations_;
  Computation* entry_ = nullptr;
  ModuleHeader header_;
  SourceTables source_tables_;
};

// Copies `from`'s instructions to the end of `into`, replacing its parameters by `arguments`; returns what became of
// its root. Callees are kept as they are (`into` may be in the same module only). Names are made unique.
Instruction* clone_body(const Computation& from, std::span<Instruction* const> arguments, Computation& into);

// "model.py:42" of the innermost frame (or source_file:source_line) that the metadata names; "" where unknown.
std::string model_source_of(const Instruction& instruction);

// Whether two modules are equal in everything but the names of instructions and computations: header, tables,
// computations in order, instructions in order with op, shape, layout, operands, attributes and notes.
// Returns "" or the first difference in words.
std::string first_difference(const Module& a, const Module& b);

}  // namespace gshard
