// One program, partitioned and compared with the whole, and what it sends.
//
//   const Partitioned program = checked(text);
//   EXPECT_EQ(largest_result(program, Op::all_gather), 0);
#pragma once

#include <string>

#include "shard/partition.h"

namespace gshard {

// Partitions the text and compares it with the whole on several wild arguments (places outside included), its padding
// poisoned. A difference is a failure of the test.
Partitioned checked(const std::string& text, const PartitionOptions& options = {});

// Plans are made for a machine on which every round of a loop is worth a second: dots are done in rings where they can.
PartitionOptions with_rings();

size_t count(const Partitioned& program, Op op);

// The number of elements of the largest array that an op of the kind makes on one device; 0 where there is none.
int64_t largest_result(const Partitioned& program, Op op);

}  // namespace gshard
