#include "model/transformer.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>

#include "ops/infer.h"

namespace gshard {
namespace {

Tensor norm(const Scope& scope, Tensor x) {
  const Tensor scale = scope.parameter("scale", {x.dim(x.rank() - 1)}, Initializer::constant(1));
  return scope.activation(rms_norm(scope.exact(x), scope.exact(scale)));
}

// ---- layers ---------------------------------------------------------------------------------------------------------

std::string layer_name(int64_t i) { return fmt::format("layer_{}", i); }

// x + dropout(f(scope, norm(x))).
template <class F>
Tensor with_residual(const Scope& scope, Tensor x, double dropout, const F& f) {
  const Tensor made = f(scope, norm(scope / "norm", x));
  return scope.annotate(x + (scope / "residual").dropout(made, dropout), {"batch"});
}

Tensor feed_forward(const Scope& scope, Tensor x, int64_t units, double dropout) {
  const int64_t size = x.dim(2);
  const Tensor wi = scope.parameter("wi", {size, units}, Initializer::fan_in(size), {"model", "ff"});
  const Tensor wo = scope.parameter("wo", {units, size}, Initializer::fan_in(units), {"ff", "model"});
  const Tensor hidden = scope.annotate(relu(einsum("BLM,MH->BLH", x, scope.activation(wi))), {"batch", "", "ff"});
  return einsum("BLH,HM->BLM", scope.dropout(hidden, dropout), scope.activation(wo));
}

// How layer i looks at a sequence.
using Look = std::function<Tensor(const Scope&, Tensor, int64_t i)>;

struct Looks {
  Look self;
  Look cross = {};  // at the encoder's result, where there is one
};

// The layers of an encoder or a decoder.
Tensor stack(const Scope& scope, Tensor x, Tensor is_token, int64_t layers, const Looks& looks,
             const TransformerOptions& options) {
  const auto layer_of = [&](Tensor y, int64_t i) {
    const Scope layer = scope / layer_name(i);
    y = with_residual(layer / "self", y, options.dropout,
                      [&](const Scope& self, Tensor z) { return looks.self(self, z, i); });
    if (looks.cross) {
      y = with_residual(layer / "cross", y, options.dropout,
                        [&](const Scope& cross, Tensor z) { return looks.cross(cross, z, i); });
    }
    const bool is_other = options.moe_every > 0 && i % options.moe_every == options.moe_every - 1;
    const bool has_experts = is_other && options.moe.gating.experts > 0;
    return with_residual(layer / (has_experts ? "moe" : "ff"), y, options.dropout, [&](const Scope& ff, Tensor z) {
      if (has_experts) return moe(ff, z, is_token, options.moe);
      return feed_forward(ff, z, is_other ? options.moe.hidden : options.hidden, options.dropout);
    });
  };
  for (int64_t i = 0; i < layers; ++i) {
    x = options.checkpoint_layers ? scope.recomputed([&] { return layer_of(x, i); }) : layer_of(x, i);
  }
  return (scope / "output").dropout(norm(scope / "norm", x), options.dropout);
}

// Attention of a sequence to itself.
Look look_at_self(const Places& places, Sight sight, const TransformerOptions& options) {
  AttentionOptions attention_options = options.attention;
  attention_options.sight = sight;
  return
      [=](const Scope& scope, Tensor x, int64_t) { return attention(scope, x, places, x, places, attention_options); };
}

// ---- embeddings and positions ---------------------------------------------------------------------------------------

// [B,L,size]: sines and cosines of wavelengths from 2 pi to 2 pi * 10000.
Tensor sinusoids(Tensor positions, int64_t size, DType type) {
  const Shape sizes(type, {positions.dim(0), positions.dim(1), size});
  const Tensor place = iota(positions.computation(), sizes, 2);
  const double half = std::max<double>(1, static_cast<double>(size / 2));
  const Tensor is_sine = place < half;
  const Tensor rate = exponential(where(is_sine, place, place - half) * (-std::log(1e4) / half));
  const Tensor angle = expand_dims(convert(positions, type), -1) * rate;
  return where(is_sine, sine(angle), cosine(angle));
}

// How tables of embeddings lie.
const Axes kLookedUp = {"vocab", "model.table"};
const Axes kMultiplied = {"vocab.logits", "model.logits"};

double root_of_size(const TransformerOptions& options) { return std::sqrt(static_cast<double>(options.size)); }

// Rows of length 1 at first: layers get them times the root of their size, logits as they are. So Adam, whose steps are
// as large for all weights, teaches them as fast as the layers.
Tensor embedding_table(const Scope& scope, int64_t rows, const TransformerOptions& options) {
  return scope.parameter("embedding", {rows, options.size}, Initializer::normal(1 / root_of_size(options)), kLookedUp);
}

// The decoder's, which may be the encoder's.
Tensor target_table(const Scope& scope, const Encoded& encoded, const TransformerOptions& options) {
  if (options.embeddings == Embeddings::separate || options.source_vocabulary == 0) {
    return embedding_table(scope / "decoder", options.target_vocabulary, options);
  }
  if (is_set(encoded.embedding)) return encoded.embedding;
  return embedding_table(scope / "encoder", options.source_vocabulary, options);
}

// The table as one of its uses has it, where the layout lays the uses apart. Elsewhere nothing is said: the gradients
// of both then are one sum, and one sum over the devices.
Tensor table_as(const Scope& scope, Tensor table, const Axes& use) {
  const MeshLayout& layout = scope.layout();
  const bool is_apart = layout.axes_of(kLookedUp) != layout.axes_of(kMultiplied);
  return is_apart ? scope.annotate(table, use) : table;
}

// What tokens and places are to the first layer; padding is 0.
Tensor embed(const Scope& scope, Tensor table, Tensor tokens, const Places& places, const TransformerOptions& options) {
  const Tensor found = take(table_as(scope, table, kLookedUp), tokens);
  Tensor x = scope.annotate(found, {"batch.table", "", "model.table"});
  x = scope.annotate(x, {"batch"});
  if (options.positions == PositionEncoding::learned) {
    const Initializer initializer = Initializer::normal(1 / root_of_size(options));
    x = x + take(scope.parameter("positions", {options.longest, options.size}, initializer, {"", "model"}),
                 places.positions);
  }
  x = x * root_of_size(options);
  if (options.positions == PositionEncoding::sinusoidal) {
    x = x + convert(sinusoids(places.positions, options.size, scope.numerics().exact), table.type());
  }
  const Tensor is_token = expand_dims(places.is_token(), -1);
  const Tensor kept = (scope / "input").dropout(scope.activation(x), options.dropout);
  return scope.annotate(where(is_token, kept, 0), {"batch"});
}

// x [B,L,M], the result of the last layer.
Tensor logits_of(const Scope& scope, Tensor x, Tensor table) {
  // As the layers have it, and then as the product does.
  const Tensor result = scope.annotate(scope.annotate(x, {"batch"}), {"batch.logits", "", "model.logits"});
  const Tensor rows = table_as(scope, scope.activation(table), kMultiplied);
  const Tensor logits = einsum("BLM,VM->BLV", result, rows, scope.numerics().exact);
  return scope.annotate(logits, {"batch.vocab", "", "vocab.logits"});
}

void check_least(const char* what, int64_t value, int64_t least, const Here& here) {
  if (value >= least) return;
  throw error_here(fmt::format("transformer: {} is {}, must be at least {}", what, value, least), here);
}

void check_layers(int64_t layers, const TransformerOptions& options, const Here& here) {
  check_least("the number of layers", layers, 0, here);
  check_least("size", options.size, 1, here);
  check_least("moe_every", options.moe_every, 0, here);
  check_least("moe.gating.experts", options.moe.gating.experts, 0, here);
  if (layers > 0 && options.moe_every != 1) check_least("hidden", options.hidden, 1, here);
  if (options.moe_every > 0 && layers >= options.moe_every) check_least("moe.hidden", options.moe.hidden, 1, here);
}

void check_encoder(const TransformerOptions& options, const Here& here) {
  check_layers(options.encoder_layers, options, here);
  check_least("source_vocabulary", options.source_vocabulary, 1, here);
}

void check_decoder(const TransformerOptions& options, const Here& here) {
  check_layers(options.decoder_layers, options, here);
  check_least("source_vocabulary", options.source_vocabulary, 0, here);
  check_least("target_vocabulary", options.target_vocabulary, 1, here);
  const bool is_shared = options.embeddings == Embeddings::shared && options.source_vocabulary > 0;
  if (!is_shared || options.source_vocabulary == options.target_vocabulary) return;
  throw error_here(fmt::format("transformer: shared embeddings for vocabularies of {} and {}, must be one",
                               options.source_vocabulary, options.target_vocabulary),
                   here);
}

void check_rows(int64_t length, const TransformerOptions& options, const Here& here) {
  if (options.positions == PositionEncoding::sinusoidal || length <= options.longest) return;
  throw error_here(fmt::format("transformer: rows of {} tokens, and {} positions to learn; make `longest` larger",
                               length, options.longest),
                   here);
}

void check(Tensor tokens, const Places& places, const Here& here) {
  for (const Tensor& part : {tokens, places.segments, places.positions}) {
    if (part.rank() == 2 && part.dims() == tokens.dims() && is_integer(part.type())) continue;
    throw error_here(fmt::format("transformer: tokens {} in segments {} at positions {}, must be integers of one size",
                                 tokens.shape(), places.segments.shape(), places.positions.shape()),
                     here);
  }
}

}  // namespace

Encoded encode(const Scope& scope, Tensor tokens, const Places& places, const TransformerOptions& options, Here here) {
  check_encoder(options, here);
  check(tokens, places, here);
  check_rows(tokens.dim(1), options, here);
  const Scope encoder = scope / "encoder";
  const Tensor table = embedding_table(encoder, options.source_vocabulary, options);
  const Tensor x = embed(encoder, table, tokens, places, options);
  const Looks looks{look_at_self(places, Sight::everything, options)};
  return {stack(encoder, x, places.is_token(), options.encoder_layers, looks, options), places, table};
}

Tensor decode(const Scope& scope, Tensor tokens, const Places& places, const Encoded& encoded,
              const TransformerOptions& options, Here here) {
  check_decoder(options, here);
  check(tokens, places, here);
  check_rows(tokens.dim(1), options, here);
  const Scope decoder = scope / "decoder";
  const Tensor table = target_table(scope, encoded, options);
  Looks looks{look_at_self(places, Sight::past, options)};
  if (is_set(encoded.values)) {
    looks.cross = [&](const Scope& cross, Tensor x, int64_t) {
      return attention(cross, x, places, encoded.values, encoded.places, options.attention);
    };
  }
  const Tensor x = embed(decoder, table, tokens, places, options);
  const Tensor y = stack(decoder, x, places.is_token(), options.decoder_layers, looks, options);
  return logits_of(decoder, y, table);
}

// ---- one token at a time --------------------------------------------------------------------------------------------

std::vector<AttentionCache> source_caches(const Scope& scope, const Encoded& encoded, const TransformerOptions& options,
                                          Here here) {
  std::vector<AttentionCache> caches;
  for (int64_t i = 0; i < options.decoder_layers; ++i) {
    const Scope layer = scope / "decoder" / layer_name(i);
    caches.push_back(attention_cache(layer / "cross", encoded.values, options.attention, here));
  }
  return caches;
}

DecoderStep decode_step(const Scope& scope, const StepInput& input, const DecoderCaches& caches,
                        const TransformerOptions& options, Here here) {
  const Places places{convert(input.tokens > 0, DType::s32), broadcast(input.step, input.tokens.dims(), {})};
  check_decoder(options, here);
  check(input.tokens, places, here);
  const Scope decoder = scope / "decoder";
  const Tensor table = target_table(scope, {}, options);
  const CachePlace at{input.step * input.tokens.dim(1), input.seen};
  DecoderStep result;
  Looks looks{[&](const Scope& self, Tensor x, int64_t i) {
    auto [y, after] = attention_step(self, x, caches.written.at(static_cast<size_t>(i)), at, options.attention);
    result.written.push_back(after);
    return y;
  }};
  if (!caches.source.empty()) {
    const Dims sizes = {input.tokens.dim(0), input.tokens.dim(1), input.is_source.dim(1)};
    const Tensor seen = broadcast(input.is_source, sizes, {0, 2});
    looks.cross = [&, seen](const Scope& cross, Tensor x, int64_t i) {
      return attend(cross, x, caches.source.at(static_cast<size_t>(i)), seen, options.attention);
    };
  }
  const Tensor x = embed(decoder, table, input.tokens, places, options);
  TransformerOptions kept = options;
  kept.checkpoint_layers = false;  // the caches are made by the layers, and nothing goes backward
  const Tensor y = stack(decoder, x, places.is_token(), options.decoder_layers, looks, kept);
  result.logits = logits_of(decoder, y, table);
  return result;
}

Tensor sequence_loss(const Scope& scope, Tensor logits, Tensor labels, Tensor is_token,
                     const CrossEntropyOptions& options, Here here) {
  const CrossEntropy entropy = cross_entropy(logits, labels, options, here);
  const Tensor weight = convert(is_token, logits.type(), here);
  const Tensor tokens = sum(weight);
  const auto mean_of_tokens = [&](Tensor x) { return sum(x * weight) / maximum(tokens, 1); };
  Tensor loss = mean_of_tokens(entropy.loss);
  for (const NamedTensor& other : scope.model().losses()) loss = loss + convert(other.value, loss.type());
  scope.add_metric("nll", mean_of_tokens(-entropy.log_likelihood));
  scope.add_metric("accuracy", mean_of_tokens(convert(equal(argmax(logits, -1), labels), logits.type())));
  scope.add_metric("tokens", tokens);
  return loss;
}

// ---- whole models ---------------------------------------------------------------------------------------------------

namespace {

struct Sequences {
  Tensor tokens;
  Places places;
};

Tensor token_input(Model& model, const std::string& name, const BatchSize& size, const Here& here) {
  return model.input(name, Shape(DType::s32, {size.batch, size.length}), {"batch"}, here);
}

// `prefix` is that of the names of segments and positions.
Sequences sequence_inputs(Model& model, const std::string& name, const std::string& prefix, const BatchSize& size,
                          const Here& here) {
  if (size.batch < 1 || size.length < 1) {
    throw error_here(fmt::format("transformer: a batch of {} x {} tokens", size.batch, size.length), here);
  }
  const Tensor tokens = token_input(model, name, size, here);
  const Tensor segments = token_input(model, prefix + "segments", size, here);
  return {tokens, {segments, token_input(model, prefix + "positions", size, here)}};
}

}  // namespace

Tensor language_model(Model& model, const BatchSize& size, const TransformerOptions& options, Here here) {
  const auto [tokens, places] = sequence_inputs(model, "tokens", "", size, here);
  const Tensor labels = token_input(model, "labels", size, here);
  const Scope scope = model.scope();
  const Tensor logits = decode(scope, tokens, places, {}, options, here);
  return sequence_loss(scope, logits, labels, places.is_token(), options.loss, here);
}

Predictions translation_predictions(Model& model, const BatchSize& size, const TransformerOptions& options, Here here) {
  const auto [source, source_places] = sequence_inputs(model, "source", "source_", size, here);
  const BatchSize targets{size.batch, size.target_length > 0 ? size.target_length : size.length};
  const auto [target, target_places] = sequence_inputs(model, "target", "target_", targets, here);
  const Tensor labels = token_input(model, "labels", targets, here);
  const Scope scope = model.scope();
  const Encoded encoded = encode(scope, source, source_places, options, here);
  return {decode(scope, target, target_places, encoded, options, here), labels, target_places.is_token()};
}

Tensor translation_model(Model& model, const BatchSize& size, const TransformerOptions& options, Here here) {
  const Predictions predictions = translation_predictions(model, size, options, here);
  return sequence_loss(model.scope(), predictions.logits, predictions.labels, predictions.is_token, options.loss, here);
}

}  // namespace gshard
