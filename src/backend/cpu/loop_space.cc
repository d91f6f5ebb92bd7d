#include "backend/cpu/loop_space.h"

#include <algorithm>

#include "eval/strided.h"

namespace gshard::cpu {
namespace {

bool is_index_of_one(const Dims& dims) {
  return std::count_if(dims.begin(), dims.end(), [](int64_t d) { return d != 1; }) <= 1;
}

}  // namespace

Index linear_index(const Place& at, const Dims& dims) {
  const Dims strides = row_major_strides(dims);
  Index index;
  for (size_t d = 0; d < dims.size(); ++d) index.add(at[d], strides[d]);
  return index;
}

int LoopSpace::add_loop(int64_t extent) {
  if (loops_.size() >= kMaxLoops) {
    fail();
    return 0;
  }
  loops_.push_back({extent});
  return static_cast<int>(loops_.size()) - 1;
}

void LoopSpace::split_loop(size_t loop, int64_t inner_extent) {
  const int outer = add_loop(loops_[loop].extent / inner_extent);
  const int inner = add_loop(inner_extent);
  loops_[loop].outer = outer;
  loops_[loop].inner = inner;
}

void LoopSpace::refresh(Index& index) const {
  for (size_t l = 0; l < index.factors.size(); ++l) {
    const int64_t factor = index.factors[l];
    if (factor == 0 || loops_[l].outer < 0) continue;
    index.factors[l] = 0;
    index.add_loop(static_cast<size_t>(loops_[l].inner), factor);
    index.add_loop(static_cast<size_t>(loops_[l].outer), factor * extent(loops_[l].inner));
  }
}

void LoopSpace::refresh(Place& place) const {
  for (Index& index : place) refresh(index);
}

LoopSet LoopSpace::loops_of(Place& place) const {
  refresh(place);
  LoopSet set = 0;
  for (const Index& index : place) set |= index.loops();
  return set;
}

Index LoopSpace::index_through(int64_t extent, LoopSet& used) {
  if (extent == 1) return {};
  for (Family& family : families_) {
    refresh(family.index);
    if (family.extent != extent || (family.index.loops() & used) != 0) continue;
    used |= family.index.loops();
    return family.index;
  }
  Index index;
  index.add_loop(static_cast<size_t>(add_loop(extent)), 1);
  if (failed_) return {};
  used |= index.loops();
  families_.push_back({extent, index});
  return index;
}

Place LoopSpace::place_through(const Dims& dims) {
  LoopSet used = 0;
  Place place;
  for (int64_t d : dims) place.push_back(index_through(d, used));
  return place;
}

// In each dimension the loops must be digits of the place: each goes on where the shorter steps together end.
bool LoopSpace::covers(Place& place, const Dims& dims) const {
  LoopSet used = 0;
  for (size_t d = 0; d < dims.size(); ++d) {
    Index& index = place[d];
    refresh(index);
    if (index.offset != 0 || !index.terms.empty() || (index.loops() & used) != 0) return false;
    used |= index.loops();
    std::vector<std::pair<int64_t, int64_t>> digits;  // step, extent
    for (size_t l = 0; l < index.factors.size(); ++l) {
      if (index.factors[l] != 0 && extent(l) != 1) digits.emplace_back(index.factors[l], extent(l));
    }
    std::sort(digits.begin(), digits.end());
    int64_t size = 1;
    for (const auto& [step, digit] : digits) {
      if (step != size) return false;
      size *= digit;
    }
    if (size != dims[d]) return false;
  }
  return true;
}

// ---- reshapes -----------------------------------------------------------------------------------------------------

Place LoopSpace::reshaped(const Place& at, const Dims& outer, const Dims& inner) {
  Place place(inner.size());
  size_t i = 0;
  size_t o = 0;
  // Runs of dimensions with equal products are taken apart on their own.
  while ((i < inner.size() || o < outer.size()) && !failed_) {
    Dims run_outer;
    Dims run_inner;
    Place indices;
    int64_t a = 1;
    int64_t b = 1;
    const size_t first = i;
    do {
      if (i < inner.size() && (a <= b || o == outer.size())) {
        a *= inner[i];
        run_inner.push_back(inner[i++]);
      } else {
        b *= outer[o];
        run_outer.push_back(outer[o]);
        indices.push_back(at[o++]);
      }
    } while (a != b);
    take_apart(indices, run_outer, run_inner, place, first);
  }
  return place;
}

void LoopSpace::remember(const Place& place, const Dims& dims) {
  for (size_t d = 0; d < dims.size(); ++d) {
    Place one{place[d]};
    if (dims[d] == 1 || !covers(one, {dims[d]})) continue;
    const bool is_known = std::any_of(families_.begin(), families_.end(), [&](Family& family) {
      refresh(family.index);
      return family.extent == dims[d] && family.index == one[0];
    });
    if (!is_known) families_.push_back({dims[d], one[0]});
  }
}

// Writes the place in `inner` that has the linear index of `at` in `outer` to place[first...].
void LoopSpace::take_apart(const Place& at, const Dims& outer, const Dims& inner, Place& place, size_t first) {
  if (is_index_of_one(outer) && is_index_of_one(inner)) {
    Index index;
    for (size_t d = 0; d < outer.size(); ++d) {
      if (outer[d] != 1) index = at[d];
    }
    for (size_t d = 0; d < inner.size(); ++d) {
      if (inner[d] != 1) place[first + d] = index;
    }
    return;
  }
  Index index = linear_index(at, outer);
  refresh(index);
  if (!index.terms.empty() || index.offset < 0) return fail();
  for (size_t l = 0; l < index.factors.size(); ++l) {
    const int64_t factor = index.factors[l];
    if (factor == 0) continue;
    if (factor < 0 || !distribute(l, factor, inner, place, first)) return fail();
    refresh(index);  // the parts of a loop that was cut stand behind it
  }
  const Dims strides = row_major_strides(inner);
  for (size_t d = 0; d < inner.size(); ++d) {
    Index& part = place[first + d];
    part.offset += index.offset / strides[d] % inner[d];
    refresh(part);
    int64_t largest = part.offset;
    for (size_t l = 0; l < part.factors.size(); ++l) largest += part.factors[l] * (extent(l) - 1);
    if (largest >= inner[d]) return fail();
  }
}

// Gives factor * loop to the one dimension in which it stays, or cuts the loop where it passes from one into the
// next.
bool LoopSpace::distribute(size_t loop, int64_t factor, const Dims& dims, Place& place, size_t first) {
  const Dims strides = row_major_strides(dims);
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 1 || factor < strides[d] || factor >= strides[d] * dims[d]) continue;
    if (factor % strides[d] != 0) return false;
    const int64_t room = strides[d] * dims[d] / factor;
    if (strides[d] * dims[d] % factor != 0 && extent(loop) > room) return false;
    if (extent(loop) <= room) {
      place[first + d].add_loop(loop, factor / strides[d]);
      return true;
    }
    if (extent(loop) % room != 0) return false;
    split_loop(loop, room);
    return !failed_;
  }
  return false;
}

// ---- the end ------------------------------------------------------------------------------------------------------

std::vector<int64_t> LoopSpace::extents() const {
  std::vector<int64_t> extents;
  for (const Loop& loop : loops_) {
    if (loop.outer < 0) extents.push_back(loop.extent);
  }
  return extents;
}

void LoopSpace::renumber(Index& index) const {
  refresh(index);
  Index renumbered;
  renumbered.offset = index.offset;
  renumbered.terms = index.terms;
  size_t number = 0;
  for (size_t l = 0; l < index.factors.size(); ++l) {
    if (loops_[l].outer >= 0) continue;
    if (index.factors[l] != 0) renumbered.add_loop(number, index.factors[l]);
    ++number;
  }
  index = std::move(renumbered);
}

}  // namespace gshard::cpu
