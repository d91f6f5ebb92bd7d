// gshard explain: why values lie as they lie, and what makes the devices communicate.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <numeric>

#include "ops/table.h"
#include "runtime/place_in_model.h"
#include "runtime/prepare.h"
#include "shard/lineage.h"
#include "shard/picture.h"
#include "tools/program.h"
#include "tools/report.h"
#include "tools/sharding_options.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Of a VALUE (the name of an instruction, as 'gshard propagate' prints it): its sharding, drawn as\n"
    "a box for each piece with the numbers of the devices that hold it, and for each dimension that\n"
    "is cut the values from which it has that, back to an annotation.\n"
    "--collectives: every movement of data between devices, most bytes first: the value that moves\n"
    "and its shardings before and after, the op that made it necessary, and the bytes that each\n"
    "device sends, loops multiplied out; with --machine the estimated time too.\n"
    "--memory: the most that each device holds at once by estimate, the largest values then, and the\n"
    "time of a run; see --machine.\n"
    "Without any: the parameters and results.\n"
    "\n"
    "Examples:\n"
    "  gshard explain model.hlo\n"
    "  gshard explain model.hlo %hidden\n"
    "  gshard explain model.hlo --collectives --mesh fsdp=4,tensor=2\n"
    "  gshard explain model.hlo --memory --machine h100";

constexpr size_t kMostShown = 20;

struct Options {
  std::string file;
  std::string value;
  bool collectives = false;
  bool memory = false;
  bool all = false;
  bool json = false;
  ShardingArguments sharding;
};

// "%x = dot", and where in the model that is.
std::string name_of(const Instruction& i) { return fmt::format("%{} = {}", i.name(), keyword_of(i.op())); }

std::string name_and_source(const Instruction& i) {
  const std::string place = place_in_model(i);
  return place.empty() ? name_of(i) : fmt::format("{} ({})", name_of(i), place);
}

// ---- values ---------------------------------------------------------------------------------------------------------

const Instruction& find_value(const Module& module, std::string name) {
  if (name.starts_with('%')) name.erase(0, 1);
  const auto& computations = module.computations();
  for (auto computation = computations.rbegin(); computation != computations.rend(); ++computation) {
    for (const auto& instruction : (*computation)->instructions()) {
      if (instruction->name() == name) return *instruction;
    }
  }
  throw Error::usage(
      fmt::format("the program has no value '%{}' when it is partitioned; 'gshard propagate' prints it "
                  "with the names of all values",
                  name));
}

// One leaf of an instruction's result.
struct Leaf {
  const Instruction* instruction;
  size_t number;
  Shape shape;
  ValueClass value;
  Sharding sharding;
};

std::vector<Leaf> leaves_of(const Instruction& instruction, const Propagated& propagated) {
  std::vector<Leaf> leaves;
  for (size_t n = 0; n < propagated.values.leaf_count(instruction); ++n) {
    const ValueClass value = propagated.values.class_of(instruction, n);
    const Shape& shape = propagated.values.shape_of(value);
    if (!shape.is_array()) continue;
    leaves.push_back({&instruction, n, shape, value, propagated.shardings[value]});
  }
  return leaves;
}

Shape local_shape(const Leaf& leaf, const Mesh& mesh) {
  return leaf.shape.with_dims(shard_sizes(leaf.shape.dims(), leaf.sharding, mesh));
}

std::string lineage_table(const std::vector<LineageStep>& steps, const Propagated& propagated) {
  Table table({{"value"}, {"dimension", Align::right}, {"through"}, {"where in the model"}});
  for (const LineageStep& step : steps) {
    const Instruction& value = propagated.values.representative(step.value);
    table.add({fmt::format("%{} {}", value.name(), propagated.values.shape_of(step.value).to_string()),
               std::to_string(step.dim), step.through == nullptr ? "its annotation" : name_of(*step.through),
               place_in_model(step.through == nullptr ? value : *step.through)});
  }
  return table.text();
}

bool is_same_way(const std::vector<LineageStep>& a, const std::vector<LineageStep>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const LineageStep& x, const LineageStep& y) {
    return x.value == y.value && x.dim == y.dim && x.through == y.through;
  });
}

// For each dimension the axes that cut it, those with one history together.
std::string lineages(const Leaf& leaf, const Propagated& propagated) {
  std::string text;
  for (size_t d = 0; d < leaf.sharding.dims.size(); ++d) {
    const Digits& digits = leaf.sharding.dims[d];
    for (size_t at = 0; at < digits.size();) {
      const auto steps = lineage_of(propagated, leaf.value, digits[at]);
      Digits alike;
      while (at < digits.size() && is_same_way(steps, lineage_of(propagated, leaf.value, digits[at]))) {
        alike.push_back(digits[at++]);
      }
      text += fmt::format("\ndimension {} is cut by {}:\n{}", d, propagated.mesh.name_of(alike),
                          lineage_table(steps, propagated));
    }
  }
  return text;
}

std::string explain_leaf(const Leaf& leaf, const Propagated& propagated) {
  const Shape local = local_shape(leaf, propagated.mesh);
  std::string text = fmt::format("{}  {}\n", name_and_source(*leaf.instruction), leaf.shape.to_string());
  text += fmt::format("mesh {}; sharding {}: each device holds {}, {} of {}\n\n", mesh_text(propagated.mesh),
                      leaf.sharding.to_string(propagated.mesh), local.to_string(), human_bytes(local.byte_size()),
                      human_bytes(leaf.shape.byte_size()));
  text += picture_of(leaf.shape, leaf.sharding, propagated.mesh);
  if (leaf.sharding.cut() == 0) return text + "\nIt is whole on every device: no annotation that reaches it cuts it.\n";
  return text + lineages(leaf, propagated);
}

Json json_of(const Leaf& leaf, const Propagated& propagated) {
  Json dims = Json::array();
  for (const Digits& digits : leaf.sharding.dims) {
    Json axes = Json::array();
    for (const Digit digit : digits) {
      Json steps = Json::array();
      for (const LineageStep& step : lineage_of(propagated, leaf.value, digit)) {
        const Instruction& value = propagated.values.representative(step.value);
        steps.push_back({{"value", value.name()},
                         {"dimension", step.dim},
                         {"through", step.through == nullptr ? Json(nullptr) : Json(step.through->name())},
                         {"source", place_in_model(step.through == nullptr ? value : *step.through)}});
      }
      axes.push_back({{"axis", propagated.mesh.name_of(Digits{digit})}, {"from", std::move(steps)}});
    }
    dims.push_back(std::move(axes));
  }
  return {{"value", leaf.instruction->name()},
          {"leaf", leaf.number},
          {"shape", leaf.shape.to_string()},
          {"sharding", leaf.sharding.to_string(propagated.mesh)},
          {"local", local_shape(leaf, propagated.mesh).to_string()},
          {"dimensions", std::move(dims)}};
}

void explain_value(const Module& module, const Options& options) {
  const Propagated propagated = propagate_shardings(module, partition_options(options.sharding));
  const std::vector<Leaf> leaves = leaves_of(find_value(module, options.value), propagated);
  if (leaves.empty()) throw Error::usage(fmt::format("'{}' holds no array", options.value));
  if (options.json) {
    Json all = Json::array();
    for (const Leaf& leaf : leaves) all.push_back(json_of(leaf, propagated));
    return put(json_text({{"mesh", json_of(propagated.mesh)}, {"leaves", std::move(all)}}));
  }
  for (const Leaf& leaf : leaves) {
    if (leaves.size() > 1) put(fmt::format("{}part {}:\n", leaf.number == 0 ? "" : "\n", leaf.number));
    put(explain_leaf(leaf, propagated));
  }
}

// ---- the boundary ---------------------------------------------------------------------------------------------------

// Parameters, then results.
std::vector<Leaf> boundary_leaves(const Module& module, const Propagated& propagated) {
  std::vector<Leaf> all;
  for (const Instruction* parameter : module.entry()->parameters()) {
    for (Leaf& leaf : leaves_of(*parameter, propagated)) all.push_back(std::move(leaf));
  }
  for (Leaf& leaf : leaves_of(*module.entry()->root(), propagated)) {
    leaf.sharding = propagated.results[leaf.number];
    all.push_back(std::move(leaf));
  }
  return all;
}

void explain_boundary(const Module& module, const Options& options) {
  const Propagated propagated = propagate_shardings(module, partition_options(options.sharding));
  Table table({{"value"}, {"shape"}, {"sharding"}, {"on each device", Align::right}});
  Json all = Json::array();
  const Instruction* root = module.entry()->root();
  for (const Leaf& leaf : boundary_leaves(module, propagated)) {
    const bool is_result = leaf.instruction == root;
    const std::string name = is_result ? fmt::format("result.{}", leaf.number) : "%" + leaf.instruction->name();
    table.add({name, leaf.shape.to_string(), leaf.sharding.to_string(propagated.mesh),
               human_bytes(local_shape(leaf, propagated.mesh).byte_size())});
    all.push_back(json_of(leaf, propagated));
  }
  if (options.json) return put(json_text({{"mesh", json_of(propagated.mesh)}, {"leaves", std::move(all)}}));
  put(fmt::format("mesh {}\n", mesh_text(propagated.mesh)) + table.text());
}

// ---- collectives ----------------------------------------------------------------------------------------------------

std::string line_of(const Communication& c, double total, const Mesh& mesh, const Options& options) {
  const std::string moved = c.value == nullptr ? c.shape.to_string()
                                               : fmt::format("%{} {}  {} -> {}", c.value->name(), c.shape.to_string(),
                                                             c.from.to_string(mesh), c.to.to_string(mesh));
  const std::string runs = c.runs == 1 ? "" : fmt::format(" x {}", c.runs);
  const std::string time = options.sharding.machine.empty() ? "" : fmt::format("{:>10}  ", human_seconds(c.seconds));
  std::string text = fmt::format("{:>10} {:>5.1f} %  {}{}{}  {}\n", human_bytes(c.bytes),
                                 total > 0 ? 100 * c.bytes / total : 0, time, c.kind(), runs, moved);
  if (c.cause == nullptr) return text;
  const bool is_own = c.cause == c.value;
  return text + fmt::format("{:21}{} {}\n", "",
                            c.value == nullptr ? "done by"
                            : is_own           ? "made by"
                                               : "read by",
                            name_and_source(*c.cause));
}

void explain_collectives(const Module& module, const Options& options) {
  const PartitionOptions partition_as = partition_options(options.sharding);
  const Partitioned program = partition(module, partition_as);
  const Machine& machine = partition_as.machine;
  const std::vector<Communication> all = communications_of(module, program, machine);
  const double total =
      std::accumulate(all.begin(), all.end(), 0.0, [](double sum, const auto& c) { return sum + c.bytes; });
  const double seconds =
      std::accumulate(all.begin(), all.end(), 0.0, [](double sum, const auto& c) { return sum + c.seconds; });
  if (options.json) {
    return put(json_text({{"mesh", json_of(program.mesh)},
                          {"devices", program.mesh.device_count()},
                          {"bytes", total},
                          {"machine", machine.name},
                          {"seconds", seconds},
                          {"communications", json_of(all, program.mesh)}}));
  }
  const std::string time =
      options.sharding.machine.empty() ? "" : fmt::format(", {} on {}", human_seconds(seconds), machine.name);
  put(fmt::format("{}: {} {} of data, each device sends {}{}\n{}", devices_text(program.mesh), all.size(),
                  all.size() == 1 ? "movement" : "movements", human_bytes(total), time, all.empty() ? "" : "\n"));
  const size_t shown = options.all ? all.size() : std::min(all.size(), kMostShown);
  double rest = total;
  for (size_t i = 0; i < shown; ++i) {
    put(line_of(all[i], total, program.mesh, options));
    rest -= all[i].bytes;
  }
  if (shown == all.size()) return;
  put(fmt::format("{:>10} {:>5.1f} %  {} more (--all lists them)\n", human_bytes(rest), 100 * rest / total,
                  all.size() - shown));
}

// ---- memory and time --------------------------------------------------------------------------------------------

std::string time_text(const EstimatedTime& time, const Machine& machine) {
  return fmt::format(
      "a run takes {} on {}: {} for its own work ({} of computing, {} of moving memory), {} for sending {}\n",
      human_seconds(time.seconds()), machine.name, human_seconds(time.local_seconds),
      human_seconds(time.operations_seconds), human_seconds(time.traffic_seconds), human_seconds(time.sending_seconds),
      human_bytes(time.bytes_sent));
}

void explain_memory(const Module& module, const Options& options) {
  const PartitionOptions partition_as = partition_options(options.sharding);
  const Estimate estimate = loops_estimated(module, partition_as);
  if (options.json) return put(json_text(json_of(estimate)));
  std::string text = fmt::format("each device holds at most {} at once", human_bytes(estimate.peak_bytes));
  if (partition_as.machine.memory_bytes > 0) {
    text += fmt::format("; {} has {}{}", partition_as.machine.name, human_bytes(partition_as.machine.memory_bytes),
                        partition_as.machine.is_shared ? " for all devices" : "");
  }
  text += "\n";
  if (!options.sharding.machine.empty()) text += time_text(estimate.time, partition_as.machine);
  text += "\nheld then:\n";
  const size_t shown = options.all ? estimate.at_peak.size() : std::min(estimate.at_peak.size(), kMostShown);
  double rest = estimate.peak_bytes;
  for (size_t n = 0; n < shown; ++n) {
    const LiveValue& live = estimate.at_peak[n];
    text += fmt::format("{:>10}  {}\n", human_bytes(live.bytes), text_of(live));
    rest -= live.bytes;
  }
  if (shown < estimate.at_peak.size()) {
    text += fmt::format("{:>10}  {} more (--all lists them)\n", human_bytes(rest), estimate.at_peak.size() - shown);
  }
  put(text);
}

int explain(const Options& options) {
  if (static_cast<int>(options.collectives) + static_cast<int>(options.memory) + (options.value.empty() ? 0 : 1) > 1) {
    throw Error::usage("a VALUE, --collectives or --memory, one of them (see 'gshard help explain')");
  }
  const Program program = read_program(options.file);
  return with_lines(program, [&] {
    const std::unique_ptr<Module> prepared = prepare(*program.module);
    if (options.collectives) {
      explain_collectives(*prepared, options);
    } else if (options.memory) {
      explain_memory(*prepared, options);
    } else if (options.value.empty()) {
      explain_boundary(*prepared, options);
    } else {
      explain_value(*prepared, options);
    }
    warn_where_nothing_is_cut(*prepared, partition_options(options.sharding));
    return 0;
  });
}

}  // namespace

Command add_explain(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "explain", "Show why values are sharded as they are, and what is sent", kNotes);
  app->add_option("FILE", options->file, "HLO text; '-' is standard input")->required();
  app->add_option("VALUE", options->value, "The name of a value, with or without '%'");
  app->add_flag("--collectives", options->collectives, "Show what the devices send each other");
  app->add_flag("--memory", options->memory, "Show what each device holds at once, and the time of a run");
  app->add_flag("--all", options->all, "Show all of it, however long");
  app->add_flag("--json", options->json, "Write JSON");
  add_sharding_options(*app, options->sharding);
  return {app, [options] { return explain(*options); }};
}

}  // namespace gshard
