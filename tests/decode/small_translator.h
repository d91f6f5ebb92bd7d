// A small translation model with random weights, and the plain search that Translator is compared with.
#pragma once

#include <functional>

#include "decode/translator.h"

namespace gshard {

TransformerOptions small_translation_model();
TranslatorOptions small_translator(int64_t beam, const MeshLayout& layout = {});
// Weights that are drawn anew for each seed. Those of the embeddings are larger, so that what comes next is not all
// alike.
NamedArrays random_weights(const Decoder& decoder, uint64_t seed);

// Sources of 1 to 20 tokens, kEnd behind each.
std::vector<Tokens> random_sources(size_t count, uint32_t seed);

// The logarithms of the probabilities of all next tokens, for each place of a target that begins with kBegin: the whole
// decoder on one pair by the evaluator.
using NextLogs = std::function<std::vector<double>(const Tokens& source, const Tokens& written)>;
NextLogs whole_decoder(const TransformerOptions& model, const NamedArrays& weights);

// Beam search as it is described in decode/beam_search.h, with every text computed from its beginning in every step.
std::vector<Hypothesis> plain_search(const NextLogs& next, const Tokens& source, const SearchOptions& options,
                                     int64_t longest);

}  // namespace gshard
