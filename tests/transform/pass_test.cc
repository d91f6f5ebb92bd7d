#include "transform/pass.h"

#include <gtest/gtest.h>

#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

std::unique_ptr<Module> small_module() {
  return parse_module("HloModule m\nENTRY main {\n  x = f32[4] parameter(0)\n  ROOT y = f32[4] negate(x)\n}\n");
}

bool rename_root(Module& module) {
  if (module.entry()->root()->name() == "renamed") return false;
  module.entry()->root()->set_name("renamed");
  return true;
}

bool break_type(Module& module) {
  module.entry()->root()->mutable_shape() = Shape(DType::f32, {5});
  return true;
}

TEST(Passes, RunInOrderAndTellWhatTheyDid) {
  const auto module = small_module();
  const Pass passes[] = {{"rename", rename_root}, {"rename-again", rename_root}};
  std::vector<std::string> reported, dumped;
  PassOptions options;
  options.verify = verify;
  options.report = [&](std::string_view pass, double seconds, bool changed) {
    EXPECT_GE(seconds, 0);
    reported.push_back(std::string(pass) + (changed ? " changed" : ""));
  };
  options.dump = [&](const Module&, std::string_view pass) { dumped.emplace_back(pass); };
  EXPECT_TRUE(run_passes(*module, passes, options));
  EXPECT_EQ(reported, (std::vector<std::string>{"rename changed", "rename-again"}));
  EXPECT_EQ(dumped, std::vector<std::string>{"rename"});
  EXPECT_FALSE(run_passes(*module, passes, options));
}

TEST(Passes, StopAtTheFixedPointOrTheBound) {
  const auto module = small_module();
  int runs = 0;
  const Pass until_five[] = {{"five", [&](Module&) { return ++runs < 5; }}};
  EXPECT_TRUE(run_to_fixed_point(*module, until_five));
  EXPECT_EQ(runs, 5);
  const Pass for_ever[] = {{"ever", [&](Module&) { return ++runs > 0; }}};
  PassOptions options;
  options.max_rounds = 3;
  EXPECT_TRUE(run_to_fixed_point(*module, for_ever, options));
  EXPECT_EQ(runs, 8);
}

TEST(Passes, TheUsersErrorIsThrownOursAborts) {
  const Pass passes[] = {{"break-type", break_type}};
  PassOptions options;
  options.verify = verify;
  const auto wrong = small_module();
  break_type(*wrong);
  EXPECT_THROW(run_passes(*wrong, passes, options), Error);
  const auto right = small_module();
  EXPECT_DEATH(run_passes(*right, passes, options), "after pass break-type");
}

}  // namespace
}  // namespace gshard
