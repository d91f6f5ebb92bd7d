// What the commands that partition say of values that an op needs whole on every device.
#pragma once

#include <limits>
#include <vector>

#include "runtime/replication.h"

namespace CLI {
class App;
}

namespace gshard {

struct ReplicationArguments {
  static constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  uint64_t forbidden = kNone;  // bytes from which on it is an error
};

// Declares --forbid-replication.
void add_replication_options(CLI::App& app, ReplicationArguments& arguments);

// Those that are large, after warnings of the first few. Throws Error(program), located, where one is forbidden.
std::vector<Replication> allowed_replications(const Module& prepared, const Partitioned& program,
                                              const PartitionOptions& options, const ReplicationArguments& arguments);

}  // namespace gshard
