// Token files: the pairs of one part of a corpus as token ids, read through a memory map.
//
//   const TokenFile tokens("corpus/train.tokens");
//   const TokenPair pair = tokens.pair(17);    // pair.source and pair.target: ids, each with kEnd last
//
// The format, all numbers little-endian:
//
//   header       256 bytes: TokenHeader, zeros
//   tokens       16 or 32 bits each: a pair's source, then its target; zeros up to a multiple of 16 bytes
//   index        TokenEntry for each pair; the pairs of a direction stand together
//   directions   TokenDirection each
//   checksums    CRC-32 of each block of 1 MiB of tokens and index
//
// The header, the directions and the checksums are checked when the file is opened, each block when it is first read,
// so that a file larger than the memory is opened at once and damage is never trained on.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/sha256.h"

namespace gshard {

inline constexpr std::array<char, 8> kTokenMagic = {'G', 'S', 'H', 'T', 'O', 'K', '1', '\n'};
inline constexpr int64_t kTokenHeaderBytes = 256;
inline constexpr int64_t kTokenBlockBytes = int64_t{1} << 20;

struct TokenHeader {
  std::array<char, 8> magic;
  uint32_t token_bytes;  // 2 or 4
  uint32_t directions;
  uint64_t pairs;
  uint64_t tokens;
  int32_t source_vocabulary;  // sizes
  int32_t target_vocabulary;
  Digest vocabulary;        // Vocabularies::sha256()
  Digest corpus;            // CorpusSummary::sha256_of_all()
  uint32_t directions_crc;  // of the directions
  uint32_t checksums_crc;   // of the checksums
  uint32_t reserved;
  uint32_t header_crc;  // of all before it
};
static_assert(sizeof(TokenHeader) == 8 + 2 * 4 + 2 * 8 + 2 * 4 + 2 * 32 + 4 * 4);

struct TokenDirection {
  std::array<char, 16> source;  // names, with zeros behind
  std::array<char, 16> target;
  uint64_t first;  // pair
  uint64_t count;
};
static_assert(sizeof(TokenDirection) == 48);

struct TokenEntry {
  uint64_t offset;  // in tokens, of the source's first
  uint32_t source;  // counts
  uint32_t target;
};
static_assert(sizeof(TokenEntry) == 16);

// Where what stands in the file, in bytes. Tokens and index lie between tokens_at and directions_at.
struct TokenSections {
  int64_t tokens_at = kTokenHeaderBytes;
  int64_t index_at = 0;
  int64_t directions_at = 0;
  int64_t checksums_at = 0;
  int64_t blocks = 0;
  int64_t end = 0;

  int64_t block_begin(int64_t block) const { return tokens_at + block * kTokenBlockBytes; }
  int64_t block_end(int64_t block) const { return std::min(block_begin(block + 1), directions_at); }
};
TokenSections sections_of(const TokenHeader& header);

// "corpus/train.tokens".
std::string token_path(const std::string& folder, Part part);

uint32_t crc32_of(const void* bytes, size_t size);

// A view of token ids in the file.
class TokenView {
 public:
  TokenView(const std::byte* data, size_t size, uint32_t token_bytes) : data_(data), size_(size), bytes_(token_bytes) {}
  size_t size() const { return size_; }
  int32_t operator[](size_t i) const {
    return bytes_ == 2 ? reinterpret_cast<const uint16_t*>(data_)[i] : reinterpret_cast<const int32_t*>(data_)[i];
  }

 private:
  const std::byte* data_;
  size_t size_;
  uint32_t bytes_;
};

struct TokenPair {
  TokenView source;
  TokenView target;
};

// Thread-safe.
class TokenFile {
 public:
  struct DirectionRange {
    LanguagePair direction;
    int64_t first;  // pair
    int64_t count;
  };
  struct Lengths {
    int64_t source;
    int64_t target;
  };

  // Throws Error(program) where it cannot be opened, is no token file, is cut off or damaged.
  explicit TokenFile(const std::string& path);
  ~TokenFile();
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;

  const std::string& path() const { return path_; }
  int64_t pairs() const { return static_cast<int64_t>(header().pairs); }
  int64_t tokens() const { return static_cast<int64_t>(header().tokens); }
  const std::vector<DirectionRange>& directions() const { return directions_; }
  // Of the direction with this name, as "de-en"; 0 where it has none.
  int64_t pairs_of(const std::string& direction) const;
  int32_t source_vocabulary() const { return header().source_vocabulary; }
  int32_t target_vocabulary() const { return header().target_vocabulary; }
  std::string vocabulary_sha256() const { return to_hex(header().vocabulary); }
  std::string corpus_sha256() const { return to_hex(header().corpus); }

  // With kEnd; read from the index alone. These throw Error(program) where the block they touch is damaged.
  Lengths lengths(int64_t pair) const;
  TokenPair pair(int64_t pair) const;

  // Throws Error(program) that names both, where the tokens were made with another vocabulary.
  void expect_vocabulary(const std::string& sha256, const std::string& of) const;

 private:
  const TokenHeader& header() const { return *reinterpret_cast<const TokenHeader*>(data_); }
  void check_header();
  void read_directions();
  const TokenEntry& entry(int64_t pair) const;
  // Checks the blocks that hold these bytes of tokens and index.
  void check_blocks(int64_t begin, int64_t end) const;
  [[noreturn]] void fail(const std::string& what) const;

  std::string path_;
  const std::byte* data_ = nullptr;
  int64_t size_ = 0;
  TokenSections sections_;
  std::vector<DirectionRange> directions_;
  mutable std::unique_ptr<std::atomic<bool>[]> checked_;  // by block
};

}  // namespace gshard
