// The known answers that the authors of the generators publish.
#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace gshard {
namespace {

using Four = std::array<uint32_t, 4>;
using Two = std::array<uint32_t, 2>;

TEST(Random, PhiloxGivesTheKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Four{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = ~uint32_t{0};
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (Four{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Four{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, ThreefryGivesTheKnownAnswers) {
  EXPECT_EQ(threefry2x32({0, 0}, {0, 0}), (Two{0x6b200159, 0x99ba4efe}));
  constexpr uint32_t kOnes = ~uint32_t{0};
  EXPECT_EQ(threefry2x32({kOnes, kOnes}, {kOnes, kOnes}), (Two{0x1cb996fc, 0xbb002be7}));
  EXPECT_EQ(threefry2x32({0x243f6a88, 0x85a308d3}, {0x13198a2e, 0x03707344}), (Two{0xc4923a9c, 0x483df7a0}));
}

TEST(Random, BitsAreDifferentForEveryIndexAndKey) {
  std::vector<uint64_t> seen;
  for (uint64_t key = 0; key < 10; ++key) {
    for (uint64_t index = 0; index < 100; ++index) seen.push_back(random_bits(key, index));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end());
}

TEST(Random, UnitIntervalIsHalfOpen) {
  EXPECT_EQ(unit_interval(0), 0);
  EXPECT_LT(unit_interval(~uint64_t{0}), 1);
  EXPECT_EQ(unit_interval(uint64_t{1} << 63), 0.5);
}

}  // namespace
}  // namespace gshard
