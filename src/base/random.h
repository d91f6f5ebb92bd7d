// Counter-based random bits: a block of bits is a pure function of a key and a counter, so any element of a random
// array can be made on its own, on any device and in any order.
//
//   const auto bits = philox4x32({index, 0, 0, 0}, {seed, 0});   // four words for element `index`
#pragma once

#include <array>
#include <cstdint>

namespace gshard {

// Philox4x32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3").
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// Threefry2x32 with 20 rounds (same paper).
std::array<uint32_t, 2> threefry2x32(std::array<uint32_t, 2> counter, std::array<uint32_t, 2> key);

// 64 bits of the Philox stream `key` at `index`.
uint64_t random_bits(uint64_t key, uint64_t index);

// The highest bits as a number in [0, 1).
constexpr double unit_interval(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

}  // namespace gshard
