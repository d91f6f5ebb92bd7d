#include "ir/literal.h"

#include <cstring>
#include <new>
#include <string_view>

#include "base/hash.h"
#include "base/memory_budget.h"

namespace gshard {
namespace {

enum class Fill { zeros, nothing };

// Zeros of large arrays come straight from the system as fresh pages, at no cost before they are written.
std::shared_ptr<std::byte[]> allocate(const Shape& shape, Fill fill) {
  const int64_t size = shape.byte_size();
  // Beyond 2^46 bytes no machine of today answers, and the addition below must not overflow.
  if (size >= int64_t{1} << 46) {
    throw Error::memory(shape.to_string() + " is too large to hold in memory");
  }
  std::shared_ptr<MemoryBudget> budget = MemoryBudget::current();
  if (budget != nullptr && !budget->charge(size)) {
    throw Error::memory(shape.to_string() + " needs " + std::to_string(size) + " bytes; " +
                        std::to_string(budget->used()) + " of the limit of " + std::to_string(budget->limit()) +
                        " bytes are in use");
  }
  const size_t rounded = (static_cast<size_t>(size) + 127) / 64 * 64;
  void* memory = fill == Fill::zeros ? std::calloc(rounded, 1) : std::malloc(rounded);
  if (memory == nullptr) {
    if (budget != nullptr) budget->release(size);
    throw Error::memory("not enough memory for " + shape.to_string() + " (" + std::to_string(size) + " bytes)");
  }
  return {static_cast<std::byte*>(memory), [size, budget = std::move(budget)](std::byte* p) {
            std::free(p);
            if (budget != nullptr) budget->release(size);
          }};
}

}  // namespace

Literal::Literal(Shape shape) : shape_(std::move(shape)) {
  if (shape_.is_tuple()) {
    for (const Shape& element : shape_.elements()) elements_.emplace_back(element);
  } else if (shape_.is_array()) {
    bytes_ = allocate(shape_, Fill::zeros);
  }
}

Literal Literal::uninitialized(Shape shape) {
  GSHARD_CHECK(shape.is_array());
  Literal literal;
  literal.shape_ = std::move(shape);
  literal.bytes_ = allocate(literal.shape_, Fill::nothing);
  return literal;
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
    auto own = allocate(shape_, Fill::nothing);
    std::memcpy(own.get(), bytes_.get(), static_cast<size_t>(byte_size()));
    bytes_ = std::move(own);
  } else {
    // The count is read in no order with what other threads did with the bytes before they dropped their shares; taking
    // and dropping one of our own is.
    const auto share = bytes_;
  }
  return bytes_.get();
}

Literal Literal::reshaped(Shape shape) const& { return Literal(*this).reshaped(std::move(shape)); }

Literal Literal::reshaped(Shape shape) && {
  GSHARD_CHECK(shape.type() == shape_.type() && shape.element_count() == shape_.element_count());
  return std::move(*this).reinterpreted(std::move(shape));
}

Literal Literal::reinterpreted(Shape shape) && {
  GSHARD_CHECK(shape.is_array() && shape.byte_size() == shape_.byte_size());
  Literal literal = std::move(*this);
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
