// The values of constants: {{1, 2}, {3, 4}}, (1, -2) for a complex number, ({1, 2}, 3) for a tuple, {...} left out.
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "text/float_text.h"
#include "text/read.h"

namespace gshard {
namespace {

using ReadElement = void (*)(Lexer&, DType, std::byte*);

template <class T>
void store(std::byte* out, T value) {
  std::memcpy(out, &value, sizeof(value));
}

[[noreturn]] void fail_range(Lexer& lexer, size_t position, DType type) {
  lexer.fail_at(position, "the value " + std::string(lexer.text_from(position)) + " is out of the range of " +
                              std::string(name_of(type)));
}

// ---- integers and pred ----------------------------------------------------------------------------------------------

void read_pred(Lexer& lexer, DType, std::byte* out) {
  if (lexer.accept_word("true") || lexer.accept_word("1")) return store(out, uint8_t{1});
  if (lexer.accept_word("false") || lexer.accept_word("0")) return store(out, uint8_t{0});
  lexer.fail("expected true, false, 1 or 0, found " + lexer.shown_next());
}

void read_signed(Lexer& lexer, DType type, std::byte* out) {
  const size_t position = lexer.next_position();
  const int64_t value = lexer.integer("a value of the constant");
  const int64_t limit = std::numeric_limits<int64_t>::max() >> (64 - bits_of(type));
  if (value > limit || value < -limit - 1) fail_range(lexer, position, type);
  std::memcpy(out, &value, static_cast<size_t>(bytes_of(type)));
}

void read_unsigned(Lexer& lexer, DType type, std::byte* out) {
  const size_t position = lexer.next_position();
  uint64_t value = 0;
  const char* first = lexer.text().data() + position;
  const auto [end, error] = std::from_chars(first, lexer.text().data() + lexer.text().size(), value);
  if (end == first || error == std::errc::result_out_of_range) {
    const int64_t negative = lexer.integer("a value of the constant");
    if (negative != 0) fail_range(lexer, position, type);
  } else {
    lexer.advance(static_cast<size_t>(end - first));
  }
  if (value > std::numeric_limits<uint64_t>::max() >> (64 - bits_of(type))) fail_range(lexer, position, type);
  std::memcpy(out, &value, static_cast<size_t>(bytes_of(type)));
}

// ---- floating point -------------------------------------------------------------------------------------------------

// nan, -nan or nan(0x123), after the sign and the word.
void read_nan(Lexer& lexer, DType type, bool negative, std::byte* out) {
  const double nan = std::copysign(std::numeric_limits<double>::quiet_NaN(), negative ? -1.0 : 1.0);
  if (!lexer.accept('(')) return store_float(type, nan, out);
  const size_t position = lexer.next_position();
  const std::optional<NanLayout> layout = nan_layout(type);
  if (!layout) lexer.fail_at(position, std::string(name_of(type)) + " has no payloads of NaN");
  const std::string_view word = lexer.word();
  uint64_t payload = 0;
  const auto [end, error] = std::from_chars(word.data() + 2, word.data() + word.size(), payload, 16);
  if (word.substr(0, 2) != "0x" || error != std::errc() || end != word.data() + word.size() || payload == 0 ||
      payload >> layout->mantissa_bits != 0) {
    lexer.fail_at(position, "expected a payload of NaN from 0x1 to " + std::to_string(layout->mantissa_bits) + " bits");
  }
  lexer.expect(')', "after the payload of NaN");
  const uint64_t exponent = (uint64_t{1} << layout->exponent_bits) - 1;
  const uint64_t sign = uint64_t{negative} << layout->exponent_bits;
  const uint64_t bits = (sign | exponent) << layout->mantissa_bits | payload;
  std::memcpy(out, &bits, static_cast<size_t>(bytes_of(type)));
}

void read_float(Lexer& lexer, DType type, std::byte* out) {
  const size_t position = lexer.next_position();
  const char* first = lexer.text().data() + position;
  const char* last = lexer.text().data() + lexer.text().size();
  double value = 0;
  const bool is_number = first != last && (is_word_char(first[*first == '-' && first + 1 != last]));
  if (!is_number) lexer.fail("expected a value of the constant, found " + lexer.shown_next());
  const bool negative = *first == '-';
  const char letter = first[negative ? 1 : 0];
  if (letter == 'n' || letter == 'i') {
    if (negative) lexer.advance(1);
    if (lexer.accept_word("nan")) return read_nan(lexer, type, negative, out);
    if (!lexer.accept_word("inf")) lexer.fail("expected a value of the constant, found " + lexer.shown_next());
    return store_float(type, negative ? -HUGE_VAL : HUGE_VAL, out);
  }
  const auto [end, error] = std::from_chars(first, last, value);
  if (error == std::errc::invalid_argument) lexer.fail("expected a value of the constant, found " + lexer.shown_next());
  lexer.advance(static_cast<size_t>(end - first));
  if (error == std::errc::result_out_of_range) {
    // Too large for f64, or so small that it is zero; only the first is a mistake.
    value = std::strtod(std::string(first, end).c_str(), nullptr);
    if (std::isinf(value)) fail_range(lexer, position, type);
  }
  store_float(type, value, out);
  if (!std::isfinite(load_float(type, out))) fail_range(lexer, position, type);
}

void read_complex(Lexer& lexer, DType type, std::byte* out) {
  const DType part = real_part_type(type);
  if (!lexer.accept('(')) {  // a real number stands for itself
    read_float(lexer, part, out);
    return;
  }
  read_float(lexer, part, out);
  lexer.expect(',', "between the parts of a complex number");
  read_float(lexer, part, out + bytes_of(part));
  lexer.expect(')', "after a complex number");
}

ReadElement reader_of(DType type) {
  switch (class_of(type)) {
    case DTypeClass::boolean:
      return read_pred;
    case DTypeClass::signed_int:
      return read_signed;
    case DTypeClass::unsigned_int:
      return read_unsigned;
    case DTypeClass::floating:
      return read_float;
    case DTypeClass::complex_float:
      return read_complex;
    case DTypeClass::other:
      return nullptr;
  }
  return nullptr;
}

// ---- arrays and tuples ----------------------------------------------------------------------------------------------

bool accept_elided(Lexer& lexer) {
  const Lexer::Mark mark = lexer.mark();
  if (lexer.accept('{') && lexer.accept("...") && lexer.accept('}')) return true;
  lexer.reset(mark);
  return false;
}

class ArrayReader {
 public:
  ArrayReader(Lexer& lexer, const Shape& shape, std::byte* out)
      : lexer_(lexer), shape_(shape), out_(out), step_(bytes_of(shape.type())), read_(reader_of(shape.type())) {}

  void read(size_t dim) {
    if (dim == shape_.rank()) {
      read_(lexer_, shape_.type(), out_);
      out_ += step_;
      return;
    }
    const Lexer::Nesting nesting(lexer_);
    const size_t position = lexer_.next_position();
    lexer_.expect('{', "before the values of dimension " + std::to_string(dim));
    int64_t count = 0;
    if (!lexer_.accept('}')) {
      do {
        if (++count > shape_.dim(dim)) fail_count(position, dim, "more");
        read(dim + 1);
      } while (lexer_.accept(','));
      lexer_.expect('}', "after the values of dimension " + std::to_string(dim));
    }
    // An empty array may be written as {} whatever its other sizes are.
    if (count != shape_.dim(dim) && shape_.element_count() != 0) fail_count(position, dim, "fewer");
  }

 private:
  [[noreturn]] void fail_count(size_t position, size_t dim, std::string_view than) {
    lexer_.fail_at(position, "the constant has " + std::string(than) + " than " + std::to_string(shape_.dim(dim)) +
                                 " values in dimension " + std::to_string(dim) + " of " + shape_.to_string());
  }

  Lexer& lexer_;
  const Shape& shape_;
  std::byte* out_;
  int64_t step_;
  ReadElement read_;
};

Literal read_tuple(Lexer& lexer, const Shape& shape) {
  const Lexer::Nesting nesting(lexer);
  lexer.expect('(', "before the parts of the tuple");
  std::vector<Literal> elements;
  for (size_t i = 0; i < shape.tuple_size(); ++i) {
    if (i > 0) lexer.expect(',', "between the parts of " + shape.to_string());
    elements.push_back(read_literal(lexer, shape.element(i)));
  }
  lexer.expect(')', "after the " + std::to_string(shape.tuple_size()) + " parts of the tuple");
  return Literal::tuple(std::move(elements));
}

}  // namespace

Literal read_literal(Lexer& lexer, const Shape& shape) {
  if (accept_elided(lexer)) return Literal::elided(shape);
  if (shape.is_tuple()) return read_tuple(lexer, shape);
  if (!shape.is_array()) lexer.fail("there are no constants of type " + shape.to_string());
  // A value takes a character or more, so no more memory is asked for than the text is long (times the type's size).
  if (shape.element_count() > static_cast<int64_t>(lexer.remaining())) {
    lexer.fail("a constant " + shape.to_string() + " has " + std::to_string(shape.element_count()) +
               " values; the text ends before that");
  }
  Literal literal(shape.without_layout());
  ArrayReader(lexer, shape, literal.mutable_bytes()).read(0);
  return literal;
}

}  // namespace gshard
