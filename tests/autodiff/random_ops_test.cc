// The gradient of every family of ops, with random sizes and attributes, against central differences.
#include "random_ops.h"

#include <gtest/gtest.h>

#include "autodiff/central_differences.h"
#include "eval/arguments.h"
#include "parse_verified.h"

namespace gshard {
namespace {

std::string in_f64(std::string text) {
  for (size_t at = 0; (at = text.find("f32[", at)) != std::string::npos; ++at) text.replace(at, 3, "f64");
  return text;
}

// "" where the gradient is right, the message of a refusal.
std::string try_gradient(const Module& module, std::span<const Literal> arguments, const DifferenceOptions& options) {
  try {
    EXPECT_EQ(gradient_difference(module, arguments, options), "");
    return "";
  } catch (const Error& refusal) {
    return refusal.what();
  }
}

// What these combine has no gradient.
bool may_be_refused(const std::string& text) {
  for (const char* combiner :
       {"to_apply=odd_sum", "to_apply=last", "to_apply=larger_with", "to_apply=largest", "scatter=largest"}) {
    if (text.find(combiner) != std::string::npos) return true;
  }
  return false;
}

class RandomOps : public testing::TestWithParam<OpFamily> {};

TEST_P(RandomOps, HaveTheGradientsOfTheirDifferences) {
  constexpr uint64_t kTrials = 60;
  for (uint64_t seed = 0; seed < kTrials; ++seed) {
    const std::string text = in_f64(GetParam().make(seed));
    const auto module = parse_verified(text);
    const std::vector<Literal> arguments = random_arguments(*module, seed, {Signs::both});
    if (try_gradient(*module, arguments, {seed}).empty()) continue;
    const std::string refusal = try_gradient(*module, arguments, {seed, Variables::arrays});
    ASSERT_TRUE(refusal.empty() || may_be_refused(text)) << "seed " << seed << ": " << refusal << "\n" << text;
  }
}

std::vector<OpFamily> differentiable_families() {
  std::vector<OpFamily> families;
  for (const OpFamily& family : op_families()) {
    const std::string_view name = family.name;
    if (name != "random_bits" && name != "bitcast_convert") families.push_back(family);
  }
  return families;
}

INSTANTIATE_TEST_SUITE_P(Autodiff, RandomOps, testing::ValuesIn(differentiable_families()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace gshard
