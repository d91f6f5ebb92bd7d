// gshard stats: what a module consists of and what it costs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "ir/op.h"
#include "runtime/statistics.h"
#include "tools/program.h"
#include "tools/sharding_options.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "FLOPs count a multiply-add of dot and convolution as two and each element of other arithmetic\n"
    "as one; elements of exponential, log, tanh, ... are counted apart. The bodies of loops count as\n"
    "often as they run (once where that depends on data), branches as taken equally often.\n"
    "\n"
    "Examples:\n"
    "  gshard stats model.hlo\n"
    "  gshard stats --json model.hlo | jq .flops";

// Shares below this are not worth a figure.
constexpr double kLeastShare = 0.0005;

std::string heading(std::string_view text) { return "\n" + styled(Style::heading, text, Stream::out) + "\n"; }

std::string overview(const Program& program, const Statistics& s) {
  std::vector<std::pair<std::string, std::string>> lines = {
      {"module", program.module->name()},
      {"instructions",
       fmt::format("{} in {} computations", with_separators(s.instructions), with_separators(s.computations))},
      {"parameters", fmt::format("{}, {}", with_separators(s.parameters), human_bytes(s.parameter_bytes))},
      {"results", human_bytes(s.result_bytes)},
      {"FLOPs", fmt::format("{}, and {} transcendental", human_count(s.flops), human_count(s.transcendentals))},
      {"devices", with_separators(s.devices)},
      {"annotated", fmt::format("{} instructions", with_separators(s.annotated))},
  };
  for (const NamedMesh& mesh : s.meshes) {
    lines.emplace_back("mesh", (mesh.name.empty() ? "" : mesh.name + ": ") + mesh_text(mesh.mesh));
  }
  std::string text;
  for (const auto& [name, value] : lines) text += fmt::format("{:<14}{}\n", name, value);
  return text;
}

std::string count_or_blank(double count) { return count > 0 ? human_count(count) : ""; }

std::string ops_table(const Statistics& s) {
  Table table({{"op"},
               {"count", Align::right},
               {"runs", Align::right},
               {"FLOPs", Align::right},
               {"share", Align::right},
               {"transcendental", Align::right}});
  for (const OpCount& op : s.ops) {
    const double share = s.flops > 0 ? op.flops / s.flops : 0;
    table.add({std::string(keyword_of(op.op)), with_separators(op.count), human_count(op.runs),
               count_or_blank(op.flops), share >= kLeastShare ? fmt::format("{:.1f}%", 100 * share) : "",
               count_or_blank(op.transcendentals)});
  }
  return heading("operations") + table.text();
}

// The source line, or else the name of the operation there.
std::string place_in_model(const Instruction& i) {
  const std::string source = model_source_of(i);
  if (!source.empty() || i.notes().metadata == nullptr) return source;
  return i.notes().metadata->op_name;
}

std::string largest_table(const Statistics& s) {
  Table table({{"value"}, {"shape"}, {"size", Align::right}, {"where in the model"}});
  for (const LargeValue& value : s.largest) {
    const Instruction& i = *value.instruction;
    table.add({"%" + i.name(), i.shape().to_string(), human_bytes(value.bytes), place_in_model(i)});
  }
  return table.empty() ? "" : heading("largest values") + table.text();
}

std::string loops_table(const Statistics& s) {
  Table table({{"loop"}, {"trips", Align::right}, {"body"}, {"where in the model"}});
  for (const LoopCount& loop : s.loops) {
    table.add({"%" + loop.loop->name(), loop.trips ? with_separators(*loop.trips) : "unknown",
               "%" + loop.loop->callees()[1]->name(), place_in_model(*loop.loop)});
  }
  return table.empty() ? "" : heading("loops") + table.text();
}

std::string collectives_table(const Statistics& s) {
  Table table({{"collective"}, {"count", Align::right}, {"runs", Align::right}, {"operand bytes", Align::right}});
  for (const auto& collective : s.collectives) {
    table.add({std::string(keyword_of(collective.op)), with_separators(collective.count), human_count(collective.runs),
               human_bytes(collective.bytes)});
  }
  return table.empty() ? "" : heading("collectives") + table.text();
}

// An integer as long as it is exact.
nlohmann::ordered_json exact(double value) {
  constexpr double kExact = 9007199254740992;  // 2^53
  if (value < kExact) return static_cast<int64_t>(value);
  return value;
}

nlohmann::ordered_json json_of(const NamedMesh& mesh) {
  auto axes = nlohmann::ordered_json::array();
  for (const MeshAxis& axis : mesh.mesh.axes()) axes.push_back({{"name", axis.name}, {"size", axis.size}});
  return {{"name", mesh.name}, {"axes", std::move(axes)}};
}

nlohmann::ordered_json json_of(const Program& program, const Statistics& s) {
  using json = nlohmann::ordered_json;
  json ops = json::array();
  for (const OpCount& op : s.ops) {
    ops.push_back({{"op", keyword_of(op.op)},
                   {"count", op.count},
                   {"runs", exact(op.runs)},
                   {"flops", exact(op.flops)},
                   {"transcendentals", exact(op.transcendentals)}});
  }
  json largest = json::array();
  for (const LargeValue& value : s.largest) {
    const Instruction& i = *value.instruction;
    largest.push_back(
        {{"name", i.name()}, {"shape", i.shape().to_string()}, {"bytes", value.bytes}, {"source", model_source_of(i)}});
  }
  json loops = json::array();
  for (const LoopCount& loop : s.loops) {
    loops.push_back({{"name", loop.loop->name()},
                     {"body", loop.loop->callees()[1]->name()},
                     {"trips", loop.trips ? json(*loop.trips) : json(nullptr)},
                     {"source", model_source_of(*loop.loop)}});
  }
  json collectives = json::array();
  for (const auto& c : s.collectives) {
    collectives.push_back(
        {{"op", keyword_of(c.op)}, {"count", c.count}, {"runs", exact(c.runs)}, {"bytes", exact(c.bytes)}});
  }
  json meshes = json::array();
  for (const NamedMesh& mesh : s.meshes) meshes.push_back(json_of(mesh));
  return {{"module", program.module->name()},
          {"instructions", s.instructions},
          {"computations", s.computations},
          {"parameters", s.parameters},
          {"parameter_bytes", s.parameter_bytes},
          {"result_bytes", s.result_bytes},
          {"flops", exact(s.flops)},
          {"transcendentals", exact(s.transcendentals)},
          {"devices", s.devices},
          {"annotated", s.annotated},
          {"meshes", std::move(meshes)},
          {"ops", std::move(ops)},
          {"largest", std::move(largest)},
          {"loops", std::move(loops)},
          {"collectives", std::move(collectives)}};
}

int show(const std::string& file, bool as_json) {
  const Program program = read_program(file);
  const Statistics s = statistics_of(*program.module);
  if (as_json) {
    put(json_of(program, s).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  } else {
    put(overview(program, s) + ops_table(s) + largest_table(s) + loops_table(s) + collectives_table(s));
  }
  return 0;
}

}  // namespace

Command add_stats(CLI::App& root) {
  auto file = std::make_shared<std::string>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* app = add_subcommand(root, "stats", "Count instructions, bytes and FLOPs of a module", kNotes);
  app->add_option("FILE", *file, "HLO text; '-' is standard input")->required();
  app->add_flag("--json", *as_json, "Write JSON with exact numbers");
  return {app, [file, as_json] { return show(*file, *as_json); }};
}

}  // namespace gshard
