#include "shard/localize.h"

#include <map>

#include "shard/localize_computation.h"
#include "shard/tidy.h"

namespace gshard {
namespace {

// Beyond that many bytes what a collective costs is its bytes.
constexpr int64_t kLargestCombined = 1 << 20;

}  // namespace

const Sharding& Decision::sharding_of(const Instruction& instruction, size_t leaf) const {
  return shardings[values.class_of(instruction, leaf)];
}

const Shape& Decision::shape_of(const Instruction& instruction, size_t leaf) const {
  return values.shape_of(values.class_of(instruction, leaf));
}

std::vector<Sharding> Decision::shardings_of(const Instruction& instruction) const {
  std::vector<Sharding> all;
  for (size_t leaf = 0; leaf < values.leaf_count(instruction); ++leaf) all.push_back(sharding_of(instruction, leaf));
  return all;
}

Localized localize(const Decision& decision) {
  const Module& from = decision.module;
  auto to = std::make_unique<Module>(from.name());
  to->set_file(from.file());
  to->mutable_source_tables() = from.source_tables();
  to->mutable_header().num_partitions = decision.mesh.device_count();
  to->mutable_header().replica_count = from.header().replica_count;

  Localization shared{decision, LocalModule(*to, decision.mesh), Accumulators(decision), {}, {}, {}};
  std::map<const Computation*, std::vector<std::pair<Form, Computation*>>> forms;
  shared.localized = [&](const Computation& computation, const Form& form) {
    for (const auto& [known, target] : forms[&computation]) {
      if (known.state == form.state && known.results == form.results) return target;
    }
    Computation* target = to->add_computation(computation.name());
    ComputationLocalizer(shared, computation, *target, form).run();
    forms[&computation].push_back({form, target});
    return target;
  };
  to->set_entry(shared.localized(*from.entry(), {decision.results}));
  to->sort_and_prune_computations();
  remove_unread(*to, shared.reshards);
  combine_collectives(*to, kLargestCombined, shared.reshards);
  return {std::move(to), std::move(shared.reshards), std::move(shared.trace)};
}

}  // namespace gshard
