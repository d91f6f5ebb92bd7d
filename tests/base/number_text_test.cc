// Numbers as people read them.
#include "base/number_text.h"

#include <gtest/gtest.h>

namespace gshard {
namespace {

TEST(NumberText, SecondsHaveTheUnitThatFits) {
  EXPECT_EQ(human_seconds(0), "0 s");
  EXPECT_EQ(human_seconds(3.75e-10), "0.375 ns");
  EXPECT_EQ(human_seconds(6.21e-8), "62.1 ns");
  EXPECT_EQ(human_seconds(0.0123), "12.3 ms");
  EXPECT_EQ(human_seconds(75), "75 s");
}

}  // namespace
}  // namespace gshard
