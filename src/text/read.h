// The pieces of HLO text: each function reads one piece from where the lexer stands and throws Error(program), with
// the place, where something else stands there. parse.cc puts them together to a module.
#pragma once

#include <string_view>
#include <vector>

#include "ir/attributes.h"
#include "ir/hlo_sharding.h"
#include "ir/instruction.h"
#include "ir/literal.h"
#include "ir/module.h"
#include "ir/shape.h"
#include "text/lexer.h"

namespace gshard {

// f32[8,128]{1,0:T(8,128)}, (s32[], token[]). A default layout ({1,0} for rank 2) becomes a null one.
Shape read_shape(Lexer& lexer);
// Whether a shape stands next, and not a name, an opcode or a number.
bool shape_is_next(Lexer& lexer);

// What stands between the parentheses of a constant of type `shape`.
Literal read_literal(Lexer& lexer, const Shape& shape);

// {devices=[2,1]<=[2]}, {{replicated}, {manual}}.
HloSharding read_sharding(Lexer& lexer);
// [2,4]<=[8]T(1,0) or [2,2]0,1,2,3, after `devices=`.
TileAssignment read_tiles(Lexer& lexer);
// mesh['x'=2,'y'=4], [{'x'}, {'y'}], ... up to the closing brace.
bool mesh_is_next(Lexer& lexer);
HloSharding read_named_sharding(Lexer& lexer);
// mesh['x'=2,'y'=4] {'x'}.
ReplicaGroups read_named_groups(Lexer& lexer);
// T(1,0), or nothing, after the sizes `tiles.reshape_dims`.
void read_transposition(Lexer& lexer, TileAssignment& tiles);
// Merges what an iota's reshape and transpose leave together, as XLA does: <=[2,2]T(0,1) is <=[4].
void simplify(TileAssignment& tiles);

// {op_name="..." source_line=3}.
Metadata read_metadata(Lexer& lexer);
// {name="value",name={...}}, sorted by name. A value is the content of its string, or its JSON object with the braces.
FrontendAttributes read_frontend_attributes(Lexer& lexer);

// HloModule name, key=value, ...; the header may be missing. Returns the module's name.
std::string read_header(Lexer& lexer, ModuleHeader& header);
// FileNames, FunctionNames, FileLocations and StackFrames, where they stand next.
void read_source_tables(Lexer& lexer, SourceTables& tables);

// {1,0}, or {} for none. `what` completes "expected ...".
Dims read_dims(Lexer& lexer, std::string_view what);

// Reads the value of the field `name` of `attributes` (of whichever struct it holds) after the '='. Returns false,
// and reads nothing, where the struct has no such field. `seen` has a bit per field; a second time is an error.
bool read_attribute(Lexer& lexer, std::string_view name, Attributes& attributes, uint64_t& seen);
// Throws where a required field is not in `seen`.
void check_required(Lexer& lexer, size_t position, const Attributes& attributes, uint64_t seen);
// The names of the struct's fields.
std::vector<std::string_view> attribute_names(const Attributes& attributes);

}  // namespace gshard
