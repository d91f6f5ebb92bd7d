// gshard score: how likely a model finds translations.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "tools/line_source.h"
#include "tools/terminal.h"
#include "tools/translation.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Each line of the input is a pair: source and translation with a tab between them, or the columns of\n"
    "a corpus (source language, target language, source, translation). Each gives one line of the output:\n"
    "the natural logarithm of the translation's probability, the end included. Pairs with a side longer\n"
    "than what the model was trained on are an error.\n"
    "\n"
    "Examples:\n"
    "  paste de.txt en.txt | gshard score --model run/model\n"
    "  gshard score --model run/model --json < corpus/test.tsv";

struct ScoreOptions {
  TranslationArguments model;
  std::string from;
  std::string to;
  bool json = false;
};

constexpr size_t kMostPairs = 1024;

// Pairs and their lengths, told by the numbers of their lines.
class PairReader {
 public:
  PairReader(const ModelFolder& folder, const ScoreOptions& options) : folder_(folder), options_(options) {}

  TextPair pair_of(const std::string& line) {
    ++number_;
    TextPair pair = parsed(line);
    const Vocabularies& vocabularies = folder_.vocabularies();
    const auto source = vocabularies.encode_source(pair.source, pair.source_language, pair.target_language).size();
    check("source", static_cast<int64_t>(source), folder_.config().source_length);
    check("translation", tokens_of(pair), folder_.config().target_length);
    return pair;
  }
  int64_t tokens_of(const TextPair& pair) const {
    return static_cast<int64_t>(folder_.vocabularies().encode_target(pair.target).size());
  }

 private:
  TextPair parsed(const std::string& line) const {
    if (auto row = parse_row(line)) {
      check_direction(direction_of(*row));
      return *row;
    }
    const size_t tab = line.find('\t');
    if (tab == std::string::npos || line.find('\t', tab + 1) != std::string::npos) {
      throw Error::program(fmt::format("line {}: it has not two columns, nor four to six", number_));
    }
    const LanguagePair direction = direction_of(folder_, options_.from, options_.to);
    return {direction.source, direction.target, line.substr(0, tab), line.substr(tab + 1), "", ""};
  }
  void check_direction(const LanguagePair& direction) const {
    if (std::ranges::find(folder_.directions(), direction) != folder_.directions().end()) return;
    throw Error::program(fmt::format("line {}: {} was not trained on {}; it was on {}", number_, folder_.path(),
                                     direction.name(), names_of(folder_.directions())));
  }
  void check(const char* side, int64_t tokens, int64_t most) const {
    if (tokens <= most) return;
    throw Error::program(fmt::format("line {}: its {} has {} tokens, the model takes {}", number_, side, tokens, most));
  }

  const ModelFolder& folder_;
  const ScoreOptions& options_;
  size_t number_ = 0;
};

std::string line_of(double log_probability, int64_t tokens, const ScoreOptions& options) {
  if (!options.json) return fmt::format("{:.4f}\n", log_probability);
  const nlohmann::ordered_json json = {{"log_probability", log_probability}, {"tokens", tokens}};
  return json.dump() + "\n";
}

int score(const ScoreOptions& options) {
  const LoadedModel model = load_model(options.model);
  PairReader reader(model.folder, options);
  LineSource source(0);
  double total = 0;
  int64_t all_tokens = 0;
  for (auto lines = source.next(kMostPairs); !lines.empty(); lines = source.next(kMostPairs)) {
    std::vector<TextPair> pairs;
    for (const std::string& line : lines) pairs.push_back(reader.pair_of(line));
    const std::vector<double> scores = model.translator->score(pairs);
    std::string text;
    for (size_t i = 0; i < pairs.size(); ++i) {
      const int64_t tokens = reader.tokens_of(pairs[i]);
      text += line_of(scores[i], tokens, options);
      total += scores[i];
      all_tokens += tokens;
    }
    put(text);
  }
  if (all_tokens > 0) {
    const double mean = total / static_cast<double>(all_tokens);
    put_progress(fmt::format("{} tokens, {:.4f} each, perplexity {:.2f}", all_tokens, mean, std::exp(-mean)));
  }
  report_dropped_choices(*model.translator);
  return 0;
}

}  // namespace

Command add_score(CLI::App& root) {
  auto options = std::make_shared<ScoreOptions>();
  CLI::App* app = add_subcommand(root, "score", "Log-probabilities of translations", kNotes);
  add_model_options(*app, options->model);
  app->add_option("--from", options->from, "The language of sources, for pairs that do not say it")
      ->type_name("LANGUAGE");
  app->add_option("--to", options->to, "That of translations")->type_name("LANGUAGE");
  app->add_flag("--json", options->json, "Write a line of JSON for each pair, with its number of tokens");
  return {app, [options] { return score(*options); }};
}

}  // namespace gshard
