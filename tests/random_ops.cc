#include "random_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string_view>
#include <vector>

namespace gshard {
namespace {

using Sizes = std::vector<int64_t>;

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  // From `low` to `high`, both included.
  int64_t from(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine_() % static_cast<uint64_t>(high - low + 1));
  }
  bool one_in(int64_t n) { return from(1, n) == 1; }
  // Mostly small, sometimes 1, a power of two or prime.
  int64_t size() {
    static constexpr int64_t kSizes[] = {1, 2, 3, 4, 4, 5, 6, 7, 8, 8, 9, 11, 12, 13, 16};
    return kSizes[from(0, std::size(kSizes) - 1)];
  }
  Sizes sizes(size_t rank) {
    Sizes sizes;
    for (size_t i = 0; i < rank; ++i) sizes.push_back(size());
    return sizes;
  }
  Sizes permutation(size_t rank) {
    Sizes order(rank);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), engine_);
    return order;
  }
  template <class T>
  T pick(std::initializer_list<T> choices) {
    return choices.begin()[from(0, static_cast<int64_t>(choices.size()) - 1)];
  }
  // Some of 0..rank-1, in order.
  Sizes some_of(size_t rank) {
    Sizes some;
    for (size_t i = 0; i < rank; ++i) {
      if (one_in(2)) some.push_back(static_cast<int64_t>(i));
    }
    return some;
  }

 private:
  std::mt19937_64 engine_;
};

std::string list(const Sizes& numbers) { return fmt::format("{}", fmt::join(numbers, ",")); }

constexpr std::string_view kReducers = R"(
sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}

largest {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] maximum(a, b)
}

last {
  a = f32[] parameter(0)
  ROOT b = f32[] parameter(1)
}

odd_sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  c = f32[] multiply(a, b)
  ROOT d = f32[] add(c, b)
}

at_least {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = pred[] compare(a, b), direction=GE
}

above {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = pred[] compare(a, b), direction=GT
}

above_with {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  i = s32[] parameter(2)
  j = s32[] parameter(3)
  ROOT c = pred[] compare(a, b), direction=GT
}

larger_with {
  a = f32[] parameter(0)
  i = s32[] parameter(1)
  b = f32[] parameter(2)
  j = s32[] parameter(3)
  greater = pred[] compare(a, b), direction=GE
  x = f32[] select(greater, a, b)
  y = s32[] select(greater, i, j)
  ROOT r = (f32[], s32[]) tuple(x, y)
}
)";

// Parameters of these types, called a, b, c, ..., and one op or several on them.
std::string module_of(const std::vector<std::string>& types, const std::string& body) {
  std::string text = "HloModule random\n" + std::string(kReducers) + "\nENTRY e {\n";
  for (size_t i = 0; i < types.size(); ++i)
    text += fmt::format("  {} = {} parameter({})\n", static_cast<char>('a' + i), types[i], i);
  return text + "  " + body + "\n}\n";
}

std::string f32(const Sizes& sizes) { return "f32[" + list(sizes) + "]"; }
std::string s32(const Sizes& sizes) { return "s32[" + list(sizes) + "]"; }

// The sizes of dimension order[i] of the result are sizes[i].
Sizes placed(const Sizes& sizes, const Sizes& order) {
  Sizes result(sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) result[static_cast<size_t>(order[i])] = sizes[i];
  return result;
}

Sizes part(const Sizes& numbers, size_t first, size_t count) {
  return {numbers.begin() + static_cast<std::ptrdiff_t>(first),
          numbers.begin() + static_cast<std::ptrdiff_t>(first + count)};
}

// ---- families ----------------------------------------------------------------------------------------------------

std::string dot(uint64_t seed) {
  Dice dice(seed);
  const auto batch = static_cast<size_t>(dice.from(0, 2));
  const auto contracting = static_cast<size_t>(dice.from(0, 2));
  Sizes left = dice.sizes(batch + contracting);
  Sizes right = left;
  for (int64_t i = dice.from(0, 2); i > 0; --i) left.push_back(dice.size());
  for (int64_t i = dice.from(0, 2); i > 0; --i) right.push_back(dice.size());
  const Sizes at_left = dice.permutation(left.size());
  const Sizes at_right = dice.permutation(right.size());
  return module_of({f32(placed(left, at_left)), f32(placed(right, at_right))},
                   fmt::format("ROOT y = dot(a, b), lhs_batch_dims={{{}}}, rhs_batch_dims={{{}}}, "
                               "lhs_contracting_dims={{{}}}, rhs_contracting_dims={{{}}}",
                               list(part(at_left, 0, batch)), list(part(at_right, 0, batch)),
                               list(part(at_left, batch, contracting)), list(part(at_right, batch, contracting))));
}

struct RandomWindow {
  std::string text;
  Sizes sizes;
};

// Over dimensions of these sizes, so that something is left; with base dilation where asked for.
RandomWindow random_window(Dice& dice, const Sizes& base, bool base_dilation) {
  Sizes sizes, strides, base_dilations, dilations, reversals;
  std::string padding;
  for (const int64_t size : base) {
    const int64_t base_dilated = base_dilation && dice.one_in(3) ? dice.from(2, 3) : 1;
    const int64_t extent = size == 0 ? 0 : (size - 1) * base_dilated + 1;
    const int64_t window = dice.one_in(4) ? 1 : dice.from(1, std::min<int64_t>(size + 1, 6));
    const int64_t dilation = dice.one_in(3) ? dice.from(2, 3) : 1;
    const int64_t reach = (window - 1) * dilation + 1;
    int64_t low = dice.one_in(3) ? dice.from(-1, 4) : dice.from(0, 1);
    int64_t high = dice.one_in(3) ? dice.from(-1, 4) : dice.from(0, 1);
    if (dice.one_in(6)) low = reach - 1;
    if (extent + low + high < reach) high += reach - (extent + low + high);
    sizes.push_back(window);
    strides.push_back(dice.one_in(3) ? dice.from(2, 3) : 1);
    base_dilations.push_back(base_dilated);
    dilations.push_back(dilation);
    reversals.push_back(dice.one_in(4) ? 1 : 0);
    padding += fmt::format("{}{}_{}", padding.empty() ? "" : "x", low, high);
  }
  const auto each = [](const Sizes& numbers) { return fmt::format("{}", fmt::join(numbers, "x")); };
  return {fmt::format("size={} stride={} pad={} lhs_dilate={} rhs_dilate={}", each(sizes), each(strides), padding,
                      each(base_dilations), each(dilations)) +
              (dice.one_in(3) ? " rhs_reversal=" + each(reversals) : ""),
          sizes};
}

std::string convolution(uint64_t seed) {
  Dice dice(seed);
  const auto spatial = static_cast<size_t>(dice.from(0, 2));
  const Sizes base = dice.sizes(spatial);
  const RandomWindow window = random_window(dice, base, true);
  const int64_t groups = dice.one_in(2) ? dice.from(2, 4) : 1;
  const bool of_batch = dice.one_in(2);
  const int64_t batch = dice.size() * (of_batch ? groups : 1);
  const int64_t features = dice.from(1, 6);
  const int64_t outputs = dice.from(1, 4) * groups;
  Sizes input = {batch, features * (of_batch ? 1 : groups)};
  Sizes kernel = {features, outputs};
  input.insert(input.end(), base.begin(), base.end());
  kernel.insert(kernel.end(), window.sizes.begin(), window.sizes.end());
  const auto label = [&](const Sizes& order, const char* names) {
    std::string text(order.size(), ' ');
    for (size_t i = 0; i < order.size(); ++i)
      text[static_cast<size_t>(order[i])] = i < 2 ? names[i] : static_cast<char>('0' + i - 2);
    return text;
  };
  const Sizes at_input = dice.permutation(input.size());
  const Sizes at_kernel = dice.permutation(kernel.size());
  const Sizes at_result = dice.permutation(input.size());
  std::string attributes = spatial == 0 ? "" : "window={" + window.text + "}, ";
  attributes += "dim_labels=" + label(at_input, "bf") + "_" + label(at_kernel, "io") + "->" + label(at_result, "bf");
  if (groups > 1) attributes += fmt::format(", {}_group_count={}", of_batch ? "batch" : "feature", groups);
  return module_of({f32(placed(input, at_input)), f32(placed(kernel, at_kernel))},
                   "ROOT y = convolution(a, b), " + attributes);
}

std::string slice(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  std::string ranges;
  for (const int64_t size : sizes) {
    const int64_t start = dice.one_in(3) ? 0 : dice.from(0, size);
    const int64_t limit = dice.one_in(3) ? size : dice.from(start, size);
    ranges +=
        fmt::format("{}[{}:{}:{}]", ranges.empty() ? "" : ", ", start, limit, dice.one_in(2) ? 1 : dice.from(2, 4));
  }
  return module_of({f32(sizes)}, "ROOT y = slice(a), slice={" + ranges + "}");
}

std::string pad(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  std::string padding;
  for (const int64_t size : sizes) {
    const int64_t interior = dice.one_in(3) ? dice.from(1, 3) : 0;
    const int64_t extent = (size - 1) * interior + size;
    const int64_t low = dice.one_in(2) ? dice.from(-extent, 12) : dice.from(0, 2);
    const int64_t high = std::max(dice.one_in(2) ? dice.from(-extent, 12) : dice.from(0, 2), -(extent + low));
    padding += fmt::format("{}{}_{}_{}", padding.empty() ? "" : "x", low, high, interior);
  }
  return module_of({f32(sizes), "f32[]"}, "ROOT y = pad(a, b), padding=" + padding);
}

std::string concatenate(uint64_t seed) {
  Dice dice(seed);
  Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  const int64_t dim = dice.from(0, static_cast<int64_t>(sizes.size()) - 1);
  std::vector<std::string> types;
  std::string operands;
  for (int64_t i = dice.from(0, 3); i >= 0; --i) {
    sizes[static_cast<size_t>(dim)] = dice.one_in(6) ? 0 : dice.size();
    operands += (operands.empty() ? "" : ", ") + std::string(1, static_cast<char>('a' + types.size()));
    types.push_back(f32(sizes));
  }
  return module_of(types, fmt::format("ROOT y = concatenate({}), dimensions={{{}}}", operands, dim));
}

std::string reverse(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  return module_of({f32(sizes)},
                   fmt::format("ROOT y = reverse(a), dimensions={{{}}}", list(dice.some_of(sizes.size()))));
}

// The prime factors of a few sizes, dealt out anew.
std::string reshape(uint64_t seed) {
  Dice dice(seed);
  const Sizes from = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  Sizes primes;
  for (int64_t size : from) {
    for (int64_t p = 2; size > 1; ++p) {
      for (; size % p == 0; size /= p) primes.push_back(p);
    }
  }
  if (dice.one_in(3)) primes = placed(primes, dice.permutation(primes.size()));
  Sizes to = {1};
  for (const int64_t p : primes) {
    if (dice.one_in(2)) to.push_back(1);
    to.back() *= p;
  }
  return module_of({f32(from)}, "ROOT y = " + f32(to) + " reshape(a)");
}

std::string transpose(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 4)));
  return module_of({f32(sizes)},
                   fmt::format("ROOT y = transpose(a), dimensions={{{}}}", list(dice.permutation(sizes.size()))));
}

std::string broadcast(uint64_t seed) {
  Dice dice(seed);
  const Sizes result = dice.sizes(static_cast<size_t>(dice.from(1, 4)));
  const Sizes dims = dice.some_of(result.size());
  Sizes operand;
  for (const int64_t d : dims) operand.push_back(result[static_cast<size_t>(d)]);
  return module_of({f32(operand)}, fmt::format("ROOT y = {} broadcast(a), dimensions={{{}}}", f32(result), list(dims)));
}

std::string reduce(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 4)));
  const std::string dims = list(dice.some_of(sizes.size()));
  if (dice.one_in(4)) {
    return module_of({f32(sizes), s32(sizes), "f32[]", "s32[]"},
                     "ROOT y = reduce(a, b, c, d), dimensions={" + dims + "}, to_apply=larger_with");
  }
  return module_of({f32(sizes), "f32[]"}, fmt::format("ROOT y = reduce(a, b), dimensions={{{}}}, to_apply={}", dims,
                                                      dice.pick({"sum", "sum", "largest", "last", "odd_sum"})));
}

std::string reduce_window(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  const std::string window = "window={" + random_window(dice, sizes, true).text + "}";
  const std::string without_reversal =
      window.substr(0, window.find(" rhs_reversal")) + (window.find(" rhs_reversal") == std::string::npos ? "" : "}");
  if (dice.one_in(4)) {
    return module_of({f32(sizes), s32(sizes), "f32[]", "s32[]"},
                     "ROOT y = reduce-window(a, b, c, d), " + without_reversal + ", to_apply=larger_with");
  }
  return module_of({f32(sizes), "f32[]"}, fmt::format("ROOT y = reduce-window(a, b), {}, to_apply={}", without_reversal,
                                                      dice.pick({"sum", "largest", "odd_sum"})));
}

std::string cumulative(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(2);
  const auto dim = static_cast<size_t>(dice.from(0, 1));
  const int64_t n = sizes[dim];
  const bool forwards = dice.one_in(2);
  const std::string padding = fmt::format("{}_{}", forwards ? n - 1 : 0, forwards ? 0 : n - 1);
  const std::string window =
      dim == 0 ? fmt::format("size={}x1 pad={}x0_0", n, padding) : fmt::format("size=1x{} pad=0_0x{}", n, padding);
  return module_of({f32(sizes), "f32[]"}, fmt::format("ROOT y = reduce-window(a, b), window={{{}}}, to_apply={}",
                                                      window, dice.pick({"sum", "largest"})));
}

std::string select_and_scatter(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 2)));
  Sizes windows, strides, positions;
  std::string padding;
  for (const int64_t size : sizes) {
    const int64_t window = dice.from(1, std::min<int64_t>(size, 4));
    const int64_t stride = dice.one_in(2) ? window : dice.from(1, 3);
    const int64_t low = dice.from(0, window - 1);
    const int64_t high = dice.from(0, window - 1);
    windows.push_back(window);
    strides.push_back(stride);
    positions.push_back((size + low + high - window) / stride + 1);
    padding += fmt::format("{}{}_{}", padding.empty() ? "" : "x", low, high);
  }
  return module_of(
      {f32(sizes), f32(positions), "f32[]"},
      fmt::format("ROOT y = select-and-scatter(a, b, c), window={{size={} stride={} pad={}}}, "
                  "select=at_least, scatter={}",
                  fmt::join(windows, "x"), fmt::join(strides, "x"), padding, dice.pick({"sum", "sum", "largest"})));
}

// Dimension numbers of a gather or scatter, which are the same thing read in two directions.
struct Indexing {
  Sizes array, indices, slices, window;  // window: positions of its dimensions in the slices
  Sizes collapsed, batching, indices_batching, index_map, slice_sizes;
  int64_t vector_dim = 0;
};

Indexing random_indexing(Dice& dice) {
  Indexing x;
  x.array = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  Sizes places = dice.sizes(static_cast<size_t>(dice.from(0, 2)));
  Sizes kept;
  for (size_t d = 0; d < x.array.size(); ++d) {
    const auto dim = static_cast<int64_t>(d);
    const int64_t size = x.array[d];
    if (dice.one_in(4)) {  // one place of the indices for each
      x.batching.push_back(dim);
      x.indices_batching.push_back(static_cast<int64_t>(places.size()));
      places.push_back(size);
      x.slice_sizes.push_back(1);
    } else if (dice.one_in(2)) {
      x.collapsed.push_back(dim);
      x.index_map.push_back(dim);
      x.slice_sizes.push_back(1);
    } else {
      const int64_t length = dice.one_in(2) ? size : dice.from(1, size);
      if (length < size || dice.one_in(3)) x.index_map.push_back(dim);
      x.slice_sizes.push_back(length);
      kept.push_back(length);
    }
  }
  x.index_map = placed(x.index_map, dice.permutation(x.index_map.size()));
  x.vector_dim = x.index_map.size() == 1 && dice.one_in(2) ? static_cast<int64_t>(places.size())
                                                           : dice.from(0, static_cast<int64_t>(places.size()));
  const bool is_implicit = x.index_map.size() == 1 && x.vector_dim == static_cast<int64_t>(places.size());
  x.indices = places;
  if (!is_implicit) {
    x.indices.insert(x.indices.begin() + x.vector_dim, static_cast<int64_t>(x.index_map.size()));
    for (int64_t& dim : x.indices_batching) dim += dim >= x.vector_dim ? 1 : 0;
  }
  const size_t rank = places.size() + kept.size();
  x.window = part(dice.permutation(rank), 0, kept.size());
  std::sort(x.window.begin(), x.window.end());
  size_t next_kept = 0, next_place = 0;
  for (size_t d = 0; d < rank; ++d) {
    const bool is_window = std::find(x.window.begin(), x.window.end(), static_cast<int64_t>(d)) != x.window.end();
    x.slices.push_back(is_window ? kept[next_kept++] : places[next_place++]);
  }
  return x;
}

std::string gather(uint64_t seed) {
  Dice dice(seed);
  const Indexing x = random_indexing(dice);
  return module_of({f32(x.array), s32(x.indices)},
                   fmt::format("ROOT y = gather(a, b), offset_dims={{{}}}, collapsed_slice_dims={{{}}}, "
                               "start_index_map={{{}}}, operand_batching_dims={{{}}}, "
                               "start_indices_batching_dims={{{}}}, index_vector_dim={}, slice_sizes={{{}}}",
                               list(x.window), list(x.collapsed), list(x.index_map), list(x.batching),
                               list(x.indices_batching), x.vector_dim, list(x.slice_sizes)));
}

std::string scatter(uint64_t seed) {
  Dice dice(seed);
  const Indexing x = random_indexing(dice);
  const std::string numbers = fmt::format(
      "update_window_dims={{{}}}, inserted_window_dims={{{}}}, scatter_dims_to_operand_dims={{{}}}, "
      "input_batching_dims={{{}}}, scatter_indices_batching_dims={{{}}}, index_vector_dim={}",
      list(x.window), list(x.collapsed), list(x.index_map), list(x.batching), list(x.indices_batching), x.vector_dim);
  if (dice.one_in(5)) {
    return module_of({f32(x.array), s32(x.array), s32(x.indices), f32(x.slices), s32(x.slices)},
                     "ROOT y = scatter(a, b, c, d, e), " + numbers + ", to_apply=larger_with");
  }
  return module_of({f32(x.array), s32(x.indices), f32(x.slices)},
                   "ROOT y = scatter(a, b, c), " + numbers +
                       ", to_apply=" + dice.pick({"sum", "sum", "largest", "last", "odd_sum"}));
}

std::string dynamic_slice(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  Sizes lengths;
  std::vector<std::string> types = {f32(sizes)};
  std::string places;
  for (const int64_t size : sizes) {
    lengths.push_back(dice.one_in(3) ? size : dice.from(1, size));
    places += fmt::format(", {}", static_cast<char>('a' + types.size()));
    types.emplace_back("s32[]");
  }
  return module_of(types,
                   fmt::format("ROOT y = dynamic-slice(a{}), dynamic_slice_sizes={{{}}}", places, list(lengths)));
}

std::string dynamic_update_slice(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  Sizes lengths;
  std::string places;
  std::vector<std::string> types = {f32(sizes), ""};
  for (const int64_t size : sizes) {
    lengths.push_back(dice.one_in(3) ? size : dice.from(1, size));
    places += fmt::format(", {}", static_cast<char>('a' + types.size()));
    types.emplace_back("s32[]");
  }
  types[1] = f32(lengths);
  return module_of(types, "ROOT y = dynamic-update-slice(a, b" + places + ")");
}

std::string sort(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  const int64_t dim = dice.from(0, static_cast<int64_t>(sizes.size()) - 1);
  if (dice.one_in(2))
    return module_of({f32(sizes)}, fmt::format("ROOT y = sort(a), dimensions={{{}}}, to_apply=above", dim));
  return module_of({f32(sizes), s32(sizes)},
                   fmt::format("ROOT y = sort(a, b), dimensions={{{}}}, is_stable=true, to_apply=above_with", dim));
}

std::string topk(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  return module_of({f32(sizes)}, fmt::format("ROOT y = topk(a), k={}, largest={}", dice.from(0, sizes.back()),
                                             dice.pick({"true", "false"})));
}

std::string random_bits(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  const char* type = dice.pick({"u32", "u64", "u8", "u16"});
  return module_of({"u64[2]"}, fmt::format("ROOT y = (u64[2], {}[{}]) rng-bit-generator(a), algorithm={}", type,
                                           list(sizes), dice.pick({"rng_philox", "rng_three_fry", "rng_default"})));
}

// Numbers of other types, and places too.
std::string retyped(std::string text, uint64_t seed) {
  Dice dice(seed + 1);
  const auto replace = [&](std::string_view from, std::string_view to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  if (dice.one_in(3)) replace("f32[", dice.pick({"bf16[", "f16[", "f64[", "u8[", "s8[", "s16[", "u32[", "s64["}));
  if (dice.one_in(3)) replace("s32[", dice.pick({"s64[", "u32[", "u8[", "s8[", "u16[", "u64["}));
  return text;
}

std::string bitcast_convert(uint64_t seed) {
  Dice dice(seed);
  const Sizes sizes = dice.sizes(static_cast<size_t>(dice.from(1, 3)));
  if (dice.one_in(2)) return module_of({s32(sizes)}, "ROOT y = u8[" + list(sizes) + ",4] bitcast-convert(a)");
  return module_of({"u16[" + list(sizes) + ",2]"}, "ROOT y = " + s32(sizes) + " bitcast-convert(a)");
}

constexpr OpFamily kFamilies[] = {{"dot", dot, true},
                                  {"convolution", convolution, true},
                                  {"slice", slice, true},
                                  {"pad", pad, true},
                                  {"concatenate", concatenate, true},
                                  {"reverse", reverse, true},
                                  {"reshape", reshape, true},
                                  {"transpose", transpose, true},
                                  {"broadcast", broadcast, true},
                                  {"reduce", reduce, true},
                                  {"reduce_window", reduce_window, true},
                                  {"cumulative", cumulative, true},
                                  {"select_and_scatter", select_and_scatter, true},
                                  {"gather", gather, true},
                                  {"scatter", scatter, true},
                                  {"dynamic_slice", dynamic_slice, true},
                                  {"dynamic_update_slice", dynamic_update_slice, true},
                                  {"sort", sort, true},
                                  {"topk", topk, true},
                                  {"random_bits", random_bits, false},
                                  {"bitcast_convert", bitcast_convert, false}};

}  // namespace

std::string OpFamily::text(uint64_t seed) const { return is_of_any_type ? retyped(make(seed), seed) : make(seed); }

std::span<const OpFamily> op_families() { return kFamilies; }

}  // namespace gshard
