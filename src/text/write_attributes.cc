// The attributes of each op's struct as text: one overload of write_value per type of value.
#include <algorithm>
#include <charconv>

#include "text/quote.h"
#include "text/write.h"

namespace gshard {
namespace {

class ValueWriter {
 public:
  explicit ValueWriter(std::string& out) : out_(out) {}

  void write(int64_t value) { write_integer(out_, value); }
  void write(bool value) { out_ += value ? "true" : "false"; }
  void write(float value);
  void write(const std::string& value) { append_quoted(out_, value); }
  void write(const Dims& value) {
    out_ += '{';
    write_integers(out_, value);
    out_ += '}';
  }
  void write(const Word& value) { out_ += value.text; }
  void write(const RawBraces& value) { out_ += value.text; }
  void write(const Shape& value) { write_shape(out_, value, ShapeStyle::full); }
  void write(const Literal& value);
  template <class E>
  requires std::is_enum_v<E>
  void write(E value) { out_ += EnumWords<E>::words[static_cast<size_t>(value)]; }
  template <class T>
  void write(const std::optional<T>& value) {
    write(*value);
  }
  void write(const std::vector<Precision>& value) { write_braced(value, ","); }
  void write(const std::vector<Shape>& value) { write_braced(value, ", "); }
  void write(const Window& value);
  void write(const ConvDimensions& value);
  void write(const Padding& value);
  void write(const SliceRanges& value);
  void write(const ReplicaGroups& value);
  void write(const SourceTargetPairs& value);

 private:
  template <class T>
  void write_braced(const std::vector<T>& values, std::string_view separator) {
    out_ += '{';
    write_list(out_, values, separator, [&](const T& value) { write(value); });
    out_ += '}';
  }
  // key=1x2x3, where any dimension differs from the default.
  template <class Differs, class WriteOne>
  void write_window_part(const Window& window, std::string_view key, Differs differs, WriteOne write_one);
  void write_labels(char first, int64_t first_at, char second, int64_t second_at, const Dims& spatial);

  std::string& out_;
};

void ValueWriter::write(float value) {
  char text[40];
  out_.append(text, std::to_chars(text, text + sizeof(text), value, std::chars_format::general, 6).ptr);
}

void ValueWriter::write(const Literal& value) {
  write_shape(out_, value.shape(), ShapeStyle::full);
  out_ += ' ';
  write_literal(out_, value, {});
}

template <class Differs, class WriteOne>
void ValueWriter::write_window_part(const Window& window, std::string_view key, Differs differs, WriteOne write_one) {
  if (!std::any_of(window.dims.begin(), window.dims.end(), differs)) return;
  if (out_.back() != '{') out_ += ' ';
  out_.append(key) += '=';
  write_list(out_, window.dims, "x", write_one);
}

void ValueWriter::write(const Window& value) {
  using Member = int64_t WindowDim::*;
  const auto numbers = [&](std::string_view key, Member member, bool always) {
    write_window_part(
        value, key, [&](const WindowDim& dim) { return always || dim.*member != 1; },
        [&](const WindowDim& dim) { write(dim.*member); });
  };
  out_ += '{';
  numbers("size", &WindowDim::size, true);
  numbers("stride", &WindowDim::stride, false);
  write_window_part(
      value, "pad", [](const WindowDim& dim) { return dim.pad_low != 0 || dim.pad_high != 0; },
      [&](const WindowDim& dim) {
        write(dim.pad_low);
        out_ += '_';
        write(dim.pad_high);
      });
  numbers("lhs_dilate", &WindowDim::base_dilation, false);
  numbers("rhs_dilate", &WindowDim::window_dilation, false);
  write_window_part(
      value, "rhs_reversal", [](const WindowDim& dim) { return dim.reversal; },
      [&](const WindowDim& dim) { out_ += dim.reversal ? '1' : '0'; });
  out_ += '}';
}

// The letters and digits at the positions that they stand for: 'b' at 0, '0' at spatial[0], ...
void ValueWriter::write_labels(char first, int64_t first_at, char second, int64_t second_at, const Dims& spatial) {
  std::string labels(spatial.size() + 2, '?');
  labels[static_cast<size_t>(first_at)] = first;
  labels[static_cast<size_t>(second_at)] = second;
  for (size_t i = 0; i < spatial.size(); ++i) labels[static_cast<size_t>(spatial[i])] = static_cast<char>('0' + i);
  out_ += labels;
}

void ValueWriter::write(const ConvDimensions& value) {
  write_labels('b', value.input_batch, 'f', value.input_feature, value.input_spatial);
  out_ += '_';
  write_labels('i', value.kernel_input_feature, 'o', value.kernel_output_feature, value.kernel_spatial);
  out_ += "->";
  write_labels('b', value.output_batch, 'f', value.output_feature, value.output_spatial);
}

void ValueWriter::write(const Padding& value) {
  // The interior stands for all dimensions or for none.
  const bool has_interior =
      std::any_of(value.dims.begin(), value.dims.end(), [](const PaddingDim& dim) { return dim.interior != 0; });
  write_list(out_, value.dims, "x", [&](const PaddingDim& dim) {
    write(dim.low);
    out_ += '_';
    write(dim.high);
    if (!has_interior) return;
    out_ += '_';
    write(dim.interior);
  });
}

void ValueWriter::write(const SliceRanges& value) {
  out_ += '{';
  for (size_t i = 0; i < value.starts.size(); ++i) {
    if (i > 0) out_ += ", ";
    out_ += '[';
    write(value.starts[i]);
    out_ += ':';
    write(value.limits[i]);
    // XLA leaves out strides only where all of them are 1.
    if (std::any_of(value.strides.begin(), value.strides.end(), [](int64_t stride) { return stride != 1; })) {
      out_ += ':';
      write(value.strides[i]);
    }
    out_ += ']';
  }
  out_ += '}';
}

void ValueWriter::write(const ReplicaGroups& value) {
  if (!value.named.empty()) {
    out_ += value.named;
    return;
  }
  if (value.iota) return write_tiles(out_, *value.iota);
  out_ += '{';
  write_list(out_, value.groups, ",", [&](const std::vector<int64_t>& group) {
    out_ += '{';
    write_list(out_, group, ",", [&](int64_t device) { write(device); });
    out_ += '}';
  });
  out_ += '}';
}

void ValueWriter::write(const SourceTargetPairs& value) {
  out_ += '{';
  write_list(out_, value.list(), ",", [&](const std::pair<int64_t, int64_t>& pair) {
    out_ += '{';
    write(pair.first);
    out_ += ',';
    write(pair.second);
    out_ += '}';
  });
  out_ += '}';
}

// XLA has the dimensions of a reduce-scatter last, those of the other collectives before use_global_device_ids.
bool is_last(Op op, std::string_view name) { return op == Op::reduce_scatter && name == "dimensions"; }

AttributePlace place_of(Op op, std::string_view name) {
  return op == Op::call && name == "is_composite" ? AttributePlace::after_callees : AttributePlace::before_callees;
}

}  // namespace

void write_attributes(std::string& out, Op op, const Attributes& attributes, AttributePlace place) {
  ValueWriter writer(out);
  std::visit(
      [&]<class Struct>(const Struct& value) {
        [[maybe_unused]] static const Struct kDefaults{};
        const auto write_field = [&](const auto& field, bool last) {
          if (is_last(op, field.name) != last || place_of(op, field.name) != place) return;
          if (field.presence == Presence::optional && value.*field.member == kDefaults.*field.member) return;
          out.append(", ").append(field.name) += '=';
          writer.write(value.*field.member);
        };
        std::apply(
            [&](const auto&... field) {
              (write_field(field, false), ...);
              (write_field(field, true), ...);
            },
            Struct::fields());
      },
      attributes);
}

}  // namespace gshard
