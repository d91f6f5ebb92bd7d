#include "comm/exchange.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/small_vector.h"

namespace gshard {
namespace {

// Bytes of one part of the work; what has no more than a few is done by one thread.
constexpr int64_t kPart = int64_t{1} << 16;
constexpr int64_t kPartsOfOneThread = 4;
// Bytes that are combined before they are written.
constexpr int64_t kBlock = int64_t{1} << 13;

int64_t ceil_of(int64_t size, int64_t step) { return (size + step - 1) / step; }

// Runs body(piece) for all pieces, each of so many bytes.
template <class Body>
void for_pieces(int64_t pieces, int64_t bytes, const ParallelLoop& loop, const Body& body) {
  const int64_t per_part = std::max<int64_t>(kPart / std::max<int64_t>(bytes, 1), 1);
  const int64_t parts = ceil_of(pieces, per_part);
  if (parts <= kPartsOfOneThread) {
    for (int64_t piece = 0; piece < pieces; ++piece) body(piece);
    return;
  }
  loop(parts, [&](int64_t part) {
    const int64_t end = std::min((part + 1) * per_part, pieces);
    for (int64_t piece = part * per_part; piece < end; ++piece) body(piece);
  });
}

// ---- what is only copied ------------------------------------------------------------------------------------------

// Rows that go from one array to another; without a source they become zeros.
struct Move {
  const std::byte* from;
  int64_t from_step;
  std::byte* to;
  int64_t to_step;
};

void copy_rows(const Move& move, int64_t first, int64_t end, int64_t start, int64_t bytes) {
  for (int64_t row = first; row < end; ++row) {
    std::byte* to = move.to + row * move.to_step + start;
    if (move.from == nullptr) {
      std::memset(to, 0, static_cast<size_t>(bytes));
    } else if (const std::byte* from = move.from + row * move.from_step + start; from != to) {
      std::memcpy(to, from, static_cast<size_t>(bytes));
    }
  }
}

// Does `moves` moves of `rows` rows of `bytes` bytes, cut into pieces of rows or of parts of a row.
template <class MoveOf>
void copy_all(int64_t moves, int64_t rows, int64_t bytes, const ParallelLoop& loop, const MoveOf& move_of) {
  if (rows == 0 || bytes == 0) return;
  const int64_t piece_rows = std::clamp<int64_t>(kPart / bytes, 1, rows);
  const int64_t piece_bytes = std::min(bytes, kPart);
  const int64_t down = ceil_of(rows, piece_rows);
  const int64_t across = ceil_of(bytes, piece_bytes);
  for_pieces(moves * down * across, piece_rows * piece_bytes, loop, [&](int64_t piece) {
    const int64_t start = piece % across * piece_bytes;
    const int64_t first = piece / across % down * piece_rows;
    copy_rows(move_of(piece / (across * down)), first, std::min(first + piece_rows, rows), start,
              std::min(piece_bytes, bytes - start));
  });
}

// ---- the collectives ----------------------------------------------------------------------------------------------

class Exchange {
 public:
  Exchange(const Collective& collective, std::span<const int64_t> members, std::span<const Exchanged> of_device,
           const ParallelLoop& loop)
      : collective_(collective),
        members_(members),
        of_device_(of_device),
        loop_(loop),
        count_(static_cast<int64_t>(members.size())) {}

  // Of operand n.
  void run(size_t n) const {
    const Collective::Array& array = collective_.arrays[n];
    const int64_t bytes = array.inner * array.width;
    switch (collective_.kind) {
      case Collective::Kind::all_reduce:
        return reduce(n, 1);
      case Collective::Kind::reduce_scatter:
        return reduce(n, count_);
      case Collective::Kind::all_gather:
        return copy_all(count_ * count_, array.outer, bytes, loop_, [&](int64_t move) -> Move {
          const int64_t source = move % count_;
          return {send(source, n), bytes, recv(move / count_, n) + source * bytes, count_ * bytes};
        });
      case Collective::Kind::all_to_all:
        return copy_all(count_ * count_, array.outer, bytes, loop_, [&](int64_t move) -> Move {
          const int64_t source = move % count_;
          const int64_t target = move / count_;
          return {send(source, n) + target * bytes, count_ * bytes, recv(target, n) + source * bytes, count_ * bytes};
        });
      case Collective::Kind::swap:
        return copy_all(count_, 1, bytes, loop_, [&](int64_t source) -> Move {
          return {send(source, n), 0, recv(static_cast<int64_t>(n), static_cast<size_t>(source)), 0};
        });
      case Collective::Kind::broadcast:
        return copy_all(count_, 1, bytes, loop_, [&](int64_t target) -> Move {
          return {send(0, n), 0, recv(target, n), 0};
        });
      case Collective::Kind::permute:
        return copy_all(count_, 1, bytes, loop_, [&](int64_t target) -> Move {
          return {sent_to(target, n), 0, recv(target, n), 0};
        });
    }
  }

 private:
  const Exchanged& of(int64_t member) const {
    return of_device_[static_cast<size_t>(members_[static_cast<size_t>(member)])];
  }
  const std::byte* send(int64_t member, size_t n) const { return of(member).send[n]; }
  std::byte* recv(int64_t member, size_t n) const { return of(member).recv[n]; }

  const std::byte* sent_to(int64_t target, size_t n) const {
    const int64_t source = collective_.sources[static_cast<size_t>(members_[static_cast<size_t>(target)])];
    return source < 0 ? nullptr : of_device_[static_cast<size_t>(source)].send[n];
  }

  // The operands are [outer, parts, inner]: part p of the sum goes to member p, or where there is one part, to all.
  void reduce(size_t n, int64_t parts) const {
    const Collective::Array& array = collective_.arrays[n];
    const int64_t step = std::max<int64_t>(std::min(array.inner, kBlock / array.width), 1);
    const int64_t across = ceil_of(array.inner, step);
    for_pieces(array.outer * parts * across, step * array.width * count_, loop_, [&](int64_t piece) {
      const int64_t start = piece % across * step;
      const int64_t row = piece / across;  // outer * parts + part
      const int64_t size = std::min(step, array.inner - start);
      alignas(64) std::array<std::byte, kBlock> sum;
      combine(n, (row * array.inner + start) * array.width, size, sum.data());
      const int64_t to = (row / parts * array.inner + start) * array.width;
      const int64_t first = parts == 1 ? 0 : row % parts;
      const int64_t end = parts == 1 ? count_ : first + 1;
      for (int64_t m = first; m < end; ++m) {
        std::memcpy(recv(m, n) + to, sum.data(), static_cast<size_t>(size * array.width));
      }
    });
  }

  void combine(size_t n, int64_t offset, int64_t size, std::byte* sum) const {
    SmallVector<const std::byte*, 64> inputs;
    for (int64_t m = 0; m < count_; ++m) inputs.push_back(send(m, n) + offset);
    collective_.reduce[n]({inputs.begin(), inputs.end()}, size, sum);
  }

  const Collective& collective_;
  const std::span<const int64_t> members_;
  const std::span<const Exchanged> of_device_;
  const ParallelLoop& loop_;
  const int64_t count_;
};

}  // namespace

void exchange(const Collective& collective, std::span<const int64_t> members, std::span<const Exchanged> of_device,
              const ParallelLoop& loop) {
  const Exchange work(collective, members, of_device, loop);
  for (size_t n = 0; n < collective.arrays.size(); ++n) work.run(n);
}

void clear(const Collective& collective, size_t n, std::byte* result) {
  const Collective::Array& array = collective.arrays[n];
  const bool has_parts =
      collective.kind == Collective::Kind::all_gather || collective.kind == Collective::Kind::all_to_all;
  const auto parts = has_parts && !collective.groups.empty() ? static_cast<int64_t>(collective.groups[0].size()) : 1;
  std::memset(result, 0, static_cast<size_t>(array.outer * parts * array.inner * array.width));
}

}  // namespace gshard
