#include "decode/model_config.h"

#include <fmt/format.h>

#include <algorithm>

namespace gshard {

ModelConfig::ModelConfig() {
  transformer.encoder_layers = 4;
  transformer.decoder_layers = 4;
  transformer.size = 256;
  transformer.hidden = 1024;
  transformer.attention = {.heads = 8, .key_size = 32};
  transformer.moe = {.gating = {.experts = 8, .balance_weight = 0}, .hidden = 1024, .group_size = 256};
}

std::vector<LanguagePair> ModelConfig::parsed_directions() const {
  std::vector<LanguagePair> parsed;
  for (const std::string& name : directions) {
    const auto direction = parse_direction(name);
    if (!direction) throw Error::program(fmt::format("'{}' is no direction; one is two languages, as de:en", name));
    parsed.push_back(*direction);
  }
  return parsed;
}

std::vector<Setting> settings_of(ModelConfig& config) {
  TransformerOptions& t = config.transformer;
  GatingOptions& gating = t.moe.gating;
  // What is beyond these is a slip of the keyboard, found here rather than after minutes of building layers.
  const Bounds layers{.low = 1, .high = 1000};
  const Bounds width{.low = 1, .high = 1 << 20};
  const Bounds experts{.low = 0, .high = 1 << 16};
  const Bounds positive{.low = 1};
  const Bounds share{.low = 0, .high = 0.99};
  return {
      {"model.size", &t.size, "of a token's vector", width},
      {"model.hidden", &t.hidden, "hidden units of feed-forward layers", width},
      {"model.encoder_layers", &t.encoder_layers, "", layers},
      {"model.decoder_layers", &t.decoder_layers, "", layers},
      {"model.heads", &t.attention.heads, "of attention", width},
      {"model.head_size", &t.attention.key_size, "of each head's queries, keys and values", width},
      {"model.moe_every", &t.moe_every, "every so many-th layer is a mixture of experts; 0 for none", {.low = 0}},
      {"model.experts", &gating.experts, "of each mixture; 0: such layers are feed-forward ones", experts},
      {"model.expert_hidden", &t.moe.hidden, "hidden units of each expert, or of the layers in their place", width},
      {"model.choices", &gating.choices, "experts that a token goes to", positive},
      {"model.group_size", &t.moe.group_size, "tokens among which experts are shared out", positive},
      {"model.capacity_factor", &gating.capacity_factor, "an expert takes factor * group_size / experts", {.low = 0.01}},
      {"model.later_choices",
       one_of(&gating.later,
              {{"random", LaterChoices::random}, {"all", LaterChoices::all}, {"sampled", LaterChoices::sampled}}),
       "which tokens go to more than their first expert in training"},
      {"model.unsent_choices",
       one_of(&gating.unsent, {{"take_slots", UnsentChoices::take_slots}, {"take_none", UnsentChoices::take_none}}),
       "whether choices that are not sent, by chance, count in their expert's capacity"},
      {"model.dispatch", one_of(&t.moe.dispatch, {{"einsum", Dispatch::einsum}, {"scatter", Dispatch::scatter}}),
       "how tokens get to their experts"},
      {"model.positions",
       one_of(&t.positions, {{"sinusoidal", PositionEncoding::sinusoidal}, {"learned", PositionEncoding::learned}}),
       ""},
      {"model.embeddings", one_of(&t.embeddings, {{"separate", Embeddings::separate}, {"shared", Embeddings::shared}}),
       "of the two languages; shared ones need one vocabulary"},
      {"model.dropout", &t.dropout, "of embeddings and of what each layer adds", share},
      {"model.attention_dropout", &t.attention.dropout, "of the weights of attention", share},
      {"model.expert_dropout", &t.moe.dropout, "of the hidden layers of experts", share},
      {"model.source_length", &config.source_length, "tokens of a row, and the most of a sentence", {.low = 8}},
      {"model.target_length", &config.target_length, "the same of targets", {.low = 2}},
      {"model.directions", &config.directions, "languages, as [\"de:en\"]; those of the corpus where it is empty"},
  };
}

TransformerOptions resolved(const ModelConfig& config, const Vocabularies& vocabularies) {
  TransformerOptions options = config.transformer;
  options.source_vocabulary = vocabularies.source.size();
  options.target_vocabulary = vocabularies.target.size();
  options.longest = std::max(config.source_length, config.target_length);
  return options;
}

void check(const ModelConfig& config, const Settings& settings) {
  const TransformerOptions& t = config.transformer;
  if (t.moe_every == 0 || t.moe.gating.experts == 0) return;
  const GatingOptions& gating = t.moe.gating;
  if (gating.choices > gating.experts) {
    throw settings.error("model.choices",
                         fmt::format("model.choices is {} of model.experts = {}", gating.choices, gating.experts));
  }
}

}  // namespace gshard
