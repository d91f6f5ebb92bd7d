#include "backend/cpu/kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace gshard::cpu {

void Index::add_loop(size_t loop, int64_t factor) {
  if (loop >= factors.size()) factors.resize(loop + 1);
  factors[loop] += factor;
}

void Index::add(const Index& other, int64_t scale) {
  offset += other.offset * scale;
  for (size_t l = 0; l < other.factors.size(); ++l) {
    if (other.factors[l] != 0) add_loop(l, other.factors[l] * scale);
  }
  for (const Term& term : other.terms) terms.push_back({term.node, term.factor * scale});
}

LoopSet Index::loops() const {
  LoopSet set = 0;
  for (size_t l = 0; l < factors.size(); ++l) {
    if (factors[l] != 0) set |= loop_bit(static_cast<int>(l));
  }
  return set;
}

bool Index::operator==(const Index& other) const {
  if (offset != other.offset || !(terms == other.terms)) return false;
  for (size_t l = 0; l < std::max(factors.size(), other.factors.size()); ++l) {
    if (factor(l) != other.factor(l)) return false;
  }
  return true;
}

const Shape& leaf_of(const Shape& shape, size_t part) {
  if (!shape.is_tuple()) return shape;
  for (const Shape& element : shape.elements()) {
    const auto leaves = static_cast<size_t>(element.leaf_count());
    if (part < leaves) return leaf_of(element, part);
    part -= leaves;
  }
  GSHARD_CHECK(false, "no such leaf");
}

const Shape& Leaf::shape() const { return leaf_of(value->shape(), part); }

int64_t Kernel::rows() const {
  int64_t rows = 1;
  for (int l : outer) rows *= loops[static_cast<size_t>(l)];
  return rows;
}

bool Kernel::has_lanes_apart() const {
  const auto lane = static_cast<size_t>(outer_lane);
  return std::all_of(stores.begin(), stores.end(), [&](const Store& store) {
    const int64_t step = std::abs(store.index.factor(lane));
    const int64_t row = step * loops[lane];
    if (row == 0) return false;
    int64_t within = 0;  // what other loops add to the place of a lane
    for (size_t l = 0; l < store.index.factors.size(); ++l) {
      const int64_t factor = store.index.factors[l];
      if (l == lane || factor % row == 0) continue;
      if (factor < 0) return false;
      within += factor * (loops[l] - 1);
    }
    const bool moves_by_rows = std::all_of(store.index.terms.begin(), store.index.terms.end(),
                                           [&](const Index::Term& term) { return term.factor % row == 0; });
    return within < step && moves_by_rows;
  });
}

int64_t Kernel::row_block() const {
  const int64_t most = kWorkOfPart / std::max<int64_t>(work() / std::max<int64_t>(rows(), 1), 1);
  int64_t block = 1;
  for (size_t i = outer.size(); i-- > 0;) {
    const int64_t extent = loops[static_cast<size_t>(outer[i])];
    if (block * extent > most && (added_over & loop_bit(outer[i])) == 0) break;
    block *= extent;
  }
  return block;
}

int64_t Kernel::work() const {
  const int64_t outside = rows() * (outer_lane < 0 ? 1 : loops[static_cast<size_t>(outer_lane)]);
  int64_t work = 0;
  for (const Stage& stage : stages) {
    int64_t inside = outside;
    for (int l : stage.loops) inside *= loops[static_cast<size_t>(l)];
    work += inside;
  }
  return work;
}

bool Kernel::runs_across(const Node& node, int along, int lane) {
  if (node.kind != Node::Kind::load || node.guard >= 0 || !node.index.terms.empty()) return false;
  const int64_t step = node.index.factor(static_cast<size_t>(lane));
  return step != 0 && step != 1 && node.index.factor(static_cast<size_t>(along)) == 1;
}

bool Kernel::is_transposed(const Node& node) const { return tile >= 0 && runs_across(node, tile, outer_lane); }

namespace {

std::string text_of(const Index& index) {
  std::string text = fmt::format("{}", index.offset);
  for (size_t l = 0; l < index.factors.size(); ++l) {
    if (index.factors[l] != 0) text += fmt::format("+{}*i{}", index.factors[l], l);
  }
  for (const Index::Term& term : index.terms) text += fmt::format("+{}*%{}", term.factor, term.node);
  return text;
}

// What an instruction computes, without its name and operands.
std::string meaning_of(const Instruction& x) {
  std::string text(keyword_of(x.op()));
  for (const Instruction* operand : x.operands()) text += fmt::format(" {}", name_of(operand->shape().type()));
  text += fmt::format(" -> {}", name_of(x.shape().type()));
  switch (x.op()) {
    case Op::compare: {
      const auto& attrs = x.attrs<CompareAttrs>();
      return text + fmt::format(" {} {}", static_cast<int>(attrs.direction), static_cast<int>(attrs.type));
    }
    case Op::constant:
      return text + fmt::format(" {:x}", x.attrs<ConstantAttrs>().value.hash());
    default:
      return text;
  }
}

std::string text_of(const Computation& reducer) {
  std::string text;
  for (const auto& x : reducer.instructions()) {
    text += meaning_of(*x) + "(";
    for (const Instruction* operand : x->operands()) text += fmt::format("{} ", operand->index());
    if (x->op() == Op::parameter) text += fmt::format("p{}", x->attrs<ParameterAttrs>().number);
    text += x.get() == reducer.root() ? ") root;" : ");";
  }
  return text;
}

std::string text_of(const Node& node) {
  std::string text = fmt::format("{} {}", static_cast<int>(node.kind), name_of(node.type));
  if (node.instruction != nullptr) text += " " + meaning_of(*node.instruction);
  text += fmt::format(" ({}) [{}] in {}..{} a{} g{} r{}.{} k{} {}", fmt::join(node.operands, ","), text_of(node.index),
                      node.low, node.high, node.argument, node.guard, node.reduction, node.result, node.kept_by,
                      static_cast<int>(node.accuracy));
  return text;
}

}  // namespace

std::string to_string(const Kernel& kernel) {
  std::string text = fmt::format("loops {} outer {} lane {} tile {} lanes {} {} {:x}\n", fmt::join(kernel.loops, ","),
                                 fmt::join(kernel.outer, ","), kernel.outer_lane, kernel.tile, kernel.lanes,
                                 kernel.in_order, kernel.added_over);
  for (const Argument& a : kernel.arguments) text += fmt::format("argument {} {}\n", name_of(a.type), a.written);
  for (size_t n = 0; n < kernel.nodes.size(); ++n) text += fmt::format("%{} = {}\n", n, text_of(kernel.nodes[n]));
  for (const Reduction& r : kernel.reductions) {
    text += fmt::format("reduce ({}) from ({}) over {:x} by {}\n", fmt::join(r.inputs, ","), fmt::join(r.starts, ","),
                        r.loops, text_of(*r.reducer));
  }
  for (const Store& s : kernel.stores)
    text += fmt::format("store a{}[{}] = %{} g{}\n", s.argument, text_of(s.index), s.node, s.guard);
  for (const Stage& s : kernel.stages) {
    text += fmt::format("stage loops {} lane {} reductions {} stores {}\n", fmt::join(s.loops, ","), s.lane,
                        fmt::join(s.reductions, ","), fmt::join(s.stores, ","));
  }
  return text;
}

}  // namespace gshard::cpu
