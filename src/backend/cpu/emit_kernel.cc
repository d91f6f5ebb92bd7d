#include "backend/cpu/emit_kernel.h"

#include <algorithm>
#include <bit>
#include <map>

#include "backend/cpu/emit_transpose.h"
#include "backend/cpu/schedule_kernel.h"
#include "ops/reducer.h"

namespace gshard::cpu {
namespace {

using llvm::BasicBlock;
using llvm::Type;
using llvm::Value;

// Vectors that one round of a lane loop works on, so that sums do not wait for each other.
constexpr unsigned kParts = 4;
constexpr int64_t kLine = 64;  // bytes of a line of the cache
// Lines of which loads are transposed at a time.
constexpr int64_t kLinesOfTile = 4;

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
    if (kernel_.tile >= 0) {
      emit_tiles();
    } else {
      const int64_t block = kernel_.row_block();
      for_loop(function_.getArg(1), function_.getArg(2), block, [&](Value* row) { emit_rows(row, block); });
    }
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
    return run_loop(first, last, [&](Value* i) {
      body(i);
      return b_.CreateNSWAdd(i, b_.getInt64(static_cast<uint64_t>(step)));
    });
  }

  // for (i = first; i < last;) i = body(i); returns where i ended.
  template <class Body>
  Value* run_loop(Value* first, Value* last, Body&& body) {
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
    Value* next = body(i);
    i->addIncoming(next, b_.GetInsertBlock());
    b_.CreateBr(head);
    b_.SetInsertPoint(after);
    return i;
  }

  // The rows of one block: the innermost outer loops run through them, the others stand still.
  void emit_rows(Value* first_row, int64_t block) {
    Value* rest = block == 1 ? first_row : b_.CreateUDiv(first_row, b_.getInt64(static_cast<uint64_t>(block)));
    size_t inner = kernel_.outer.size();
    for (int64_t rows = 1; rows < block; rows *= extent(kernel_.outer[inner])) --inner;
    set_outer_loops(rest, inner);
    emit_outer_loops(inner);
  }

  // Where the first `count` outer loops stand in their iteration `number`.
  void set_outer_loops(Value* number, size_t count) {
    for (size_t i = count; i-- > 0;) {
      const int loop = kernel_.outer[i];
      Value* iterations = b_.getInt64(static_cast<uint64_t>(extent(loop)));
      loop_values_[static_cast<size_t>(loop)] = i == 0 ? number : b_.CreateURem(number, iterations);
      if (i > 0) number = b_.CreateUDiv(number, iterations);
    }
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
    const unsigned parts = most_parts();
    const int64_t block = static_cast<int64_t>(parts) * kernel_.lanes;
    const auto run = [&](Value* i, unsigned count, Value* mask) {
      value = i;
      parts_ = count;
      mask_ = mask;
      body();
    };
    const bool has_rest = extent(loop) % kernel_.lanes != 0;
    if (extent(loop) <= kernel_.lanes) {
      run(first, 1, has_rest ? mask_for(b_.getInt64(static_cast<uint64_t>(extent(loop)))) : nullptr);
    } else {
      if (block <= extent(loop)) {
        Value* whole = b_.CreateNSWSub(last, b_.getInt64(static_cast<uint64_t>(block - 1)));
        first = for_loop(first, whole, block, [&](Value* i) { run(i, parts, nullptr); });
      }
      const auto single = [&](Value* i) { run(i, 1, has_rest ? mask_for(b_.CreateNSWSub(last, i)) : nullptr); };
      if (extent(loop) % block != 0) for_loop(first, last, kernel_.lanes, single);
    }
    lane_ = -1;
    mask_ = nullptr;
    parts_ = 1;
  }

  // Where loads are transposed as few as make whole lines: what stands beside them is far away.
  unsigned most_parts() const {
    if (kernel_.tile < 0) return kParts;
    return static_cast<unsigned>(std::clamp<int64_t>(kLine / (kernel_.lanes * bytes_of_transposed()), 1, kParts));
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

  // ---- tiles ------------------------------------------------------------------------------------------------------

  // The smallest number of a load that is transposed.
  int64_t bytes_of_transposed() const {
    int64_t bytes = 8;
    for (const Node& x : kernel_.nodes) {
      if (kernel_.is_transposed(x)) bytes = std::min<int64_t>(bytes, bytes_of(x.type));
    }
    return bytes;
  }

  // Iterations of the loop `tile` for which loads are transposed at a time.
  int64_t tile_rows() const { return std::max<int64_t>(kLinesOfTile * kLine / bytes_of_transposed(), kernel_.lanes); }

  // Lanes are the outermost loop: their loads stand in as many places, and rows are read along the lines there.
  void emit_tiles() {
    lane_loop(kernel_.outer_lane, function_.getArg(3), function_.getArg(4),
              [&] { run_loop(function_.getArg(1), function_.getArg(2), [&](Value* row) { return emit_tile(row); }); });
  }

  // The rows from `row` that are transposed together; returns the row behind them.
  Value* emit_tile(Value* row) {
    Value* rows = b_.getInt64(static_cast<uint64_t>(extent(kernel_.tile)));
    const size_t others = kernel_.outer.size() - 1;
    Value* first = others == 0 ? row : b_.CreateURem(row, rows);
    if (others > 0) set_outer_loops(b_.CreateUDiv(row, rows), others);
    Value* count = least(b_.CreateNSWSub(function_.getArg(2), row), b_.CreateNSWSub(rows, first));
    count = least(count, b_.getInt64(static_cast<uint64_t>(tile_rows())));
    for (const Node& x : kernel_.nodes) {
      if (kernel_.is_transposed(x)) transpose_load(x, first, count);
    }
    for_loop(b_.getInt64(0), count, 1, [&](Value* i) {
      row_of_tile_ = i;
      loop_values_[static_cast<size_t>(kernel_.tile)] = b_.CreateNSWAdd(first, i);
      emit_stages();
    });
    return b_.CreateNSWAdd(row, count);
  }

  Value* least(Value* a, Value* b) { return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b); }

  // Fills a load's place in `transposed_` for `count` iterations of the loop `tile`.
  void transpose_load(const Node& x, Value* first, Value* count) {
    const auto square = [&](Value* i, Value* mask) {
      loop_values_[static_cast<size_t>(kernel_.tile)] = b_.CreateNSWAdd(first, i);
      for (unsigned part = 0; part < parts_; ++part) transpose_square_of(x, part, i, mask);
    };
    Value* whole = b_.CreateNSWSub(count, b_.getInt64(lanes() - 1));
    Value* rest = for_loop(b_.getInt64(0), whole, lanes(), [&](Value* i) { square(i, nullptr); });
    if (extent(kernel_.tile) % lanes() == 0) return;
    for_loop(rest, count, lanes(), [&](Value* i) { square(i, mask_for(b_.CreateNSWSub(count, i))); });
  }

  void transpose_square_of(const Node& x, unsigned part, Value* row, Value* mask) {
    Type* element = pointwise_.memory_type(x.type);
    const llvm::Align alignment(static_cast<uint64_t>(bytes_of(x.type)));
    Value* base = arguments_[static_cast<size_t>(x.argument)];
    base = b_.CreateInBoundsGEP(element, base, scalar_index(x.index, part));
    // Lanes behind the last one read what the last one reads.
    Value* last = b_.CreateNSWSub(function_.getArg(4), loop_values_[static_cast<size_t>(kernel_.outer_lane)]);
    last = b_.CreateNSWSub(last, b_.getInt64(1));
    Parts square;
    for (unsigned i = 0; i < lanes(); ++i) {
      Value* lane = b_.getInt64(i);
      if (mask_ != nullptr) lane = least(lane, last);
      Value* at = b_.CreateInBoundsGEP(element, base, times(lane, x.index.factor(static_cast<size_t>(lane_))));
      square.push_back(load_lanes(x.type, at, mask));
    }
    transpose_square(b_, square);
    for (unsigned i = 0; i < lanes(); ++i) {
      Value* at = transposed_at(x, part, b_.CreateNSWAdd(row, b_.getInt64(i)));
      b_.CreateAlignedStore(square[i], at, alignment);
    }
  }

  // Where the vector of a row of the tile stands.
  Value* transposed_at(const Node& x, unsigned part, Value* row) {
    Type* element = pointwise_.memory_type(x.type);
    llvm::AllocaInst*& square = transposed_[&x];
    if (square == nullptr) {
      llvm::IRBuilder<> at_entry(entry_, entry_->begin());
      const int64_t size = tile_rows() * kernel_.lanes * most_parts();
      square = at_entry.CreateAlloca(element, at_entry.getInt64(static_cast<uint64_t>(size)));
      square->setAlignment(llvm::Align(kLine));
    }
    Value* vector = b_.CreateNSWAdd(times(row, most_parts()), b_.getInt64(part));
    return b_.CreateInBoundsGEP(element, square, times(vector, kernel_.lanes));
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
        const Accuracy accuracy = x.coarse ? Accuracy::coarse : Accuracy::full;
        if (const int erf = erf_beside_one(x); erf >= 0) {
          return one_plus_erf(b_, wide(node(erf).operands[0], part, width), accuracy);
        }
        llvm::SmallVector<Value*> operands;
        for (size_t i = 0; i < x.operands.size(); ++i) operands.push_back(operand(i));
        return pointwise_.emit(*x.instruction, {operands.data(), operands.size()}, accuracy);
      }
      case Node::Kind::reduced:
        break;
    }
    GSHARD_CHECK(false, "a reduced value is made by its reduction");
  }

  // The erf in 1 + erf(x); -1 where a node is nothing like that.
  int erf_beside_one(const Node& x) const {
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

  // Elements side by side, as they are in memory; 0 where the mask, if there is one, does not hold.
  Value* load_lanes(DType type, Value* at, Value* mask) {
    Type* vector = llvm::FixedVectorType::get(pointwise_.memory_type(type), lanes());
    const llvm::Align alignment(static_cast<uint64_t>(bytes_of(type)));
    if (mask == nullptr) return b_.CreateAlignedLoad(vector, at, alignment);
    return b_.CreateMaskedLoad(vector, at, alignment, mask, llvm::Constant::getNullValue(vector));
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
  std::map<const Node*, llvm::AllocaInst*> transposed_;
  Value* row_of_tile_ = nullptr;
  int lane_ = -1;  // the open lane loop
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
  // For what is coarse.
  function->addFnAttr("reciprocal-estimates", "vec-divf:0");
  KernelEmitter(kernel, *function, machine).emit();
}

}  // namespace gshard::cpu
