// Arrays without elements may have enormous other dimensions: every kernel must see that there is nothing to do.
#include <gtest/gtest.h>

#include "eval/evaluate.h"
#include "ops/table.h"
#include "text/parse.h"

namespace gshard {
namespace {

// Runs one instruction on zeros and returns the shape of its value.
std::string shape_of(const std::string& body) {
  const auto module = parse_module(R"(HloModule m
add {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT r = f32[] add(a, b)
}
ge {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT r = pred[] compare(a, b), direction=GE
}
ENTRY e {
)" + body + "\n}\n");
  std::vector<Literal> arguments;
  for (const Instruction* parameter : module->entry()->parameters()) arguments.emplace_back(parameter->shape());
  for (const auto& instruction : module->entry()->instructions()) {
    EXPECT_EQ(infer_shape(*instruction).to_string(), instruction->shape().to_string());
  }
  return evaluate(*module, arguments).shape().to_string();
}

TEST(Empty, Movement) {
  EXPECT_EQ(shape_of(R"(x = f32[0] parameter(0)
    ROOT r = f32[1000000000000,0,1000000000000] broadcast(x), dimensions={1})"),
            "f32[1000000000000,0,1000000000000]");
  EXPECT_EQ(shape_of(R"(x = f32[1000000000000,0,1000000000000] parameter(0)
    t = f32[0,1000000000000,1000000000000] transpose(x), dimensions={1,0,2}
    v = f32[0,1000000000000,1000000000000] reverse(t), dimensions={0,1,2}
    c = f32[0,2000000000000,1000000000000] concatenate(v, v), dimensions={1}
    s = f32[0,1000000000000,3] slice(c), slice={[0:0],[0:2000000000000:2],[5:8]}
    z = f32[] constant(0)
    p = f32[0,1000000000002,3] pad(s, z), padding=0_0x1_1x0_0
    i = s32[] constant(7)
    d = f32[0,5,3] dynamic-slice(p, i, i, i), dynamic_slice_sizes={0,5,3}
    u = f32[0,1000000000002,3] dynamic-update-slice(p, d, i, i, i)
    ROOT r = f32[3,0] reshape(u))"),
            "f32[3,0]");
}

TEST(Empty, Products) {
  EXPECT_EQ(shape_of(R"(x = f32[1000000000000,0,3] parameter(0)
    y = f32[1000000000000,3,0] parameter(1)
    ROOT r = f32[1000000000000,0,0] dot(x, y), lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_contracting_dims={1})"),
            "f32[1000000000000,0,0]");
  EXPECT_EQ(shape_of(R"(x = f32[1000000000000,0,3] parameter(0)
    y = f32[1000000000000,2,3,0] parameter(1)
    g = s32[2] constant({1, 2})
    ROOT r = f32[1000000000000,0,0] ragged-dot(x, y, g), lhs_batch_dims={0}, rhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_contracting_dims={2}, lhs_ragged_dims={1}, rhs_group_dims={1})"),
            "f32[1000000000000,0,0]");
  EXPECT_EQ(shape_of(R"(x = f32[1000000000000,0,5] parameter(0)
    k = f32[1,5,3] parameter(1)
    ROOT r = f32[1000000000000,0,3] convolution(x, k), window={size=1}, dim_labels=b0f_0io->b0f)"),
            "f32[1000000000000,0,3]");
  EXPECT_EQ(shape_of(R"(x = f32[2,4,0] parameter(0)
    k = f32[1000000000000,0,3] parameter(1)
    ROOT r = f32[2,4,3] convolution(x, k), window={size=1000000000000 pad=0_999999999999}, dim_labels=b0f_0io->b0f)"),
            "f32[2,4,3]");
}

TEST(Empty, Windows) {
  EXPECT_EQ(shape_of(R"(x = f32[1000000000000,0] parameter(0)
    z = f32[] constant(0)
    y = f32[999999999998,0] reduce-window(x, z), window={size=3x1}, to_apply=add
    ROOT r = f32[1000000000000,0] select-and-scatter(x, y, z), window={size=3x1}, select=ge, scatter=add)"),
            "f32[1000000000000,0]");
  EXPECT_EQ(shape_of(R"(x = f32[0,5] parameter(0)
    z = f32[] constant(1)
    ROOT r = f32[3,5] reduce-window(x, z), window={size=1000x1 pad=1002_0x0_0}, to_apply=add)"),
            "f32[3,5]");
}

TEST(Empty, Indexing) {
  EXPECT_EQ(shape_of(R"(x = f32[5,0] parameter(0)
    i = s32[1000000000000,0] parameter(1)
    u = f32[1000000000000,5,0] gather(x, i), offset_dims={1,2}, collapsed_slice_dims={}, start_index_map={}, index_vector_dim=1, slice_sizes={5,0}
    ROOT r = f32[5,0] scatter(x, i, u), update_window_dims={1,2}, inserted_window_dims={}, scatter_dims_to_operand_dims={}, index_vector_dim=1, to_apply=add)"),
            "f32[5,0]");
}

TEST(Empty, Transforms) {
  EXPECT_EQ(shape_of(R"(x = c64[1000000000000,0,4] parameter(0)
    ROOT r = c64[1000000000000,0,4] fft(x), fft_type=FFT, fft_length={4})"),
            "c64[1000000000000,0,4]");
  EXPECT_EQ(shape_of(R"(a = f32[1000000000000,0,0] parameter(0)
    c = f32[1000000000000,0,0] cholesky(a), lower=true
    b = f32[1000000000000,0,3] parameter(1)
    ROOT r = f32[1000000000000,0,3] triangular-solve(c, b), left_side=true, lower=true, transpose_a=NO_TRANSPOSE)"),
            "f32[1000000000000,0,3]");
  EXPECT_EQ(shape_of(R"(x = f32[1000000000000,0,2] parameter(0)
    s = f32[2] parameter(1)
    t = (f32[1000000000000,0,2], f32[2], f32[2]) batch-norm-training(x, s, s), epsilon=0.1, feature_index=2
    ROOT r = f32[1000000000000,0,2] get-tuple-element(t), index=0)"),
            "f32[1000000000000,0,2]");
}

}  // namespace
}  // namespace gshard
