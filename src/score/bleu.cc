#include "score/bleu.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "corpus/unicode.h"

namespace gshard {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The ASCII punctuation that always stands alone; "'", ",", "-" and "." do not.
bool stands_alone(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') ||
         (c >= ':' && c <= '@') || c == '/';
}

bool is_stop(char c) { return c == '.' || c == ','; }

// Writes `text` with spaces put in wherever two neighbouring bytes match: what re.sub() of a pattern of two characters
// does, whose matches do not overlap.
template <class Matches>
std::string separate(const std::string& text, const Matches& matches, std::string_view before, std::string_view between,
                     std::string_view after) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && matches(text[i], text[i + 1])) {
      result.append(before).append(1, text[i]).append(between).append(1, text[i + 1]).append(after);
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::vector<std::string> split_at_spaces(std::string_view text) {
  std::vector<std::string> parts;
  bool inside = false;
  for (const char32_t c : code_points_of(text)) {
    const bool space = is_space(c);
    if (!space && !inside) parts.emplace_back();
    if (!space) append_utf8(parts.back(), c);
    inside = !space;
  }
  return parts;
}

using Grams = std::map<std::vector<std::string_view>, int64_t>;

Grams grams_of(const std::vector<std::string>& tokens, size_t order) {
  Grams grams;
  for (size_t first = 0; first + order <= tokens.size(); ++first) {
    ++grams[{tokens.begin() + static_cast<std::ptrdiff_t>(first),
             tokens.begin() + static_cast<std::ptrdiff_t>(first + order)}];
  }
  return grams;
}

}  // namespace

void BleuCounts::add(const BleuCounts& other) {
  for (size_t n = 0; n < kBleuOrder; ++n) {
    matches[n] += other.matches[n];
    totals[n] += other.totals[n];
  }
  hypothesis_length += other.hypothesis_length;
  reference_length += other.reference_length;
}

std::vector<std::string> tokenize_13a(std::string_view sentence) {
  std::string text(sentence);
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  for (const auto& [entity, character] : {std::pair("&quot;", "\""), {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}}) {
    replace_all(text, entity, character);
  }
  std::string spaced = " ";
  for (const char c : text) {
    if (stands_alone(c)) {
      spaced.append(1, ' ').append(1, c).append(1, ' ');
    } else {
      spaced += c;
    }
  }
  spaced += ' ';
  spaced = separate(
      spaced, [](char a, char b) { return !is_digit(a) && is_stop(b); }, "", " ", " ");
  spaced = separate(
      spaced, [](char a, char b) { return is_stop(a) && !is_digit(b); }, " ", " ", "");
  spaced = separate(
      spaced, [](char a, char b) { return is_digit(a) && b == '-'; }, "", " ", " ");
  return split_at_spaces(spaced);
}

BleuCounts bleu_counts(std::string_view hypothesis, std::string_view reference) {
  const std::vector<std::string> ours = tokenize_13a(hypothesis);
  const std::vector<std::string> theirs = tokenize_13a(reference);
  BleuCounts counts;
  counts.hypothesis_length = static_cast<int64_t>(ours.size());
  counts.reference_length = static_cast<int64_t>(theirs.size());
  for (size_t n = 1; n <= kBleuOrder; ++n) {
    const Grams wanted = grams_of(theirs, n);
    for (const auto& [gram, count] : grams_of(ours, n)) {
      counts.totals[n - 1] += count;
      const auto found = wanted.find(gram);
      if (found != wanted.end()) counts.matches[n - 1] += std::min(count, found->second);
    }
  }
  return counts;
}

double bleu(const BleuCounts& counts) {
  if (std::all_of(counts.matches.begin(), counts.matches.end(), [](int64_t count) { return count == 0; })) return 0;
  double log_precisions = 0;
  double smoothing = 1;
  for (size_t n = 0; n < kBleuOrder; ++n) {
    if (counts.totals[n] == 0) return 0;  // no hypothesis is that long
    const auto total = static_cast<double>(counts.totals[n]);
    if (counts.matches[n] == 0) smoothing *= 2;
    log_precisions +=
        std::log(counts.matches[n] == 0 ? 1 / (smoothing * total) : static_cast<double>(counts.matches[n]) / total);
  }
  const auto ours = static_cast<double>(counts.hypothesis_length);
  const auto theirs = static_cast<double>(counts.reference_length);
  const double brevity = ours < theirs ? 1 - theirs / ours : 0;
  return 100 * std::exp(brevity + log_precisions / kBleuOrder);
}

}  // namespace gshard
