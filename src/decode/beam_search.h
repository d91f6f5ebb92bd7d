// Beam search for one source: which texts are written on, and which are done.
//
//   BeamSearch search({.beam = 4}, 60);
//   while (!search.is_done()) {
//     run a step with the tokens of search.put_tokens(), each of which sees what search.mark_seen() says
//     search.advance(what the model says of each text);
//   }
//   search.best()[0].tokens;
//
// In each step all texts are lengthened by all tokens; of these candidates the best `beam` that do not end are written
// on, and those that end and are among the best `beam` of all are done. The search is over when so many are done, or
// nothing can be written on; a text of the greatest length can only end. Of equal candidates that of the first text and
// the lowest token is the better one. With a beam of 1 it is greedy.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gshard {

struct SearchOptions {
  int64_t beam = 4;
  // Texts that are done are compared by log_probability / ((5 + length) / 6)^alpha, kEnd counted in the length.
  double alpha = 0.8;
  // The greatest length of a text: so many tokens for each of the source's, and so many besides.
  double length_factor = 2;
  int64_t length_extra = 16;
};

struct Hypothesis {
  std::vector<int32_t> tokens;  // without kBegin and kEnd
  double log_probability = 0;   // of the tokens and kEnd
  double score = 0;
  bool is_cut = false;  // it has the greatest length, and something else was likelier there than its end
};

double normalized_score(double log_probability, int64_t length, double alpha);

// What the model says about what comes next in one text.
struct NextTokens {
  std::span<const int32_t> tokens;  // the likeliest that do not end it, `beam` of them or as many as there are
  std::span<const double> log_probabilities;
  double end = 0;  // the logarithm of the probability that it ends
};

class BeamSearch {
 public:
  // No text has more than `longest` tokens, kEnd not counted.
  BeamSearch(const SearchOptions& options, int64_t longest);

  bool is_done() const { return is_done_; }
  // The last token of each of `beam` texts; kPadding where there are fewer.
  void put_tokens(std::span<int32_t> tokens) const;
  // Sets seen[n, t * beam + m] for every token of text n that was written in step t as the m-th, in `beam` rows of
  // `width`. All are 0 before.
  void mark_seen(std::span<uint8_t> seen, int64_t width) const;
  // One for each text of put_tokens(), in their order.
  void advance(std::span<const NextTokens> next);

  // Those that are done, the best first, `beam` at most.
  std::vector<Hypothesis> best() const;

 private:
  struct Text {
    std::vector<int32_t> tokens;
    std::vector<int32_t> slots;  // by step, the number that it had: kBegin's, and each token's but the last
    double log_probability = 0;
  };
  struct Candidate {
    double log_probability;
    size_t text;
    int32_t token;
  };

  std::vector<Candidate> candidates(std::span<const NextTokens> next) const;
  void end(const Candidate& candidate, const NextTokens& next);
  Text lengthened(const Candidate& candidate) const;

  SearchOptions options_;
  int64_t longest_;
  bool is_done_ = false;
  std::vector<Text> texts_;
  std::vector<Hypothesis> done_;
};

}  // namespace gshard
