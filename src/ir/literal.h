// A value on the host: the elements of an array in row-major order, or a tuple of values.
//
// Copies share their bytes; the first write through a shared literal copies them. Reading one literal from several
// threads is safe, writing is not.
#pragma once

#include <complex>
#include <memory>
#include <span>
#include <vector>

#include "base/error.h"
#include "ir/shape.h"

namespace gshard {

class Literal {
 public:
  Literal() = default;  // the empty tuple
  // Zeros. Throws Error(memory) where the shape is too large to hold; tuples get zeros in every leaf.
  explicit Literal(Shape shape);
  // An array whose elements are to be written before they are read.
  static Literal uninitialized(Shape shape);
  static Literal tuple(std::vector<Literal> elements);
  // Stands for a constant whose values the text left out ("{...}"): it has a shape and no bytes.
  static Literal elided(Shape shape);
  template <class T>
  static Literal scalar(DType type, T value);

  const Shape& shape() const { return shape_; }
  bool is_elided() const { return elided_; }
  const std::vector<Literal>& elements() const { return elements_; }
  std::vector<Literal> take_elements() && { return std::move(elements_); }
  // Moves element i out of a tuple, which keeps its shape but has nothing there any more.
  Literal take_element(size_t i) { return std::move(elements_[i]); }

  const std::byte* bytes() const { return bytes_.get(); }
  // Makes the bytes this literal's own first.
  std::byte* mutable_bytes();
  int64_t byte_size() const { return shape_.byte_size(); }
  // Whether mutable_bytes() needs no copy.
  bool is_unique() const { return bytes_.use_count() == 1; }

  // The elements as T, which must have the storage size of the element type (bytes_of).
  template <class T>
  std::span<const T> values() const {
    GSHARD_CHECK(sizeof(T) == static_cast<size_t>(bytes_of(shape_.type())) && !elided_);
    return {reinterpret_cast<const T*>(bytes()), static_cast<size_t>(shape_.element_count())};
  }
  template <class T>
  std::span<T> mutable_values() {
    GSHARD_CHECK(sizeof(T) == static_cast<size_t>(bytes_of(shape_.type())) && !elided_);
    return {reinterpret_cast<T*>(mutable_bytes()), static_cast<size_t>(shape_.element_count())};
  }

  // The same bytes under another shape of equal element type and count.
  Literal reshaped(Shape shape) const&;
  Literal reshaped(Shape shape) &&;
  // The same bytes under any array shape of equal byte size.
  Literal reinterpreted(Shape shape) &&;

  // Same shape and the same bytes (so -0.0 != 0.0, and a NaN equals itself).
  bool operator==(const Literal& other) const;
  uint64_t hash() const;

 private:
  Shape shape_;
  std::shared_ptr<std::byte[]> bytes_;
  std::vector<Literal> elements_;
  bool elided_ = false;
};

template <class T>
Literal Literal::scalar(DType type, T value) {
  Literal literal{Shape(type)};
  literal.mutable_values<T>()[0] = value;
  return literal;
}

}  // namespace gshard
