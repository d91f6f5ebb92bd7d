#include "shard/checked.h"

#include <gtest/gtest.h>

#include "count_ops.h"
#include "shard/against_the_whole.h"
#include "shard/trials.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {

Partitioned checked(const std::string& text, const PartitionOptions& options) {
  const auto module = parse_module(text);
  verify(*module);
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Verdict verdict = against_the_whole(*module, wild_arguments(*module, seed), Numbers::declared, options);
    EXPECT_EQ(verdict.kind, Verdict::Kind::same) << verdict.text;
    if (verdict.kind != Verdict::Kind::same) break;
  }
  return partition(*module, options);
}

PartitionOptions with_rings() {
  PartitionOptions options;
  options.machine.round_latency = -1;
  return options;
}

size_t count(const Partitioned& program, Op op) { return count(*program.module, op); }

namespace {

int64_t largest_leaf(const Shape& shape) {
  int64_t largest = shape.is_array() ? shape.element_count() : 0;
  for (const Shape& element : shape.elements()) largest = std::max(largest, largest_leaf(element));
  return largest;
}

}  // namespace

int64_t largest_result(const Partitioned& program, Op op) {
  int64_t largest = 0;
  for (const auto& computation : program.module->computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (instruction->op() == op) largest = std::max(largest, largest_leaf(instruction->shape()));
    }
  }
  return largest;
}

}  // namespace gshard
