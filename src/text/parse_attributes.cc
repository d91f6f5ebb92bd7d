// The attributes after an instruction's operands: those of its op, the computations that it calls, and its notes.
#include <algorithm>
#include <array>

#include "text/module_parser.h"
#include "text/quote.h"
#include "text/read.h"

namespace gshard {
namespace {

enum Note : uint32_t {
  kSharding,
  kMetadata,
  kFrontendAttributes,
  kBackendConfig,
  kControlPredecessors,
  kStatistics,
  kOrigin,
};

constexpr std::array<std::pair<std::string_view, Note>, 7> kNotes = {{{"metadata", kMetadata},
                                                                      {"sharding", kSharding},
                                                                      {"frontend_attributes", kFrontendAttributes},
                                                                      {"backend_config", kBackendConfig},
                                                                      {"control-predecessors", kControlPredecessors},
                                                                      {"statistics", kStatistics},
                                                                      {"origin", kOrigin}}};

// A row's callee keyword without its mark, and the mark: '\0' for one, '?' for at most one, '*' for a list.
struct CalleeKeyword {
  std::string_view word;
  char mark;
};

CalleeKeyword next_keyword(std::string_view& rest) {
  const size_t end = std::min(rest.find(' '), rest.size());
  std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  const char last = word.back();
  if (last != '?' && last != '*') return {word, '\0'};
  word.remove_suffix(1);
  return {word, last};
}

}  // namespace

void ModuleParser::check_callees(const Draft& draft) {
  const Instruction& instruction = *draft.instruction;
  std::string_view rest = row_of(instruction.op()).callees;
  for (size_t order = 0; !rest.empty(); ++order) {
    const CalleeKeyword keyword = next_keyword(rest);
    const auto count = std::count_if(draft.callees.begin(), draft.callees.end(),
                                     [&](const Callee& callee) { return callee.order == order; });
    if (keyword.mark == '*') return;
    if (count > 1) lexer_.fail_at(draft.op_position, "the attribute '" + std::string(keyword.word) + "' stands twice");
    if (count == 0 && keyword.mark == '\0') {
      lexer_.fail_at(draft.op_position, "the attribute '" + std::string(keyword.word) + "' is missing");
    }
  }
}

namespace {

// Reads braces with `read` once per different text.
template <class Value, class Read>
std::shared_ptr<const Value> read_interned(Lexer& lexer, InternedText<Value>& interned, std::string_view what,
                                           Read read) {
  const Lexer::Mark start = (lexer.next_position(), lexer.mark());
  const std::string_view text = lexer.braces(what);
  const Lexer::Mark end = lexer.mark();
  return interned.get(text, [&] {
    lexer.reset(start);
    Value value = read(lexer);
    lexer.reset(end);
    return value;
  });
}

// A string with quotes or braces, as written; JSON that was quoted loses its quotes, as XLA prints it.
std::string read_backend_config(Lexer& lexer) {
  if (lexer.peek() == '{') return std::string(lexer.braces("backend_config"));
  return quote_unless_json(lexer.string("backend_config"));
}

}  // namespace

// After an operation in place of an operand, a comma may also stand before the next operand.
bool ModuleParser::accept_comma_before_attribute() {
  const Lexer::Mark mark = lexer_.mark();
  if (lexer_.accept(',') && !lexer_.word().empty() && lexer_.peek() == '=') {
    lexer_.reset(mark);
    return lexer_.accept(',');
  }
  lexer_.reset(mark);
  return false;
}

void ModuleParser::parse_attributes(Scope& scope, Draft& draft) {
  const bool is_operand = draft.instruction->name().empty();
  while (is_operand ? accept_comma_before_attribute() : lexer_.accept(',')) {
    const size_t position = lexer_.next_position();
    const std::string_view name = lexer_.expect_word("an attribute");
    lexer_.expect('=', "after the attribute '" + std::string(name) + "'");
    parse_attribute(scope, draft, name, position);
  }
}

void ModuleParser::parse_attribute(Scope& scope, Draft& draft, std::string_view name, size_t position) {
  if (parse_note(scope, draft, name, position)) return;
  if (read_attribute(lexer_, name, draft.attributes, draft.seen_fields)) return;
  // The callee of an asynchronous operation written short is made, not named.
  Draft& inner = draft.wrapped != nullptr ? *draft.wrapped : draft;
  if (read_attribute(lexer_, name, inner.attributes, inner.seen_fields)) return;
  if (parse_callee(inner, name) || skip_meaningless(draft.instruction->op(), name)) return;
  fail_attribute(draft, name, position);
}

// Attributes that XLA reads and that say nothing which the others do not say: the mode of a collective follows from
// channel_id and use_global_device_ids, the dimension that a reshape inferred is in its type, and async_group_id is of
// older versions.
bool ModuleParser::skip_meaningless(Op op, std::string_view name) {
  const bool is_async = op == Op::async_start || op == Op::async_update || op == Op::async_done;
  const bool is_known = (name == "mode" && has(row_of(op).traits, Traits::collective)) ||
                        (name == "inferred_dimension" && op == Op::reshape) || (name == "async_group_id" && is_async);
  if (is_known) lexer_.expect_word("a value");
  return is_known;
}

bool ModuleParser::parse_note(Scope& scope, Draft& draft, std::string_view name, size_t position) {
  const auto* const found = std::find_if(kNotes.begin(), kNotes.end(), [&](const auto& n) { return n.first == name; });
  if (found == kNotes.end()) return false;
  const uint32_t bit = 1U << found->second;
  if ((draft.seen_notes & bit) != 0) lexer_.fail_at(position, "the attribute '" + std::string(name) + "' stands twice");
  draft.seen_notes |= bit;
  Notes& notes = draft.instruction->mutable_notes();
  const auto keep_braces = [&](Lexer& lexer) { return lexer.tidy_braces(name); };
  switch (found->second) {
    case kMetadata:
      notes.metadata = read_interned(lexer_, notes_.metadata, name, read_metadata);
      if (*notes.metadata == Metadata()) notes.metadata = nullptr;
      break;
    case kSharding:
      notes.sharding = read_interned(lexer_, notes_.shardings, name, read_sharding);
      break;
    case kFrontendAttributes:
      notes.frontend_attributes = read_interned(lexer_, notes_.frontend_attributes, name, read_frontend_attributes);
      if (notes.frontend_attributes->empty()) notes.frontend_attributes = nullptr;
      break;
    case kBackendConfig:
      notes.backend_config = std::make_shared<const std::string>(read_backend_config(lexer_));
      break;
    case kControlPredecessors:
      parse_control_predecessors(scope, draft);
      break;
    case kStatistics:
      notes.statistics = read_interned(lexer_, notes_.texts, name, keep_braces);
      break;
    case kOrigin:
      notes.origin = read_interned(lexer_, notes_.texts, name, keep_braces);
      break;
  }
  return true;
}

void ModuleParser::parse_control_predecessors(Scope& scope, Draft& draft) {
  lexer_.expect('{', "before the control predecessors");
  if (lexer_.accept('}')) return;
  do {
    lexer_.accept('%');
    const size_t position = lexer_.next_position();
    const std::string_view name = lexer_.expect_word("a control predecessor");
    Instruction* before = scope.names.find(name);
    if (before == nullptr) fail_operand(scope, name, position);
    draft.instruction->mutable_control_predecessors().push_back(before);
  } while (lexer_.accept(','));
  lexer_.expect('}', "after the control predecessors");
}

// ---- called computations --------------------------------------------------------------------------------------------

bool ModuleParser::parse_callee(Draft& draft, std::string_view name) {
  std::string_view rest = row_of(draft.instruction->op()).callees;
  // A custom call may name its only computation so.
  if (draft.instruction->op() == Op::custom_call && name == "to_apply") {
    draft.callees.push_back(read_callee(0));
    return true;
  }
  // A conditional on a predicate names its two branches.
  if (draft.instruction->op() == Op::conditional && (name == "true_computation" || name == "false_computation")) {
    draft.callees.push_back(read_callee(name == "true_computation" ? 0 : 1));
    return true;
  }
  for (size_t order = 0; !rest.empty(); ++order) {
    const CalleeKeyword keyword = next_keyword(rest);
    if (keyword.word != name) continue;
    if (keyword.mark == '*') {
      parse_callee_list(draft, order);
    } else {
      draft.callees.push_back(read_callee(order));
    }
    return true;
  }
  return false;
}

ModuleParser::Callee ModuleParser::read_callee(size_t order) {
  Callee callee;
  callee.order = order;
  if (lexer_.peek() == '{') {
    callee.computation = parse_inline_computation();
    return callee;
  }
  lexer_.accept('%');
  callee.position = lexer_.next_position();
  callee.name = lexer_.expect_word("a computation");
  const auto found = computations_.find(callee.name);
  if (found != computations_.end()) callee.computation = found->second;
  return callee;
}

void ModuleParser::parse_callee_list(Draft& draft, size_t order) {
  lexer_.expect('{', "before the list of computations");
  if (lexer_.accept('}')) return;
  do draft.callees.push_back(read_callee(order));
  while (lexer_.accept(','));
  lexer_.expect('}', "after the list of computations");
}

// ---- errors ---------------------------------------------------------------------------------------------------------

void ModuleParser::fail_attribute(const Draft& draft, std::string_view name, size_t position) {
  std::vector<std::string_view> known;
  for (const Draft* part = &draft; part != nullptr; part = part->wrapped.get()) {
    for (std::string_view field : attribute_names(part->attributes)) known.push_back(field);
    std::string_view rest = row_of(part->instruction->op()).callees;
    while (!rest.empty()) known.push_back(next_keyword(rest).word);
  }
  std::string list;
  for (std::string_view word : known) list += (list.empty() ? "" : ", ") + std::string(word);
  for (const auto& [note, id] : kNotes) known.push_back(note);
  std::string message = "'" + std::string(draft.keyword) + "' has no attribute '" + std::string(name) + "'";
  const std::string_view near = nearest(name, known);
  if (!near.empty()) message += "; did you mean '" + std::string(near) + "'?";
  if (near.empty()) message += list.empty() ? "; it has none of its own" : "; it has " + list;
  lexer_.fail_at(position, message);
}

}  // namespace gshard
