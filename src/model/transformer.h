// The Transformer of the GShard paper: an encoder and a decoder of pre-norm layers, every other feed-forward layer a
// mixture of experts; without an encoder it is a language model.
//
//   Encoded encoded = encode(scope, source, source_places, options);
//   Tensor logits = decode(scope, target, target_places, encoded, options);
//   Tensor loss = sequence_loss(scope, logits, labels, target_places.is_token(), options.loss);
//
// A layer is x + dropout(f(norm(x))) for attention, attention to the encoder (in the decoder), and feed-forward; a norm
// follows the last. Norms are RMS norms. Tokens are s32 [B,L], logits of the exact type [B,L,vocabulary].
#pragma once

#include "model/attention.h"
#include "model/functions.h"
#include "model/moe.h"

namespace gshard {

enum class PositionEncoding : uint8_t { sinusoidal, learned };
enum class Embeddings : uint8_t { separate, shared };  // of source and target; logits always share the target's

struct TransformerOptions {
  int64_t source_vocabulary = 0;  // none for a language model
  int64_t target_vocabulary = 0;
  int64_t encoder_layers = 0;
  int64_t decoder_layers = 0;
  int64_t size = 0;                 // M, of a token's vector
  int64_t hidden = 0;               // of feed-forward layers
  AttentionOptions attention = {};  // what is seen is the layer's own affair
  MoeOptions moe = {};
  int64_t moe_every = 2;  // layers 1, 3, 5, ... have experts; with 0 none has
  PositionEncoding positions = PositionEncoding::sinusoidal;
  int64_t longest = 512;  // sequence, for learned positions
  Embeddings embeddings = Embeddings::separate;
  double dropout = 0;  // of embeddings and of what each layer adds
  CrossEntropyOptions loss = {};
};

// What a decoder looks at: the encoder's result; of nothing for a language model.
struct Encoded {
  Tensor values = {};  // [B,L,M]
  Places places = {};
  Tensor embedding = {};  // the encoder's, which a decoder with shared embeddings uses
};

Encoded encode(const Scope& scope, Tensor tokens, const Places& places, const TransformerOptions& options,
               Here here = Here::current());
Tensor decode(const Scope& scope, Tensor tokens, const Places& places, const Encoded& encoded,
              const TransformerOptions& options, Here here = Here::current());

// The mean over tokens of the cross entropy, with the model's other losses added. Adds the metrics nll (the mean
// negative log-likelihood of labels), tokens and accuracy.
Tensor sequence_loss(const Scope& scope, Tensor logits, Tensor labels, Tensor is_token,
                     const CrossEntropyOptions& options = {}, Here here = Here::current());

// The inputs of a whole model, [batch,length] each, and its loss. A language model's are tokens, labels, segments and
// positions; a translation model's source, source_segments, source_positions, and target, labels, target_segments,
// target_positions. Labels are the tokens that come next.
struct BatchSize {
  int64_t batch = 0;
  int64_t length = 0;
};
Tensor language_model(Model& model, const BatchSize& size, const TransformerOptions& options,
                      Here here = Here::current());
Tensor translation_model(Model& model, const BatchSize& size, const TransformerOptions& options,
                         Here here = Here::current());

}  // namespace gshard
