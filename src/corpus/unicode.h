// What cleaning and scoring ask about Unicode text. All texts are UTF-8; Unicode's own data come from ICU.
//
//   tidy_text("A\u200e \t b")      -> "A b"      // one form for the same sentence
//   count_letters("v1.0 ok")  -> 3
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gshard {

// Where the first byte stands that is no UTF-8.
std::optional<size_t> find_invalid_utf8(std::string_view text);

// With U+FFFD in the place of bytes that are no UTF-8.
std::string valid_utf8(std::string_view text);

// The code points; invalid bytes are U+FFFD.
std::u32string code_points_of(std::string_view text);
void append_utf8(std::string& text, char32_t c);

// NFC, white space of any kind as one space, none at the ends; without soft hyphens, zero-width spaces, byte order
// marks and marks of direction, which do not show. Joiners stay: Persian and the scripts of India spell with them. The
// text must be UTF-8.
std::string tidy_text(std::string_view text);

// With case folded, for comparisons that do not mind case.
std::string fold_case(std::string_view text);

// White space as Unicode and Python's str.split() see it.
bool is_space(char32_t c);
bool is_letter(char32_t c);
// Letters, digits and marks: what words are made of.
bool is_word_character(char32_t c);
// Han, kana, Thai, Lao, Khmer and Burmese letters, which are written without spaces between words.
bool is_unspaced_letter(char32_t c);

struct CharacterCounts {
  int64_t characters = 0;  // code points
  int64_t visible = 0;     // without spaces
  int64_t letters = 0;
  int64_t marks = 0;     // combining marks, as in the scripts of India
  int64_t controls = 0;  // control characters, U+FFFD, and code points that mean nothing in Unicode
};
CharacterCounts count_characters(std::string_view text);

// The runs of word characters, with case folded.
std::vector<std::string> words_of(std::string_view text);
// Parts between white space.
int64_t count_words(std::string_view text);

// The scripts (ICU's numbers) in which a language is written, most likely first: "de" Latin, "ja" Han and kana, "sr"
// Cyrillic, "sr_Latn" Latin. Empty for a language that ICU does not know.
std::vector<int> scripts_of_language(const std::string& language);
// The part of the text's letters that is of one of these scripts, 0 to 1. Without letters 0.
double share_of_scripts(std::string_view text, const std::vector<int>& scripts);
bool is_latin(const std::vector<int>& scripts);

}  // namespace gshard
