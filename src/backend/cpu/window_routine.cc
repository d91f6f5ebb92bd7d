#include "backend/cpu/window_routine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <bit>

#include "backend/cpu/loop_ops.h"
#include "base/ceil_div.h"
#include "base/small_float.h"
#include "eval/arithmetic.h"
#include "eval/reduce.h"
#include "ir/storage.h"
#include "ops/reducer.h"

namespace gshard::cpu {
namespace {

// Rows that go through a dimension side by side: neighbours in memory, of which as many as fill a cache line, or rows
// one after the other.
constexpr int64_t kLanes = 16;
constexpr int64_t kRows = 4;

// One dimension of the window. Window o covers places [o * stride - pad, o * stride - pad + size) of n.
struct WindowLine {
  int64_t n;
  int64_t outputs;
  int64_t size;
  int64_t stride;
  int64_t pad;
  bool is_mirrored = false;  // what is first stands last in both arrays

  int64_t begin(int64_t output) const { return output * stride - pad; }
  // Whether all windows that hold anything begin at the first place or before.
  bool is_cumulative() const { return begin(outputs - 1) <= 0; }
  WindowLine mirrored() const {
    WindowLine line = *this;
    line.pad = (outputs - 1) * stride - pad - n + size;
    line.is_mirrored = true;
    return line;
  }
};

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

// How the rows of a tile lie: the distances between places and between rows, in elements.
struct TileSide {
  int64_t place;
  int64_t lane;
};
struct Tile {
  TileSide in;
  TileSide out;
  int64_t lanes;
  void mirror(const WindowLine& line, int64_t& first_in, int64_t& first_out) {
    first_in += (line.n - 1) * in.place;
    first_out += (line.outputs - 1) * out.place;
    in.place = -in.place;
    out.place = -out.place;
  }
};

template <class T>
auto wide(T x) {
  if constexpr (std::is_arithmetic_v<T>) {
    return x;
  } else {
    return static_cast<float>(x);
  }
}

// The largest and the smallest of floats without branches, with the meaning of Maximum and Minimum.
template <class T>
T of_equal(T x, T y, std::true_type) {
  return std::bit_cast<T>(std::bit_cast<BitsOf<T>>(x) & std::bit_cast<BitsOf<T>>(y));
}
template <class T>
T of_equal(T x, T y, std::false_type) {
  return std::bit_cast<T>(std::bit_cast<BitsOf<T>>(x) | std::bit_cast<BitsOf<T>>(y));
}
template <bool kIsMaximum>
struct Extreme {
  template <Integer T>
  T operator()(T x, T y) const {
    return kIsMaximum ? (x > y ? x : y) : (x < y ? x : y);
  }
  template <Real T>
  T operator()(T x, T y) const {
    const T other = kIsMaximum ? (x > y ? x : y) : (x < y ? x : y);
    const T ordered = x == y ? of_equal(x, y, std::bool_constant<kIsMaximum>()) : other;
    return x != x ? x : ordered;
  }
};

// The types in which elements are combined: sums of floats are rounded once.
template <class T, class Combine>
using Sum = std::conditional_t<
    std::is_floating_point_v<T> && (std::is_same_v<Combine, Add> || std::is_same_v<Combine, Multiply>), double, T>;

template <class In, class Out, class Combine>
class LineScan {
 public:
  using S = Sum<decltype(wide(In{})), Combine>;
  LineScan(const WindowLine& line, const Tile& tile, S start, S* suffixes)
      : line_(line), tile_(tile), start_(start), suffixes_(suffixes) {}

  // The usual numbers of lanes are constants, and so are the distances of neighbours.
  void run(const In* in, Out* out) {
    const bool is_side_by_side = tile_.in.lane == 1 && tile_.out.lane == 1;
    if (is_side_by_side && tile_.lanes == kLanes) return run_with(in, out, Constant<kLanes>(), Constant<1>());
    if (is_side_by_side) return run_with(in, out, tile_.lanes, Constant<1>());
    if (tile_.lanes == kRows) return run_with(in, out, Constant<kRows>(), int64_t{0});
    run_with(in, out, tile_.lanes, int64_t{0});
  }

 private:
  template <int64_t kValue>
  using Constant = std::integral_constant<int64_t, kValue>;
  using Lanes = std::array<S, kLanes>;

  static S widened(In x) { return static_cast<S>(wide(x)); }

  template <class Count, class Step>
  void run_with(const In* in, Out* out, Count lanes, Step step) {
    if (line_.is_cumulative()) {
      run_cumulative(in, out, lanes, step);
    } else {
      run_blocks(in, out, lanes, step);
    }
  }
  // The distance of lanes: 1 where that is known.
  template <int64_t kValue>
  static Constant<kValue> distance(Constant<kValue> step, int64_t) {
    return step;
  }
  static int64_t distance(int64_t, int64_t lane) { return lane; }

  // All windows begin at the first place.
  template <class Count, class Step>
  void run_cumulative(const In* in, Out* out, Count lanes, Step step) {
    const auto in_lane = distance(step, tile_.in.lane);
    const auto out_lane = distance(step, tile_.out.lane);
    Lanes sum{};
    for (int64_t l = 0; l < lanes; ++l) sum[static_cast<size_t>(l)] = start_;
    int64_t next = 0;
    for (int64_t o = 0; o < line_.outputs; ++o) {
      const int64_t end = std::min(line_.begin(o) + line_.size, line_.n);
      for (; next < end; ++next) {
        const In* row = in + next * tile_.in.place;
        for (int64_t l = 0; l < lanes; ++l) {
          S& s = sum[static_cast<size_t>(l)];
          s = Combine()(s, widened(row[l * in_lane]));
        }
      }
      Out* to = out + o * tile_.out.place;
      for (int64_t l = 0; l < lanes; ++l) to[l * out_lane] = static_cast<Out>(sum[static_cast<size_t>(l)]);
    }
  }

  template <class Count, class Step>
  void run_blocks(const In* in, Out* out, Count lanes, Step step) {
    const auto in_lane = distance(step, tile_.in.lane);
    const auto out_lane = distance(step, tile_.out.lane);
    Lanes prefix{};
    int64_t block = -2;
    int64_t boundary = 0;  // between what is left of a block and the next
    int64_t next = 0;      // what the prefix takes in next
    for (int64_t o = 0; o < line_.outputs; ++o) {
      const int64_t begin = line_.begin(o);
      const int64_t end = std::min(begin + line_.size, line_.n);
      const int64_t own = begin <= 0 ? -1 : (begin - 1) / line_.size;
      if (own != block) {
        block = own;
        boundary = next = std::min((block + 1) * line_.size, line_.n);
        for (int64_t l = 0; l < lanes; ++l) prefix[static_cast<size_t>(l)] = start_;
        if (block >= 0) scan_back(in, lanes, in_lane, {block * line_.size, boundary});
      }
      for (; next < end; ++next) {
        const In* row = in + next * tile_.in.place;
        for (int64_t l = 0; l < lanes; ++l) {
          S& s = prefix[static_cast<size_t>(l)];
          s = Combine()(s, widened(row[l * in_lane]));
        }
      }
      Out* to = out + o * tile_.out.place;
      if (begin > 0 && begin < boundary) {
        const S* suffix = suffixes_ + (begin - block * line_.size) * tile_.lanes;
        for (int64_t l = 0; l < lanes; ++l) {
          to[l * out_lane] = static_cast<Out>(Combine()(suffix[l], prefix[static_cast<size_t>(l)]));
        }
      } else {
        for (int64_t l = 0; l < lanes; ++l) to[l * out_lane] = static_cast<Out>(prefix[static_cast<size_t>(l)]);
      }
    }
  }

  struct Range {
    int64_t first;
    int64_t end;
  };
  // From every place of a block on, what is left of the block.
  template <class Count, class Lane>
  void scan_back(const In* in, Count lanes, Lane lane, const Range& block) {
    Lanes sum{};
    for (int64_t at = block.end - 1; at >= block.first; --at) {
      const In* row = in + at * tile_.in.place;
      S* suffix = suffixes_ + (at - block.first) * tile_.lanes;
      const bool is_first = at + 1 == block.end;
      for (int64_t l = 0; l < lanes; ++l) {
        S& s = sum[static_cast<size_t>(l)];
        const S x = widened(row[l * lane]);
        s = is_first ? x : Combine()(x, s);
        suffix[l] = s;
      }
    }
  }

  const WindowLine& line_;
  const Tile& tile_;
  const S start_;
  S* const suffixes_;
};

// ---- the routine ----------------------------------------------------------------------------------------------------

struct PassArrays {
  const std::byte* in;
  std::byte* out;
  const std::byte* start;
  std::byte* suffixes;
};
using RunTile = void (*)(const WindowLine& line, Tile tile, int64_t first_in, int64_t first_out,
                         const PassArrays& arrays);

template <class In, class Out, class Start, class Combine>
void run_tile(const WindowLine& line, Tile tile, int64_t first_in, int64_t first_out, const PassArrays& arrays) {
  using Scan = LineScan<In, Out, Combine>;
  using S = typename Scan::S;
  if (line.is_mirrored) tile.mirror(line, first_in, first_out);
  const auto start = static_cast<S>(wide(*reinterpret_cast<const Start*>(arrays.start)));
  Scan(line, tile, start, reinterpret_cast<S*>(arrays.suffixes))
      .run(reinterpret_cast<const In*>(arrays.in) + first_in, reinterpret_cast<Out*>(arrays.out) + first_out);
}

// One dimension of the window, all others being passed along.
struct Pass {
  WindowLine line;
  int64_t outer = 1;
  int64_t inner = 1;
  RunTile run = nullptr;

  // Rows side by side are neighbours in memory, or the same place of several rows.
  bool has_inner_lanes() const { return inner > 1; }
  int64_t tiles_of_row() const { return has_inner_lanes() ? ceil_div(inner, kLanes) : 1; }
  int64_t tiles() const { return has_inner_lanes() ? outer * tiles_of_row() : ceil_div(outer, kRows); }
  RowParts parts() const { return {tiles(), 2 * line.n * std::min(kLanes, has_inner_lanes() ? inner : outer)}; }
  int64_t suffix_bytes() const {
    return line.is_cumulative() ? 0 : std::min(line.size, line.n) * kLanes * static_cast<int64_t>(sizeof(double));
  }

  void run_tile(int64_t number, const PassArrays& arrays) const {
    if (!has_inner_lanes()) {
      const int64_t row = number * kRows;
      return run(line, {{1, line.n}, {1, line.outputs}, std::min(kRows, outer - row)}, row * line.n, row * line.outputs,
                 arrays);
    }
    const int64_t row = number / tiles_of_row();
    const int64_t lane = number % tiles_of_row() * kLanes;
    run(line, {{inner, 1}, {inner, 1}, std::min(kLanes, inner - lane)}, row * line.n * inner + lane,
        row * line.outputs * inner + lane, arrays);
  }
};

template <class F>
void with_combiner(Reducer reducer, F&& f) {
  switch (reducer) {
    case Reducer::add:
      return f.template operator()<Add>();
    case Reducer::mul:
      return f.template operator()<Multiply>();
    case Reducer::max:
      return f.template operator()<Extreme<true>>();
    case Reducer::min:
      return f.template operator()<Extreme<false>>();
    case Reducer::and_:
      return f.template operator()<And>();
    case Reducer::or_:
      return f.template operator()<Or>();
    default:
      return;
  }
}

// Types of a pass: floats of 16 bits are kept in f32 between passes.
struct PassTypes {
  bool reads_operand;
  bool writes_result;
};

template <class T, class Combine>
RunTile run_of(const PassTypes& types) {
  using Wide = decltype(wide(T{}));
  if constexpr (!std::invocable<Combine, Wide, Wide>) {
    return nullptr;
  } else if constexpr (std::is_arithmetic_v<T>) {
    return run_tile<T, T, T, Combine>;
  } else {
    if (types.reads_operand && types.writes_result) return run_tile<T, T, T, Combine>;
    if (types.reads_operand) return run_tile<T, float, T, Combine>;
    return types.writes_result ? run_tile<float, T, T, Combine> : run_tile<float, float, T, Combine>;
  }
}

RunTile run_of(DType type, Reducer reducer, const PassTypes& types) {
  RunTile run = nullptr;
  with_storage(type, [&]<class T>() {
    constexpr bool is_known = std::is_arithmetic_v<T> || std::is_same_v<T, BF16> || std::is_same_v<T, F16>;
    if constexpr (is_known) {
      with_combiner(reducer, [&]<class Combine>() { run = run_of<T, Combine>(types); });
    }
  });
  return run;
}

class WindowRoutine : public Routine {
 public:
  WindowRoutine(const Instruction& x, std::vector<Pass> passes)
      : dims_(x.attrs<WindowAttrs>().window.dims), passes_(std::move(passes)) {
    for (size_t p = 0; p + 1 < passes_.size(); ++p) {
      const Pass& pass = passes_[p];
      const int64_t width = std::max<int64_t>(bytes_of(x.shape().type()), 4);
      between_ = std::max(between_, aligned(pass.outer * pass.inner * pass.line.outputs * width));
    }
    for (const Pass& pass : passes_) {
      suffixes_ = std::max(suffixes_, pass.parts().count() * aligned(pass.suffix_bytes()));
    }
  }

  std::string describe() const override {
    std::string sizes;
    for (const WindowDim& d : dims_) sizes += fmt::format("{}{}", sizes.empty() ? "" : "x", d.size);
    return fmt::format("windows of {} in {} passes", sizes, passes_.size());
  }
  int64_t workspace_bytes() const override { return 2 * between_ + suffixes_; }

  void run(const Arrays& arrays, const ParallelLoop& loop) const override {
    const std::byte* in = arrays.operands[0];
    for (size_t p = 0; p < passes_.size(); ++p) {
      std::byte* out =
          p + 1 == passes_.size() ? arrays.results[0] : arrays.workspace + static_cast<int64_t>(p % 2) * between_;
      std::byte* suffixes = arrays.workspace + 2 * between_;
      run_pass(passes_[p], {in, out, arrays.operands[1], suffixes}, loop);
      in = out;
    }
  }

 private:
  static int64_t aligned(int64_t bytes) { return ceil_div(bytes, 64) * 64; }

  static void run_pass(const Pass& pass, const PassArrays& arrays, const ParallelLoop& loop) {
    const RowParts cut = pass.parts();
    loop(cut.count(), [&](int64_t part) {
      PassArrays mine = arrays;
      mine.suffixes += part * aligned(pass.suffix_bytes());
      for (int64_t tile = cut.first(part); tile < cut.end(part); ++tile) pass.run_tile(tile, mine);
    });
  }

  std::vector<WindowDim> dims_;
  std::vector<Pass> passes_;
  int64_t between_ = 0;   // bytes of what goes from one pass to the next
  int64_t suffixes_ = 0;  // bytes
};

// The passes of the dimensions in which the window is more than one place; empty where they cannot be gone through.
std::vector<Pass> passes_of(const Instruction& x) {
  constexpr int64_t kLongest = INT32_MAX;
  const std::vector<WindowDim>& window = x.attrs<WindowAttrs>().window.dims;
  Dims dims = x.operand(0)->shape().dims();
  std::vector<Pass> passes;
  for (size_t d = 0; d < window.size(); ++d) {
    const WindowDim& w = window[d];
    if (w.size == 1 && w.stride == 1 && w.pad_low == 0 && w.pad_high == 0 && w.base_dilation == 1) continue;
    if (w.base_dilation != 1 || w.window_dilation != 1) return {};
    const int64_t outputs = x.shape().dim(d);
    for (int64_t length : {w.size, w.stride, w.pad_low, -w.pad_low, dims[d], outputs}) {
      if (length > kLongest) return {};
    }
    Pass pass{{dims[d], outputs, w.size, w.stride, w.pad_low}};
    if (!pass.line.is_cumulative() && pass.line.mirrored().is_cumulative()) pass.line = pass.line.mirrored();
    for (size_t i = 0; i < dims.size(); ++i) (i < d ? pass.outer : pass.inner) *= i == d ? 1 : dims[i];
    dims[d] = outputs;
    passes.push_back(pass);
  }
  return passes;
}

}  // namespace

std::unique_ptr<Routine> make_windows(const Instruction& x) {
  if (x.operand_count() != 2 || x.shape().is_tuple()) return nullptr;
  const DType type = x.operand(0)->shape().type();
  if (x.shape().type() != type || x.operand(1)->shape().type() != type) return nullptr;
  if (x.operand(0)->shape().element_count() == 0 || x.shape().element_count() == 0) return nullptr;
  Reducer reducer = reducer_of(*x.callees()[0]);
  if (!has_meaning(reducer, type)) return nullptr;
  if (bits_of(type) < 8) return nullptr;
  if (type == DType::pred && reducer == Reducer::add) reducer = Reducer::or_;
  if (type == DType::pred && reducer == Reducer::mul) reducer = Reducer::and_;
  std::vector<Pass> passes = passes_of(x);
  if (passes.empty() || (passes.size() > 1 && !is_start_neutral(x))) return nullptr;
  for (size_t p = 0; p < passes.size(); ++p) {
    passes[p].run = run_of(type, reducer, {p == 0, p + 1 == passes.size()});
    if (passes[p].run == nullptr) return nullptr;
  }
  return std::make_unique<WindowRoutine>(x, std::move(passes));
}

}  // namespace gshard::cpu
