// A sentence with its translation, and the row of a TSV file in which it stands:
//
//   source language, target language, source, target[, origin[, document]]
//   de	en	Guten Morgen.	Good morning.	europarl	ep-00-01-17
//
// The origin says where the text is from (scores are reported by origin too); rows of one document are never cut apart
// when sentences are held out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gshard {

struct TextPair {
  std::string source_language;
  std::string target_language;
  std::string source;
  std::string target;
  std::string origin;
  std::string document;
};

// The pair of a row of four to six columns; nothing for any other number.
std::optional<TextPair> parse_row(std::string_view line);
// The first five columns, with a newline.
std::string row_of(const TextPair& pair);

// Whether a name may be that of a language: up to 15 letters, digits, '_' and '-', as in "pt_BR" and "sr-Latn".
bool is_language_name(std::string_view name);

// A number that stands for a text: the same on every machine and in every version. What is held out depends on it.
uint64_t fingerprint(std::string_view text);

}  // namespace gshard
