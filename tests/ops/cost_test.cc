#include "ops/cost.h"

#include <gtest/gtest.h>

#include "text/parse.h"

namespace gshard {
namespace {

struct CostOf {
  std::unique_ptr<Module> module;
  Costs costs;

  explicit CostOf(std::string_view text, const TripCount& trips = {})
      : module(parse_module(text)), costs(*module, trips) {}
  Cost root() const { return costs.of(*module->entry()->root()); }
};

constexpr std::string_view kAdd =
    "HloModule m\nadd { x = f32[] parameter(0)  y = f32[] parameter(1)  ROOT r = f32[] add(x, y) }\n";

TEST(Cost, DotCountsMultiplyAdds) {
  const CostOf dot(
      "HloModule m\nENTRY e { a = f32[7,128,64] parameter(0)  b = f32[7,64,32] parameter(1)\n"
      "ROOT d = dot(a, b), lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_contracting_dims={1} "
      "}");
  EXPECT_EQ(dot.root().flops, 2.0 * 7 * 128 * 64 * 32);
  EXPECT_EQ(dot.root().bytes_read, 4.0 * 7 * (128 * 64 + 64 * 32));
  EXPECT_EQ(dot.root().bytes_written, 4.0 * 7 * 128 * 32);
}

TEST(Cost, RaggedDotMeetsEachRowOnce) {
  const CostOf rows(
      "HloModule m\nENTRY e { a = f32[8,4] parameter(0)  b = f32[3,4,5] parameter(1)  g = s32[3] parameter(2)\n"
      "ROOT d = ragged-dot(a, b, g), lhs_contracting_dims={1}, rhs_contracting_dims={1}, lhs_ragged_dims={0}, "
      "rhs_group_dims={0} }");
  EXPECT_EQ(rows.root().flops, 2.0 * 8 * 4 * 5);
  const CostOf contracted(
      "HloModule m\nENTRY e { a = f32[8,4] parameter(0)  b = f32[4,5] parameter(1)  g = s32[3] parameter(2)\n"
      "ROOT d = ragged-dot(a, b, g), lhs_contracting_dims={1}, rhs_contracting_dims={0}, lhs_ragged_dims={1}, "
      "rhs_group_dims={} }");
  EXPECT_EQ(contracted.root().flops, 2.0 * 8 * 4 * 5);
}

TEST(Cost, ConvolutionCountsTheKernelForEachResult) {
  const CostOf grouped(
      "HloModule m\nENTRY e { a = f32[2,8,8,4] parameter(0)  b = f32[3,3,2,16] parameter(1)\n"
      "ROOT c = convolution(a, b), window={size=3x3}, dim_labels=b01f_01io->b01f, feature_group_count=2 }");
  EXPECT_EQ(grouped.root().flops, 2.0 * (2 * 6 * 6 * 16) * (3 * 3 * 2));
}

TEST(Cost, PaddingAndHolesOfDilationsAreNoWork) {
  const CostOf padded(
      "HloModule m\nENTRY e { a = f32[1,4,1] parameter(0)  b = f32[3,1,1] parameter(1)\n"
      "ROOT c = convolution(a, b), window={size=3 pad=1_1}, dim_labels=b0f_0io->b0f }");
  EXPECT_EQ(padded.root().flops, 2.0 * (2 + 3 + 3 + 2));
  const CostOf dilated(
      "HloModule m\nENTRY e { a = f32[1,3,1] parameter(0)  b = f32[2,1,1] parameter(1)\n"
      "ROOT c = convolution(a, b), window={size=2 lhs_dilate=2}, dim_labels=b0f_0io->b0f }");
  EXPECT_EQ(dilated.root().flops, 2.0 * 4);
}

TEST(Cost, PointwiseCountsElements) {
  const CostOf sum("HloModule m\nENTRY e { a = bf16[8,4] parameter(0)  ROOT s = add(a, a) }");
  EXPECT_EQ(sum.root().flops, 32);
  EXPECT_EQ(sum.root().transcendentals, 0);
  EXPECT_EQ(sum.root().bytes_written, 64);
  const CostOf exponential("HloModule m\nENTRY e { a = bf16[8,4] parameter(0)  ROOT s = exponential(a) }");
  EXPECT_EQ(exponential.root().flops, 0);
  EXPECT_EQ(exponential.root().transcendentals, 32);
}

TEST(Cost, ReductionsRunTheirComputation) {
  const std::string prelude(kAdd);
  const CostOf reduce(prelude +
                      "ENTRY e { a = f32[8,4] parameter(0)  z = f32[] constant(0)\n"
                      "ROOT r = reduce(a, z), dimensions={1}, to_apply=add }");
  EXPECT_EQ(reduce.root().flops, 24);
  EXPECT_EQ(reduce.costs.total().flops, 24);
  const CostOf window(prelude +
                      "ENTRY e { a = f32[8] parameter(0)  z = f32[] constant(0)\n"
                      "ROOT r = reduce-window(a, z), window={size=3}, to_apply=add }");
  EXPECT_EQ(window.root().flops, 12);
}

TEST(Cost, SlicesTouchOnlyWhatMoves) {
  const CostOf slice(
      "HloModule m\nENTRY e { a = f32[1000,4] parameter(0)  i = s32[] parameter(1)\n"
      "ROOT s = dynamic-slice(a, i, i), dynamic_slice_sizes={1,4} }");
  EXPECT_EQ(slice.root().bytes_read, 16 + 8);
  EXPECT_EQ(slice.root().bytes_written, 16);
  const CostOf update(
      "HloModule m\nENTRY e { a = f32[1000,4] parameter(0)  u = f32[1,4] parameter(1)  i = s32[] parameter(2)\n"
      "ROOT s = dynamic-update-slice(a, u, i, i) }");
  EXPECT_EQ(update.root().bytes_read, 16 + 8);
  EXPECT_EQ(update.root().bytes_written, 16);
  const CostOf reshape("HloModule m\nENTRY e { a = f32[1000,4] parameter(0)  ROOT r = f32[4000] reshape(a) }");
  EXPECT_EQ(reshape.root().bytes_read, 0);
}

TEST(Cost, LoopsAndCallsMultiplyOut) {
  const CostOf loop(
      "HloModule m\n"
      "inner { x = f32[4] parameter(0)  ROOT y = f32[4] add(x, x) }\n"
      "body { x = f32[4] parameter(0)  y = f32[4] call(x), to_apply=inner  ROOT z = f32[4] call(y), to_apply=inner }\n"
      "cond { x = f32[4] parameter(0)  ROOT t = pred[] constant(true) }\n"
      "ENTRY e { a = f32[4] parameter(0)  ROOT w = f32[4] while(a), condition=cond, body=body }",
      [](const Instruction&) { return 10.0; });
  EXPECT_EQ(loop.costs.runs(*loop.module->find("inner")), 20);
  EXPECT_EQ(loop.costs.total().flops, 80);
}

TEST(Cost, FusedValuesStayOutOfMemory) {
  const CostOf fusion(
      "HloModule m\n"
      "fused { x = f32[4] parameter(0)  y = f32[4] add(x, x)  ROOT z = f32[4] multiply(y, y) }\n"
      "ENTRY e { a = f32[4] parameter(0)  ROOT f = f32[4] fusion(a), kind=kLoop, calls=fused }");
  EXPECT_TRUE(fusion.costs.is_fused(*fusion.module->find("fused")));
  EXPECT_EQ(fusion.costs.total().flops, 8);
  EXPECT_EQ(fusion.costs.total().bytes_read, 16);
  EXPECT_EQ(fusion.costs.total().bytes_written, 16);
}

TEST(Cost, BranchesAreTakenEquallyOften) {
  const CostOf branches(
      "HloModule m\n"
      "one { x = f32[4] parameter(0)  ROOT y = f32[4] add(x, x) }\n"
      "none { ROOT x = f32[4] parameter(0) }\n"
      "ENTRY e { p = pred[] parameter(0)  a = f32[4] parameter(1)\n"
      "ROOT c = f32[4] conditional(p, a, a), true_computation=one, false_computation=none }");
  EXPECT_EQ(branches.costs.total().flops, 2);
}

}  // namespace
}  // namespace gshard
