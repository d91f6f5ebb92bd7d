#include "corpus/output_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/error.h"

namespace gshard {

OutputFile::OutputFile(std::string path) : path_(std::move(path)), partial_(path_ + ".partial") {
  file_ = std::fopen(partial_.c_str(), "wbe");
  if (file_ == nullptr) fail("cannot create it");
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      partial_(std::exchange(other.partial_, "")),
      file_(std::exchange(other.file_, nullptr)) {}

OutputFile::~OutputFile() {
  if (file_ != nullptr) std::fclose(file_);
  if (!partial_.empty()) ::unlink(partial_.c_str());
}

void OutputFile::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail("cannot write it");
}

void OutputFile::close() {
  if (file_ == nullptr) return;
  const bool stored = std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0;
  const int reason = errno;
  std::fclose(std::exchange(file_, nullptr));
  errno = reason;
  if (!stored) fail("cannot write it");
}

void OutputFile::finish() {
  close();
  if (std::rename(partial_.c_str(), path_.c_str()) != 0) fail("cannot rename it");
  partial_.clear();
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
