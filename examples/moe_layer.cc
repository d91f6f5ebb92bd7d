// GShard's mixture-of-experts layer, written as for one device, annotated in three places, and run on four virtual
// ones.
#include <cstdio>

#include "eval/arguments.h"
#include "eval/simulate.h"
#include "ops/build.h"
#include "ops/einsum.h"
#include "ops/split.h"
#include "shard/partition.h"

using namespace gshard;

// Groups, tokens of a group, experts, capacity, model and hidden size.
constexpr int64_t G = 8, S = 16, E = 8, C = 4, M = 32, H = 64;

// x [G,S,M], gating weight [M,E], expert weights [E,M,H] and [E,H,M]; every token goes to each expert's first slot, as
// strongly as its gate says.
Value moe_layer(Computation& layer, Values p) {
  Value x = split(p[0], 0, 4);  // 1: tokens are cut by group
  Value wg = replicate(p[1]);   // 2: everybody has the gating weight
  Value gates = logistic(einsum("GSM,ME->GSE", x, wg));
  Value slot = compare(iota(layer, Shape(DType::s32, {G, S, E, C}), 3), 0, Direction::EQ);
  Value strength = broadcast(gates, {G, S, E, C}, {0, 1, 2});
  Value combine = select(slot, strength, full_like(strength, 0));
  Value expert_in = split(einsum("GSEC,GSM->EGCM", combine, x), 0, 4);  // 3: what the experts get by expert
  Value hidden = maximum(einsum("EGCM,EMH->EGCH", expert_in, p[2]), 0);
  Value expert_out = einsum("EGCH,EHM->GECM", hidden, p[3]);
  return einsum("GSEC,GECM->GSM", combine, expert_out);
}

int main() {
  Module module("moe_layer");
  const auto f32 = [](Dims dims) { return Shape(DType::f32, std::move(dims)); };
  define_entry(module, "layer", {f32({G, S, M}), f32({M, E}), f32({E, M, H}), f32({E, H, M})}, moe_layer);

  const Partitioned program = partition(module);
  for (const auto& instruction : program.module->entry()->instructions()) {
    if (instruction->op() != Op::all_to_all) continue;
    std::printf("%s %s\n", instruction->name().c_str(), instruction->shape().to_string().c_str());
  }
  const std::vector<Literal> arguments = random_arguments(module, 1);
  const Literal whole = evaluate(module, arguments);
  const Literal parts =
      gather_results(program, whole.shape(), simulate(*program.module, scatter_arguments(program, arguments)));
  double worst = 0;
  for (size_t i = 0; i < whole.values<float>().size(); ++i) {
    worst = std::max(worst, std::abs(1.0 - parts.values<float>()[i] / whole.values<float>()[i]));
  }
  std::printf("largest relative difference between 1 and 4 devices: %.1e\n", worst);
  return worst < 1e-5 ? 0 : 1;
}
