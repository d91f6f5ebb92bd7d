#include "transform/expand_batch_norm.h"

#include <gtest/gtest.h>

#include "eval/arguments.h"
#include "eval/elements.h"
#include "eval/evaluate.h"
#include "passes_by_name.h"
#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// All three, on an array whose dimension `feature` has 3 elements.
std::string three_norms(const std::string& type, int64_t feature) {
  std::string sizes = feature == 0 ? "3,4,5" : feature == 1 ? "4,3,5" : "4,5,3";
  std::string text = R"(HloModule m
ENTRY main {
  x = TYPE[SIZES] parameter(0)
  scale = TYPE[3] parameter(1)
  offset = TYPE[3] parameter(2)
  gradient = TYPE[SIZES] parameter(3)
  t = (TYPE[SIZES], TYPE[3], TYPE[3]) batch-norm-training(x, scale, offset), epsilon=0.001, feature_index=FEATURE
  mean = TYPE[3] get-tuple-element(t), index=1
  variance = TYPE[3] get-tuple-element(t), index=2
  i = TYPE[SIZES] batch-norm-inference(x, scale, offset, mean, variance), epsilon=0.1, feature_index=FEATURE
  g = (TYPE[SIZES], TYPE[3], TYPE[3]) batch-norm-grad(x, scale, mean, variance, gradient), epsilon=0.001, feature_index=FEATURE
  ROOT r = ((TYPE[SIZES], TYPE[3], TYPE[3]), TYPE[SIZES], (TYPE[SIZES], TYPE[3], TYPE[3])) tuple(t, i, g)
})";
  text = replaced(text, "TYPE", type);
  return replaced(replaced(text, "SIZES", sizes), "FEATURE", std::to_string(feature));
}

size_t norms_in(const Module& module) {
  size_t count = 0;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      count += keyword_of(instruction->op()).starts_with("batch-norm") ? 1 : 0;
    }
  }
  return count;
}

std::unique_ptr<Module> expanded(const std::string& text) {
  auto module = parse_module(text);
  EXPECT_TRUE(expand_batch_norm(*module));
  check_module(*module);
  EXPECT_EQ(norms_in(*module), 0u) << print(*module);
  return module;
}

void expect_near(const Literal& actual, const Literal& expected, double tolerance) {
  ASSERT_EQ(actual.shape(), expected.shape());
  if (actual.shape().is_tuple()) {
    for (size_t i = 0; i < actual.elements().size(); ++i) {
      expect_near(actual.elements()[i], expected.elements()[i], tolerance);
    }
    return;
  }
  const Literal a = convert_elements(actual, DType::f64);
  const Literal b = convert_elements(expected, DType::f64);
  for (size_t i = 0; i < a.values<double>().size(); ++i) {
    const double value = b.values<double>()[i];
    ASSERT_NEAR(a.values<double>()[i], value, tolerance * std::max(1.0, std::abs(value))) << i;
  }
}

void expect_same_values(const std::string& text, double tolerance) {
  const auto module = parse_module(text);
  const auto other = expanded(text);
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const std::vector<Literal> arguments = random_arguments(*module, seed, {.signs = Signs::both});
    expect_near(evaluate(*other, arguments), evaluate(*module, arguments), tolerance);
  }
}

TEST(ExpandBatchNorm, MeansTheSame) {
  for (int64_t feature = 0; feature < 3; ++feature) {
    expect_same_values(three_norms("f64", feature), 1e-12);
    expect_same_values(three_norms("f32", feature), 1e-4);
  }
}

TEST(ExpandBatchNorm, ComputesNarrowTypesInF32) {
  for (int64_t feature = 0; feature < 3; ++feature) {
    expect_same_values(three_norms("bf16", feature), 1.0 / 64);
    expect_same_values(three_norms("f16", feature), 1.0 / 256);
  }
}

TEST(ExpandBatchNorm, ExpandsWhatHasOnlyFeatures) {
  expect_same_values(R"(HloModule m
ENTRY main {
  x = f64[4] parameter(0)
  scale = f64[4] parameter(1)
  offset = f64[4] parameter(2)
  ROOT t = (f64[4], f64[4], f64[4]) batch-norm-training(x, scale, offset), epsilon=0.5, feature_index=0
})",
                     1e-12);
}

TEST(ExpandBatchNorm, KeepsShardingsOfElementsAndTheSource) {
  const auto module = expanded(R"(HloModule m, num_partitions=2
body {
  x = f32[8,4] parameter(0)
  scale = f32[4] parameter(1)
  ROOT t = (f32[8,4], f32[4], f32[4]) batch-norm-training(x, scale, scale), epsilon=0.5, feature_index=1, sharding={{devices=[2,1]<=[2]}, {replicated}, {devices=[2]<=[2]}}, metadata={op_name="norm"}
}
ENTRY main {
  x = f32[8,4] parameter(0)
  scale = f32[4] parameter(1)
  t = (f32[8,4], f32[4], f32[4]) call(x, scale), to_apply=body
  y = f32[8,4] get-tuple-element(t), index=0
  ROOT z = f32[8,4] batch-norm-inference(y, scale, scale, scale, scale), epsilon=0.5, feature_index=1, sharding={devices=[1,2]<=[2]}
})");
  std::vector<std::string> shardings;
  for (const auto& instruction : module->find("body")->instructions()) {
    if (instruction->op() == Op::parameter) continue;
    ASSERT_NE(instruction->notes().metadata, nullptr) << instruction->name();
    EXPECT_EQ(instruction->notes().metadata->op_name, "norm");
    EXPECT_EQ(instruction->notes().metadata->source_file, "");
    if (instruction->notes().sharding != nullptr) shardings.push_back(print(*instruction->notes().sharding));
  }
  EXPECT_EQ(shardings, (std::vector<std::string>{"{devices=[2,1]<=[2]}", "{replicated}", "{devices=[2]<=[2]}"}));
  ASSERT_NE(module->entry()->root()->notes().sharding, nullptr);
  EXPECT_EQ(print(*module->entry()->root()->notes().sharding), "{devices=[1,2]<=[2]}");
}

TEST(ExpandBatchNorm, LeavesProgramsWithoutOneAlone) {
  const auto module = parse_module("HloModule m\nENTRY main {\n  ROOT x = f32[4] parameter(0)\n}");
  EXPECT_FALSE(expand_batch_norm(*module));
}

}  // namespace
}  // namespace gshard
