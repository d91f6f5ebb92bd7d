#include "runtime/zip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace gshard {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kDirectoryEntry = 0x02014b50;
constexpr uint32_t kDirectoryEnd = 0x06054b50;
constexpr uint32_t kDirectoryEnd64 = 0x06064b50;
constexpr uint32_t kDirectoryEnd64Locator = 0x07064b50;
constexpr int64_t kLocalHeaderSize = 30;
constexpr size_t kDirectoryEntrySize = 46;
constexpr int64_t kDirectoryEndSize = 22;
constexpr int64_t kDirectoryEnd64Size = 56;
constexpr int64_t kLocatorSize = 20;
constexpr uint32_t kSee64 = 0xffffffff;  // a 32-bit field whose value stands in the zip64 extra field
constexpr uint16_t kExtra64 = 1;
constexpr uint16_t kEncrypted = 1;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;
constexpr size_t kChunk = size_t{1} << 18;

// Deflate packs at most about 1032 to 1; a member that claims more is not worth a try.
constexpr int64_t kMostInflation = 1040;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw Error::program(fmt::format("{}: {}", path, what));
}

uint64_t little_endian(std::span<const std::byte> bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= std::to_integer<uint64_t>(bytes[at + i]) << (8 * i);
  return value;
}
uint16_t u16(std::span<const std::byte> bytes, size_t at) { return static_cast<uint16_t>(little_endian(bytes, at, 2)); }
uint32_t u32(std::span<const std::byte> bytes, size_t at) { return static_cast<uint32_t>(little_endian(bytes, at, 4)); }
// Sizes and offsets; those beyond 2^62 fit no file and come back negative, which every range check refuses.
int64_t u64(std::span<const std::byte> bytes, size_t at) {
  const uint64_t value = little_endian(bytes, at, 8);
  return value < (uint64_t{1} << 62) ? static_cast<int64_t>(value) : -1;
}

std::vector<std::byte> read_part(const InputFile& file, int64_t offset, int64_t size) {
  if (offset < 0 || size < 0 || offset > file.size() || size > file.size() - offset) {
    fail(file.path(),
         fmt::format("not a well-formed zip archive: {} bytes at byte {} of {}", size, offset, file.size()));
  }
  std::vector<std::byte> part(static_cast<size_t>(size));
  file.read_at(offset, part);
  return part;
}

struct Directory {
  int64_t offset;
  int64_t size;
};

// The record at the end of the archive that says where the directory is; a comment may follow it.
Directory find_directory(const InputFile& file) {
  const int64_t tail_size = std::min<int64_t>(file.size(), kDirectoryEndSize + 0xffff);
  const std::vector<std::byte> tail = read_part(file, file.size() - tail_size, tail_size);
  int64_t at = tail_size - kDirectoryEndSize;
  while (at >= 0 && u32(tail, static_cast<size_t>(at)) != kDirectoryEnd) --at;
  if (at < 0) fail(file.path(), "not a zip archive (.npz): it has no directory at its end");
  const auto end = static_cast<size_t>(at);
  const Directory directory{u32(tail, end + 16), u32(tail, end + 12)};
  if (directory.offset != kSee64 && directory.size != kSee64) return directory;

  const int64_t end_offset = file.size() - tail_size + at;
  const auto locator = read_part(file, end_offset - kLocatorSize, kLocatorSize);
  if (u32(locator, 0) != kDirectoryEnd64Locator) return directory;
  const auto end64 = read_part(file, u64(locator, 8), kDirectoryEnd64Size);
  if (u32(end64, 0) != kDirectoryEnd64) fail(file.path(), "not a well-formed zip archive: no zip64 directory end");
  return {u64(end64, 48), u64(end64, 40)};
}

// Replaces the sizes and offset that did not fit 32 bits by those of the zip64 extra field.
void read_extra64(std::span<const std::byte> extra, ZipMember& member) {
  while (extra.size() >= 4) {
    const uint16_t id = u16(extra, 0);
    const size_t size = u16(extra, 2);
    if (size > extra.size() - 4) return;
    if (id == kExtra64) {
      size_t at = 4;
      for (int64_t* field : {&member.size, &member.packed_size, &member.offset}) {
        if (*field != kSee64 || at + 8 > 4 + size) continue;
        *field = u64(extra, at);
        at += 8;
      }
    }
    extra = extra.subspan(4 + size);
  }
}

class Inflater {
 public:
  Inflater() { ok_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Appends what `packed` unpacks to, up to `limit` bytes in all. False where the data is broken.
  bool feed(std::span<std::byte> packed, std::vector<std::byte>& out, int64_t limit) {
    stream_.next_in = reinterpret_cast<Bytef*>(packed.data());
    stream_.avail_in = static_cast<uInt>(packed.size());
    while (ok_ && !done_) {
      const size_t before = out.size();
      const size_t room = std::min<size_t>(kChunk, static_cast<size_t>(limit) - before);
      std::byte spare{};
      if (room > 0) out.resize(before + room);
      stream_.next_out = reinterpret_cast<Bytef*>(room > 0 ? out.data() + before : &spare);
      stream_.avail_out = static_cast<uInt>(room > 0 ? room : 1);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      const bool overflow = room == 0 && stream_.avail_out == 0;
      if (room > 0) out.resize(before + room - stream_.avail_out);
      ok_ = (status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR) && !overflow;
      done_ = status == Z_STREAM_END;
      if (stream_.avail_in == 0 && stream_.avail_out > 0) break;
    }
    return ok_;
  }
  bool done() const { return done_; }

 private:
  z_stream stream_{};
  bool ok_ = false;
  bool done_ = false;
};

uint32_t crc_of(uint32_t crc, std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(crc32_z(crc, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// Bytes of one record, appended field by field.
class Record {
 public:
  Record& put(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
    return *this;
  }
  Record& u16(uint64_t value) { return put(value, 2); }
  Record& u32(uint64_t value) { return put(value, 4); }
  Record& u64(uint64_t value) { return put(value, 8); }
  Record& text(std::string_view text) {
    for (char c : text) bytes_.push_back(static_cast<std::byte>(c));
    return *this;
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

constexpr uint16_t kVersion = 20;     // what a reader must know: deflate and folders,
constexpr uint16_t kVersion64 = 45;   // or zip64
constexpr uint16_t kDate1980 = 0x21;  // the first of January 1980: the same content gives the same file
constexpr uint64_t kManyMembers = 0xffff;

bool fits_32(int64_t value) { return value < static_cast<int64_t>(kSee64); }
uint64_t field_32(int64_t value) { return fits_32(value) ? static_cast<uint64_t>(value) : kSee64; }

// The zip64 extra field with those values that do not fit 32 bits; empty where all fit.
Record extra64(std::initializer_list<int64_t> values) {
  const auto big = std::count_if(values.begin(), values.end(), [](int64_t value) { return !fits_32(value); });
  Record record;
  if (big == 0) return record;
  record.u16(kExtra64).u16(static_cast<uint64_t>(big) * 8);
  for (int64_t value : values) {
    if (!fits_32(value)) record.u64(static_cast<uint64_t>(value));
  }
  return record;
}

uint16_t version_for(const Record& extra) { return extra.bytes().empty() ? kVersion : kVersion64; }

}  // namespace

ZipReader::ZipReader(const std::string& path) : file_(path) {
  const Directory directory = find_directory(file_);
  read_directory(directory.offset, directory.size);
}

void ZipReader::read_directory(int64_t offset, int64_t size) {
  const std::vector<std::byte> bytes = read_part(file_, offset, size);
  std::span<const std::byte> rest = bytes;
  while (rest.size() >= kDirectoryEntrySize && u32(rest, 0) == kDirectoryEntry) {
    const size_t name_size = u16(rest, 28);
    const size_t extra_size = u16(rest, 30);
    const size_t whole = kDirectoryEntrySize + name_size + extra_size + u16(rest, 32);
    if (whole > rest.size()) fail(file_.path(), "not a well-formed zip archive: its directory is cut off");
    ZipMember member;
    member.name.assign(reinterpret_cast<const char*>(rest.data()) + kDirectoryEntrySize, name_size);
    member.crc = u32(rest, 16);
    member.packed_size = u32(rest, 20);
    member.size = u32(rest, 24);
    member.offset = u32(rest, 42);
    read_extra64(rest.subspan(kDirectoryEntrySize + name_size, extra_size), member);
    const uint16_t method = u16(rest, 10);
    if ((u16(rest, 8) & kEncrypted) != 0) fail(file_.path(), fmt::format("member '{}' is encrypted", member.name));
    if (method != kStored && method != kDeflated) {
      fail(file_.path(),
           fmt::format("member '{}' is packed by method {}; only stored and deflate are read", member.name, method));
    }
    member.deflated = method == kDeflated;
    members_.push_back(std::move(member));
    rest = rest.subspan(whole);
  }
}

std::vector<std::byte> ZipReader::inflate_member(const ZipMember& member, int64_t offset) const {
  Inflater inflater;
  std::vector<std::byte> out;
  int64_t at = 0;
  while (at < member.packed_size && !inflater.done()) {
    const int64_t size = std::min<int64_t>(member.packed_size - at, kChunk);
    std::vector<std::byte> packed = read_part(file_, offset + at, size);
    if (!inflater.feed(packed, out, member.size)) {
      fail(file_.path(), fmt::format("member '{}' cannot be unpacked: its data is damaged", member.name));
    }
    at += size;
  }
  return out;
}

std::vector<std::byte> ZipReader::read(const ZipMember& member) const {
  const auto header = read_part(file_, member.offset, kLocalHeaderSize);
  if (u32(header, 0) != kLocalHeader) {
    fail(file_.path(), fmt::format("member '{}' does not stand where the directory says", member.name));
  }
  const int64_t offset = member.offset + kLocalHeaderSize + u16(header, 26) + u16(header, 28);
  if (member.deflated ? member.size / kMostInflation > member.packed_size : member.size != member.packed_size) {
    fail(file_.path(),
         fmt::format("member '{}' claims {} bytes out of {}", member.name, member.size, member.packed_size));
  }
  std::vector<std::byte> bytes =
      member.deflated ? inflate_member(member, offset) : read_part(file_, offset, member.size);
  if (static_cast<int64_t>(bytes.size()) != member.size || crc_of(0, bytes) != member.crc) {
    fail(file_.path(), fmt::format("member '{}' is damaged: its checksum does not match", member.name));
  }
  return bytes;
}

void ZipWriter::write(std::span<const std::byte> bytes) {
  file_.write(bytes);
  offset_ += static_cast<int64_t>(bytes.size());
}

void ZipWriter::add(const std::string& name, std::span<const std::span<const std::byte>> parts) {
  ZipMember member;
  member.name = name;
  member.offset = offset_;
  for (const auto& part : parts) {
    member.crc = crc_of(member.crc, part);
    member.size += static_cast<int64_t>(part.size());
  }
  const Record extra = extra64({member.size, member.size});
  Record header;
  header.u32(kLocalHeader).u16(version_for(extra)).u16(0).u16(kStored).u16(0).u16(kDate1980).u32(member.crc);
  header.u32(field_32(member.size)).u32(field_32(member.size)).u16(name.size()).u16(extra.bytes().size()).text(name);
  write(header.bytes());
  write(extra.bytes());
  for (const auto& part : parts) write(part);
  members_.push_back(std::move(member));
}

void ZipWriter::finish() {
  const int64_t directory = offset_;
  for (const ZipMember& member : members_) {
    const Record extra = extra64({member.size, member.size, member.offset});
    const uint16_t version = version_for(extra);
    Record entry;
    entry.u32(kDirectoryEntry).u16(version).u16(version).u16(0).u16(kStored).u16(0).u16(kDate1980).u32(member.crc);
    entry.u32(field_32(member.size)).u32(field_32(member.size)).u16(member.name.size()).u16(extra.bytes().size());
    entry.u16(0).u16(0).u16(0).u32(0).u32(field_32(member.offset)).text(member.name);
    write(entry.bytes());
    write(extra.bytes());
  }
  const int64_t end_offset = offset_;
  const int64_t size = end_offset - directory;
  const auto count = static_cast<uint64_t>(members_.size());
  Record end;
  if (count >= kManyMembers || !fits_32(end_offset)) {
    end.u32(kDirectoryEnd64).u64(kDirectoryEnd64Size - 12).u16(kVersion64).u16(kVersion64).u32(0).u32(0);
    end.u64(count).u64(count).u64(static_cast<uint64_t>(size)).u64(static_cast<uint64_t>(directory));
    end.u32(kDirectoryEnd64Locator).u32(0).u64(static_cast<uint64_t>(end_offset)).u32(1);
  }
  const uint64_t count_16 = std::min(count, kManyMembers);
  end.u32(kDirectoryEnd).u16(0).u16(0).u16(count_16).u16(count_16).u32(field_32(size)).u32(field_32(directory)).u16(0);
  write(end.bytes());
  file_.finish();
}

}  // namespace gshard
