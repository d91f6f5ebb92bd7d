// The real modules, where they are at hand: every pass leaves them valid, and the ones scaled down mean the same
// afterwards.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "eval/evaluate.h"
#include "passes_by_name.h"
#include "random_program.h"
#include "text/parse.h"
#include "text/verify.h"
#include "transform/simplify.h"
#include "transform/trip_count.h"
#include "transform/widen_floats.h"

namespace gshard {
namespace {

std::vector<std::string> files_of(const std::string& folder) {
  std::vector<std::string> files;
  if (!std::filesystem::exists(folder)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".hlo") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::unique_ptr<Module> read(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return parse_module(text.str(), file);
}

bool has_calls(const Module& module) {
  for (const auto& computation : module.computations()) {
    for (const auto& x : computation->instructions()) {
      if (x->op() == Op::call) return true;
    }
  }
  return false;
}

TEST(RealModules, StayValidUnderEveryPass) {
  const auto files = files_of(GSHARD_HLO_DIR);
  if (files.empty()) GTEST_SKIP() << "no modules at " << GSHARD_HLO_DIR;
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    const auto module = read(file);
    PassOptions options;
    options.verify = verify;
    EXPECT_TRUE(simplify(*module, options));
    EXPECT_FALSE(has_calls(*module));
    EXPECT_FALSE(simplify(*module));
    check_module(*module);
    check_module(*widen_floats(*module));
  }
}

TEST(RealModules, HaveLoopsOfKnownLength) {
  const auto files = files_of(GSHARD_HLO_DIR);
  if (files.empty()) GTEST_SKIP() << "no modules at " << GSHARD_HLO_DIR;
  for (const std::string& file : files) {
    const auto module = read(file);
    for (const auto& computation : module->computations()) {
      for (const auto& x : computation->instructions()) {
        if (x->op() != Op::while_) continue;
        EXPECT_GT(trip_count(*x).value_or(0), 1) << file << ": " << x->name();
      }
    }
  }
}

class ScaledModules : public testing::TestWithParam<std::string> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ScaledModules);

TEST_P(ScaledModules, MeanTheSameWhenSimplified) {
  const auto module = read(GetParam());
  std::vector<Literal> arguments;
  for (const Instruction* parameter : module->entry()->parameters()) {
    arguments.push_back(made_up_value(parameter->shape(), arguments.size()));
  }
  const Literal wanted = evaluate(*module, arguments);
  simplify(*module);
  EXPECT_TRUE(same_values(wanted, evaluate(*module, arguments)));
}

INSTANTIATE_TEST_SUITE_P(Files, ScaledModules, testing::ValuesIn(files_of(GSHARD_HLO_DIR "/scaled")),
                         [](const auto& info) { return std::filesystem::path(info.param).stem().string(); });

}  // namespace
}  // namespace gshard
