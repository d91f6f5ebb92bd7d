#include "tools/translation.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "tools/terminal.h"

namespace gshard {
namespace {

// For check(): the ranges of CLI11 have a place for NaN.
std::string check_number(const std::string& text, double least, double most) {
  double number = 0;
  if (CLI::detail::lexical_cast(text, number) && number >= least && number <= most) return "";
  return fmt::format("'{}' is no number from {} to {}", text, least, most);
}

}  // namespace

std::string names_of(const std::vector<LanguagePair>& directions) {
  std::vector<std::string> names;
  for (const LanguagePair& direction : directions) names.push_back(direction.name());
  return names.empty() ? "nothing: its config.toml names no directions" : fmt::format("{}", fmt::join(names, ", "));
}

void add_model_options(CLI::App& app, TranslationArguments& arguments) {
  app.add_option("--model", arguments.model, "The folder of a trained model")->type_name("DIR")->required();
  app.add_option("--devices", arguments.devices,
                 "Virtual devices that share out the batch and the experts [1]; what comes out is the same")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  app.add_option("--rows", arguments.rows, "Sentences of a full batch [32]")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  app.add_option("--expert-capacity", arguments.expert_capacity,
                 "Let an expert take no more than so many times its even share of the tokens, and report\n"
                 "what is dropped; without it, experts take all")
      ->type_name("FACTOR")
      ->check([](const std::string& text) { return check_number(text, 0.001, 1e6); });
}

void add_search_options(CLI::App& app, TranslationArguments& arguments) {
  app.add_option("--beam", arguments.beam, "Texts that are written at a time for each sentence [4]; 1 is greedy")
      ->type_name("N")
      ->check(CLI::Range(1, 64));
  app.add_option("--alpha", arguments.alpha, "Scores are log-probabilities / ((5 + length) / 6)^ALPHA [0.8]")
      ->type_name("ALPHA")
      ->check([](const std::string& text) { return check_number(text, 0, 10); });
}

LoadedModel load_model(const TranslationArguments& arguments) {
  ModelFolder folder(arguments.model);
  TranslatorOptions options;
  options.decoder.model = folder.config().transformer;
  if (arguments.devices > 1) options.decoder.layout = MeshLayout::experts(arguments.devices);
  options.decoder.expert_capacity = arguments.expert_capacity;
  options.search.beam = arguments.beam;
  options.search.alpha = arguments.alpha;
  options.source_length = folder.config().source_length;
  options.target_length = folder.config().target_length;
  options.rows = arguments.rows;
  auto translator = std::make_unique<TextTranslator>(folder.vocabularies(), options);
  translator->translator().decoder().load_weights(folder.weights_path());
  return {std::move(folder), std::move(translator)};
}

LanguagePair direction_of(const ModelFolder& folder, const std::string& from, const std::string& to) {
  std::vector<LanguagePair> possible;
  for (const LanguagePair& direction : folder.directions()) {
    if (!from.empty() && direction.source != from) continue;
    if (!to.empty() && direction.target != to) continue;
    possible.push_back(direction);
  }
  if (possible.empty()) {
    throw Error::usage(fmt::format("{} was not trained on {}-{}; it was on {}", folder.path(),
                                   from.empty() ? "*" : from, to.empty() ? "*" : to, names_of(folder.directions())));
  }
  const auto differs = [&](const LanguagePair& other) {
    return (folder.vocabularies().tags_source && other.source != possible[0].source) ||
           (folder.vocabularies().tags_target && other.target != possible[0].target);
  };
  if (std::ranges::any_of(possible, differs)) {
    throw Error::usage(
        fmt::format("which languages? Give --from and --to; {} knows {}", folder.path(), names_of(possible)));
  }
  return possible[0];
}

std::optional<double> share_dropped(TextTranslator& translator) {
  if (translator.translator().options().decoder.expert_capacity <= 0) return std::nullopt;
  return translator.translator().decoder().choices().share_dropped();
}

void report_dropped_choices(TextTranslator& translator) {
  const auto share = share_dropped(translator);
  if (share) put_warning(fmt::format("{:.2f} % of the choices of experts found no place", 100 * *share));
}

}  // namespace gshard
