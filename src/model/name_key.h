// A name as a key of random numbers.
#pragma once

#include <cstdint>
#include <string_view>

namespace gshard {

// The same on every machine and in every version: FNV-1a, 64 bits.
constexpr uint64_t name_key(std::string_view name) {
  uint64_t key = 0xcbf29ce484222325ULL;
  for (const char c : name) key = (key ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return key;
}

}  // namespace gshard
