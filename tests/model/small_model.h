// A translation model of few numbers, and a batch for it: packed sequences and padding.
#pragma once

#include "model/transformer.h"

namespace gshard {

constexpr int64_t kBatch = 4, kLength = 8;

TransformerOptions small_model();

// s32 [kBatch,kLength].
Literal tokens(int64_t vocabulary, uint32_t seed);
// Each row has sequences of 5 and 2 tokens, and one of padding.
Literal segments();
Literal positions();

// Of translation_model().
std::vector<Literal> translation_inputs();

}  // namespace gshard
