#include "ir/attributes.h"

#include <gtest/gtest.h>

namespace gshard {
namespace {

using Pairs = std::vector<SourceTargetPairs::Pair>;

Attributes permute(SourceTargetPairs pairs) {
  CollectivePermuteAttrs attrs;
  attrs.source_target_pairs = std::move(pairs);
  return attrs;
}

TEST(SourceTargetPairs, ListWhatIsRepeatedMajorToMinor) {
  EXPECT_EQ(SourceTargetPairs({{0, 1}}, {{2, 4, 4}, {2, 2, 2}}, nullptr).list(),
            (Pairs{{0, 1}, {2, 3}, {4, 5}, {6, 7}}));
  EXPECT_EQ(SourceTargetPairs({{0, 0}}, {{2, 1, 2}, {3, 2, 1}}, nullptr).list(),
            (Pairs{{0, 0}, {2, 1}, {4, 2}, {1, 2}, {3, 3}, {5, 4}}));
  EXPECT_EQ(SourceTargetPairs({{0, 1}, {1, 0}}, {{2, 2, 2}}, nullptr).list(), (Pairs{{0, 1}, {1, 0}, {2, 3}, {3, 2}}));
}

TEST(SourceTargetPairs, NameTheDevicesAtPositions) {
  const auto order = std::make_shared<const std::vector<int64_t>>(std::vector<int64_t>{3, 1, 0, 2});
  EXPECT_EQ(SourceTargetPairs({{0, 1}}, {{2, 2, 2}}, order).list(), (Pairs{{3, 1}, {0, 2}}));
}

TEST(SourceTargetPairs, AreEqualWhereTheirListsAre) {
  const SourceTargetPairs repeated({{0, 1}}, {{2, 2, 2}}, nullptr);
  const SourceTargetPairs listed(Pairs{{0, 1}, {2, 3}});
  EXPECT_EQ(repeated, listed);
  EXPECT_EQ(hash_of(permute(repeated)), hash_of(permute(listed)));
  EXPECT_FALSE(repeated == SourceTargetPairs(Pairs{{0, 1}, {3, 2}}));
  EXPECT_FALSE(repeated == SourceTargetPairs({{0, 1}}, {{3, 2, 2}}, nullptr));
}

}  // namespace
}  // namespace gshard
