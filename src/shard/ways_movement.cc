// Reverse, concatenate and reshape along cut dimensions: each device fetches the interval that its result is made of.
#include <algorithm>
#include <limits>

#include "eval/strided.h"
#include "shard/exchange.h"
#include "shard/localize_attributes.h"
#include "shard/ways.h"

namespace gshard {
namespace {

// ---- reverse ----------------------------------------------------------------------------------------------------

// Part i of the result is made of the part that is as far from the end as it is from the beginning.
std::vector<Exchange> exchanges_of_reverse(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  std::vector<Exchange> exchanges;
  for (const int64_t d : op.instruction.attrs<DimensionsAttrs>().dimensions) {
    const auto dim = static_cast<size_t>(d);
    const DimPair pair{0, dim, dim};
    const auto cut = find_cut(op, plan, mesh, pair);
    if (!cut) continue;
    Exchange exchange = exchange_of(*cut, pair, cut->result_part);
    for (int64_t i = 0; i < cut->parts; ++i) {
      const int64_t end = cut->operand_size - i * cut->result_part;
      exchange.remap.wanted.push_back({end - cut->result_part, cut->results_of(i) > 0 ? cut->result_part : 0});
    }
    exchanges.push_back(std::move(exchange));
  }
  return exchanges;
}

std::vector<Instruction*> localize_reverse(const LocalOp& op) {
  LocalOp local = op;
  run_exchanges(exchanges_of_reverse(op.context, op.plan, op.emitter.mesh()), nullptr, local);
  return localize_plain(local);
}

std::vector<Sending> sent_by_reverse(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  return sendings_of(exchanges_of_reverse(op, plan, mesh), op, plan, mesh);
}

// ---- concatenate ------------------------------------------------------------------------------------------------

size_t joined_dim(const Instruction& instruction) {
  return static_cast<size_t>(instruction.attrs<DimensionsAttrs>().dimensions[0]);
}

// Each operand is brought to where it stands in the result.
std::vector<Exchange> exchanges_of_concatenate(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  const size_t dim = joined_dim(op.instruction);
  std::vector<Exchange> exchanges;
  int64_t offset = 0;
  for (size_t operand = 0; operand < op.operand_shapes.size(); ++operand) {
    const DimPair pair{operand, dim, dim};
    const auto cut = find_cut(op, plan, mesh, pair);
    if (!cut) return {};
    Exchange exchange = exchange_of(*cut, pair, cut->result_part);
    for (int64_t i = 0; i < cut->parts; ++i) {
      exchange.remap.wanted.push_back({i * cut->result_part - offset, cut->results_of(i)});
    }
    exchanges.push_back(std::move(exchange));
    offset += cut->operand_size;
  }
  return exchanges;
}

std::vector<Instruction*> localize_concatenate(const LocalOp& op) {
  const auto exchanges = exchanges_of_concatenate(op.context, op.plan, op.emitter.mesh());
  if (exchanges.empty()) return localize_plain(op);
  LocalOp local = op;
  run_exchanges(exchanges, nullptr, local);
  const size_t dim = joined_dim(op.instruction);
  const Remap& remap = exchanges[0].remap;
  const Dims& dims = local.operands[0]->shape().dims();
  Instruction* start = op.emitter.start_along(remap.digits, remap.length);
  Instruction* result = local.operands.back();
  int64_t end = op.instruction.shape().dim(dim);
  for (size_t operand = local.operands.size() - 1; operand-- > 0;) {
    end -= op.context.operand_shapes[operand + 1].dim(dim);
    Instruction* before = op.emitter.flags_within(dims, dim, start, {std::nullopt, end});
    result = op.emitter.add(Op::select, result->shape().without_layout(), {before, local.operands[operand], result});
  }
  return {result};
}

std::vector<Sending> sent_by_concatenate(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  return sendings_of(exchanges_of_concatenate(op, plan, mesh), op, plan, mesh);
}

// ---- reshape ----------------------------------------------------------------------------------------------------

// Neighbouring dimensions of the operand that hold the same elements as neighbouring dimensions of the result. Of each
// side only the first is cut, so that each part is an interval of the run's elements. Dimensions of size 1 are in none.
struct Run {
  int64_t size = 1;
  size_t in = 0;  // the first dimension
  size_t out = 0;
  bool is_one_to_one = true;
};

std::vector<size_t> dims_above_one(const Dims& dims) {
  std::vector<size_t> positions;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] != 1) positions.push_back(d);
  }
  return positions;
}

// The shortest runs, major to minor. No size is zero.
std::vector<Run> runs_of(const Dims& in, const Dims& out) {
  const std::vector<size_t> in_dims = dims_above_one(in);
  const std::vector<size_t> out_dims = dims_above_one(out);
  std::vector<Run> runs;
  for (size_t i = 0, o = 0; i < in_dims.size();) {
    Run run{in[in_dims[i]], in_dims[i], out_dims[o], true};
    run.is_one_to_one = run.size == out[run.out];
    for (int64_t out_size = out[out_dims[o]]; run.size != out_size;) {
      if (run.size < out_size) {
        run.size *= in[in_dims[++i]];
      } else {
        out_size *= out[out_dims[++o]];
      }
    }
    ++i, ++o;
    runs.push_back(run);
  }
  return runs;
}

std::vector<Run> runs_of(const Instruction& reshape) {
  return runs_of(reshape.operand(0)->shape().dims(), reshape.shape().dims());
}

// As linear indices: where one of the two shapes has one dimension for several of the other, their first ones are cut
// alike, evenly or not.
Rule rule_of_linear(const Instruction& instruction) {
  Rule rule;
  rule.linearity.jointly = 1;
  rule.operands.emplace_back(instruction.operand(0)->shape().rank());
  rule.results.emplace_back(instruction.shape().rank());
  const auto add_factor = [&](FactorKind kind, int64_t size) {
    rule.factors.push_back({kind, size, Reducer::none});
    return static_cast<FactorId>(rule.factors.size() - 1);
  };
  for (const Run& run : runs_of(instruction)) {
    const bool is_counted = run.size <= std::numeric_limits<int32_t>::max();  // by the indices of the devices' program
    const FactorKind kind = run.is_one_to_one ? FactorKind::parallel
                            : is_counted      ? FactorKind::flat
                                              : FactorKind::whole;
    const FactorId id = add_factor(kind, run.size);
    rule.operands[0][run.in].push_back(id);
    rule.results[0][run.out].push_back(id);
  }
  // What is left is inside of a run, whose elements are counted already.
  const FactorId inside = add_factor(FactorKind::whole, 1);
  for (TensorFactors* tensor : {&rule.operands[0], &rule.results[0]}) {
    for (DimFactors& factors : *tensor) {
      if (factors.empty()) factors.push_back(inside);
    }
  }
  return rule;
}

// The operand with one dimension per run.
Dims flattened(const std::vector<Run>& runs, const Dims& local) {
  Dims dims;
  for (size_t r = 0; r < runs.size(); ++r) {
    int64_t size = 1;
    const size_t end = r + 1 < runs.size() ? runs[r + 1].in : local.size();
    for (size_t d = runs[r].in; d < end; ++d) size *= local[d];
    dims.push_back(size);
  }
  return dims;
}

std::vector<Exchange> exchanges_of_linear(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  const std::vector<Run> runs = runs_of(op.instruction);
  std::vector<Exchange> exchanges;
  for (size_t r = 0; r < runs.size(); ++r) {
    const auto cut = find_cut(op, plan, mesh, {0, runs[r].in, runs[r].out});
    if (!cut) continue;
    const int64_t in_part = runs[r].size / cut->operand_size * cut->operand_part;
    const int64_t out_part = runs[r].size / cut->result_size * cut->result_part;
    Exchange exchange{0, {r, cut->digits, runs[r].size, in_part, out_part, {}}};
    for (int64_t i = 0; i < cut->parts; ++i) {
      exchange.remap.wanted.push_back({i * out_part, std::clamp<int64_t>(runs[r].size - i * out_part, 0, out_part)});
    }
    exchanges.push_back(std::move(exchange));
  }
  return exchanges;
}

std::vector<Instruction*> localize_linear(const LocalOp& op) {
  LocalOp local = op;
  Instruction*& value = local.operands[0];
  const Dims flat = flattened(runs_of(op.instruction), value->shape().dims());
  value = op.emitter.add(Op::reshape, value->shape().with_dims(flat), {value});
  run_exchanges(exchanges_of_linear(op.context, op.plan, op.emitter.mesh()), nullptr, local);
  return {op.emitter.add(Op::reshape, op.result_shape(), {value})};
}

std::vector<Sending> sent_by_linear(const OpContext& op, const OpPlan& plan, const Mesh& mesh) {
  return sendings_of(exchanges_of_linear(op, plan, mesh), op, plan, mesh);
}

}  // namespace

namespace {

// What is fetched is counted in 32 bits.
Rule rule_of_moderate(const Instruction& instruction) {
  Rule rule = rule_of(instruction);
  for (size_t d = 0; d < rule.results[0].size(); ++d) {
    Factor& factor = rule.factors[static_cast<size_t>(rule.results[0][d][0])];
    const bool is_counted = are_moderate({instruction.shape().dim(d)});
    if (factor.kind == FactorKind::shift && !is_counted) factor.kind = FactorKind::whole;
  }
  return rule;
}

}  // namespace

std::vector<Way> ways_of_reverse(const Instruction& instruction) {
  return {plain_way(instruction), {rule_of_moderate(instruction), localize_reverse, sent_by_reverse}};
}

std::vector<Way> ways_of_concatenate(const Instruction& instruction) {
  return {plain_way(instruction), {rule_of_moderate(instruction), localize_concatenate, sent_by_concatenate}};
}

namespace {

Instruction* transposed(Instruction* value, const Dims& permutation, Emitter& emitter) {
  if (std::is_sorted(permutation.begin(), permutation.end())) return value;
  const Shape shape = value->shape().with_dims(select_dims(value->shape().dims(), permutation));
  return emitter.add(Op::transpose, shape.without_layout(), {value}, DimensionsAttrs{permutation});
}

std::vector<Instruction*> localize_bitcast(const LocalOp& op) {
  const Shape& to = op.instruction.shape();
  const Dims order = physical_order(to);
  Instruction* bytes = transposed(op.operands[0], physical_order(op.instruction.operand(0)->shape()), op.emitter);
  const Shape in_order(to.type(), select_dims(to.dims(), order));
  return {transposed(op.emitter.add(Op::bitcast, in_order, {bytes}), inverse_permutation(order), op.emitter)};
}

}  // namespace

std::vector<Way> ways_of_bitcast(const Instruction& instruction) {
  const Dims from = physical_order(instruction.operand(0)->shape());
  const Dims to = physical_order(instruction.shape());
  const bool is_reshape = std::is_sorted(from.begin(), from.end()) && std::is_sorted(to.begin(), to.end());
  return is_reshape ? ways_of_reshape(instruction) : std::vector<Way>{{rule_of(instruction), localize_bitcast}};
}

std::vector<Way> ways_of_reshape(const Instruction& instruction) {
  std::vector<Way> ways = {plain_way(instruction)};
  if (instruction.operand(0)->shape().type() == instruction.shape().type())
    ways.push_back({rule_of_linear(instruction), localize_linear, sent_by_linear});
  return ways;
}

}  // namespace gshard
