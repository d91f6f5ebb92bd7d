// Translating text: lines in, lines out.
//
//   TextTranslator translator(folder.vocabularies(), options);
//   translator.translator().decoder().set_weights(...);
//   for (const TranslatedLine& line : translator.translate({"Guten Morgen."}, {"de", "en"})) print(line.text());
//
// A line that is longer than the model's sources is cut at ends of sentences, and its parts are translated one by one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/text_pair.h"
#include "corpus/vocabulary.h"
#include "decode/translator.h"

namespace gshard {

struct TranslatedText {
  std::string text;
  double log_probability = 0;
  double score = 0;
  int64_t tokens = 0;   // kEnd included
  bool is_cut = false;  // at the most tokens that are written for its source: its end may be missing
};

struct TranslatedPart {
  std::string source;
  std::vector<TranslatedText> n_best;  // the best first, one at least
};

struct TranslatedLine {
  std::vector<TranslatedPart> parts;  // one for most lines, none for those without text
  bool cut_inside_sentences = false;  // the line, before it was translated

  // The best of each part.
  std::string text() const;
  // Of the first part whose best is cut, the number of tokens at which it was.
  std::optional<int64_t> cut_at() const;
};

class TextTranslator {
 public:
  TextTranslator(Vocabularies vocabularies, const TranslatorOptions& options);

  Translator& translator() { return translator_; }
  const Vocabularies& vocabularies() const { return vocabularies_; }

  // Bytes that are no UTF-8 are U+FFFD to it. Throws Error(program) for languages that the vocabularies have no tag
  // for, where they have tags.
  std::vector<TranslatedLine> translate(const std::vector<std::string>& lines, const LanguagePair& direction);
  // The same for the sources of rows, each in the row's direction.
  std::vector<TranslatedLine> translate(const std::vector<TextPair>& rows);
  // The logarithms of the probabilities of the rows' targets. Throws Error(program) for a row with a side that has more
  // tokens than the translator's options say.
  std::vector<double> score(const std::vector<TextPair>& rows);

 private:
  TranslatedLine cut(const TextPair& row) const;
  Tokens encode(const TextPair& row, std::string_view source) const;
  TranslatedText decode(const Hypothesis& hypothesis) const;

  Vocabularies vocabularies_;
  Translator translator_;
};

}  // namespace gshard
