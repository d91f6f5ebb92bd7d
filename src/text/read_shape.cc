// Shapes and layouts.
#include <algorithm>

#include "text/read.h"

namespace gshard {
namespace {

constexpr std::string_view kDynamicAdvice =
    "; dynamic dimensions are not supported: compile for fixed sizes (pad to the bound) and dump the module again";

int64_t read_dimension(Lexer& lexer) {
  if (lexer.next_is("<=") || lexer.next_is("?")) {
    lexer.fail("this dimension is dynamic" + std::string(kDynamicAdvice));
  }
  return lexer.size("a dimension");
}

// The text after the ':' of a layout up to the '}', white space removed, e.g. T(8,128)(2,1)S(1).
std::string read_layout_suffix(Lexer& lexer) {
  std::string suffix;
  int depth = 0;
  while (true) {
    const char c = lexer.peek();
    if (c == '\0') lexer.fail("this layout has no end: '}' is missing");
    if (c == '}' && depth == 0) return suffix;
    if (c == '(' || c == '{' || c == '[') ++depth;
    if (c == ')' || c == '}' || c == ']') --depth;
    const bool allowed = is_word_char(c) || std::string_view("()[]{},:*#+~").find(c) != std::string_view::npos;
    if (!allowed || depth < 0) lexer.fail("unexpected " + lexer.shown_next() + " in a layout");
    suffix += c;
    lexer.advance(1);
  }
}

// Leaves out the parts that say nothing: dimensions that are all dense, D(D,D), memory space 0 and element size 0.
std::string without_defaults(std::string suffix) {
  for (const std::string_view part : {"S(0)", "E(0)"}) {
    if (const size_t at = suffix.find(part); at != std::string::npos) suffix.erase(at, part.size());
  }
  if (suffix.starts_with("D(")) suffix.erase(0, suffix.find(')') + 1);
  return suffix;
}

bool is_default(const Layout& layout) {
  if (!layout.suffix.empty()) return false;
  const size_t rank = layout.minor_to_major.size();
  for (size_t i = 0; i < rank; ++i) {
    if (layout.minor_to_major[i] != static_cast<int64_t>(rank - 1 - i)) return false;
  }
  return true;
}

void check_permutation(Lexer& lexer, size_t position, const Dims& order, const Shape& shape) {
  const std::string what = "the layout of " + shape.to_string();
  if (order.size() != shape.rank()) {
    lexer.fail_at(position, what + " orders " + std::to_string(order.size()) + " dimensions; the shape has " +
                                std::to_string(shape.rank()));
  }
  Dims sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<int64_t>(i)) {
      lexer.fail_at(position,
                    what + " must name each dimension from 0 to " + std::to_string(sorted.size() - 1) + " once");
    }
  }
}

// `{` opens a layout only before a number, ':' or '}': after a computation's signature it opens the body.
bool layout_is_next(Lexer& lexer) {
  if (lexer.peek() != '{') return false;
  const Lexer::Mark mark = lexer.mark();
  lexer.accept('{');
  const char c = lexer.peek();
  lexer.reset(mark);
  return (c >= '0' && c <= '9') || c == ':' || c == '}';
}

void read_layout(Lexer& lexer, Shape& shape) {
  if (!layout_is_next(lexer)) return;
  const size_t position = lexer.next_position();
  lexer.accept('{');
  Layout layout;
  if (lexer.peek() != ':' && lexer.peek() != '}') {
    do layout.minor_to_major.push_back(lexer.size("a dimension number of the layout"));
    while (lexer.accept(','));
  }
  if (lexer.accept(':')) layout.suffix = without_defaults(read_layout_suffix(lexer));
  lexer.expect('}', "at the end of the layout");
  // XLA writes {} for "no order given" too.
  if (layout.minor_to_major.empty() && layout.suffix.empty()) return;
  check_permutation(lexer, position, layout.minor_to_major, shape);
  if (!is_default(layout)) shape.set_layout(std::make_shared<const Layout>(std::move(layout)));
}

Shape read_tuple_shape(Lexer& lexer) {
  const Lexer::Nesting nesting(lexer);
  std::vector<Shape> elements;
  if (!lexer.accept(')')) {
    do elements.push_back(read_shape(lexer));
    while (lexer.accept(','));
    lexer.expect(')', "at the end of the tuple's type");
  }
  return Shape::tuple(std::move(elements));
}

std::vector<std::string_view> type_names() {
  std::vector<std::string_view> names;
#define GSHARD_TYPE(name, keyword, bits, cls) names.push_back(keyword);
#include "ir/types.inc"
#undef GSHARD_TYPE
  names.erase(std::find(names.begin(), names.end(), "tuple"));
  return names;
}

DType read_type(Lexer& lexer) {
  const size_t position = lexer.next_position();
  const std::string_view word = lexer.expect_word("a type, e.g. f32[8]");
  if (const auto type = dtype_from_name(word); type && *type != DType::tuple) return *type;
  std::string message = "unknown element type '" + std::string(word) + "'";
  if (const auto near = nearest(word, type_names()); !near.empty())
    message += "; did you mean " + std::string(near) + "?";
  lexer.fail_at(position, message);
}

}  // namespace

Shape read_shape(Lexer& lexer) {
  if (lexer.accept('(')) return read_tuple_shape(lexer);
  const DType type = read_type(lexer);
  lexer.expect('[', "after the element type");
  Dims dims;
  if (!lexer.accept(']')) {
    do dims.push_back(read_dimension(lexer));
    while (lexer.accept(','));
    lexer.expect(']', "after the dimensions");
  }
  Shape shape(type, std::move(dims));
  read_layout(lexer, shape);
  return shape;
}

bool shape_is_next(Lexer& lexer) {
  const char c = lexer.peek();
  if (c == '(') return true;
  if (c == '%' || !is_word_char(c)) return false;
  const Lexer::Mark mark = lexer.mark();
  lexer.word();
  const bool is_shape = lexer.peek() == '[';
  lexer.reset(mark);
  return is_shape;
}

Dims read_dims(Lexer& lexer, std::string_view what) {
  lexer.expect('{', "before " + std::string(what));
  Dims dims;
  if (lexer.accept('}')) return dims;
  do dims.push_back(lexer.integer(what));
  while (lexer.accept(','));
  lexer.expect('}', "after " + std::string(what));
  return dims;
}

}  // namespace gshard
