// The partitioner's decisions as JSON, for `gshard partition --report` and `gshard explain --json`.
#pragma once

#include <nlohmann/json.hpp>

#include "runtime/communication.h"
#include "runtime/replication.h"

namespace gshard {

using Json = nlohmann::ordered_json;

// [{"name": "fsdp", "size": 4}, ...].
Json json_of(const Mesh& mesh);
Json json_of(const std::vector<Communication>& communications, const Mesh& mesh);
Json json_of(const std::vector<Replication>& replications, const Mesh& mesh);

// JSON text whatever the strings in it hold.
std::string json_text(const Json& json);

}  // namespace gshard
