// The options that say onto which devices a program is partitioned, and how.
//
//   gshard partition model.hlo --mesh fsdp=4,tensor=2 --annotate 'wi=fsdp,tensor'
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shard/partition.h"

namespace CLI {
class App;
}

namespace gshard {

struct ShardingArguments {
  uint64_t devices = 0;  // 0 where not given
  std::string mesh;
  std::vector<std::string> annotations;
  std::string machine;  // empty where not given
};

// Declares --devices, --mesh, --annotate and --machine.
void add_sharding_options(CLI::App& app, ShardingArguments& arguments);

// Whether one of them asks for a partitioned program. Throws Error(usage) where there is a machine for none.
bool asks_for_devices(const CLI::App& app);

// Throws Error(usage) where they cannot be read.
PartitionOptions partition_options(const ShardingArguments& arguments);

// Warns on stderr where neither the module nor the options say how anything is cut: then every device does all of it.
void warn_where_nothing_is_cut(const Module& module, const PartitionOptions& options);

// "fsdp=8 (11 more axes of size 1)", "one device".
std::string mesh_text(const Mesh& mesh);
// "8 devices, fsdp=8 (11 more axes of size 1)", "one device".
std::string devices_text(const Mesh& mesh);

}  // namespace gshard
