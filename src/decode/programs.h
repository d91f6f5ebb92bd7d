// The two programs that a translation is made with, for batches of one size:
//
//   encode   the sources of a batch, to what the layers of the decoder look at, which stays on the devices
//   step     one more token of every text: the likeliest next ones come back
//
//   CompiledModel encoder(encode_program({.rows = 16, .source_length = 32}, model, options));
//   CompiledModel step(step_program({.rows = 16, .texts = 4, .source_length = 32, .target_length = 32}, model,
//   options));
//
// Both have the weights of a model in training, by the same names. A source is a row of tokens, 0 behind its end. N
// texts are written for each source at a time (model/transformer.h).
#pragma once

#include <string>

#include "model/transformer.h"

namespace gshard {

struct DecodingSize {
  int64_t rows = 0;           // sources of a batch
  int64_t source_length = 0;  // tokens of a source at most
  int64_t texts = 1;          // N, that are written for each source at a time
  int64_t target_length = 0;  // tokens of a text at most

  auto operator<=>(const DecodingSize&) const = default;
};

// Where experts take no more than a capacity, choices_sent and choices_kept of all of them are results too: how many
// were made of an expert, and how many found a place.

// Input: source s32 [rows,source_length]. State, made anew by each run: is_source pred of the same size, and
// source_0_keys, source_0_values, source_1_keys, ... by the layer of the decoder.
ModelProgram encode_program(const DecodingSize& size, const TransformerOptions& model, ModelOptions options);

// Inputs: tokens s32 [rows,texts], 0 where nothing is written any more; step s32; seen pred
// [rows,texts,target_length * texts], as decode_step() takes them. State: that of the encoder, and written_0_keys,
// written_0_values, .... Results, of the exact type where they are no tokens:
//   next       s32 [rows,texts,texts]: the likeliest tokens that come next, the first of equal ones first
//   next_log   [rows,texts,texts]: the logarithms of their probabilities
//   end_log    [rows,texts]: that of kEnd, which is none of `next`; nor are kPadding, kUnknown and kBegin
ModelProgram step_program(const DecodingSize& size, const TransformerOptions& model, ModelOptions options);

// Inputs: source and target s32 [rows,source_length], [rows,target_length], targets with kEnd behind. Result:
// log_probability [rows], the sum over the tokens of each target.
ModelProgram score_program(const DecodingSize& size, const TransformerOptions& model, ModelOptions options);

}  // namespace gshard
