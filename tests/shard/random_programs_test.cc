// Any legal split equals the whole: for random programs, under random annotations.
#include <gtest/gtest.h>

#include "random_program.h"
#include "shard/against_the_whole.h"
#include "shard/random_annotations.h"
#include "shard/trials.h"
#include "text/verify.h"

namespace gshard {
namespace {

// Sixteen tests, so that they run side by side.
class RandomPrograms : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomPrograms, AreTheSameHoweverTheyAreCut) {
  for (uint64_t trial = 0; trial < trials(6); ++trial) {
    const uint64_t seed = trial * 16 + GetParam();
    const int64_t largest_size = trial % 2 == 0 ? 4 : 9;
    const auto module = random_program({.seed = seed, .instructions = 30, .largest_size = largest_size});
    const std::string mesh = annotate_at_random(*module, seed);
    verify(*module);
    const Verdict verdict = against_the_whole(*module, wild_arguments(*module, seed), Numbers::widened);
    ASSERT_EQ(verdict.kind, Verdict::Kind::same) << "seed " << seed << " on " << mesh << ": " << verdict.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, RandomPrograms, testing::Range<uint64_t>(0, 16));

}  // namespace
}  // namespace gshard
