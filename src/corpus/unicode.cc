#include "corpus/unicode.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace gshard {
namespace {

constexpr char32_t kReplacement = 0xfffd;

// Calls see(code point) for each; a code point of invalid bytes is U+FFFD.
template <class See>
void for_each_code_point(std::string_view text, const See& see) {
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    UChar32 c = 0;
    U8_NEXT_OR_FFFD(text.data(), at, size, c);
    see(static_cast<char32_t>(c));
  }
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_invisible(char32_t c) {
  return c == 0xad || c == 0x200b || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

int category_of(char32_t c) { return u_charType(static_cast<UChar32>(c)); }

UScriptCode script_of(char32_t c) {
  UErrorCode error = U_ZERO_ERROR;
  return uscript_getScript(static_cast<UChar32>(c), &error);
}

const icu::Normalizer2& nfc() {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFCInstance(error);
  GSHARD_CHECK(U_SUCCESS(error));
  return *normalizer;
}

std::string compose(std::string text) {
  UErrorCode error = U_ZERO_ERROR;
  if (is_ascii(text) || nfc().isNormalizedUTF8(text, error)) return text;
  std::string composed;
  icu::StringByteSink<std::string> sink(&composed);
  nfc().normalizeUTF8(0, text, sink, nullptr, error);
  GSHARD_CHECK(U_SUCCESS(error));
  return composed;
}

// Languages of software that are written in more scripts than ICU says.
struct MoreScripts {
  const char* language;
  UScriptCode script;
};
constexpr MoreScripts kMoreScripts[] = {
    {"mn", USCRIPT_MONGOLIAN}, {"ks", USCRIPT_DEVANAGARI}, {"sd", USCRIPT_DEVANAGARI}};

}  // namespace

std::optional<size_t> find_invalid_utf8(std::string_view text) {
  if (is_ascii(text)) return std::nullopt;
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    const int32_t start = at;
    UChar32 c = 0;
    U8_NEXT(text.data(), at, size, c);
    if (c < 0) return static_cast<size_t>(start);
  }
  return std::nullopt;
}

std::string valid_utf8(std::string_view text) {
  if (!find_invalid_utf8(text)) return std::string(text);
  std::string valid;
  for (const char32_t c : code_points_of(text)) append_utf8(valid, c);
  return valid;
}

std::u32string code_points_of(std::string_view text) {
  std::u32string points;
  points.reserve(text.size());
  for_each_code_point(text, [&](char32_t c) { points.push_back(c); });
  return points;
}

void append_utf8(std::string& text, char32_t c) {
  std::array<uint8_t, 4> bytes;
  int32_t size = 0;
  U8_APPEND_UNSAFE(bytes.data(), size, static_cast<UChar32>(c));
  text.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(size));
}

std::string tidy_text(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool pending = false;
  for_each_code_point(text, [&](char32_t c) {
    if (is_invisible(c)) return;
    if (is_space(c)) {
      pending = !result.empty();
      return;
    }
    if (pending) result += ' ';
    pending = false;
    append_utf8(result, c);
  });
  return compose(std::move(result));
}

std::string fold_case(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  for_each_code_point(text, [&](char32_t c) {
    append_utf8(folded, static_cast<char32_t>(u_foldCase(static_cast<UChar32>(c), U_FOLD_CASE_DEFAULT)));
  });
  return folded;
}

bool is_space(char32_t c) { return u_isUWhiteSpace(static_cast<UChar32>(c)) != 0 || (c >= 0x1c && c <= 0x1f); }

bool is_letter(char32_t c) { return u_isalpha(static_cast<UChar32>(c)) != 0; }

bool is_word_character(char32_t c) { return (U_MASK(category_of(c)) & (U_GC_L_MASK | U_GC_M_MASK | U_GC_N_MASK)) != 0; }

bool is_unspaced_letter(char32_t c) {
  if (c < 0x0e00 || !is_word_character(c)) return false;
  switch (script_of(c)) {
    case USCRIPT_HAN:
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_THAI:
    case USCRIPT_LAO:
    case USCRIPT_KHMER:
    case USCRIPT_MYANMAR:
      return true;
    default:
      return false;
  }
}

CharacterCounts count_characters(std::string_view text) {
  CharacterCounts counts;
  for_each_code_point(text, [&](char32_t c) {
    const int category = category_of(c);
    ++counts.characters;
    if (!is_space(c)) ++counts.visible;
    if (is_letter(c)) ++counts.letters;
    if ((U_MASK(category) & U_GC_M_MASK) != 0) ++counts.marks;
    const bool means_nothing = category == U_CONTROL_CHAR || category == U_UNASSIGNED || category == U_PRIVATE_USE_CHAR;
    if (means_nothing || c == kReplacement) ++counts.controls;
  });
  return counts;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for_each_code_point(text, [&](char32_t c) {
    const bool belongs = is_word_character(c);
    if (belongs && !inside) words.emplace_back();
    inside = belongs;
    if (belongs) append_utf8(words.back(), static_cast<char32_t>(u_foldCase(static_cast<UChar32>(c), 0)));
  });
  return words;
}

int64_t count_words(std::string_view text) {
  int64_t words = 0;
  bool inside = false;
  for_each_code_point(text, [&](char32_t c) {
    const bool space = is_space(c);
    if (!space && !inside) ++words;
    inside = !space;
  });
  return words;
}

std::vector<int> scripts_of_language(const std::string& language) {
  std::array<UScriptCode, 8> codes;
  UErrorCode error = U_ZERO_ERROR;
  const int32_t count = uscript_getCode(language.c_str(), codes.data(), codes.size(), &error);
  if (U_FAILURE(error) || count <= 0) return {};
  std::vector<int> scripts;
  for (int32_t i = 0; i < count; ++i) {
    switch (codes[static_cast<size_t>(i)]) {
      case USCRIPT_SIMPLIFIED_HAN:
      case USCRIPT_TRADITIONAL_HAN:
        scripts.push_back(USCRIPT_HAN);
        break;
      default:
        scripts.push_back(codes[static_cast<size_t>(i)]);
    }
  }
  for (const MoreScripts& more : kMoreScripts) {
    if (language == more.language) scripts.push_back(more.script);
  }
  return scripts;
}

double share_of_scripts(std::string_view text, const std::vector<int>& scripts) {
  int64_t letters = 0;
  int64_t ours = 0;
  for_each_code_point(text, [&](char32_t c) {
    if (!is_letter(c)) return;
    ++letters;
    const UScriptCode script = script_of(c);
    const bool shared = script == USCRIPT_COMMON || script == USCRIPT_INHERITED;
    if (shared || std::find(scripts.begin(), scripts.end(), script) != scripts.end()) ++ours;
  });
  return letters == 0 ? 0 : static_cast<double>(ours) / static_cast<double>(letters);
}

bool is_latin(const std::vector<int>& scripts) { return scripts == std::vector<int>{USCRIPT_LATIN}; }

}  // namespace gshard
