#include "corpus/clean.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "base/split.h"
#include "corpus/unicode.h"

namespace gshard {
namespace {

struct Rule {
  std::string_view name;
  std::string_view meaning;
};

// In the order of Drop.
constexpr std::array<Rule, kDropCount> kRules = {{
    {"columns", "a row without four to six columns, or without names of languages"},
    {"encoding", "text that is no UTF-8"},
    {"empty", "a side without text"},
    {"control", "control characters, U+FFFD, code points that mean nothing"},
    {"same", "both sides the same but for case"},
    {"letters", "hardly any letters"},
    {"address", "web and mail addresses, lists of translators"},
    {"length", "more words or characters than the limits"},
    {"ratio", "lengths of the two sides that do not fit"},
    {"script", "text that is not in a script of its language"},
    {"copy", "most words stand on the other side too"},
    {"duplicate", "the same pair came before"},
}};

// Shorter texts say nothing about ratios and copies.
constexpr int64_t kLeastForRatio = 12;
constexpr size_t kLeastWordsForCopy = 3;
constexpr double kCopiedShare = 0.6;
// Names of products stay in Latin letters in other scripts; the other way around is rare.
constexpr double kLeastLatin = 0.7;
constexpr double kLeastOther = 0.3;

bool is_mail_address(std::string_view word) {
  const size_t at = word.find('@');
  if (at == 0 || at == std::string_view::npos) return false;
  const size_t dot = word.find('.', at + 2);
  return dot != std::string_view::npos && dot + 1 < word.size();
}

bool has_address(std::string_view text) {
  for (const char* sign : {"http://", "https://", "www.", "translator-credits", "OF TRANSLATORS", "OF_TRANSLATORS"}) {
    if (text.find(sign) != std::string_view::npos) return true;
  }
  if (text.find('@') == std::string_view::npos) return false;
  const std::vector<std::string> words = split(text, ' ');
  return std::any_of(words.begin(), words.end(), is_mail_address);
}

bool has_few_letters(const CharacterCounts& source, const CharacterCounts& target) {
  const auto part = [](const CharacterCounts& c) {
    return static_cast<double>(c.letters + c.marks) / static_cast<double>(c.visible);
  };
  return source.letters < 1 || target.letters < 2 || part(source) < 0.4 || part(target) < 0.5;
}

bool is_copy(std::string_view source, std::string_view target) {
  const std::vector<std::string> theirs = words_of(target);
  const std::set<std::string> wanted(theirs.begin(), theirs.end());
  if (wanted.size() < kLeastWordsForCopy) return false;
  const std::vector<std::string> ours = words_of(source);
  const std::set<std::string> words(ours.begin(), ours.end());
  const auto shared = std::count_if(words.begin(), words.end(), [&](auto& word) { return wanted.contains(word); });
  return static_cast<double>(shared) >= kCopiedShare * static_cast<double>(words.size());
}

}  // namespace

std::string_view name_of(Drop drop) { return kRules[static_cast<size_t>(drop)].name; }

std::string_view meaning_of(Drop drop) { return kRules[static_cast<size_t>(drop)].meaning; }

std::optional<Drop> drop_of_name(std::string_view name) {
  const auto rule = std::find_if(kRules.begin(), kRules.end(), [&](const Rule& r) { return r.name == name; });
  if (rule == kRules.end()) return std::nullopt;
  return static_cast<Drop>(rule - kRules.begin());
}

int64_t DropCounts::total() const { return std::accumulate(count.begin(), count.end(), int64_t{0}); }

void DropCounts::add(const DropCounts& other) {
  std::transform(count.begin(), count.end(), other.count.begin(), count.begin(), std::plus<>());
}

size_t FingerprintSet::place_of(uint64_t fingerprint) const {
  const size_t mask = places_.size() - 1;
  size_t place = fingerprint & mask;
  while (places_[place] != 0 && places_[place] != fingerprint) place = (place + 1) & mask;
  return place;
}

bool FingerprintSet::contains(uint64_t fingerprint) const {
  fingerprint += fingerprint == 0 ? 1 : 0;
  return !places_.empty() && places_[place_of(fingerprint)] == fingerprint;
}

bool FingerprintSet::insert(uint64_t fingerprint) {
  fingerprint += fingerprint == 0 ? 1 : 0;
  if (2 * size_ >= places_.size()) grow();
  uint64_t& place = places_[place_of(fingerprint)];
  if (place == fingerprint) return false;
  place = fingerprint;
  ++size_;
  return true;
}

void FingerprintSet::grow() {
  std::vector<uint64_t> before(std::max<size_t>(64, 2 * places_.size()));
  before.swap(places_);
  for (const uint64_t fingerprint : before) {
    if (fingerprint != 0) places_[place_of(fingerprint)] = fingerprint;
  }
}

Cleaner::Cleaner(CleaningLimits limits) : limits_(std::move(limits)) {
  for (const Drop drop : limits_.off) off_[static_cast<size_t>(drop)] = true;
}

const std::vector<int>& Cleaner::scripts_of(const std::string& language) const {
  const auto [place, fresh] = scripts_.try_emplace(language);
  if (fresh) place->second = scripts_of_language(language);
  return place->second;
}

bool Cleaner::has_foreign_script(const std::string& language, std::string_view text) const {
  const std::vector<int>& scripts = scripts_of(language);
  if (scripts.empty()) return false;
  return share_of_scripts(text, scripts) < (is_latin(scripts) ? kLeastLatin : kLeastOther);
}

std::optional<Drop> Cleaner::judge(const TextPair& pair) const {
  const CharacterCounts source = count_characters(pair.source);
  const CharacterCounts target = count_characters(pair.target);
  const auto on = [&](Drop drop) { return !off_[static_cast<size_t>(drop)]; };
  if (on(Drop::control) && source.controls + target.controls > 0) return Drop::control;
  if (on(Drop::same) && fold_case(pair.source) == fold_case(pair.target)) return Drop::same;
  if (on(Drop::letters) && has_few_letters(source, target)) return Drop::letters;
  if (on(Drop::address) && (has_address(pair.source) || has_address(pair.target))) return Drop::address;
  const bool is_long = std::max(source.characters, target.characters) > limits_.most_characters;
  if (on(Drop::length) && (is_long || count_words(pair.target) > limits_.most_words)) return Drop::length;
  const double ratio = static_cast<double>(source.characters) / static_cast<double>(target.characters);
  const bool fits = ratio >= limits_.least_ratio && ratio <= limits_.most_ratio;
  if (on(Drop::ratio) && target.characters >= kLeastForRatio && !fits) return Drop::ratio;
  if (on(Drop::script) && (has_foreign_script(pair.source_language, pair.source) ||
                           has_foreign_script(pair.target_language, pair.target))) {
    return Drop::script;
  }
  // Between unlike scripts the words that both sides have are names.
  const bool alike = scripts_of(pair.source_language) == scripts_of(pair.target_language);
  if (on(Drop::copy) && alike && is_copy(pair.source, pair.target)) return Drop::copy;
  return std::nullopt;
}

bool Cleaner::is_duplicate(const TextPair& pair) {
  std::string row;
  for (const std::string* part : {&pair.source_language, &pair.target_language, &pair.source, &pair.target}) {
    row.append(*part).push_back('\t');
  }
  return !seen_.insert(fingerprint(row));
}

std::optional<Drop> Cleaner::clean(TextPair& pair) {
  if (find_invalid_utf8(pair.source) || find_invalid_utf8(pair.target)) return Drop::encoding;
  pair.source = tidy_text(pair.source);
  pair.target = tidy_text(pair.target);
  pair.origin = tidy_text(valid_utf8(pair.origin));
  pair.document = valid_utf8(pair.document);
  if (pair.source.empty() || pair.target.empty()) return Drop::empty;
  if (const auto why = judge(pair)) return why;
  const bool keeps_duplicates = off_[static_cast<size_t>(Drop::duplicate)];
  if (!keeps_duplicates && is_duplicate(pair)) return Drop::duplicate;
  return std::nullopt;
}

}  // namespace gshard
