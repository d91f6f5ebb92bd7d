#include "corpus/text_lines.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "runtime/file.h"

namespace gshard {
namespace {

constexpr size_t kChunk = size_t{1} << 17;

[[noreturn]] void fail(const std::string& path, std::string_view what) {
  throw Error::program(fmt::format("{}: {}", display_name(path), what));
}

}  // namespace

class TextLines::Bytes {
 public:
  virtual ~Bytes() = default;
  // At least one byte into `into`, or 0 at the end.
  virtual size_t read(std::span<char> into) = 0;
};

namespace {

class PlainBytes : public TextLines::Bytes {
 public:
  explicit PlainBytes(const std::string& path)
      : path_(path), file_(path == "-" ? stdin : std::fopen(path.c_str(), "rbe")) {
    if (file_ == nullptr) fail(path, fmt::format("cannot open it: {}", std::strerror(errno)));
  }
  ~PlainBytes() override {
    if (file_ != stdin) std::fclose(file_);
  }
  size_t read(std::span<char> into) override {
    const size_t count = std::fread(into.data(), 1, into.size(), file_);
    if (count == 0 && std::ferror(file_) != 0) fail(path_, fmt::format("cannot read it: {}", std::strerror(errno)));
    return count;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::FILE* file_;
};

// What was read already to see which format it is, and then the rest.
class PeekedBytes : public TextLines::Bytes {
 public:
  explicit PeekedBytes(const std::string& path) : rest_(path) {
    while (head_size_ < head_.size()) {
      const size_t count = rest_.read(std::span(head_).subspan(head_size_));
      if (count == 0) break;
      head_size_ += count;
    }
  }
  std::string_view head() const { return {head_.data(), head_size_}; }
  const std::string& path() const { return rest_.path(); }
  size_t read(std::span<char> into) override {
    if (given_ == head_size_) return rest_.read(into);
    const size_t count = std::min(into.size(), head_size_ - given_);
    std::memcpy(into.data(), head_.data() + given_, count);
    given_ += count;
    return count;
  }

 private:
  PlainBytes rest_;
  std::array<char, 4> head_{};
  size_t head_size_ = 0;
  size_t given_ = 0;
};

// What both decompressors share: a buffer of packed bytes.
class PackedInput {
 public:
  explicit PackedInput(std::unique_ptr<PeekedBytes> packed) : packed_(std::move(packed)), buffer_(kChunk) {}
  // The next packed bytes; empty at the end of the file.
  std::span<char> more() { return std::span(buffer_).first(packed_->read(buffer_)); }
  const std::string& path() const { return packed_->path(); }

 private:
  std::unique_ptr<PeekedBytes> packed_;
  std::vector<char> buffer_;
};

class GzipBytes : public TextLines::Bytes {
 public:
  explicit GzipBytes(std::unique_ptr<PeekedBytes> packed) : input_(std::move(packed)) {
    GSHARD_CHECK(inflateInit2(&stream_, 16 + MAX_WBITS) == Z_OK);
  }
  ~GzipBytes() override { inflateEnd(&stream_); }
  size_t read(std::span<char> into) override {
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = static_cast<uInt>(into.size());
    while (stream_.avail_out == into.size()) {
      if (stream_.avail_in == 0 && !take_more()) return 0;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {  // another member may follow
        inside_ = false;
        inflateReset(&stream_);
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        fail(input_.path(), fmt::format("its gzip data is damaged ({})", stream_.msg ? stream_.msg : "unknown reason"));
      }
    }
    return into.size() - stream_.avail_out;
  }

 private:
  bool take_more() {
    const std::span<char> packed = input_.more();
    if (packed.empty() && inside_) fail(input_.path(), "its gzip data ends in the middle; the file is cut off");
    stream_.next_in = reinterpret_cast<Bytef*>(packed.data());
    stream_.avail_in = static_cast<uInt>(packed.size());
    inside_ = inside_ || !packed.empty();
    return !packed.empty();
  }

  PackedInput input_;
  z_stream stream_{};
  bool inside_ = false;
};

class ZstdBytes : public TextLines::Bytes {
 public:
  explicit ZstdBytes(std::unique_ptr<PeekedBytes> packed) : input_(std::move(packed)), context_(ZSTD_createDCtx()) {
    GSHARD_CHECK(context_ != nullptr);
  }
  ~ZstdBytes() override { ZSTD_freeDCtx(context_); }
  size_t read(std::span<char> into) override {
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    while (out.pos == 0) {
      if (packed_.pos == packed_.size && !take_more()) return 0;
      const size_t left = ZSTD_decompressStream(context_, &out, &packed_);
      if (ZSTD_isError(left) != 0) {
        fail(input_.path(), fmt::format("its zstd data is damaged ({})", ZSTD_getErrorName(left)));
      }
      inside_ = left != 0;
    }
    return out.pos;
  }

 private:
  bool take_more() {
    const std::span<char> packed = input_.more();
    if (packed.empty() && inside_) fail(input_.path(), "its zstd data ends in the middle; the file is cut off");
    packed_ = {packed.data(), packed.size(), 0};
    return !packed.empty();
  }

  PackedInput input_;
  ZSTD_DCtx* context_;
  ZSTD_inBuffer packed_{};
  bool inside_ = false;
};

std::unique_ptr<TextLines::Bytes> open_bytes(const std::string& path) {
  auto file = std::make_unique<PeekedBytes>(path);
  const std::string_view head = file->head();
  if (head.starts_with("\x1f\x8b")) return std::make_unique<GzipBytes>(std::move(file));
  if (head == "\x28\xb5\x2f\xfd") return std::make_unique<ZstdBytes>(std::move(file));
  if (head.starts_with("\xff\xfe") || head.starts_with("\xfe\xff")) {
    fail(path, fmt::format("it is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8 {0} > {0}.utf8", path));
  }
  return file;
}

}  // namespace

TextLines::TextLines(const std::string& path) : path_(path), bytes_(open_bytes(path)) {}

TextLines::~TextLines() = default;

TextPosition TextLines::position(int64_t column) const { return {display_name(path_), number_, column, ""}; }

// Moves what is left to the front and reads more behind it; false at the end.
bool TextLines::fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t left = buffer_.size();
  buffer_.resize(left + kChunk);
  const size_t count = bytes_->read(std::span(buffer_).subspan(left));
  buffer_.resize(left + count);
  return count > 0;
}

bool TextLines::next(std::string& line) {
  size_t searched = at_;
  size_t end = 0;
  while ((end = buffer_.find('\n', searched)) == std::string::npos) {
    const size_t pending = buffer_.size() - at_;
    if (pending > kLongestLine) {
      ++number_;
      throw Error::program(fmt::format("a line of more than {} KiB; is this text?", kLongestLine >> 10))
          .at(position(1));
    }
    if (fill()) {
      searched = at_ + pending;
      continue;
    }
    if (buffer_.empty()) return false;
    end = buffer_.size();
    break;
  }
  ++number_;
  std::string_view text(buffer_.data() + at_, end - at_);
  at_ = std::min(end + 1, buffer_.size());
  if (number_ == 1 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  if (text.ends_with('\r')) text.remove_suffix(1);
  line.assign(text);
  return true;
}

}  // namespace gshard
