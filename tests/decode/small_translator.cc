#include "small_translator.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "corpus/vocabulary.h"
#include "eval/evaluate.h"

namespace gshard {
namespace {

constexpr int64_t kVocabulary = 23;

Places places_of(Tensor tokens) { return {convert(tokens > 0, DType::s32), positions_along(tokens, 1, DType::s32)}; }

}  // namespace

TransformerOptions small_translation_model() {
  TransformerOptions model;
  model.source_vocabulary = 19;
  model.target_vocabulary = kVocabulary;
  model.encoder_layers = 2;
  model.decoder_layers = 2;
  model.size = 8;
  model.hidden = 16;
  model.attention = {.heads = 2, .key_size = 4, .dropout = 0.1};
  model.moe = {.gating = {.experts = 4}, .hidden = 12, .group_size = 8};
  model.dropout = 0.1;
  return model;
}

TranslatorOptions small_translator(int64_t beam, const MeshLayout& layout) {
  TranslatorOptions options;
  options.decoder = {.model = small_translation_model(), .layout = layout};
  options.search.beam = beam;
  options.source_length = 24;
  options.target_length = 60;
  options.rows = 16;
  return options;
}

NamedArrays random_weights(const Decoder& decoder, uint64_t seed) {
  NamedArrays weights;
  for (const auto& [name, shape] : decoder.weights()) {
    const bool is_scale = name.ends_with("/scale");
    const double size = name.ends_with("/embedding") ? 1.5 : 0.6;
    weights.emplace(name,
                    initial_value({.name = name,
                                   .shape = shape,
                                   .initializer = is_scale ? Initializer::constant(1) : Initializer::normal(size)},
                                  seed));
  }
  return weights;
}

std::vector<Tokens> random_sources(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<Tokens> sources(count);
  for (Tokens& source : sources) {
    source.resize(1 + random() % 20);
    for (int32_t& token : source) token = static_cast<int32_t>(4 + random() % 15);
    source.push_back(kEnd);
  }
  return sources;
}

NextLogs whole_decoder(const TransformerOptions& options, const NamedArrays& weights) {
  TransformerOptions free = options;
  free.moe.gating = free.moe.gating.without_drops();
  return [=](const Tokens& source, const Tokens& written) {
    TransformerOptions own = free;
    Model model("whole", {.mode = Mode::evaluate});
    const auto input = [&](const char* name, int64_t length) {
      return model.input(name, Shape(DType::s32, {1, length}));
    };
    own.moe.group_size = static_cast<int64_t>(source.size());
    const Tensor words = input("source", own.moe.group_size);
    const Encoded encoded = encode(model.scope(), words, places_of(words), own);
    own.moe.group_size = static_cast<int64_t>(written.size());
    const Tensor target = input("target", own.moe.group_size);
    const Tensor logs = log_softmax(decode(model.scope(), target, places_of(target), encoded, own), -1);
    const ModelProgram program = std::move(model).finish({{"logs", logs}});
    std::vector<Literal> arguments;
    for (const Parameter& parameter : program.parameters) {
      if (parameter.role == Role::weight) {
        arguments.push_back(weights.at(parameter.name));
        continue;
      }
      Literal tokens(parameter.shape);
      std::ranges::copy(parameter.name == "source" ? source : written, tokens.mutable_values<int32_t>().begin());
      arguments.push_back(tokens);
    }
    const Literal result = evaluate(*program.module, arguments).elements()[0];
    const auto last = result.values<float>().last(kVocabulary);
    return std::vector<double>(last.begin(), last.end());
  };
}

std::vector<Hypothesis> plain_search(const NextLogs& next, const Tokens& source, const SearchOptions& options,
                                     int64_t longest) {
  struct Text {
    Tokens tokens;  // with kBegin
    double log = 0;
  };
  const auto beam = static_cast<size_t>(options.beam);
  std::vector<Text> texts = {{{kBegin}}};
  std::vector<Hypothesis> done;
  while (done.size() < beam && !texts.empty()) {
    std::vector<Text> longer;
    for (const Text& text : texts) {
      const std::vector<double> logs = next(source, text.tokens);
      for (int32_t token = kEnd; token < static_cast<int32_t>(logs.size()); ++token) {
        if (token != kEnd && static_cast<int64_t>(text.tokens.size()) > longest) continue;
        longer.push_back({text.tokens, text.log + logs[static_cast<size_t>(token)]});
        longer.back().tokens.push_back(token);
      }
    }
    std::ranges::stable_sort(longer, std::ranges::greater(), &Text::log);
    texts.clear();
    for (size_t rank = 0; rank < longer.size(); ++rank) {
      Text& text = longer[rank];
      if (text.tokens.back() != kEnd) {
        if (texts.size() < beam) texts.push_back(text);
      } else if (rank < beam) {
        const auto length = static_cast<double>(text.tokens.size() - 1);
        const double score = text.log / std::pow((5 + length) / 6, options.alpha);
        done.push_back({Tokens(text.tokens.begin() + 1, text.tokens.end() - 1), text.log, score});
      }
    }
  }
  std::ranges::stable_sort(done, std::ranges::greater(), &Hypothesis::score);
  done.resize(std::min(done.size(), beam));
  return done;
}

}  // namespace gshard
