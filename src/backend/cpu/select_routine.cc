#include "backend/cpu/select_routine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/ceil_div.h"
#include "base/small_float.h"
#include "eval/arithmetic.h"
#include "eval/window.h"
#include "ir/storage.h"
#include "ops/reducer.h"

namespace gshard::cpu {
namespace {

// Columns that are gone through side by side.
constexpr int64_t kLanes = 64;

// Whether an element that was chosen stays so when it meets a candidate.
enum class Keeps : uint8_t { if_greater, if_not_less, if_less, if_not_greater };

std::optional<Keeps> selection_of(const Computation& select) {
  const Instruction& root = *select.root();
  if (root.op() != Op::compare || root.attrs<CompareAttrs>().type == ComparisonType::TOTALORDER) return std::nullopt;
  const Instruction* x = root.operand(0);
  const Instruction* y = root.operand(1);
  if (x->op() != Op::parameter || y->op() != Op::parameter || x == y) return std::nullopt;
  const bool in_order = x->attrs<ParameterAttrs>().number == 0;
  switch (root.attrs<CompareAttrs>().direction) {
    case Direction::GT:
      return in_order ? Keeps::if_greater : Keeps::if_less;
    case Direction::GE:
      return in_order ? Keeps::if_not_less : Keeps::if_not_greater;
    case Direction::LT:
      return in_order ? Keeps::if_less : Keeps::if_greater;
    case Direction::LE:
      return in_order ? Keeps::if_not_greater : Keeps::if_not_less;
    default:
      return std::nullopt;
  }
}

template <Keeps kRule, class T>
bool keeps(T chosen, T candidate) {
  if constexpr (kRule == Keeps::if_greater) return chosen > candidate;
  if constexpr (kRule == Keeps::if_not_less) return chosen >= candidate;
  if constexpr (kRule == Keeps::if_less) return chosen < candidate;
  return chosen <= candidate;
}

// The arrays as [outer, window dimensions, inner]: the window passes through the dimensions between the two one by one.
struct Frames {
  std::vector<std::vector<Meeting>> taps;  // by dimension and place of the window
  Dims places;                             // of the operand and the result
  Dims windows;                            // of the source
  int64_t outer = 1;
  int64_t inner = 1;
};

bool is_passed_along(const WindowDim& w) {
  return w.size == 1 && w.stride == 1 && w.pad_low == 0 && w.pad_high == 0 && w.base_dilation == 1;
}

Frames frames_of(const Instruction& x) {
  Frames frames;
  const Dims& places = x.shape().dims();
  const Dims& windows = x.operand(1)->shape().dims();
  const std::vector<WindowDim>& window = x.attrs<WindowAttrs>().window.dims;
  const std::vector<WindowedDim> dims = windowed_dims(x, x.attrs<WindowAttrs>().window, places, windows);
  size_t first = 0;
  size_t end = window.size();
  while (first < end && is_passed_along(window[first])) frames.outer *= places[first++];
  while (end > first && is_passed_along(window[end - 1])) frames.inner *= places[--end];
  for (size_t d = first; d < end; ++d) {
    frames.taps.emplace_back();
    for (int64_t at = 0; at < windows[d]; ++at) frames.taps.back().push_back(dims[d].taps_of(at));
    frames.places.push_back(places[d]);
    frames.windows.push_back(windows[d]);
  }
  return frames;
}

template <class T>
using Computed = std::conditional_t<std::is_arithmetic_v<T>, T, float>;

// One run of lanes within one outer index. Numbers of places are as wide as elements, for the sake of vectors.
template <class T>
class Selector {
  using Number = std::conditional_t<sizeof(Computed<T>) == 8, int64_t, int32_t>;

 public:
  Selector(const Frames& frames, Keeps rule, Reducer reducer, int64_t lanes)
      : frames_(frames), rule_(rule), reducer_(reducer), lanes_(lanes), strides_(row_major_strides(frames.places)) {}

  void run(const T* operand, const T* source, T start, T* result) {
    const int64_t count = Shape(DType::pred, frames_.places).element_count();
    for (int64_t at = 0; at < count; ++at) std::fill_n(result + at * frames_.inner, lanes_, start);
    if (is_among(0, frames_.windows)) return;
    Dims window(frames_.windows.size(), 0);
    do {
      choose(window, operand);
      give(source, result);
      source += frames_.inner;
    } while (next_index(window, frames_.windows));
  }

 private:
  // chosen_[l]: the place that the window chooses in column l; -1 where it lies on padding alone.
  void choose(const Dims& window, const T* operand) {
    std::fill_n(chosen_.begin(), lanes_, -1);
    const auto taps = [&](size_t d) -> const Meeting& { return frames_.taps[d][static_cast<size_t>(window[d])]; };
    Dims counts;
    for (size_t d = 0; d < window.size(); ++d) counts.push_back(taps(d).count);
    if (is_among(0, counts)) return;
    Dims tap(window.size(), 0);
    bool is_first = true;
    do {
      int64_t place = 0;
      for (size_t d = 0; d < tap.size(); ++d) place += (taps(d).first_i + tap[d] * taps(d).step_i) * strides_[d];
      offer(place, operand + place * frames_.inner, is_first);
      is_first = false;
    } while (next_index(tap, counts));
  }

  void offer(int64_t place, const T* elements, bool is_first) {
    const auto number = static_cast<Number>(place);
    if (is_first) {
      for (int64_t l = 0; l < lanes_; ++l) best_[l] = static_cast<Computed<T>>(elements[l]);
      std::fill_n(chosen_.begin(), lanes_, number);
      return;
    }
    switch (rule_) {
      case Keeps::if_greater:
        return meet<Keeps::if_greater>(number, elements);
      case Keeps::if_not_less:
        return meet<Keeps::if_not_less>(number, elements);
      case Keeps::if_less:
        return meet<Keeps::if_less>(number, elements);
      case Keeps::if_not_greater:
        return meet<Keeps::if_not_greater>(number, elements);
    }
  }

  template <Keeps kRule>
  void meet(Number place, const T* elements) {
    Computed<T>* __restrict best = best_.data();
    Number* __restrict chosen = chosen_.data();
    for (int64_t l = 0; l < lanes_; ++l) {
      const auto candidate = static_cast<Computed<T>>(elements[l]);
      const bool stays = keeps<kRule>(best[l], candidate);
      best[l] = stays ? best[l] : candidate;
      chosen[l] = stays ? chosen[l] : place;
    }
  }

  void give(const T* source, T* result) const {
    switch (reducer_) {
      case Reducer::add:
        return give_by(Add(), source, result);
      case Reducer::mul:
        return give_by(Multiply(), source, result);
      case Reducer::max:
        return give_by(Maximum(), source, result);
      default:
        return give_by(Minimum(), source, result);
    }
  }

  template <class Combine>
  void give_by(Combine combine, const T* source, T* result) const {
    if (chosen_[0] < 0) return;
    for (int64_t l = 0; l < lanes_; ++l) {
      T& to = result[int64_t{chosen_[l]} * frames_.inner + l];
      to = static_cast<T>(combine(static_cast<Computed<T>>(to), static_cast<Computed<T>>(source[l])));
    }
  }

  const Frames& frames_;
  const Keeps rule_;
  const Reducer reducer_;
  const int64_t lanes_;
  const Dims strides_;
  std::array<Computed<T>, kLanes> best_{};
  std::array<Number, kLanes> chosen_{};
};

class SelectRoutine : public Routine {
 public:
  SelectRoutine(const Instruction& x, Keeps rule, Reducer reducer)
      : frames_(frames_of(x)), type_(x.shape().type()), rule_(rule), reducer_(reducer) {
    places_ = Shape(DType::pred, frames_.places).element_count();
    windows_ = Shape(DType::pred, frames_.windows).element_count();
    for (const WindowDim& d : x.attrs<WindowAttrs>().window.dims) taps_ = saturating_multiply(taps_, d.size);
  }

  std::string describe() const override {
    return fmt::format("{} windows that choose of {} places", frames_.outer * frames_.inner * windows_, taps_);
  }

  void run(const Arrays& arrays, const ParallelLoop& loop) const override {
    const int64_t across = ceil_div(frames_.inner, kLanes);
    const int64_t lanes = std::min(frames_.inner, kLanes);
    const RowParts cut(frames_.outer * across,
                       saturating_multiply(saturating_multiply(windows_, taps_) + places_, lanes));
    loop(cut.count(), [&](int64_t part) {
      for (int64_t run = cut.first(part); run < cut.end(part); ++run) {
        run_lanes(arrays, run / across, run % across * kLanes);
      }
    });
  }

 private:
  void run_lanes(const Arrays& arrays, int64_t outer, int64_t lane) const {
    with_storage(type_, [&]<class T>() {
      if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, BF16> || std::is_same_v<T, F16>) {
        const int64_t at = outer * places_ * frames_.inner + lane;
        const int64_t from = outer * windows_ * frames_.inner + lane;
        Selector<T>(frames_, rule_, reducer_, std::min(frames_.inner - lane, kLanes))
            .run(reinterpret_cast<const T*>(arrays.operands[0]) + at,
                 reinterpret_cast<const T*>(arrays.operands[1]) + from, *reinterpret_cast<const T*>(arrays.operands[2]),
                 reinterpret_cast<T*>(arrays.results[0]) + at);
      }
    });
  }

  Frames frames_;
  DType type_;
  Keeps rule_;
  Reducer reducer_;
  int64_t places_;
  int64_t windows_;
  int64_t taps_ = 1;
};

bool has_type(DType type) {
  if (is_floating(type)) return bits_of(type) >= 16;
  return is_integer(type) && bits_of(type) >= 8;
}

}  // namespace

std::unique_ptr<Routine> make_select_and_scatter(const Instruction& x) {
  const DType type = x.shape().type();
  for (const Instruction* operand : x.operands()) {
    if (operand->shape().type() != type) return nullptr;
  }
  const Reducer reducer = reducer_of(*x.callees()[1]);
  const bool is_usual =
      reducer == Reducer::add || reducer == Reducer::mul || reducer == Reducer::max || reducer == Reducer::min;
  const std::optional<Keeps> rule = selection_of(*x.callees()[0]);
  if (!has_type(type) || !is_usual || !rule || x.shape().element_count() == 0) return nullptr;
  if (x.shape().element_count() > INT32_MAX) return nullptr;
  return std::make_unique<SelectRoutine>(x, *rule, reducer);
}

}  // namespace gshard::cpu
