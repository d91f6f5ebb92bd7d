// Convolutions on the CPU backend: forward ones and their gradients, in any order of dimensions.
#include <gtest/gtest.h>

#include <algorithm>

#include "backend/cpu/executable.h"
#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

struct Case {
  std::string name;
  std::string input;
  std::string kernel;
  std::string result;
  std::string attributes;
};

std::string with_type(std::string text, const std::string& type) {
  for (size_t at = text.find('@'); at != std::string::npos; at = text.find('@')) text.replace(at, 1, type);
  return text;
}

std::unique_ptr<Module> module_of(const Case& c, const std::string& type, const std::string& before_kernel = "") {
  const std::string kernel = before_kernel.empty() ? "k" : "moved";
  auto module = parse_module(with_type("HloModule m\nENTRY main {\n  x = @" + c.input + " parameter(0)\n  k = @" +
                                           c.kernel + " parameter(1)\n" + before_kernel + "  ROOT y = @" + c.result +
                                           " convolution(x, " + kernel + "), " + c.attributes + "\n}\n",
                                       type));
  verify(*module);
  return module;
}

// As frameworks write them: a forward convolution and its two gradients.
const Case kFast[] = {
    {"plain", "[5,9,11,6]", "[3,3,6,10]", "[5,9,11,10]", "window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f"},
    {"strided", "[4,12,12,6]", "[3,3,6,8]", "[4,6,6,8]",
     "window={size=3x3 stride=2x2 pad=0_1x0_1}, dim_labels=b01f_01io->b01f"},
    {"large_strides", "[2,32,32,3]", "[8,8,3,20]", "[2,4,4,20]",
     "window={size=8x8 stride=8x8}, dim_labels=b01f_01io->b01f"},
    {"dilated", "[2,12,12,4]", "[3,3,4,8]", "[2,10,8,8]",
     "window={size=3x3 pad=1_1x0_0 rhs_dilate=2x2}, dim_labels=b01f_01io->b01f"},
    {"features_first", "[3,6,9,9]", "[10,6,3,3]", "[3,10,7,7]", "window={size=3x3}, dim_labels=bf01_oi01->bf01"},
    {"batch_last", "[9,9,6,3]", "[10,3,6,3]", "[7,3,7,10]", "window={size=3x3}, dim_labels=01fb_o0i1->0b1f"},
    {"groups", "[3,8,8,6]", "[3,3,2,9]", "[3,6,6,9]",
     "window={size=3x3}, dim_labels=b01f_01io->b01f, feature_group_count=3"},
    {"one_dimension", "[3,20,6]", "[5,6,8]", "[3,16,8]", "window={size=5}, dim_labels=b0f_0io->b0f"},
    {"three_dimensions", "[2,6,7,8,3]", "[2,3,2,3,5]", "[2,5,5,7,5]",
     "window={size=2x3x2}, dim_labels=b012f_012io->b012f"},
    {"input_gradient", "[4,6,6,8]", "[3,3,5,8]", "[4,12,12,5]",
     "window={size=3x3 pad=2_1x2_1 lhs_dilate=2x2}, dim_labels=b01f_01oi->b01f"},
    {"input_gradient_of_points", "[4,6,6,8]", "[1,1,5,8]", "[4,12,12,5]",
     "window={size=1x1 pad=0_1x0_1 lhs_dilate=2x2}, dim_labels=b01f_01oi->b01f"},
    {"kernel_gradient", "[4,12,12,5]", "[4,12,12,8]", "[3,3,5,8]",
     "window={size=12x12 pad=1_1x1_1}, dim_labels=f01b_i01o->01bf"},
    {"strided_kernel_gradient", "[4,12,12,5]", "[4,6,6,8]", "[3,3,5,8]",
     "window={size=6x6 pad=0_1x0_1 rhs_dilate=2x2}, dim_labels=f01b_i01o->01bf"},
    {"kernel_gradient_of_points", "[4,12,12,5]", "[4,6,6,8]", "[1,1,5,8]",
     "window={size=6x6 pad=0_-1x0_-1 rhs_dilate=2x2}, dim_labels=f01b_i01o->01bf"},
    {"kernel_gradient_of_groups", "[4,10,10,6]", "[4,8,8,9]", "[3,3,2,9]",
     "window={size=8x8}, dim_labels=f01b_i01o->01bf, batch_group_count=3"},
};

bool is_by_onednn(const Module& module) {
  const auto steps = cpu::Executable::compile(module)->steps();
  return std::any_of(steps.begin(), steps.end(),
                     [](const auto& step) { return step.text.rfind("convolution", 0) == 0; });
}

TEST(CpuConvolutions, EqualTheEvaluatorAndAreOneDnns) {
  for (const Case& c : kFast) {
    for (const std::string type : {"f32", "bf16", "f16"}) {
      SCOPED_TRACE(c.name + " " + type);
      const auto module = module_of(c, type);
      EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1)), "");
      EXPECT_TRUE(is_by_onednn(*module));
    }
  }
}

TEST(CpuConvolutions, ReverseIsPartOfTheGradient) {
  const auto module = module_of(kFast[9], "f32", "  moved = @[3,3,5,8] reverse(k), dimensions={0,1}\n");
  EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1)), "");
  EXPECT_EQ(cpu::Executable::compile(*module)->steps().size(), 1);
}

TEST(CpuConvolutions, TheOthersEqualTheEvaluatorToo) {
  const Case cases[] = {
      {"both_dilated", "[2,6,6,3]", "[3,3,3,4]", "[2,7,7,4]",
       "window={size=3x3 stride=2x2 pad=2_2x2_2 lhs_dilate=2x2}, dim_labels=b01f_01io->b01f"},
      {"negative_padding", "[2,9,9,3]", "[3,3,3,4]", "[2,5,6,4]",
       "window={size=3x3 pad=-1_-1x0_-1}, dim_labels=b01f_01io->b01f"},
      {"reversed", "[2,9,9,3]", "[3,3,3,4]", "[2,7,7,4]",
       "window={size=3x3 rhs_reversal=1x1}, dim_labels=b01f_01io->b01f"},
      {"reversed_once", "[2,9,9,3]", "[3,3,3,4]", "[2,7,7,4]",
       "window={size=3x3 rhs_reversal=0x1}, dim_labels=b01f_01io->b01f"},
      {"no_dimensions", "[6,5]", "[5,7]", "[6,7]", "window={}, dim_labels=bf_io->bf"},
      {"batch_groups", "[4,9,9,3]", "[3,3,3,6]", "[2,7,7,6]",
       "window={size=3x3}, dim_labels=b01f_01io->b01f, batch_group_count=2"},
      {"wide_padding", "[2,3,3,3]", "[3,3,3,4]", "[2,11,11,4]",
       "window={size=3x3 pad=5_5x5_5}, dim_labels=b01f_01io->b01f"},
  };
  for (const Case& c : cases) {
    for (const std::string type : {"f32", "f64", "s32"}) {
      SCOPED_TRACE(c.name + " " + type);
      const auto module = module_of(c, type);
      EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1)), "");
    }
  }
}

}  // namespace
}  // namespace gshard
