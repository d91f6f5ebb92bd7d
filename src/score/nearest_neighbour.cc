#include "score/nearest_neighbour.h"

#include <algorithm>
#include <cmath>

#include "corpus/text_pair.h"
#include "corpus/unicode.h"

namespace gshard {
namespace {

constexpr size_t kMostPostings = 3000;
constexpr std::string_view kUnspaced[] = {"ja", "zh", "ko", "th", "lo", "km", "my"};

// "zh" as well as "zh_TW" and "zh-Hans".
bool is_unspaced(const std::string& language) {
  const std::string name = language.substr(0, language.find_first_of("_-"));
  return std::ranges::find(kUnspaced, name) != std::end(kUnspaced);
}

}  // namespace

NearestNeighbour::NearestNeighbour(const std::string& language) : order_(is_unspaced(language) ? 3 : 4) {}

NearestNeighbour::Grams NearestNeighbour::grams_of(std::string_view text) const {
  const std::u32string characters = U' ' + code_points_of(fold_case(text)) + U' ';
  Grams grams;
  const size_t count = characters.size() > order_ ? characters.size() - order_ + 1 : 1;
  for (size_t first = 0; first < count; ++first) {
    const std::u32string_view gram = std::u32string_view(characters).substr(first, order_);
    ++grams[fingerprint({reinterpret_cast<const char*>(gram.data()), gram.size() * sizeof(char32_t)})];
  }
  return grams;
}

void NearestNeighbour::add(std::string_view source) {
  for (const auto& [gram, count] : grams_of(source)) {
    postings_[gram].push_back({sentences_, static_cast<float>(count)});
  }
  ++sentences_;
}

float NearestNeighbour::weight_of(uint64_t gram, int32_t count) const {
  const auto found = rarity_.find(gram);
  return found == rarity_.end() ? 0 : static_cast<float>(count) * found->second;
}

void NearestNeighbour::finish() {
  // In the order of grams, so that sums are the same in every build.
  std::vector<uint64_t> grams;
  for (const auto& [gram, postings] : postings_) grams.push_back(gram);
  std::ranges::sort(grams);
  std::vector<float> squares(sentences_, 0);
  for (const uint64_t gram : grams) {
    std::vector<Posting>& postings = postings_.at(gram);
    const float rarity = std::log(static_cast<float>(sentences_) / static_cast<float>(1 + postings.size()));
    rarity_[gram] = rarity;
    for (Posting& posting : postings) {
      posting.weight *= rarity;
      squares[posting.sentence] += posting.weight * posting.weight;
    }
  }
  for (auto& [gram, postings] : postings_) {
    if (postings.size() >= kMostPostings) {
      postings = {};
      continue;
    }
    for (Posting& posting : postings) {
      const float norm = std::sqrt(squares[posting.sentence]);
      posting.weight = norm > 0 ? posting.weight / norm : 0;
    }
  }
}

std::optional<int64_t> NearestNeighbour::find(std::string_view source) const {
  std::unordered_map<uint32_t, double> similarity;
  // In the order of grams here too.
  const Grams found = grams_of(source);
  std::vector<std::pair<uint64_t, int32_t>> grams(found.begin(), found.end());
  std::sort(grams.begin(), grams.end());
  for (const auto& [gram, count] : grams) {
    const auto postings = postings_.find(gram);
    if (postings == postings_.end()) continue;
    const float weight = weight_of(gram, count);
    for (const Posting& posting : postings->second) similarity[posting.sentence] += weight * posting.weight;
  }
  const auto better = [](const auto& a, const auto& b) {
    return a.second < b.second || (a.second == b.second && a.first > b.first);
  };
  const auto best = std::max_element(similarity.begin(), similarity.end(), better);
  if (best == similarity.end()) return std::nullopt;
  return best->first;
}

}  // namespace gshard
