#include <algorithm>

#include "backend/cpu/program.h"

namespace gshard::cpu {
namespace {

constexpr int64_t kAlignment = 64;

// Of less than 2^62 bytes: Executable::compile() refuses buffers beyond.
int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Buffers that each could be held may together be more than an int64_t says.
int64_t end_of(int64_t offset, const BufferInfo& buffer) {
  int64_t end = 0;
  return __builtin_add_overflow(offset, aligned(buffer.bytes), &end) ? INT64_MAX : end;
}

bool overlap(const BufferInfo& a, const BufferInfo& b) {
  return a.first_use <= b.last_use && b.first_use <= a.last_use;
}

// The lowest place where `buffer` fits between the placed ones that live at the same time, which are in order of
// offset.
int64_t place_for(const BufferInfo& buffer, const std::vector<const BufferInfo*>& placed) {
  int64_t at = 0;
  int64_t best = -1;
  int64_t best_room = INT64_MAX;
  for (const BufferInfo* other : placed) {
    if (!overlap(buffer, *other)) continue;
    const int64_t room = other->offset - at;
    if (room >= aligned(buffer.bytes) && room < best_room) {
      best = at;
      best_room = room;
    }
    at = std::max(at, end_of(other->offset, *other));
  }
  return best >= 0 ? best : at;
}

}  // namespace

void assign_offsets(Program& program) {
  std::vector<BufferInfo*> pending;
  for (BufferInfo& buffer : program.buffers) {
    if (buffer.kind == BufferInfo::Kind::arena && buffer.last_use >= 0) pending.push_back(&buffer);
  }
  // Large buffers first: small ones fit into what is left between them.
  std::stable_sort(pending.begin(), pending.end(),
                   [](const BufferInfo* a, const BufferInfo* b) { return a->bytes > b->bytes; });
  std::vector<const BufferInfo*> placed;
  for (BufferInfo* buffer : pending) {
    buffer->offset = place_for(*buffer, placed);
    program.arena_bytes = std::max(program.arena_bytes, end_of(buffer->offset, *buffer));
    const auto after = std::upper_bound(placed.begin(), placed.end(), buffer,
                                        [](const auto* a, const auto* b) { return a->offset < b->offset; });
    placed.insert(after, buffer);
  }
}

}  // namespace gshard::cpu
