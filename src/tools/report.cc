#include "tools/report.h"

#include <numeric>

#include "ir/op.h"

namespace gshard {
namespace {

// An op of the whole program, or null.
Json json_of(const Instruction* instruction) {
  if (instruction == nullptr) return nullptr;
  return {{"name", instruction->name()},
          {"op", keyword_of(instruction->op())},
          {"source", model_source_of(*instruction)},
          {"line", instruction->text_line()}};
}

}  // namespace

Json json_of(const Mesh& mesh) {
  Json axes = Json::array();
  for (const MeshAxis& axis : mesh.axes()) axes.push_back({{"name", axis.name}, {"size", axis.size}});
  return axes;
}

Json json_of(const std::vector<Communication>& communications, const Mesh& mesh) {
  const double total = std::accumulate(communications.begin(), communications.end(), 0.0,
                                       [](double sum, const Communication& c) { return sum + c.bytes; });
  Json all = Json::array();
  for (const Communication& c : communications) {
    Json names = Json::array();
    for (const Instruction* collective : c.collectives) names.push_back(collective->name());
    all.push_back({{"kind", c.kind()},
                   {"collectives", std::move(names)},
                   {"value", json_of(c.value)},
                   {"shape", c.shape.to_string()},
                   {"from", c.value == nullptr ? "" : c.from.to_string(mesh)},
                   {"to", c.value == nullptr ? "" : c.to.to_string(mesh)},
                   {"cause", json_of(c.cause)},
                   {"runs", c.runs},
                   {"bytes", c.bytes},
                   {"seconds", c.seconds},
                   {"share", total > 0 ? c.bytes / total : 0}});
  }
  return all;
}

Json json_of(const std::vector<Replication>& replications, const Mesh& mesh) {
  Json all = Json::array();
  for (const Replication& r : replications) {
    all.push_back({{"value", json_of(r.value)},
                   {"cause", json_of(r.cause)},
                   {"shape", r.shape.to_string()},
                   {"from", r.from.to_string(mesh)},
                   {"bytes", r.shape.byte_size()},
                   {"annotation", r.annotation}});
  }
  return all;
}

std::string json_text(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace gshard
