#include "base/nearest_word.h"

#include <algorithm>
#include <vector>

namespace gshard {
namespace {

// What was typed may be of any length; no word of ours is longer.
constexpr size_t kMostLetters = 64;

bool is_near(std::string_view word, std::string_view candidate) {
  if (edit_distance(word, candidate) <= std::max<size_t>(word.size() / 3, 1)) return true;
  const std::string_view letters = word.substr(std::min(word.find_first_not_of('-'), word.size()));
  return letters.size() >= 3 && candidate.find(letters) != std::string_view::npos;
}

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> distance(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      size_t& best = distance[i][j];
      best = std::max(i, j);
      if (i == 0 || j == 0) continue;
      const size_t replaced = distance[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      best = std::min({replaced, distance[i - 1][j] + 1, distance[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        best = std::min(best, distance[i - 2][j - 2] + 1);
      }
    }
  }
  return distance[a.size()][b.size()];
}

std::optional<std::string> nearest_word(std::string_view typed, std::span<const std::string> candidates) {
  const std::string_view word = typed.substr(0, kMostLetters);
  std::vector<std::string> sorted(candidates.begin(), candidates.end());
  std::ranges::stable_sort(sorted, {}, [&](const std::string& one) { return edit_distance(word, one); });
  const auto near = std::ranges::find_if(sorted, [&](const std::string& one) { return is_near(word, one); });
  if (near == sorted.end()) return std::nullopt;
  return *near;
}

}  // namespace gshard
