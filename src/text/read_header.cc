// The first line of a module, and the tables of source locations.
#include <array>
#include <set>

#include "text/read.h"

namespace gshard {
namespace {

// ---- values of the header -------------------------------------------------------------------------------------------

TupleIndex read_tuple_index(Lexer& lexer) {
  const Dims index = read_dims(lexer, "a tuple index");
  return {index.begin(), index.end()};
}

// { {1}: (0, {}, may-alias), ... }
void read_aliases(Lexer& lexer, ModuleHeader& header) {
  lexer.expect('{', "before the aliases");
  if (lexer.accept('}')) return;
  do {
    InputOutputAlias alias;
    alias.output = read_tuple_index(lexer);
    lexer.expect(':', "after the output");
    const bool is_short = !lexer.accept('(');  // {1}: 0 is {1}: (0, {}, may-alias)
    alias.parameter = lexer.size("a parameter number");
    if (is_short) {
      header.input_output_alias.push_back(std::move(alias));
      continue;
    }
    lexer.expect(',', "after the parameter");
    alias.parameter_index = read_tuple_index(lexer);
    if (lexer.accept(',')) {
      alias.must = lexer.accept_word("must-alias");
      if (!alias.must && !lexer.accept_word("may-alias")) {
        lexer.fail("expected may-alias or must-alias, found " + lexer.shown_next());
      }
    }
    lexer.expect(')', "after the alias");
    header.input_output_alias.push_back(std::move(alias));
  } while (lexer.accept(','));
  lexer.expect('}', "after the aliases");
}

// { (0, {}), (1, {2}) }
void read_donors(Lexer& lexer, ModuleHeader& header) {
  lexer.expect('{', "before the buffer donors");
  if (lexer.accept('}')) return;
  do {
    BufferDonor donor;
    lexer.expect('(', "before a buffer donor");
    donor.parameter = lexer.size("a parameter number");
    lexer.expect(',', "after the parameter");
    donor.parameter_index = read_tuple_index(lexer);
    lexer.expect(')', "after a buffer donor");
    header.buffer_donor.push_back(std::move(donor));
  } while (lexer.accept(','));
  lexer.expect('}', "after the buffer donors");
}

// {(f32[4]{0}, s32[])->f32[4]{0}}
void read_entry_layout(Lexer& lexer, ModuleHeader& header) {
  lexer.expect('{', "before the entry computation's layout");
  lexer.expect('(', "before the parameters' layouts");
  auto& parameters = header.entry_parameter_layouts.emplace();
  if (!lexer.accept(')')) {
    do parameters.push_back(read_shape(lexer));
    while (lexer.accept(','));
    lexer.expect(')', "after the parameters' layouts");
  }
  lexer.expect("->", "before the result's layout");
  header.entry_result_layout = read_shape(lexer);
  lexer.expect('}', "after the entry computation's layout");
}

bool read_flag(Lexer& lexer) {
  if (lexer.accept_word("true")) return true;
  if (lexer.accept_word("false")) return false;
  lexer.fail("expected true or false, found " + lexer.shown_next());
}

std::vector<bool> read_flags(Lexer& lexer) {
  std::vector<bool> flags;
  lexer.expect('{', "before the flags");
  if (lexer.accept('}')) return flags;
  do flags.push_back(read_flag(lexer));
  while (lexer.accept(','));
  lexer.expect('}', "after the flags");
  return flags;
}

// A value that is only kept.
std::string read_other(Lexer& lexer) {
  if (lexer.peek() == '{') return std::string(lexer.braces("a value"));
  if (lexer.peek() == '"') return std::string(lexer.quoted("a value"));
  return std::string(lexer.expect_word("a value"));
}

using ReadValue = void (*)(Lexer&, ModuleHeader&);

constexpr std::array<std::pair<std::string_view, ReadValue>, 9> kValues = {{
    {"entry_computation_layout", read_entry_layout},
    {"input_output_alias", read_aliases},
    {"buffer_donor", read_donors},
    {"is_scheduled", [](Lexer& lexer, ModuleHeader& header) { header.is_scheduled = read_flag(lexer); }},
    {"num_partitions", [](Lexer& lexer, ModuleHeader& header) { header.num_partitions = lexer.size("a number"); }},
    {"replica_count", [](Lexer& lexer, ModuleHeader& header) { header.replica_count = lexer.size("a number"); }},
    {"allow_spmd_sharding_propagation_to_parameters",
     [](Lexer& lexer, ModuleHeader& header) {
       header.allow_spmd_sharding_propagation_to_parameters = read_flags(lexer);
     }},
    {"allow_spmd_sharding_propagation_to_output",
     [](Lexer& lexer, ModuleHeader& header) { header.allow_spmd_sharding_propagation_to_output = read_flags(lexer); }},
    {"frontend_attributes",
     [](Lexer& lexer, ModuleHeader& header) { header.frontend_attributes = read_frontend_attributes(lexer); }},
}};

void read_header_value(Lexer& lexer, std::string_view name, ModuleHeader& header) {
  for (const auto& [known, read] : kValues) {
    if (known == name) return read(lexer, header);
  }
  // In the order in which they are printed.
  std::pair<std::string, std::string> other(name, read_other(lexer));
  header.others.insert(name == "alias_passthrough_params" ? header.others.begin() : header.others.end(),
                       std::move(other));
}

// ---- source tables --------------------------------------------------------------------------------------------------

// The id of a row; rows are numbered from 1 without gaps.
void expect_id(Lexer& lexer, size_t id) {
  const size_t position = lexer.next_position();
  const int64_t found = lexer.size("the number of a row");
  if (found != static_cast<int64_t>(id)) {
    lexer.fail_at(position, "the rows of a table are numbered from 1 without gaps; this one is " +
                                std::to_string(found) + " instead of " + std::to_string(id));
  }
}

bool row_is_next(Lexer& lexer) {
  const char c = lexer.peek();
  return c >= '0' && c <= '9';
}

void read_strings(Lexer& lexer, std::vector<std::string>& table) {
  while (row_is_next(lexer)) {
    expect_id(lexer, table.size() + 1);
    table.push_back(lexer.string("a name"));
  }
}

// {file_name_id=1 function_name_id=2 ...} into the members that the keys name.
template <class Row, size_t N>
void read_rows(Lexer& lexer, std::vector<Row>& table,
               const std::array<std::pair<std::string_view, int64_t Row::*>, N>& columns) {
  while (row_is_next(lexer)) {
    expect_id(lexer, table.size() + 1);
    Row& row = table.emplace_back();
    lexer.expect('{', "before the row");
    while (!lexer.accept('}')) {
      const size_t position = lexer.next_position();
      const std::string_view key = lexer.expect_word("a column of the table");
      lexer.expect('=', "after " + std::string(key));
      bool found = false;
      for (const auto& [name, member] : columns) {
        if (name == key) row.*member = lexer.integer(key), found = true;
      }
      if (!found) lexer.fail_at(position, "unknown column '" + std::string(key) + "'");
      lexer.accept(',');
    }
  }
}

constexpr std::array<std::pair<std::string_view, int64_t SourceTables::Location::*>, 6> kLocationColumns = {
    {{"file_name_id", &SourceTables::Location::file},
     {"function_name_id", &SourceTables::Location::function},
     {"line", &SourceTables::Location::line},
     {"end_line", &SourceTables::Location::end_line},
     {"column", &SourceTables::Location::column},
     {"end_column", &SourceTables::Location::end_column}}};

constexpr std::array<std::pair<std::string_view, int64_t SourceTables::Frame::*>, 2> kFrameColumns = {
    {{"file_location_id", &SourceTables::Frame::location}, {"parent_frame_id", &SourceTables::Frame::parent}}};

// A table's title stands before a row, and not before what a computation of that name would have.
bool accept_title(Lexer& lexer, std::string_view title) {
  const Lexer::Mark mark = lexer.mark();
  if (lexer.accept_word(title)) {
    const char c = lexer.peek();
    if (c != '{' && c != '(') return true;
  }
  lexer.reset(mark);
  return false;
}

}  // namespace

std::string read_header(Lexer& lexer, ModuleHeader& header) {
  if (!lexer.accept_word("HloModule")) return "module";
  std::string name(lexer.name("the module's name"));
  std::set<std::string_view> seen;
  while (lexer.accept(',')) {
    const size_t position = lexer.next_position();
    const std::string_view key = lexer.expect_word("an attribute of the module");
    if (!seen.insert(key).second) lexer.fail_at(position, "the attribute '" + std::string(key) + "' stands twice");
    lexer.expect('=', "after " + std::string(key));
    read_header_value(lexer, key, header);
  }
  return name;
}

void read_source_tables(Lexer& lexer, SourceTables& tables) {
  while (true) {
    if (accept_title(lexer, "FileNames")) {
      read_strings(lexer, tables.files);
    } else if (accept_title(lexer, "FunctionNames")) {
      read_strings(lexer, tables.functions);
    } else if (accept_title(lexer, "FileLocations")) {
      read_rows(lexer, tables.locations, kLocationColumns);
    } else if (accept_title(lexer, "StackFrames")) {
      read_rows(lexer, tables.frames, kFrameColumns);
    } else {
      return;
    }
  }
}

}  // namespace gshard
