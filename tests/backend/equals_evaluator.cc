#include "equals_evaluator.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "backend/cpu/executable.h"
#include "eval/arguments.h"
#include "eval/evaluate.h"
#include "parse_verified.h"
#include "runtime/compare.h"
#include "transform/inline_calls.h"

namespace gshard {
namespace {

double tolerance_of(DType type) {
  if (type == DType::bf16) return 0.02;
  if (type == DType::f16) return 3e-3;
  return bits_of(real_part_type(type)) == 64 ? 1e-12 : 2e-5;
}

std::string difference(const Literal& expected, const Literal& got, const std::string& name, double slack) {
  if (expected.shape() != got.shape()) return name + " has another shape";
  if (expected.shape().is_tuple()) {
    for (size_t i = 0; i < expected.elements().size(); ++i) {
      const std::string inner =
          difference(expected.elements()[i], got.elements()[i], fmt::format("{}.{}", name, i), slack);
      if (!inner.empty()) return inner;
    }
    return "";
  }
  if (!expected.shape().is_array()) return "";
  const Comparison c = compare(expected, got, slack * tolerance_of(expected.shape().type()));
  if (c.different == 0) return "";
  return fmt::format("{} {}: {} elements differ, the first at {}: {} and {}, error {:.3g}", name,
                     expected.shape().to_string(), c.different, position_text(expected.shape(), c.first->element),
                     c.first->expected, c.first->got, c.first->error);
}

}  // namespace

std::string difference_from_evaluator(const Module& module, std::span<const Literal> arguments, double slack) {
  const std::unique_ptr<Module> plain = module.clone();
  inline_calls(*plain, Fusions::dissolve);
  const Literal expected = evaluate(*plain, arguments);
  const auto program = cpu::Executable::compile(*plain);
  const Literal got = program->run({arguments.begin(), arguments.end()});
  return difference(expected, got, "result", slack);
}

std::string steps_of_the_evaluator(const Module& module) {
  std::string text;
  for (const cpu::StepReport& step : cpu::Executable::compile(module)->steps()) {
    if (step.text.starts_with("evaluator")) text += step.text + "; ";
  }
  return text;
}

void expect_equals_evaluator(const std::string& text) {
  SCOPED_TRACE(text);
  const auto module = parse_verified(text);
  EXPECT_EQ(difference_from_evaluator(*module, random_arguments(*module, 1, {Signs::both})), "");
  EXPECT_EQ(steps_of_the_evaluator(*module), "");
}

}  // namespace gshard
