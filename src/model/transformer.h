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
  // Layers 1, 3, 5, ... have experts; with 0 none has. Where `moe.gating.experts` is 0 they are feed-forward layers of
  // size `moe.hidden`: with `choices` times that of the experts, the dense twin of equal arithmetic.
  int64_t moe_every = 2;
  PositionEncoding positions = PositionEncoding::sinusoidal;
  int64_t longest = 512;  // row of tokens, for learned positions
  Embeddings embeddings = Embeddings::separate;
  double dropout = 0;  // of embeddings and of what each layer adds
  // Keeps of each layer what enters it, and computes the rest again for the backward pass.
  bool checkpoint_layers = false;
  CrossEntropyOptions loss = {};
};

// What a decoder looks at: the encoder's result; of nothing for a language model.
struct Encoded {
  Tensor values = {};  // [B,L,M]
  Places places = {};
  Tensor embedding = {};  // the encoder's, which a decoder with shared embeddings uses
};

// tokens [B,L], `places` of the same sizes. They throw Error(program) where these differ, or options cannot be.
Encoded encode(const Scope& scope, Tensor tokens, const Places& places, const TransformerOptions& options,
               Here here = Here::current());
Tensor decode(const Scope& scope, Tensor tokens, const Places& places, const Encoded& encoded,
              const TransformerOptions& options, Here here = Here::current());

// ---- one token at a time --------------------------------------------------------------------------------------------

// What the layers of a decoder look at while it writes N texts for each source of a batch, by layer.
struct DecoderCaches {
  std::vector<AttentionCache> written;  // [B,T*N,...]: the tokens of step t are rows t*N to t*N + N - 1
  std::vector<AttentionCache> source;   // source_caches(); none for a language model
};

// The encoder's result as each layer of the decoder looks at it.
std::vector<AttentionCache> source_caches(const Scope& scope, const Encoded& encoded, const TransformerOptions& options,
                                          Here here = Here::current());

struct StepInput {
  Tensor tokens;  // s32 [B,N]; 0 where nothing is written any more
  Tensor step;    // s32 scalar: their place in the text, from 0
  Tensor seen;    // pred [B,N,T*N]: the rows of the caches that are of each text, its token of this step included
  Tensor is_source = {};  // pred [B,L]: what of the source is no padding
};

// decode() for one more token of each text.
struct DecoderStep {
  Tensor logits;                        // [B,N,vocabulary] for the token that comes next
  std::vector<AttentionCache> written;  // with the rows of this step
};
DecoderStep decode_step(const Scope& scope, const StepInput& input, const DecoderCaches& caches,
                        const TransformerOptions& options, Here here = Here::current());

// ---- losses ---------------------------------------------------------------------------------------------------------

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
  int64_t target_length = 0;  // of translations, where it is another
};
Tensor language_model(Model& model, const BatchSize& size, const TransformerOptions& options,
                      Here here = Here::current());
Tensor translation_model(Model& model, const BatchSize& size, const TransformerOptions& options,
                         Here here = Here::current());

// A translation model with the same inputs, before its loss.
struct Predictions {
  Tensor logits;    // [batch,length,vocabulary]
  Tensor labels;    // s32 [batch,length]
  Tensor is_token;  // pred [batch,length]: which of them are no padding
};
Predictions translation_predictions(Model& model, const BatchSize& size, const TransformerOptions& options,
                                    Here here = Here::current());

}  // namespace gshard
