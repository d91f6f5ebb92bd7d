#include "runtime/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace gshard {
namespace {

constexpr size_t kReadChunk = size_t{1} << 20;

Error file_error(const std::string& path, std::string_view what) {
  return Error::program(fmt::format("{}: {}", display_name(path), what));
}

// A descriptor that closes itself, unless it is one of the process's own streams.
class Descriptor {
 public:
  Descriptor(int number, bool owned) : number_(number), owned_(owned) {}
  ~Descriptor() {
    if (owned_) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
  bool owned_;
};

int open_to_read(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw file_error(path, fmt::format("cannot open it: {}", std::strerror(errno)));
  return descriptor;
}

struct stat status_of(const std::string& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw file_error(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) throw file_error(path, "it is a directory, not a file");
  return status;
}

std::string read_all(const std::string& path, int descriptor, size_t size_hint) {
  std::string text;
  text.resize(size_hint + 1);  // one more, so that the read that finds the end needs no growth
  size_t filled = 0;
  while (true) {
    if (filled == text.size()) text.resize(text.size() + std::max(kReadChunk, text.size() / 2));
    const ssize_t got = ::read(descriptor, text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw file_error(path, fmt::format("cannot read it: {}", std::strerror(errno)));
    if (got == 0) break;
    filled += static_cast<size_t>(got);
    if (filled > static_cast<size_t>(kTextLimit)) {
      throw file_error(path, fmt::format("it is larger than {} GiB, the most that is read", kTextLimit >> 30));
    }
  }
  text.resize(filled);
  return text;
}

}  // namespace

std::string display_name(const std::string& path) { return path == "-" ? "<stdin>" : path; }

std::string read_text(const std::string& path) {
  const bool standard = path == "-";
  const Descriptor descriptor(standard ? STDIN_FILENO : open_to_read(path), !standard);
  const struct stat status = status_of(path, descriptor.number());
  const bool sized = S_ISREG(status.st_mode) && status.st_size <= kTextLimit;
  std::string text = read_all(path, descriptor.number(), sized ? static_cast<size_t>(status.st_size) : kReadChunk);
  if (text.empty()) throw file_error(path, "it is empty");
  return text;
}

InputFile::InputFile(std::string path) : path_(std::move(path)), descriptor_(open_to_read(path_)) {
  try {
    const struct stat status = status_of(path_, descriptor_);
    if (!S_ISREG(status.st_mode)) throw file_error(path_, "it is not a regular file");
    size_ = status.st_size;
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read_at(int64_t offset, std::span<std::byte> into) const {
  while (!into.empty()) {
    const ssize_t got = ::pread(descriptor_, into.data(), into.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw file_error(path_, fmt::format("cannot read it: {}", std::strerror(errno)));
    if (got == 0) throw file_error(path_, fmt::format("it ends at byte {}, before its content does", size_));
    offset += got;
    into = into.subspan(static_cast<size_t>(got));
  }
}

}  // namespace gshard
