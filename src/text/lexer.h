// The lowest layer of reading HLO text: white space, comments, words, numbers, strings, and errors with their place.
//
//   Lexer lexer("add(%a, /*index=1*/ 42)", "m.hlo");
//   lexer.word() == "add", lexer.expect('(', ...), lexer.name() == "a", lexer.accept(','), lexer.integer() == 42
//
// There are no tokens: HLO's notation depends on where it stands (`1_1x0_1`, `b01f_01io->b01f`), so each reader asks
// for what it expects. All functions skip white space and comments first; views point into the text. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/nearest_word.h"

namespace gshard {

class Lexer {
 public:
  Lexer(std::string_view text, std::string file) : text_(text), file_(std::move(file)) {}

  // A place to return to after looking ahead.
  struct Mark {
    size_t position;
    int64_t line;
    size_t line_start;
  };
  Mark mark() const { return {position_, line_, line_start_}; }
  void reset(const Mark& mark);

  // The next character, '\0' at the end.
  char peek();
  bool at_end();
  // Whether the next characters are `text`; no step is made.
  bool next_is(std::string_view text);
  // Steps over `text` if it is next.
  bool accept(char c);
  bool accept(std::string_view text);
  // The same without white space before it.
  bool accept_adjacent(char c) {
    const bool found = position_ < text_.size() && text_[position_] == c;
    if (found) ++position_;
    return found;
  }
  // Steps over a whole word if it is next.
  bool accept_word(std::string_view word);
  // `where` completes "expected ',' ...", e.g. "after the operand".
  void expect(char c, std::string_view where);
  void expect(std::string_view text, std::string_view where);

  // Letters, digits, '_', '.', '-'; empty where none stands.
  std::string_view word();
  // A word, or `'%' word`, as instructions and computations are named. `what` completes "expected ...".
  std::string_view name(std::string_view what);
  // A word that is not empty.
  std::string_view expect_word(std::string_view what);
  // A decimal integer with an optional '-'.
  int64_t integer(std::string_view what);
  // An integer that is not negative.
  int64_t size(std::string_view what);
  // "..." with its quotes, as written.
  std::string_view quoted(std::string_view what);
  // The content of "...", escapes resolved.
  std::string string(std::string_view what);
  // Balanced {...} with its braces, as written; strings inside are respected.
  std::string_view braces(std::string_view what);
  // The same without comments, line breaks and needless spaces.
  std::string tidy_braces(std::string_view what);
  // Everything up to the end of the line.
  std::string_view rest_of_line();

  size_t position() const { return position_; }
  // The position of the next character that is neither white space nor comment.
  size_t next_position();
  int64_t line() const { return line_; }
  int64_t column() const { return static_cast<int64_t>(position_ - line_start_) + 1; }
  std::string_view text() const { return text_; }
  std::string_view text_from(size_t start) const { return text_.substr(start, position_ - start); }
  size_t remaining() const { return text_.size() - position_; }
  void advance(size_t count) { position_ += count; }

  // Throws Error(program) at the next character, or at a place in the text.
  [[noreturn]] void fail(const std::string& message);
  [[noreturn]] void fail_at(size_t position, const std::string& message) const;
  TextPosition place(size_t position) const;
  // The position of a line and column, which count from 1.
  size_t position_of(int64_t line, int64_t column) const;
  // What stands next, for messages: "'foo'" or "the end of the text".
  std::string shown_next();

  // Counts how deeply the notation is nested; throws where that goes beyond what any program needs and the stack bears.
  class Nesting {
   public:
    explicit Nesting(Lexer& lexer);
    ~Nesting() { --lexer_.depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    Lexer& lexer_;
  };

 private:
  void skip_space() {
    // Most calls stand before a character that is neither white space nor '/'.
    if (position_ < text_.size() && static_cast<unsigned char>(text_[position_]) > ' ' && text_[position_] != '/')
      return;
    skip_space_slowly();
  }
  void skip_space_slowly();
  void skip_line() {
    while (position_ < text_.size() && text_[position_] != '\n') ++position_;
  }
  void skip_block_comment();
  void step();

  std::string_view text_;
  std::string file_;
  size_t position_ = 0;
  int64_t line_ = 1;
  size_t line_start_ = 0;
  int depth_ = 0;
};

// Whether a character may stand in a word.
bool is_word_char(char c);

// Text that is only kept, e.g. {{}: (0, {})}, as one line: outside of strings, what separates words becomes one space,
// and none stands at the inner sides of brackets, at a '=' and before a comma.
std::string tidy(std::string_view text);

// Resolves the escapes of a quoted string's content (\" \\ \n \t \' \xHH \ooo ...), as C does.
std::string unescape(std::string_view text);

// The entry of `known` that a misspelt `word` is likely to mean; empty where none is near.
template <class Range>
std::string_view nearest(std::string_view word, const Range& known) {
  if (word.size() > 64) return {};
  size_t best = (word.size() + 1) / 3 + 1;  // from that on a likeness is chance
  std::string_view found;
  for (const std::string_view candidate : known) {
    if (candidate.size() >= word.size() + best) continue;
    const size_t distance = edit_distance(word, candidate);
    if (distance < best) best = distance, found = candidate;
  }
  return found;
}

}  // namespace gshard
