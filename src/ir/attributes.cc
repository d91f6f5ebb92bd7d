#include "ir/attributes.h"

#include <bit>
#include <type_traits>

#include "base/hash.h"

namespace gshard {
namespace {

// One overload per kind of value; structs of the notation fold their members in.
class Hasher {
 public:
  uint64_t seed = 0;

  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void add(T value) { hash_combine(seed, static_cast<uint64_t>(value)); }
  void add(float value) { add(std::bit_cast<uint32_t>(value)); }
  void add(const std::string& value) { hash_combine(seed, gshard::hash_of(value)); }
  void add(const Dims& value) { add_all(value); }
  template <class T>
  void add(const std::vector<T>& value) {
    add_all(value);
  }
  template <class T>
  void add(const std::optional<T>& value) {
    add(value.has_value());
    if (value) add(*value);
  }
  void add(const Shape& value) { hash_combine(seed, value.hash()); }
  void add(const Literal& value) { hash_combine(seed, value.hash()); }
  void add(const Word& value) { add(value.text); }
  void add(const RawBraces& value) { add(value.text); }
  void add(const WindowDim& d) {
    add(d.size), add(d.stride), add(d.pad_low), add(d.pad_high), add(d.base_dilation), add(d.window_dilation);
    add(d.reversal);
  }
  void add(const Window& value) { add(value.dims); }
  void add(const PaddingDim& d) { add(d.low), add(d.high), add(d.interior); }
  void add(const Padding& value) { add(value.dims); }
  void add(const SliceRanges& value) { add(value.starts), add(value.limits), add(value.strides); }
  void add(const ConvDimensions& d) {
    add(d.input_batch), add(d.input_feature), add(d.input_spatial), add(d.kernel_input_feature);
    add(d.kernel_output_feature), add(d.kernel_spatial), add(d.output_batch), add(d.output_feature);
    add(d.output_spatial);
  }
  void add(const TileAssignment& t) { add(t.dims), add(t.reshape_dims), add(t.transpose_perm), add(t.devices); }
  void add(const ReplicaGroups& value) { add(value.groups), add(value.iota); }
  void add(const SourceTargetPairs& value) {
    for (const auto& [source, target] : value.list()) add(source), add(target);
  }

 private:
  template <class Range>
  void add_all(const Range& range) {
    add(range.size());
    for (const auto& value : range) add(value);
  }
};

}  // namespace

std::vector<SourceTargetPairs::Pair> SourceTargetPairs::list() const {
  std::vector<Pair> pairs = moves_;
  for (auto repeat = repeats_.rbegin(); repeat != repeats_.rend(); ++repeat) {
    const size_t once = pairs.size();
    pairs.reserve(once * static_cast<size_t>(repeat->count));
    for (int64_t time = 1; time < repeat->count; ++time) {
      for (size_t i = 0; i < once; ++i) {
        pairs.emplace_back(pairs[i].first + time * repeat->source_stride,
                           pairs[i].second + time * repeat->target_stride);
      }
    }
  }
  if (device_order_ == nullptr) return pairs;
  for (auto& [source, target] : pairs) {
    source = (*device_order_)[static_cast<size_t>(source)];
    target = (*device_order_)[static_cast<size_t>(target)];
  }
  return pairs;
}

bool SourceTargetPairs::operator==(const SourceTargetPairs& other) const {
  if (moves_ == other.moves_ && repeats_ == other.repeats_ && device_order_ == other.device_order_) return true;
  return list() == other.list();
}

uint64_t hash_of(const Attributes& attributes) {
  Hasher hasher;
  hasher.add(attributes.index());
  std::visit(
      [&]<class Struct>(const Struct& value) {
        if constexpr (std::is_same_v<Struct, ParameterAttrs>) {
          hasher.add(value.number);
        } else if constexpr (std::is_same_v<Struct, ConstantAttrs>) {
          hasher.add(value.value);
        } else {
          std::apply([&](const auto&... field) { (hasher.add(value.*field.member), ...); }, Struct::fields());
        }
      },
      attributes);
  return hasher.seed;
}

}  // namespace gshard
