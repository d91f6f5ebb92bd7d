#include "shard/fit_memory.h"

namespace gshard {
namespace {

constexpr int kMostRounds = 10;
constexpr double kFirstShare = 1.0 / 16;  // of what it costs to send a byte
constexpr double kGrowth = 4;

void raise(MemoryPrices& prices, const std::vector<const Instruction*>& ops, double first) {
  for (const Instruction* op : ops) {
    double& price = prices[op];
    price = price == 0 ? first : kGrowth * price;
  }
}

}  // namespace

MemoryFit fit_memory(Decision decision) {
  const double limit = decision.machine.memory_bytes;
  if (limit <= 0) return {};
  MemoryFit best;
  for (int round = 0; round < kMostRounds; ++round) {
    const ProgramEstimate program(decision);
    Estimate estimate = program.total();
    if (estimate.peak_bytes <= limit) return {std::move(decision.prices), std::nullopt};
    const std::vector<const Instruction*> makers = program.makers_beyond(limit);
    if (!best.shortage || estimate.peak_bytes < best.shortage->peak_bytes) {
      best = {decision.prices, std::move(estimate)};
    }
    if (makers.empty()) break;
    raise(decision.prices, makers, kFirstShare / decision.machine.link.bytes_per_second);
  }
  return best;
}

}  // namespace gshard
