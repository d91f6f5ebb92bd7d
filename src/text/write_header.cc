// The first line of a module, and the tables of source locations.
#include "text/quote.h"
#include "text/write.h"

namespace gshard {
namespace {

void write_tuple_index(std::string& out, const TupleIndex& index) {
  out += '{';
  write_list(out, index, ",", [&](int64_t i) { write_integer(out, i); });
  out += '}';
}

void write_aliases(std::string& out, const std::vector<InputOutputAlias>& aliases) {
  if (aliases.empty()) return;
  out += ", input_output_alias={ ";
  write_list(out, aliases, ", ", [&](const InputOutputAlias& alias) {
    write_tuple_index(out, alias.output);
    out += ": (";
    write_integer(out, alias.parameter);
    out += ", ";
    write_tuple_index(out, alias.parameter_index);
    out += alias.must ? ", must-alias)" : ", may-alias)";
  });
  out += " }";
}

void write_donors(std::string& out, const std::vector<BufferDonor>& donors) {
  if (donors.empty()) return;
  out += ", buffer_donor={ ";
  write_list(out, donors, ", ", [&](const BufferDonor& donor) {
    out += '(';
    write_integer(out, donor.parameter);
    out += ", ";
    write_tuple_index(out, donor.parameter_index);
    out += ')';
  });
  out += " }";
}

// The layouts that the header names, else those of the entry computation itself.
void write_entry_layout(std::string& out, const Module& module) {
  const ModuleHeader& header = module.header();
  const auto write = [&](const Shape& shape) { write_shape(out, shape, ShapeStyle::full); };
  out += ", entry_computation_layout={(";
  if (header.entry_parameter_layouts) {
    write_indexed_list(out, *header.entry_parameter_layouts, write);
  } else {
    write_indexed_list(out, module.entry()->parameters(),
                       [&](const Instruction* parameter) { write(parameter->shape()); });
  }
  out += ")->";
  write(header.entry_result_layout ? *header.entry_result_layout : module.entry()->root()->shape());
  out += '}';
}

void write_flags(std::string& out, std::string_view name, const std::vector<bool>& flags) {
  if (flags.empty()) return;
  out.append(", ").append(name).append("={");
  write_list(out, flags, ",", [&](bool flag) { out += flag ? "true" : "false"; });
  out += '}';
}

void write_number(std::string& out, std::string_view name, int64_t value, int64_t omitted) {
  if (value == omitted) return;
  out.append(", ").append(name) += '=';
  write_integer(out, value);
}

enum class OthersPlace : uint8_t { before_layout, at_end };

// What is only kept. XLA ends the line after the origin recovery table, which has lines of its own.
void write_others(std::string& out, const ModuleHeader& header, OthersPlace place) {
  for (const auto& [name, value] : header.others) {
    const bool is_early = name == "alias_passthrough_params";
    if (is_early != (place == OthersPlace::before_layout)) continue;
    out.append(", ").append(name).append("=").append(value);
    if (name == "origin_recovery_table") out += '\n';
  }
}

void write_strings(std::string& out, std::string_view title, const std::vector<std::string>& table) {
  out.append(title) += '\n';
  int64_t id = 0;
  for (const std::string& row : table) {
    write_integer(out, ++id);
    out += ' ';
    append_quoted(out, row);
    out += '\n';
  }
  out += '\n';
}

}  // namespace

void write_header(std::string& out, const Module& module) {
  const ModuleHeader& header = module.header();
  out.append("HloModule ").append(module.name());
  if (header.is_scheduled) out += ", is_scheduled=true";
  write_aliases(out, header.input_output_alias);
  write_donors(out, header.buffer_donor);
  write_others(out, header, OthersPlace::before_layout);
  write_entry_layout(out, module);
  write_flags(out, "allow_spmd_sharding_propagation_to_parameters",
              header.allow_spmd_sharding_propagation_to_parameters);
  write_flags(out, "allow_spmd_sharding_propagation_to_output", header.allow_spmd_sharding_propagation_to_output);
  write_number(out, "replica_count", header.replica_count, 1);
  write_number(out, "num_partitions", header.num_partitions, 1);
  if (!header.frontend_attributes.empty()) {
    out += ", frontend_attributes=";
    write_frontend_attributes(out, header.frontend_attributes);
  }
  write_others(out, header, OthersPlace::at_end);
  out += "\n\n";
}

void write_source_tables(std::string& out, const SourceTables& tables) {
  if (tables.empty()) return;
  const auto column = [&](std::string_view name, int64_t value) {
    out.append(name) += '=';
    write_integer(out, value);
  };
  write_strings(out, "FileNames", tables.files);
  write_strings(out, "FunctionNames", tables.functions);
  out += "FileLocations\n";
  int64_t id = 0;
  for (const SourceTables::Location& row : tables.locations) {
    write_integer(out, ++id);
    column(" {file_name_id", row.file);
    column(" function_name_id", row.function);
    column(" line", row.line);
    column(" end_line", row.end_line);
    column(" column", row.column);
    column(" end_column", row.end_column);
    out += "}\n";
  }
  out += "\nStackFrames\n";
  id = 0;
  for (const SourceTables::Frame& row : tables.frames) {
    write_integer(out, ++id);
    column(" {file_location_id", row.location);
    column(" parent_frame_id", row.parent);
    out += "}\n";
  }
  out += "\n\n";
}

}  // namespace gshard
