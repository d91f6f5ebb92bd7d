// metadata={...} and frontend_attributes={...}.
#include <algorithm>
#include <array>

#include "text/read.h"

namespace gshard {
namespace {

using StringMember = std::string Metadata::*;
using NumberMember = int64_t Metadata::*;

constexpr std::array<std::pair<std::string_view, StringMember>, 5> kStrings = {
    {{"op_name", &Metadata::op_name},
     {"op_type", &Metadata::op_type},
     {"source_file", &Metadata::source_file},
     {"deduplicated_name", &Metadata::deduplicated_name},
     {"scheduling_name", &Metadata::scheduling_name}}};

constexpr std::array<std::pair<std::string_view, NumberMember>, 5> kNumbers = {
    {{"source_line", &Metadata::source_line},
     {"stack_frame_id", &Metadata::stack_frame_id},
     {"source_end_line", &Metadata::source_end_line},
     {"source_column", &Metadata::source_column},
     {"source_end_column", &Metadata::source_end_column}}};

// A value of which nothing is known but where it ends.
void skip_value(Lexer& lexer, std::string_view what) {
  if (lexer.peek() == '{') {
    lexer.braces(what);
  } else if (lexer.peek() == '"') {
    lexer.quoted(what);
  } else {
    lexer.expect_word(what);
  }
}

void read_field(Lexer& lexer, std::string_view name, Metadata& metadata) {
  for (const auto& [known, member] : kStrings) {
    if (known == name) return void(metadata.*member = lexer.string(name));
  }
  for (const auto& [known, member] : kNumbers) {
    if (known == name) return void(metadata.*member = lexer.integer(name));
  }
  const size_t value = lexer.next_position();
  skip_value(lexer, name);
  if (!metadata.rest.empty()) metadata.rest += ' ';
  metadata.rest.append(name).append("=").append(lexer.text_from(value));
}

}  // namespace

Metadata read_metadata(Lexer& lexer) {
  Metadata metadata;
  lexer.expect('{', "before the metadata");
  while (!lexer.accept('}')) {
    const std::string_view name = lexer.expect_word("a field of the metadata");
    lexer.expect('=', "after " + std::string(name));
    read_field(lexer, name, metadata);
    lexer.accept(',');
  }
  return metadata;
}

FrontendAttributes read_frontend_attributes(Lexer& lexer) {
  FrontendAttributes attributes;
  lexer.expect('{', "before the frontend attributes");
  if (lexer.accept('}')) return attributes;
  do {
    std::string name(lexer.expect_word("the name of a frontend attribute"));
    lexer.expect('=', "after " + name);
    std::string value = lexer.peek() == '{' ? std::string(lexer.braces(name)) : lexer.string(name);
    attributes.emplace_back(std::move(name), std::move(value));
  } while (lexer.accept(','));
  lexer.expect('}', "after the frontend attributes");
  std::stable_sort(attributes.begin(), attributes.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return attributes;
}

}  // namespace gshard
