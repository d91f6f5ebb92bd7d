#include "backend/cpu/emit_kernel.h"

#include <algorithm>
#include <bit>
#include <map>

#include "backend/cpu/schedule_kernel.h"
#include "ops/reducer.h"

namespace gshard::cpu {
namespace {

using llvm::BasicBlock;
using llvm::Type;
using llvm::Value;

// Vectors that one round of a lane loop works on, so that sums do not wait for each other.
constexpr unsigned kParts = 4;

class KernelEmitter {
 public:
  KernelEmitter(const Kernel& kernel, llvm::Function& function, const Machine& machine)
      : kernel_(kernel),
        function_(function),
        b_(BasicBlock::Create(function.getContext(), "entry", &function)),
        pointwise_(b_, machine),
        loop_values_(kernel.loops.size()),
        values_(kernel.nodes.size()) {}

  void emit() {
    entry_ = b_.GetInsertBlock();
    for (size_t i = 0; i < kernel_.arguments.size(); ++i) {
      Value* at = b_.CreateConstInBoundsGEP1_64(b_.getPtrTy(), function_.getArg(0), i);
      arguments_.push_back(b_.CreateLoad(b_.getPtrTy(), at));
    }
    const int64_t block = kernel_.row_block();
    for_loop(function_.getArg(1), function_.getArg(2), block, [&](Value* row) { emit_rows(row, block); });
    b_.CreateRetVoid();
  }

 private:
  using Parts = llvm::SmallVector<Value*, kParts>;
  struct Accumulator {
    Type* type;
    llvm::SmallVector<llvm::AllocaInst*, kParts> parts;
  };

  const Node& node(int n) const { return kernel_.nodes[static_cast<size_t>(n)]; }
  unsigned lanes() const { return static_cast<unsigned>(kernel_.lanes); }
  int64_t extent(int loop) const { return kernel_.loops[static_cast<size_t>(loop)]; }
  bool is_uniform(const Node& node) const { return lane_ < 0 || (node.domain & loop_bit(lane_)) == 0; }

  // ---- loops ------------------------------------------------------------------------------------------------------

  // for (i = first; i < last; i += step) body(i); returns where i ended.
  template <class Body>
  Value* for_loop(Value* first, Value* last, int64_t step, Body&& body) {
    BasicBlock* before = b_.GetInsertBlock();
    auto& context = function_.getContext();
    BasicBlock* head = BasicBlock::Create(context, "head", &function_);
    BasicBlock* inside = BasicBlock::Create(context, "inside", &function_);
    BasicBlock* after = BasicBlock::Create(context, "after", &function_);
    b_.CreateBr(head);
    b_.SetInsertPoint(head);
    llvm::PHINode* i = b_.CreatePHI(b_.getInt64Ty(), 2);
    i->addIncoming(first, before);
    b_.CreateCondBr(b_.CreateICmpSLT(i, last), inside, after);
    b_.SetInsertPoint(inside);
    body(i);
    i->addIncoming(b_.CreateNSWAdd(i, b_.getInt64(static_cast<uint64_t>(step))), b_.GetInsertBlock());
    b_.CreateBr(head);
    b_.SetInsertPoint(after);
    return i;
  }

  // The rows of one block: the innermost outer loops run through them, the others stand still.
  void emit_rows(Value* first_row, int64_t block) {
    Value* rest = block == 1 ? first_row : b_.CreateUDiv(first_row, b_.getInt64(static_cast<uint64_t>(block)));
    size_t inner = kernel_.outer.size();
    for (int64_t rows = 1; rows < block; rows *= extent(kernel_.outer[inner])) --inner;
    for (size_t i = inner; i-- > 0;) {
      const int loop = kernel_.outer[i];
      Value* count = b_.getInt64(static_cast<uint64_t>(extent(loop)));
      loop_values_[static_cast<size_t>(loop)] = i == 0 ? rest : b_.CreateURem(rest, count);
      if (i > 0) rest = b_.CreateUDiv(rest, count);
    }
    emit_outer_loops(inner);
  }

  void emit_outer_loops(size_t i) {
    if (i == kernel_.outer.size()) return emit_row();
    const auto loop = static_cast<size_t>(kernel_.outer[i]);
    for_loop(b_.getInt64(0), b_.getInt64(static_cast<uint64_t>(kernel_.loops[loop])), 1, [&](Value* at) {
      loop_values_[loop] = at;
      emit_outer_loops(i + 1);
    });
  }

  void emit_row() {
    if (kernel_.outer_lane < 0) return emit_stages();
    lane_loop(kernel_.outer_lane, function_.getArg(3), function_.getArg(4), [&] { emit_stages(); });
  }

  // Runs `body` for blocks of kParts vectors, then for single ones, masked where the last is not whole. Ranges of a
  // loop that is cut begin and end at whole blocks.
  template <class Body>
  void lane_loop(int loop, Value* first, Value* last, Body&& body) {
    lane_ = loop;
    Value*& value = loop_values_[static_cast<size_t>(loop)];
    const int64_t block = static_cast<int64_t>(kParts) * kernel_.lanes;
    const auto run = [&](Value* i, unsigned parts, Value* mask) {
      value = i;
      parts_ = parts;
      mask_ = mask;
      body();
    };
    const bool has_rest = extent(loop) % kernel_.lanes != 0;
    if (extent(loop) <= kernel_.lanes) {
      run(first, 1, has_rest ? mask_for(b_.getInt64(static_cast<uint64_t>(extent(loop)))) : nullptr);
    } else {
      if (block <= extent(loop)) {
        Value* whole = b_.CreateNSWSub(last, b_.getInt64(static_cast<uint64_t>(block - 1)));
        first = for_loop(first, whole, block, [&](Value* i) { run(i, kParts, nullptr); });
      }
      const auto single = [&](Value* i) { run(i, 1, has_rest ? mask_for(b_.CreateNSWSub(last, i)) : nullptr); };
      if (extent(loop) % block != 0) for_loop(first, last, kernel_.lanes, single);
    }
    lane_ = -1;
    mask_ = nullptr;
    parts_ = 1;
  }

  // The first `count` lanes.
  Value* mask_for(Value* count) {
    Type* type = llvm::FixedVectorType::get(b_.getInt64Ty(), lanes());
    return b_.CreateICmpSLT(counting(type), b_.CreateVectorSplat(lanes(), count));
  }

  static llvm::Constant* counting(Type* vector_type) {
    llvm::SmallVector<llvm::Constant*> numbers;
    const auto* type = llvm::cast<llvm::FixedVectorType>(vector_type);
    for (unsigned i = 0; i < type->getNumElements(); ++i) {
      numbers.push_back(llvm::ConstantInt::get(type->getElementType(), i));
    }
    return llvm::ConstantVector::get(numbers);
  }

  // ---- stages -----------------------------------------------------------------------------------------------------

  void emit_stages() {
    for (Parts& parts : values_) parts.clear();
    for (const Stage& stage : kernel_.stages) emit_stage(stage);
  }

  void emit_stage(const Stage& stage) {
    stage_ = &stage;
    pending_.assign(stage.loops.size() + 1, {});
    for (int n : nodes_of(kernel_, stage)) {
      size_t depth = 0;
      for (size_t d = 0; d < stage.loops.size(); ++d) {
        if ((node(n).domain & loop_bit(stage.loops[d])) != 0) depth = d + 1;
      }
      if (node(n).kind != Node::Kind::reduced) pending_[depth].push_back(n);
    }
    emit_nodes(0);
    // A stage with lanes of its own sums into one vector per part.
    std::vector<Accumulator> sums;
    for (int r : stage.reductions) start_reduction(kernel_.reductions[static_cast<size_t>(r)], sums);
    emit_loops(0, sums);
    size_t next = 0;
    for (int r : stage.reductions) finish_reduction(r, sums, next);
  }

  void emit_nodes(size_t depth) {
    for (int n : pending_[depth]) {
      Parts& parts = values_[static_cast<size_t>(n)];
      if (!parts.empty()) continue;
      if (is_kept_for(kernel_, node(n), *stage_)) {
        for (unsigned part = 0; part < parts_; ++part) parts.push_back(load_kept(n, part));
        continue;
      }
      parts = compute(node(n));
      if (node(n).kept_by < 0 || &kernel_.stages[static_cast<size_t>(node(n).kept_by)] != stage_) continue;
      for (unsigned part = 0; part < parts_; ++part)
        b_.CreateAlignedStore(parts[part], kept_at(n, part), llvm::Align(4));
    }
  }

  // ---- values kept for later stages -------------------------------------------------------------------------------

  // Where part `part` of a kept node stands at the present place of the loops, as whole vectors.
  Value* kept_at(int n, unsigned part) {
    Type* element = pointwise_.register_type(node(n).type, 1);
    llvm::AllocaInst*& kept = kept_[n];
    if (kept == nullptr) {
      llvm::IRBuilder<> at_entry(entry_, entry_->begin());
      kept = at_entry.CreateAlloca(element, at_entry.getInt64(static_cast<uint64_t>(row_size(kernel_, *stage_))));
      kept->setAlignment(llvm::Align(64));
    }
    Value* index = b_.getInt64(static_cast<uint64_t>(part) * lanes());
    int64_t step = 1;
    for (size_t d = stage_->loops.size(); d-- > 0;) {
      const int loop = stage_->loops[d];
      index = b_.CreateNSWAdd(index, times(loop_values_[static_cast<size_t>(loop)], step));
      step *= loop == stage_->lane ? row_size(kernel_, *stage_) / others_size() : extent(loop);
    }
    return b_.CreateInBoundsGEP(element, kept, index);
  }

  Value* load_kept(int n, unsigned part) {
    return b_.CreateAlignedLoad(pointwise_.register_type(node(n).type, lanes()), kept_at(n, part), llvm::Align(4));
  }

  // Iterations of the stage's loops but for that of its lanes.
  int64_t others_size() const {
    int64_t size = 1;
    for (int loop : stage_->loops) size *= loop == stage_->lane ? 1 : extent(loop);
    return size;
  }

  void forget_nodes(size_t depth) {
    for (int n : pending_[depth]) values_[static_cast<size_t>(n)].clear();
  }

  void emit_loops(size_t depth, std::vector<Accumulator>& sums) {
    if (depth == stage_->loops.size()) {
      emit_reductions(sums);
      for (int s : stage_->stores) emit_store(kernel_.stores[static_cast<size_t>(s)]);
      return;
    }
    const int loop = stage_->loops[depth];
    const auto body = [&] {
      emit_nodes(depth + 1);
      emit_loops(depth + 1, sums);
      forget_nodes(depth + 1);
    };
    Value* zero = b_.getInt64(0);
    Value* count = b_.getInt64(static_cast<uint64_t>(extent(loop)));
    if (loop == stage_->lane) return lane_loop(loop, zero, count, body);
    for_loop(zero, count, 1, [&](Value* i) {
      loop_values_[static_cast<size_t>(loop)] = i;
      body();
    });
  }

  // ---- reductions -------------------------------------------------------------------------------------------------

  bool has_own_lanes() const { return stage_->lane >= 0; }

  void start_reduction(const Reduction& reduction, std::vector<Accumulator>& sums) {
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

  void emit_reductions(std::vector<Accumulator>& sums) {
    size_t next = 0;
    for (int r : stage_->reductions) {
      const Reduction& reduction = kernel_.reductions[static_cast<size_t>(r)];
      const std::span<Accumulator> own(&sums[next], reduction.inputs.size());
      next += reduction.inputs.size();
      for (unsigned part = 0; part < parts_; ++part) accumulate(reduction, own, part);
    }
  }

  void accumulate(const Reduction& reduction, std::span<Accumulator> sums, unsigned part) {
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

  // Makes the values of the `reduced` nodes of a reduction.
  void finish_reduction(int number, std::vector<Accumulator>& sums, size_t& next) {
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

  // All lanes of all parts as one number.
  Value* join(Op op, DType type, Parts parts) {
    for (size_t step = 1; step < parts.size(); step *= 2) {
      for (size_t i = 0; i + step < parts.size(); i += 2 * step) {
        parts[i] = pointwise_.combine(op, type, parts[i], parts[i + step]);
      }
    }
    Value* value = parts[0];
    for (unsigned width = lanes() / 2; width > 0; width /= 2) {
      llvm::SmallVector<int> low;
      llvm::SmallVector<int> high;
      for (unsigned i = 0; i < width; ++i) {
        low.push_back(static_cast<int>(i));
        high.push_back(static_cast<int>(i + width));
      }
      value = pointwise_.combine(op, type, b_.CreateShuffleVector(value, low), b_.CreateShuffleVector(value, high));
    }
    return b_.CreateExtractElement(value, uint64_t{0});
  }

  // ---- nodes ------------------------------------------------------------------------------------------------------

  Value* spread(Value* value, unsigned width) {
    return width == 1 || value->getType()->isVectorTy() ? value : b_.CreateVectorSplat(width, value);
  }

  // Part `part` of a node's value, as `width` lanes.
  Value* wide(int n, unsigned part, unsigned width) {
    const Parts& parts = values_[static_cast<size_t>(n)];
    return spread(parts.size() == 1 ? parts[0] : parts[part], width);
  }

  Parts compute(const Node& x) {
    const bool uniform = is_uniform(x);
    Parts parts;
    for (unsigned part = 0; part < (uniform ? 1 : parts_); ++part) {
      parts.push_back(compute(x, part, uniform ? 1 : lanes()));
    }
    return parts;
  }

  Value* compute(const Node& x, unsigned part, unsigned width) {
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
          return pointwise_.round_to(pointwise_.divide_by_one(operand(0), wide(x.operands[1], part, 1)), x.type);
        }
        llvm::SmallVector<Value*> operands;
        for (size_t i = 0; i < x.operands.size(); ++i) operands.push_back(operand(i));
        return pointwise_.emit(*x.instruction, {operands.data(), operands.size()});
      }
      case Node::Kind::reduced:
        break;
    }
    GSHARD_CHECK(false, "a reduced value is made by its reduction");
  }

  static Value* number(int64_t value, Type* type) {
    return llvm::ConstantInt::get(type, static_cast<uint64_t>(value), true);
  }

  Value* counter(Value* index, DType type) {
    const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(index->getType());
    Type* to = pointwise_.register_type(type, vector == nullptr ? 1 : vector->getNumElements());
    if (!is_floating(type)) return b_.CreateIntCast(index, to, true);
    return pointwise_.round_to(b_.CreateSIToFP(index, to), type);
  }

  Value* clamped(const Node& x, Value* value) {
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

  // ---- places -----------------------------------------------------------------------------------------------------

  bool has_lane_terms(const Index& index) const {
    return std::any_of(index.terms.begin(), index.terms.end(),
                       [&](const Index::Term& term) { return !is_uniform(node(term.node)); });
  }

  Value* times(Value* value, int64_t factor) {
    return factor == 1 ? value : b_.CreateNSWMul(value, number(factor, value->getType()));
  }

  // The index at the first lane of a part, terms that differ between lanes not counted.
  Value* scalar_index(const Index& index, unsigned part) {
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

  // The index of each lane.
  Value* index_value(const Index& index, unsigned part, unsigned width) {
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

  Value* and_both(Value* a, Value* b) { return a == nullptr ? b : b == nullptr ? a : b_.CreateAnd(a, b); }

  Value* all_lanes() { return llvm::ConstantInt::getTrue(llvm::FixedVectorType::get(b_.getInt1Ty(), lanes())); }

  Value* load(const Node& x, unsigned part, unsigned width) {
    Type* element = pointwise_.memory_type(x.type);
    Value* base = arguments_[static_cast<size_t>(x.argument)];
    const llvm::Align alignment(static_cast<uint64_t>(bytes_of(x.type)));
    if (width == 1) {
      Value* index = scalar_index(x.index, part);
      if (x.guard >= 0) index = b_.CreateSelect(wide(x.guard, part, 1), index, b_.getInt64(0));
      return pointwise_.to_register(
          b_.CreateAlignedLoad(element, b_.CreateInBoundsGEP(element, base, index), alignment), x.type);
    }
    Type* vector = llvm::FixedVectorType::get(element, width);
    Value* mask = mask_;
    if (x.guard >= 0) mask = and_both(mask, wide(x.guard, part, width));
    if (x.index.factor(static_cast<size_t>(lane_)) == 1 && !has_lane_terms(x.index)) {
      Value* at = b_.CreateGEP(element, base, scalar_index(x.index, part));
      Value* stored = mask == nullptr
                          ? static_cast<Value*>(b_.CreateAlignedLoad(vector, at, alignment))
                          : b_.CreateMaskedLoad(vector, at, alignment, mask, llvm::Constant::getNullValue(vector));
      return pointwise_.to_register(stored, x.type);
    }
    return pointwise_.to_register(gather(x, part, width, mask == nullptr ? all_lanes() : mask), x.type);
  }

  // Elements that are not side by side. Machines gather words of 32 and 64 bits: narrower elements are cut from the
  // word that they stand in, which lies in the same page.
  Value* gather(const Node& x, unsigned part, unsigned width, Value* mask) {
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

  void emit_store(const Store& store) {
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

  const Kernel& kernel_;
  llvm::Function& function_;
  llvm::IRBuilder<> b_;
  PointwiseEmitter pointwise_;
  BasicBlock* entry_ = nullptr;
  std::vector<Value*> arguments_;
  std::vector<Value*> loop_values_;
  // Of nodes at the present place: one value, or one per part where lanes differ; none where not computed yet.
  std::vector<Parts> values_;
  // The nodes of the present stage, by the number of its loops that they need.
  std::vector<std::vector<int>> pending_;
  const Stage* stage_ = nullptr;
  std::map<int, llvm::AllocaInst*> kept_;  // by node
  int lane_ = -1;                          // the open lane loop
  unsigned parts_ = 1;
  Value* mask_ = nullptr;
};

}  // namespace

void emit_kernel(const Kernel& kernel, const std::string& name, llvm::Module& module, const Machine& machine) {
  llvm::LLVMContext& context = module.getContext();
  Type* pointer = llvm::PointerType::getUnqual(context);
  Type* integer = Type::getInt64Ty(context);
  auto* type = llvm::FunctionType::get(Type::getVoidTy(context), {pointer, integer, integer, integer, integer}, false);
  auto* function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, module);
  function->setDoesNotThrow();
  const std::string width = std::to_string(machine.vector_bytes * 8);
  function->addFnAttr("prefer-vector-width", width);
  function->addFnAttr("min-legal-vector-width", width);
  KernelEmitter(kernel, *function, machine).emit();
}

}  // namespace gshard::cpu
