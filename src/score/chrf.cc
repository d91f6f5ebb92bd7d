#include "score/chrf.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "corpus/unicode.h"

namespace gshard {
namespace {

constexpr double kBeta = 2;

using Grams = std::unordered_map<std::u32string, int64_t>;

bool is_ascii_punctuation(char32_t c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

std::vector<std::u32string> parts_of(const std::u32string& text) {
  std::vector<std::u32string> parts;
  bool inside = false;
  for (const char32_t c : text) {
    const bool space = is_space(c);
    if (!space && !inside) parts.emplace_back();
    if (!space) parts.back() += c;
    inside = !space;
  }
  return parts;
}

// Words, with one mark of punctuation at an end (the later one first) taken off.
std::vector<std::u32string> words_with_marks(const std::vector<std::u32string>& parts) {
  std::vector<std::u32string> words;
  for (const std::u32string& part : parts) {
    if (part.size() > 1 && is_ascii_punctuation(part.back())) {
      words.push_back(part.substr(0, part.size() - 1));
      words.push_back(part.substr(part.size() - 1));
    } else if (part.size() > 1 && is_ascii_punctuation(part.front())) {
      words.push_back(part.substr(0, 1));
      words.push_back(part.substr(1));
    } else {
      words.push_back(part);
    }
  }
  return words;
}

Grams character_grams(const std::u32string& text, size_t order) {
  Grams grams;
  for (size_t first = 0; first + order <= text.size(); ++first) ++grams[text.substr(first, order)];
  return grams;
}

Grams word_grams(const std::vector<std::u32string>& words, size_t order) {
  Grams grams;
  for (size_t first = 0; first + order <= words.size(); ++first) {
    std::u32string gram;
    for (size_t i = first; i < first + order; ++i) gram.append(words[i]).push_back(U' ');
    ++grams[gram];
  }
  return grams;
}

std::vector<Grams> all_grams(std::string_view sentence) {
  const std::vector<std::u32string> parts = parts_of(code_points_of(sentence));
  std::u32string characters;
  for (const std::u32string& part : parts) characters += part;
  const std::vector<std::u32string> words = words_with_marks(parts);
  std::vector<Grams> grams;
  for (size_t order = 1; order <= kChrfCharacters; ++order) grams.push_back(character_grams(characters, order));
  for (size_t order = 1; order <= kChrfWords; ++order) grams.push_back(word_grams(words, order));
  return grams;
}

ChrfCounts::Order compare(const Grams& ours, const Grams& theirs) {
  ChrfCounts::Order order;
  for (const auto& [gram, count] : theirs) order.reference += count;
  for (const auto& [gram, count] : ours) {
    const auto found = theirs.find(gram);
    if (found != theirs.end()) order.matches += std::min(count, found->second);
    // An order that the reference has not counts for nothing.
    if (!theirs.empty()) order.hypothesis += count;
  }
  return order;
}

}  // namespace

void ChrfCounts::add(const ChrfCounts& other) {
  for (size_t i = 0; i < orders.size(); ++i) {
    orders[i].hypothesis += other.orders[i].hypothesis;
    orders[i].reference += other.orders[i].reference;
    orders[i].matches += other.orders[i].matches;
  }
}

ChrfCounts chrf_counts(std::string_view hypothesis, std::string_view reference) {
  const std::vector<Grams> ours = all_grams(hypothesis);
  const std::vector<Grams> theirs = all_grams(reference);
  ChrfCounts counts;
  for (size_t i = 0; i < ours.size(); ++i) counts.orders[i] = compare(ours[i], theirs[i]);
  return counts;
}

double chrf(const ChrfCounts& counts) {
  double precision = 0;
  double recall = 0;
  int used = 0;
  for (const ChrfCounts::Order& order : counts.orders) {
    if (order.hypothesis == 0 || order.reference == 0) continue;
    precision += static_cast<double>(order.matches) / static_cast<double>(order.hypothesis);
    recall += static_cast<double>(order.matches) / static_cast<double>(order.reference);
    ++used;
  }
  if (precision + recall == 0) return 0;
  precision /= used;
  recall /= used;
  return 100 * (1 + kBeta * kBeta) * precision * recall / (kBeta * kBeta * precision + recall);
}

}  // namespace gshard
