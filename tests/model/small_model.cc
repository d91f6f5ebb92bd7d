#include "small_model.h"

#include <random>

#include "run.h"

namespace gshard {

TransformerOptions small_model() {
  TransformerOptions options;
  options.source_vocabulary = 11;
  options.target_vocabulary = 13;
  options.encoder_layers = 2;
  options.decoder_layers = 2;
  options.size = 8;
  options.hidden = 16;
  options.attention = {.heads = 4, .key_size = 4, .dropout = 0.1};
  options.moe = {.gating = {.experts = 4}, .hidden = 12, .group_size = 4};
  options.dropout = 0.1;
  options.loss = {.label_smoothing = 0.1, .z_loss = 1e-4};
  return options;
}

Literal tokens(int64_t vocabulary, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> values(kBatch * kLength);
  for (int32_t& value : values) value = static_cast<int32_t>(random() % static_cast<uint32_t>(vocabulary));
  return integers({kBatch, kLength}, values);
}

Literal segments() {
  std::vector<int32_t> values;
  for (int64_t b = 0; b < kBatch; ++b) values.insert(values.end(), {1, 1, 1, 1, 1, 2, 2, 0});
  return integers({kBatch, kLength}, values);
}

Literal positions() {
  std::vector<int32_t> values;
  for (int64_t b = 0; b < kBatch; ++b) values.insert(values.end(), {0, 1, 2, 3, 4, 0, 1, 0});
  return integers({kBatch, kLength}, values);
}

std::vector<Literal> translation_inputs() {
  return {tokens(11, 1), segments(), positions(), tokens(13, 2), segments(), positions(), tokens(13, 3)};
}

}  // namespace gshard
