// gshard propagate: the program with the sharding of every value.
#include <CLI/CLI.hpp>
#include <unordered_set>

#include "runtime/prepare.h"
#include "shard/partition.h"
#include "text/print.h"
#include "tools/program.h"
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
};

// The sharding of each leaf of an instruction's result in HLO's notation.
HloSharding hlo_sharding_of(const Instruction& instruction, const Propagated& propagated) {
  std::vector<HloSharding> leaves;
  const bool is_root =
      instruction.parent()->root() == &instruction && instruction.parent() == instruction.parent()->parent()->entry();
  for (size_t leaf = 0; leaf < propagated.values.leaf_count(instruction); ++leaf) {
    const auto value = static_cast<size_t>(propagated.values.class_of(instruction, leaf));
    leaves.push_back(to_hlo(is_root ? propagated.results[leaf] : propagated.shardings[value], propagated.mesh));
  }
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

bool is_of_shardy(const std::pair<std::string, std::string>& attribute) {
  return attribute.first == "xla.sdy.meshes" || attribute.first == "xla.sdy.sharding";
}

// On another mesh than the module's own its Shardy attributes mean something else; the shardings say it all.
void drop_shardy(Module& module) {
  std::erase_if(module.mutable_header().frontend_attributes, is_of_shardy);
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      auto& attributes = instruction->mutable_notes().frontend_attributes;
      if (attributes == nullptr) continue;
      FrontendAttributes rest = *attributes;
      std::erase_if(rest, is_of_shardy);
      attributes = rest.empty() ? nullptr : std::make_shared<const FrontendAttributes>(std::move(rest));
    }
  }
}

int propagate_file(const Options& options) {
  const Program program = read_program(options.file);
  return with_lines(program, [&] {
    const std::unique_ptr<Module> prepared = prepare(*program.module);
    const PartitionOptions partition = partition_options(options.sharding);
    write_shardings(*prepared, propagate_shardings(*prepared, partition));
    if (partition.devices || !partition.mesh.empty()) drop_shardy(*prepared);
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
  return {app, [options] { return propagate_file(*options); }};
}

}  // namespace gshard
