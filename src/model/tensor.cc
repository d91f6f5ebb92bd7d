#include "model/tensor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ir/dims.h"
#include "ops/infer.h"

namespace gshard {
namespace {

// Both terms as tensors of the same sizes.
std::pair<Tensor, Tensor> meet(const OperandHere& a, const OperandHere& b, std::string_view what) {
  if (a.is_number() && b.is_number()) throw error_here(fmt::format("{}: two numbers, no tensor", what), a.here());
  const auto as_tensor = [](const OperandHere& x, const OperandHere& other) {
    return x.is_number() ? full_like(other.value(), x.number(), x.here()) : x.value();
  };
  const Tensor x = as_tensor(a, b);
  const Tensor y = as_tensor(b, a);
  if (x.type() != y.type()) {
    throw error_here(fmt::format("{}: {} and {} are of two types; convert() one of them", what, x.shape(), y.shape()),
                     a.here());
  }
  try {
    return broadcast_together(x, y, a.here());
  } catch (const Error&) {
    throw error_here(fmt::format("{}: sizes of {} and {} differ", what, x.shape(), y.shape()), a.here());
  }
}

// Dimension `dim` of `rank` ones, counted from the end where it is negative.
int64_t place_of(int64_t dim, size_t rank, std::string_view what, const Here& here) {
  const auto size = static_cast<int64_t>(rank);
  if (dim < -size || dim >= size) {
    throw error_here(fmt::format("{}: dimension {} of {}", what, dim, size), here);
  }
  return dim < 0 ? dim + size : dim;
}

Dims places_of(const Dims& dims, Tensor x, std::string_view what, const Here& here) {
  Dims places;
  for (const int64_t dim : dims) places.push_back(place_of(dim, x.rank(), what, here));
  std::sort(places.begin(), places.end());
  return places;
}

int64_t elements_along(Tensor x, const Dims& places) {
  int64_t count = 1;
  for (const int64_t dim : places) count = saturating_multiply(count, x.dim(static_cast<size_t>(dim)));
  return count;
}

struct Reduction {
  Reducer reducer;
  std::string_view name;
};

Tensor reduced(const Reduction& reduction, Tensor x, const Dims& dims, Keep keep, const Here& here) {
  const Dims places = places_of(dims, x, reduction.name, here);
  const Tensor result = reduce(x, places, reduction.reducer, here);
  if (keep == Keep::none) return result;
  Dims sizes = x.dims();
  for (const int64_t dim : places) sizes[static_cast<size_t>(dim)] = 1;
  return reshape(result, sizes, here);
}

// s32: where along a dimension the first largest stands, of those elements that are allowed (of all where the mask is
// of nothing); the last place where nothing equals the largest since a NaN is there.
Tensor first_largest(Tensor x, int64_t dim, Tensor allowed, const Here& here) {
  const bool all = !is_set(allowed);
  const Tensor among = all ? x : select(allowed, x, full(x.computation(), x.shape(), -HUGE_VAL, here), here);
  const Tensor largest = broadcast_to(max(among, {dim}, Keep::dims, here), x.dims(), here);
  Tensor found = compare(among, largest, Direction::EQ, ComparisonType::automatic, here);
  if (!all) found = and_(found, allowed, here);
  const Tensor place = positions_along(x, dim, DType::s32, here);
  return min(select(found, place, x.dim(static_cast<size_t>(dim)) - 1, here), {dim}, Keep::none, here);
}

// Whether an integer type has all numbers below `size`.
bool counts_to(DType type, int64_t size) {
  const int bits = bits_of(type) - (is_signed_int(type) ? 1 : 0);
  return bits >= 63 || size <= int64_t{1} << bits;
}

DType counting_type(int64_t size) { return counts_to(DType::s32, size) ? DType::s32 : DType::s64; }

// x moved `by` places towards the end of a dimension, zeros before it.
Tensor shifted(Tensor x, size_t dim, int64_t by, const Here& here) {
  Padding padding;
  padding.dims.resize(x.rank());
  padding.dims[dim].low = by;
  padding.dims[dim].high = -by;
  return pad(x, 0, padding, here);
}

}  // namespace

OperandHere::OperandHere(Tensor x, Here here) : Operand(x), here_(here) {
  if (!is_set(x)) throw error_here("operator: a tensor of nothing", here);
}

// ---- operators ----------------------------------------------------------------------------------------------------

#define GSHARD_OPERATOR(symbol, function)                \
  Tensor operator symbol(OperandHere a, OperandHere b) { \
    const auto [x, y] = meet(a, b, "operator " #symbol); \
    return function(x, y, a.here());                     \
  }
GSHARD_OPERATOR(+, add)
GSHARD_OPERATOR(-, subtract)
GSHARD_OPERATOR(*, multiply)
GSHARD_OPERATOR(/, divide)
GSHARD_OPERATOR(&, and_)
GSHARD_OPERATOR(|, or_)
#undef GSHARD_OPERATOR

Tensor plus(Tensor a, Tensor b, Here here) { return is_set(a) ? OperandHere(a, here) + OperandHere(b, here) : b; }

#define GSHARD_COMPARISON(name, direction)                                           \
  Tensor name(OperandHere a, OperandHere b) {                                        \
    const auto [x, y] = meet(a, b, #name);                                           \
    return compare(x, y, Direction::direction, ComparisonType::automatic, a.here()); \
  }
GSHARD_COMPARISON(operator<, LT)
GSHARD_COMPARISON(operator<=, LE)
GSHARD_COMPARISON(operator>, GT)
GSHARD_COMPARISON(operator>=, GE)
GSHARD_COMPARISON(equal, EQ)
#undef GSHARD_COMPARISON

Tensor operator-(OperandHere x) { return negate(x.value(), x.here()); }
Tensor operator!(OperandHere x) { return not_(x.value(), x.here()); }

Tensor where(Tensor condition, OperandHere x, OperandHere y) {
  auto [a, b] = meet(x, y, "where");
  if (!is_set(condition)) throw error_here("where: a condition of nothing", x.here());
  if (condition.type() != DType::pred) {
    throw error_here(fmt::format("where: the condition is {}, must be pred", condition.shape()), x.here());
  }
  std::tie(a, condition) = broadcast_together(a, condition, x.here());
  return select(condition, a, broadcast_to(b, a.dims(), x.here()), x.here());
}

// ---- reductions ---------------------------------------------------------------------------------------------------

Tensor sum(Tensor x, const Dims& dims, Keep keep, Here here) {
  return reduced({Reducer::add, "sum"}, x, dims, keep, here);
}

Tensor max(Tensor x, const Dims& dims, Keep keep, Here here) {
  return reduced({Reducer::max, "max"}, x, dims, keep, here);
}

Tensor min(Tensor x, const Dims& dims, Keep keep, Here here) {
  return reduced({Reducer::min, "min"}, x, dims, keep, here);
}

Tensor mean(Tensor x, const Dims& dims, Keep keep, Here here) {
  const int64_t count = elements_along(x, places_of(dims, x, "mean", here));
  // Neither the sum nor the number of elements need be among the numbers of a narrow type.
  const bool is_narrow = is_floating(x.type()) && bits_of(x.type()) < bits_of(DType::f32);
  const Tensor total = sum(is_narrow ? convert(x, DType::f32, here) : x, dims, keep, here);
  return convert(divide(total, count, here), x.type(), here);
}

Tensor sum(Tensor x, Here here) { return sum(x, counting(0, x.rank()), Keep::none, here); }
Tensor mean(Tensor x, Here here) { return mean(x, counting(0, x.rank()), Keep::none, here); }

Tensor argmax(Tensor x, int64_t dim, Here here) {
  const int64_t place = place_of(dim, x.rank(), "argmax", here);
  return first_largest(x, place, {}, here);
}

TopK top_k(Tensor x, int64_t k, Here here) {
  const int64_t last = static_cast<int64_t>(x.rank()) - 1;
  if (last < 0 || k < 1 || k > x.dim(x.rank() - 1)) {
    throw error_here(fmt::format("top_k: {} largest of {}", k, x.shape()), here);
  }
  std::vector<Tensor> values;
  std::vector<Tensor> indices;
  Tensor left;  // those that have not been chosen
  for (int64_t i = 0; i < k; ++i) {
    indices.push_back(expand_dims(first_largest(x, last, left, here), -1, here));
    const Tensor chosen = equal({positions_along(x, last, DType::s32, here), here}, {indices.back(), here});
    values.push_back(sum(select(chosen, x, 0, here), {last}, Keep::dims, here));
    const Tensor others = not_(chosen, here);
    left = i == 0 ? others : and_(left, others, here);
  }
  return {concatenate(values, last, here), concatenate(indices, last, here)};
}

Tensor cumsum(Tensor x, int64_t dim, Running running, Here here) {
  const auto place = static_cast<size_t>(place_of(dim, x.rank(), "cumsum", here));
  Window window;
  window.dims.resize(x.rank());
  window.dims[place].size = std::max<int64_t>(x.dim(place), 1);
  window.dims[place].pad_low = window.dims[place].size - 1;
  const Tensor sums = reduce_window(x, window, Reducer::add, here);
  return running == Running::inclusive ? sums : shifted(sums, place, 1, here);
}

// ---- shapes and indices -------------------------------------------------------------------------------------------

Tensor expand_dims(Tensor x, int64_t dim, Here here) {
  const int64_t place = place_of(dim, x.rank() + 1, "expand_dims", here);
  Dims sizes;
  for (size_t d = 0; d <= x.rank(); ++d) {
    if (static_cast<int64_t>(d) == place) sizes.push_back(1);
    if (d < x.rank()) sizes.push_back(x.dim(d));
  }
  return reshape(x, sizes, here);
}

Tensor positions_along(Tensor x, int64_t dim, DType type, Here here) {
  return iota(x.computation(), x.shape().with_type(type), place_of(dim, x.rank(), "positions_along", here), here);
}

Tensor one_hot(Tensor indices, int64_t size, DType type, Here here) {
  if (!is_integer(indices.type()) || size < 0) {
    throw error_here(fmt::format("one_hot: {} places, at indices {}; must be integers", size, indices.shape()), here);
  }
  if (!counts_to(indices.type(), size)) indices = convert(indices, counting_type(size), here);
  Dims sizes = indices.dims();
  sizes.push_back(size);
  const Tensor wanted = broadcast_to(expand_dims(indices, -1, here), sizes, here);
  const Tensor place = positions_along(wanted, -1, indices.type(), here);
  return convert(compare(place, wanted, Direction::EQ, ComparisonType::automatic, here), type, here);
}

Tensor take(Tensor table, Tensor indices, Here here) {
  if (table.rank() != 2) throw error_here(fmt::format("take: rows of {}", table.shape()), here);
  GatherAttrs attributes;
  attributes.offset_dims = {static_cast<int64_t>(indices.rank())};
  attributes.collapsed_slice_dims = {0};
  attributes.start_index_map = {0};
  attributes.index_vector_dim = static_cast<int64_t>(indices.rank());
  attributes.slice_sizes = {1, table.dim(1)};
  return gather(table, indices, attributes, here);
}

}  // namespace gshard
