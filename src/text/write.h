// The pieces of HLO text, appended to a string: the counterpart of read.h.
#pragma once

#include <string>

#include "ir/attributes.h"
#include "ir/hlo_sharding.h"
#include "ir/instruction.h"
#include "ir/literal.h"
#include "ir/module.h"
#include "ir/shape.h"
#include "text/print.h"

namespace gshard {

enum class ShapeStyle : uint8_t {
  full,  // with layouts; a null layout is printed as the default one
  bare,  // types and sizes only, as in a computation's signature
};

void write_shape(std::string& out, const Shape& shape, ShapeStyle style);
void write_literal(std::string& out, const Literal& literal, const PrintOptions& options);
void write_sharding(std::string& out, const HloSharding& sharding);
// "[2,4]<=[8]T(1,0)" or "[2,2]0,1,2,3".
void write_tiles(std::string& out, const TileAssignment& tiles);
void write_metadata(std::string& out, const Metadata& metadata);
void write_frontend_attributes(std::string& out, const FrontendAttributes& attributes);
void write_header(std::string& out, const Module& module);
void write_source_tables(std::string& out, const SourceTables& tables);

// ", name=value" for each field of the op's struct that is to be printed before the called computations, or after.
enum class AttributePlace : uint8_t { before_callees, after_callees };
void write_attributes(std::string& out, Op op, const Attributes& attributes, AttributePlace place);

void write_integer(std::string& out, int64_t value);

// Writes the elements of a range with `separator` between them.
template <class Range, class Write>
void write_list(std::string& out, const Range& range, std::string_view separator, Write write) {
  bool first = true;
  for (const auto& element : range) {
    if (!first) out += separator;
    first = false;
    write(element);
  }
}
// The same with `/*index=5*/` before every fifth element but the first, as XLA does in long lists.
template <class Range, class Write>
void write_indexed_list(std::string& out, const Range& range, Write write) {
  size_t index = 0;
  for (const auto& element : range) {
    if (index > 0) out += ", ";
    if (index > 0 && index % 5 == 0) {
      out += "/*index=";
      write_integer(out, static_cast<int64_t>(index));
      out += "*/";
    }
    write(element);
    ++index;
  }
}
inline void write_integers(std::string& out, const Dims& values) {
  write_list(out, values, ",", [&](int64_t value) { write_integer(out, value); });
}

}  // namespace gshard
