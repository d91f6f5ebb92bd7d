// The type of a value: an array (element type and sizes), a token, or a tuple of shapes.
//
//   f32[8,128]                 Shape(DType::f32, {8, 128})
//   (s32[], bf16[4,4])         Shape::tuple({Shape(DType::s32), Shape(DType::bf16, {4, 4})})
//
// Arrays are row-major. A layout in the text is kept so that it can be printed again, and means nothing else:
// equality ignores it.
//
// Copies of a tuple share their elements, so that passing a loop's state of a thousand arrays along costs nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/small_vector.h"
#include "ir/dtype.h"

namespace gshard {

// The text of a layout: the order of dimensions from minor to major, and what follows it in the braces
// (tiles, element size, memory space) as written: {1,0:T(8,128)S(1)} has suffix "T(8,128)S(1)".
struct Layout {
  Dims minor_to_major;
  std::string suffix;
  bool operator==(const Layout&) const = default;
};

struct TupleShape;

class Shape {
 public:
  Shape() : type_(DType::tuple) {}  // the empty tuple
  explicit Shape(DType type, Dims dims = {}) : type_(type), dims_(std::move(dims)) {}
  static Shape tuple(std::vector<Shape> elements);
  static Shape token() { return Shape(DType::token); }

  DType type() const { return type_; }
  bool is_tuple() const { return type_ == DType::tuple; }
  bool is_token() const { return type_ == DType::token; }
  bool is_array() const { return is_array_type(type_); }
  bool is_scalar() const { return is_array() && dims_.empty(); }

  const Dims& dims() const { return dims_; }
  size_t rank() const { return dims_.size(); }
  int64_t dim(size_t i) const { return dims_[i]; }
  // Number of elements of an array (1 for a scalar); saturates at INT64_MAX. 0 for tuples and tokens.
  int64_t element_count() const;
  // Bytes held in memory, tuples summed; saturates at INT64_MAX.
  int64_t byte_size() const;

  // Of a tuple; none of other types.
  const std::vector<Shape>& elements() const;
  const Shape& element(size_t i) const;
  size_t tuple_size() const;
  // Arrays and tokens in all levels of the tuple (1 for others), saturating, and the number of levels (0 for others).
  int64_t leaf_count() const;
  int64_t tuple_depth() const;

  // Null where the text gave none.
  const std::shared_ptr<const Layout>& layout() const { return layout_; }
  void set_layout(std::shared_ptr<const Layout> layout) { layout_ = std::move(layout); }

  Shape with_type(DType type) const;
  Shape with_dims(Dims dims) const { return Shape(type_, std::move(dims)); }
  Shape without_layout() const;

  // Types, sizes and tuple structure; layouts are ignored.
  bool operator==(const Shape& other) const;
  uint64_t hash() const;

  // "f32[8,128]" or "(s32[], bf16[4,4])", without layouts: for messages. text/print.h prints layouts.
  std::string to_string() const;

 private:
  DType type_;
  Dims dims_;
  std::shared_ptr<const TupleShape> tuple_;  // null for the empty tuple and for other types
  std::shared_ptr<const Layout> layout_;
};

struct TupleShape {
  std::vector<Shape> elements;
  int64_t leaf_count = 0;
  int64_t depth = 0;
};

inline const Shape& Shape::element(size_t i) const { return tuple_->elements[i]; }
inline size_t Shape::tuple_size() const { return tuple_ == nullptr ? 0 : tuple_->elements.size(); }

// a * b for non-negative sizes, INT64_MAX where it would overflow.
int64_t saturating_multiply(int64_t a, int64_t b);

// Row-major strides in elements: {12, 4, 1} for dims {2, 3, 4}.
Dims row_major_strides(const Dims& dims);

}  // namespace gshard
