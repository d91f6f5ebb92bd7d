// Sums over rows on the way through the rows: gradients of norms and what is like them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "autodiff/gradient.h"
#include "backend/cpu/executable.h"
#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "model/functions.h"
#include "parse_verified.h"
#include "runtime/prepare.h"

namespace gshard {
namespace {

std::vector<std::string> kernels_of(const Module& module) {
  std::vector<std::string> kernels;
  for (const auto& step : cpu::Executable::compile(module)->steps()) {
    if (step.text.starts_with("kernel")) kernels.push_back(step.text);
  }
  return kernels;
}

// The gradients of a norm of x as `type`, computed in `wide`: of x, of the scale, and, for a layer norm, of the bias.
std::unique_ptr<Module> norm_gradient(const Dims& dims, DType type, bool is_layer_norm) {
  Module module("m");
  const Shape array(type, dims);
  const Shape columns(DType::f32, {dims.back()});
  define_entry(module, "main", {array, array, columns, columns}, [&](Computation&, Values p) {
    const auto as = [](Tensor x, DType t) { return x.type() == t ? x : convert(x, t); };
    const Tensor x = as(p[0], DType::f32);
    const Tensor y = as(is_layer_norm ? layer_norm(x, p[2], p[3]) : rms_norm(x, p[2]), type);
    std::vector<Value> of{p[0], p[2]};
    if (is_layer_norm) of.push_back(p[3]);
    return tuple(vector_jacobian_product(std::array{y}, std::array{Tensor(p[1])}, of));
  });
  return prepare(module);
}

TEST(SumsOverRows, GradientsOfNorms) {
  for (const Dims& dims : {Dims{2048, 64}, Dims{1024, 160}, Dims{8, 512, 48}, Dims{3, 32, 16, 100}, Dims{999, 77},
                           Dims{64, 1024}, Dims{4096, 17}}) {
    for (const DType type : {DType::f32, DType::bf16}) {
      for (const bool is_layer_norm : {false, true}) {
        SCOPED_TRACE(fmt::format("{} {}", Shape(type, dims).to_string(), is_layer_norm));
        const auto module = norm_gradient(dims, type, is_layer_norm);
        EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1, {Signs::both}), 4), "");
      }
    }
  }
}

// One goes through the rows, one adds up the parts' sums.
TEST(SumsOverRows, AreAddedUpOnTheWay) {
  EXPECT_THAT(kernels_of(*norm_gradient({8192, 512}, DType::f32, false)), testing::SizeIs(2));
  EXPECT_THAT(kernels_of(*norm_gradient({32, 256, 512}, DType::bf16, false)), testing::SizeIs(2));
}

TEST(SumsOverRows, AreTheSameOnAnyNumberOfThreads) {
  const auto module = norm_gradient({4096, 96}, DType::f32, true);
  const auto arguments = random_arguments(*module, 1, {Signs::both});
  const Literal one = cpu::Executable::compile(*module, {.threads = 1})->run({arguments.begin(), arguments.end()});
  const Literal four = cpu::Executable::compile(*module, {.threads = 4})->run({arguments.begin(), arguments.end()});
  EXPECT_TRUE(one == four);
}

// Initial values count once, and a sum that others read too is the whole one.
TEST(SumsOverRows, WithInitialValues) {
  for (const char* type : {"f32", "f64", "s32"}) {
    const auto module = parse_verified(fmt::format(R"(HloModule m
add {{
  a = {0}[] parameter(0)
  b = {0}[] parameter(1)
  ROOT s = {0}[] add(a, b)
}}
ENTRY e {{
  x = {0}[1024,96] parameter(0)
  three = {0}[] constant(3)
  rows = {0}[1024] reduce(x, three), dimensions={{1}}, to_apply=add
  spread = {0}[1024,96] broadcast(rows), dimensions={{0}}
  y = {0}[1024,96] subtract(x, spread)
  columns = {0}[96] reduce(y, three), dimensions={{0}}, to_apply=add
  again = {0}[1024,96] broadcast(columns), dimensions={{1}}
  z = {0}[1024,96] add(y, again)
  ROOT t = ({0}[1024,96], {0}[96], {0}[1024,96]) tuple(y, columns, z)
}}
)",
                                                   type));
    EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1, {Signs::both})), "");
  }
}

}  // namespace
}  // namespace gshard
