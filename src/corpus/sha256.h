// SHA-256 (FIPS 180-4), for the identity of corpora, vocabularies and test sets.
//
//   Sha256 hash;
//   hash.add("abc");
//   to_hex(hash.digest());   // "ba7816bf..."
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gshard {

using Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  void add(std::string_view bytes);
  // The digest of all that was added; nothing may be added after it.
  Digest digest();

 private:
  void compress(const uint8_t* block);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> block_{};
  uint64_t size_ = 0;
};

// 64 lower-case hexadecimal digits.
std::string to_hex(const Digest& digest);
// The digest of a whole file. Throws Error(program) where it cannot be read.
Digest sha256_of_file(const std::string& path);

}  // namespace gshard
