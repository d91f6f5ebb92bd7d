#include "runtime/buffer.h"

#include <cstring>

namespace gshard {

Buffer::Buffer(Literal array) : shape_(array.shape()) {
  GSHARD_CHECK(!array.shape().is_tuple());
  if (!shape_.is_array()) return;
  const auto owner = std::make_shared<Literal>(std::move(array));
  is_writable_ = owner->is_unique();
  std::byte* bytes = is_writable_ ? owner->mutable_bytes() : const_cast<std::byte*>(owner->bytes());
  bytes_ = std::shared_ptr<std::byte>(owner, bytes);
}

Buffer Buffer::borrowed(const Shape& shape, const std::byte* bytes) {
  Buffer buffer(shape, std::shared_ptr<std::byte>(std::shared_ptr<void>(), const_cast<std::byte*>(bytes)));
  buffer.is_writable_ = false;
  return buffer;
}

Literal Buffer::to_literal() const {
  if (!shape_.is_array()) return Literal(shape_);
  Literal literal = Literal::uninitialized(shape_);
  if (const int64_t size = shape_.byte_size(); size > 0) {
    std::memcpy(literal.mutable_bytes(), host_bytes(), static_cast<size_t>(size));
  }
  return literal;
}

}  // namespace gshard
