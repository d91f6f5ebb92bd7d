// Where the sentences of a text end, and how a text too long for a model is cut into parts that are not.
//
//   sentences_of("Is it? Yes. No.")          -> "Is it? ", "Yes. ", "No."
//   cut_text("Is it? Yes. No.", fits)        -> "Is it? Yes.", "No."   where two sentences fit
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gshard {

// By Unicode's rules (UAX 29), with the spaces behind each. The text must be UTF-8.
std::vector<std::string_view> sentences_of(std::string_view text);

struct CutText {
  std::vector<std::string> parts;  // without spaces around them; none where the text has nothing else
  bool inside_sentences = false;   // a sentence alone does not fit: it was cut between words, or within one
};

// Parts as long as fit: of whole sentences where possible, else of words, of characters, of code points. The text must
// be UTF-8. `fits` must hold for parts of what it holds for; a single code point is a part whether it fits or not.
CutText cut_text(std::string_view text, const std::function<bool(std::string_view)>& fits);

}  // namespace gshard
