#include "corpus/build_tokens.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <map>
#include <memory>
#include <span>

#include "base/error.h"
#include "runtime/output_file.h"
#include "corpus/sha256.h"
#include "corpus/text_lines.h"
#include "corpus/token_file.h"

namespace gshard {
namespace {

constexpr size_t kRowsAtATime = 4096;  // per thread
constexpr int64_t kRowsBetweenReports = 250'000;

std::array<char, 16> padded(const std::string& name) {
  std::array<char, 16> text{};
  std::copy_n(name.begin(), std::min(name.size(), text.size() - 1), text.begin());
  return text;
}

Digest digest_of_hex(const std::string& hex) {
  Digest digest{};
  for (size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  return digest;
}

struct EncodedPair {
  LanguagePair direction;
  std::vector<int32_t> source;
  std::vector<int32_t> target;
};

[[noreturn]] void fail(const std::string& path) {
  throw Error::program(fmt::format("{}: cannot write it: {}", path, std::strerror(errno)));
}

// A file mapped to be read and written; it goes with the object.
class ScratchEntries {
 public:
  ScratchEntries(const std::string& path, uint64_t count) : file_(path), bytes_(count * sizeof(TokenEntry)) {
    if (bytes_ == 0) return;
    const int descriptor = ::open(file_.partial_path().c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) fail(path);
    if (::ftruncate(descriptor, static_cast<off_t>(bytes_)) == 0) {
      map_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    }
    ::close(descriptor);
    if (map_ == MAP_FAILED) fail(path);
  }
  ~ScratchEntries() {
    if (map_ != MAP_FAILED) ::munmap(map_, bytes_);
  }
  ScratchEntries(const ScratchEntries&) = delete;
  ScratchEntries& operator=(const ScratchEntries&) = delete;

  TokenEntry& operator[](uint64_t i) { return static_cast<TokenEntry*>(map_)[i]; }
  std::string_view bytes() const { return bytes_ == 0 ? "" : std::string_view(static_cast<const char*>(map_), bytes_); }

 private:
  OutputFile file_;
  size_t bytes_;
  void* map_ = MAP_FAILED;
};

TokenHeader header_of(const CorpusSummary& summary, const Vocabularies& vocabularies) {
  TokenHeader header{};
  header.magic = kTokenMagic;
  header.source_vocabulary = vocabularies.source.size();
  header.target_vocabulary = vocabularies.target.size();
  header.token_bytes = std::max(header.source_vocabulary, header.target_vocabulary) <= 65536 ? 2 : 4;
  header.vocabulary = digest_of_hex(vocabularies.sha256());
  header.corpus = digest_of_hex(summary.sha256_of_all());
  return header;
}

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// A token file while it is made: tokens are appended, the index grows beside it and follows at the end.
class TokenWriter {
 public:
  TokenWriter(const std::string& path, const TokenHeader& header, std::vector<TokenDirection> directions)
      : header_(header), directions_(std::move(directions)), file_(path), index_(path + ".index", count_pairs()) {
    for (const TokenDirection& d : directions_)
      next_[{d.source.data(), d.target.data()}] = {d.first, d.first + d.count};
    file_.write(std::string(kTokenHeaderBytes, '\0'));
  }

  // Returns false where the description of the corpus has no place for the pair.
  bool add(const EncodedPair& pair) {
    Places& places = next_[pair.direction];
    if (places.next == places.end) return false;
    index_[places.next++] = {header_.tokens, static_cast<uint32_t>(pair.source.size()),
                             static_cast<uint32_t>(pair.target.size())};
    append(pair.source);
    append(pair.target);
    ++added_;
    return true;
  }
  bool is_complete() const { return added_ == header_.pairs; }

  // Closes the file and writes its checksums; rename() then puts it in its place.
  void close() {
    const TokenSections sections = sections_of(header_);
    const int64_t tokens_end = sections.tokens_at + static_cast<int64_t>(header_.tokens) * header_.token_bytes;
    file_.write(std::string(static_cast<size_t>(sections.index_at - tokens_end), '\0'));
    file_.write(index_.bytes());
    file_.write(bytes_of(directions_));
    file_.close();
    write_checksums(sections);
  }
  void finish() { file_.finish(); }

 private:
  struct Places {
    uint64_t next = 0;
    uint64_t end = 0;
  };

  uint64_t count_pairs() {
    for (const TokenDirection& d : directions_) header_.pairs += d.count;
    header_.directions = static_cast<uint32_t>(directions_.size());
    return header_.pairs;
  }
  void append(const std::vector<int32_t>& ids) {
    header_.tokens += ids.size();
    if (header_.token_bytes == 4) {
      file_.write(bytes_of(ids));
    } else {
      file_.write(bytes_of(std::vector<uint16_t>(ids.begin(), ids.end())));
    }
  }
  std::vector<uint32_t> checksums(int descriptor, const TokenSections& sections) const {
    std::vector<uint32_t> sums;
    std::vector<char> buffer(kTokenBlockBytes);
    for (int64_t block = 0; block < sections.blocks; ++block) {
      const auto size = static_cast<size_t>(sections.block_end(block) - sections.block_begin(block));
      if (::pread(descriptor, buffer.data(), size, sections.block_begin(block)) != static_cast<ssize_t>(size)) {
        fail(file_.path());
      }
      sums.push_back(crc32_of(buffer.data(), size));
    }
    return sums;
  }
  void write_checksums(const TokenSections& sections) {
    const int descriptor = ::open(file_.partial_path().c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) fail(file_.path());
    const std::vector<uint32_t> sums = checksums(descriptor, sections);
    const std::string_view sum_bytes = bytes_of(sums);
    header_.checksums_crc = crc32_of(sum_bytes.data(), sum_bytes.size());
    const std::string_view table = bytes_of(directions_);
    header_.directions_crc = crc32_of(table.data(), table.size());
    header_.header_crc = crc32_of(&header_, sizeof header_ - sizeof header_.header_crc);
    const bool written = ::pwrite(descriptor, sum_bytes.data(), sum_bytes.size(), sections.checksums_at) ==
                             static_cast<ssize_t>(sum_bytes.size()) &&
                         ::pwrite(descriptor, &header_, sizeof header_, 0) == static_cast<ssize_t>(sizeof header_) &&
                         ::fsync(descriptor) == 0;
    ::close(descriptor);
    if (!written) fail(file_.path());
  }

  TokenHeader header_;
  std::vector<TokenDirection> directions_;
  OutputFile file_;
  ScratchEntries index_;
  std::map<LanguagePair, Places> next_;
  uint64_t added_ = 0;
};

std::vector<TokenDirection> directions_in(const CorpusSummary& summary, Part part) {
  std::vector<TokenDirection> directions;
  uint64_t first = 0;
  for (const DirectionCounts& counts : directions_of(summary)) {
    const auto count = static_cast<uint64_t>(counts.pairs[static_cast<size_t>(part)]);
    if (count == 0) continue;
    directions.push_back({padded(counts.direction.source), padded(counts.direction.target), first, count});
    first += count;
  }
  return directions;
}

std::vector<EncodedPair> encode(std::span<const TextPair> pairs, const Vocabularies& v) {
  std::vector<EncodedPair> encoded;
  encoded.reserve(pairs.size());
  for (const TextPair& p : pairs) {
    encoded.push_back({{p.source_language, p.target_language},
                       v.encode_source(p.source, p.source_language, p.target_language),
                       v.encode_target(p.target)});
  }
  return encoded;
}

// The pieces that are single bytes.
std::vector<bool> byte_pieces(const Vocabulary& vocabulary) {
  std::vector<bool> are_bytes(static_cast<size_t>(vocabulary.size()));
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string piece = vocabulary.piece(id);
    are_bytes[static_cast<size_t>(id)] = piece.size() == 6 && piece.starts_with("<0x");
  }
  return are_bytes;
}

class PartBuilder {
 public:
  PartBuilder(const std::string& folder, Part part, const CorpusSummary& summary, const Vocabularies& vocabularies,
              const BuildPlan& plan)
      : path_(part_path(folder, part)),
        sha256_(summary.sha256[static_cast<size_t>(part)]),
        vocabularies_(vocabularies),
        threads_(static_cast<size_t>(std::clamp(plan.threads, 1, 256))),
        source_bytes_(byte_pieces(vocabularies.source)),
        target_bytes_(byte_pieces(vocabularies.target)),
        writer_(token_path(folder, part), header_of(summary, vocabularies), directions_in(summary, part)) {
    built_.part = part;
  }

  BuiltPart build(const Progress& progress) {
    TextLines lines(path_);
    std::vector<TextPair> rows;
    while (read_rows(lines, rows)) {
      const int64_t before = built_.pairs / kRowsBetweenReports;
      add(rows);
      if (built_.pairs / kRowsBetweenReports > before) progress(fmt::format("{}: {} pairs", path_, built_.pairs));
    }
    if (!writer_.is_complete() || to_hex(hash_.digest()) != sha256_) fail_for_text();
    writer_.close();
    return built_;
  }
  void finish() { writer_.finish(); }

 private:
  bool read_rows(TextLines& lines, std::vector<TextPair>& rows) {
    rows.clear();
    std::string line;
    while (rows.size() < threads_ * kRowsAtATime && lines.next(line)) {
      auto pair = parse_row(line);
      if (!pair) fail_for_text();
      hash_.add(line);
      hash_.add("\n");
      rows.push_back(std::move(*pair));
    }
    return !rows.empty();
  }
  void add(std::span<const TextPair> rows) {
    std::vector<std::future<std::vector<EncodedPair>>> parts;
    for (size_t first = 0; first < rows.size(); first += kRowsAtATime) {
      const auto part = rows.subspan(first, std::min(kRowsAtATime, rows.size() - first));
      parts.push_back(std::async(std::launch::async, [this, part] { return encode(part, vocabularies_); }));
    }
    for (auto& part : parts) {
      for (const EncodedPair& pair : part.get()) add(pair);
    }
  }
  void add(const EncodedPair& pair) {
    if (!writer_.add(pair)) fail_for_text();
    ++built_.pairs;
    built_.source_tokens += static_cast<int64_t>(pair.source.size());
    built_.target_tokens += static_cast<int64_t>(pair.target.size());
    for (const int32_t id : pair.source) built_.byte_tokens += source_bytes_[static_cast<size_t>(id)] ? 1 : 0;
    for (const int32_t id : pair.target) built_.byte_tokens += target_bytes_[static_cast<size_t>(id)] ? 1 : 0;
  }
  [[noreturn]] void fail_for_text() const {
    throw Error::program(path_ + ": it is not the text that corpus.json describes; import the corpus again");
  }

  std::string path_;
  std::string sha256_;  // that the text must have
  Sha256 hash_;
  const Vocabularies& vocabularies_;
  size_t threads_;
  std::vector<bool> source_bytes_;
  std::vector<bool> target_bytes_;
  TokenWriter writer_;
  BuiltPart built_;
};

}  // namespace

std::vector<BuiltPart> build_tokens(const std::string& folder, const BuildPlan& plan, const Progress& progress) {
  const CorpusSummary summary = read_corpus(folder);
  const bool own = plan.vocabulary_folder.empty();
  const Vocabularies vocabularies = Vocabularies::load(own ? folder : plan.vocabulary_folder);
  if (own && vocabularies.corpus_sha256 != summary.sha256_of_all()) {
    throw Error::usage(
        fmt::format("the vocabulary in {0} was made of another text than the corpus there is now; make it "
                    "again with 'gshard corpus vocab {0}', or name it with --vocab if it is to be used",
                    folder));
  }
  std::vector<std::unique_ptr<PartBuilder>> builders;
  std::vector<BuiltPart> built;
  for (const Part part : kParts) {
    builders.push_back(std::make_unique<PartBuilder>(folder, part, summary, vocabularies, plan));
    built.push_back(builders.back()->build(progress));
  }
  for (const auto& builder : builders) builder->finish();
  return built;
}

}  // namespace gshard
