#include "shard/checked.h"

#include <gtest/gtest.h>

#include "shard/against_the_whole.h"
#include "shard/trials.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {

Partitioned checked(const std::string& text) {
  const auto module = parse_module(text);
  verify(*module);
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Verdict verdict = against_the_whole(*module, wild_arguments(*module, seed), Numbers::declared);
    EXPECT_EQ(verdict.kind, Verdict::Kind::same) << verdict.text;
    if (verdict.kind != Verdict::Kind::same) break;
  }
  return partition(*module);
}

int64_t largest_result(const Partitioned& program, Op op) {
  int64_t largest = 0;
  for (const auto& computation : program.module->computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() == op) largest = std::max(largest, instruction->shape().element_count());
    }
  }
  return largest;
}

}  // namespace gshard
