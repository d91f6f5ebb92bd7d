// gshard propagate: the program with the sharding of every value.
#include <CLI/CLI.hpp>
#include <unordered_set>

#include "runtime/prepare.h"
#include "shard/mesh_choice.h"
#include "shard/partition.h"
#include "shard/shardy_text.h"
#include "text/print.h"
#include "tools/program.h"
#include "tools/replications.h"
#include "tools/sharding_options.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "From the annotations of a few values follow those of all others. The result is the program with\n"
    "calls inlined, simplified, and with a sharding={...} on every value.\n"
    "\n"
    "Examples:\n"
    "  gshard propagate model.hlo -o model.sharded.hlo\n"
    "  gshard propagate model.hlo --annotate 'tokens=data,_,_' --mesh data=8";

struct Options {
  std::string file;
  std::string out = "-";
  ShardingArguments sharding;
  ReplicationArguments replication;
};

// Of each leaf of an instruction's result.
std::vector<Sharding> shardings_of(const Instruction& instruction, const Propagated& propagated) {
  const bool is_root =
      instruction.parent()->root() == &instruction && instruction.parent() == instruction.parent()->parent()->entry();
  if (is_root) return propagated.results;
  std::vector<Sharding> leaves;
  for (size_t leaf = 0; leaf < propagated.values.leaf_count(instruction); ++leaf) {
    leaves.push_back(propagated.shardings[propagated.values.class_of(instruction, leaf)]);
  }
  return leaves;
}

HloSharding hlo_sharding_of(const Instruction& instruction, const Propagated& propagated) {
  std::vector<HloSharding> leaves;
  for (const Sharding& leaf : shardings_of(instruction, propagated)) leaves.push_back(to_hlo(leaf, propagated.mesh));
  if (!instruction.shape().is_tuple()) return leaves.empty() ? HloSharding{} : leaves[0];
  HloSharding tuple;
  tuple.kind = HloSharding::Kind::tuple;
  tuple.elements = std::move(leaves);
  return tuple;
}

// Reducers, comparators and the like compute single elements, which lie nowhere.
std::unordered_set<const Computation*> computations_of_elements(const Module& module) {
  std::unordered_set<const Computation*> found;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      const Op op = instruction->op();
      if (op == Op::while_ || op == Op::conditional || op == Op::call) continue;
      found.insert(instruction->callees().begin(), instruction->callees().end());
    }
  }
  return found;
}

void write_shardings(Module& module, const Propagated& propagated) {
  const auto of_elements = computations_of_elements(module);
  for (const auto& computation : module.computations()) {
    if (of_elements.contains(computation.get())) continue;
    for (const auto& instruction : computation->instructions()) {
      if (instruction->shape().leaf_count() == 0) continue;
      instruction->mutable_notes().sharding =
          std::make_shared<const HloSharding>(hlo_sharding_of(*instruction, propagated));
    }
  }
  module.mutable_header().num_partitions = propagated.mesh.device_count();
}

void write_attribute(FrontendAttributes& attributes, std::string_view name, const std::string& text) {
  std::erase_if(attributes, [&](const auto& pair) { return pair.first == name; });
  attributes.emplace_back(name, text);
}

bool still_says(const std::string& text, const std::vector<Sharding>& shardings, const Mesh& mesh) {
  const std::vector<ShardySharding> written = read_shardy_shardings(text);
  if (written.size() != shardings.size()) return false;
  for (size_t leaf = 0; leaf < written.size(); ++leaf) {
    const auto& own = written[leaf].inline_mesh;
    if (own && !(Mesh(own->axes, own->device_ids) == mesh)) return false;
    if (!says(written[leaf], shardings[leaf], mesh)) return false;
  }
  return true;
}

// A module in both dialects keeps both. What is written already stays where it says the same on the new mesh: it may
// name axes of size 1.
void write_shardy(Module& module, const Propagated& propagated) {
  const std::vector<ShardyMesh> meshes = used_shardy_meshes(module);
  if (meshes.empty()) return;
  const ShardyMesh& own = meshes[0];
  const Mesh& mesh = propagated.mesh;
  const bool is_listed = frontend_attribute(module.header().frontend_attributes, "xla.sdy.meshes").has_value();
  if (!is_listed || !(Mesh(own.axes, own.device_ids) == mesh)) {
    write_attribute(module.mutable_header().frontend_attributes, "xla.sdy.meshes", shardy_mesh_text(own.name, mesh));
  }
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      const auto text = frontend_attribute(*instruction, "xla.sdy.sharding");
      if (!text) continue;
      const std::vector<Sharding> shardings = shardings_of(*instruction, propagated);
      if (still_says(*text, shardings, mesh)) continue;
      FrontendAttributes attributes = *instruction->notes().frontend_attributes;
      write_attribute(attributes, "xla.sdy.sharding", shardy_sharding_text(own.name, shardings, mesh));
      instruction->mutable_notes().frontend_attributes =
          std::make_shared<const FrontendAttributes>(std::move(attributes));
    }
  }
}

int propagate_file(const Options& options) {
  const Program program = read_program(options.file);
  return with_lines(program, [&] {
    const std::unique_ptr<Module> prepared = prepare(*program.module);
    const PartitionOptions partition = partition_options(options.sharding);
    if (options.replication.forbidden != ReplicationArguments::kNone) {
      // Only plans tell.
      allowed_replications(*prepared, gshard::partition(*prepared, partition), partition, options.replication);
    }
    const Propagated propagated = propagate_shardings(*prepared, partition);
    warn_where_nothing_is_cut(*prepared, partition);
    write_shardings(*prepared, propagated);
    write_shardy(*prepared, propagated);
    put_result(options.out, print(*prepared));
    return 0;
  });
}

}  // namespace

Command add_propagate(CLI::App& root) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(root, "propagate", "Complete the shardings of all values", kNotes);
  app->add_option("FILE", options->file, "HLO text; '-' is standard input")->required();
  app->add_option("-o,--out", options->out, "Write to this file ('-', the default, is standard output)")
      ->type_name("OUT.hlo");
  add_sharding_options(*app, options->sharding);
  add_replication_options(*app, options->replication);
  return {app, [options] { return propagate_file(*options); }};
}

}  // namespace gshard
