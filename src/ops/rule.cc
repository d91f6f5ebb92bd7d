#include "ops/rule.h"

#include <array>

#include "ops/rule_maker.h"
#include "ops/table.h"

namespace gshard {
namespace {

using RuleFunction = Rule (*)(const Instruction&);

// Pointwise ops have theirs by their trait; null for the ops that only tie other values together.
RuleFunction rule_function(Op op) {
  switch (op) {
    case Op::tuple:
    case Op::get_tuple_element:
    case Op::while_:
    case Op::conditional:
    case Op::call:
    case Op::opt_barrier:
    case Op::domain:
    case Op::after_all:
      return nullptr;
    case Op::parameter:
    case Op::constant:
    case Op::iota:
      return rule_leaf;
    case Op::rng_bit_generator:
      return rule_rng_bit_generator;
    case Op::broadcast:
      return rule_broadcast;
    case Op::reshape:
      return rule_reshape;
    case Op::bitcast:
      return rule_bitcast;
    case Op::transpose:
      return rule_transpose;
    case Op::reverse:
      return rule_reverse;
    case Op::slice:
      return rule_slice;
    case Op::pad:
      return rule_pad;
    case Op::concatenate:
      return rule_concatenate;
    case Op::bitcast_convert:
    case Op::copy:
    case Op::map:
      return rule_pointwise;
    case Op::dot:
      return rule_dot;
    case Op::ragged_dot:
      return rule_ragged_dot;
    case Op::convolution:
      return rule_convolution;
    case Op::reduce:
      return rule_reduce;
    case Op::reduce_window:
      return rule_reduce_window;
    case Op::select_and_scatter:
      return rule_select_and_scatter;
    case Op::sort:
      return rule_sort;
    case Op::topk:
      return rule_topk;
    case Op::dynamic_slice:
      return rule_dynamic_slice;
    case Op::dynamic_update_slice:
      return rule_dynamic_update_slice;
    case Op::gather:
      return rule_gather;
    case Op::scatter:
      return rule_scatter;
    case Op::cholesky:
    case Op::triangular_solve:
      return rule_batched_matrix;
    case Op::fft:
      return rule_fft;
    case Op::all_reduce:
      return rule_all_reduce;
    case Op::custom_call:
      return rule_custom_call;
    default:
      return has(row_of(op).traits, Traits::pointwise) ? rule_pointwise : rule_whole;
  }
}

}  // namespace

bool has_rule(Op op) { return rule_function(op) != nullptr; }

Rule rule_of(const Instruction& instruction) {
  const RuleFunction rule = rule_function(instruction.op());
  GSHARD_CHECK(rule != nullptr, instruction.name());
  return rule(instruction);
}

RuleMaker::RuleMaker(const Instruction& instruction) : instruction_(instruction) {
  for (const Instruction* operand : instruction.operands()) rule_.operands.emplace_back(operand->shape().rank());
  const auto add_leaves = [&](const auto& self, const Shape& shape) -> void {
    if (!shape.is_tuple()) rule_.results.emplace_back(shape.rank());
    for (const Shape& element : shape.elements()) self(self, element);
  };
  add_leaves(add_leaves, instruction.shape());
}

FactorId RuleMaker::factor(FactorKind kind, int64_t size, Reducer reducer) {
  rule_.factors.push_back({kind, size, reducer});
  return static_cast<FactorId>(rule_.factors.size() - 1);
}

void RuleMaker::results(int64_t dim, FactorId id) {
  for (size_t leaf = 0; leaf < rule_.results.size(); ++leaf) result(leaf, dim, id);
}

Rule RuleMaker::finish() && {
  const auto complete = [&](TensorFactors& dims, const Shape& shape) {
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d].empty()) dims[d].push_back(whole(shape.dim(d)));
    }
  };
  for (size_t i = 0; i < rule_.operands.size(); ++i) complete(rule_.operands[i], instruction_.operand(i)->shape());
  size_t leaf = 0;
  const auto complete_leaves = [&](const auto& self, const Shape& shape) -> void {
    if (!shape.is_tuple()) complete(rule_.results[leaf++], shape);
    for (const Shape& element : shape.elements()) self(self, element);
  };
  complete_leaves(complete_leaves, instruction_.shape());
  return std::move(rule_);
}

std::string to_string(const Rule& rule) {
  constexpr std::array<std::string_view, 6> kKinds = {"parallel", "reduce", "shift", "flat", "indexed", "whole"};
  std::string text;
  for (size_t i = 0; i < rule.factors.size(); ++i) {
    text += (i > 0 ? ", " : "") + std::to_string(i) + ":" + std::to_string(rule.factors[i].size) + " " +
            std::string(kKinds[static_cast<size_t>(rule.factors[i].kind)]);
  }
  text += " |";
  const auto add = [&](const std::vector<TensorFactors>& tensors) {
    for (const TensorFactors& tensor : tensors) {
      text += " {";
      for (size_t d = 0; d < tensor.size(); ++d) {
        if (d > 0) text += ",";
        for (size_t f = 0; f < tensor[d].size(); ++f) text += (f > 0 ? "*" : "") + std::to_string(tensor[d][f]);
      }
      text += "}";
    }
  };
  add(rule.operands);
  text += " ->";
  add(rule.results);
  return text;
}

}  // namespace gshard
