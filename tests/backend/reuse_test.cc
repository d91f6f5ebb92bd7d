// Results computed over operands that die with the step: only where no iteration reads what another one has written.
#include <gtest/gtest.h>

#include "equals_evaluator.h"

namespace gshard {
namespace {

// Half of an array of bf16 is read into as many bytes of f32: element i stands at 2i and is wanted at 4i.
TEST(CpuReuse, NarrowerElementsStandElsewhere) {
  expect_equals_evaluator(R"(HloModule m
ENTRY e {
  p = bf16[64,64] parameter(0)
  q = bf16[64,64] parameter(1)
  d = bf16[64,64] dot(p, q), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  h = bf16[32,64] slice(d), slice={[0:32], [0:64]}
  f = f32[32,64] convert(h)
  g = f32[32,64] tanh(f)
  w = f32[64,64] parameter(2)
  r = f32[32,64] dot(g, w), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  b = f32[32,64] parameter(3)
  ROOT t = f32[32,64] add(r, b)
}
)");
}

// A sum over rows that grows while the rows still read a vector of its size.
TEST(CpuReuse, SumsOverRowsGrowBesideWhatRowsRead) {
  expect_equals_evaluator(R"(HloModule m

sum {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}

larger {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] maximum(a, b)
}

less {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = pred[] compare(a, b), direction=LT
}

ENTRY e {
  x = f32[32,64] parameter(0)
  p = f32[64] parameter(1)
  b = f32[64] sort(p), dimensions={0}, to_apply=less
  bb = f32[32,64] broadcast(b), dimensions={1}
  xb = f32[32,64] multiply(x, bb)
  zero = f32[] constant(0)
  low = f32[] constant(-inf)
  most = f32[32] reduce(xb, low), dimensions={1}, to_apply=larger
  mosts = f32[32,64] broadcast(most), dimensions={0}
  d = f32[32,64] subtract(xb, mosts)
  columns = f32[64] reduce(d, zero), dimensions={0}, to_apply=sum
  sorted = f32[64] sort(columns), dimensions={0}, to_apply=less
  ROOT t = (f32[32,64], f32[64]) tuple(d, sorted)
}
)");
}

}  // namespace
}  // namespace gshard
