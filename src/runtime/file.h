// Reading files, with one clear error for each way in which that fails.
//
//   std::string text = read_text("model.hlo");   // "-" is standard input
//   InputFile archive("data.npz");               // parts of a file, on demand
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace gshard {

// The largest text that is read; positions in it and the memory of its module stay sane below that.
inline constexpr int64_t kTextLimit = int64_t{4} << 30;

// The whole of a file, a pipe or ("-") standard input. Throws Error(program) that names the path and the reason,
// for an empty file and one beyond kTextLimit too.
std::string read_text(const std::string& path);

// How messages call it: the path, or "<stdin>" for "-".
std::string display_name(const std::string& path);

// A regular file that is read in parts. Not thread-safe.
class InputFile {
 public:
  // Throws Error(program) where it cannot be opened or is no regular file.
  explicit InputFile(std::string path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }
  // Fills `into` from `offset` on. Throws Error(program) where the file ends before.
  void read_at(int64_t offset, std::span<std::byte> into) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  int64_t size_ = 0;
};

}  // namespace gshard
