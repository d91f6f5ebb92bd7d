#include "runtime/output_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/error.h"

namespace gshard {

OutputFile::OutputFile(std::string path) : path_(std::move(path)), partial_(path_) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path_, ignored);
  if (std::filesystem::is_directory(status)) {
    throw Error::program(fmt::format("{}: it is a directory, not a file", path_));
  }
  if (!std::filesystem::exists(status) || std::filesystem::is_regular_file(status)) partial_ += ".partial";
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

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw Error::program(fmt::format("{}: cannot make this folder: {}", path, error.message()));
}

}  // namespace gshard
