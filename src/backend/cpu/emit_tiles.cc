// Loads whose numbers lie side by side along another loop than the lanes: squares of them are read along the lines and
// transposed in registers, for as many rows as fill a few lines.
#include <algorithm>

#include "backend/cpu/emit_transpose.h"
#include "backend/cpu/kernel_emitter.h"

namespace gshard::cpu {

using llvm::Type;
using llvm::Value;

namespace {

// Lines of which loads are transposed at a time.
constexpr int64_t kLinesOfTile = 4;

}  // namespace

int64_t KernelEmitter::bytes_of_transposed() const {
  int64_t bytes = 8;
  for (const Node& x : kernel_.nodes) {
    if (kernel_.is_transposed(x)) bytes = std::min<int64_t>(bytes, bytes_of(x.type));
  }
  return bytes;
}

int64_t KernelEmitter::tile_rows() const {
  return std::max<int64_t>(kLinesOfTile * kLine / bytes_of_transposed(), kernel_.lanes);
}

void KernelEmitter::emit_tiles() {
  lane_loop(kernel_.outer_lane, function_.getArg(3), function_.getArg(4),
            [&] { run_loop(function_.getArg(1), function_.getArg(2), [&](Value* row) { return emit_tile(row); }); });
}

Value* KernelEmitter::emit_tile(Value* row) {
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

void KernelEmitter::transpose_load(const Node& x, Value* first, Value* count) {
  const auto square = [&](Value* i, Value* mask) {
    loop_values_[static_cast<size_t>(kernel_.tile)] = b_.CreateNSWAdd(first, i);
    for (unsigned part = 0; part < parts_; ++part) transpose_square_of(x, part, i, mask);
  };
  Value* whole = b_.CreateNSWSub(count, b_.getInt64(lanes() - 1));
  Value* rest = for_loop(b_.getInt64(0), whole, lanes(), [&](Value* i) { square(i, nullptr); });
  if (extent(kernel_.tile) % lanes() == 0) return;
  for_loop(rest, count, lanes(), [&](Value* i) { square(i, mask_for(b_.CreateNSWSub(count, i))); });
}

void KernelEmitter::transpose_square_of(const Node& x, unsigned part, Value* row, Value* mask) {
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

Value* KernelEmitter::transposed_at(const Node& x, unsigned part, Value* row) {
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

}  // namespace gshard::cpu
