#include "decode/text_translator.h"

#include <utility>

#include "corpus/sentences.h"
#include "corpus/unicode.h"

namespace gshard {

std::string TranslatedLine::text() const {
  std::string text;
  for (const TranslatedPart& part : parts) {
    const std::string& best = part.n_best.at(0).text;
    if (!text.empty() && !best.empty()) text += ' ';
    text += best;
  }
  return text;
}

std::optional<int64_t> TranslatedLine::cut_at() const {
  for (const TranslatedPart& part : parts) {
    const TranslatedText& best = part.n_best.at(0);
    if (best.is_cut) return best.tokens - 1;
  }
  return std::nullopt;
}

TextTranslator::TextTranslator(Vocabularies vocabularies, const TranslatorOptions& options)
    : vocabularies_(std::move(vocabularies)), translator_(options) {}

Tokens TextTranslator::encode(const TextPair& row, std::string_view source) const {
  return vocabularies_.encode_source(source, row.source_language, row.target_language);
}

TranslatedText TextTranslator::decode(const Hypothesis& hypothesis) const {
  // Pieces of bytes may spell anything: ends of lines too.
  return {tidy_text(valid_utf8(vocabularies_.target.decode(hypothesis.tokens))), hypothesis.log_probability,
          hypothesis.score, static_cast<int64_t>(hypothesis.tokens.size()) + 1, hypothesis.is_cut};
}

TranslatedLine TextTranslator::cut(const TextPair& row) const {
  const auto most = static_cast<size_t>(translator_.options().source_length);
  CutText cut =
      cut_text(valid_utf8(row.source), [&](std::string_view part) { return encode(row, part).size() <= most; });
  TranslatedLine line;
  line.cut_inside_sentences = cut.inside_sentences;
  for (std::string& part : cut.parts) line.parts.push_back({std::move(part), {}});
  return line;
}

std::vector<TranslatedLine> TextTranslator::translate(const std::vector<TextPair>& rows) {
  std::vector<TranslatedLine> lines;
  std::vector<TranslatedPart*> parts;
  std::vector<Tokens> sources;
  for (const TextPair& row : rows) lines.push_back(cut(row));
  for (size_t i = 0; i < rows.size(); ++i) {
    for (TranslatedPart& part : lines[i].parts) {
      parts.push_back(&part);
      sources.push_back(encode(rows[i], part.source));
    }
  }
  const std::vector<std::vector<Hypothesis>> found = translator_.translate(sources);
  for (size_t i = 0; i < parts.size(); ++i) {
    for (const Hypothesis& hypothesis : found[i]) parts[i]->n_best.push_back(decode(hypothesis));
  }
  return lines;
}

std::vector<TranslatedLine> TextTranslator::translate(const std::vector<std::string>& lines,
                                                      const LanguagePair& direction) {
  std::vector<TextPair> rows;
  for (const std::string& line : lines) rows.push_back({direction.source, direction.target, line, "", "", ""});
  return translate(rows);
}

std::vector<double> TextTranslator::score(const std::vector<TextPair>& rows) {
  std::vector<Tokens> sources, targets;
  for (const TextPair& row : rows) {
    sources.push_back(encode(row, row.source));
    targets.push_back(vocabularies_.encode_target(row.target));
  }
  return translator_.score(sources, targets);
}

}  // namespace gshard
