// Backward passes on devices: they partition as well as the programs that they are of.
#include <gtest/gtest.h>

#include "autodiff/gradient.h"
#include "eval/arguments.h"
#include "eval/simulate.h"
#include "ops/build.h"
#include "ops/einsum.h"
#include "ops/split.h"
#include "shard/partition.h"
#include "text/print.h"
#include "text/verify.h"
#include "transform/simplify.h"

namespace gshard {
namespace {

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

std::unique_ptr<Module> moe_module(DType type) {
  auto module = std::make_unique<Module>("moe_layer");
  const auto array = [&](Dims dims) { return Shape(type, std::move(dims)); };
  const std::vector<Shape> parameters = {array({G, S, M}), array({M, E}), array({E, M, H}), array({E, H, M})};
  define_entry(*module, "train", parameters, [](Computation& in, Values p) {
    const Value y = add(p[0], moe_layer(in, p));
    const Value loss = reduce(convert(multiply(y, y), DType::f32), {0, 1, 2}, Reducer::add);
    std::vector<Value> results = gradient(loss, p);
    results.insert(results.begin(), loss);
    return tuple(results);
  });
  verify(*module);
  simplify(*module);
  return module;
}

size_t count(const Module& module, Op op) {
  size_t found = 0;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) found += instruction->op() == op ? 1 : 0;
  }
  return found;
}

TEST(PartitionedGradient, AnMoeLayerHasOneAllToAllEachWayInEachPass) {
  for (const DType type : {DType::f32, DType::bf16}) {
    const auto module = moe_module(type);
    const Partitioned program = partition(*module);
    EXPECT_EQ(count(*program.module, Op::all_to_all), 4) << print(*module) << print(*program.module);
    EXPECT_EQ(count(*program.module, Op::all_gather), 0) << print(*program.module);
    EXPECT_EQ(count(*program.module, Op::collective_permute), 0) << print(*program.module);
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

}  // namespace
}  // namespace gshard
