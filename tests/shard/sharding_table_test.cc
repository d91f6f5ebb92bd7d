#include "shard/sharding_table.h"

#include <gtest/gtest.h>

#include "text/parse.h"

namespace gshard {
namespace {

TEST(ShardingTable, StartsWholeAndOpenAndTellsValuesOfOneShardingApart) {
  const auto module = parse_module(R"(HloModule m
ENTRY e {
  a = f32[8,4] parameter(0)
  b = f32[8,4] parameter(1)
  ROOT c = f32[8] parameter(2)
})");
  const ValueTable values(*module);
  ShardingTable shardings(values);
  ASSERT_EQ(shardings.value_count(), 3);
  const Sharding cut{{{0}, {}}};
  shardings.set(0, {cut, {false, true}});
  shardings.set(1, {cut, {false, true}});
  const ShardingTable before = shardings;
  shardings.set(1, Sharding{{{0}, {1}}});

  EXPECT_EQ(shardings[0], cut);
  EXPECT_EQ(shardings.partial(1), (PartialSharding{Sharding{{{0}, {1}}}, {false, true}}));
  EXPECT_EQ(shardings.partial(2), (PartialSharding{Sharding::replicated(1), {true}}));
  EXPECT_EQ(before[1], cut);
}

}  // namespace
}  // namespace gshard
