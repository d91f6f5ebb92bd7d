// Any legal split equals the whole: for random sizes and attributes of every family of ops.
#include "random_ops.h"

#include <gtest/gtest.h>

#include "shard/against_the_whole.h"
#include "shard/random_annotations.h"
#include "shard/trials.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

class RandomOps : public testing::TestWithParam<OpFamily> {};

TEST_P(RandomOps, AreTheSameHoweverTheyAreCut) {
  for (uint64_t seed = 0; seed < trials(20); ++seed) {
    const auto module = parse_module(GetParam().text(seed));
    verify(*module);
    const std::string mesh = annotate_at_random(*module, seed);
    const Verdict verdict =
        against_the_whole(*module, wild_arguments(*module, seed), seed % 4 == 3 ? Numbers::declared : Numbers::widened);
    ASSERT_EQ(verdict.kind, Verdict::Kind::same) << "seed " << seed << " on " << mesh << ": " << verdict.text;
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, RandomOps, testing::ValuesIn(op_families().begin(), op_families().end()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace gshard
