// The state of emit_kernel(): one kernel on its way into one function. What it does stands in four files: loops and
// stages in emit_kernel.cc, the rest where the sections below say.
#pragma once

#include <llvm/ADT/STLFunctionalExtras.h>
#include <llvm/IR/IRBuilder.h>

#include <map>
#include <span>
#include <vector>

#include "backend/cpu/emit_pointwise.h"
#include "backend/cpu/kernel.h"

namespace gshard::cpu {

class KernelEmitter {
 public:
  KernelEmitter(const Kernel& kernel, llvm::Function& function, const Machine& machine)
      : kernel_(kernel),
        function_(function),
        b_(BasicBlock::Create(function.getContext(), "entry", &function)),
        pointwise_(b_, machine),
        loop_values_(kernel.loops.size()),
        values_(kernel.nodes.size()) {}

  void emit();

 private:
  using BasicBlock = llvm::BasicBlock;
  using Type = llvm::Type;
  using Value = llvm::Value;

  static constexpr unsigned kParts = Kernel::kParts;
  static constexpr int64_t kLine = 64;  // bytes of a line of the cache
  using Parts = llvm::SmallVector<Value*, kParts>;
  struct Accumulator {
    Type* type;
    llvm::SmallVector<llvm::AllocaInst*, kParts> parts;
  };

  const Node& node(int n) const { return kernel_.nodes[static_cast<size_t>(n)]; }
  unsigned lanes() const { return static_cast<unsigned>(kernel_.lanes); }
  int64_t extent(int loop) const { return kernel_.loops[static_cast<size_t>(loop)]; }
  bool is_uniform(const Node& node) const { return lane_ < 0 || (node.domain & loop_bit(lane_)) == 0; }

  // ---- loops -------------------------------------------------------------------------------------------------------

  // for (i = first; i < last; i += step) body(i); returns where i ended.
  Value* for_loop(Value* first, Value* last, int64_t step, llvm::function_ref<void(Value*)> body);
  // for (i = first; i < last;) i = body(i); returns where i ended.
  Value* run_loop(Value* first, Value* last, llvm::function_ref<Value*(Value*)> body);
  // The rows of one block: the innermost outer loops run through them, the others stand still.
  void emit_rows(Value* first_row, int64_t block);
  // Where the first `count` outer loops stand in their iteration `number`.
  void set_outer_loops(Value* number, size_t count);
  void emit_outer_loops(size_t i);
  void emit_row();
  // Runs `body` for blocks of kParts vectors, then for single ones, masked where the last is not whole. Ranges of a
  // loop that is cut begin and end at whole blocks.
  void lane_loop(int loop, Value* first, Value* last, llvm::function_ref<void()> body);
  // Where loads are transposed as few as make whole lines: what stands beside them is far away.
  unsigned most_parts() const;
  // The first `count` lanes.
  Value* mask_for(Value* count);
  static llvm::Constant* counting(Type* vector_type);

  // ---- loads that are transposed (emit_tiles.cc) -------------------------------------------------------------------

  // The smallest number of a load that is transposed.
  int64_t bytes_of_transposed() const;
  // Iterations of the loop `tile` for which loads are transposed at a time.
  int64_t tile_rows() const;
  // Lanes are the outermost loop: their loads stand in as many places, and rows are read along the lines there.
  void emit_tiles();
  // The rows from `row` that are transposed together; returns the row behind them.
  Value* emit_tile(Value* row);
  Value* least(Value* a, Value* b) { return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b); }
  // Fills a load's place in `transposed_` for `count` iterations of the loop `tile`.
  void transpose_load(const Node& x, Value* first, Value* count);
  void transpose_square_of(const Node& x, unsigned part, Value* row, Value* mask);
  // Where the vector of a row of the tile stands.
  Value* transposed_at(const Node& x, unsigned part, Value* row);

  // ---- stages ------------------------------------------------------------------------------------------------------

  void emit_stages();
  void emit_stage(const Stage& stage);
  void emit_nodes(size_t depth);
  void forget_nodes(size_t depth);
  void emit_loops(size_t depth, std::vector<Accumulator>& sums);

  // ---- values kept for later stages --------------------------------------------------------------------------------

  // Where part `part` of a kept node stands at the present place of the loops, as whole vectors.
  Value* kept_at(int n, unsigned part);
  Value* load_kept(int n, unsigned part);
  // Iterations of the stage's loops but for that of its lanes.
  int64_t others_size() const;

  // ---- reductions (emit_reductions.cc) -----------------------------------------------------------------------------

  bool has_own_lanes() const { return stage_->lane >= 0; }
  void start_reduction(const Reduction& reduction, std::vector<Accumulator>& sums);
  void emit_reductions(std::vector<Accumulator>& sums);
  void accumulate(const Reduction& reduction, std::span<Accumulator> sums, unsigned part);
  // Makes the values of the `reduced` nodes of a reduction.
  void finish_reduction(int number, std::vector<Accumulator>& sums, size_t& next);
  // All lanes of all parts as one number.
  Value* join(Op op, DType type, Parts parts);

  // ---- nodes (emit_values.cc) --------------------------------------------------------------------------------------

  Value* spread(Value* value, unsigned width);
  // Part `part` of a node's value, as `width` lanes.
  Value* wide(int n, unsigned part, unsigned width);
  Parts compute(const Node& x);
  Value* compute(const Node& x, unsigned part, unsigned width);
  // The erf in 1 + erf(x); -1 where a node is nothing like that.
  int erf_beside_one(const Node& x) const;
  static Value* number(int64_t value, Type* type);
  Value* counter(Value* index, DType type);
  Value* clamped(const Node& x, Value* value);

  // ---- places in memory (emit_values.cc) ---------------------------------------------------------------------------

  bool has_lane_terms(const Index& index) const;
  Value* times(Value* value, int64_t factor);
  // The index at the first lane of a part, terms that differ between lanes not counted.
  Value* scalar_index(const Index& index, unsigned part);
  // The index of each lane.
  Value* index_value(const Index& index, unsigned part, unsigned width);
  Value* and_both(Value* a, Value* b) { return a == nullptr ? b : b == nullptr ? a : b_.CreateAnd(a, b); }
  Value* all_lanes() { return llvm::ConstantInt::getTrue(llvm::FixedVectorType::get(b_.getInt1Ty(), lanes())); }
  Value* load(const Node& x, unsigned part, unsigned width);
  // Elements side by side, as they are in memory; 0 where the mask, if there is one, does not hold.
  Value* load_lanes(DType type, Value* at, Value* mask);
  // Elements that are not side by side. Machines gather words of 32 and 64 bits: narrower elements are cut from the
  // word that they stand in, which lies in the same page.
  Value* gather(const Node& x, unsigned part, unsigned width, Value* mask);
  void emit_store(const Store& store);

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

}  // namespace gshard::cpu
