// Sums (and whatever else a reducer makes): one accumulator per part of a round, joined at the end.
#include "backend/cpu/kernel_emitter.h"
#include "ops/reducer.h"

namespace gshard::cpu {

using llvm::Type;
using llvm::Value;

void KernelEmitter::start_reduction(const Reduction& reduction, std::vector<Accumulator>& sums) {
  const Reducer reducer = reducer_of(*reduction.reducer);
  const unsigned width = has_own_lanes() || lane_ >= 0 ? lanes() : 1;
  const unsigned count = has_own_lanes() ? kParts : parts_;
  for (size_t i = 0; i < reduction.inputs.size(); ++i) {
    const DType type = node(reduction.inputs[i]).type;
    Accumulator sum{pointwise_.register_type(type, width), {}};
    for (unsigned part = 0; part < count; ++part) {
      llvm::IRBuilder<> at_entry(entry_, entry_->begin());
      sum.parts.push_back(at_entry.CreateAlloca(sum.type));
      Value* start = reducer == Reducer::none ? wide(reduction.starts[i], part, width)
                                              : spread(pointwise_.neutral(op_of(reducer), type), width);
      b_.CreateStore(start, sum.parts.back());
    }
    sums.push_back(std::move(sum));
  }
}

void KernelEmitter::emit_reductions(std::vector<Accumulator>& sums) {
  size_t next = 0;
  for (int r : stage_->reductions) {
    const Reduction& reduction = kernel_.reductions[static_cast<size_t>(r)];
    const std::span<Accumulator> own(&sums[next], reduction.inputs.size());
    next += reduction.inputs.size();
    for (unsigned part = 0; part < parts_; ++part) accumulate(reduction, own, part);
  }
}

void KernelEmitter::accumulate(const Reduction& reduction, std::span<Accumulator> sums, unsigned part) {
  const Reducer reducer = reducer_of(*reduction.reducer);
  const unsigned width = lane_ >= 0 ? lanes() : 1;
  std::vector<Value*> operands;
  for (Accumulator& sum : sums) operands.push_back(b_.CreateLoad(sum.type, sum.parts[part]));
  const std::vector<Value*> before = operands;
  for (int input : reduction.inputs) operands.push_back(wide(input, part, width));
  std::vector<Value*> after;
  if (reducer != Reducer::none) {
    after = {pointwise_.combine(op_of(reducer), node(reduction.inputs[0]).type, operands[0], operands[1])};
  } else {
    after = pointwise_.emit(*reduction.reducer, operands, width);
  }
  for (size_t i = 0; i < sums.size(); ++i) {
    if (has_own_lanes() && mask_ != nullptr) after[i] = b_.CreateSelect(mask_, after[i], before[i]);
    b_.CreateStore(after[i], sums[i].parts[part]);
  }
}

void KernelEmitter::finish_reduction(int number, std::vector<Accumulator>& sums, size_t& next) {
  const Reduction& reduction = kernel_.reductions[static_cast<size_t>(number)];
  const Reducer reducer = reducer_of(*reduction.reducer);
  for (size_t i = 0; i < reduction.inputs.size(); ++i) {
    const DType type = node(reduction.inputs[i]).type;
    const Accumulator& sum = sums[next++];
    Parts results;
    for (llvm::AllocaInst* part : sum.parts) results.push_back(b_.CreateLoad(sum.type, part));
    if (reducer != Reducer::none) {
      if (has_own_lanes()) results = {join(op_of(reducer), type, results)};
      for (unsigned part = 0; part < results.size(); ++part) {
        const unsigned width = results[part]->getType()->isVectorTy() ? lanes() : 1;
        Value* start = wide(reduction.starts[i], part, width);
        results[part] = pointwise_.round_to(pointwise_.combine(op_of(reducer), type, start, results[part]), type);
      }
    }
    for (size_t n = 0; n < kernel_.nodes.size(); ++n) {
      const Node& reduced = kernel_.nodes[n];
      if (reduced.kind != Node::Kind::reduced || reduced.reduction != number) continue;
      if (reduced.result == static_cast<int>(i)) values_[n] = results;
    }
  }
}

Value* KernelEmitter::join(Op op, DType type, Parts parts) {
  for (size_t step = 1; step < parts.size(); step *= 2) {
    for (size_t i = 0; i + step < parts.size(); i += 2 * step) {
      parts[i] = pointwise_.combine(op, type, parts[i], parts[i + step]);
    }
  }
  Value* value = parts[0];
  // Where NaN is asked for once, the steps do not have to: rows that are short wait for them.
  const bool is_extremum = is_floating(type) && (op == Op::maximum || op == Op::minimum);
  Value* has_nan = is_extremum ? b_.CreateOrReduce(b_.CreateFCmpUNO(value, value)) : nullptr;
  for (unsigned width = lanes() / 2; width > 0; width /= 2) {
    llvm::SmallVector<int> low;
    llvm::SmallVector<int> high;
    for (unsigned i = 0; i < width; ++i) {
      low.push_back(static_cast<int>(i));
      high.push_back(static_cast<int>(i + width));
    }
    Value* first = b_.CreateShuffleVector(value, low);
    Value* second = b_.CreateShuffleVector(value, high);
    if (is_extremum) {
      const auto beyond = op == Op::maximum ? llvm::CmpInst::FCMP_OGT : llvm::CmpInst::FCMP_OLT;
      value = b_.CreateSelect(b_.CreateFCmp(beyond, first, second), first, second);
    } else {
      value = pointwise_.combine(op, type, first, second);
    }
  }
  value = b_.CreateExtractElement(value, uint64_t{0});
  return is_extremum ? b_.CreateSelect(has_nan, llvm::ConstantFP::getNaN(value->getType()), value) : value;
}

}  // namespace gshard::cpu
