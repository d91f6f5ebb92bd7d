// The parser behind parse_module(): computations, instructions, and the names that tie them together. What stands
// inside of an instruction (shapes, attributes, ...) is read by the functions of read.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ir/module.h"
#include "ops/table.h"
#include "text/intern.h"
#include "text/lexer.h"
#include "text/names.h"

namespace gshard {

class ModuleParser {
 public:
  ModuleParser(std::string_view text, std::string file)
      : lexer_(text, file), module_(std::make_unique<Module>("module")) {
    module_->set_file(std::move(file));
  }

  std::unique_ptr<Module> parse();

 private:
  // A computation while it is read.
  struct Scope {
    std::unique_ptr<Computation> computation;
    NameTable names;
    Instruction* root = nullptr;
    std::vector<Instruction*> parameters;
    // Operands that are not defined are parameters: the text is a lone instruction.
    bool implies_parameters = false;
  };

  // A computation that an attribute names: already known, or to be looked up at the end by its name.
  struct Callee {
    size_t order = 0;  // among the callees of its instruction
    Computation* computation = nullptr;
    std::string_view name;
    size_t position = 0;
  };
  struct PendingCallee {
    Instruction* user;
    size_t slot;
    Callee callee;
  };

  // What is read of one instruction before it is put into its computation.
  struct Draft {
    std::unique_ptr<Instruction> instruction;
    std::string_view keyword;
    size_t position = 0;     // of its name
    size_t op_position = 0;  // of its opcode
    bool has_shape = false;
    Attributes attributes;
    uint64_t seen_fields = 0;
    uint32_t seen_notes = 0;
    std::vector<Callee> callees;
    // The operation that an asynchronous instruction such as `all-to-all-start` stands for.
    std::unique_ptr<Draft> wrapped;
  };

  // ---- computations (parse.cc) ----
  void parse_computations();
  void parse_lone_instructions();
  bool lone_instructions_are_next();
  void parse_computation();
  void parse_signature(Shape& result);
  void check_result(const Scope& scope, const Shape& declared, size_t position);
  Computation* parse_inline_computation();
  void parse_body(Scope& scope, char end);
  Computation* close(Scope& scope, size_t position);
  void check_parameters(const Scope& scope, size_t position);
  std::unique_ptr<Scope> open_scope(std::string name);
  void name_nameless_computations();
  void resolve_pending();
  void name_threads();
  void order_computations();
  void sort_computations();
  void complete_header();

  // ---- instructions (parse_instruction.cc) ----
  bool accept_root();
  void parse_instruction(Scope& scope);
  // What follows `name =`; the name is empty for an operation in place of an operand.
  Instruction* parse_operation(Scope& scope, std::string_view name, size_t position);
  void parse_opcode(Draft& draft, std::string_view name);
  [[noreturn]] void fail_opcode(std::string_view keyword, size_t position);
  void parse_operands(Scope& scope, Draft& draft);
  Instruction* parse_operand(Scope& scope);
  [[noreturn]] void fail_operand(const Scope& scope, std::string_view name, size_t position);
  Instruction* parse_nested(Scope& scope);
  Instruction* imply_parameter(Scope& scope, std::string_view name, const Shape& shape);
  void infer(Draft& draft);
  void normalise(Draft& draft);
  Instruction* finish(Scope& scope, Draft& draft);
  void add_parameter(Scope& scope, const Draft& draft);

  // ---- attributes of instructions (parse_attributes.cc) ----
  bool accept_comma_before_attribute();
  void parse_attributes(Scope& scope, Draft& draft);
  void parse_attribute(Scope& scope, Draft& draft, std::string_view name, size_t position);
  bool parse_note(Scope& scope, Draft& draft, std::string_view name, size_t position);
  bool parse_callee(Draft& draft, std::string_view name);
  bool skip_meaningless(Op op, std::string_view name);
  void check_callees(const Draft& draft);
  Callee read_callee(size_t order);
  void parse_callee_list(Draft& draft, size_t order);
  void parse_control_predecessors(Scope& scope, Draft& draft);
  [[noreturn]] void fail_attribute(const Draft& draft, std::string_view name, size_t position);

  // ---- asynchronous instructions (parse_async.cc) ----
  bool parse_async_opcode(Draft& draft, std::string_view name);
  void wrap(Draft& draft);

  Lexer lexer_;
  bool has_header_ = false;
  std::unique_ptr<Module> module_;
  InternedNotes notes_;
  InternedAttributes attributes_;
  std::unordered_map<std::string_view, Computation*> computations_;
  std::vector<PendingCallee> pending_;
  std::vector<Computation*> nameless_;
  std::vector<std::unique_ptr<Scope>> free_scopes_;
};

}  // namespace gshard
