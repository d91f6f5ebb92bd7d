// Random bits are the same however they are cut, and nothing is sent for them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shard/checked.h"
#include "text/print.h"

namespace gshard {
namespace {

void expect_own_bits(const std::string& algorithm, const std::string& state, const std::string& bits) {
  SCOPED_TRACE(algorithm + " " + state + " " + bits);
  const Partitioned program = checked(fmt::format(R"(
HloModule m, num_partitions=6
ENTRY e {{
  key = {0} parameter(0), sharding={{replicated}}
  ROOT r = ({0}, {1}) rng-bit-generator(key), algorithm={2}, sharding={{{{replicated}}, {{devices=[3,2]<=[2,3]T(1,0)}}}}
}}
)",
                                                  state, bits, algorithm));
  EXPECT_EQ(program.reshards.size(), 0u) << print(*program.module);
  EXPECT_EQ(largest_result(program, Op::rng_bit_generator), 0);
}

TEST(RandomBits, AreMadeWhereTheyAreWanted) {
  for (const char* bits :
       {"u32[9,6]", "u32[7,5]", "u64[7,5]", "s8[4,3]", "u16[5,6]", "f32[3,2]", "f64[5,3]", "bf16[2,9]"}) {
    for (const char* algorithm : {"rng_philox", "rng_three_fry", "rng_default"})
      expect_own_bits(algorithm, "u64[2]", bits);
    expect_own_bits("rng_philox", "u64[3]", bits);
  }
}

TEST(RandomBits, MayComeWithoutTheNextState) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  key = u64[2] parameter(0), sharding={replicated}
  ROOT bits = u32[9] rng-bit-generator(key), algorithm=rng_three_fry, sharding={devices=[4]<=[4]}
}
)");
  EXPECT_EQ(program.reshards.size(), 0u) << print(*program.module);
}

// A carry out of the low half of the counter.
TEST(RandomBits, CountOverTheEndOfAWord) {
  checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  state = u64[3] constant({3, 18446744073709551614, 18446744073709551615})
  short = u64[2] constant({3, 18446744073709551614})
  x = (u64[3], u32[29]) rng-bit-generator(state), algorithm=rng_philox, sharding={{replicated}, {devices=[4]<=[4]}}
  y = (u64[2], u32[29]) rng-bit-generator(short), algorithm=rng_philox, sharding={{replicated}, {devices=[4]<=[4]}}
  z = (u64[2], u32[29]) rng-bit-generator(short), algorithm=rng_three_fry, sharding={{replicated}, {devices=[4]<=[4]}}
  ROOT r = ((u64[3], u32[29]), (u64[2], u32[29]), (u64[2], u32[29])) tuple(x, y, z)
}
)");
}

}  // namespace
}  // namespace gshard
