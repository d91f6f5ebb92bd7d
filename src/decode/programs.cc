#include "decode/programs.h"

#include <fmt/format.h>

#include <limits>

#include "corpus/vocabulary.h"

namespace gshard {
namespace {

// A model to be written for batches of this size. Groups of experts' tokens are as large as in training, or as large as
// there are tokens; where nothing is dropped groups mean nothing, and are as few as can be.
TransformerOptions sized(TransformerOptions model, int64_t tokens, const ModelOptions& options) {
  const int64_t parts = options.layout.parts("group");
  const int64_t most = tokens / parts;
  int64_t& size = model.moe.group_size;
  const bool has_slots = model.moe.dispatch != Dispatch::sorted;
  if (!has_slots || size < 1 || size > most || most % size != 0) size = most;
  return model;
}

ModelOptions evaluating(ModelOptions options) {
  options.mode = Mode::evaluate;
  return options;
}

std::string layered(const char* name, int64_t layer) { return fmt::format("{}_{}", name, layer); }

Places places_of(Tensor tokens) { return {convert(tokens > 0, DType::s32), positions_along(tokens, 1, DType::s32)}; }

// ---- what passes from program to program ----------------------------------------------------------------------------

AttentionCache cache_state(Model& model, const char* prefix, int64_t layer, const Dims& sizes) {
  const Shape shape(model.numerics().activations, sizes);
  const Axes axes = {"batch", "", "heads"};
  const Tensor keys = model.state(layered(prefix, layer) + "_keys", shape, {}, axes);
  return {keys, model.state(layered(prefix, layer) + "_values", shape, {}, axes)};
}

std::vector<AttentionCache> cache_states(Model& model, const char* prefix, int64_t length, const DecodingSize& size,
                                         const TransformerOptions& options) {
  std::vector<AttentionCache> caches;
  for (int64_t i = 0; i < options.decoder_layers; ++i) {
    const Dims sizes = {size.rows, length, options.attention.heads, options.attention.key_size};
    caches.push_back(cache_state(model, prefix, i, sizes));
  }
  return caches;
}

void update_caches(Model& model, const char* prefix, const std::vector<AttentionCache>& caches) {
  int64_t layer = 0;
  for (const AttentionCache& cache : caches) {
    model.update(layered(prefix, layer) + "_keys", cache.keys);
    model.update(layered(prefix, layer) + "_values", cache.values);
    ++layer;
  }
}

Tensor is_source_state(Model& model, const DecodingSize& size) {
  return model.state("is_source", Shape(DType::pred, {size.rows, size.source_length}), {}, {"batch"});
}

Tensor token_input(Model& model, const char* name, int64_t rows, int64_t length) {
  return model.input(name, Shape(DType::s32, {rows, length}), {"batch"});
}

// ---------------------------------------------------------------------------------------------------------------------

// Choices of experts that were made and that found a place, over all layers: what a limit to experts' capacity costs.
std::vector<NamedTensor> counts_of_choices(const Model& model, const TransformerOptions& options) {
  if (options.moe.dispatch == Dispatch::sorted) return {};  // all find one
  Tensor kept, sent;
  for (const NamedTensor& metric : model.metrics()) {
    if (metric.name.ends_with("/tokens_per_expert")) kept = plus(kept, sum(metric.value));
    if (metric.name.ends_with("/sent")) sent = plus(sent, metric.value);
  }
  if (!is_set(kept)) return {};
  return {{"choices_kept", kept}, {"choices_sent", sent}};
}

// The likeliest next tokens.
std::vector<NamedTensor> next_tokens(Tensor logits, int64_t count) {
  const int64_t last = logits.dim(2) - 1;
  const Tensor normalizer = logsumexp(logits, -1);
  const Tensor end = reshape(slice_in_dim(logits, kEnd, kEnd + 1, 2), normalizer.dims());
  const Tensor is_text = positions_along(logits, 2, DType::s32) > kEnd;
  const TopK top =
      top_k(where(is_text, logits, -std::numeric_limits<double>::infinity()), std::min(count, last - kEnd));
  return {{"next", top.indices}, {"next_log", top.values - expand_dims(normalizer, -1)}, {"end_log", end - normalizer}};
}

}  // namespace

ModelProgram encode_program(const DecodingSize& size, const TransformerOptions& options, ModelOptions how) {
  Model model("encode", evaluating(std::move(how)));
  const Tensor source = token_input(model, "source", size.rows, size.source_length);
  is_source_state(model, size);
  cache_states(model, "source", size.source_length, size, options);
  const TransformerOptions own = sized(options, size.rows * size.source_length, model.options());
  const Encoded encoded = encode(model.scope(), source, places_of(source), own);
  model.update("is_source", source > 0);
  update_caches(model, "source", source_caches(model.scope(), encoded, own));
  const std::vector<NamedTensor> counts = counts_of_choices(model, options);
  return std::move(model).finish(counts);
}

ModelProgram step_program(const DecodingSize& size, const TransformerOptions& options, ModelOptions how) {
  Model model("step", evaluating(std::move(how)));
  const int64_t slots = size.target_length * size.texts;
  StepInput input;
  input.tokens = token_input(model, "tokens", size.rows, size.texts);
  input.step = model.input("step", Shape(DType::s32));
  input.seen = model.input("seen", Shape(DType::pred, {size.rows, size.texts, slots}), {"batch"});
  input.is_source = is_source_state(model, size);
  const DecoderCaches caches{cache_states(model, "written", slots, size, options),
                             cache_states(model, "source", size.source_length, size, options)};
  const TransformerOptions own = sized(options, size.rows * size.texts, model.options());
  const DecoderStep step = decode_step(model.scope(), input, caches, own);
  update_caches(model, "written", step.written);
  std::vector<NamedTensor> results = next_tokens(step.logits, size.texts);
  for (const NamedTensor& count : counts_of_choices(model, options)) results.push_back(count);
  return std::move(model).finish(results);
}

ModelProgram score_program(const DecodingSize& size, const TransformerOptions& options, ModelOptions how) {
  Model model("score", evaluating(std::move(how)));
  const Tensor source = token_input(model, "source", size.rows, size.source_length);
  const Tensor labels = token_input(model, "target", size.rows, size.target_length);
  // What is read is kBegin and then the labels.
  const Tensor begin = full(model.computation(), Shape(DType::s32, {size.rows, 1}), kBegin);
  const Tensor read = concatenate({begin, slice_in_dim(labels, 0, size.target_length - 1, 1)}, 1);
  const Tensor is_label = labels > 0;
  const Places places{convert(is_label, DType::s32), positions_along(labels, 1, DType::s32)};
  const TransformerOptions encoder = sized(options, size.rows * size.source_length, model.options());
  const Encoded encoded = encode(model.scope(), source, places_of(source), encoder);
  const TransformerOptions decoder = sized(options, size.rows * size.target_length, model.options());
  const Tensor logits = decode(model.scope(), where(is_label, read, 0), places, encoded, decoder);
  const Tensor likelihood = cross_entropy(logits, labels).log_likelihood;
  const Tensor total = sum(where(is_label, likelihood, 0), {1});
  std::vector<NamedTensor> results = {{"log_probability", total}};
  for (const NamedTensor& count : counts_of_choices(model, options)) results.push_back(count);
  return std::move(model).finish(results);
}

}  // namespace gshard
