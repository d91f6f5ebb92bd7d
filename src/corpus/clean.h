// Cleaning: which pairs of a raw text teach translation, and why the others do not.
//
//   Cleaner cleaner({});
//   if (const auto why = cleaner.clean(pair)) ++dropped[*why];
//
// The limits come from measurements on translated software and its manuals; all of them can be set.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "corpus/text_pair.h"

namespace gshard {

enum class Drop : uint8_t {
  columns,    // a row that has not four to six columns, or no names of languages
  encoding,   // no UTF-8
  empty,      // a side without text
  control,    // control characters, U+FFFD, code points that mean nothing
  same,       // both sides are the same but for case: not translated
  letters,    // hardly any letters
  address,    // a web or mail address, or a list of translators
  length,     // too many words or characters
  ratio,      // the lengths of the sides do not fit
  script,     // not in a script of its language
  copy,       // most words stand on the other side too: half translated
  duplicate,  // the same pair came before
};
inline constexpr size_t kDropCount = static_cast<size_t>(Drop::duplicate) + 1;

// "ratio".
std::string_view name_of(Drop drop);
// What the rule drops, for --help.
std::string_view meaning_of(Drop drop);
std::optional<Drop> drop_of_name(std::string_view name);

struct DropCounts {
  std::array<int64_t, kDropCount> count{};

  int64_t& operator[](Drop drop) { return count[static_cast<size_t>(drop)]; }
  int64_t operator[](Drop drop) const { return count[static_cast<size_t>(drop)]; }
  int64_t total() const;
  void add(const DropCounts& other);
};

struct CleaningLimits {
  int64_t most_words = 120;        // of the target
  int64_t most_characters = 1200;  // of either side
  double least_ratio = 0.12;       // characters of the source by characters of the target
  double most_ratio = 4;
  std::vector<Drop> off{};  // rules that do not drop anything
};

// A set of fingerprints in 16 to 32 bytes each.
class FingerprintSet {
 public:
  // Whether it was not there yet.
  bool insert(uint64_t fingerprint);
  bool contains(uint64_t fingerprint) const;
  size_t size() const { return size_; }

 private:
  size_t place_of(uint64_t fingerprint) const;
  void grow();

  std::vector<uint64_t> places_;  // 0 is free
  size_t size_ = 0;
};

class Cleaner {
 public:
  explicit Cleaner(CleaningLimits limits);

  // Brings both sides and the origin to the form of tidy_text() (unicode.h), and the document to UTF-8. Then nothing
  // where the pair is to be kept, else the first rule of the order of Drop that drops it.
  std::optional<Drop> clean(TextPair& pair);

 private:
  std::optional<Drop> judge(const TextPair& pair) const;
  bool has_foreign_script(const std::string& language, std::string_view text) const;
  const std::vector<int>& scripts_of(const std::string& language) const;
  bool is_duplicate(const TextPair& pair);

  CleaningLimits limits_;
  std::array<bool, kDropCount> off_{};
  mutable std::map<std::string, std::vector<int>> scripts_;
  FingerprintSet seen_;
};

}  // namespace gshard
