// chrF++ as sacrebleu computes it: the F-score (beta 2) of character 1- to 6-grams and word 1- and 2-grams, with
// characters counted without white space.
//
//   ChrfCounts counts;
//   for (i : sentences) counts.add(chrf_counts(hypotheses[i], references[i]));
//   chrf(counts);   // 0 to 100
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gshard {

inline constexpr size_t kChrfCharacters = 6;
inline constexpr size_t kChrfWords = 2;

struct ChrfCounts {
  struct Order {
    int64_t hypothesis = 0;
    int64_t reference = 0;
    int64_t matches = 0;
  };
  std::array<Order, kChrfCharacters + kChrfWords> orders{};

  void add(const ChrfCounts& other);
};

ChrfCounts chrf_counts(std::string_view hypothesis, std::string_view reference);
double chrf(const ChrfCounts& counts);

}  // namespace gshard
