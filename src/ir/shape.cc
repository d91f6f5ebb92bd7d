#include "ir/shape.h"

#include <algorithm>
#include <limits>

#include "base/hash.h"

namespace gshard {

int64_t saturating_multiply(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::numeric_limits<int64_t>::max();
  return product;
}

Dims row_major_strides(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = saturating_multiply(strides[i], dims[i]);
  return strides;
}

Shape Shape::tuple(std::vector<Shape> elements) {
  Shape shape;
  if (elements.empty()) return shape;
  auto tuple = std::make_shared<TupleShape>();
  for (const Shape& element : elements) {
    if (__builtin_add_overflow(tuple->leaf_count, element.leaf_count(), &tuple->leaf_count)) {
      tuple->leaf_count = std::numeric_limits<int64_t>::max();
    }
    tuple->depth = std::max(tuple->depth, element.tuple_depth() + 1);
  }
  tuple->elements = std::move(elements);
  shape.tuple_ = std::move(tuple);
  return shape;
}

const std::vector<Shape>& Shape::elements() const {
  static const auto* const kNone = new std::vector<Shape>;
  return tuple_ == nullptr ? *kNone : tuple_->elements;
}

int64_t Shape::leaf_count() const {
  if (!is_tuple()) return 1;
  return tuple_ == nullptr ? 0 : tuple_->leaf_count;
}

int64_t Shape::tuple_depth() const {
  if (!is_tuple()) return 0;
  return tuple_ == nullptr ? 1 : tuple_->depth;
}

int64_t Shape::element_count() const {
  if (!is_array()) return 0;
  int64_t count = 1;
  for (int64_t size : dims_) {
    if (size == 0) return 0;
    count = saturating_multiply(count, size);
  }
  return count;
}

int64_t Shape::byte_size() const {
  if (!is_tuple()) return saturating_multiply(element_count(), bytes_of(type_));
  int64_t total = 0;
  for (const Shape& element : elements()) {
    if (__builtin_add_overflow(total, element.byte_size(), &total)) return std::numeric_limits<int64_t>::max();
  }
  return total;
}

Shape Shape::with_type(DType type) const {
  Shape shape = *this;
  shape.type_ = type;
  return shape;
}

Shape Shape::without_layout() const {
  if (!is_tuple()) return Shape(type_, dims_);
  std::vector<Shape> plain;
  plain.reserve(tuple_size());
  for (const Shape& element : elements()) plain.push_back(element.without_layout());
  return tuple(std::move(plain));
}

bool Shape::operator==(const Shape& other) const {
  if (type_ != other.type_ || dims_ != other.dims_) return false;
  return tuple_ == other.tuple_ || elements() == other.elements();
}

uint64_t Shape::hash() const {
  uint64_t seed = static_cast<uint64_t>(type_);
  for (int64_t size : dims_) hash_combine(seed, static_cast<uint64_t>(size));
  for (const Shape& element : elements()) hash_combine(seed, element.hash());
  return seed;
}

std::string Shape::to_string() const {
  std::string text;
  if (is_tuple()) {
    text = "(";
    for (size_t i = 0; i < tuple_size(); ++i) text += (i ? ", " : "") + element(i).to_string();
    return text + ")";
  }
  text = std::string(name_of(type_)) + "[";
  for (size_t i = 0; i < dims_.size(); ++i) text += (i ? "," : "") + std::to_string(dims_[i]);
  return text + "]";
}

}  // namespace gshard
