// A file that stands under its name only once it is whole.
//
//   OutputFile out("corpus/train.tsv");   // writes corpus/train.tsv.partial
//   out.write("...\n");
//   out.finish();                         // renames it; without this, the partial file is removed
//
// What stood under the name before stays there until finish(). Devices, pipes and what links lead to are written to at once.
#pragma once

#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

namespace gshard {

class OutputFile {
 public:
  // Throws Error(program) with the path where it cannot be created; so do write() and finish() where they fail.
  explicit OutputFile(std::string path);
  OutputFile(OutputFile&& other) noexcept;
  ~OutputFile();

  const std::string& path() const { return path_; }
  // Where the content stands until finish().
  const std::string& partial_path() const { return partial_; }

  void write(std::string_view bytes);
  void write(std::span<const std::byte> bytes);
  // Brings what was written to the partial file, where others may read it. Nothing is written after it.
  void close();
  void finish();

 private:
  [[noreturn]] void fail(std::string_view what) const;
  bool is_renamed() const { return partial_ != path_; }

  std::string path_;
  std::string partial_;
  std::FILE* file_ = nullptr;
};

// A file that holds `text`. Throws Error(program) with the path and the reason.
void write_text(const std::string& path, std::string_view text);

// Makes a folder and those above it. Throws Error(program) where that fails or something else has that name.
void make_folder(const std::string& path);

// Puts a folder in the place of one that may be there, which is removed. One of the two stands under `path` at all
// times, but for a moment on file systems that cannot exchange names (NFS), where the one before is `path`.old then.
// Throws Error(program) with the path where that fails; what stood there before stays.
void replace_folder(const std::string& made, const std::string& path);

}  // namespace gshard
