// The values of attributes, one overload of read_value per type, and the fields of each op's struct.
#include <charconv>

#include "text/read.h"

namespace gshard {
namespace {

// ---- plain values -------------------------------------------------------------------------------------------------

void read_value(Lexer& lexer, int64_t& value) { value = lexer.integer("a number"); }

void read_value(Lexer& lexer, bool& value) {
  if (lexer.accept_word("true")) {
    value = true;
  } else if (lexer.accept_word("false")) {
    value = false;
  } else {
    lexer.fail("expected true or false, found " + lexer.shown_next());
  }
}

void read_value(Lexer& lexer, float& value) {
  const size_t position = lexer.next_position();
  const char* end_of_text = lexer.text().data() + lexer.text().size();
  const char* first = lexer.text().data() + position;
  double wide = 0;
  const auto [end, error] = std::from_chars(first, end_of_text, wide);
  if (error != std::errc()) lexer.fail("expected a number, found " + lexer.shown_next());
  lexer.advance(static_cast<size_t>(end - first));
  value = static_cast<float>(wide);
}

void read_value(Lexer& lexer, std::string& value) { value = lexer.string("a value"); }
void read_value(Lexer& lexer, Dims& value) { value = read_dims(lexer, "a list of numbers"); }
void read_value(Lexer& lexer, Word& value) { value.text = lexer.expect_word("a word"); }
void read_value(Lexer& lexer, RawBraces& value) { value.text = lexer.tidy_braces("a value"); }
void read_value(Lexer& lexer, Shape& value) { value = read_shape(lexer); }

void read_value(Lexer& lexer, Literal& value) {
  const Shape shape = read_shape(lexer);
  value = read_literal(lexer, shape);
}

template <class E>
requires std::is_enum_v<E>
void read_value(Lexer& lexer, E& value) {
  constexpr auto& words = EnumWords<E>::words;
  const size_t position = lexer.next_position();
  const std::string_view word = lexer.expect_word("a word");
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) {
      value = static_cast<E>(i);
      return;
    }
  }
  std::string all;
  for (std::string_view known : words) {
    if (!known.empty()) all += (all.empty() ? "" : ", ") + std::string(known);
  }
  lexer.fail_at(position, "'" + std::string(word) + "' is none of " + all);
}

// ---- windows and paddings -----------------------------------------------------------------------------------------

using WindowMember = int64_t WindowDim::*;

// 3x3, one number per dimension; the first list read fixes the number of dimensions.
template <class ReadOne>
void read_window_list(Lexer& lexer, Window& window, bool& fixed, ReadOne read_one) {
  const size_t position = lexer.next_position();
  size_t count = 0;
  do {
    if (!fixed) window.dims.emplace_back();
    if (count == window.dims.size()) {
      lexer.fail_at(position, "this list has more than the window's " + std::to_string(count) + " dimensions");
    }
    read_one(window.dims[count++]);
  } while (lexer.accept('x'));
  if (count != window.dims.size()) {
    lexer.fail_at(position, "this list has " + std::to_string(count) + " of the window's " +
                                std::to_string(window.dims.size()) + " dimensions");
  }
  fixed = true;
}

// One `key=1x2x3` of a window. Returns false where the key is unknown.
bool read_window_part(Lexer& lexer, std::string_view key, Window& window, bool& fixed) {
  constexpr std::array<std::pair<std::string_view, WindowMember>, 4> kNumbers = {
      {{"size", &WindowDim::size},
       {"stride", &WindowDim::stride},
       {"lhs_dilate", &WindowDim::base_dilation},
       {"rhs_dilate", &WindowDim::window_dilation}}};
  for (const auto& [name, member] : kNumbers) {
    if (name != key) continue;
    read_window_list(lexer, window, fixed, [&](WindowDim& dim) { dim.*member = lexer.integer("a size"); });
    return true;
  }
  if (key == "pad") {
    read_window_list(lexer, window, fixed, [&](WindowDim& dim) {
      dim.pad_low = lexer.integer("the low padding");
      lexer.expect('_', "between low and high padding");
      dim.pad_high = lexer.integer("the high padding");
    });
    return true;
  }
  if (key == "rhs_reversal") {
    read_window_list(lexer, window, fixed, [&](WindowDim& dim) { dim.reversal = lexer.integer("0 or 1") != 0; });
    return true;
  }
  return false;
}

void read_value(Lexer& lexer, Window& value) {
  lexer.expect('{', "before the window");
  bool fixed = false;
  while (!lexer.accept('}')) {
    const size_t position = lexer.next_position();
    const std::string_view key = lexer.expect_word("size, stride, pad, lhs_dilate, rhs_dilate or rhs_reversal");
    lexer.expect('=', "after " + std::string(key));
    if (!read_window_part(lexer, key, value, fixed)) {
      lexer.fail_at(position, "unknown part of a window '" + std::string(key) +
                                  "'; known are size, stride, pad, lhs_dilate, rhs_dilate and rhs_reversal");
    }
    lexer.accept(',');
  }
}

// Nothing closes the list, and the next instruction may be called x.
void read_value(Lexer& lexer, Padding& value) {
  do {
    PaddingDim dim;
    dim.low = lexer.integer("the low padding");
    lexer.expect('_', "between low and high padding");
    dim.high = lexer.integer("the high padding");
    if (lexer.accept_adjacent('_')) dim.interior = lexer.size("the interior padding");
    value.dims.push_back(dim);
  } while (lexer.accept_adjacent('x'));
}

void read_value(Lexer& lexer, SliceRanges& value) {
  lexer.expect('{', "before the ranges");
  if (lexer.accept('}')) return;
  do {
    lexer.expect('[', "before a range");
    value.starts.push_back(lexer.integer("a start"));
    lexer.expect(':', "after the start");
    value.limits.push_back(lexer.integer("a limit"));
    value.strides.push_back(lexer.accept(':') ? lexer.integer("a stride") : 1);
    lexer.expect(']', "after a range");
  } while (lexer.accept(','));
  lexer.expect('}', "after the ranges");
}

// ---- convolution dimensions -----------------------------------------------------------------------------------------

// "b01f": positions of the two letters and of the digits. Positions never set, and digits out of turn, are errors.
void read_labels(Lexer& lexer, size_t position, std::string_view labels, std::array<char, 2> letters,
                 std::array<int64_t*, 2> places, Dims& spatial) {
  const auto fail = [&] {
    lexer.fail_at(position, "the dimension labels '" + std::string(labels) + "' must have one '" + letters[0] +
                                "', one '" + letters[1] + "', and the digits from 0 on, each once");
  };
  std::array<bool, 2> seen = {false, false};
  if (labels.size() < 2 || labels.size() > 12) fail();
  spatial.resize(labels.size() - 2, -1);
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto digit = static_cast<size_t>(labels[i] - '0');
    if (labels[i] >= '0' && digit < spatial.size() && spatial[digit] < 0) {
      spatial[digit] = static_cast<int64_t>(i);
      continue;
    }
    const size_t letter = labels[i] == letters[0] ? 0 : 1;
    if (labels[i] != letters[letter] || seen[letter]) fail();
    seen[letter] = true;
    *places[letter] = static_cast<int64_t>(i);
  }
  if (!seen[0] || !seen[1]) fail();
}

void read_value(Lexer& lexer, ConvDimensions& value) {
  const size_t position = lexer.next_position();
  // The whole is one word up to the '>': 'b01f_01io-'.
  std::string_view left = lexer.expect_word("dimension labels, e.g. b01f_01io->b01f");
  const size_t underscore = left.find('_');
  if (underscore == std::string_view::npos || left.back() != '-' || !lexer.accept('>')) {
    lexer.fail_at(position, "expected dimension labels of the form b01f_01io->b01f");
  }
  left.remove_suffix(1);
  const std::string_view output = lexer.expect_word("the labels of the output");
  read_labels(lexer, position, left.substr(0, underscore), {'b', 'f'}, {&value.input_batch, &value.input_feature},
              value.input_spatial);
  read_labels(lexer, position, left.substr(underscore + 1), {'i', 'o'},
              {&value.kernel_input_feature, &value.kernel_output_feature}, value.kernel_spatial);
  read_labels(lexer, position, output, {'b', 'f'}, {&value.output_batch, &value.output_feature}, value.output_spatial);
  if (value.input_spatial.size() != value.kernel_spatial.size() ||
      value.input_spatial.size() != value.output_spatial.size()) {
    lexer.fail_at(position, "the labels of input, kernel and output must have the same number of digits");
  }
}

// ---- groups of devices ----------------------------------------------------------------------------------------------

void read_value(Lexer& lexer, ReplicaGroups& value) {
  if (lexer.peek() == '[') {
    value.iota = read_tiles(lexer);
    return;
  }
  if (mesh_is_next(lexer)) {
    value = read_named_groups(lexer);
    return;
  }
  lexer.expect('{', "before the replica groups");
  if (lexer.accept('}')) return;
  do {
    const Dims group = read_dims(lexer, "a replica group");
    value.groups.emplace_back(group.begin(), group.end());
  } while (lexer.accept(','));
  lexer.expect('}', "after the replica groups");
}

void read_value(Lexer& lexer, SourceTargetPairs& value) {
  lexer.expect('{', "before the source-target pairs");
  if (lexer.accept('}')) return;
  std::vector<SourceTargetPairs::Pair> pairs;
  do {
    lexer.expect('{', "before a source-target pair");
    const int64_t source = lexer.integer("a source");
    lexer.expect(',', "between source and target");
    pairs.emplace_back(source, lexer.integer("a target"));
    lexer.expect('}', "after a source-target pair");
  } while (lexer.accept(','));
  lexer.expect('}', "after the source-target pairs");
  value = std::move(pairs);
}

// ---- containers; they stand after the overloads that they call
// ---------------------------------------------------------

template <class T>
void read_value(Lexer& lexer, std::vector<T>& value) {
  lexer.expect('{', "before the list");
  if (lexer.accept('}')) return;
  do read_value(lexer, value.emplace_back());
  while (lexer.accept(','));
  lexer.expect('}', "after the list");
}

template <class T>
void read_value(Lexer& lexer, std::optional<T>& value) {
  read_value(lexer, value.emplace());
}

// ---- fields -------------------------------------------------------------------------------------------------------

// Calls `visit(field, index)` for each field of the struct that `attributes` holds.
template <class AnyAttributes, class Visit>
void for_each_field(AnyAttributes& attributes, Visit visit) {
  std::visit(
      [&]<class Struct>(Struct& value) {
        std::apply(
            [&](const auto&... field) {
              size_t index = 0;
              (visit(value, field, index++), ...);
            },
            std::remove_const_t<Struct>::fields());
      },
      attributes);
}

}  // namespace

bool read_attribute(Lexer& lexer, std::string_view name, Attributes& attributes, uint64_t& seen) {
  bool found = false;
  const size_t position = lexer.position();
  for_each_field(attributes, [&](auto& value, const auto& field, size_t index) {
    if (found || field.name != name) return;
    if ((seen >> index & 1) != 0) lexer.fail_at(position, "the attribute '" + std::string(name) + "' stands twice");
    seen |= uint64_t{1} << index;
    read_value(lexer, value.*field.member);
    found = true;
  });
  return found;
}

void check_required(Lexer& lexer, size_t position, const Attributes& attributes, uint64_t seen) {
  for_each_field(attributes, [&](const auto&, const auto& field, size_t index) {
    if (field.presence == Presence::required && (seen >> index & 1) == 0) {
      lexer.fail_at(position, "the attribute '" + std::string(field.name) + "' is missing");
    }
  });
}

std::vector<std::string_view> attribute_names(const Attributes& attributes) {
  std::vector<std::string_view> names;
  for_each_field(attributes, [&](const auto&, const auto& field, size_t) { names.push_back(field.name); });
  return names;
}

}  // namespace gshard
