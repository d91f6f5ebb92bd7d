#include "tools/model_tables.h"

#include <fmt/format.h>

#include <map>

#include "ops/table.h"
#include "tools/table.h"
#include "tools/terminal.h"

namespace gshard {
namespace {

struct Group {
  const char* name;
  const char* within;  // the part of a name that its parameters have in common
};

// The first that fits.
constexpr Group kGroups[] = {{"gates", "/moe/gate"},       {"norms", "/scale"},          {"experts", "/moe/"},
                             {"feed-forward", "/ff/"},     {"attention", "/self/"},      {"attention", "/cross/"},
                             {"embeddings", "/embedding"}, {"embeddings", "/positions"}, {"others", ""}};

std::string group_of(const Parameter& parameter) {
  if (parameter.role == Role::input) return "batch";
  if (parameter.role == Role::state) return "state of the optimiser";
  for (const Group& group : kGroups) {
    if (parameter.name.find(group.within) != std::string::npos) return group.name;
  }
  return "others";
}

struct Total {
  int64_t arrays = 0;
  double numbers = 0;
  double bytes = 0;
  double bytes_per_device = 0;
};

}  // namespace

std::string heading(std::string_view text) { return "\n" + styled(Style::heading, text, Stream::out) + "\n"; }

std::string line(std::string_view name, std::string_view text) { return fmt::format("{:<14}{}\n", name, text); }

std::string parameters_table(const ModelProgram& program, const MeshLayout& layout) {
  std::map<std::string, Total> totals;
  for (const Parameter& parameter : program.parameters) {
    Total& total = totals[group_of(parameter)];
    total.arrays += 1;
    total.numbers += static_cast<double>(parameter.shape.element_count());
    total.bytes += static_cast<double>(parameter.shape.byte_size());
    const Shape part = parameter.shape.with_dims(part_sizes(parameter, layout));
    total.bytes_per_device += static_cast<double>(part.byte_size());
  }
  Table table({{"parameters"},
               {"arrays", Align::right},
               {"numbers", Align::right},
               {"bytes", Align::right},
               {"per device", Align::right}});
  for (const auto& [name, total] : totals) {
    table.add({name, with_separators(total.arrays), human_count(total.numbers), human_bytes(total.bytes),
               human_bytes(total.bytes_per_device)});
  }
  return "\n" + table.text();
}

std::string collectives_table(const Module& module) {
  std::map<Op, std::pair<int64_t, double>> counts;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (!has(row_of(instruction->op()).traits, Traits::collective)) continue;
      auto& [count, bytes] = counts[instruction->op()];
      count += 1;
      bytes += static_cast<double>(instruction->shape().byte_size());
    }
  }
  Table table({{"collective"}, {"count", Align::right}, {"bytes per device", Align::right}});
  for (const auto& [op, total] : counts) {
    table.add({std::string(keyword_of(op)), with_separators(total.first), human_bytes(total.second)});
  }
  return heading("collectives of a step") + table.text();
}

}  // namespace gshard
