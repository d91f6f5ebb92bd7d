#include "ir/literal.h"

#include <cstring>
#include <new>
#include <string_view>

#include "base/hash.h"

namespace gshard {
namespace {

// Vector loads want aligned rows, and large arrays should come straight from the kernel as zero pages.
std::shared_ptr<std::byte[]> allocate_zeros(const Shape& shape, bool zero) {
  const int64_t size = shape.byte_size();
  // Beyond 2^46 bytes no machine of today answers, and the addition below must not overflow.
  if (size >= int64_t{1} << 46) {
    throw Error::memory(shape.to_string() + " is too large to hold in memory");
  }
  void* memory = nullptr;
  const size_t rounded = (static_cast<size_t>(size) + 127) / 64 * 64;
  memory = zero ? std::calloc(rounded, 1) : std::malloc(rounded);
  if (memory == nullptr) {
    throw Error::memory("not enough memory for " + shape.to_string() + " (" + std::to_string(size) + " bytes)");
  }
  return {static_cast<std::byte*>(memory), [](std::byte* p) { std::free(p); }};
}

}  // namespace

Literal::Literal(Shape shape) : shape_(std::move(shape)) {
  if (shape_.is_tuple()) {
    for (const Shape& element : shape_.elements()) elements_.emplace_back(element);
  } else if (shape_.is_array()) {
    bytes_ = allocate_zeros(shape_, true);
  }
}

Literal Literal::tuple(std::vector<Literal> elements) {
  Literal literal;
  std::vector<Shape> shapes;
  shapes.reserve(elements.size());
  for (const Literal& element : elements) shapes.push_back(element.shape());
  literal.shape_ = Shape::tuple(std::move(shapes));
  literal.elements_ = std::move(elements);
  return literal;
}

Literal Literal::elided(Shape shape) {
  Literal literal;
  literal.shape_ = std::move(shape);
  literal.elided_ = true;
  return literal;
}

std::byte* Literal::mutable_bytes() {
  if (bytes_.use_count() > 1) {
    auto own = allocate_zeros(shape_, false);
    std::memcpy(own.get(), bytes_.get(), static_cast<size_t>(byte_size()));
    bytes_ = std::move(own);
  }
  return bytes_.get();
}

Literal Literal::reshaped(Shape shape) const {
  GSHARD_CHECK(shape.type() == shape_.type() && shape.element_count() == shape_.element_count());
  Literal literal = *this;
  literal.shape_ = std::move(shape);
  return literal;
}

bool Literal::operator==(const Literal& other) const {
  if (!(shape_ == other.shape_) || elided_ != other.elided_) return false;
  if (shape_.is_tuple()) return elements_ == other.elements_;
  if (bytes_ == other.bytes_) return true;
  return std::memcmp(bytes(), other.bytes(), static_cast<size_t>(byte_size())) == 0;
}

uint64_t Literal::hash() const {
  uint64_t seed = shape_.hash();
  for (const Literal& element : elements_) hash_combine(seed, element.hash());
  if (bytes_ != nullptr) {
    const std::string_view view(reinterpret_cast<const char*>(bytes()), static_cast<size_t>(byte_size()));
    hash_combine(seed, hash_of(view));
  }
  return seed;
}

}  // namespace gshard
