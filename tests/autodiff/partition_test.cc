// Backward passes on devices: they partition as well as the programs that they are of.
#include <gtest/gtest.h>

#include "autodiff/gradient.h"
#include "count_ops.h"
#include "eval/arguments.h"
#include "eval/simulate.h"
#include "ops/build.h"
#include "ops/einsum.h"
#include "ops/split.h"
#include "runtime/prepare.h"
#include "shard/partition.h"
#include "text/print.h"
#include "text/verify.h"
#include "transform/simplify.h"

namespace gshard {
namespace {

Shape f32(Dims dims) { return Shape(DType::f32, std::move(dims)); }

constexpr int64_t G = 8, S = 16, E = 8, C = 4, M = 32, H = 64;

// The layer of examples/moe_layer.cc.
Value moe_layer(Computation& layer, Values p) {
  const Value x = split(p[0], 0, 4);
  const Value wg = replicate(p[1]);
  const Value gates = logistic(einsum("GSM,ME->GSE", x, wg));
  const Value slot = compare(iota(layer, Shape(DType::s32, {G, S, E, C}), 3), 0, Direction::EQ);
  const Value strength = broadcast(gates, {G, S, E, C}, {0, 1, 2});
  const Value combine = select(slot, strength, full_like(strength, 0));
  const Value expert_in = split(einsum("GSEC,GSM->EGCM", combine, x), 0, 4);
  const Value hidden = maximum(einsum("EGCM,EMH->EGCH", expert_in, p[2]), 0);
  const Value expert_out = einsum("EGCH,EHM->GECM", hidden, p[3]);
  return einsum("GSEC,GECM->GSM", combine, expert_out);
}

// What is known of the layer's result: it lies like its input where that is added to it.
enum class Around { residual, nothing };

std::unique_ptr<Module> moe_module(DType type, Around around = Around::residual) {
  auto module = std::make_unique<Module>("moe_layer");
  const auto array = [&](Dims dims) { return Shape(type, std::move(dims)); };
  const std::vector<Shape> parameters = {array({G, S, M}), array({M, E}), array({E, M, H}), array({E, H, M})};
  define_entry(*module, "train", parameters, [&](Computation& in, Values p) {
    const Value made = moe_layer(in, p);
    const Value y = around == Around::residual ? add(p[0], made) : made;
    const Value loss = reduce(convert(multiply(y, y), DType::f32), {0, 1, 2}, Reducer::add);
    std::vector<Value> results = gradient(loss, p);
    results.insert(results.begin(), loss);
    return tuple(results);
  });
  verify(*module);
  simplify(*module);
  return module;
}

TEST(PartitionedGradient, AnMoeLayerHasOneAllToAllEachWayInEachPass) {
  for (const DType type : {DType::f32, DType::bf16}) {
    for (const Around around : {Around::residual, Around::nothing}) {
      const auto module = moe_module(type, around);
      const Partitioned program = partition(*module);
      EXPECT_EQ(count(*program.module, Op::all_to_all), 4) << print(*module) << print(*program.module);
      EXPECT_EQ(count(*program.module, Op::all_gather), 0) << print(*program.module);
      EXPECT_EQ(count(*program.module, Op::collective_permute), 0) << print(*program.module);
    }
  }
}

// Each of the layers is computed again, with all that it sends, and nothing merges that with the first time.
TEST(PartitionedGradient, CheckpointsStay) {
  Module module("layers");
  const std::vector<Shape> types = {f32({G, S, M}), f32({M, E}), f32({E, M, H}), f32({E, H, M})};
  Computation& layer =
      define(module, "layer", types, [](Computation& in, Values p) { return add(p[0], moe_layer(in, p)); });
  define_entry(module, "train", types, [&](Computation&, Values p) {
    Value x = p[0];
    for (int i = 0; i < 3; ++i) x = checkpoint(layer, {x, p[1], p[2], p[3]});
    return tuple(gradient(reduce(multiply(x, x), {0, 1, 2}, Reducer::add), p));
  });
  const auto prepared = prepare(module);
  const Partitioned program = partition(*prepared);
  EXPECT_EQ(count(*program.module, Op::opt_barrier), 3);
  const auto again = prepare(*program.module);
  EXPECT_EQ(count(*again, Op::all_to_all), 3 * 6) << print(*again);
  const std::vector<Literal> arguments = random_arguments(module, 1, {Signs::both});
  const Literal whole = evaluate(module, arguments);
  const Literal parts =
      gather_results(program, whole.shape(), simulate(*program.module, scatter_arguments(program, arguments)));
  for (size_t k = 0; k < whole.elements().size(); ++k) {
    const auto expected = whole.elements()[k].values<float>();
    const auto got = parts.elements()[k].values<float>();
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(expected[i], got[i], 1e-3 * (1 + std::abs(expected[i])));
  }
}

TEST(PartitionedGradient, AnMoeLayerIsTheSameOnAllDevices) {
  const auto module = moe_module(DType::f32);
  const Partitioned program = partition(*module);
  const std::vector<Literal> arguments = random_arguments(*module, 1, {Signs::both});
  const Literal whole = evaluate(*module, arguments);
  const Literal parts =
      gather_results(program, whole.shape(), simulate(*program.module, scatter_arguments(program, arguments)));
  for (size_t k = 0; k < whole.elements().size(); ++k) {
    const auto expected = whole.elements()[k].values<float>();
    const auto got = parts.elements()[k].values<float>();
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(expected[i], got[i], 1e-4 * (1 + std::abs(expected[i])));
  }
}

// ---- loops ----------------------------------------------------------------------------------------------------------

// Layers in a loop, their weights stacked: tokens cut by batch, what a layer keeps of them too.
TEST(PartitionedGradient, OfALoopOverLayers) {
  constexpr int64_t kLayers = 6, kBatch = 16, kWidth = 8;
  Module module("layers");
  define_entry(module, "train", {f32({kBatch, kWidth}), f32({kLayers, kWidth, kWidth})},
               [&](Computation& in, Values p) {
                 const Value end = while_(
                     tuple({constant(in, DType::s32, 0), split(p[0], 0, 4), p[1]}),
                     [](Computation&, Values s) { return compare(get_tuple_element(s[0], 0), kLayers, Direction::LT); },
                     [](Computation& body, Values s) {
                       const std::vector<Value> e = unpack(s[0]);
                       const Value zero = constant(body, DType::s32, 0);
                       const Value layer = dynamic_slice(e[2], {e[0], zero, zero}, {1, kWidth, kWidth});
                       const Value y = tanh(einsum("bi,ij->bj", e[1], reshape(layer, {kWidth, kWidth})));
                       return tuple({add(e[0], 1), add(y, e[1]), e[2]});
                     });
                 const Value y = get_tuple_element(end, 1);
                 return gradient(reduce(multiply(y, y), {0, 1}, Reducer::add), std::array{p[1]})[0];
               });
  verify(module);
  simplify(module);
  EXPECT_EQ(print(module).find("f32[6,1,8,8]"), std::string::npos) << "weights are not kept once more";
  const Partitioned program = partition(module);
  const std::vector<Literal> arguments = random_arguments(module, 1, {Signs::both});
  const Literal whole = evaluate(module, arguments);
  const Literal parts =
      gather_results(program, whole.shape(), simulate(*program.module, scatter_arguments(program, arguments)));
  for (size_t i = 0; i < whole.values<float>().size(); ++i) {
    EXPECT_NEAR(whole.values<float>()[i], parts.values<float>()[i], 1e-3);
  }
  EXPECT_EQ(count(*program.module, Op::all_reduce), 1) << print(module) << print(*program.module);
  EXPECT_EQ(count(*program.module, Op::all_gather), 0) << print(*program.module);
}

// ---- manual regions -------------------------------------------------------------------------------------------------

using Model = std::function<Value(Computation&, Values)>;

std::unique_ptr<Module> differentiated(const std::vector<Shape>& parameters, const Model& model) {
  auto module = std::make_unique<Module>("m");
  define_entry(*module, "main", parameters, [&](Computation& in, Values p) {
    const Value y = model(in, p);
    Dims all;
    for (size_t d = 0; d < y.rank(); ++d) all.push_back(static_cast<int64_t>(d));
    return tuple(gradient(reduce(multiply(y, sine(y)), all, Reducer::add), p));
  });
  verify(*module);
  return module;
}

// The gradient of a model with manual regions, on its devices, is that of what it means.
void expect_same_gradient(const std::vector<Shape>& parameters, const Model& manual, const Model& meaning) {
  const auto whole = differentiated(parameters, meaning);
  const std::vector<Literal> arguments = random_arguments(*whole, 1);
  const Literal expected = evaluate(*whole, arguments);
  const Partitioned program = partition(*differentiated(parameters, manual));
  const Literal got =
      gather_results(program, expected.shape(), simulate(*program.module, scatter_arguments(program, arguments)));
  for (size_t k = 0; k < expected.elements().size(); ++k) {
    const auto x = expected.elements()[k].values<float>();
    const auto y = got.elements()[k].values<float>();
    for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], 1e-4) << k << print(*program.module);
  }
}

CollectiveAttrs over(std::vector<std::vector<int64_t>> groups, Dims dimensions = {}) {
  CollectiveAttrs attrs;
  attrs.channel_id = 1;
  attrs.use_global_device_ids = true;
  attrs.replica_groups.groups = std::move(groups);
  attrs.dimensions = std::move(dimensions);
  return attrs;
}

const Mesh& mesh() {
  static const Mesh* const kMesh = new Mesh({{"a", 2}, {"b", 2}});
  return *kMesh;
}

TEST(PartitionedGradient, OfAProductThatDevicesAddUp) {
  expect_same_gradient(
      {f32({4, 6}), f32({6, 3})},
      [](Computation&, Values p) {
        const Value x = auto_to_manual(p[0], mesh(), {"a", "b"});
        const Value w = auto_to_manual(p[1], mesh(), {"b", ""});
        const Value y = all_reduce({einsum("ij,jk->ik", x, w)}, Reducer::add, over({{0, 1}, {2, 3}}));
        return manual_to_auto(y, f32({4, 3}), mesh(), {"a", ""});
      },
      [](Computation&, Values p) { return einsum("ij,jk->ik", p[0], p[1]); });
}

TEST(PartitionedGradient, OfWhatDevicesGatherAndScatter) {
  expect_same_gradient(
      {f32({4, 6}), f32({6, 4})},
      [](Computation&, Values p) {
        const Value x = auto_to_manual(p[0], mesh(), {"a", "b"});
        const Value w = auto_to_manual(p[1], mesh(), {"", ""});
        const Value all = all_gather({x}, over({{0, 1}, {2, 3}}, {1}));
        const Value y = reduce_scatter({einsum("ij,jk->ik", all, w)}, Reducer::add, over({{0, 1}, {2, 3}}, {1}));
        return manual_to_auto(y, f32({4, 4}), mesh(), {"a", "b"});
      },
      [](Computation&, Values p) { return multiply(einsum("ij,jk->ik", p[0], p[1]), 2); });
}

// Of a region along one axis the devices along the other hold parts of its values that the partitioner chose.
TEST(PartitionedGradient, OfARegionAlongSomeAxes) {
  const ManualRegion along_b(mesh(), {"b"});
  expect_same_gradient(
      {f32({4, 6}), f32({6, 3})},
      [&](Computation&, Values p) {
        const Value x = auto_to_manual(p[0], along_b, {"a", "b"});
        const Value w = auto_to_manual(p[1], along_b, {"b", ""});
        const Value y = all_reduce({einsum("ij,jk->ik", x, w)}, Reducer::add, over({{0, 1}, {2, 3}}));
        return manual_to_auto(y, f32({4, 3}), along_b, {"a", ""});
      },
      [](Computation&, Values p) { return einsum("ij,jk->ik", p[0], p[1]); });
}

TEST(PartitionedGradient, OfWhatEntersARegionAlongSomeAxesWhole) {
  const ManualRegion along_a(mesh(), {"a"});
  expect_same_gradient(
      {f32({4, 6}), f32({6, 4})},
      [&](Computation&, Values p) {
        const Value x = auto_to_manual(p[0], along_a, {"a", ""});
        const Value w = auto_to_manual(p[1], along_a, {"", "b"});
        return manual_to_auto(tanh(einsum("ij,jk->ik", x, w)), f32({4, 4}), along_a, {"a", "b"});
      },
      [](Computation&, Values p) { return tanh(einsum("ij,jk->ik", p[0], p[1])); });
}

TEST(PartitionedGradient, OfWhatDevicesExchange) {
  expect_same_gradient(
      {f32({8, 4})},
      [](Computation&, Values p) {
        const Value x = auto_to_manual(p[0], mesh(), {"", "b"});
        const Value turned = all_to_all({multiply(x, x)}, over({{0, 1}, {2, 3}}, {0}));
        CollectivePermuteAttrs attrs;
        attrs.channel_id = 2;
        attrs.source_target_pairs = {{{0, 1}, {1, 0}, {2, 3}, {3, 2}}};
        const Value y = collective_permute({turned}, attrs);
        // Device i has the rows of all columns that belong to the other one.
        const Value rows = transpose(reshape(y, {2, 4, 2}), {1, 0, 2});
        return manual_to_auto(reshape(rows, {4, 4}), f32({8, 4}), mesh(), {"b", ""});
      },
      [](Computation&, Values p) {
        const Value y = multiply(p[0], p[0]);
        return concatenate({slice_in_dim(y, 4, 8, 0), slice_in_dim(y, 0, 4, 0)}, 0);
      });
}

}  // namespace
}  // namespace gshard
