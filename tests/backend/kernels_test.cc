// Kernels on the CPU backend: each path of the loops that machine code is made of, against the evaluator.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <tuple>

#include "backend/cpu/executable.h"
#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "eval/evaluate.h"
#include "parse_verified.h"

namespace gshard {
namespace {

class KernelsOf : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Types, KernelsOf,
                         testing::Values("pred", "s8", "u16", "s32", "s64", "bf16", "f16", "f32", "f64"),
                         [](const auto& info) { return info.param; });

// Vectors that fit, that do not, and tiles.
TEST_P(KernelsOf, PermutedDimensions) {
  for (const auto& [rows, columns] :
       {std::pair(3, 5), {16, 16}, {64, 48}, {7, 300}, {130, 260}, {256, 512}, {321, 777}}) {
    expect_equals_evaluator(
        fmt::format("HloModule m\nENTRY e {{\n  x = {0}[{1},{2}] parameter(0)\n"
                    "  ROOT y = {0}[{2},{1}] transpose(x), dimensions={{1,0}}\n}}\n",
                    GetParam(), rows, columns));
  }
  expect_equals_evaluator(
      fmt::format("HloModule m\nENTRY e {{\n  x = {0}[9,70,4,33] parameter(0)\n"
                  "  ROOT y = {0}[4,9,33,70] transpose(x), dimensions={{2,0,3,1}}\n}}\n",
                  GetParam()));
}

TEST_P(KernelsOf, StridesAndReversals) {
  expect_equals_evaluator(
      fmt::format("HloModule m\nENTRY e {{\n  x = {0}[37,70] parameter(0)\n"
                  "  s = {0}[12,23] slice(x), slice={{[1:37:3], [1:70:3]}}\n"
                  "  ROOT y = {0}[12,23] reverse(s), dimensions={{1}}\n}}\n",
                  GetParam()));
}

// ---- rows -----------------------------------------------------------------------------------------------------------

// exp is computed once and kept for the stages that follow, in rows that fill vectors and rows that do not.
TEST(CpuKernels, SoftmaxOfRows) {
  for (const char* type : {"f32", "bf16"}) {
    for (const auto& [rows, columns] : {std::pair(64, 256), {33, 77}, {16, 5}, {12, 16}, {9, 40000}}) {
      expect_equals_evaluator(
          fmt::format("HloModule m\n"
                      "max {{\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n"
                      "  ROOT m = f32[] maximum(a, b)\n}}\n"
                      "add {{\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  ROOT s = f32[] add(a, b)\n}}\n"
                      "ENTRY e {{\n  p = {2}[{0},{1}] parameter(0)\n  x = f32[{0},{1}] convert(p)\n"
                      "  low = f32[] constant(-inf)\n  zero = f32[] constant(0)\n"
                      "  m = f32[{0}] reduce(x, low), dimensions={{1}}, to_apply=max\n"
                      "  mb = f32[{0},{1}] broadcast(m), dimensions={{0}}\n"
                      "  d = f32[{0},{1}] subtract(x, mb)\n"
                      "  e = f32[{0},{1}] exponential(d)\n"
                      "  s = f32[{0}] reduce(e, zero), dimensions={{1}}, to_apply=add\n"
                      "  sb = f32[{0},{1}] broadcast(s), dimensions={{0}}\n"
                      "  y = f32[{0},{1}] divide(e, sb)\n"
                      "  ROOT r = {2}[{0},{1}] convert(y)\n}}\n",
                      rows, columns, type));
    }
  }
}

// What is cheap to compute from narrow or few numbers is computed by each of its readers: sums over rows and over
// columns, a result, and a view of it.
TEST(CpuKernels, CheapValuesOfSeveralReaders) {
  for (const char* type : {"f32", "bf16"}) {
    for (const auto& [rows, columns] : {std::pair(256, 96), {33, 77}, {2048, 512}}) {
      expect_equals_evaluator(
          fmt::format("HloModule m\n"
                      "add {{\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  ROOT s = f32[] add(a, b)\n}}\n"
                      "ENTRY e {{\n  p = {2}[{0},{1}] parameter(0)\n  q = {2}[{0},{1}] parameter(1)\n"
                      "  x = f32[{0},{1}] convert(p)\n  d = f32[{0},{1}] convert(q)\n  zero = f32[] constant(0)\n"
                      "  s = f32[{0}] reduce(x, zero), dimensions={{1}}, to_apply=add\n"
                      "  sb = f32[{0},{1}] broadcast(s), dimensions={{0}}\n"
                      "  c = f32[{0},{1}] subtract(x, sb)\n"
                      "  t = f32[{0},{1}] tanh(c)\n"
                      "  m = f32[{0},{1}] multiply(c, d)\n"
                      "  columns = f32[{1}] reduce(m, zero), dimensions={{0}}, to_apply=add\n"
                      "  rows = f32[{0}] reduce(m, zero), dimensions={{1}}, to_apply=add\n"
                      "  all = f32[{1}] reduce(d, zero), dimensions={{0}}, to_apply=add\n"
                      "  n = {2}[{0},{1}] convert(t)\n"
                      "  v = f32[{1},{0}] reshape(t)\n"
                      "  o = f32[{1}] reduce(t, zero), dimensions={{0}}, to_apply=add\n"
                      "  ROOT r = (f32[{1}], f32[{0}], f32[{1}], {2}[{0},{1}], f32[{1},{0}], f32[{1}]) tuple(columns, "
                      "rows, all, n, v, o)\n}}\n",
                      rows, columns, type));
    }
  }
}

// A view of numbers per row that two kernels read ties neither to the other: the rows are one kernel, the columns one.
TEST(CpuKernels, ViewsOfSeveralReaders) {
  const std::string text =
      "HloModule m\n"
      "add {\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  ROOT s = f32[] add(a, b)\n}\n"
      "ENTRY e {\n  x = f32[256,512] parameter(0)\n  zero = f32[] constant(0)\n"
      "  square = f32[256,512] multiply(x, x)\n"
      "  s = f32[256] reduce(square, zero), dimensions={1}, to_apply=add\n"
      "  r = f32[256] rsqrt(s)\n  column = f32[256,1] reshape(r)\n  again = f32[256] reshape(column)\n"
      "  b = f32[256,512] broadcast(again), dimensions={0}\n  y = f32[256,512] multiply(x, b)\n"
      "  c = f32[512] reduce(y, zero), dimensions={0}, to_apply=add\n"
      "  ROOT t = (f32[256,512], f32[512]) tuple(y, c)\n}\n";
  expect_equals_evaluator(text);
  EXPECT_LE(cpu::Executable::compile(*parse_verified(text))->steps().size(), 2U);
}

// The largest of a few shares: its stage goes along other lanes than the softmax that kept them.
TEST(CpuKernels, KeptValuesInAnotherOrderOfLanes) {
  expect_equals_evaluator(R"(HloModule m

larger {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] maximum(a, b)
}

sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}

ENTRY main {
  x = f32[4,8] parameter(0)
  low = f32[] constant(-inf)
  zero = f32[] constant(0)
  most = f32[4] reduce(x, low), dimensions={1}, to_apply=larger
  mosts = f32[4,8] broadcast(most), dimensions={0}
  less = f32[4,8] subtract(x, mosts)
  power = f32[4,8] exponential(less)
  total = f32[4] reduce(power, zero), dimensions={1}, to_apply=sum
  totals = f32[4,8] broadcast(total), dimensions={0}
  share = f32[4,8] divide(power, totals)
  largest = f32[4] reduce(share, low), dimensions={1}, to_apply=larger
  ROOT result = (f32[4], f32[4,8]) tuple(largest, share)
}
)");
}

// One NaN in each row, at another place in each, and none in the last row.
TEST(CpuKernels, LargestAndSmallestKeepNan) {
  for (const char* type : {"f32", "f64", "bf16"}) {
    for (const int columns : {3, 16, 37, 64, 200}) {
      const auto module = parse_verified(fmt::format(
          "HloModule m\n"
          "larger {{\n  a = {0}[] parameter(0)\n  b = {0}[] parameter(1)\n  ROOT c = {0}[] maximum(a, b)\n}}\n"
          "smaller {{\n  a = {0}[] parameter(0)\n  b = {0}[] parameter(1)\n  ROOT c = {0}[] minimum(a, b)\n}}\n"
          "ENTRY e {{\n  wide = f32[{1},{2}] parameter(0)\n  x = {0}[{1},{2}] convert(wide)\n"
          "  low = {0}[] constant(-inf)\n  high = {0}[] constant(inf)\n"
          "  most = {0}[{1}] reduce(x, low), dimensions={{1}}, to_apply=larger\n"
          "  least = {0}[{1}] reduce(x, high), dimensions={{1}}, to_apply=smaller\n"
          "  a = f32[{1}] convert(most)\n  b = f32[{1}] convert(least)\n"
          "  ROOT r = (f32[{1}], f32[{1}]) tuple(a, b)\n}}\n",
          type, columns + 1, columns));
      Literal x = Literal::uninitialized(Shape(DType::f32, {columns + 1, columns}));
      for (int i = 0; i < (columns + 1) * columns; ++i) {
        const bool is_nan = i % columns == i / columns;
        x.mutable_values<float>()[i] = is_nan ? NAN : static_cast<float>(i % 13 - 6);
      }
      const Literal both = cpu::Executable::compile(*module)->run({x});
      for (int r = 0; r <= columns; ++r) {
        const float most = both.elements()[0].values<float>()[r];
        const float least = both.elements()[1].values<float>()[r];
        EXPECT_EQ(std::isnan(most), r < columns) << type << " " << columns << " row " << r;
        EXPECT_EQ(std::isnan(least), r < columns) << type << " " << columns << " row " << r;
        if (r < columns) continue;
        const auto row = x.values<float>().subspan(static_cast<size_t>(r) * static_cast<size_t>(columns));
        EXPECT_EQ(most, *std::max_element(row.begin(), row.end()));
        EXPECT_EQ(least, *std::min_element(row.begin(), row.end()));
      }
    }
  }
}

// Vectors divided by one number: quotients are those of a division, limits too.
TEST(CpuKernels, DivisionByOneNumber) {
  const auto module = parse_verified(
      "HloModule m\nENTRY e {\n  x = f32[48] parameter(0)\n  s = f32[12] parameter(1)\n"
      "  xb = f32[12,48] broadcast(x), dimensions={1}\n  sb = f32[12,48] broadcast(s), dimensions={0}\n"
      "  ROOT q = f32[12,48] divide(xb, sb)\n}\n");
  const float infinity = std::numeric_limits<float>::infinity();
  Literal x = Literal::uninitialized(Shape(DType::f32, {48}));
  for (int i = 0; i < 48; ++i) x.mutable_values<float>()[i] = static_cast<float>(i - 3) * 1.7F;
  const float limits[] = {0.0F, -0.0F, infinity, -infinity, NAN, 3e38F, -1e-30F};
  std::copy(std::begin(limits), std::end(limits), x.mutable_values<float>().begin());
  Literal s = Literal::uninitialized(Shape(DType::f32, {12}));
  const float divisors[] = {1, 3, -49, 1e-5F, 2e38F, 0.0F, -0.0F, infinity, -infinity, NAN, 1.7F, 512};
  std::copy(std::begin(divisors), std::end(divisors), s.mutable_values<float>().begin());
  const Literal q = cpu::Executable::compile(*module)->run({x, s});
  for (int r = 0; r < 12; ++r) {
    for (int c = 0; c < 48; ++c) {
      const float truth = x.values<float>()[c] / divisors[r];
      const float got = q.values<float>()[r * 48 + c];
      EXPECT_TRUE(got == truth || (std::isnan(got) && std::isnan(truth)))
          << x.values<float>()[c] << " by " << divisors[r] << " is " << got;
    }
  }
}

// ---- conversions ----------------------------------------------------------------------------------------------------

// Rounded once: these lie beside the middle between two narrow floats, by less than an f32 or f64 shows.
TEST(CpuKernels, ConversionsToNarrowFloatsRoundOnce) {
  struct Case {
    const char* from;
    const char* number;
    const char* to;
    float rounded;
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Case& c : {Case{"f64", "1.00390625000001", "bf16", 1.0078125F},
                        {"f64", "1.00390624999999", "bf16", 1},
                        {"f64", "-1.00390625000001", "bf16", -1.0078125F},
                        {"f64", "1e-50", "bf16", 0},
                        {"f64", "1.000488281250001", "f16", 1.0009765625F},
                        {"f64", "65519.9999999999", "f16", 65504},
                        {"f64", "65520", "f16", kInfinity},
                        {"s32", "16842753", "bf16", 16908288},
                        {"s32", "-16842753", "bf16", -16908288},
                        {"s32", "65519", "f16", 65504},
                        {"u32", "4286578687", "bf16", 4278190080},
                        {"s64", "72339069014638593", "bf16", 72620543991349248},
                        {"s64", "72339069014638591", "bf16", 72057594037927936},
                        {"s64", "-72339069014638593", "bf16", -72620543991349248},
                        {"u64", "18410715276690587647", "bf16", 18374686479671623680.0F},
                        {"u64", "18410715276690587649", "bf16", 18446744073709551616.0F}}) {
    const auto module =
        parse_verified(fmt::format("HloModule m\nENTRY e {{\n  x = {0}[20] parameter(0)\n  y = {1}[20] convert(x)\n  "
                                   "ROOT z = f32[20] convert(y)\n}}\n",
                                   c.from, c.to));
    const auto constant = parse_verified(fmt::format(
        "HloModule m\nENTRY e {{\n  x = {0}[] constant({1})\n  ROOT y = {0}[20] broadcast(x), dimensions={{}}\n}}\n",
        c.from, c.number));
    const Literal x = evaluate(*constant, {});
    for (const Literal& z : {cpu::Executable::compile(*module)->run({x}), evaluate(*module, std::span(&x, 1))}) {
      EXPECT_EQ(z.values<float>()[0], c.rounded) << c.from << " " << c.number << " -> " << c.to;
      EXPECT_EQ(z.values<float>()[19], c.rounded) << c.from << " " << c.number << " -> " << c.to;
    }
  }
}

// ---- places ---------------------------------------------------------------------------------------------------------

// Windows that meet some elements twice and others never are as many as the elements.
TEST(CpuKernels, WindowsThatLeaveGapsComputeNoWholeOperand) {
  for (const auto& [dims, window, result] :
       {std::tuple("4,3", "size=2x1 stride=1x2", "3,2"), {"9", "size=3 stride=2 rhs_dilate=2", "3"}}) {
    expect_equals_evaluator(fmt::format(
        "HloModule m\nadd {{\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  ROOT c = f32[] add(a, b)\n}}\n"
        "ENTRY e {{\n  x = f32[{0}] parameter(0)\n  y = f32[{0}] exponential(x)\n  z = f32[] constant(0)\n"
        "  w = f32[{2}] reduce-window(y, z), window={{{1}}}, to_apply=add\n"
        "  ROOT t = (f32[{0}], f32[{2}]) tuple(y, w)\n}}\n",
        dims, window, result));
  }
}

// A slice is updated where a reduction of the same kernel says; what is reduced may be the array itself.
TEST(CpuKernels, UpdatesWhereReductionsSay) {
  for (const char* row : {"reduce(v, most), dimensions={0}", "reduce(x, most), dimensions={0,1}"}) {
    expect_equals_evaluator(fmt::format(R"(HloModule m

least {{
  a = s32[] parameter(0)
  b = s32[] parameter(1)
  ROOT c = s32[] minimum(a, b)
}}

ENTRY e {{
  p = s32[40,5] parameter(0)
  one = s32[] constant(1)
  ones = s32[40,5] broadcast(one), dimensions={{}}
  x = s32[40,5] add(p, ones)
  u = s32[17,2] parameter(1)
  v = s32[42] parameter(2)
  most = s32[] constant(15)
  row = s32[] {}, to_apply=least
  column = s32[] constant(3)
  ROOT y = s32[40,5] dynamic-update-slice(x, u, row, column)
}}
)",
                                        row));
  }
}

// ---- scatter --------------------------------------------------------------------------------------------------------

constexpr const char* kScatter = R"(HloModule m

combine {
  old = %TYPE%[] parameter(0)
  new = %TYPE%[] parameter(1)
  ROOT result = %COMBINED%
}

ENTRY main {
  operand = %TYPE%%OPERAND% parameter(0)
  indices = s32%INDICES% parameter(1)
  updates = %TYPE%%UPDATES% parameter(2)
  ROOT result = %TYPE%%OPERAND% scatter(operand, indices, updates), %WINDOWS%, to_apply=combine
}
)";

struct ScatterCase {
  const char* name;
  const char* operand;
  const char* indices;
  const char* updates;
  const char* windows;
};

std::string scatter_text(const ScatterCase& c, const std::string& type, const std::string& combined) {
  std::string text = kScatter;
  const auto put = [&](const std::string& name, const std::string& value) {
    for (size_t at; (at = text.find(name)) != std::string::npos;) text.replace(at, name.size(), value);
  };
  put("%COMBINED%", combined);
  put("%TYPE%", type);
  put("%OPERAND%", c.operand);
  put("%INDICES%", c.indices);
  put("%UPDATES%", c.updates);
  put("%WINDOWS%", c.windows);
  return text;
}

class Scatters : public testing::TestWithParam<ScatterCase> {};
INSTANTIATE_TEST_SUITE_P(
    Windows, Scatters,
    testing::Values(ScatterCase{"rows", "[10,70]", "[40,1]", "[40,70]",
                                "update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, "
                                "index_vector_dim=1"},
                    ScatterCase{"parts_of_rows", "[10,70]", "[40,2]", "[40,33]",
                                "update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0,1}, "
                                "index_vector_dim=1"},
                    ScatterCase{
                        "elements", "[9,9]", "[5,20,2]", "[5,20]",
                        "update_window_dims={}, inserted_window_dims={0,1}, scatter_dims_to_operand_dims={1,0}, "
                        "index_vector_dim=2"},
                    ScatterCase{"columns", "[40,12]", "[30]", "[40,30]",
                                "update_window_dims={0}, inserted_window_dims={1}, scatter_dims_to_operand_dims={1}, "
                                "index_vector_dim=1"},
                    ScatterCase{"batches", "[4,12,20]", "[4,6,1]", "[4,6,20]",
                                "update_window_dims={2}, inserted_window_dims={1}, scatter_dims_to_operand_dims={1}, "
                                "input_batching_dims={0}, scatter_indices_batching_dims={0}, index_vector_dim=2"},
                    ScatterCase{"many_rows", "[6,300]", "[700,1]", "[700,300]",
                                "update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, "
                                "index_vector_dim=1"},
                    ScatterCase{"windows_first", "[12,70]", "[9,1]", "[4,9,70]",
                                "update_window_dims={0,2}, inserted_window_dims={}, scatter_dims_to_operand_dims={0}, "
                                "index_vector_dim=1"},
                    ScatterCase{"windows_between", "[12,5]", "[3,6,1]", "[3,4,6,5]",
                                "update_window_dims={1,3}, inserted_window_dims={}, scatter_dims_to_operand_dims={0}, "
                                "index_vector_dim=2"},
                    ScatterCase{"long_rows", "[6,3000]", "[50,1]", "[50,3000]",
                                "update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, "
                                "index_vector_dim=1"}),
    [](const auto& info) { return info.param.name; });

// Indices collide, and some windows lie outside.
TEST_P(Scatters, CombineInOrder) {
  for (const char* type : {"f32", "bf16", "s32"}) {
    for (const char* combined : {"%TYPE%[] add(old, new)", "%TYPE%[] subtract(new, old)", "%TYPE%[] maximum(old, new)",
                                 "%TYPE%[] parameter(1)"}) {
      std::string text = scatter_text(GetParam(), type, combined);
      if (const size_t at = text.find("  new = "); std::string(combined).find("parameter") != std::string::npos) {
        text.erase(at, text.find('\n', at) - at + 1);
      }
      SCOPED_TRACE(text);
      const auto module = parse_verified(text);
      auto arguments = random_arguments(*module, 1, {Signs::both});
      int32_t next = 0;
      for (int32_t& i : arguments[1].mutable_values<int32_t>()) i = (next++ * 7) % 13 - 2;
      EXPECT_EQ(difference_from_evaluator(*module, arguments), "");
      EXPECT_EQ(steps_of_the_evaluator(*module), "");
    }
  }
}

TEST(Scatter, OfZerosWithUpdatesMadeOnTheWay) {
  expect_equals_evaluator(R"(HloModule m

sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}

ENTRY main {
  indices = s32[40,1] parameter(0)
  x = bf16[40,24] parameter(1)
  wide = f32[40,24] convert(x)
  updates = f32[40,24] multiply(wide, wide)
  zero = f32[] constant(0)
  zeros = f32[10,24] broadcast(zero), dimensions={}
  sums = f32[10,24] scatter(zeros, indices, updates), update_window_dims={1}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=1, to_apply=sum
  ROOT result = (f32[10,24], f32[10,24]) tuple(sums, zeros)
}
)");
}

// Long windows, each 576 elements behind the one before: what threads update must not meet.
TEST(CpuScatter, LongWindowsThatOverlap) {
  for (const char* combined :
       {"new = f32[] parameter(1)\n  ROOT sum = f32[] add(old, new)", "ROOT new = f32[] parameter(1)"}) {
    expect_equals_evaluator(fmt::format(R"(HloModule m

combine {{
  old = f32[] parameter(0)
  {}
}}

ENTRY e {{
  x = f32[80000] parameter(0)
  row = s32[64,1] iota(), iota_dimension=0
  apart = s32[] constant(576)
  aparts = s32[64,1] broadcast(apart), dimensions={{}}
  at = s32[64,1] multiply(row, aparts)
  u = f32[64,32768] parameter(1)
  ROOT s = f32[80000] scatter(x, at, u), update_window_dims={{1}}, inserted_window_dims={{}}, scatter_dims_to_operand_dims={{0}}, index_vector_dim=1, to_apply=combine
}}
)",
                             combined));
  }
}

// The bytes of truth values are 0 and 1, whatever they were made of.
TEST(CpuKernels, BytesThatBecomeTruthValues) {
  const auto module = parse_verified(R"(HloModule m
ENTRY e {
  x = u8[300] parameter(0)
  p = pred[300] bitcast(x)
  ROOT y = u8[300] bitcast(p)
}
)");
  const auto arguments = random_arguments(*module, 1);
  EXPECT_EQ(cpu::Executable::compile(*module)->run(arguments), evaluate(*module, arguments));
}

TEST(CpuKernels, LogarithmsOfTheLargestDoubles) {
  const auto module = parse_verified(R"(HloModule m
ENTRY e {
  x = f64[5] constant({1.7e308, 4.6e307, 1e300, 1e299, inf})
  ROOT y = f64[5] log-plus-one(x)
}
)");
  EXPECT_EQ(difference_from_evaluator(*module, {}), "");
}

// Loops that nothing depends on still run.
TEST(CpuScatter, EqualUpdatesOfOnePlaceAddUp) {
  for (const char* repeated : {"at = s32[600] broadcast(i), dimensions={}\n  u = f32[600] broadcast(c), dimensions={}",
                               "at = s32[600] broadcast(i), dimensions={}\n  u = f32[600] parameter(1)",
                               "at = s32[600] iota(), iota_dimension=0\n  u = f32[600] broadcast(c), dimensions={}"}) {
    expect_equals_evaluator(fmt::format(R"(HloModule m

combine {{
  old = f32[] parameter(0)
  new = f32[] parameter(1)
  ROOT sum = f32[] add(old, new)
}}

ENTRY e {{
  i = s32[] parameter(0)
  c = f32[] constant(0.5)
  z = f32[] constant(0)
  x = f32[8] broadcast(z), dimensions={{}}
  {}
  ROOT s = f32[8] scatter(x, at, u), update_window_dims={{}}, inserted_window_dims={{0}}, scatter_dims_to_operand_dims={{0}}, index_vector_dim=1, to_apply=combine
}}
)",
                                        repeated));
  }
  expect_equals_evaluator(R"(HloModule m

combine {
  old = f32[] parameter(0)
  new = f32[] parameter(1)
  ROOT sum = f32[] add(old, new)
}

ENTRY e {
  x = f32[9,40] parameter(0)
  i = s32[3] parameter(1)
  at = s32[5,3] broadcast(i), dimensions={1}
  u = f32[3,40] parameter(2)
  us = f32[5,3,40] broadcast(u), dimensions={1,2}
  ROOT s = f32[9,40] scatter(x, at, us), update_window_dims={2}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=2, to_apply=combine
}
)");
}

// Vectors of narrow elements are longer than the least piece that a thread is given.
// The loop that a reshape of the updates cuts in two goes round outside of the next one still.
TEST(CpuScatter, UpdatesThatAreCutComeInTheirOrder) {
  expect_equals_evaluator(R"(HloModule m

last {
  old = f32[] parameter(0)
  ROOT new = f32[] parameter(1)
}

ENTRY e {
  x = f32[7] parameter(0)
  at = s32[12,5] parameter(1)
  u = f32[3,5,4] parameter(2)
  t = f32[3,4,5] transpose(u), dimensions={0,2,1}
  us = f32[12,5] reshape(t)
  ROOT s = f32[7] scatter(x, at, us), update_window_dims={}, inserted_window_dims={0}, scatter_dims_to_operand_dims={0}, index_vector_dim=2, to_apply=last
}
)");
}

TEST(CpuScatter, ManyRowsOfNarrowElements) {
  for (const char* type : {"s8", "u16", "pred", "bf16"}) {
    expect_equals_evaluator(fmt::format(R"(HloModule m

combine {{
  old = {0}[] parameter(0)
  new = {0}[] parameter(1)
  ROOT result = {0}[] {1}
}}

ENTRY e {{
  x = {0}[2000,1024] parameter(0)
  at = s32[1000,1] iota(), iota_dimension=0
  u = {0}[1000,1024] parameter(1)
  ROOT s = {0}[2000,1024] scatter(x, at, u), update_window_dims={{1}}, inserted_window_dims={{0}}, scatter_dims_to_operand_dims={{0}}, index_vector_dim=1, to_apply=combine
}}
)",
                             type, std::string(type) == "pred" ? "xor(old, new)" : "add(old, new)"));
  }
}

}  // namespace
}  // namespace gshard
