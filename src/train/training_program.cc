#include "train/training_program.h"

#include <fmt/format.h>

#include <algorithm>

namespace gshard {
namespace {

constexpr std::string_view kBalance = "/balance";

Tensor scalar_input(Model& model, const std::string& name) { return model.input(name, Shape(DType::f32)); }

// The sum of what the mixtures report as their balance.
Tensor balance_of(const Model& model, Tensor loss) {
  Tensor total = full_like(loss, 0);
  for (const NamedTensor& metric : model.metrics()) {
    if (metric.name.ends_with(kBalance)) total = total + convert(metric.value, loss.type());
  }
  return total;
}

BatchSize size_of(const TrainConfig& config) {
  return {config.rows / config.micro_batches, config.model.source_length, config.model.target_length};
}

ModelOptions options_of(const TrainConfig& config, const Numerics& numerics) {
  return {.layout = layout_of(config), .numerics = numerics, .seed = static_cast<uint64_t>(config.seed)};
}

OptimizerOptions optimizer_of(const TrainConfig& config) {
  OptimizerOptions options;
  if (config.rule == OptimizerRule::adam) {
    options.rule = Adam{.beta1 = config.beta1, .beta2 = config.beta2, .decay = config.weight_decay};
  } else {
    options.rule = Adafactor{};
  }
  options.schedule = Schedule::given();
  options.clip_norm = config.clip_norm;
  options.micro_batches = config.micro_batches;
  return options;
}

Tensor training_loss(Model& model, const TrainConfig& config, const TransformerOptions& options) {
  const Tensor of_tokens = translation_model(model, size_of(config), options);
  const Tensor balance = balance_of(model, of_tokens) * scalar_input(model, "balance_weight");
  model.scope().add_metric("auxiliary", balance);
  return of_tokens * scalar_input(model, "share") + balance;
}

Literal tokens_literal(const std::vector<int32_t>& values, int64_t rows, int64_t length) {
  Literal literal = Literal::uninitialized(Shape(DType::s32, {rows, length}));
  std::ranges::copy(values, literal.mutable_values<int32_t>().begin());
  return literal;
}

Literal number(double value) { return Literal::scalar<float>(DType::f32, static_cast<float>(value)); }

template <class T>
std::vector<T> cut(const std::vector<T>& values, int64_t first, int64_t count) {
  return {values.begin() + first, values.begin() + first + count};
}

}  // namespace

TransformerOptions transformer_of(const TrainConfig& config, const Vocabularies& vocabularies) {
  TransformerOptions options = resolved(config.model, vocabularies);
  options.loss = {.label_smoothing = config.label_smoothing, .z_loss = config.z_loss};
  if (options.embeddings == Embeddings::shared && !vocabularies.shared) {
    throw Error::usage("model.embeddings is \"shared\", and the corpus has a vocabulary for each side");
  }
  return options;
}

Numerics numerics_of(const TrainConfig& config) {
  return config.precision == NumberPrecision::bf16 ? Numerics::mixed() : Numerics::single();
}

ModelProgram step_of_training(const TrainConfig& config, const TransformerOptions& model, const Numerics& numerics) {
  return train_step(
      "train", options_of(config, numerics), [&](Model& m) { return training_loss(m, config, model); },
      optimizer_of(config));
}

ModelProgram likelihoods_on_dev(const TrainConfig& config, const TransformerOptions& options,
                                const Numerics& numerics) {
  TransformerOptions own = options;
  own.moe = own.moe.without_drops();
  ModelOptions how = options_of(config, numerics);
  how.mode = Mode::evaluate;
  Model model("dev", std::move(how));
  const auto [logits, labels, is_token] = translation_predictions(model, size_of(config), own);
  const Tensor likelihood = convert(cross_entropy(logits, labels).log_likelihood, DType::f32);
  return std::move(model).finish({{"log_likelihood", likelihood}, {"is_right", equal(argmax(logits, -1), labels)}});
}

NamedArrays inputs_of(const Batch& batch) {
  const auto source = [&](const auto& values) { return tokens_literal(values, batch.rows, batch.source_length); };
  const auto target = [&](const auto& values) { return tokens_literal(values, batch.rows, batch.target_length); };
  return {{"source", source(batch.source)},
          {"source_segments", source(batch.source_segments)},
          {"source_positions", source(batch.source_positions)},
          {"target", target(batch.target_inputs)},
          {"target_segments", target(batch.target_segments)},
          {"target_positions", target(batch.target_positions)},
          {"labels", target(batch.target_labels)}};
}

NamedArrays inputs_of(const Batch& batch, const StepRates& rates) {
  NamedArrays inputs = inputs_of(batch);
  inputs.emplace("learning_rate", number(rates.learning_rate));
  inputs.emplace("balance_weight", number(rates.balance_weight));
  inputs.emplace("share", number(rates.share));
  return inputs;
}

Batch rows_of(const Batch& batch, int64_t first, int64_t rows) {
  Batch part;
  part.rows = rows;
  part.source_length = batch.source_length;
  part.target_length = batch.target_length;
  for (const auto member : {&Batch::source, &Batch::source_segments, &Batch::source_positions}) {
    part.*member = cut(batch.*member, first * batch.source_length, rows * batch.source_length);
  }
  for (const auto member :
       {&Batch::target_inputs, &Batch::target_labels, &Batch::target_segments, &Batch::target_positions}) {
    part.*member = cut(batch.*member, first * batch.target_length, rows * batch.target_length);
  }
  part.numbers = cut(batch.numbers, first, rows);
  const auto is_token = [](int32_t segment) { return segment > 0; };
  part.source_tokens = std::ranges::count_if(part.source_segments, is_token);
  part.target_tokens = std::ranges::count_if(part.target_segments, is_token);
  return part;
}

}  // namespace gshard
