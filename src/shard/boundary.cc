#include "shard/boundary.h"

#include <cstring>

#include "base/error.h"

namespace gshard {
namespace {

// Which shard of each dimension the device at a position holds.
Dims shard_index(int64_t position, const Sharding& sharding, const Mesh& mesh) {
  Dims index;
  for (const Digits& digits : sharding.dims) {
    int64_t number = 0;
    for (const Digit digit : digits) {
      const Mesh::DigitRow& row = mesh.digits()[digit];
      number = number * row.size + position / row.stride % row.size;
    }
    index.push_back(number);
  }
  return index;
}

// The real part of one shard inside of the whole, row by row of the last dimension.
class Block {
 public:
  Block(const Dims& whole, const Dims& local, const Dims& index) : whole_(whole), local_(local) {
    for (size_t d = 0; d < whole.size(); ++d) {
      const int64_t start = std::min(index[d] * local[d], whole[d]);
      starts_.push_back(start);
      sizes_.push_back(std::min(local[d], whole[d] - start));
    }
  }

  // Calls visit(element offset in the whole, element offset in the shard, elements) for each contiguous row.
  template <class Visit>
  void each_row(Visit visit) const {
    for (const int64_t size : sizes_) {
      if (size <= 0) return;
    }
    const Dims whole_strides = row_major_strides(whole_);
    const Dims local_strides = row_major_strides(local_);
    const size_t rank = sizes_.size();
    Dims at(rank, 0);
    for (;;) {
      int64_t in_whole = 0;
      int64_t in_local = 0;
      for (size_t d = 0; d < rank; ++d) {
        in_whole += (starts_[d] + at[d]) * whole_strides[d];
        in_local += at[d] * local_strides[d];
      }
      visit(in_whole, in_local, rank == 0 ? 1 : sizes_[rank - 1]);
      size_t d = rank == 0 ? 0 : rank - 1;
      while (d-- > 0) {
        if (++at[d] < sizes_[d]) break;
        at[d] = 0;
      }
      if (d == static_cast<size_t>(-1)) return;
    }
  }

 private:
  const Dims& whole_;
  const Dims& local_;
  Dims starts_;
  Dims sizes_;
};

int64_t device_at(int64_t position, const Mesh& mesh) {
  return mesh.device_order().empty() ? position : mesh.device_order()[static_cast<size_t>(position)];
}

}  // namespace

std::vector<Literal> scatter(const Literal& whole, const Sharding& sharding, const Mesh& mesh) {
  GSHARD_CHECK(sharding.partial == 0 && sharding.manual == 0);
  const auto width = static_cast<size_t>(bytes_of(whole.shape().type()));
  const Dims local = shard_sizes(whole.shape().dims(), sharding, mesh);
  std::vector<Literal> shards(static_cast<size_t>(mesh.device_count()));
  for (int64_t position = 0; position < mesh.device_count(); ++position) {
    Literal shard{whole.shape().with_dims(local)};
    std::byte* to = shard.mutable_bytes();
    Block(whole.shape().dims(), local, shard_index(position, sharding, mesh))
        .each_row([&](int64_t in_whole, int64_t in_local, int64_t count) {
          std::memcpy(to + static_cast<size_t>(in_local) * width, whole.bytes() + static_cast<size_t>(in_whole) * width,
                      static_cast<size_t>(count) * width);
        });
    shards[static_cast<size_t>(device_at(position, mesh))] = std::move(shard);
  }
  return shards;
}

Literal gather(std::span<const Literal> shards, const Shape& shape, const Sharding& sharding, const Mesh& mesh) {
  GSHARD_CHECK(sharding.partial == 0 && sharding.manual == 0);
  const auto width = static_cast<size_t>(bytes_of(shape.type()));
  const Dims local = shard_sizes(shape.dims(), sharding, mesh);
  Literal whole{shape.without_layout()};
  std::byte* to = whole.mutable_bytes();
  const DigitSet copies = mesh.all_digits() & ~sharding.cut();
  for (int64_t position = 0; position < mesh.device_count(); ++position) {
    bool first = true;  // of the devices that hold a copy of this shard
    for (size_t d = 0; d < mesh.digits().size(); ++d) {
      const Mesh::DigitRow& row = mesh.digits()[d];
      if ((copies >> d & 1) != 0 && position / row.stride % row.size != 0) first = false;
    }
    const Literal& shard = shards[static_cast<size_t>(device_at(position, mesh))];
    Block(shape.dims(), local, shard_index(position, sharding, mesh))
        .each_row([&](int64_t in_whole, int64_t in_local, int64_t count) {
          const std::byte* from = shard.bytes() + static_cast<size_t>(in_local) * width;
          std::byte* into = to + static_cast<size_t>(in_whole) * width;
          const auto bytes = static_cast<size_t>(count) * width;
          if (first) {
            std::memcpy(into, from, bytes);
          } else if (std::memcmp(into, from, bytes) != 0) {
            throw Error::program("device " + std::to_string(device_at(position, mesh)) + " holds another copy of " +
                                 shape.to_string() + " " + sharding.to_string(mesh) +
                                 " than the first device of its group");
          }
        });
  }
  return whole;
}

}  // namespace gshard
