// Mixing of hash values. Hashes are stable within one build of the program, not between builds.
#pragma once

#include <cstdint>
#include <functional>

namespace gshard {

inline void hash_combine(uint64_t& seed, uint64_t value) {
  seed ^= value + 0x9e3779b97f4a7c15ULL + (seed << 12) + (seed >> 4);
  seed *= 0xff51afd7ed558ccdULL;
  seed ^= seed >> 32;
}

template <class T>
uint64_t hash_of(const T& value) {
  return std::hash<T>{}(value);
}

}  // namespace gshard
