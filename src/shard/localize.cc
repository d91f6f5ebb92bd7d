#include "shard/localize.h"

#include <map>

#include "shard/localize_computation.h"
#include "shard/tidy.h"

namespace gshard {
namespace {

// Beyond that many bytes what a collective costs is its bytes.
constexpr int64_t kLargestCombined = 1 << 20;

}  // namespace

Localized localize(const Decision& decision) {
  const Module& from = decision.module;
  auto to = std::make_unique<Module>(from.name());
  to->set_file(from.file());
  to->mutable_source_tables() = from.source_tables();
  to->mutable_header().num_partitions = decision.mesh.device_count();
  to->mutable_header().replica_count = from.header().replica_count;

  Localization shared{decision, LocalModule(*to, decision.mesh), {}, {}, {}};
  struct Form {
    std::vector<Sharding> results;
    Computation* computation;
  };
  std::map<const Computation*, std::vector<Form>> forms;
  shared.localized = [&](const Computation& computation, const std::vector<Sharding>& results) {
    for (const Form& form : forms[&computation]) {
      if (form.results == results) return form.computation;
    }
    Computation* target = to->add_computation(computation.name());
    ComputationLocalizer(shared, computation, *target).run(results);
    forms[&computation].push_back({results, target});
    return target;
  };
  to->set_entry(shared.localized(*from.entry(), decision.results));
  to->sort_and_prune_computations();
  remove_unread(*to, shared.reshards);
  combine_collectives(*to, kLargestCombined, shared.reshards);
  return {std::move(to), std::move(shared.reshards), std::move(shared.trace)};
}

}  // namespace gshard
