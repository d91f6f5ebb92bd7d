// Translating sentences of tokens: batched by length, searched by beam.
//
//   Translator translator(options);                     // options.search.beam = 1: greedy
//   translator.decoder().share_weights(training);       // or set_weights()
//   for (const auto& found : translator.translate(sources)) vocabulary.decode(found[0].tokens);
//   translator.decoder().drop_weights();
//
// A translation does not depend on what stands beside it in a batch, but for the last bits of its score, unless experts
// have a limited capacity.
#pragma once

#include "decode/beam_search.h"
#include "decode/decoder.h"

namespace gshard {

struct TranslatorOptions {
  DecoderOptions decoder = {};
  SearchOptions search = {};
  int64_t source_length = 96;  // the most tokens of a source, kEnd included
  int64_t target_length = 64;  // of a translation, kEnd included
  int64_t rows = 32;           // sources of a batch, of a full one
};

using Tokens = std::vector<int32_t>;

class Translator {
 public:
  explicit Translator(const TranslatorOptions& options);

  const TranslatorOptions& options() const { return options_; }
  Decoder& decoder() { return decoder_; }

  // For each source, with kEnd behind it, the best translations, the best first; `beam` at most, one at least. Throws
  // Error(program) for a source that is empty or too long, and where the model gives no numbers.
  std::vector<std::vector<Hypothesis>> translate(const std::vector<Tokens>& sources);

  // The logarithm of the probability of each target, both with kEnd behind. Throws Error(program) for a side that is
  // empty or too long, and where the model gives no numbers.
  std::vector<double> score(const std::vector<Tokens>& sources, const std::vector<Tokens>& targets);

 private:
  using Numbers = std::vector<size_t>;  // of sources

  // Sources of about one length, by number.
  std::vector<Numbers> batches_of(const std::vector<Tokens>& sources, const std::vector<int64_t>& lengths) const;
  // Rows of the smaller batches, and of the one that these sources go into.
  int64_t few_rows() const;
  int64_t rows_for(const Numbers& batch) const;
  BeamSearch search_for(const Tokens& source) const;
  void translate_batch(const std::vector<Tokens>& sources, const Numbers& batch,
                       std::vector<std::vector<Hypothesis>>& found);

  TranslatorOptions options_;
  Decoder decoder_;
};

}  // namespace gshard
