// rng-bit-generator on a part of its result: the bits of an element are a function of its place in the whole, so each
// device computes its own, and they are the same however the result is cut.
#include <array>
#include <bit>

#include "eval/rng.h"
#include "shard/plan.h"
#include "shard/ways.h"

namespace gshard {
namespace {

// Unsigned words of one type, an array or a scalar that stands for an array of any size, with the arithmetic of C.
class Words {
 public:
  Words(Instruction* value, Emitter& emitter) : value_(value), emitter_(&emitter) {}

  Instruction* value() const { return value_; }
  Words number(uint64_t n) const { return {emitter_->scalar(type(), std::bit_cast<int64_t>(n)), *emitter_}; }
  Words to(DType type) const { return {emitter_->add(Op::convert, Shape(type, dims()), {value_}), *emitter_}; }
  Words low_half() const { return to(DType::u32); }
  Words high_half() const { return (*this >> 32).to(DType::u32); }

  Words operator+(const Words& other) const { return apply(Op::add, other); }
  Words operator*(const Words& other) const { return apply(Op::multiply, other); }
  Words operator^(const Words& other) const { return apply(Op::xor_, other); }
  Words operator|(const Words& other) const { return apply(Op::or_, other); }
  Words times(uint64_t n) const { return *this * number(n); }
  Words operator&(uint64_t n) const { return apply(Op::and_, number(n)); }
  Words operator<<(uint64_t n) const { return apply(Op::shift_left, number(n)); }
  Words operator>>(uint64_t n) const { return apply(Op::shift_right_logical, number(n)); }

  // 1 where it is less, else 0.
  Words is_less(const Words& other) const { return Words(compared(other, Direction::LT), *emitter_).to(type()); }
  // `odd` where the lowest bit is 1, else `even`.
  Words choose(const Words& even, const Words& odd) const {
    const Words bit = *this & 1;
    Instruction* flags = bit.compared(bit.number(0), Direction::NE);
    return {emitter_->add(Op::select, even.value_->shape(), {flags, odd.value_, even.value_}), *emitter_};
  }

 private:
  DType type() const { return value_->shape().type(); }
  const Dims& dims() const { return value_->shape().dims(); }

  Instruction* spread(const Words& like) const {
    const bool fits = value_->shape().rank() > 0 || like.value_->shape().rank() == 0;
    return fits ? value_ : emitter_->broadcast_scalar(value_, like.value_->shape());
  }
  Words apply(Op op, const Words& other) const {
    Instruction* left = spread(other);
    return {emitter_->add(op, left->shape(), {left, other.spread(*this)}), *emitter_};
  }
  Instruction* compared(const Words& other, Direction direction) const {
    Instruction* left = spread(other);
    const Shape flags(DType::pred, left->shape().dims());
    return emitter_->add(Op::compare, flags, {left, other.spread(*this)}, CompareAttrs{direction});
  }

  Instruction* value_;
  Emitter* emitter_;
};

using Words2 = std::array<Words, 2>;
using Words4 = std::array<Words, 4>;

Words2 halves(const Words& x) { return {x.low_half(), x.high_half()}; }

// As in base/random.cc.
Words4 philox4x32(Words4 counter, Words2 key) {
  for (int round = 0; round < 10; ++round) {
    const Words a = counter[0].to(DType::u64).times(0xD2511F53);
    const Words b = counter[2].to(DType::u64).times(0xCD9E8D57);
    counter = {b.high_half() ^ counter[1] ^ key[0], b.low_half(), a.high_half() ^ counter[3] ^ key[1], a.low_half()};
    key = {key[0] + key[0].number(0x9E3779B9), key[1] + key[1].number(0xBB67AE85)};
  }
  return counter;
}

Words rotated(const Words& x, uint64_t n) { return x << n | x >> (32 - n); }

// As in base/random.cc.
Words2 threefry2x32(const Words2& counter, const Words2& key) {
  constexpr uint64_t kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const std::array<Words, 3> keys = {key[0], key[1], key[0].number(0x1BD11BDA) ^ key[0] ^ key[1]};
  Words x = counter[0] + keys[0];
  Words y = counter[1] + keys[1];
  for (uint64_t group = 0; group < 5; ++group) {
    for (const uint64_t rotation : kRotations[group % 2]) {
      x = x + y;
      y = rotated(y, rotation) ^ x;
    }
    x = x + keys[(group + 1) % 3];
    y = y + (keys[(group + 2) % 3] + y.number(group + 1));
  }
  return {x, y};
}

// The random bits of one part. Blocks of words are numbered as eval/rng.cc does.
class BitsOfPart {
 public:
  explicit BitsOfPart(const LocalOp& op)
      : op_(op),
        leaf_(op.context.result_shapes.size() - 1),
        whole_(op.context.result_shapes[leaf_]),
        sharding_(result_sharding(op.context, op.plan, leaf_)),
        part_(op.result_shape(leaf_)),
        wide_(bytes_of(whole_.type()) == 8) {
    for (int64_t i = 0; i < op.operands[0]->shape().dim(0); ++i) state_.push_back(state_word(i));
  }

  std::vector<Instruction*> leaves() {
    Instruction* bits = typed(is_threefry() ? threefry() : philox());
    if (leaf_ == 0) return {bits};
    return {next_state(), bits};
  }

 private:
  bool is_threefry() const {
    return op_.instruction.attrs<RngBitGeneratorAttrs>().algorithm == RngAlgorithm::rng_three_fry;
  }

  Instruction* add(Op op, const Shape& shape, std::initializer_list<Instruction*> operands, Attributes attrs = {}) {
    return op_.emitter.add(op, shape, operands, std::move(attrs));
  }
  Words words(Instruction* value) { return {value, op_.emitter}; }
  Words number(int64_t n) { return words(op_.emitter.scalar(DType::u64, n)); }

  Words state_word(int64_t i) {
    Instruction* one =
        add(Op::slice, Shape(DType::u64, {1}), {op_.operands[0]}, SliceAttrs{SliceRanges{{i}, {i + 1}, {1}}});
    return words(add(Op::reshape, Shape(DType::u64), {one}));
  }

  // Where each element of the part stands along a dimension of the whole.
  Words place_along(size_t d) {
    const Digits& digits = sharding_.dims[d];
    const Words local = words(add(Op::iota, Shape(DType::u64, part_.dims()), {}, IotaAttrs{static_cast<int64_t>(d)}));
    if (digits.empty()) return local;
    Instruction* start = op_.emitter.start_along(digits, part_.dim(d), Emitter::place_type(whole_.dim(d)));
    return local + words(start).to(DType::u64);
  }

  size_t paired_dim() const { return threefry_split_dim(whole_.dims()); }

  // Of an array with the given sizes, in which the places along `halved` are halved.
  Words linear_index(const Dims& sizes, size_t halved) {
    Words index = number(0);
    const Dims strides = row_major_strides(sizes);
    for (size_t d = 0; d < sizes.size(); ++d) {
      const Words place = place_along(d);
      index = index + (d == halved ? place >> 1 : place) * number(strides[d]);
    }
    return index;
  }
  Words linear_index() { return linear_index(whole_.dims(), whole_.rank()); }

  static Words joined(const Words& low, const Words& high) { return low.to(DType::u64) | high.to(DType::u64) << 32; }

  Words philox() {
    const Words index = linear_index();
    const Words low = state_[1] + (index >> (wide_ ? 1 : 2));
    const Words high = (state_.size() > 2 ? state_[2] : state_[0]) + low.is_less(state_[1]);
    const Words2 lows = halves(low);
    const Words2 highs = halves(high);
    const Words4 block = philox4x32({lows[0], lows[1], highs[0], highs[1]}, halves(state_[0]));
    if (wide_) return index.choose(joined(block[0], block[1]), joined(block[2], block[3]));
    return (index >> 1).choose(index.choose(block[0], block[1]), index.choose(block[2], block[3]));
  }

  Dims paired_sizes() const {
    Dims sizes = whole_.dims();
    sizes[paired_dim()] = (sizes[paired_dim()] + 1) / 2;
    return sizes;
  }

  Words threefry() {
    const Words index = wide_ ? linear_index() : linear_index(paired_sizes(), paired_dim());
    const Words2 block = threefry2x32(halves(state_[1] + index), halves(state_[0]));
    return wide_ ? joined(block[0], block[1]) : place_along(paired_dim()).choose(block[0], block[1]);
  }

  // An element's bits are the lowest of its word.
  Instruction* typed(const Words& bits) {
    static constexpr std::array<DType, 9> kUnsigned = {DType::u8,  DType::u8,  DType::u16, DType::u32, DType::u32,
                                                       DType::u64, DType::u64, DType::u64, DType::u64};
    const DType type = whole_.type();
    const Shape shape(type, part_.dims());
    const auto bytes = static_cast<size_t>(bytes_of(type));
    if (bits_of(type) < 8) return bits.to(type).value();
    const DType same_size = kUnsigned[bytes];
    Instruction* narrow = bytes >= 4 ? bits.value() : bits.to(same_size).value();
    return type == same_size ? narrow : add(Op::bitcast_convert, shape, {narrow});
  }

  int64_t block_count() const {
    int64_t count = 1;
    for (const int64_t size : is_threefry() && !wide_ ? paired_sizes() : whole_.dims()) count *= size;
    if (is_threefry()) return count;
    return wide_ ? (count + 1) / 2 : (count + 3) / 4;
  }

  // That of the whole: the counter has moved on by all blocks.
  Instruction* next_state() {
    std::vector<Words> next = state_;
    next[1] = state_[1] + number(block_count());
    if (next.size() > 2) next[2] = state_[2] + next[1].is_less(state_[1]);
    std::vector<Instruction*> parts;
    for (const Words& word : next) parts.push_back(add(Op::reshape, Shape(DType::u64, {1}), {word.value()}));
    return op_.emitter.computation().add(Op::concatenate, op_.operands[0]->shape().without_layout(), parts,
                                         DimensionsAttrs{{0}});
  }

  const LocalOp& op_;
  size_t leaf_;
  const Shape& whole_;
  Sharding sharding_;
  Shape part_;
  bool wide_;
  std::vector<Words> state_;
};

std::vector<Instruction*> localize_rng_bit_generator(const LocalOp& op) {
  const Sharding bits = result_sharding(op.context, op.plan, op.context.result_shapes.size() - 1);
  return bits.cut() == 0 ? localize_plain(op) : BitsOfPart(op).leaves();
}

}  // namespace

std::vector<Way> ways_of_rng_bit_generator(const Instruction& instruction) {
  return {{rule_of(instruction), localize_rng_bit_generator}};
}

}  // namespace gshard
