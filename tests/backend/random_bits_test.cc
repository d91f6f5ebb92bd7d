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

TEST(RandomBits, AreTheEvaluators) {
  for (const std::string type : {"u8", "u16", "u32", "s32", "u64"}) {
    for (const std::string sizes : {"[1]", "[7]", "[64]", "[3,129]", "[70000]"}) {
      for (const int words : {2, 3}) {
        SCOPED_TRACE(type + sizes);
        const auto module = parse_module(
            fmt::format(R"(HloModule m
ENTRY e {{
  s = u64[{0}] constant({{{1}}})
  ROOT r = (u64[{0}], {2}) rng-bit-generator(s), algorithm=rng_philox
}})",
                        words, words == 2 ? "5, 18446744073709551615" : "5, 18446744073709551615, 9", type + sizes));
        EXPECT_EQ(steps_of_the_evaluator(*module), "");
        EXPECT_EQ(cpu::Executable::compile(*module)->run({}), evaluate(*module, {}));
      }
    }
  }
}

TEST(RandomBits, WithoutTheNextState) {
  const auto module = parse_module(R"(HloModule m
ENTRY e {
  s = u64[2] parameter(0)
  ROOT r = u32[300] rng-bit-generator(s), algorithm=rng_default
})");
  const auto arguments = random_arguments(*module, 1);
  EXPECT_EQ(cpu::Executable::compile(*module)->run(arguments), evaluate(*module, arguments));
}

}  // namespace
}  // namespace gshard
