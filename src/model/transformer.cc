#include "model/transformer.h"

#include <fmt/format.h>

#include <cmath>

#include "ops/infer.h"

namespace gshard {
namespace {

Tensor norm(const Scope& scope, Tensor x) {
  const Tensor scale = scope.parameter("scale", {x.dim(x.rank() - 1)}, Initializer::constant(1));
  return scope.activation(rms_norm(scope.exact(x), scope.exact(scale)));
}

// ---- layers ---------------------------------------------------------------------------------------------------------

// x + dropout(f(scope, norm(x))).
template <class F>
Tensor with_residual(const Scope& scope, Tensor x, double dropout, const F& f) {
  const Tensor made = f(scope, norm(scope / "norm", x));
  return scope.annotate(x + (scope / "residual").dropout(made, dropout), {"batch"});
}

Tensor feed_forward(const Scope& scope, Tensor x, const TransformerOptions& options) {
  const int64_t size = x.dim(2);
  const Tensor wi = scope.parameter("wi", {size, options.hidden}, Initializer::fan_in(size), {"model", "ff"});
  const Tensor wo = scope.parameter("wo", {options.hidden, size}, Initializer::fan_in(options.hidden), {"ff", "model"});
  const Tensor hidden = scope.annotate(relu(einsum("BLM,MH->BLH", x, scope.activation(wi))), {"batch", "", "ff"});
  return einsum("BLH,HM->BLM", scope.dropout(hidden, options.dropout), scope.activation(wo));
}

struct StackOptions {
  int64_t layers = 0;
  Sight sight = Sight::everything;
};

// The layers of an encoder or a decoder.
Tensor stack(const Scope& scope, Tensor x, const Places& places, const Encoded& encoded,
             const TransformerOptions& options, const StackOptions& stack) {
  AttentionOptions own = options.attention;
  own.sight = stack.sight;
  for (int64_t i = 0; i < stack.layers; ++i) {
    const Scope layer = scope / fmt::format("layer_{}", i);
    x = with_residual(layer / "self", x, options.dropout,
                      [&](const Scope& self, Tensor y) { return attention(self, y, places, y, places, own); });
    if (encoded.values.instruction() != nullptr) {
      x = with_residual(layer / "cross", x, options.dropout, [&](const Scope& cross, Tensor y) {
        return attention(cross, y, places, encoded.values, encoded.places, options.attention);
      });
    }
    const bool has_experts = options.moe_every > 0 && i % options.moe_every == options.moe_every - 1;
    x = with_residual(layer / (has_experts ? "moe" : "ff"), x, options.dropout, [&](const Scope& ff, Tensor y) {
      return has_experts ? moe(ff, y, places.is_token(), options.moe) : feed_forward(ff, y, options);
    });
  }
  return (scope / "output").dropout(norm(scope / "norm", x), options.dropout);
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

Tensor embedding_table(const Scope& scope, int64_t rows, const TransformerOptions& options) {
  return scope.parameter("embedding", {rows, options.size}, Initializer::normal(1), {"vocab", "model"});
}

// What tokens and places are to the first layer; padding is 0.
Tensor embed(const Scope& scope, Tensor table, Tensor tokens, const Places& places, const TransformerOptions& options) {
  Tensor x = take(table, tokens);
  if (options.positions == PositionEncoding::sinusoidal) {
    x = x + convert(sinusoids(places.positions, options.size, scope.numerics().exact), table.type());
  } else {
    const Dims sizes = {options.longest, options.size};
    x = x + take(scope.parameter("positions", sizes, Initializer::normal(1), {"", "model"}), places.positions);
  }
  const Tensor is_token = expand_dims(places.is_token(), -1);
  const Tensor kept = (scope / "input").dropout(scope.activation(x), options.dropout);
  return scope.annotate(where(is_token, kept, 0), {"batch"});
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
  check(tokens, places, here);
  const Scope encoder = scope / "encoder";
  const Tensor table = embedding_table(encoder, options.source_vocabulary, options);
  const Tensor x = embed(encoder, table, tokens, places, options);
  return {stack(encoder, x, places, {}, options, {options.encoder_layers}), places, table};
}

Tensor decode(const Scope& scope, Tensor tokens, const Places& places, const Encoded& encoded,
              const TransformerOptions& options, Here here) {
  check(tokens, places, here);
  const Scope decoder = scope / "decoder";
  const bool shares = options.embeddings == Embeddings::shared && encoded.embedding.instruction() != nullptr;
  const Tensor table = shares ? encoded.embedding : embedding_table(decoder, options.target_vocabulary, options);
  Tensor x = embed(decoder, table, tokens, places, options);
  x = stack(decoder, x, places, encoded, options, {options.decoder_layers, Sight::past});
  const Tensor scaled = x * (1 / std::sqrt(static_cast<double>(options.size)));
  const Tensor logits = einsum("BLM,VM->BLV", scaled, scope.activation(table), scope.numerics().exact);
  return scope.annotate(logits, {"batch", "", "vocab"});
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

Tensor translation_model(Model& model, const BatchSize& size, const TransformerOptions& options, Here here) {
  const auto [source, source_places] = sequence_inputs(model, "source", "source_", size, here);
  const auto [target, target_places] = sequence_inputs(model, "target", "target_", size, here);
  const Tensor labels = token_input(model, "labels", size, here);
  const Scope scope = model.scope();
  const Encoded encoded = encode(scope, source, source_places, options, here);
  const Tensor logits = decode(scope, target, target_places, encoded, options, here);
  return sequence_loss(scope, logits, labels, target_places.is_token(), options.loss, here);
}

}  // namespace gshard
