#include "shard/exchange.h"

#include <algorithm>

#include "base/ceil_div.h"

namespace gshard {
int64_t ShiftCut::results_of(int64_t i) const {
  return std::clamp<int64_t>(result_size - i * result_part, 0, result_part);
}

std::optional<ShiftCut> find_cut(const OpContext& op, const OpPlan& plan, const Mesh& mesh, const DimPair& pair) {
  const Rule& rule = plan.way->rule;
  const auto factor = static_cast<size_t>(rule.operands[pair.operand][pair.operand_dim][0]);
  const Digits& digits = plan.cut[factor];
  const FactorKind kind = rule.factors[factor].kind;
  if ((kind != FactorKind::shift && kind != FactorKind::flat) || digits.empty()) return std::nullopt;
  ShiftCut cut;
  cut.digits = digits;
  cut.parts = mesh.size_of(digits);
  cut.operand_size = op.operand_shapes[pair.operand].dim(pair.operand_dim);
  cut.operand_part = ceil_div(cut.operand_size, cut.parts);
  cut.result_size = op.result_shapes[0].dim(pair.result_dim);
  cut.result_part = ceil_div(cut.result_size, cut.parts);
  return cut;
}

bool are_moderate(std::initializer_list<int64_t> numbers) {
  constexpr int64_t kLargest = int64_t{1} << 30;
  return std::all_of(numbers.begin(), numbers.end(), [](int64_t n) { return -kLargest < n && n < kLargest; });
}

Exchange exchange_of(const ShiftCut& cut, const DimPair& pair, int64_t length) {
  return {pair.operand, {pair.operand_dim, cut.digits, cut.operand_size, cut.operand_part, length, {}}};
}

std::vector<Sending> sendings_of(const std::vector<Exchange>& exchanges, const OpContext& op, const OpPlan& plan,
                                 const Mesh& mesh) {
  std::vector<Sending> all;
  for (const auto& [operand, remap] : exchanges) {
    const Sharding sharding = operand_sharding(op, plan, operand);
    const double bytes = local_bytes(op.operand_shapes[operand], sharding, mesh);
    const RemapTraffic traffic = traffic_of(remap);
    const double rows = bytes / static_cast<double>(std::max<int64_t>(remap.shard, 1));
    all.push_back({traffic.elements * rows, traffic.messages, remap.digits});
  }
  return all;
}

void run_exchanges(const std::vector<Exchange>& exchanges, Instruction* fill, LocalOp& op) {
  for (const Exchange& exchange : exchanges) {
    Instruction*& operand = op.operands[exchange.operand];
    operand = emit(exchange.remap, operand, fill, op.emitter);
  }
}

}  // namespace gshard
