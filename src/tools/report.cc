#include "tools/report.h"

#include <fmt/format.h>

#include <numeric>

#include "ir/op.h"
#include "runtime/place_in_model.h"
#include "shard/value_table.h"
#include "tools/table.h"

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

// The type of one leaf of an instruction's result.
const Shape& shape_of_leaf(const Shape& shape, size_t leaf) {
  if (!shape.is_tuple()) return shape;
  size_t element = 0;
  LeafRange range = leaves_of_element(shape, element);
  while (leaf >= range.first + range.count) range = leaves_of_element(shape, ++element);
  return shape_of_leaf(shape.element(element), leaf - range.first);
}

std::string place_in_brackets(const Instruction& i) {
  const std::string place = place_in_model(i);
  return place.empty() ? "" : fmt::format(" ({})", place);
}

constexpr size_t kMostListed = 20;

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

Json json_of(const Estimate& estimate) {
  Json held = Json::array();
  for (size_t n = 0; n < std::min(estimate.at_peak.size(), kMostListed); ++n) {
    const LiveValue& live = estimate.at_peak[n];
    held.push_back({{"value", json_of(live.value)},
                    {"shape", shape_of_leaf(live.value->shape(), live.leaf).to_string()},
                    {"cause", json_of(live.maker)},
                    {"bytes", live.bytes}});
  }
  return {{"seconds", estimate.time.seconds()},
          {"operations_seconds", estimate.time.operations_seconds},
          {"traffic_seconds", estimate.time.traffic_seconds},
          {"sending_seconds", estimate.time.sending_seconds},
          {"bytes_sent", estimate.time.bytes_sent},
          {"peak_bytes", estimate.peak_bytes},
          {"at_peak", std::move(held)}};
}

std::string text_of(const LiveValue& live) {
  std::string text =
      fmt::format("%{} {}{}", live.value->name(), shape_of_leaf(live.value->shape(), live.leaf).to_string(),
                  place_in_brackets(*live.value));
  if (live.maker == nullptr || live.maker == live.value) return text;
  return text + fmt::format(", as %{} = {}{} wants it", live.maker->name(), keyword_of(live.maker->op()),
                            place_in_brackets(*live.maker));
}

std::string shortage_text(const Estimate& shortage, const Machine& machine) {
  std::string text = fmt::format("each device holds {} at once, of which {} has {}; no plan was found that takes less",
                                 human_bytes(shortage.peak_bytes), machine.name, human_bytes(machine.memory_bytes));
  for (size_t n = 0; n < std::min<size_t>(shortage.at_peak.size(), 3); ++n) {
    const LiveValue& live = shortage.at_peak[n];
    text +=
        fmt::format("{} {} of {}", n == 0 ? ". The largest values then:" : ";", human_bytes(live.bytes), text_of(live));
  }
  return text;
}

std::string json_text(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace gshard
