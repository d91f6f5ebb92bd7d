// What nodes compute, and where their numbers stand.
#include <algorithm>
#include <bit>

#include "backend/cpu/kernel_emitter.h"
#include "backend/cpu/schedule_kernel.h"

namespace gshard::cpu {

using llvm::BasicBlock;
using llvm::Type;
using llvm::Value;

// ---- nodes ---------------------------------------------------------------------------------------------------------

Value* KernelEmitter::spread(Value* value, unsigned width) {
  return width == 1 || value->getType()->isVectorTy() ? value : b_.CreateVectorSplat(width, value);
}

Value* KernelEmitter::wide(int n, unsigned part, unsigned width) {
  const Parts& parts = values_[static_cast<size_t>(n)];
  return spread(parts.size() == 1 ? parts[0] : parts[part], width);
}

KernelEmitter::Parts KernelEmitter::compute(const Node& x) {
  const bool uniform = is_uniform(x);
  Parts parts;
  for (unsigned part = 0; part < (uniform ? 1 : parts_); ++part) {
    parts.push_back(compute(x, part, uniform ? 1 : lanes()));
  }
  return parts;
}

Value* KernelEmitter::compute(const Node& x, unsigned part, unsigned width) {
  const auto operand = [&](size_t i) { return wide(x.operands[i], part, width); };
  switch (x.kind) {
    case Node::Kind::load:
      return load(x, part, width);
    case Node::Kind::constant:
      return pointwise_.constant(x.instruction->attrs<ConstantAttrs>().value);
    case Node::Kind::counter:
      return counter(index_value(x.index, part, width), x.type);
    case Node::Kind::in_range: {
      Value* index = index_value(x.index, part, width);
      Value* above = b_.CreateSub(index, number(x.low, index->getType()));
      return b_.CreateICmpULT(above, number(x.high - x.low, index->getType()));
    }
    case Node::Kind::both:
      return b_.CreateAnd(operand(0), operand(1));
    case Node::Kind::choose:
      return b_.CreateSelect(operand(0), operand(1), operand(2));
    case Node::Kind::clamped:
      return clamped(x, operand(0));
    case Node::Kind::op: {
      if (x.instruction->op() == Op::divide && is_floating(x.type) && width > 1 && is_uniform(node(x.operands[1]))) {
        Value* quotient = pointwise_.divide_by_one(operand(0), wide(x.operands[1], part, 1), x.accuracy);
        return pointwise_.round_to(quotient, x.type);
      }
      if (const int erf = erf_beside_one(x); erf >= 0) {
        return one_plus_erf(b_, wide(node(erf).operands[0], part, width), x.accuracy);
      }
      llvm::SmallVector<Value*> operands;
      for (size_t i = 0; i < x.operands.size(); ++i) operands.push_back(operand(i));
      return pointwise_.emit(*x.instruction, {operands.data(), operands.size()}, x.accuracy);
    }
    case Node::Kind::reduced:
      break;
  }
  GSHARD_CHECK(false, "a reduced value is made by its reduction");
}

int KernelEmitter::erf_beside_one(const Node& x) const {
  if (x.instruction->op() != Op::add || x.type != DType::f32) return -1;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const Node& erf = node(x.operands[i]);
    const Node& one = node(x.operands[1 - i]);
    if (erf.kind != Node::Kind::op || erf.instruction->op() != Op::erf || one.kind != Node::Kind::constant) continue;
    if (is_kept_for(kernel_, erf, *stage_)) continue;
    if (one.instruction->attrs<ConstantAttrs>().value.values<float>()[0] == 1) return x.operands[i];
  }
  return -1;
}

Value* KernelEmitter::number(int64_t value, Type* type) {
  return llvm::ConstantInt::get(type, static_cast<uint64_t>(value), true);
}

Value* KernelEmitter::counter(Value* index, DType type) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(index->getType());
  Type* to = pointwise_.register_type(type, vector == nullptr ? 1 : vector->getNumElements());
  if (!is_floating(type)) return b_.CreateIntCast(index, to, true);
  return pointwise_.round_to(b_.CreateSIToFP(index, to), type);
}

Value* KernelEmitter::clamped(const Node& x, Value* value) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(value->getType());
  Type* to = pointwise_.register_type(DType::s64, vector == nullptr ? 1 : vector->getNumElements());
  const DType type = node(x.operands[0]).type;
  Value* number_wide = b_.CreateIntCast(value, to, is_signed_int(type));
  Value* low = number(x.low, to);
  Value* high = number(x.high, to);
  if (type == DType::u64) return b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, number_wide, high);
  Value* above = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, number_wide, low);
  return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, above, high);
}

// ---- places --------------------------------------------------------------------------------------------------------

bool KernelEmitter::has_lane_terms(const Index& index) const {
  return std::any_of(index.terms.begin(), index.terms.end(),
                     [&](const Index::Term& term) { return !is_uniform(node(term.node)); });
}

Value* KernelEmitter::times(Value* value, int64_t factor) {
  return factor == 1 ? value : b_.CreateNSWMul(value, number(factor, value->getType()));
}

Value* KernelEmitter::scalar_index(const Index& index, unsigned part) {
  Value* sum = b_.getInt64(static_cast<uint64_t>(index.offset));
  for (size_t l = 0; l < index.factors.size(); ++l) {
    if (index.factors[l] != 0) sum = b_.CreateNSWAdd(sum, times(loop_values_[l], index.factors[l]));
  }
  if (lane_ >= 0 && part > 0) {
    const int64_t step = index.factor(static_cast<size_t>(lane_)) * kernel_.lanes * static_cast<int64_t>(part);
    sum = b_.CreateNSWAdd(sum, b_.getInt64(static_cast<uint64_t>(step)));
  }
  for (const Index::Term& term : index.terms) {
    if (!is_uniform(node(term.node))) continue;
    sum = b_.CreateNSWAdd(sum, times(wide(term.node, 0, 1), term.factor));
  }
  return sum;
}

Value* KernelEmitter::index_value(const Index& index, unsigned part, unsigned width) {
  Value* sum = scalar_index(index, part);
  if (width == 1) return sum;
  sum = b_.CreateVectorSplat(width, sum);
  const int64_t factor = lane_ < 0 ? 0 : index.factor(static_cast<size_t>(lane_));
  if (factor != 0) sum = b_.CreateNSWAdd(sum, times(counting(sum->getType()), factor));
  for (const Index::Term& term : index.terms) {
    if (is_uniform(node(term.node))) continue;
    sum = b_.CreateNSWAdd(sum, times(wide(term.node, part, width), term.factor));
  }
  return sum;
}

Value* KernelEmitter::load(const Node& x, unsigned part, unsigned width) {
  Type* element = pointwise_.memory_type(x.type);
  Value* base = arguments_[static_cast<size_t>(x.argument)];
  const llvm::Align alignment(static_cast<uint64_t>(bytes_of(x.type)));
  if (width == 1) {
    Value* index = scalar_index(x.index, part);
    if (x.guard >= 0) index = b_.CreateSelect(wide(x.guard, part, 1), index, b_.getInt64(0));
    return pointwise_.to_register(b_.CreateAlignedLoad(element, b_.CreateInBoundsGEP(element, base, index), alignment),
                                  x.type);
  }
  if (kernel_.is_transposed(x)) {
    return pointwise_.to_register(load_lanes(x.type, transposed_at(x, part, row_of_tile_), nullptr), x.type);
  }
  Value* mask = mask_;
  if (x.guard >= 0) mask = and_both(mask, wide(x.guard, part, width));
  if (x.index.factor(static_cast<size_t>(lane_)) == 1 && !has_lane_terms(x.index)) {
    Value* at = b_.CreateGEP(element, base, scalar_index(x.index, part));
    return pointwise_.to_register(load_lanes(x.type, at, mask), x.type);
  }
  return pointwise_.to_register(gather(x, part, width, mask == nullptr ? all_lanes() : mask), x.type);
}

Value* KernelEmitter::load_lanes(DType type, Value* at, Value* mask) {
  Type* vector = llvm::FixedVectorType::get(pointwise_.memory_type(type), lanes());
  const llvm::Align alignment(static_cast<uint64_t>(bytes_of(type)));
  if (mask == nullptr) return b_.CreateAlignedLoad(vector, at, alignment);
  return b_.CreateMaskedLoad(vector, at, alignment, mask, llvm::Constant::getNullValue(vector));
}

Value* KernelEmitter::gather(const Node& x, unsigned part, unsigned width, Value* mask) {
  Type* element = pointwise_.memory_type(x.type);
  Type* vector = llvm::FixedVectorType::get(element, width);
  Value* base = arguments_[static_cast<size_t>(x.argument)];
  Value* index = index_value(x.index, part, width);
  if (kernel_.arguments[static_cast<size_t>(x.argument)].elements <= INT32_MAX) {
    index = b_.CreateTrunc(index, llvm::FixedVectorType::get(b_.getInt32Ty(), width));
  }
  const auto bytes = static_cast<uint64_t>(bytes_of(x.type));
  if (bytes >= 4) {
    return b_.CreateMaskedGather(vector, b_.CreateGEP(element, base, index), llvm::Align(bytes), mask,
                                 llvm::Constant::getNullValue(vector));
  }
  const uint64_t in_word = 4 / bytes;
  Type* words = llvm::FixedVectorType::get(b_.getInt32Ty(), width);
  Value* word = b_.CreateAShr(index, static_cast<uint64_t>(std::countr_zero(in_word)));
  Value* stored = b_.CreateMaskedGather(words, b_.CreateGEP(b_.getInt32Ty(), base, word), llvm::Align(4), mask,
                                        llvm::Constant::getNullValue(words));
  Value* place = b_.CreateAnd(b_.CreateIntCast(index, words, false), llvm::ConstantInt::get(words, in_word - 1));
  return b_.CreateTrunc(b_.CreateLShr(stored, b_.CreateMul(place, llvm::ConstantInt::get(words, 8 * bytes))), vector);
}

void KernelEmitter::emit_store(const Store& store) {
  const DType type = node(store.node).type;
  const unsigned width = lane_ >= 0 ? lanes() : 1;
  const llvm::Align alignment(static_cast<uint64_t>(bytes_of(type)));
  Type* element = pointwise_.memory_type(type);
  Value* base = arguments_[static_cast<size_t>(store.argument)];
  BasicBlock* after = nullptr;
  if (store.guard >= 0) {  // the same for all lanes
    BasicBlock* inside = BasicBlock::Create(function_.getContext(), "inside", &function_);
    after = BasicBlock::Create(function_.getContext(), "after", &function_);
    b_.CreateCondBr(wide(store.guard, 0, 1), inside, after);
    b_.SetInsertPoint(inside);
  }
  for (unsigned part = 0; part < parts_; ++part) {
    Value* value = pointwise_.to_memory(wide(store.node, part, width), type);
    if (width == 1 || (store.index.factor(static_cast<size_t>(lane_)) == 1 && !has_lane_terms(store.index))) {
      Value* at = b_.CreateGEP(element, base, scalar_index(store.index, part));
      if (mask_ == nullptr || width == 1) {
        b_.CreateAlignedStore(value, at, alignment);
      } else {
        b_.CreateMaskedStore(value, at, alignment, mask_);
      }
      continue;
    }
    Value* at = b_.CreateGEP(element, base, index_value(store.index, part, width));
    b_.CreateMaskedScatter(value, at, alignment, mask_);
  }
  if (after != nullptr) {
    b_.CreateBr(after);
    b_.SetInsertPoint(after);
  }
}

}  // namespace gshard::cpu
