#include "text/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace gshard {
namespace {

// Deeper than any program nests tuples, shardings or computations; each level costs a few stack frames.
constexpr int kMaxDepth = 200;

constexpr std::array<bool, 256> kWordChars = [] {
  std::array<bool, 256> table{};
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  table['_'] = table['.'] = table['-'] = true;
  return table;
}();

bool is_octal(char c) { return c >= '0' && c <= '7'; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The character that `\c` stands for; '\0' where it is none of the single-letter escapes.
char simple_escape(char c) {
  switch (c) {
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    case '\\':
    case '\'':
    case '"':
    case '?':
      return c;
    default:
      return '\0';
  }
}

// Whether no space need stand after `left` and before `right`.
bool can_be_joined(char left, char right) {
  return std::string_view("{([=").find(left) != std::string_view::npos ||
         std::string_view("})],=").find(right) != std::string_view::npos;
}

}  // namespace

bool is_word_char(char c) { return kWordChars[static_cast<unsigned char>(c)]; }

// ---- white space --------------------------------------------------------------------------------------------------

void Lexer::step() {
  if (text_[position_++] == '\n') {
    ++line_;
    line_start_ = position_;
  }
}

void Lexer::skip_space_slowly() {
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v') {
      step();
    } else if (c == '/' && position_ + 1 < text_.size() && text_[position_ + 1] == '/') {
      skip_line();
    } else if (c == '/' && position_ + 1 < text_.size() && text_[position_ + 1] == '*') {
      skip_block_comment();
    } else {
      return;
    }
  }
}

void Lexer::skip_block_comment() {
  const size_t start = position_;
  const size_t end = text_.find("*/", position_ + 2);
  if (end == std::string_view::npos) fail_at(start, "this comment has no end: '*/' is missing");
  while (position_ < end + 2) step();
}

void Lexer::reset(const Mark& mark) {
  position_ = mark.position;
  line_ = mark.line;
  line_start_ = mark.line_start;
}

// ---- single characters ----------------------------------------------------------------------------------------------

char Lexer::peek() {
  skip_space();
  return position_ < text_.size() ? text_[position_] : '\0';
}

bool Lexer::at_end() {
  skip_space();
  return position_ == text_.size();
}

bool Lexer::next_is(std::string_view text) {
  skip_space();
  return text_.substr(position_, text.size()) == text;
}

bool Lexer::accept(char c) {
  skip_space();
  if (position_ == text_.size() || text_[position_] != c) return false;
  ++position_;
  return true;
}

bool Lexer::accept(std::string_view text) {
  if (!next_is(text)) return false;
  position_ += text.size();
  return true;
}

bool Lexer::accept_word(std::string_view word) {
  if (!next_is(word)) return false;
  const size_t end = position_ + word.size();
  if (end < text_.size() && is_word_char(text_[end])) return false;
  position_ = end;
  return true;
}

void Lexer::expect(char c, std::string_view where) { expect(std::string_view(&c, 1), where); }

void Lexer::expect(std::string_view text, std::string_view where) {
  if (accept(text)) return;
  fail("expected '" + std::string(text) + "' " + std::string(where) + ", found " + shown_next());
}

size_t Lexer::next_position() {
  skip_space();
  return position_;
}

// ---- words and numbers ----------------------------------------------------------------------------------------------

std::string_view Lexer::word() {
  skip_space();
  const size_t start = position_;
  while (position_ < text_.size() && is_word_char(text_[position_])) ++position_;
  return text_from(start);
}

std::string_view Lexer::expect_word(std::string_view what) {
  const std::string_view found = word();
  if (found.empty()) fail("expected " + std::string(what) + ", found " + shown_next());
  return found;
}

std::string_view Lexer::name(std::string_view what) {
  accept('%');
  return expect_word(what);
}

int64_t Lexer::integer(std::string_view what) {
  skip_space();
  int64_t value = 0;
  const char* first = text_.data() + position_;
  const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), value);
  if (error == std::errc::result_out_of_range) {
    fail(std::string(what) + " " + std::string(first, end) + " does not fit into 64 bits");
  }
  if (error != std::errc()) fail("expected " + std::string(what) + " (an integer), found " + shown_next());
  position_ += static_cast<size_t>(end - first);
  return value;
}

int64_t Lexer::size(std::string_view what) {
  const size_t start = next_position();
  const int64_t value = integer(what);
  if (value < 0) fail_at(start, std::string(what) + " is " + std::to_string(value) + "; it must not be negative");
  return value;
}

// ---- strings and braces ---------------------------------------------------------------------------------------------

std::string_view Lexer::quoted(std::string_view what) {
  const size_t start = next_position();
  if (!accept('"')) fail("expected " + std::string(what) + " (a string in quotes), found " + shown_next());
  while (position_ < text_.size() && text_[position_] != '"') {
    if (text_[position_] == '\\' && position_ + 1 < text_.size()) step();
    step();
  }
  if (position_ == text_.size()) fail_at(start, "this string has no end: '\"' is missing");
  ++position_;
  return text_from(start);
}

std::string Lexer::string(std::string_view what) {
  const std::string_view all = quoted(what);
  return unescape(all.substr(1, all.size() - 2));
}

std::string_view Lexer::braces(std::string_view what) {
  const size_t start = next_position();
  if (peek() != '{') fail("expected " + std::string(what) + " ('{...}'), found " + shown_next());
  int64_t depth = 0;
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c == '"') {
      quoted(what);
      continue;
    }
    if (c == '/') skip_space_slowly();  // a comment may hold braces
    if (position_ == text_.size()) break;
    if (text_[position_] != c) continue;
    step();
    if (c == '{') ++depth;
    if (c == '}' && --depth == 0) return text_from(start);
  }
  fail_at(start, "this '{' has no matching '}'");
}

std::string Lexer::tidy_braces(std::string_view what) { return tidy(braces(what)); }

std::string tidy(std::string_view text) {
  std::string result;
  Lexer lexer(text, {});
  while (!lexer.at_end()) {
    const size_t start = lexer.position();
    if (lexer.peek() == '"') {
      result += lexer.quoted("a string");
    } else {
      lexer.advance(1);
      result += text[start];
    }
    const size_t end = lexer.position();
    if (!lexer.at_end() && lexer.position() > end && !can_be_joined(result.back(), lexer.peek())) result += ' ';
  }
  return result;
}

std::string_view Lexer::rest_of_line() {
  const size_t start = position_;
  skip_line();
  return text_from(start);
}

std::string unescape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      result += text[i];
      continue;
    }
    const char c = text[++i];
    if (const char simple = simple_escape(c)) {
      result += simple;
    } else if (is_octal(c)) {
      int value = 0;
      const size_t end = std::min(i + 3, text.size());
      for (; i < end && is_octal(text[i]); ++i) value = value * 8 + (text[i] - '0');
      --i;
      result += static_cast<char>(value);
    } else if ((c == 'x' || c == 'X') && i + 1 < text.size() && hex_digit(text[i + 1]) >= 0) {
      int value = 0;
      while (i + 1 < text.size() && hex_digit(text[i + 1]) >= 0) value = (value * 16 + hex_digit(text[++i])) & 0xff;
      result += static_cast<char>(value);
    } else {
      result += '\\';
      result += c;
    }
  }
  return result;
}

// ---- errors ---------------------------------------------------------------------------------------------------------

void Lexer::fail(const std::string& message) { fail_at(next_position(), message); }

void Lexer::fail_at(size_t position, const std::string& message) const {
  // A word of the text may be as long as the text.
  constexpr size_t kLongest = 1000;
  const bool is_long = message.size() > kLongest;
  throw Error::program(is_long ? message.substr(0, kLongest) + "..." : message).at(place(position));
}

TextPosition Lexer::place(size_t position) const {
  position = std::min(position, text_.size());
  const std::string_view before = text_.substr(0, position);
  const size_t newline = before.rfind('\n');
  const size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  size_t line_end = text_.find('\n', position);
  if (line_end == std::string_view::npos) line_end = text_.size();
  return {file_, std::count(before.begin(), before.end(), '\n') + 1, static_cast<int64_t>(position - line_start) + 1,
          std::string(text_.substr(line_start, line_end - line_start))};
}

size_t Lexer::position_of(int64_t line, int64_t column) const {
  size_t start = 0;
  while (--line > 0 && start < text_.size()) start = std::min(text_.find('\n', start), text_.size() - 1) + 1;
  return std::min(start + static_cast<size_t>(column - 1), text_.size());
}

std::string Lexer::shown_next() {
  skip_space();
  if (position_ == text_.size()) return "the end of the text";
  size_t length = 0;
  while (position_ + length < text_.size() && length < 32 && is_word_char(text_[position_ + length])) ++length;
  const unsigned char first = static_cast<unsigned char>(text_[position_]);
  if (length == 0 && (first < 0x20 || first >= 0x7f)) return "a byte with the value " + std::to_string(first);
  return "'" + std::string(text_.substr(position_, std::max<size_t>(length, 1))) + "'";
}

Lexer::Nesting::Nesting(Lexer& lexer) : lexer_(lexer) {
  if (lexer.depth_ >= kMaxDepth) {
    lexer.fail("this is nested more than " + std::to_string(kMaxDepth) + " levels deep");
  }
  ++lexer.depth_;
}

}  // namespace gshard
