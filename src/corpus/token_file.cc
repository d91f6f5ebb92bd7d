#include "corpus/token_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace gshard {
namespace {

static_assert(std::endian::native == std::endian::little);

std::string name_of(const std::array<char, 16>& name) { return {name.data(), strnlen(name.data(), name.size())}; }

// Nothing where a damaged header says more than any file can hold.
constexpr int64_t kMostPairs = int64_t{1} << 40;
constexpr uint32_t kMostDirections = 1 << 20;

}  // namespace

TokenSections sections_of(const TokenHeader& header) {
  TokenSections s;
  const int64_t tokens_end = s.tokens_at + static_cast<int64_t>(header.tokens) * header.token_bytes;
  s.index_at = (tokens_end + 15) / 16 * 16;
  s.directions_at = s.index_at + static_cast<int64_t>(header.pairs * sizeof(TokenEntry));
  s.checksums_at = s.directions_at + static_cast<int64_t>(header.directions * sizeof(TokenDirection));
  s.blocks = (s.directions_at - s.tokens_at + kTokenBlockBytes - 1) / kTokenBlockBytes;
  s.end = s.checksums_at + 4 * s.blocks;
  return s;
}

std::string token_path(const std::string& folder, Part part) {
  return fmt::format("{}/{}.tokens", folder, gshard::name_of(part));
}

uint32_t crc32_of(const void* bytes, size_t size) {
  return static_cast<uint32_t>(crc32_z(0, static_cast<const Bytef*>(bytes), size));
}

TokenFile::TokenFile(const std::string& path) : path_(path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(fmt::format("cannot open it: {}", std::strerror(errno)));
  struct stat status {};
  ::fstat(descriptor, &status);
  size_ = status.st_size;
  void* map = MAP_FAILED;
  if (size_ >= kTokenHeaderBytes)
    map = ::mmap(nullptr, static_cast<size_t>(size_), PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int reason = errno;
  ::close(descriptor);
  if (size_ < kTokenHeaderBytes) fail("it is no token file; 'gshard corpus build' makes them");
  if (map == MAP_FAILED) fail(fmt::format("cannot map it: {}", std::strerror(reason)));
  data_ = static_cast<const std::byte*>(map);
  try {
    check_header();
    read_directions();
  } catch (...) {
    ::munmap(map, static_cast<size_t>(size_));
    throw;
  }
}

TokenFile::~TokenFile() { ::munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size_)); }

void TokenFile::fail(const std::string& what) const { throw Error::program(path_ + ": " + what); }

void TokenFile::check_header() {
  const TokenHeader& h = header();
  if (h.magic != kTokenMagic) fail("it is no token file of this version; 'gshard corpus build' makes them");
  const bool sane = h.header_crc == crc32_of(&h, sizeof h - sizeof h.header_crc) && h.directions <= kMostDirections &&
                    h.pairs <= kMostPairs && h.tokens <= kMostPairs && (h.token_bytes == 2 || h.token_bytes == 4);
  if (!sane) fail("its header is damaged; build the tokens again");
  sections_ = sections_of(h);
  if (size_ != sections_.end) {
    fail(fmt::format("it has {} bytes where {} belong; build the tokens again", size_, sections_.end));
  }
  if (crc32_of(data_ + sections_.checksums_at, static_cast<size_t>(4 * sections_.blocks)) != h.checksums_crc) {
    fail("its checksums are damaged; build the tokens again");
  }
  checked_ = std::make_unique<std::atomic<bool>[]>(static_cast<size_t>(sections_.blocks));
}

void TokenFile::read_directions() {
  const auto* directions = reinterpret_cast<const TokenDirection*>(data_ + sections_.directions_at);
  if (crc32_of(directions, header().directions * sizeof *directions) != header().directions_crc) {
    fail("its table of languages is damaged; build the tokens again");
  }
  for (const TokenDirection& d : std::span(directions, header().directions)) {
    if (d.first > header().pairs || d.count > header().pairs - d.first) fail("its table of languages makes no sense");
    directions_.push_back(
        {{name_of(d.source), name_of(d.target)}, static_cast<int64_t>(d.first), static_cast<int64_t>(d.count)});
  }
}

int64_t TokenFile::pairs_of(const std::string& direction) const {
  const auto has_name = [&](const DirectionRange& range) { return range.direction.name() == direction; };
  const auto found = std::ranges::find_if(directions_, has_name);
  return found == directions_.end() ? 0 : found->count;
}

void TokenFile::check_blocks(int64_t begin, int64_t end) const {
  for (int64_t block = (begin - sections_.tokens_at) / kTokenBlockBytes; sections_.block_begin(block) < end; ++block) {
    std::atomic<bool>& checked = checked_[static_cast<size_t>(block)];
    if (checked.load(std::memory_order_relaxed)) continue;
    const int64_t at = sections_.block_begin(block);
    const int64_t size = sections_.block_end(block) - at;
    uint32_t expected = 0;
    std::memcpy(&expected, data_ + sections_.checksums_at + 4 * block, sizeof expected);
    if (crc32_of(data_ + at, static_cast<size_t>(size)) != expected) {
      fail(fmt::format("its bytes {} to {} are damaged; build the tokens again", at, at + size));
    }
    checked.store(true, std::memory_order_relaxed);
  }
}

const TokenEntry& TokenFile::entry(int64_t pair) const {
  GSHARD_CHECK(pair >= 0 && pair < pairs());
  const int64_t at = sections_.index_at + pair * static_cast<int64_t>(sizeof(TokenEntry));
  check_blocks(at, at + static_cast<int64_t>(sizeof(TokenEntry)));
  return *reinterpret_cast<const TokenEntry*>(data_ + at);
}

TokenFile::Lengths TokenFile::lengths(int64_t pair) const {
  const TokenEntry& e = entry(pair);
  return {e.source, e.target};
}

TokenPair TokenFile::pair(int64_t pair) const {
  const TokenEntry& e = entry(pair);
  const uint64_t count = uint64_t{e.source} + e.target;
  if (e.offset > header().tokens || count > header().tokens - e.offset) {
    fail(fmt::format("pair {} lies outside of its tokens; build them again", pair));
  }
  const uint32_t bytes = header().token_bytes;
  const int64_t at = sections_.tokens_at + static_cast<int64_t>(e.offset) * bytes;
  check_blocks(at, at + static_cast<int64_t>(count) * bytes);
  return {TokenView(data_ + at, e.source, bytes), TokenView(data_ + at + int64_t{e.source} * bytes, e.target, bytes)};
}

void TokenFile::expect_vocabulary(const std::string& sha256, const std::string& of) const {
  if (vocabulary_sha256() == sha256) return;
  throw Error::program(
      fmt::format("{} was made with another vocabulary ({:.12}) than {} ({:.12}); build the tokens again "
                  "with that one",
                  path_, vocabulary_sha256(), of, sha256));
}

}  // namespace gshard
