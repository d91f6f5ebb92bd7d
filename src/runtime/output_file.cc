#include "runtime/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/error.h"

namespace gshard {
namespace {

bool renamed(const std::string& from, const std::string& to) { return std::rename(from.c_str(), to.c_str()) == 0; }

// Whether the two have each other's names now.
bool exchanged(const std::string& one, const std::string& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return false;
  // The file system, or its kernel, cannot do it at once.
  const std::string old = other + ".old";
  std::error_code ignored;
  std::filesystem::remove_all(old, ignored);  // of a process that was killed
  if (!renamed(other, old)) return false;
  if (renamed(one, other)) return renamed(old, one);
  const int reason = errno;
  renamed(old, other);
  errno = reason;
  return false;
}

}  // namespace

OutputFile::OutputFile(std::string path) : path_(std::move(path)), partial_(path_) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path_, ignored);
  if (std::filesystem::is_directory(status)) {
    throw Error::program(fmt::format("{}: it is a directory, not a file", path_));
  }
  // A link stays one, also that of /dev/stdout to the file that a shell opened.
  const bool is_link = std::filesystem::is_symlink(path_, ignored);
  const bool is_replaced = !std::filesystem::exists(status) || std::filesystem::is_regular_file(status);
  if (is_replaced && !is_link) partial_ += ".partial";
  file_ = std::fopen(partial_.c_str(), "wbe");
  if (file_ == nullptr) fail("cannot create it");
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      partial_(std::exchange(other.partial_, path_)),
      file_(std::exchange(other.file_, nullptr)) {
  other.path_ = path_;
}

OutputFile::~OutputFile() {
  if (file_ != nullptr) std::fclose(file_);
  if (is_renamed()) ::unlink(partial_.c_str());
}

void OutputFile::write(std::string_view bytes) { write(std::as_bytes(std::span(bytes))); }

void OutputFile::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;  // which may be nowhere
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail("cannot write it");
}

void OutputFile::close() {
  if (file_ == nullptr) return;
  const bool stored = std::fflush(file_) == 0 && (!is_renamed() || ::fsync(::fileno(file_)) == 0);
  const int reason = errno;
  const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
  if (!stored) errno = reason;
  if (!stored || !closed) fail("cannot write it");
}

void OutputFile::finish() {
  close();
  if (is_renamed() && std::rename(partial_.c_str(), path_.c_str()) != 0) fail("cannot rename it");
  partial_ = path_;
}

void OutputFile::fail(std::string_view what) const {
  throw Error::program(fmt::format("{}: {}: {}", path_, what, std::strerror(errno)));
}

void write_text(const std::string& path, std::string_view text) {
  OutputFile file(path);
  file.write(text);
  file.finish();
}

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw Error::program(fmt::format("{}: cannot make this folder: {}", path, error.message()));
}

void replace_folder(const std::string& made, const std::string& path) {
  std::error_code ignored;
  const bool is_done = std::filesystem::exists(path, ignored) ? exchanged(made, path) : renamed(made, path);
  if (!is_done) {
    throw Error::program(fmt::format("{}: cannot put the new one in its place: {}", path, std::strerror(errno)));
  }
  std::filesystem::remove_all(made, ignored);  // what stood there before, where something did
}

}  // namespace gshard
