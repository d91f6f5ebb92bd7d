// The annotations of the C++ API, from a program to the same program on devices.
#include "ops/split.h"

#include <gtest/gtest.h>

#include "eval/arguments.h"
#include "eval/simulate.h"
#include "ops/build.h"
#include "ops/einsum.h"
#include "shard/partition.h"
#include "text/print.h"
#include "text/verify.h"

namespace gshard {
namespace {

Shape f32(Dims dims) { return Shape(DType::f32, std::move(dims)); }

// Partitions the module and compares it with `meaning` (itself where there is no other) on one device.
Partitioned expect_same(const Module& module, const Module& meaning) {
  verify(module);
  Partitioned program = partition(module);
  verify(*program.module);
  const std::vector<Literal> arguments = random_arguments(meaning, 1);
  const Literal whole = evaluate(meaning, arguments);
  const Literal parts =
      gather_results(program, whole.shape(), simulate(*program.module, scatter_arguments(program, arguments)));
  for (size_t i = 0; i < whole.values<float>().size(); ++i) {
    EXPECT_NEAR(whole.values<float>()[i], parts.values<float>()[i], 1e-4) << print(*program.module);
  }
  return program;
}

TEST(Split, CutsADimension) {
  Module module("m");
  define_entry(module, "main", {f32({8, 6}), f32({6, 4})},
               [](Computation&, Values p) { return einsum("ij,jk->ik", split(p[0], 0, 4), replicate(p[1])); });
  const Partitioned program = expect_same(module, module);
  EXPECT_EQ(program.parameters[0][0].sharding.to_string(program.mesh), "[x, -]");
  EXPECT_EQ(program.results[0].sharding.to_string(program.mesh), "[x, -]");
}

TEST(Split, ASecondAnnotationMovesTheValue) {
  Module module("m");
  define_entry(module, "main", {f32({8, 8})}, [](Computation&, Values p) { return split(split(p[0], 0, 4), 1, 4); });
  const Partitioned program = expect_same(module, module);
  EXPECT_NE(print(*program.module).find("all-to-all"), std::string::npos);
}

TEST(Split, FewerPiecesThanDevicesLeaveCopies) {
  Module module("m");
  const Mesh mesh({{"a", 2}, {"b", 4}});
  define_entry(module, "main", {f32({8, 6}), f32({6, 4})}, [&](Computation&, Values p) {
    const Value x = mesh_split(p[0], mesh, {"a+b", ""});
    return einsum("ij,jk->ik", x, split(p[1], 1, 2));
  });
  expect_same(module, module);
}

TEST(Split, AssignmentsNameTheirDevices) {
  Module module("m");
  define_entry(module, "main", {f32({4, 4})}, [](Computation&, Values p) {
    return negate(shard(p[0], TileAssignment{{2, 2}, {}, {}, {3, 1, 0, 2}}));
  });
  const Partitioned program = expect_same(module, module);
  EXPECT_EQ(scatter_arguments(program, random_arguments(module, 1))[3][0].shape(), f32({2, 2}));
}

TEST(Split, ManualRegions) {
  const Mesh mesh({{"a", 2}, {"b", 2}});
  Module manual("manual");
  define_entry(manual, "main", {f32({4, 6})}, [&](Computation&, Values p) {
    const Value mine = auto_to_manual(p[0], mesh, {"a", "b"});
    return manual_to_auto(multiply(mine, mine), f32({4, 6}), mesh, {"a", "b"});
  });
  Module meaning("meaning");
  define_entry(meaning, "main", {f32({4, 6})}, [&](Computation&, Values p) { return multiply(p[0], p[0]); });
  expect_same(manual, meaning);
}

// Inside of the region columns are exchanged along one axis, and the product is cut along the other.
TEST(Split, ManualRegionsAlongSomeAxes) {
  const Mesh mesh({{"a", 2}, {"b", 2}});
  const ManualRegion along_a(mesh, {"a"});
  Module manual("manual");
  define_entry(manual, "main", {f32({4, 6}), f32({6, 8})}, [&](Computation&, Values p) {
    const Value mine = auto_to_manual(p[0], along_a, {"a", ""});
    EXPECT_EQ(mine.shape(), f32({2, 6}));
    CollectivePermuteAttrs attrs;
    attrs.channel_id = 1;
    attrs.source_target_pairs = {{{0, 2}, {2, 0}, {1, 3}, {3, 1}}};
    const Value other = collective_permute({mine}, attrs);
    const Value w = auto_to_manual(p[1], along_a, {"", "b"});
    EXPECT_EQ(w.shape(), f32({6, 8}));
    return manual_to_auto(einsum("ij,jk->ik", other, w), f32({4, 8}), along_a, {"a", "b"});
  });
  Module meaning("meaning");
  define_entry(meaning, "main", {f32({4, 6}), f32({6, 8})}, [&](Computation&, Values p) {
    const Value turned = concatenate({slice_in_dim(p[0], 2, 4, 0), slice_in_dim(p[0], 0, 2, 0)}, 0);
    return einsum("ij,jk->ik", turned, p[1]);
  });
  const Partitioned program = expect_same(manual, meaning);
  EXPECT_NE(print(*program.module).find("f32[2,4]{1,0} dot("), std::string::npos) << print(*program.module);
}

TEST(Split, WhatDoesNotFitNamesTheLine) {
  Module module("m");
  const Mesh mesh({{"a", 2}, {"b", 4}});
  define_entry(module, "main", {f32({8, 6})}, [&](Computation&, Values p) {
    EXPECT_THROW(split(p[0], 2, 4), Error);
    EXPECT_THROW(mesh_split(p[0], mesh, {"a"}), Error);
    EXPECT_THROW(mesh_split(p[0], mesh, {"a", "a"}), Error);
    EXPECT_THROW(mesh_split(p[0], mesh, {"c", ""}), Error);
    EXPECT_THROW(auto_to_manual(p[0], {mesh, {"c"}}, {"a", ""}), Error);
    EXPECT_THROW(shard(p[0], TileAssignment{{2}, {2}, {}, {}}), Error);
    const Value x = split(p[0], 0, 4);
    EXPECT_THROW(mesh_split(x, mesh, {"a", ""}), Error);  // 8 devices, the module has 4
    return x;
  });
}

}  // namespace
}  // namespace gshard
