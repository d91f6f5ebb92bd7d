// An array in the memory of a device: an opaque handle, cheap to copy.
//
//   Buffer x(std::move(literal));   // takes the bytes over
//   Buffer y = x;                   // the same memory
//   program.run({std::move(y)})     // x holds it too: kept. Without x the program may write its result there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "ir/literal.h"

namespace gshard {

enum class MemoryKind : uint8_t { host };  // reached by the cores of this process

class Buffer {
 public:
  Buffer() = default;  // a token, which has no memory
  // Takes the literal's bytes over, or shares them where others have them too.
  explicit Buffer(Literal array);
  // Memory of the caller's, who keeps it, and as it is, while the buffer or a copy lives.
  static Buffer borrowed(const Shape& shape, const std::byte* bytes);
  // Memory whose owner is told when it is not needed any more.
  Buffer(Shape shape, std::shared_ptr<std::byte> bytes) : shape_(std::move(shape)), bytes_(std::move(bytes)) {}

  const Shape& shape() const { return shape_; }
  MemoryKind memory() const { return MemoryKind::host; }
  // Whether a program that is given this handle may overwrite the memory: nobody else holds it.
  bool is_donatable() const { return is_writable_ && bytes_.use_count() == 1; }

  const std::byte* host_bytes() const { return bytes_.get(); }
  // For those who hold the memory alone.
  std::byte* mutable_host_bytes() { return bytes_.get(); }
  // A copy on the host.
  Literal to_literal() const;

 private:
  Shape shape_ = Shape::token();
  std::shared_ptr<std::byte> bytes_;
  bool is_writable_ = true;
};

}  // namespace gshard
