#include "step/models.h"

#include "base/random.h"

namespace gshard::bench {
namespace {

constexpr int64_t kVocabulary = 8000;

struct Row {
  const char* name;
  int64_t size;
  int64_t hidden;
  int64_t encoder_layers;
  int64_t decoder_layers;
  double dropout;
  int64_t rows;
  int64_t source_length;
  int64_t target_length;
};

StepModel model_of(const Row& row) {
  StepModel model{row.name, {}, row.rows, row.source_length, row.target_length};
  TransformerOptions& options = model.options;
  options.source_vocabulary = kVocabulary;
  options.target_vocabulary = kVocabulary;
  options.encoder_layers = row.encoder_layers;
  options.decoder_layers = row.decoder_layers;
  options.size = row.size;
  options.hidden = row.hidden;
  options.attention = {.heads = row.size / 64, .key_size = 64, .dropout = row.dropout};
  options.moe = {.gating = {.experts = 8}, .hidden = row.hidden, .group_size = 256};
  options.dropout = row.dropout;
  options.loss = {.label_smoothing = 0.1, .z_loss = 1e-4};
  return model;
}

class Tokens {
 public:
  explicit Tokens(const Shape& shape) : value_(Literal::uninitialized(shape)), length_(shape.dim(1)) {}

  template <class F>
  Literal made_by(const F& token_at) && {
    auto values = value_.mutable_values<int32_t>();
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<int32_t>(token_at(static_cast<int64_t>(i), static_cast<int64_t>(i) % length_));
    }
    return std::move(value_);
  }

 private:
  Literal value_;
  int64_t length_;
};

Literal input_of(const Parameter& parameter) {
  Tokens tokens(parameter.shape);
  if (parameter.name.ends_with("segments")) return std::move(tokens).made_by([](int64_t, int64_t) { return 1; });
  if (parameter.name.ends_with("positions")) return std::move(tokens).made_by([](int64_t, int64_t at) { return at; });
  const uint64_t seed = parameter.name.size();
  return std::move(tokens).made_by([&](int64_t i, int64_t) {
    return static_cast<int64_t>(random_bits(seed, static_cast<uint64_t>(i)) % kVocabulary);
  });
}

}  // namespace

std::vector<StepModel> step_models() {
  std::vector<StepModel> models;
  for (const Row& row : {Row{"demo", 256, 1024, 4, 4, 0, 32, 96, 64}, Row{"d256", 256, 1024, 6, 4, 0.1, 64, 64, 64},
                         Row{"d512", 512, 2048, 6, 6, 0.1, 64, 64, 64}}) {
    models.push_back(model_of(row));
  }
  return models;
}

StepModel dense_twin(StepModel model) {
  model.name += "-dense";
  TransformerOptions& options = model.options;
  // Each token passes through that many experts.
  options.moe.hidden *= options.moe.gating.choices;
  options.moe.gating.experts = 0;
  return model;
}

ModelProgram step_program(const StepModel& m, const ModelOptions& options) {
  const auto loss = [&](Model& model) {
    const auto input = [&](const std::string& name, int64_t length) {
      return model.input(name, Shape(DType::s32, {m.rows, length}), {"batch"});
    };
    const auto places = [&](const std::string& prefix, int64_t length) {
      return Places{input(prefix + "_segments", length), input(prefix + "_positions", length)};
    };
    const Tensor source = input("source", m.source_length);
    const Places source_places = places("source", m.source_length);
    const Tensor target = input("target", m.target_length);
    const Places target_places = places("target", m.target_length);
    const Tensor labels = input("labels", m.target_length);
    const Scope scope = model.scope();
    const Encoded encoded = encode(scope, source, source_places, m.options);
    const Tensor logits = decode(scope, target, target_places, encoded, m.options);
    return sequence_loss(scope, logits, labels, target_places.is_token(), m.options.loss);
  };
  return train_step(m.name, options, loss, {.rule = Adam{}, .clip_norm = 1});
}

std::vector<Literal> step_arguments(const StepModel&, const ModelProgram& program) {
  std::vector<Literal> arguments;
  for (const Parameter& parameter : program.parameters) {
    arguments.push_back(parameter.role == Role::input ? input_of(parameter) : initial_value(parameter, 1));
  }
  return arguments;
}

}  // namespace gshard::bench
