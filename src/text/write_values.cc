// Shapes, shardings, metadata and the values of constants as text.
#include <array>
#include <charconv>
#include <cstring>

#include "text/float_text.h"
#include "text/quote.h"
#include "text/write.h"

namespace gshard {

void write_integer(std::string& out, int64_t value) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof(text), value).ptr);
}

// ---- shapes ---------------------------------------------------------------------------------------------------------

namespace {

void write_layout(std::string& out, const Shape& shape) {
  if (shape.layout() == nullptr) {
    if (shape.rank() == 0) return;
    out += '{';
    for (size_t i = shape.rank(); i-- > 0;) {
      write_integer(out, static_cast<int64_t>(i));
      if (i > 0) out += ',';
    }
    out += '}';
    return;
  }
  out += '{';
  write_integers(out, shape.layout()->minor_to_major);
  if (!shape.layout()->suffix.empty()) out.append(":").append(shape.layout()->suffix);
  out += '}';
}

}  // namespace

void write_shape(std::string& out, const Shape& shape, ShapeStyle style) {
  if (shape.is_tuple()) {
    out += '(';
    write_indexed_list(out, shape.elements(), [&](const Shape& element) { write_shape(out, element, style); });
    out += ')';
    return;
  }
  out += name_of(shape.type());
  out += '[';
  write_integers(out, shape.dims());
  out += ']';
  if (style == ShapeStyle::full && shape.is_array()) write_layout(out, shape);
}

// ---- shardings ------------------------------------------------------------------------------------------------------

void write_tiles(std::string& out, const TileAssignment& tiles) {
  out += '[';
  write_integers(out, tiles.dims);
  out += ']';
  if (!tiles.devices.empty()) {
    write_list(out, tiles.devices, ",", [&](int64_t device) { write_integer(out, device); });
    return;
  }
  out += "<=[";
  write_integers(out, tiles.reshape_dims);
  out += ']';
  if (tiles.transpose_perm.empty()) return;
  out += "T(";
  write_integers(out, tiles.transpose_perm);
  out += ')';
}

namespace {

void write_subgroups(std::string& out, const std::vector<HloSharding::Subgroup>& subgroups) {
  constexpr std::array<std::string_view, 3> kWords = {"replicated", "manual", "unreduced"};
  out += " last_tile_dims={";
  write_list(out, subgroups, ", ",
             [&](HloSharding::Subgroup subgroup) { out += kWords[static_cast<size_t>(subgroup)]; });
  out += '}';
}

void write_kind(std::string& out, const HloSharding& sharding) {
  switch (sharding.kind) {
    case HloSharding::Kind::replicated:
      out += "replicated";
      break;
    case HloSharding::Kind::manual:
      out += "manual";
      break;
    case HloSharding::Kind::unreduced:
      out += "unreduced";
      break;
    case HloSharding::Kind::unknown:
      out += "unknown";
      break;
    case HloSharding::Kind::tuple:
      break;
    case HloSharding::Kind::maximal:
      out += "maximal device=";
      write_integer(out, sharding.device);
      break;
    case HloSharding::Kind::tiled:
      out += "devices=";
      write_tiles(out, sharding.tiles);
      if (sharding.last_tile_dim_replicate) out += " last_tile_dim_replicate";
      if (!sharding.subgroups.empty()) write_subgroups(out, sharding.subgroups);
      break;
  }
}

}  // namespace

void write_sharding(std::string& out, const HloSharding& sharding) {
  out += '{';
  if (!sharding.named.empty()) {
    out.append(sharding.named) += '}';
    return;
  }
  if (sharding.kind == HloSharding::Kind::tuple) {
    write_indexed_list(out, sharding.elements, [&](const HloSharding& element) { write_sharding(out, element); });
    out += '}';
    return;
  }
  write_kind(out, sharding);
  if (sharding.group != HloSharding::Group::none) {
    out += sharding.group == HloSharding::Group::shard_as ? " shard_as " : " shard_like ";
    write_integer(out, sharding.group_id);
  }
  if (!sharding.metadata.empty()) out.append(" metadata={").append(sharding.metadata).append("}");
  out += '}';
}

// ---- notes ----------------------------------------------------------------------------------------------------------

void write_metadata(std::string& out, const Metadata& metadata) {
  char separator = '{';
  const auto text = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    out += separator;
    separator = ' ';
    out.append(name) += '=';
    append_quoted(out, value);
  };
  const auto number = [&](std::string_view name, int64_t value) {
    if (value == 0) return;
    out += separator;
    separator = ' ';
    out.append(name) += '=';
    write_integer(out, value);
  };
  text("op_type", metadata.op_type);
  text("op_name", metadata.op_name);
  text("source_file", metadata.source_file);
  number("source_line", metadata.source_line);
  number("source_end_line", metadata.source_end_line);
  number("source_column", metadata.source_column);
  number("source_end_column", metadata.source_end_column);
  if (!metadata.rest.empty()) {
    out += separator;
    separator = ' ';
    out += metadata.rest;
  }
  text("deduplicated_name", metadata.deduplicated_name);
  text("scheduling_name", metadata.scheduling_name);
  number("stack_frame_id", metadata.stack_frame_id);
  if (separator == '{') out += '{';
  out += '}';
}

void write_frontend_attributes(std::string& out, const FrontendAttributes& attributes) {
  out += '{';
  write_list(out, attributes, ",", [&](const auto& attribute) {
    out.append(attribute.first) += '=';
    out += quote_unless_json(attribute.second);
  });
  out += '}';
}

// ---- constants ------------------------------------------------------------------------------------------------------

namespace {

void write_element(std::string& out, DType type, const std::byte* in, size_t rank) {
  switch (class_of(type)) {
    case DTypeClass::boolean:
      if (rank > 0) {
        out += *in != std::byte{0} ? '1' : '0';
      } else {
        out += *in != std::byte{0} ? "true" : "false";
      }
      return;
    case DTypeClass::signed_int: {
      // Sign-extends what is held in fewer than eight bytes.
      const int unused = 64 - 8 * static_cast<int>(bytes_of(type));
      uint64_t bits = 0;
      std::memcpy(&bits, in, static_cast<size_t>(bytes_of(type)));
      return write_integer(out, static_cast<int64_t>(bits << unused) >> unused);
    }
    case DTypeClass::unsigned_int: {
      uint64_t bits = 0;
      std::memcpy(&bits, in, static_cast<size_t>(bytes_of(type)));
      char text[24];
      out.append(text, std::to_chars(text, text + sizeof(text), bits).ptr);
      return;
    }
    case DTypeClass::floating:
      return append_float(out, type, in);
    case DTypeClass::complex_float:
      out += '(';
      append_float(out, real_part_type(type), in);
      out += ", ";
      append_float(out, real_part_type(type), in + bytes_of(type) / 2);
      out += ')';
      return;
    case DTypeClass::other:
      return;
  }
}

// XLA's way to nest the values of an array: spaces inside of all braces but those of a vector and of rows of at most
// one value; from rank 4 on, a comment with the last index at the head of each part that is more than a row.
class ArrayWriter {
 public:
  ArrayWriter(std::string& out, const Literal& literal)
      : out_(out), shape_(literal.shape()), in_(literal.bytes()), step_(bytes_of(shape_.type())) {}

  // Writes one part: the values whose first `dim` indices are fixed, the last of them at `index`.
  void write(size_t dim, int64_t index) {
    if (dim == shape_.rank()) {
      write_element(out_, shape_.type(), in_, shape_.rank());
      in_ += step_;
      return;
    }
    const int64_t size = shape_.dim(dim);
    const bool is_row = dim + 1 == shape_.rank();
    const bool is_tight = is_row && (shape_.rank() == 1 || size <= 1);
    const bool has_index = shape_.rank() > 3 && dim > 0 && !is_row;
    out_ += '{';
    if (has_index) write_index(dim - 1, index);
    if (!is_tight && (size > 0 || !has_index)) out_ += ' ';
    for (int64_t i = 0; i < size; ++i) {
      if (i > 0) out_ += ", ";
      write(dim + 1, i);
    }
    out_ += is_tight ? "}" : " }";
  }

 private:
  void write_index(size_t dim, int64_t index) {
    out_ += " /*i";
    write_integer(out_, static_cast<int64_t>(dim));
    out_ += '=';
    write_integer(out_, index);
    out_ += "*/";
  }

  std::string& out_;
  const Shape& shape_;
  const std::byte* in_;
  int64_t step_;
};

}  // namespace

void write_literal(std::string& out, const Literal& literal, const PrintOptions& options) {
  const Shape& shape = literal.shape();
  const bool is_large = shape.is_tuple() ? shape.tuple_size() > 0 : shape.element_count() > 10;
  if (literal.is_elided() || (!options.large_constants && is_large)) {
    out += "{...}";
  } else if (shape.is_tuple()) {
    out += "( ";
    write_list(out, literal.elements(), ", ", [&](const Literal& part) { write_literal(out, part, options); });
    out += " )";
  } else {
    ArrayWriter(out, literal).write(0, 0);
  }
}

}  // namespace gshard
