// reduce-window and select-and-scatter, against a walk over every window.
#include <gtest/gtest.h>

#include "eval/one_op.h"
#include "eval/window.h"

namespace gshard {
namespace {

// A window over an operand of `input` sizes.
struct RandomWindow {
  Dims input;
  Dims output;
  Window window;

  void add(const WindowDim& w, int64_t size) {
    const int64_t base = (size - 1) * w.base_dilation + 1;
    const int64_t room = base + w.pad_low + w.pad_high - (w.size - 1) * w.window_dilation - 1;
    input.push_back(size);
    output.push_back(room < 0 ? 0 : room / w.stride + 1);
    window.dims.push_back(w);
  }

  // Calls body(element) for what lies under the window at `at`, in row-major order.
  template <class Body>
  void visit(const Dims& at, Body&& body) const {
    Dims sizes;
    for (const WindowDim& w : window.dims) sizes.push_back(w.size);
    for_each_index(sizes, [&](const Dims& tap) {
      Dims element;
      for (size_t d = 0; d < tap.size(); ++d) {
        const WindowDim& w = window.dims[d];
        const int64_t p = at[d] * w.stride + tap[d] * w.window_dilation - w.pad_low;
        if (p < 0 || p % w.base_dilation != 0 || p / w.base_dilation >= input[d]) return;
        element.push_back(p / w.base_dilation);
      }
      body(element);
    });
  }
};

RandomWindow small_window(Random& random, size_t rank, int64_t dilation) {
  RandomWindow result;
  for (size_t d = 0; d < rank; ++d) {
    WindowDim w;
    w.size = random.between(1, 3);
    w.stride = random.between(1, 3);
    w.pad_low = random.between(-1, 3);
    w.pad_high = random.between(-1, 3);
    w.base_dilation = random.between(1, dilation);
    w.window_dilation = random.between(1, dilation);
    result.add(w, random.between(1, 6));
  }
  return result;
}

// Long windows, which are reduced by doubling.
RandomWindow large_window(Random& random, size_t rank) {
  RandomWindow result;
  for (size_t d = 0; d < rank; ++d) {
    const int64_t size = random.between(1, rank == 1 ? 200 : 30);
    WindowDim w;
    w.size = random.between(size / 2 + 1, 2 * size);
    w.stride = random.between(1, 3);
    w.base_dilation = random.between(1, 3);
    w.window_dilation = random.between(1, 3);
    w.pad_low = random.between(0, 3 * w.size);
    w.pad_high = random.between(0, 3 * w.size);
    result.add(w, size);
  }
  return result;
}

// Folds each window, beginning with `init`.
template <class Reduce>
Array reduced(const RandomWindow& w, const Array& x, Number init, Reduce&& reduce) {
  Array result(w.output, init);
  for_each_index(w.output, [&](const Dims& at) {
    Number& sum = result[at];
    w.visit(at, [&](const Dims& element) { sum = reduce(sum, x[element]); });
  });
  return result;
}

void check_reductions(OneOp& op, const RandomWindow& w, Random& random, int round) {
  const Array x = random.array(w.input, -50, 50);
  const auto run = [&](Op reducer, double init) {
    const Literal start = Array({}, init).literal(DType::s32);
    return Array::of(op.run(Op::reduce_window, WindowAttrs{w.window}, {x.literal(DType::s32), start},
                            {op.binary(reducer, DType::s32)}));
  };
  // An init that is not neutral is taken in exactly once, and alone where the window holds nothing.
  EXPECT_EQ(run(Op::add, 1000), reduced(w, x, 1000, [](Number a, Number b) { return a + b; })) << round;
  EXPECT_EQ(run(Op::maximum, -20), reduced(w, x, -20, [](Number a, Number b) { return std::max(a.real(), b.real()); }))
      << round;
}

TEST(ReduceWindow, FollowsTheDefinition) {
  Random random(41);
  OneOp op;
  for (int round = 0; round < 200; ++round) {
    check_reductions(op, small_window(random, static_cast<size_t>(round % 4), 3), random, round);
  }
}

TEST(ReduceWindow, LongWindowsFollowTheDefinition) {
  Random random(42);
  OneOp op;
  for (int round = 0; round < 60; ++round) {
    check_reductions(op, large_window(random, static_cast<size_t>(round % 2 + 1)), random, round);
  }
}

TEST(ReduceWindow, KeepsTheOrderOfElements) {
  Random random(43);
  OneOp op;
  // Keeps the first of its arguments that is not 0: associative, not commutative.
  Computation* const first = op.parsed(R"(a = s32[] parameter(0)
    b = s32[] parameter(1)
    zero = s32[] constant(0)
    empty = pred[] compare(a, zero), direction=EQ
    ROOT r = s32[] select(empty, b, a))");
  for (int round = 0; round < 80; ++round) {
    const RandomWindow w =
        round % 2 == 0 ? small_window(random, 2, 2) : large_window(random, static_cast<size_t>(round % 4 / 2 + 1));
    Array x = random.array(w.input, -50, 50);
    for (Number& value : x.values) value = random.between(0, 2) == 0 ? value : 0;
    const Literal result =
        op.run(Op::reduce_window, WindowAttrs{w.window}, {x.literal(DType::s32), Array().literal(DType::s32)}, {first});
    EXPECT_EQ(Array::of(result), reduced(w, x, 0, [](Number a, Number b) { return a == 0.0 ? b : a; })) << round;
  }
}

TEST(ReduceWindow, ReducesSeveralArraysTogether) {
  Random random(44);
  OneOp op;
  // The largest key and where it was first.
  Computation* const argmax = op.parsed(R"(k = f32[] parameter(0)
    i = s32[] parameter(1)
    k2 = f32[] parameter(2)
    i2 = s32[] parameter(3)
    keep = pred[] compare(k, k2), direction=GE
    key = f32[] select(keep, k, k2)
    place = s32[] select(keep, i, i2)
    ROOT r = (f32[], s32[]) tuple(key, place))");
  for (int round = 0; round < 60; ++round) {
    const RandomWindow w = round % 2 == 0 ? small_window(random, 2, 2) : large_window(random, 1);
    const Array keys = random.array(w.input, -9, 9);
    Array places(w.input);
    for (size_t i = 0; i < places.values.size(); ++i) places.values[i] = static_cast<double>(i);
    Array best(w.output, -100);
    Array where(w.output, -1);
    for_each_index(w.output, [&](const Dims& at) {
      w.visit(at, [&](const Dims& element) {
        if (best[at].real() >= keys[element].real()) return;
        best[at] = keys[element];
        where[at] = places[element];
      });
    });
    const Literal result = op.run(Op::reduce_window, WindowAttrs{w.window},
                                  {keys.literal(DType::f32), places.literal(DType::s32),
                                   Array({}, -100).literal(DType::f32), Array({}, -1).literal(DType::s32)},
                                  {argmax});
    EXPECT_EQ(Array::of(result.elements()[0]), best) << round;
    EXPECT_EQ(Array::of(result.elements()[1]), where) << round;
  }
}

TEST(ReduceWindow, CumulativeSumOfManyElements) {
  // Window by window this would be 2^34 additions.
  const int64_t n = 1 << 17;
  WindowDim w;
  w.size = n;
  w.pad_low = n - 1;
  OneOp op;
  const Literal result =
      op.run(Op::reduce_window, WindowAttrs{{{w}}}, {Array({n}, 1).literal(DType::s32), Array().literal(DType::s32)},
             {op.binary(Op::add, DType::s32)});
  for (size_t i = 0; i < static_cast<size_t>(n); ++i)
    ASSERT_EQ(result.values<int32_t>()[i], static_cast<int32_t>(i) + 1);
}

TEST(ReduceWindow, WindowsFarLargerThanTheArray) {
  const int64_t far = int64_t{1} << 60;
  WindowDim w;
  w.size = far;
  w.pad_low = far - 2;
  w.pad_high = 1;
  OneOp op;
  const Array x = Random(1).array({3}, 1, 9);
  const Literal result = op.run(Op::reduce_window, WindowAttrs{{{w}}},
                                {x.literal(DType::s32), Array().literal(DType::s32)}, {op.binary(Op::add, DType::s32)});
  const Number a = x.values[0];
  EXPECT_EQ(Array::of(result).values,
            (std::vector<Number>{a + x.values[1], a + x.values[1] + x.values[2], a + x.values[1] + x.values[2]}));
}

TEST(ReduceWindow, LargeDilationsAndStrides) {
  // Elements lie 10^12 apart; the window holds two of them or one.
  const int64_t far = 1000000000000;
  WindowDim w;
  w.size = far + 1;
  w.window_dilation = 1;
  w.base_dilation = far;
  w.stride = far / 2;
  w.pad_high = far;
  OneOp op;
  const Array x = Random(2).array({3}, 1, 9);
  const auto run = [&](Op reducer) {
    return Array::of(op.run(Op::reduce_window, WindowAttrs{{{w}}}, {x.literal(DType::s32), Array().literal(DType::s32)},
                            {op.binary(reducer, DType::s32)}));
  };
  const Number a = x.values[0], b = x.values[1], c = x.values[2];
  EXPECT_EQ(run(Op::add).values, (std::vector<Number>{a + b, b, b + c, c, c}));
  const Literal scattered =
      op.run(Op::select_and_scatter, WindowAttrs{{{w}}},
             {Array({3}, 1).literal(DType::f32), Array({5}, 1).literal(DType::f32), Array().literal(DType::f32)},
             {op.binary(Op::compare, DType::f32, CompareAttrs{Direction::GE}), op.binary(Op::add, DType::f32)});
  EXPECT_EQ(Array::of(scattered).values, (std::vector<Number>{1, 2, 2}));
}

TEST(ReduceWindow, RefusesPaddingBeyondCounting) {
  WindowDim w;
  w.pad_low = int64_t{1} << 62;
  w.pad_high = -(int64_t{1} << 62);
  OneOp op;
  const auto run = [&] {
    op.run(Op::reduce_window, WindowAttrs{{{w}}}, {Array({3}).literal(DType::s32), Array().literal(DType::s32)},
           {op.binary(Op::add, DType::s32)});
  };
  EXPECT_THROW(run(), Error);
}

// ---- one dimension of a window
// ----------------------------------------------------------------------------------------

TEST(WindowedDim, MeetingsAreThoseOfTheDefinition) {
  Random random(45);
  for (int round = 0; round < 2000; ++round) {
    WindowedDim dim;
    WindowDim& w = dim.window;
    w.size = random.between(1, 5);
    w.stride = random.between(1, 6);
    w.base_dilation = random.between(1, 6);
    w.window_dilation = random.between(1, 6);
    w.pad_low = random.between(-5, 9);
    dim.input = random.between(0, 6);
    dim.output = random.between(0, 6);
    std::vector<int64_t> live;
    for (int64_t tap = 0; tap < w.size; ++tap) {
      std::vector<std::pair<int64_t, int64_t>> expected;
      for (int64_t at = 0; at < dim.output; ++at) {
        for (int64_t i = 0; i < dim.input; ++i) {
          if (at * w.stride + tap * w.window_dilation - w.pad_low == i * w.base_dilation) expected.emplace_back(at, i);
        }
      }
      std::vector<std::pair<int64_t, int64_t>> found;
      const Meeting m = dim.outputs_of(tap);
      for (int64_t k = 0; k < m.count; ++k) found.emplace_back(m.first_x + k * m.step_x, m.first_i + k * m.step_i);
      EXPECT_EQ(found, expected);
      if (!expected.empty()) live.push_back(tap);
    }
    EXPECT_EQ(dim.live_taps(), live);
  }
}

// ---- select-and-scatter
// -------------------------------------------------------------------------------------------------

TEST(SelectAndScatter, FollowsTheDefinition) {
  Random random(46);
  OneOp op;
  for (int round = 0; round < 200; ++round) {
    const RandomWindow w = small_window(random, static_cast<size_t>(round % 4), 1);
    // Few values, so that there are ties: the first of equals stays selected with GE, the last with GT.
    const Array x = random.array(w.input, 0, 3);
    const Array source = random.array(w.output, -9, 9);
    const bool first_wins = round % 2 == 0;
    Array expected(w.input, 5);
    for_each_index(w.output, [&](const Dims& at) {
      std::optional<Dims> selected;
      w.visit(at, [&](const Dims& element) {
        const double a = selected ? x[*selected].real() : 0;
        const double b = x[element].real();
        const bool keep = selected && (first_wins ? a >= b : a > b);
        if (!keep) selected = element;
      });
      if (selected) expected[*selected] += source[at];
    });
    const Direction direction = first_wins ? Direction::GE : Direction::GT;
    const Literal result =
        op.run(Op::select_and_scatter, WindowAttrs{w.window},
               {x.literal(DType::f32), source.literal(DType::f32), Array({}, 5).literal(DType::f32)},
               {op.binary(Op::compare, DType::f32, CompareAttrs{direction}), op.binary(Op::add, DType::f32)});
    EXPECT_EQ(Array::of(result), expected) << round;
  }
}

TEST(SelectAndScatter, NegativeValuesAreSelectedBeforePadding) {
  WindowDim w;
  w.size = 3;
  w.stride = 2;
  w.pad_low = w.pad_high = 1;
  Array x({4}, -7);
  OneOp op;
  const Literal result =
      op.run(Op::select_and_scatter, WindowAttrs{{{w}}},
             {x.literal(DType::f32), Array({2}, 1).literal(DType::f32), Array().literal(DType::f32)},
             {op.binary(Op::compare, DType::f32, CompareAttrs{Direction::GE}), op.binary(Op::add, DType::f32)});
  EXPECT_EQ(Array::of(result).values, (std::vector<Number>{1, 1, 0, 0}));
}

}  // namespace
}  // namespace gshard
