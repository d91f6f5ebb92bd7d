#include "runtime/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "eval/elements.h"
#include "runtime/fit_literal.h"

namespace gshard {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMostDimensions = 64;  // numpy's own limit

// ---- numpy's types ----------------------------------------------------------------------------------------------

struct NumpyType {
  DType type;
  char kind;
  int64_t item_size;
};
constexpr std::array<NumpyType, 14> kNumpyTypes = {{{DType::pred, 'b', 1},
                                                    {DType::s8, 'i', 1},
                                                    {DType::s16, 'i', 2},
                                                    {DType::s32, 'i', 4},
                                                    {DType::s64, 'i', 8},
                                                    {DType::u8, 'u', 1},
                                                    {DType::u16, 'u', 2},
                                                    {DType::u32, 'u', 4},
                                                    {DType::u64, 'u', 8},
                                                    {DType::f16, 'f', 2},
                                                    {DType::f32, 'f', 4},
                                                    {DType::f64, 'f', 8},
                                                    {DType::c64, 'c', 8},
                                                    {DType::c128, 'c', 16}}};

// The type of the elements; raw elements of two bytes are taken for bf16, the only such type that is common.
std::optional<DType> type_of(const NumpyArray& array) {
  if (array.kind == 'V' && array.item_size == 2) return DType::bf16;
  for (const NumpyType& row : kNumpyTypes) {
    if (row.kind == array.kind && row.item_size == array.item_size) return row.type;
  }
  return std::nullopt;
}

const NumpyType* numpy_type(DType type) {
  const auto row = std::find_if(kNumpyTypes.begin(), kNumpyTypes.end(), [type](auto& row) { return row.type == type; });
  return row == kNumpyTypes.end() ? nullptr : &*row;
}

std::string name_of_type(char kind, int64_t item_size) {
  switch (kind) {
    case 'b':
      return "bool";
    case 'i':
      return fmt::format("int{}", 8 * item_size);
    case 'u':
      return fmt::format("uint{}", 8 * item_size);
    case 'f':
      return fmt::format("float{}", 8 * item_size);
    case 'c':
      return fmt::format("complex{}", 8 * item_size);
    default:
      return fmt::format("V{}", item_size);
  }
}

[[noreturn]] void fail(const std::string& what) { throw Error::program(what); }

// ---- the header, a Python literal: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } ---------------------

struct Header {
  std::string descr;
  bool fortran_order = false;
  Dims dims;
};

class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  Header read() {
    Header header;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        if (peek() == '[') fail("its elements are records; only arrays of numbers are read");
        header.descr = string();
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
      } else if (key == "shape") {
        header.dims = sizes();
      } else {
        fail(fmt::format("unknown header entry '{}'", key));
      }
      accept(',');
    }
    return header;
  }

 private:
  char peek() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n' || text_[0] == '\t')) text_.remove_prefix(1);
    return text_.empty() ? '\0' : text_[0];
  }
  bool accept(char c) {
    if (peek() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(fmt::format("its header is no numpy header (expected '{}')", c));
  }
  std::string string() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("its header is no numpy header (expected a string)");
    const size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) fail("its header ends within a string");
    std::string value(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return value;
  }
  bool boolean() {
    const bool value = peek() == 'T';
    const std::string_view word = value ? "True" : "False";
    if (!text_.starts_with(word)) fail("its header is no numpy header (expected True or False)");
    text_.remove_prefix(word.size());
    return value;
  }
  Dims sizes() {
    Dims dims;
    expect('(');
    while (!accept(')')) {
      peek();
      int64_t size = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (error != std::errc() || size < 0) fail("its header has a shape of something else than sizes");
      if (dims.size() == kMostDimensions) fail(fmt::format("it has more than {} dimensions", kMostDimensions));
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      dims.push_back(size);
      accept('L');  // as Python 2 wrote long numbers
      accept(',');
    }
    return dims;
  }

  std::string_view text_;
};

// The text of the header and where the elements start.
std::pair<std::string_view, size_t> find_header(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic) || text.size() < 10) fail("it is no .npy array");
  const auto byte = [&](size_t at) { return static_cast<size_t>(static_cast<unsigned char>(text[at])); };
  const size_t version = byte(6);
  const size_t start = version == 1 ? 10 : 12;
  if (version < 1 || version > 3 || text.size() < start) {
    fail(fmt::format("version {} of the .npy format is not known", version));
  }
  size_t size = byte(8) + (byte(9) << 8);
  if (version > 1) size += (byte(10) << 16) + (byte(11) << 24);
  if (size > text.size() - start) fail("its header is cut off");
  return {text.substr(start, size), start + size};
}

// ---- order of bytes and elements ----------------------------------------------------------------------------------

// The size of what a big-endian machine would have reversed: a complex number's parts.
int64_t word_size(const NumpyArray& array) { return array.kind == 'c' ? array.item_size / 2 : array.item_size; }

void reverse_bytes(std::span<std::byte> data, int64_t word) {
  for (auto at = data.begin(); at != data.end(); at += word) std::reverse(at, at + word);
}

// From column-major to row-major, by the strides of the former.
std::vector<std::byte> row_major(const NumpyArray& array) {
  const auto item = static_cast<size_t>(array.item_size);
  const size_t rank = array.dims.size();
  Dims strides(rank, 1);
  for (size_t d = 1; d < rank; ++d) strides[d] = saturating_multiply(strides[d - 1], array.dims[d - 1]);
  std::vector<std::byte> data(array.data.size());
  Dims index(rank, 0);
  size_t source = 0;
  for (size_t target = 0; target < data.size(); target += item) {
    std::memcpy(data.data() + target, array.data.data() + source * item, item);
    for (size_t d = rank; d-- > 0;) {
      source += static_cast<size_t>(strides[d]);
      if (++index[d] < array.dims[d]) break;
      source -= static_cast<size_t>(strides[d] * index[d]);
      index[d] = 0;
    }
  }
  return data;
}

// ---- literals -----------------------------------------------------------------------------------------------------

// Raw bytes, and unsigned integers of the same size, stand for the codes of a float type that numpy has not.
bool is_code_of(const NumpyArray& array, DType type) {
  return numpy_type(type) == nullptr && is_floating(type) && array.item_size == bytes_of(type) &&
         (array.kind == 'V' || array.kind == 'u');
}

Literal with_bytes_of(const NumpyArray& array, DType type) {
  Literal literal(Shape(type, array.dims));
  std::memcpy(literal.mutable_bytes(), array.data.data(), array.data.size());
  if (type == DType::pred) make_truth_values(literal);
  return literal;
}

}  // namespace

std::string NumpyArray::to_string() const {
  return fmt::format("{}[{}]", name_of_type(kind, item_size), fmt::join(dims.begin(), dims.end(), ","));
}

NumpyArray parse_npy(std::vector<std::byte> bytes) {
  const auto [text, start] = find_header(bytes);
  const Header header = HeaderReader(text).read();
  const std::string_view descr = header.descr;
  NumpyArray array;
  if (descr.size() < 3) fail(fmt::format("its type '{}' is no type of numbers", descr));
  array.kind = descr[1];
  const auto [end, error] = std::from_chars(descr.data() + 2, descr.data() + descr.size(), array.item_size);
  const bool sized = error == std::errc() && end == descr.data() + descr.size();
  if (!sized || (array.kind != 'V' && !type_of(array)) || array.item_size < 1 || array.item_size > 16) {
    fail(fmt::format("its type '{}' is none of booleans, integers, floats and complex numbers", descr));
  }
  array.dims = header.dims;
  int64_t size = array.item_size;
  for (int64_t dim : array.dims) size = dim == 0 || size == 0 ? 0 : saturating_multiply(size, dim);
  if (size != static_cast<int64_t>(bytes.size() - start)) {
    fail(fmt::format("{} takes {} bytes, the file holds {}", array.to_string(), size, bytes.size() - start));
  }
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(start));
  array.data = std::move(bytes);
  if (descr[0] == '>') reverse_bytes(array.data, word_size(array));
  if (header.fortran_order) array.data = row_major(array);
  return array;
}

Literal to_literal(const NumpyArray& array, const Shape& wanted) {
  if (array.dims == wanted.dims() && is_code_of(array, wanted.type())) return with_bytes_of(array, wanted.type());
  const auto own_type = type_of(array);
  if (!own_type) fail(fmt::format("it is {}, the parameter is {}", array.to_string(), wanted.to_string()));
  return fit_literal(with_bytes_of(array, *own_type), wanted, array.to_string());
}

Literal to_numpy_type(const Literal& array) {
  const DType type = array.shape().type();
  if (numpy_type(type) != nullptr) return array;
  if (is_floating(type)) return convert_elements(array, DType::f32);
  return convert_elements(array, is_signed_int(type) ? DType::s8 : DType::u8);
}

std::string npy_header(const Shape& shape) {
  const NumpyType* type = numpy_type(shape.type());
  GSHARD_CHECK(type != nullptr, shape.to_string());
  std::string text = fmt::format(
      "{{'descr': '{}{}{}', 'fortran_order': False, 'shape': ({}{}), }}", type->item_size == 1 ? '|' : '<', type->kind,
      type->item_size, fmt::join(shape.dims().begin(), shape.dims().end(), ", "), shape.rank() == 1 ? "," : "");
  // The elements start at a multiple of 64, after a line feed.
  const size_t fixed = kMagic.size() + 4;
  text.append(63 - (fixed + text.size()) % 64, ' ');
  text += '\n';
  std::string header(kMagic);
  header += {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

}  // namespace gshard
