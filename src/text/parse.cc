#include "text/parse.h"

#include <utility>

#include "text/async.h"
#include "text/module_parser.h"
#include "text/read.h"
#include "text/recognise.h"

namespace gshard {

std::unique_ptr<Module> parse_module(std::string_view text, std::string file) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  refuse_other_formats(text, file);
  return ModuleParser(text, std::move(file)).parse();
}

namespace {

// Reads all of `text` with `read`.
template <class Read>
auto parse_all(std::string_view text, std::string_view what, Read read) {
  Lexer lexer(text, "<text>");
  auto value = read(lexer);
  if (!lexer.at_end()) lexer.fail("unexpected " + lexer.shown_next() + " after the " + std::string(what));
  return value;
}

}  // namespace

Shape parse_shape(std::string_view text) { return parse_all(text, "type", read_shape); }
HloSharding parse_sharding(std::string_view text) { return parse_all(text, "sharding", read_sharding); }
Literal parse_literal(const Shape& shape, std::string_view text) {
  return parse_all(text, "value", [&](Lexer& lexer) { return read_literal(lexer, shape); });
}

std::unique_ptr<Module> ModuleParser::parse() {
  has_header_ = lexer_.next_is("HloModule");
  module_->set_name(read_header(lexer_, module_->mutable_header()));
  read_source_tables(lexer_, module_->mutable_source_tables());
  if (lexer_.at_end()) lexer_.fail("the module has no computations");
  if (lone_instructions_are_next()) {
    parse_lone_instructions();
  } else {
    parse_computations();
  }
  resolve_pending();
  name_threads();
  name_nameless_computations();
  order_computations();
  complete_header();
  return std::move(module_);
}

// ---- computations ---------------------------------------------------------------------------------------------------

void ModuleParser::parse_computations() {
  while (!lexer_.at_end()) parse_computation();
  if (module_->entry() == nullptr) module_->set_entry(module_->computations().back().get());
}

// Text without a computation around it: `%y = f32[] add(f32[] %x, f32[] %x)`.
bool ModuleParser::lone_instructions_are_next() {
  const Lexer::Mark mark = lexer_.mark();
  lexer_.accept_word("ROOT");
  lexer_.accept('%');
  const bool found = !lexer_.word().empty() && lexer_.peek() == '=';
  lexer_.reset(mark);
  return found;
}

void ModuleParser::parse_lone_instructions() {
  const auto scope = open_scope("main");
  scope->implies_parameters = true;
  parse_body(*scope, '\0');
  module_->set_entry(close(*scope, 0));
}

std::unique_ptr<ModuleParser::Scope> ModuleParser::open_scope(std::string name) {
  auto scope = std::make_unique<Scope>();
  if (!free_scopes_.empty()) {
    scope = std::move(free_scopes_.back());
    free_scopes_.pop_back();
    scope->names.clear();
    scope->parameters.clear();
    scope->root = nullptr;
  }
  scope->computation = std::make_unique<Computation>(module_.get(), std::move(name));
  return scope;
}

void ModuleParser::parse_computation() {
  const size_t start = lexer_.next_position();
  const bool is_entry = lexer_.accept_word("ENTRY");
  if (is_entry && module_->entry() != nullptr) lexer_.fail_at(start, "the module has two ENTRY computations");
  const size_t position = lexer_.next_position();
  const std::string_view name = lexer_.name("a computation");
  if (!computations_.emplace(name, nullptr).second) {
    lexer_.fail_at(position, "there are two computations named '" + std::string(name) + "'");
  }
  auto scope = open_scope(std::string(name));
  Shape declared_result;
  const bool has_signature = lexer_.peek() == '(';
  if (has_signature) parse_signature(declared_result);
  if (lexer_.peek() != '{' && !has_header_ && module_->computations().empty()) {
    lexer_.fail_at(start, "this is no HLO text, which begins with 'HloModule NAME'");
  }
  lexer_.expect('{', "before the instructions of computation '" + std::string(name) + "'");
  parse_body(*scope, '}');
  if (has_signature) check_result(*scope, declared_result, position);
  if (lexer_.accept(',')) {
    lexer_.expect("execution_thread", "after the computation");
    lexer_.expect('=', "after execution_thread");
    const std::string thread = lexer_.string("the name of a thread");
    if (thread != "main") scope->computation->set_execution_thread(thread);
  }
  Computation* computation = close(*scope, position);
  computations_[name] = computation;
  if (is_entry) module_->set_entry(computation);
  free_scopes_.push_back(std::move(scope));
}

// (x: f32[4], y: (s32[], f32[2])) -> f32[4]. The parameters say it again with their layouts, so only the result is
// looked at.
void ModuleParser::parse_signature(Shape& result) {
  lexer_.expect('(', "before the parameters");
  if (!lexer_.accept(')')) {
    do {
      lexer_.name("the name of a parameter");
      lexer_.expect(':', "after the name of a parameter");
      read_shape(lexer_);
    } while (lexer_.accept(','));
    lexer_.expect(')', "after the parameters");
  }
  lexer_.expect("->", "before the result's type");
  result = read_shape(lexer_);
}

void ModuleParser::check_result(const Scope& scope, const Shape& declared, size_t position) {
  const Shape& actual = scope.root->shape();
  if (actual == declared) return;
  lexer_.fail_at(position, "computation '" + scope.computation->name() + "' is declared to return " +
                               declared.to_string() + "; its root '" + scope.root->name() + "' is " +
                               actual.to_string());
}

void ModuleParser::parse_body(Scope& scope, char end) {
  while (end == '\0' ? !lexer_.at_end() : !lexer_.accept(end)) {
    if (lexer_.at_end()) lexer_.fail("computation '" + scope.computation->name() + "' has no end: '}' is missing");
    parse_instruction(scope);
  }
  if (scope.computation->size() == 0) {
    lexer_.fail("computation '" + scope.computation->name() + "' has no instructions");
  }
  if (scope.root == nullptr) scope.root = scope.computation->instructions().back().get();
}

// { ... } instead of a computation's name.
Computation* ModuleParser::parse_inline_computation() {
  const Lexer::Nesting nesting(lexer_);
  const size_t position = lexer_.next_position();
  lexer_.accept('{');
  auto scope = open_scope("_");
  parse_body(*scope, '}');
  Computation* computation = close(*scope, position);
  nameless_.push_back(computation);
  free_scopes_.push_back(std::move(scope));
  return computation;
}

Computation* ModuleParser::close(Scope& scope, size_t position) {
  check_parameters(scope, position);
  scope.computation->set_root(scope.root);
  return module_->append(std::move(scope.computation));
}

void ModuleParser::check_parameters(const Scope& scope, size_t position) {
  for (size_t i = 0; i < scope.parameters.size(); ++i) {
    if (scope.parameters[i] != nullptr) continue;
    lexer_.fail_at(position, "computation '" + scope.computation->name() + "' has a parameter " +
                                 std::to_string(scope.parameters.size() - 1) + " and no parameter " +
                                 std::to_string(i));
  }
}

// ---- the module as a whole ------------------------------------------------------------------------------------------

void ModuleParser::resolve_pending() {
  for (const PendingCallee& pending : pending_) {
    const auto found = computations_.find(pending.callee.name);
    if (found == computations_.end()) {
      std::vector<std::string_view> known;
      for (const auto& [name, computation] : computations_) known.push_back(name);
      std::string message = "there is no computation '" + std::string(pending.callee.name) + "'";
      const std::string_view near = nearest(pending.callee.name, known);
      if (!near.empty()) message += "; did you mean '" + std::string(near) + "'?";
      lexer_.fail_at(pending.callee.position, message);
    }
    pending.user->mutable_callees()[pending.slot] = found->second;
  }
}

// What a start calls runs on the thread that it names, whatever the computation says itself.
void ModuleParser::name_threads() {
  for (const auto& computation : module_->computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() != Op::async_start) continue;
      instruction->callees()[0]->set_execution_thread(instruction->attrs<AsyncAttrs>().async_execution_thread);
    }
  }
}

// Computations written in place get names that no other has.
void ModuleParser::name_nameless_computations() {
  size_t number = 0;
  for (Computation* computation : nameless_) {
    std::string name = computation->name();
    const std::string stem = name;
    while (computations_.contains(name)) name = stem + "." + std::to_string(++number);
    computation->set_name(std::move(name));
    computations_.emplace(computation->name(), computation);
  }
}

// The text's own order stays where callees stand before callers in it.
void ModuleParser::order_computations() {
  if (!pending_.empty()) sort_computations();
  const auto in_place = computations_in_place(*module_);
  if (in_place.empty()) return;
  // What is written in place stands before the computation that it is written in, however it was read.
  std::vector<Computation*> order;
  for (const auto& computation : module_->computations()) {
    if (in_place.contains(computation.get())) continue;
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() != Op::async_start || !in_place.contains(instruction->callees()[0])) continue;
      order.push_back(instruction->callees()[0]);
    }
    order.push_back(computation.get());
  }
  module_->reorder(order);
}

void ModuleParser::sort_computations() {
  try {
    module_->sort_computations();
  } catch (const Error& error) {
    if (!error.position()) throw;
    lexer_.fail_at(lexer_.position_of(error.position()->line, error.position()->column), error.what());
  }
}

// XLA derives what the header leaves out.
void ModuleParser::complete_header() {
  ModuleHeader& header = module_->mutable_header();
  const Computation& entry = *module_->entry();
  if (!header.entry_parameter_layouts) {
    auto& layouts = header.entry_parameter_layouts.emplace();
    for (const Instruction* parameter : entry.parameters()) layouts.push_back(parameter->shape());
  }
  if (!header.entry_result_layout) header.entry_result_layout = entry.root()->shape();
}

}  // namespace gshard
