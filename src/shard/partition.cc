#include "shard/partition.h"

#include "shard/boundary.h"
#include "shard/constraints.h"
#include "shard/localize.h"
#include "shard/propagate.h"
#include "shard/value_table.h"

namespace gshard {
namespace {

std::vector<const HloSharding*> annotations_of(const Module& module) {
  std::vector<const HloSharding*> all;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->notes().sharding != nullptr) all.push_back(instruction->notes().sharding.get());
    }
  }
  return all;
}

// An annotation fixes what it specifies; `unknown` specifies nothing. The first annotation of a class of values holds.
void fix(const Instruction& instruction, size_t leaf, const HloSharding& annotation, const ValueTable& values,
         const Mesh& mesh, std::vector<PartialSharding>& shardings, std::vector<bool>& fixed) {
  if (annotation.kind == HloSharding::Kind::unknown) return;
  const auto value = static_cast<size_t>(values.class_of(instruction, leaf));
  if (fixed[value]) return;
  const size_t rank = values.shape_of(static_cast<ValueClass>(value)).rank();
  try {
    shardings[value] = {from_hlo(annotation, mesh, rank), std::vector<bool>(rank, false)};
  } catch (const Error& error) {
    throw Error::program("%" + instruction.name() + ": " + error.what())
        .at({instruction.parent()->parent()->file(), instruction.text_line(), instruction.text_column(), ""});
  }
  if (shardings[value].sharding.manual != 0) {
    throw Error::program("%" + instruction.name() + ": manual regions are not supported")
        .at({instruction.parent()->parent()->file(), instruction.text_line(), instruction.text_column(), ""});
  }
  fixed[value] = true;
}

std::vector<PartialSharding> annotated(const Module& module, const ValueTable& values, const Mesh& mesh) {
  std::vector<PartialSharding> shardings;
  for (size_t value = 0; value < values.class_count(); ++value) {
    const size_t rank = values.shape_of(static_cast<ValueClass>(value)).rank();
    shardings.push_back({Sharding::replicated(rank), std::vector<bool>(rank, true)});
  }
  std::vector<bool> fixed(values.class_count(), false);
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      const auto& annotation = instruction->notes().sharding;
      if (annotation == nullptr) continue;
      const size_t leaves = values.leaf_count(*instruction);
      const bool per_leaf = annotation->kind == HloSharding::Kind::tuple && annotation->elements.size() == leaves;
      for (size_t leaf = 0; leaf < leaves; ++leaf) {
        fix(*instruction, leaf, per_leaf ? annotation->elements[leaf] : *annotation, values, mesh, shardings, fixed);
      }
    }
  }
  return shardings;
}

void add_leaves(const Literal& value, std::vector<Literal>& leaves) {
  if (!value.shape().is_tuple()) leaves.push_back(value);
  for (const Literal& element : value.elements()) add_leaves(element, leaves);
}

// The tuple structure of `shape` with the next leaves.
Literal rebuilt(const Shape& shape, std::span<const Literal> leaves, size_t& next) {
  if (!shape.is_tuple()) return leaves[next++];
  std::vector<Literal> elements;
  for (const Shape& element : shape.elements()) elements.push_back(rebuilt(element, leaves, next));
  return Literal::tuple(std::move(elements));
}

}  // namespace

Partitioned partition(const Module& module) {
  Partitioned program;
  program.mesh = find_mesh(annotations_of(module), module.header().num_partitions);
  const ValueTable values(module);
  std::vector<PartialSharding> shardings = annotated(module, values, program.mesh);
  propagate(constraints_of(module, values), values, program.mesh, shardings);
  std::vector<Sharding> chosen;
  chosen.reserve(shardings.size());
  for (const PartialSharding& sharding : shardings) chosen.push_back(sharding.sharding);
  program.module = localize(module, values, program.mesh, chosen);
  const auto boundary_of = [&](const Instruction& instruction) {
    std::vector<BoundaryValue> leaves;
    for (size_t leaf = 0; leaf < values.leaf_count(instruction); ++leaf) {
      const ValueClass value = values.class_of(instruction, leaf);
      leaves.push_back({values.shape_of(value), chosen[static_cast<size_t>(value)]});
    }
    return leaves;
  };
  for (const Instruction* parameter : module.entry()->parameters())
    program.parameters.push_back(boundary_of(*parameter));
  program.results = boundary_of(*module.entry()->root());
  return program;
}

std::vector<std::vector<Literal>> scatter_arguments(const Partitioned& program, std::span<const Literal> arguments) {
  const auto devices = static_cast<size_t>(program.mesh.device_count());
  std::vector<std::vector<Literal>> all(devices);
  for (size_t number = 0; number < arguments.size(); ++number) {
    std::vector<Literal> wholes;
    add_leaves(arguments[number], wholes);
    std::vector<std::vector<Literal>> of_device(devices);
    for (size_t leaf = 0; leaf < wholes.size(); ++leaf) {
      const bool is_array = wholes[leaf].shape().is_array();
      const auto shards = is_array ? scatter(wholes[leaf], program.parameters[number][leaf].sharding, program.mesh)
                                   : std::vector<Literal>(devices, wholes[leaf]);
      for (size_t device = 0; device < devices; ++device) of_device[device].push_back(shards[device]);
    }
    for (size_t device = 0; device < devices; ++device) {
      size_t next = 0;
      all[device].push_back(rebuilt(arguments[number].shape(), of_device[device], next));
    }
  }
  return all;
}

Literal gather_results(const Partitioned& program, const Shape& shape, std::span<const Literal> results) {
  std::vector<std::vector<Literal>> leaves(results.size());
  for (size_t device = 0; device < results.size(); ++device) add_leaves(results[device], leaves[device]);
  std::vector<Literal> wholes;
  for (size_t leaf = 0; leaf < program.results.size(); ++leaf) {
    std::vector<Literal> shards;
    for (const auto& of_device : leaves) shards.push_back(of_device[leaf]);
    const BoundaryValue& result = program.results[leaf];
    wholes.push_back(result.shape.is_array() ? gather(shards, result.shape, result.sharding, program.mesh) : shards[0]);
  }
  size_t next = 0;
  return rebuilt(shape, wholes, next);
}

}  // namespace gshard
