// The baseline that every model must be better than: to answer with the translation of the training sentence whose
// source is most like the one that is asked for.
//
//   NearestNeighbour memory("ja");
//   for (pair : training) memory.add(pair.source);
//   memory.finish();
//   memory.find("...");    // the number of the pair in the order of add()
//
// Sentences are alike by the cosine of their tf-idf weights of character 4-grams, in languages written without spaces
// of 3-grams; grams that are very common are left out. The other baseline, to copy the source, needs no code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gshard {

class NearestNeighbour {
 public:
  // Of one source language.
  explicit NearestNeighbour(const std::string& language);

  void add(std::string_view source);
  // After the last add().
  void finish();
  // The most similar source, of equals the first; nothing where no gram is shared.
  std::optional<int64_t> find(std::string_view source) const;

 private:
  struct Posting {
    uint32_t sentence;
    float weight;
  };
  using Grams = std::unordered_map<uint64_t, int32_t>;

  Grams grams_of(std::string_view text) const;
  float weight_of(uint64_t gram, int32_t count) const;

  size_t order_;
  uint32_t sentences_ = 0;
  std::unordered_map<uint64_t, std::vector<Posting>> postings_;  // by gram; weights are counts until finish()
  std::unordered_map<uint64_t, float> rarity_;
};

}  // namespace gshard
