// Random bits on the CPU backend: those of the evaluator, bit by bit.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "backend/cpu/executable.h"
#include "equals_evaluator.h"
#include "eval/arguments.h"
#include "eval/evaluate.h"
#include "text/parse.h"

namespace gshard {
namespace {

class RandomBits : public testing::TestWithParam<std::string> {};

TEST_P(RandomBits, AreTheEvaluators) {
  for (const std::string type : {"u8", "u16", "u32", "s32", "u64"}) {
    for (const std::string sizes : {"[]", "[1]", "[7]", "[64]", "[3,129]", "[3,130]", "[5,2,35]", "[3,37,5]", "[70000]", "[70001]"}) {
      for (const int words : {2, 3}) {
        if (GetParam() == "rng_three_fry" && words == 3) continue;
        SCOPED_TRACE(type + sizes);
        const auto module = parse_module(
            fmt::format(R"(HloModule m
ENTRY e {{
  s = u64[{0}] constant({{{1}}})
  ROOT r = (u64[{0}], {2}) rng-bit-generator(s), algorithm={3}
}})",
                        words, words == 2 ? "5, 18446744073709551615" : "5, 18446744073709551615, 9", type + sizes, GetParam()));
        EXPECT_EQ(steps_of_the_evaluator(*module), "");
        EXPECT_EQ(cpu::Executable::compile(*module)->run({}), evaluate(*module, {}));
      }
    }
  }
}

TEST_P(RandomBits, WithoutTheNextState) {
  const auto module = parse_module(fmt::format(R"(HloModule m
ENTRY e {{
  s = u64[2] parameter(0)
  ROOT r = u32[300] rng-bit-generator(s), algorithm={}
}})",
                                               GetParam()));
  const auto arguments = random_arguments(*module, 1);
  EXPECT_EQ(cpu::Executable::compile(*module)->run(arguments), evaluate(*module, arguments));
}

INSTANTIATE_TEST_SUITE_P(Algorithms, RandomBits, testing::Values("rng_philox", "rng_three_fry", "rng_default"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace gshard
