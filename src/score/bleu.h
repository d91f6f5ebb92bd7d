// BLEU as sacrebleu computes it by default: 13a tokenisation, case as it is, exponential smoothing, one reference.
//
//   BleuCounts counts;
//   for (i : sentences) counts.add(bleu_counts(hypotheses[i], references[i]));
//   bleu(counts);   // 0 to 100
//
// Counts add up, so that any set of sentences (a language, a sample of the bootstrap) is scored from the counts of its
// sentences.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gshard {

inline constexpr size_t kBleuOrder = 4;

struct BleuCounts {
  std::array<int64_t, kBleuOrder> matches{};  // n-grams of the hypothesis that the reference has
  std::array<int64_t, kBleuOrder> totals{};   // n-grams of the hypothesis
  int64_t hypothesis_length = 0;
  int64_t reference_length = 0;

  void add(const BleuCounts& other);
};

// The tokens of mteval-v13a, as sacrebleu has them.
std::vector<std::string> tokenize_13a(std::string_view sentence);

BleuCounts bleu_counts(std::string_view hypothesis, std::string_view reference);
double bleu(const BleuCounts& counts);

}  // namespace gshard
