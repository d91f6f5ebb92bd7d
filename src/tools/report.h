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

// Seconds, bytes sent, and the most that is held at once.
Json json_of(const Estimate& estimate);

// JSON text whatever the strings in it hold.
std::string json_text(const Json& json);

// "%x f32[8,16] (model.py:3), brought about by %dot": a value that is held in memory, for people.
std::string text_of(const LiveValue& value);
// That the machine has less memory than a program takes, and what takes most of it.
std::string shortage_text(const Estimate& shortage, const Machine& machine);

}  // namespace gshard
