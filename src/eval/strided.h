// Walking over arrays by strides: the loops below every op that moves data.
//
//   // to[i, j] = from[j, i] for i < 3, j < 5, elements of four bytes:
//   StridedCopy(Dims{3, 5}, Dims{5, 1}, Dims{1, 3}, 4).run(to, from);
//
// Sizes and strides count elements. A stride may be 0 (the element is repeated) or negative (the caller then starts
// at the last element). Dimensions that lie behind each other in every array are joined into one, so that the
// innermost loop is as long as it can be.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/small_vector.h"
#include "ir/shape.h"

namespace gshard {

// Joins neighbouring dimensions where all `count` arrays allow it and drops those of size 1, in place.
void join_dimensions(Dims& sizes, Dims* strides, size_t count);

// Offsets into N arrays at once, in row-major order of the sizes.
template <size_t N>
class StridedLoop {
 public:
  using Offsets = std::array<int64_t, N>;

  // The innermost dimension that is left after joining is the run; all others are walked.
  StridedLoop(Dims sizes, std::array<Dims, N> strides) : sizes_(std::move(sizes)), strides_(std::move(strides)) {
    for (int64_t size : sizes_) empty_ |= size == 0;
    if (empty_) return;
    join_dimensions(sizes_, strides_.data(), N);
    if (sizes_.empty()) return;
    run_length_ = sizes_.back();
    sizes_.pop_back();
    for (size_t n = 0; n < N; ++n) {
      run_strides_[n] = strides_[n].back();
      strides_[n].pop_back();
    }
  }

  // Elements that body handles at each call, and the distance between them in each array.
  int64_t run_length() const { return run_length_; }
  const Offsets& run_strides() const { return run_strides_; }

  // Calls body(offsets) for each run; `start` is where element {0, ..., 0} stands in each array.
  template <class Body>
  void run(Offsets start, Body&& body) const {
    if (empty_) return;
    Dims index(sizes_.size(), 0);
    do {
      body(start);
    } while (advance(index, start));
  }
  template <class Body>
  void run(Body&& body) const {
    run(Offsets{}, body);
  }

 private:
  bool advance(Dims& index, Offsets& at) const {
    for (size_t d = sizes_.size(); d-- > 0;) {
      if (++index[d] < sizes_[d]) {
        for (size_t n = 0; n < N; ++n) at[n] += strides_[n][d];
        return true;
      }
      index[d] = 0;
      for (size_t n = 0; n < N; ++n) at[n] -= strides_[n][d] * (sizes_[d] - 1);
    }
    return false;
  }

  Dims sizes_;
  std::array<Dims, N> strides_;
  bool empty_ = false;
  int64_t run_length_ = 1;
  Offsets run_strides_{};
};

// The two innermost loops of a copy, which are done by one function.
struct CopyBlock {
  int64_t rows = 1;
  int64_t columns = 1;
  int64_t to_row = 0;
  int64_t to_column = 0;
  int64_t from_row = 0;
  int64_t from_column = 0;
};

// Copies a box of elements from one array to another that does not overlap it. Made once, it may run at many places.
class StridedCopy {
 public:
  // `element_size` is 1, 2, 4, 8 or 16 bytes.
  StridedCopy(Dims sizes, Dims to_strides, Dims from_strides, int64_t element_size);

  // `to` and `from` are the places of element {0, ..., 0}.
  void run(std::byte* to, const std::byte* from) const;

 private:
  int64_t element_size_;
  bool empty_ = false;
  bool one_block_ = false;
  CopyBlock block_;
  void (*copy_block_)(const CopyBlock& block, std::byte* to, const std::byte* from);
  StridedLoop<2> outer_{{}, {}};
};

// The next index of an array of `sizes` in row-major order; false, and all zeros, after the last.
bool next_index(Dims& index, const Dims& sizes);

// Offset of `index` under `strides`.
int64_t offset_of(const Dims& index, const Dims& strides);

bool is_among(int64_t d, const Dims& dims);

// The values of the dimensions named by `dimensions`, in that order.
Dims select_dims(const Dims& values, const Dims& dimensions);

// inverse[permutation[i]] = i.
Dims inverse_permutation(const Dims& permutation);

// What lies in memory, major dimension first, under the layout of the text.
Dims physical_order(const Shape& shape);

}  // namespace gshard
