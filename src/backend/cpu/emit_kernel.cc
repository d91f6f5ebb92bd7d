#include "backend/cpu/emit_kernel.h"

#include <algorithm>

#include "backend/cpu/kernel_emitter.h"
#include "backend/cpu/schedule_kernel.h"

namespace gshard::cpu {

using llvm::BasicBlock;
using llvm::Type;
using llvm::Value;

// ---- loops ---------------------------------------------------------------------------------------------------------

void KernelEmitter::emit() {
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

Value* KernelEmitter::for_loop(Value* first, Value* last, int64_t step, llvm::function_ref<void(Value*)> body) {
  return run_loop(first, last, [&](Value* i) {
    body(i);
    return b_.CreateNSWAdd(i, b_.getInt64(static_cast<uint64_t>(step)));
  });
}

Value* KernelEmitter::run_loop(Value* first, Value* last, llvm::function_ref<Value*(Value*)> body) {
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

void KernelEmitter::emit_rows(Value* first_row, int64_t block) {
  Value* rest = block == 1 ? first_row : b_.CreateUDiv(first_row, b_.getInt64(static_cast<uint64_t>(block)));
  size_t inner = kernel_.outer.size();
  for (int64_t rows = 1; rows < block; rows *= extent(kernel_.outer[inner])) --inner;
  set_outer_loops(rest, inner);
  emit_outer_loops(inner);
}

void KernelEmitter::set_outer_loops(Value* number, size_t count) {
  for (size_t i = count; i-- > 0;) {
    const int loop = kernel_.outer[i];
    Value* iterations = b_.getInt64(static_cast<uint64_t>(extent(loop)));
    loop_values_[static_cast<size_t>(loop)] = i == 0 ? number : b_.CreateURem(number, iterations);
    if (i > 0) number = b_.CreateUDiv(number, iterations);
  }
}

void KernelEmitter::emit_outer_loops(size_t i) {
  if (i == kernel_.outer.size()) return emit_row();
  const auto loop = static_cast<size_t>(kernel_.outer[i]);
  for_loop(b_.getInt64(0), b_.getInt64(static_cast<uint64_t>(kernel_.loops[loop])), 1, [&](Value* at) {
    loop_values_[loop] = at;
    emit_outer_loops(i + 1);
  });
}

void KernelEmitter::emit_row() {
  if (kernel_.outer_lane < 0) return emit_stages();
  lane_loop(kernel_.outer_lane, function_.getArg(3), function_.getArg(4), [&] { emit_stages(); });
}

void KernelEmitter::lane_loop(int loop, Value* first, Value* last, llvm::function_ref<void()> body) {
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

unsigned KernelEmitter::most_parts() const {
  if (kernel_.tile < 0) return kParts;
  return static_cast<unsigned>(std::clamp<int64_t>(kLine / (kernel_.lanes * bytes_of_transposed()), 1, kParts));
}

Value* KernelEmitter::mask_for(Value* count) {
  Type* type = llvm::FixedVectorType::get(b_.getInt64Ty(), lanes());
  return b_.CreateICmpSLT(counting(type), b_.CreateVectorSplat(lanes(), count));
}

llvm::Constant* KernelEmitter::counting(Type* vector_type) {
  llvm::SmallVector<llvm::Constant*> numbers;
  const auto* type = llvm::cast<llvm::FixedVectorType>(vector_type);
  for (unsigned i = 0; i < type->getNumElements(); ++i) {
    numbers.push_back(llvm::ConstantInt::get(type->getElementType(), i));
  }
  return llvm::ConstantVector::get(numbers);
}

// ---- stages --------------------------------------------------------------------------------------------------------

void KernelEmitter::emit_stages() {
  for (Parts& parts : values_) parts.clear();
  for (const Stage& stage : kernel_.stages) emit_stage(stage);
}

void KernelEmitter::emit_stage(const Stage& stage) {
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

void KernelEmitter::emit_nodes(size_t depth) {
  for (int n : pending_[depth]) {
    Parts& parts = values_[static_cast<size_t>(n)];
    if (!parts.empty()) continue;
    if (is_kept_for(kernel_, node(n), *stage_)) {
      for (unsigned part = 0; part < parts_; ++part) parts.push_back(load_kept(n, part));
      continue;
    }
    parts = compute(node(n));
    if (node(n).kept_by < 0 || &kernel_.stages[static_cast<size_t>(node(n).kept_by)] != stage_) continue;
    for (unsigned part = 0; part < parts_; ++part) b_.CreateAlignedStore(parts[part], kept_at(n, part), llvm::Align(4));
  }
}

// ---- values kept for later stages ----------------------------------------------------------------------------------

Value* KernelEmitter::kept_at(int n, unsigned part) {
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

Value* KernelEmitter::load_kept(int n, unsigned part) {
  return b_.CreateAlignedLoad(pointwise_.register_type(node(n).type, lanes()), kept_at(n, part), llvm::Align(4));
}

int64_t KernelEmitter::others_size() const {
  int64_t size = 1;
  for (int loop : stage_->loops) size *= loop == stage_->lane ? 1 : extent(loop);
  return size;
}

void KernelEmitter::forget_nodes(size_t depth) {
  for (int n : pending_[depth]) values_[static_cast<size_t>(n)].clear();
}

void KernelEmitter::emit_loops(size_t depth, std::vector<Accumulator>& sums) {
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
