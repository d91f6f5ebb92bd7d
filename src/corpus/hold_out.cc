#include "corpus/hold_out.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "corpus/unicode.h"

namespace gshard {
namespace {

constexpr size_t kGram = 4;

// Forms of a sentence are told apart by what was done to it.
enum class Form : uint64_t { whole, without_a_word, with_a_word_open };

uint64_t form_key(Form form, uint64_t hash, size_t place) {
  return fingerprint(fmt::format("{}:{:x}:{}", static_cast<uint64_t>(form), hash, place));
}

std::string join_without(const std::vector<std::string>& words, size_t left_out) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i != left_out) text.append(words[i]).push_back(' ');
  }
  return text;
}

uint64_t hash_of_words(const std::vector<std::string>& words) { return fingerprint(join_without(words, words.size())); }

// Calls see(hash) for each run of kGram words.
template <class See>
void for_each_gram(const std::vector<std::string>& words, const See& see) {
  for (size_t first = 0; first + kGram <= words.size(); ++first) {
    std::string gram;
    for (size_t i = first; i < first + kGram; ++i) gram.append(words[i]).push_back(' ');
    see(fingerprint(gram));
  }
}

uint64_t text_hash(const std::string& language, const std::string& text) {
  return fingerprint(language + '\t' + fold_case(text));
}

uint64_t source_hash(const TextPair& pair) { return text_hash(pair.source_language, pair.source); }

// "{name}", "%1", "$count": what programs fill in.
size_t end_of_placeholder(const std::u32string& text, size_t at) {
  if (text[at] == U'{') {
    const size_t end = text.find(U'}', at);
    return end == std::u32string::npos ? at : end + 1;
  }
  if (text[at] != U'%' && text[at] != U'$') return at;
  size_t end = at + 1;
  while (end < text.size() && is_word_character(text[end])) ++end;
  return end;
}

}  // namespace

std::string_view name_of(Part part) {
  constexpr std::array<std::string_view, kParts.size()> kNames = {"train", "dev", "test"};
  return kNames[static_cast<size_t>(part)];
}

std::vector<std::string> key_of(std::string_view sentence) {
  const std::u32string text = code_points_of(fold_case(sentence));
  std::vector<std::string> words;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    if (const size_t end = end_of_placeholder(text, at); end > at) {
      inside = false;
      at = end;
      continue;
    }
    const char32_t c = text[at++];
    const bool alone = is_unspaced_letter(c);
    const bool belongs = is_word_character(c) && !(c < 0x80 && c <= U'9');
    if (belongs && (!inside || alone)) words.emplace_back();
    if (belongs) append_utf8(words.back(), c);
    inside = belongs && !alone;
  }
  return words;
}

Part HoldOut::part_of(const TextPair& pair, const std::vector<std::string>& words, uint64_t key) const {
  if (static_cast<int64_t>(words.size()) < plan_.least_words) return Part::train;
  const auto own = plan_.by_origin.find(pair.origin);
  const HoldOutShare& share = own == plan_.by_origin.end() ? plan_.share : own->second;
  if (share.test_documents.contains(pair.document)) return Part::test;
  if (share.dev_documents.contains(pair.document)) return Part::dev;
  const uint64_t hash = pair.document.empty() ? key : fingerprint(pair.origin + '\t' + pair.document);
  const auto place = static_cast<int>(hash % 1000);
  if (place < share.test_per_mille) return Part::test;
  return place < share.test_per_mille + share.dev_per_mille ? Part::dev : Part::train;
}

void HoldOut::note(const TextPair& pair, std::optional<Part> given) {
  std::vector<std::string> words = key_of(pair.target);
  const uint64_t key = hash_of_words(words);
  const Part part = given ? *given : part_of(pair, words, key);
  if (part == Part::train) return;
  held_sources_.insert(source_hash(pair));
  if (given) given_sources_.insert(source_hash(pair));
  source_languages_.insert(pair.source_language);
  target_languages_.insert(pair.target_language);
  Sentence& sentence = held_[key];
  sentence.words = std::move(words);
  if (given.has_value() == sentence.is_given) {
    sentence.part = std::max(sentence.part, part);
  } else if (given) {
    sentence.part = part;
    sentence.is_given = true;
  }
}

// Between the passes: what to look for in training sentences.
void HoldOut::prepare() {
  prepared_ = true;
  for (const auto& [key, sentence] : held_) {
    for_each_gram(sentence.words, [&](uint64_t gram) { wanted_grams_.insert(gram); });
    edits_[form_key(Form::whole, key, 0)].push_back(key);
    for (size_t i = 0; i < sentence.words.size(); ++i) {
      const uint64_t rest = fingerprint(join_without(sentence.words, i));
      edits_[form_key(Form::without_a_word, rest, 0)].push_back(key);
      edits_[form_key(Form::with_a_word_open, rest, i)].push_back(key);
    }
  }
}

void HoldOut::mark_near(const std::vector<std::string>& words) {
  const auto mark = [&](uint64_t form) {
    const auto found = edits_.find(form);
    if (found == edits_.end()) return;
    for (const uint64_t key : found->second) held_[key].is_near = true;
  };
  mark(form_key(Form::without_a_word, hash_of_words(words), 0));
  for (size_t i = 0; i < words.size(); ++i) {
    const uint64_t rest = fingerprint(join_without(words, i));
    mark(form_key(Form::whole, rest, 0));
    mark(form_key(Form::with_a_word_open, rest, i));
  }
}

// Whether a pair whose own sentence is not held out shows one that is: it has the source of a given set, or in text of
// both directions the sentence on its other side.
bool HoldOut::gives_away(const TextPair& pair) const {
  if (given_sources_.size() > 0) {
    if (given_sources_.contains(source_hash(pair))) return true;
    if (given_sources_.contains(text_hash(pair.target_language, pair.target))) return true;
  }
  return target_languages_.contains(pair.source_language) && held_.contains(hash_of_words(key_of(pair.source)));
}

void HoldOut::mark_trained(const TextPair& pair, const std::vector<std::string>& words, uint64_t key) {
  mark_source(source_hash(pair));
  mark_sentence(words, key);
  // Text of both directions has each sentence on the other side too.
  if (source_languages_.contains(pair.target_language)) mark_source(text_hash(pair.target_language, pair.target));
  if (target_languages_.contains(pair.source_language)) {
    const std::vector<std::string> other = key_of(pair.source);
    mark_sentence(other, hash_of_words(other));
  }
}

void HoldOut::mark_source(uint64_t source) {
  if (held_sources_.contains(source)) trained_sources_.insert(source);
}

void HoldOut::mark_sentence(const std::vector<std::string>& words, uint64_t key) {
  if (!trained_keys_.insert(key)) return;
  for_each_gram(words, [&](uint64_t gram) {
    if (wanted_grams_.contains(gram)) trained_grams_.insert(gram);
  });
  const auto size = static_cast<int64_t>(words.size());
  if (size + 1 >= plan_.least_words && size <= plan_.most_words + 1) mark_near(words);
}

std::optional<Part> HoldOut::place(const TextPair& pair, std::optional<Part> given) {
  if (!prepared_) prepare();
  const std::vector<std::string> words = key_of(pair.target);
  const uint64_t key = hash_of_words(words);
  const auto held = held_.find(key);
  if (held == held_.end()) {
    if (gives_away(pair)) {
      ++counts_.removed;
      return std::nullopt;
    }
    mark_trained(pair, words, key);
    return Part::train;
  }
  const Part part = given ? *given : part_of(pair, words, key);
  if (part != held->second.part) {
    ++counts_.removed;
    return std::nullopt;
  }
  candidates_[static_cast<size_t>(part)].push_back({pair, key, given.has_value()});
  return part;
}

double HoldOut::overlap_of(const std::vector<std::string>& words) const {
  int64_t grams = 0;
  int64_t trained = 0;
  for_each_gram(words, [&](uint64_t gram) {
    ++grams;
    if (trained_grams_.contains(gram)) ++trained;
  });
  return grams == 0 ? 0 : static_cast<double>(trained) / static_cast<double>(grams);
}

int64_t* HoldOut::reason_to_drop(const Candidate& candidate, HoldOutCounts& counts) {
  const Sentence& sentence = held_[candidate.key];
  if (static_cast<int64_t>(sentence.words.size()) > plan_.most_words) return &counts.wrong_size;
  if (sentence.is_near) return &counts.one_word_away;
  if (overlap_of(sentence.words) >= plan_.most_overlap) return &counts.overlapping;
  if (trained_sources_.contains(source_hash(candidate.pair))) return &counts.source_trains;
  return nullptr;
}

// By languages, and within them in the order of the hash of the sentence, so that languages share the first ones.
std::vector<TextPair> HoldOut::choose(std::vector<Candidate> candidates, HoldOutCounts& counts) {
  const auto order = [](const Candidate& c) {
    return std::tie(c.pair.source_language, c.pair.target_language, c.key, c.pair.origin, c.pair.source, c.pair.target);
  };
  std::sort(candidates.begin(), candidates.end(), [&](auto& a, auto& b) { return order(a) < order(b); });
  std::vector<TextPair> chosen;
  int64_t of_languages = 0;
  const Candidate* last = nullptr;
  for (Candidate& candidate : candidates) {
    const bool same_languages = !chosen.empty() && chosen.back().source_language == candidate.pair.source_language &&
                                chosen.back().target_language == candidate.pair.target_language;
    if (!same_languages) of_languages = 0;
    if (!candidate.given) {
      int64_t* reason = reason_to_drop(candidate, counts);
      if (reason == nullptr && same_languages && last->key == candidate.key) reason = &counts.repeated;
      if (reason == nullptr && of_languages >= plan_.most_rows) reason = &counts.surplus;
      if (reason != nullptr) {
        ++*reason;
        continue;
      }
    }
    ++of_languages;
    last = &candidate;
    chosen.push_back(candidate.pair);
  }
  return chosen;
}

HeldOut HoldOut::finish() {
  HeldOut held;
  held.counts = counts_;
  held.dev = choose(std::move(candidates_[static_cast<size_t>(Part::dev)]), held.counts);
  held.test = choose(std::move(candidates_[static_cast<size_t>(Part::test)]), held.counts);
  return held;
}

}  // namespace gshard
