#include "corpus/import.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <tuple>

#include "base/error.h"
#include "runtime/output_file.h"
#include "corpus/repeat_limit.h"
#include "corpus/sha256.h"
#include "corpus/text_lines.h"
#include "corpus/unicode.h"
#include "runtime/file.h"

namespace gshard {
namespace {

// Of the lines of a file, one in so many may be malformed.
constexpr int64_t kMalformedLines = 100;
constexpr int64_t kRowsBetweenReports = 200'000;

// "europarl" for "data/europarl.tsv.gz".
std::string stem_of(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  return name.substr(0, name.find('.', 1));
}

// Whether a row names columns: "source_language", "target_language", "source", "target". Names of languages that people
// use begin with two or three letters.
bool is_heading(const TextPair& row) {
  const auto is_code = [](const std::string& name) {
    const size_t letters = std::min(name.find_first_of("-_"), name.size());
    return letters == 2 || letters == 3;
  };
  const auto is_word = [](const std::string& text) { return text.find(' ') == std::string::npos; };
  return !is_code(row.source_language) && !is_code(row.target_language) && is_word(row.source) && is_word(row.target);
}

// The rows of an input, one after another.
class Rows {
 public:
  virtual ~Rows() = default;
  enum class Outcome { row, malformed, end };
  virtual Outcome next(TextPair& pair) = 0;
  virtual const TextLines& lines() const = 0;
};

class TsvRows : public Rows {
 public:
  explicit TsvRows(const std::string& path) : lines_(path), origin_(stem_of(path)) {}
  Outcome next(TextPair& pair) override {
    if (!lines_.next(line_)) return Outcome::end;
    auto row = parse_row(line_);
    if (!row || !is_language_name(row->source_language) || !is_language_name(row->target_language)) {
      return Outcome::malformed;
    }
    if (lines_.number() == 1 && is_heading(*row)) return Outcome::malformed;
    pair = std::move(*row);
    if (pair.origin.empty()) pair.origin = origin_;
    return Outcome::row;
  }
  const TextLines& lines() const override { return lines_; }

 private:
  TextLines lines_;
  std::string line_;
  std::string origin_;
};

class PlainRows : public Rows {
 public:
  explicit PlainRows(const ImportInput& input)
      : source_(input.path), target_(input.target_path), direction_(input.direction), origin_(stem_of(input.path)) {}
  Outcome next(TextPair& pair) override {
    pair = {direction_.source, direction_.target, "", "", origin_, ""};
    const bool more = source_.next(pair.source);
    if (more != target_.next(pair.target)) fail_for_lengths();
    std::replace(pair.source.begin(), pair.source.end(), '\t', ' ');
    std::replace(pair.target.begin(), pair.target.end(), '\t', ' ');
    return more ? Outcome::row : Outcome::end;
  }
  const TextLines& lines() const override { return source_; }

 private:
  [[noreturn]] void fail_for_lengths() {
    std::string line;
    while (source_.next(line)) continue;
    while (target_.next(line)) continue;
    throw Error::program(fmt::format("{} has {} lines and {} has {}; line by line they must be translations",
                                     source_.path(), source_.number(), target_.path(), target_.number()));
  }

  TextLines source_;
  TextLines target_;
  LanguagePair direction_;
  std::string origin_;
};

// What stands in the way of a file that is not what it was said to be.
class Malformed {
 public:
  void note(const TextLines& lines, Drop drop) {
    if (count_++ > 0) return;
    first_ = lines.position(1);
    what_ = drop == Drop::encoding ? "this line is no UTF-8; convert the file first, as in 'iconv -f LATIN1 -t UTF-8'"
                                   : "this line has not the columns source language, target language, source, target "
                                     "[, origin [, document]] with tabs between them";
  }
  void judge(int64_t lines) const {
    if (count_ * kMalformedLines <= lines) return;
    throw Error::program(count_ == 1 ? what_
                                     : fmt::format("{} (and {} more such lines of {})", what_, count_ - 1, lines))
        .at(first_);
  }

 private:
  int64_t count_ = 0;
  TextPosition first_;
  std::string what_;
};

// The kept rows of all files, before any are held out: "-" or the number of the part that was given, then the row with
// its document.
class CleanedRows {
 public:
  explicit CleanedRows(const std::string& folder) : file_(folder + "/cleaned.tsv") {}

  void add(const TextPair& pair, std::optional<Part> given) {
    std::string row = row_of(pair);
    row.back() = '\t';
    const char part = given ? static_cast<char>('0' + static_cast<int>(*given)) : '-';
    file_.write(fmt::format("{}{}{}\n", part, row, pair.document));
  }
  void close() { file_.close(); }

  template <class See>
  void for_each(const See& see) const {
    TextLines lines(file_.partial_path());
    for (std::string line; lines.next(line);) {
      const auto pair = parse_row(std::string_view(line).substr(1));
      GSHARD_CHECK(pair.has_value());
      see(*pair, part_of(line[0]));
    }
  }

 private:
  static std::optional<Part> part_of(char letter) {
    if (letter == '-') return std::nullopt;
    return kParts.at(static_cast<size_t>(letter - '0'));
  }

  OutputFile file_;  // never finished: it goes when the import ends
};

std::unique_ptr<Rows> open_rows(const ImportInput& input) {
  if (input.target_path.empty()) return std::make_unique<TsvRows>(input.path);
  return std::make_unique<PlainRows>(input);
}

FileCounts clean_file(const ImportInput& input, Cleaner& cleaner, CleanedRows& out, const Progress& progress) {
  FileCounts counts{display_name(input.path), 0, 0, {}};
  Malformed malformed;
  const std::unique_ptr<Rows> rows = open_rows(input);
  TextPair pair;
  for (auto outcome = rows->next(pair); outcome != Rows::Outcome::end; outcome = rows->next(pair)) {
    const auto why = outcome == Rows::Outcome::malformed ? Drop::columns : cleaner.clean(pair);
    if (why == Drop::columns || why == Drop::encoding) malformed.note(rows->lines(), *why);
    if (why) {
      ++counts.dropped[*why];
    } else {
      ++counts.kept;
      out.add(pair, input.part);
    }
    if (++counts.read % kRowsBetweenReports == 0) progress(fmt::format("{}: {} rows", counts.name, counts.read));
  }
  if (counts.read == 0) throw Error::program(fmt::format("{}: it is empty", counts.name));
  malformed.judge(counts.read);
  return counts;
}

// The files of the three parts, with hashes and counts.
class PartFiles {
 public:
  explicit PartFiles(const std::string& folder) : folder_(folder) {
    for (const Part part : kParts) files_.emplace_back(part_path(folder, part));
  }
  void add(Part part, const TextPair& pair) {
    const std::string row = row_of(pair);
    const auto index = static_cast<size_t>(part);
    files_[index].write(row);
    hashes_[index].add(row);
    OriginCounts& counts = origins_[{pair.source_language, pair.target_language, pair.origin}];
    ++counts.pairs[index];
    if (part == Part::train) counts.words += count_words(pair.target);
  }
  // Puts the files in their places.
  void finish(CorpusSummary& summary) {
    for (OutputFile& file : files_) file.close();
    for (auto& [key, counts] : origins_) {
      std::tie(counts.source_language, counts.target_language, counts.origin) = key;
      summary.origins.push_back(counts);
    }
    for (size_t i = 0; i < kParts.size(); ++i) summary.sha256[i] = to_hex(hashes_[i].digest());
    if (summary.pairs(Part::train) == 0) throw Error::program("no pair is left to train on: all are held out");
    withdraw_corpus_summary(folder_);
    for (OutputFile& file : files_) file.finish();
  }

 private:
  std::string folder_;
  std::vector<OutputFile> files_;
  std::array<Sha256, kParts.size()> hashes_;
  std::map<std::tuple<std::string, std::string, std::string>, OriginCounts> origins_;
};

[[noreturn]] void fail_for_nothing(const std::vector<FileCounts>& files) {
  DropCounts dropped;
  for (const FileCounts& file : files) dropped.add(file.dropped);
  const auto most = std::max_element(dropped.count.begin(), dropped.count.end()) - dropped.count.begin();
  const auto rule = static_cast<Drop>(most);
  throw Error::program(fmt::format("cleaning left none of {} rows; the rule '{}' dropped {} of them ({})",
                                   dropped.total(), name_of(rule), dropped[rule], meaning_of(rule)));
}

}  // namespace

CorpusSummary import_corpus(const ImportPlan& plan, const Progress& progress) {
  make_folder(plan.folder);
  CorpusSummary summary;
  CleanedRows cleaned(plan.folder);
  std::map<Part, Cleaner> cleaners;  // a row of a given set is no duplicate of one that would train: that one has to go
  int64_t kept = 0;
  for (const ImportInput& input : plan.inputs) {
    Cleaner& cleaner = cleaners.try_emplace(input.part.value_or(Part::train), plan.cleaning).first->second;
    summary.files.push_back(clean_file(input, cleaner, cleaned, progress));
    const FileCounts& file = summary.files.back();
    kept += file.kept;
    progress(fmt::format("{}: kept {} of {} rows", file.name, file.kept, file.read));
  }
  if (kept == 0) fail_for_nothing(summary.files);
  cleaned.close();

  progress(fmt::format("holding out dev and test of {} rows", kept));
  HoldOut split(plan.hold_out);
  RepeatLimit limit(plan.most_repeats);
  cleaned.for_each([&](const TextPair& pair, std::optional<Part> given) {
    split.note(pair, given);
    if (given.value_or(Part::train) == Part::train) limit.note(pair);
  });
  PartFiles parts(plan.folder);
  cleaned.for_each([&](const TextPair& pair, std::optional<Part> given) {
    if (split.place(pair, given) != Part::train) return;
    if (limit.keeps(pair)) {
      parts.add(Part::train, pair);
    } else {
      ++summary.repeats;
    }
  });
  const HeldOut held = split.finish();
  for (const TextPair& pair : held.dev) parts.add(Part::dev, pair);
  for (const TextPair& pair : held.test) parts.add(Part::test, pair);
  summary.held_out = held.counts;
  parts.finish(summary);
  write_corpus_summary(plan.folder, summary);
  return summary;
}

}  // namespace gshard
