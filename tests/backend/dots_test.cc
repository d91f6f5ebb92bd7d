// Dots on the CPU backend: any order of dimensions, what moves elements before and after them, all types.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "backend/cpu/executable.h"
#include "backend/cpu/instruction_set.h"
#include "base/random.h"
#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "ops/build.h"
#include "runtime/compare.h"
#include "shard/trials.h"
#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

// Draws numbers below a bound, in order.
class Draws {
 public:
  explicit Draws(uint64_t seed) : seed_(seed) {}
  size_t below(size_t bound) { return random_bits(seed_, next_++) % bound; }
  bool one_in(size_t n) { return below(n) == 0; }

  Dims shuffled(size_t count) {
    Dims order;
    for (size_t i = 0; i < count; ++i) order.push_back(static_cast<int64_t>(i));
    for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[below(i)]);
    return order;
  }

 private:
  uint64_t seed_;
  uint64_t next_ = 0;
};

// A value of these dimensions: a parameter, seen through ops that move elements.
Value moved_parameter(Computation& in, DType type, const Dims& sizes, Draws& draws) {
  const bool is_transposed = draws.one_in(2);
  const bool is_sliced = draws.one_in(4);
  const bool is_flat = draws.one_in(4);
  const bool is_converted = type == DType::f32 && draws.one_in(4);
  const Dims order = draws.shuffled(sizes.size());
  Dims before = sizes;
  if (is_transposed) {
    for (size_t d = 0; d < sizes.size(); ++d) before[static_cast<size_t>(order[d])] = sizes[d];
  }
  Dims larger = before;
  if (is_sliced) {
    for (int64_t& d : larger) d += 2;
  }
  int64_t count = 1;
  for (int64_t d : larger) count *= d;
  const Dims held = is_flat ? Dims{count} : larger;
  Value x = parameter(in, Shape(is_converted ? DType::bf16 : type, held));
  if (is_flat) x = reshape(x, larger);
  for (size_t d = 0; is_sliced && d < before.size(); ++d) {
    x = slice_in_dim(x, 1, 1 + before[d], static_cast<int64_t>(d));
  }
  if (is_transposed) x = transpose(x, order);
  return is_converted ? convert(x, type) : x;
}

struct Role {
  Dims sizes;
  explicit Role(Draws& draws) {
    const int64_t choices[] = {1, 2, 3, 5, 8, 17};
    for (size_t i = draws.below(3); i > 0; --i) sizes.push_back(choices[draws.below(6)]);
  }
};

struct OperandPlan {
  Dims sizes;
  Dims batch;
  Dims contracting;
};

// An operand with the dimensions of three roles in any order.
OperandPlan operand_of(const Role& batch, const Role& contracting, const Role& others, Draws& draws) {
  Dims all = batch.sizes;
  for (const Role* role : {&contracting, &others}) {
    for (int64_t d : role->sizes) all.push_back(d);
  }
  const Dims places = draws.shuffled(all.size());
  OperandPlan plan{all, {}, {}};
  for (size_t i = 0; i < all.size(); ++i) {
    plan.sizes[static_cast<size_t>(places[i])] = all[i];
    if (i < batch.sizes.size()) {
      plan.batch.push_back(places[i]);
    } else if (i < batch.sizes.size() + contracting.sizes.size()) {
      plan.contracting.push_back(places[i]);
    }
  }
  return plan;
}

// What may become the product's own: a bias along some dimension, a factor.
Value followed(Value x, Draws& draws) {
  if (x.rank() > 0 && draws.one_in(3)) {
    const size_t d = draws.one_in(2) ? x.rank() - 1 : draws.below(x.rank());
    const Value bias = parameter(*x->parent(), Shape(x.type(), Dims{x.dims()[d]}));
    x = add(broadcast(bias, x.dims(), {static_cast<int64_t>(d)}), x);
  }
  if (draws.one_in(3)) x = multiply(x, 3);
  return x;
}

std::unique_ptr<Module> random_dot(uint64_t seed, DType type, DType result) {
  Draws draws(seed);
  const Role batch(draws);
  const Role contracting(draws);
  const Role rows(draws);
  const Role columns(draws);
  const OperandPlan lhs = operand_of(batch, contracting, rows, draws);
  const OperandPlan rhs = operand_of(batch, contracting, columns, draws);
  auto module = std::make_unique<Module>("random_dot");
  define_entry(*module, "main", {}, [&](Computation& in, Values) {
    const Value a = moved_parameter(in, type, lhs.sizes, draws);
    const Value b = moved_parameter(in, type, rhs.sizes, draws);
    DotAttrs attrs;
    attrs.lhs_batch_dims = lhs.batch;
    attrs.lhs_contracting_dims = lhs.contracting;
    attrs.rhs_batch_dims = rhs.batch;
    attrs.rhs_contracting_dims = rhs.contracting;
    const Value product = dot(a, b, attrs, result);
    const Value added = followed(product, draws);
    const Value moved = draws.one_in(2) ? transpose(added, draws.shuffled(added.rank())) : added;
    const Value after = draws.one_in(4) ? followed(moved, draws) : moved;
    // A second reader of what stands on the way.
    return draws.one_in(3) ? tuple({after, negate(product), negate(a)}) : tuple({after});
  });
  return module;
}

using Types = std::pair<DType, DType>;

class CpuDots : public testing::TestWithParam<Types> {};

TEST_P(CpuDots, EqualTheEvaluator) {
  const auto [type, result] = GetParam();
  for (uint64_t seed = 0; seed < trials(40); ++seed) {
    const auto module = random_dot(seed, type, result);
    SCOPED_TRACE(seed);
    ASSERT_EQ(difference_from_evaluator(*module, random_arguments(*module, seed)), "") << print(*module);
    for (const auto& step : cpu::Executable::compile(*module)->steps()) {
      EXPECT_EQ(step.text.find("evaluator"), std::string::npos) << step.text;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, CpuDots,
                         testing::Values(Types{DType::f32, DType::f32}, Types{DType::bf16, DType::bf16},
                                         Types{DType::bf16, DType::f32}, Types{DType::f64, DType::f64},
                                         Types{DType::f16, DType::f16}, Types{DType::s32, DType::s32},
                                         Types{DType::s8, DType::s32}, Types{DType::u16, DType::u64}),
                         [](const auto& types) {
                           return std::string(name_of(types.param.first)) + "_" +
                                  std::string(name_of(types.param.second));
                         });

// Where a dot is a loop, its operands are rounded to the result's type no sooner than the sums are.
TEST(CpuDots, LoopsMultiplyInTheWiderType) {
  expect_equals_evaluator(R"(HloModule m
ENTRY e {
  p = f64[3,4] parameter(0)
  q = f64[3,4] parameter(1)
  huge = f64[] constant(1e200)
  huges = f64[3,4] broadcast(huge), dimensions={}
  tiny = f64[] constant(1e-200)
  tinies = f64[3,4] broadcast(tiny), dimensions={}
  x = f64[3,4] multiply(p, huges)
  y = f64[3,4] multiply(q, tinies)
  sums = f32[3] dot(x, y), lhs_batch_dims={0}, lhs_contracting_dims={1}, rhs_batch_dims={0}, rhs_contracting_dims={1}
  products = f32[3,4] dot(x, y), lhs_batch_dims={0,1}, rhs_batch_dims={0,1}, lhs_contracting_dims={}, rhs_contracting_dims={}
  ROOT t = (f32[3], f32[3,4]) tuple(sums, products)
}
)");
}

// ---- how many steps it takes --------------------------------------------------------------------------------------

// The steps of a program whose entry has these lines.
std::vector<std::string> steps_of(const std::string& lines) {
  const auto module = parse_module("HloModule m\nENTRY main {\n" + lines + "}\n");
  EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1)), "");
  std::vector<std::string> texts;
  for (const auto& step : cpu::Executable::compile(*module)->steps()) texts.push_back(step.text);
  return texts;
}

// The same of each type that there are products of on this processor, in the place of TYPE.
std::vector<std::vector<std::string>> steps_of_types(const std::string& lines) {
  std::vector<std::vector<std::string>> steps;
  for (const std::string type : {"f32", "bf16"}) {
    if (type == "bf16" && !cpu::makes_bf16_products()) continue;
    steps.push_back(steps_of(std::regex_replace(lines, std::regex("TYPE"), type)));
  }
  return steps;
}

TEST(CpuDots, TransposesAreStrides) {
  // GSEC,GSM->EGCM, and the way back.
  EXPECT_EQ(steps_of(R"(
    mask = f32[2,24,4,8] parameter(0)
    x = f32[2,24,16] parameter(1)
    d = f32[2,4,8,16] dot(mask, x), lhs_batch_dims={0}, lhs_contracting_dims={1}, rhs_batch_dims={0}, rhs_contracting_dims={1}
    ROOT t = f32[4,2,8,16] transpose(d), dimensions={1,0,2,3}
  )")
                .size(),
            1);
  const auto back = steps_of_types(R"(
    weights = TYPE[2,24,4,8] parameter(0)
    y = TYPE[4,2,8,16] parameter(1)
    t = TYPE[2,4,8,16] transpose(y), dimensions={1,0,2,3}
    r = TYPE[2,32,16] reshape(t)
    s = TYPE[2,24,32] reshape(weights)
    ROOT d = f32[2,24,16] dot(s, r), lhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_batch_dims={0}, rhs_contracting_dims={1}
  )");
  for (const auto& steps : back) EXPECT_EQ(steps.size(), 2);  // E and C of y are no single loop: y is transposed once
}

TEST(CpuDots, AttentionReadsAndWritesHeadsInPlace) {
  const auto attention = steps_of_types(R"(
    q = TYPE[2,16,4,8] parameter(0)
    k = TYPE[2,16,4,8] parameter(1)
    v = TYPE[2,16,4,8] parameter(2)
    s = TYPE[2,4,16,16] dot(q, k), lhs_batch_dims={0,2}, lhs_contracting_dims={3}, rhs_batch_dims={0,2}, rhs_contracting_dims={3}
    o = TYPE[2,4,16,8] dot(s, v), lhs_batch_dims={0,1}, lhs_contracting_dims={3}, rhs_batch_dims={0,2}, rhs_contracting_dims={1}
    ROOT t = TYPE[2,16,4,8] transpose(o), dimensions={0,2,1,3}
  )");
  for (const auto& steps : attention) EXPECT_EQ(steps.size(), 2);
}

// Queries of several heads for each head of keys: as they lie, each position would be a product of its own.
TEST(CpuDots, ManySmallProductsBecomeFew) {
  EXPECT_EQ(steps_of(R"(
    k = f32[8,16,8,8] parameter(0)
    q = f32[8,16,8,4,8] parameter(1)
    ROOT s = f32[8,8,16,16,4] dot(k, q), lhs_batch_dims={0,2}, lhs_contracting_dims={3}, rhs_batch_dims={0,2}, rhs_contracting_dims={4}
  )")
                .back(),
            "matmul 8 x 8 x [16,8] [8,64] f32 -> f32");
}

TEST(CpuDots, ConversionsThatAreExactAreTheProducts) {
  if (!cpu::makes_bf16_products()) GTEST_SKIP() << "this processor has no products of bf16";
  // Products of bf16 are exact in f32, and a sum that is rounded at once is rounded once.
  EXPECT_EQ(steps_of(R"(
    a = bf16[32,16] parameter(0)
    b = bf16[16,32] parameter(1)
    wide_a = f32[32,16] convert(a)
    wide_b = f32[16,32] convert(b)
    d = f32[32,32] dot(wide_a, wide_b), lhs_contracting_dims={1}, rhs_contracting_dims={0}
    ROOT n = bf16[32,32] convert(d)
  )"),
            std::vector<std::string>{"matmul [32,16] [16,32] bf16 -> bf16, written as n"});
}

// ---- what a product does beside ------------------------------------------------------------------------------------

TEST(CpuDots, BiasAndFactorAreTheProducts) {
  EXPECT_EQ(steps_of(R"(
    x = f32[2,24,16] parameter(0)
    w = f32[16,32] parameter(1)
    b = f32[32] parameter(2)
    k = f32[2,4,24,8] parameter(3)
    d = f32[2,24,32] dot(x, w), lhs_contracting_dims={2}, rhs_contracting_dims={0}
    wide_b = f32[2,24,32] broadcast(b), dimensions={2}
    q = f32[2,24,32] add(d, wide_b)
    h = f32[2,24,4,8] reshape(q)
    eight = f32[] constant(8)
    wide_eight = f32[2,24,4,8] broadcast(eight), dimensions={}
    s = f32[2,24,4,8] divide(h, wide_eight)
    ROOT r = f32[2,4,24,24] dot(s, k), lhs_batch_dims={0,2}, lhs_contracting_dims={3}, rhs_batch_dims={0,1}, rhs_contracting_dims={3}
  )"),
            (std::vector<std::string>{"matmul [48,16] [16,32] f32 -> f32, bias, times 0.125, written as s",
                                      "matmul 2 x 4 x [24,8] [8,24] f32 -> f32"}));
}

TEST(CpuDots, BiasIsAddedBeforeASumIsRounded) {
  if (!cpu::makes_bf16_products()) GTEST_SKIP() << "this processor has no products of bf16";
  EXPECT_EQ(steps_of(R"(
    x = bf16[24,16] parameter(0)
    w = bf16[16,32] parameter(1)
    b = f32[32] parameter(2)
    d = f32[24,32] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
    wide_b = f32[24,32] broadcast(b), dimensions={1}
    s = f32[24,32] add(wide_b, d)
    ROOT r = bf16[24,32] convert(s)
  )"),
            std::vector<std::string>{"matmul [24,16] [16,32] bf16 -> bf16, bias, written as r"});
}

constexpr const char* kBiasAndTanh = R"(
    x = f32[24,16] parameter(0)
    w = f32[16,32] parameter(1)
    b = f32[32] parameter(2)
    d = f32[24,32] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
    wide_b = f32[24,32] broadcast(b), dimensions={1}
    s = f32[24,32] add(d, wide_b)
    ROOT r = f32[24,32] tanh(s)
  )";

TEST(CpuDots, LoopsThatFollowAddTheBias) {
  EXPECT_EQ(steps_of(kBiasAndTanh),
            (std::vector<std::string>{"matmul [24,16] [16,32] f32 -> f32", "kernel of wide_b s r"}));
}

// The product of the transposed matrices has its bias along rows, which oneDNN cannot add.
TEST(CpuDots, BiasAlongRowsIsALoop) {
  const auto steps = steps_of(R"(
    x = f32[24,16] parameter(0)
    w = f32[16,32] parameter(1)
    b = f32[24] parameter(2)
    y = f32[32,8] parameter(3)
    d = f32[24,32] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
    wide_b = f32[24,32] broadcast(b), dimensions={0}
    s = f32[24,32] add(d, wide_b)
    ROOT r = f32[24,8] dot(s, y), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  )");
  EXPECT_EQ(steps.size(), 3);
}

// Products of f32 take no bias of bf16.
TEST(CpuDots, BiasOfAnotherType) {
  for (const auto& [factor, bias] : {std::pair("f32", "bf16"), {"bf16", "f32"}, {"f32", "f64"}, {"f32", "s32"}}) {
    const auto module = parse_module(fmt::format(
        "HloModule m\nENTRY e {{\n  x = {0}[8,30] parameter(0)\n  y = {0}[30,16] parameter(1)\n"
        "  d = f32[8,16] dot(x, y), lhs_contracting_dims={{1}}, rhs_contracting_dims={{0}}\n"
        "  b = {1}[16] parameter(2)\n  c = f32[16] convert(b)\n  bb = f32[8,16] broadcast(c), dimensions={{1}}\n"
        "  ROOT r = f32[8,16] add(d, bb)\n}}\n",
        factor, bias));
    EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1)), "") << factor << " " << bias;
  }
}

// A NaN is found in the dot that made it, which so has a result of its own.
TEST(CpuDots, ChecksForNansFoldNothing) {
  const auto module = parse_module(R"(HloModule m
    ENTRY main {
      x = f32[24,16] parameter(0)
      w = f32[16,32] parameter(1)
      b = f32[32] parameter(2)
      d = f32[24,32] dot(x, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
      wide_b = f32[24,32] broadcast(b), dimensions={1}
      ROOT s = f32[24,32] add(d, wide_b)
    })");
  const auto has_bias = [](const auto& program) {
    const auto steps = program->steps();
    return std::any_of(steps.begin(), steps.end(),
                       [](auto& step) { return step.text.ends_with("bias, written as s"); });
  };
  EXPECT_TRUE(has_bias(cpu::Executable::compile(*module)));
  EXPECT_FALSE(has_bias(cpu::Executable::compile(*module, {.check_nans = true})));
}

TEST(CpuDots, TypesThatOneDnnHasNotAreProductsInBlocks) {
  EXPECT_EQ(steps_of(R"(
    x = f64[3,40,70] parameter(0)
    w = f64[70,30] parameter(1)
    d = f64[3,40,30] dot(x, w), lhs_contracting_dims={2}, rhs_contracting_dims={0}
    ROOT t = f64[30,3,40] transpose(d), dimensions={2,0,1}
  )"),
            std::vector<std::string>{"matmul [30,70] [70,120] f64 -> f64, written as t"});
}

TEST(CpuDots, PrecisionIsOfTheOperandsAlone) {
  const auto module = parse_module(R"(HloModule m
    ENTRY main {
      a = f32[32,64] parameter(0)
      b = f32[64,32] parameter(1)
      ROOT d = f32[32,32] dot(a, b), lhs_contracting_dims={1}, rhs_contracting_dims={0}
    })");
  const auto rounded = parse_module(R"(HloModule m
    ENTRY main {
      a = f32[32,64] parameter(0)
      b = f32[64,32] parameter(1)
      narrow_a = bf16[32,64] convert(a)
      narrow_b = bf16[64,32] convert(b)
      ROOT d = f32[32,32] dot(narrow_a, narrow_b), lhs_contracting_dims={1}, rhs_contracting_dims={0}
    })");
  const auto arguments = random_arguments(*module, 1);
  const auto program = cpu::Executable::compile(*module, {.precision = cpu::MatmulPrecision::bf16});
  const Literal narrow = program->run(arguments);
  EXPECT_EQ(compare(cpu::Executable::compile(*rounded)->run(arguments), narrow, 0).different, 0);
  EXPECT_GT(compare(cpu::Executable::compile(*module)->run(arguments), narrow, 0).different, 0);
}

TEST(CpuDots, ThoseWithoutSumsAreLoops) {
  const auto steps = steps_of(R"(
    scale = bf16[16] parameter(0)
    x = bf16[8,4,16] parameter(1)
    d = bf16[16,8,4] dot(scale, x), lhs_batch_dims={0}, lhs_contracting_dims={}, rhs_batch_dims={2}, rhs_contracting_dims={}
    t = bf16[8,4,16] transpose(d), dimensions={1,2,0}
    ROOT y = bf16[8,4,16] tanh(t)
  )");
  ASSERT_EQ(steps.size(), 1);
  EXPECT_EQ(steps[0].rfind("kernel", 0), 0) << steps[0];
}

}  // namespace
}  // namespace gshard
