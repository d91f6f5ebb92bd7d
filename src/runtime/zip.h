// The zip container, as far as numpy's .npz files go: members stored or deflated, of any size (zip64).
//
//   ZipReader in("data.npz");
//   for (const ZipMember& member : in.members()) use(member.name, in.read(member));
//
//   ZipWriter out("result.npz");
//   out.add("x.npy", bytes);
//   out.finish();
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/file.h"
#include "runtime/output_file.h"

namespace gshard {

struct ZipMember {
  std::string name;
  bool deflated = false;
  uint32_t crc = 0;
  int64_t packed_size = 0;
  int64_t size = 0;
  int64_t offset = 0;  // of its local header
};

// Reads the directory at once and each member when asked. Throws Error(program) that names the file (and member) for
// anything that is not a well-formed archive; memory follows what the file holds, not what it claims.
class ZipReader {
 public:
  explicit ZipReader(const std::string& path);
  const std::vector<ZipMember>& members() const { return members_; }
  std::vector<std::byte> read(const ZipMember& member) const;

 private:
  void read_directory(int64_t offset, int64_t size);
  std::vector<std::byte> inflate_member(const ZipMember& member, int64_t offset) const;

  InputFile file_;
  std::vector<ZipMember> members_;
};

// Writes stored members one after another. Throws Error(program) with the path where writing fails. The file stands
// under its name only once it is finished.
class ZipWriter {
 public:
  explicit ZipWriter(std::string path) : ZipWriter(OutputFile(std::move(path))) {}
  explicit ZipWriter(OutputFile file) : file_(std::move(file)) {}

  // The member's content is the parts, one after another.
  void add(const std::string& name, std::span<const std::span<const std::byte>> parts);
  void finish();

 private:
  void write(std::span<const std::byte> bytes);

  OutputFile file_;
  int64_t offset_ = 0;
  std::vector<ZipMember> members_;
};

}  // namespace gshard
