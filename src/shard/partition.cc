#include "shard/partition.h"

#include <algorithm>

#include "shard/boundary_text.h"
#include "shard/fit_memory.h"
#include "shard/localize.h"
#include "shard/manual.h"

namespace gshard {
namespace {

Error at_header(const Module& module, const std::string& message) {
  return Error::program(message).at({module.file(), 1, 1, ""});
}

// ---- aliases --------------------------------------------------------------------------------------------------------

// A parameter and a result that share their memory.
struct AliasedLeaves {
  const InputOutputAlias* alias;
  const Instruction* parameter;
  size_t parameter_leaf;
  size_t result_leaf;
};

std::vector<AliasedLeaves> aliased_leaves(const Module& module) {
  std::vector<AliasedLeaves> all;
  for (const InputOutputAlias& alias : module.header().input_output_alias) {
    const Instruction* parameter = module.entry()->parameter(static_cast<size_t>(alias.parameter));
    all.push_back({&alias, parameter, leaf_at(parameter->shape(), alias.parameter_index),
                   leaf_at(module.entry()->root()->shape(), alias.output)});
  }
  return all;
}

// ---- shardings of the whole program ---------------------------------------------------------------------------------

class Completion {
 public:
  Completion(const Module& module, const PartitionOptions& options)
      : module_(module),
        values_(module),
        annotated_(annotate(module, values_, options)),
        shardings_(std::move(annotated_.shardings)),
        machine_(options.machine.for_devices(annotated_.mesh.device_count())),
        times_(annotated_.mesh, machine_) {
    Constraints constraints = constraints_of(module, values_);
    mark_manual(module, values_, annotated_.mesh, constraints, shardings_);
    if (options.shardings == PartitionOptions::Shardings::replicated) {
      forget_shardings();
    } else {
      add_ties(constraints);
      spreads_ = propagate(constraints, annotated_.mesh, shardings_);
    }
    complete_results();
    complete_aliases();
  }

  Decision decision() {
    return {module_, values_, annotated_.mesh, shardings_, results_, machine_, times_, annotated_, {}};
  }
  const std::vector<InputOutputAlias>& aliases() const { return aliases_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

  Propagated propagated() && {
    return {std::move(annotated_.mesh), std::move(values_), std::move(shardings_), std::move(results_),
            std::move(spreads_)};
  }

 private:
  void forget_shardings() {
    for (ValueClass value = 0; value < shardings_.value_count(); ++value) {
      Sharding whole = shardings_[value];
      for (Digits& digits : whole.dims) digits.clear();
      shardings_.set(value, whole);
    }
    for (auto& result : annotated_.results) result.reset();
  }

  // Values that are to lie alike although no op ties them: groups, and aliased parameters and results.
  void add_ties(Constraints& constraints) const {
    const Instruction& root = *module_.entry()->root();
    std::vector<Constraint> ties;
    const auto tie = [&](ValueClass a, ValueClass b) {
      const Shape& shape = values_.shape_of(a);
      if (a == b || !shape.is_array() || shape.dims() != values_.shape_of(b).dims()) return;
      ties.push_back(identity_between(root, shape, a, b));
    };
    for (const auto& group : annotated_.groups) {
      for (const ValueClass member : group) tie(group[0], member);
    }
    for (const AliasedLeaves& pair : aliased_leaves(module_)) {
      tie(values_.class_of(*pair.parameter, pair.parameter_leaf), values_.class_of(root, pair.result_leaf));
    }
    constraints.put_first(std::move(ties));
  }

  void complete_results() {
    const Instruction& root = *module_.entry()->root();
    for (size_t leaf = 0; leaf < annotated_.results.size(); ++leaf) {
      const Sharding& own = shardings_[values_.class_of(root, leaf)];
      if (own.manual != 0) {
        throw at_header(module_, "result " + std::to_string(leaf) +
                                     " of the module is of a manual region; it must leave "
                                     "it (SPMDShardToFullShape) first");
      }
      results_.push_back(annotated_.results[leaf].value_or(own));
      results_.back().partial = 0;
      results_.back().reducer = Reducer::none;
    }
  }

  // Aliased values lie alike. A result that is annotated to lie otherwise has no alias; where it must have one, that is
  // an error.
  void complete_aliases() {
    for (const AliasedLeaves& pair : aliased_leaves(module_)) {
      const Sharding& wanted = shardings_[values_.class_of(*pair.parameter, pair.parameter_leaf)];
      Sharding& result = results_[pair.result_leaf];
      if (!annotated_.results[pair.result_leaf]) result = wanted;
      if (result == wanted) {
        aliases_.push_back(*pair.alias);
        continue;
      }
      const std::string what = "parameter " + std::to_string(pair.alias->parameter) + " " +
                               wanted.to_string(annotated_.mesh) + " and result " + std::to_string(pair.result_leaf) +
                               " " + result.to_string(annotated_.mesh) +
                               " are aliased but annotated to lie differently";
      if (pair.alias->must) throw at_header(module_, what + ", and the alias is must-alias");
      warnings_.push_back(what + "; the alias is dropped");
    }
  }

  const Module& module_;
  ValueTable values_;
  Annotated annotated_;
  ShardingTable shardings_;  // as annotated, then of all values
  Machine machine_;
  ReshardTimes times_;
  std::vector<Spread> spreads_;
  std::vector<Sharding> results_;
  std::vector<InputOutputAlias> aliases_;
  std::vector<std::string> warnings_;
};

BoundaryValue boundary_value(const Shape& shape, const Sharding& sharding, const Placement* placement) {
  if (placement == nullptr) return {shape, sharding};
  return {shape, sharding, placement->device_order, placement->device};
}

}  // namespace

Propagated propagate_shardings(const Module& module, const PartitionOptions& options) {
  return Completion(module, options).propagated();
}

Partitioned partition(const Module& module, const PartitionOptions& options) {
  Completion completion(module, options);
  Decision decision = completion.decision();
  MemoryFit fit = fit_memory(decision);
  decision.prices = std::move(fit.prices);
  Localized localized = localize(decision);
  Partitioned program;
  program.shortage = std::move(fit.shortage);
  program.mesh = decision.mesh;
  program.replicas = module.header().replica_count;
  program.module = std::move(localized.module);
  program.reshards = std::move(localized.reshards);
  program.trace = std::move(localized.trace);
  program.warnings = completion.warnings();
  for (const Instruction* parameter : module.entry()->parameters()) {
    std::vector<BoundaryValue>& leaves = program.parameters.emplace_back();
    for (size_t leaf = 0; leaf < decision.values.leaf_count(*parameter); ++leaf) {
      const ValueClass value = decision.values.class_of(*parameter, leaf);
      const auto placed = decision.annotated.parameter_placements.find({parameter, leaf});
      leaves.push_back(
          boundary_value(decision.values.shape_of(value), decision.shardings[value],
                         placed == decision.annotated.parameter_placements.end() ? nullptr : &placed->second));
    }
  }
  const Instruction& root = *module.entry()->root();
  for (size_t leaf = 0; leaf < decision.results.size(); ++leaf) {
    const auto placed = decision.annotated.result_placements.find(leaf);
    program.results.push_back(
        boundary_value(decision.values.shape_of(decision.values.class_of(root, leaf)), decision.results[leaf],
                       placed == decision.annotated.result_placements.end() ? nullptr : &placed->second));
  }
  ModuleHeader& header = program.module->mutable_header();
  header.input_output_alias = completion.aliases();
  header.buffer_donor = module.header().buffer_donor;
  write_boundary(program, header);
  return program;
}

Estimate estimate(const Module& module, const PartitionOptions& options, const TripCount& trip_count) {
  Completion completion(module, options);
  Decision decision = completion.decision();
  decision.prices = fit_memory(decision).prices;
  return ProgramEstimate(decision, trip_count).total();
}

}  // namespace gshard
