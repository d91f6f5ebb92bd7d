// gshard model: the list, and one model on many devices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "run_tool.h"

namespace gshard {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST(ModelTool, ListsThePapersModels) {
  const Outcome o = Folder().gshard("model list");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, ContainsRegex("moe-2048e-36l +MoE\\(2048E,36L\\) of the paper, 600B +2,048 +4,194,304\n"));
}

TEST(ModelTool, ShowsWhatEachDeviceHoldsAndSends) {
  const Outcome o = Folder().gshard("model show tiny --devices 4 --partition");
  EXPECT_EQ(o.exit_code, 0) << o.err;
  EXPECT_THAT(o.out, ContainsRegex("weights +1,451,264\n"));
  EXPECT_THAT(o.out, ContainsRegex("experts +4 +262 K +1 MiB +256 KiB\n"));
  EXPECT_THAT(o.out, ContainsRegex("all-to-all +8 "));
  EXPECT_THAT(o.out, HasSubstr("\n0 values over 64 MiB of which a device holds more than 1/64\n"));
}

TEST(ModelTool, ErrorsSayWhatThereIs) {
  const Outcome unknown = Folder().gshard("model show large");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("there is no model 'large'; there are tiny, small, base, moe-128e-12l"));
  const Outcome uneven = Folder().gshard("model show tiny --devices 6 --tensor 4");
  EXPECT_EQ(uneven.exit_code, 2);
  EXPECT_THAT(uneven.err, HasSubstr("6 devices are no multiple of the 4 that share a layer"));
  EXPECT_EQ(Folder().gshard("model show").exit_code, 2);
}

}  // namespace
}  // namespace gshard
