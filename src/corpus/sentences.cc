#include "corpus/sentences.h"

#include <unicode/brkiter.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "corpus/unicode.h"

namespace gshard {
namespace {

using Pieces = std::vector<std::string_view>;

// The pieces between the boundaries of one of ICU's iterators.
Pieces pieces_of(std::string_view text, icu::BreakIterator* (*create)(const icu::Locale&, UErrorCode&)) {
  UErrorCode error = U_ZERO_ERROR;
  const std::unique_ptr<icu::BreakIterator> boundaries(create(icu::Locale::getRoot(), error));
  UText* opened = utext_openUTF8(nullptr, text.data(), static_cast<int64_t>(text.size()), &error);
  GSHARD_CHECK(U_SUCCESS(error));
  boundaries->setText(opened, error);
  GSHARD_CHECK(U_SUCCESS(error));
  Pieces pieces;
  for (int32_t begin = boundaries->first(), end = boundaries->next(); end != icu::BreakIterator::DONE;
       begin = end, end = boundaries->next()) {
    pieces.push_back(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
  }
  utext_close(opened);
  return pieces;
}

Pieces words(std::string_view text) { return pieces_of(text, icu::BreakIterator::createWordInstance); }

Pieces characters(std::string_view text) { return pieces_of(text, icu::BreakIterator::createCharacterInstance); }

// What the user takes for one character may be a letter with any number of marks.
Pieces code_points(std::string_view text) {
  Pieces pieces;
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t begin = 0, end = 0; begin < size; begin = end) {
    U8_FWD_1(text.data(), end, size);
    pieces.push_back(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
  }
  return pieces;
}

// Pieces that follow each other in one text, as one.
std::string_view joined(const Pieces& pieces, size_t first, size_t end) {
  const char* begin = pieces[first].data();
  return {begin, static_cast<size_t>(pieces[end - 1].data() + pieces[end - 1].size() - begin)};
}

class Cutter {
 public:
  explicit Cutter(const std::function<bool(std::string_view)>& fits) : fits_(fits) {}

  // `depth` is the kind of the pieces.
  void cut(std::string_view text, size_t depth) {
    const Pieces pieces = kKinds[depth](text);
    for (size_t first = 0; first < pieces.size();) {
      const size_t end = longest(pieces, first);
      if (end > first + 1 || fits_(pieces[first]) || depth + 1 == std::size(kKinds)) {
        add(joined(pieces, first, end));
      } else {
        cut_.inside_sentences = true;
        cut(tidy_text(pieces[first]), depth + 1);  // in NFC, for a code point in another form may become several
      }
      first = end;
    }
  }

  CutText result() && { return std::move(cut_); }

 private:
  // The end of the longest run of pieces that fits, one at least: by doubling, then by halves.
  size_t longest(const Pieces& pieces, size_t first) const {
    size_t good = first + 1;
    size_t step = 1;
    while (good + step <= pieces.size() && fits_(joined(pieces, first, good + step))) {
      good += step;
      step *= 2;
    }
    for (; step > 0; step /= 2) {
      if (good + step <= pieces.size() && fits_(joined(pieces, first, good + step))) good += step;
    }
    return good;
  }

  void add(std::string_view part) {
    std::string tidy = tidy_text(part);
    if (!tidy.empty()) cut_.parts.push_back(std::move(tidy));
  }

  static constexpr Pieces (*kKinds[])(std::string_view) = {sentences_of, words, characters, code_points};

  const std::function<bool(std::string_view)>& fits_;
  CutText cut_;
};

}  // namespace

std::vector<std::string_view> sentences_of(std::string_view text) {
  return pieces_of(text, icu::BreakIterator::createSentenceInstance);
}

CutText cut_text(std::string_view text, const std::function<bool(std::string_view)>& fits) {
  Cutter cutter(fits);
  cutter.cut(text, 0);
  return std::move(cutter).result();
}

}  // namespace gshard
