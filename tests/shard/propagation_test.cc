// What propagation promises of every program: it ends at a fixed point, annotations stay as they are, and the order of
// the text means nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

#include "random_program.h"
#include "shard/partition.h"
#include "shard/random_annotations.h"
#include "shard/trials.h"
#include "text/parse.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

std::unique_ptr<Module> random_annotated_program(uint64_t seed) {
  auto module = random_program({.seed = seed, .instructions = 30, .largest_size = 9});
  annotate_at_random(*module, seed);
  return module;
}

std::vector<ValueClass> all_of(const ValueTable& values) {
  std::vector<ValueClass> all(values.class_count());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(Propagation, EndsAtAFixedPoint) {
  for (uint64_t seed = 0; seed < trials(100); ++seed) {
    const auto module = random_annotated_program(seed);
    const ValueTable values(*module);
    const Annotated annotated = annotate(*module, values, {});
    const auto constraints = constraints_of(*module, values);
    ShardingTable once = annotated.shardings;
    propagate(constraints, annotated.mesh, once);
    ShardingTable twice = once;
    EXPECT_TRUE(propagate(constraints, annotated.mesh, twice).empty()) << "seed " << seed;
    for (const ValueClass value : all_of(values)) EXPECT_EQ(once[value], twice[value]);
  }
}

TEST(Propagation, KeepsAnnotationsExactlyAndOpenDimensionsAtTheirMajorEnd) {
  for (uint64_t seed = 0; seed < trials(100); ++seed) {
    const auto module = random_annotated_program(seed);
    const ValueTable values(*module);
    const Annotated annotated = annotate(*module, values, {});
    ShardingTable completed = annotated.shardings;
    propagate(constraints_of(*module, values), annotated.mesh, completed);
    for (const ValueClass value : all_of(values)) {
      const PartialSharding& before = annotated.shardings.partial(value);
      for (size_t d = 0; d < before.open.size(); ++d) {
        Digits kept = completed[value].dims[d];
        if (before.open[d]) kept.resize(std::min(kept.size(), before.sharding.dims[d].size()));
        EXPECT_EQ(kept, before.sharding.dims[d]) << "seed " << seed;
      }
    }
  }
}

// Both products could say how the sum lies. The one that is only one step from an annotation does, although the other
// is made of larger values.
TEST(Propagation, WhatIsNearerToAnAnnotationComesFirst) {
  const auto module = parse_module(R"(HloModule near, num_partitions=4
ENTRY e {
  a = f32[8,8] parameter(0), sharding={devices=[4,1]<=[4]}
  b = f32[8,64] parameter(1), sharding={devices=[4,1]<=[4]}
  near = f32[8,8] dot(a, a), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  w = f32[64,64] parameter(2)
  once = f32[8,64] dot(b, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  v = f32[64,8] parameter(3)
  twice = f32[8,8] dot(once, v), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  far = f32[8,8] transpose(twice), dimensions={1,0}
  ROOT sum = f32[8,8] add(near, far)
})");
  const Propagated propagated = propagate_shardings(*module);
  const ValueClass value = propagated.values.class_of(*module->entry()->root());
  EXPECT_EQ(propagated.shardings[value].to_string(propagated.mesh), "[x, -]");
}

// ---- the order of the text ---------------------------------------------------------------------------------------

// Any order in which operands stand before users; parameters keep their numbers.
void shuffle(Computation& computation, std::mt19937_64& engine) {
  std::vector<size_t> missing(computation.size(), 0);
  std::vector<std::vector<size_t>> users(computation.size());
  for (const auto& instruction : computation.instructions()) {
    for (const Instruction* operand : instruction->operands()) {
      ++missing[instruction->index()];
      users[operand->index()].push_back(instruction->index());
    }
  }
  std::vector<size_t> ready;
  for (size_t i = 0; i < missing.size(); ++i) {
    if (missing[i] == 0) ready.push_back(i);
  }
  std::vector<size_t> order;
  while (!ready.empty()) {
    std::swap(ready[engine() % ready.size()], ready.back());
    const size_t next = ready.back();
    ready.pop_back();
    order.push_back(next);
    for (const size_t user : users[next]) {
      if (--missing[user] == 0) ready.push_back(user);
    }
  }
  computation.reorder(order);
}

// The sharding of every value by its name.
std::map<std::string, std::string> shardings_by_name(const Module& module) {
  const Propagated propagated = propagate_shardings(module);
  std::map<std::string, std::string> all;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      for (size_t leaf = 0; leaf < propagated.values.leaf_count(*instruction); ++leaf) {
        const ValueClass value = propagated.values.class_of(*instruction, leaf);
        all[computation->name() + " " + instruction->name() + " " + std::to_string(leaf)] =
            propagated.shardings[value].to_string(propagated.mesh);
      }
    }
  }
  return all;
}

TEST(Propagation, DoesNotDependOnTheOrderOfTheText) {
  for (uint64_t seed = 0; seed < trials(100); ++seed) {
    const auto module = random_annotated_program(seed);
    const auto expected = shardings_by_name(*module);
    std::mt19937_64 engine(seed);
    for (const auto& computation : module->computations()) shuffle(*computation, engine);
    verify(*module);
    for (const auto& [name, sharding] : shardings_by_name(*module)) {
      ASSERT_EQ(sharding, expected.at(name)) << name << ", seed " << seed << "\n" << print(*module);
    }
  }
}

}  // namespace
}  // namespace gshard
