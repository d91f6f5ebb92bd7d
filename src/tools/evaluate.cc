// gshard evaluate: what a model scores on held-out text, beside answers that need no model.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "base/error.h"
#include "runtime/output_file.h"
#include "runtime/settings.h"
#include "score/baselines.h"
#include "score/evaluation.h"
#include "tools/evaluation_scores.h"
#include "tools/terminal.h"
#include "tools/translation.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Translates what is held out of training and scores it with BLEU and chrF++ as sacrebleu computes\n"
    "them, by language and by where the text is from. Beside the model stand two answers that need none:\n"
    "the source itself (copy), and the translation of the training sentence whose source is most similar\n"
    "(nearest). Intervals are of 95 %, by bootstrap over distinct target sentences. Languages with much\n"
    "and little training text are compared on the sentences that most of them have. Behind the tables\n"
    "each figure stands with what identifies it: version, signature, and a hash of the rows.\n"
    "\n"
    "With --out the translations and references are written as plain text, one sentence a line, with the\n"
    "sacrebleu command that reproduces each figure, and the scores as scores.json. With --json the scores\n"
    "are one object, ends of intervals included, and what --out has to say goes to standard error.\n"
    "\n"
    "Examples:\n"
    "  gshard evaluate --model run/model\n"
    "  gshard evaluate --model run/model --corpus corpus --most 100 --out scores";

struct EvaluationOptions {
  TranslationArguments model;
  std::string corpus;
  std::string part = "test";
  uint64_t most = 0;
  std::string out;
  bool json = false;
};

// The corpus of the model's training.
std::string corpus_of(const ModelFolder& folder) {
  std::string corpus;
  Settings settings({{"corpus", &corpus, ""}});
  settings.read(folder.path() + "/config.toml", Settings::Others::pass);
  if (corpus.empty()) throw Error::usage("--corpus: the model does not say which corpus it was trained on; give one");
  return corpus;
}

// ---- translating ----------------------------------------------------------------------------------------------------

// The first so many rows of each direction that the model knows; 0 for all.
std::vector<BaselineRow> chosen(std::vector<BaselineRow> rows, const ModelFolder& folder, uint64_t most) {
  std::map<LanguagePair, uint64_t> counts;
  for (const LanguagePair& direction : folder.directions()) counts[direction] = 0;
  std::vector<BaselineRow> kept;
  for (BaselineRow& row : rows) {
    const auto found = counts.find({row.pair.source_language, row.pair.target_language});
    if (found == counts.end() || (most > 0 && found->second == most)) continue;
    ++found->second;
    kept.push_back(std::move(row));
  }
  if (kept.empty()) throw Error::program("the corpus holds out nothing in the languages of the model");
  return kept;
}

// Adds to the method what became of the rows.
std::vector<EvaluatedRow> translated(std::vector<BaselineRow> rows, TextTranslator& translator,
                                     TranslationMethod& method) {
  constexpr size_t kAtOnce = 256;
  std::vector<EvaluatedRow> evaluated;
  for (size_t first = 0; first < rows.size(); first += kAtOnce) {
    std::vector<TextPair> pairs;
    const size_t end = std::min(first + kAtOnce, rows.size());
    for (size_t i = first; i < end; ++i) pairs.push_back(rows[i].pair);
    const std::vector<TranslatedLine> lines = translator.translate(pairs);
    for (size_t i = first; i < end; ++i) {
      const TranslatedLine& line = lines[i - first];
      method.cut_sources += line.cut_inside_sentences ? 1 : 0;
      method.cut_translations += line.cut_at() ? 1 : 0;
      evaluated.push_back({std::move(rows[i].pair), line.text(), std::move(rows[i].nearest)});
    }
    put_progress(fmt::format("{} of {} rows translated", end, rows.size()));
  }
  return evaluated;
}

TranslationMethod method_of(const TranslationArguments& arguments) {
  return {.beam = arguments.beam, .alpha = arguments.alpha};
}

// ---- files ----------------------------------------------------------------------------------------------------------

// A group's name in a path: origins are any text.
std::string file_name(std::string name) {
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_'; }, '_');
  return name.empty() ? "_" : name;
}

// Paths of files of groups, without their endings. Origins may differ in what is no part of a file's name alone, and
// may be called like a direction.
class Stems {
 public:
  explicit Stems(std::string folder) : folder_(std::move(folder)) {}

  std::string of(const std::string& group) {
    const std::string name = file_name(group);
    std::string unique = name;
    for (int number = 2; !taken_.insert(unique).second; ++number) unique = fmt::format("{}-{}", name, number);
    return folder_ + "/" + unique;
  }

 private:
  std::string folder_;
  std::set<std::string> taken_;
};

void write_text_of(const Evaluation& evaluation, const RowGroup& group, const std::string& stem) {
  OutputFile hypotheses(stem + ".hypothesis.txt"), references(stem + ".reference.txt");
  for (const size_t row : group.rows) {
    hypotheses.write(evaluation.rows()[row].hypothesis + "\n");
    references.write(evaluation.rows()[row].pair.target + "\n");
  }
  hypotheses.finish();
  references.finish();
}

// As one word of a shell's command.
std::string shell_word(const std::string& path) {
  const auto is_plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("/._-+").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (std::ranges::all_of(path, is_plain)) return path;
  std::string word = "'";
  for (const char c : path) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

// Writes the translations and references of a group; returns the command that scores them.
std::string written(const Evaluation& evaluation, const RowGroup& group, const std::string& stem) {
  write_text_of(evaluation, group, stem);
  return fmt::format("  sacrebleu {} -i {} -m bleu chrf --chrf-word-order 2\n", shell_word(stem + ".reference.txt"),
                     shell_word(stem + ".hypothesis.txt"));
}

// What identifies each figure and, with a folder, the command that reproduces it of the files that are written there.
std::string figures(const Evaluation& evaluation, const EvaluationScores& scores, const std::string& folder) {
  Stems stems(folder);
  std::string text;
  const auto add = [&](const std::vector<RowGroup>& groups, const std::vector<GroupScores>& of_groups) {
    for (size_t i = 0; i < groups.size(); ++i) {
      text += figure_of(of_groups[i]) + "\n";
      if (!folder.empty()) text += written(evaluation, groups[i], stems.of(groups[i].name));
    }
  };
  add(evaluation.directions(), scores.directions);
  add(evaluation.origins(), scores.origins);
  return text;
}

void write_scores(const EvaluationScores& scores, const std::string& folder) {
  OutputFile file(folder + "/scores.json");
  file.write(json_text_of(scores));
  file.finish();
}

// ---------------------------------------------------------------------------------------------------------------------

std::map<std::string, int64_t> training_pairs(const std::string& corpus) {
  std::map<std::string, int64_t> training;
  for (const DirectionCounts& counts : directions_of(read_corpus(corpus))) {
    training[counts.direction.name()] = counts.pairs[static_cast<size_t>(Part::train)];
  }
  return training;
}

int evaluate(EvaluationOptions options) {
  const Part part = measured_part(options.part);
  const LoadedModel model = load_model(options.model);
  if (options.corpus.empty()) options.corpus = corpus_of(model.folder);
  const std::map<std::string, int64_t> training = training_pairs(options.corpus);
  if (!options.out.empty()) make_folder(options.out);
  std::vector<BaselineRow> rows = chosen(held_out_rows(options.corpus, part), model.folder, options.most);
  answer_nearest(rows, options.corpus, put_progress);
  TranslationMethod method = method_of(options.model);
  const Evaluation evaluation(translated(std::move(rows), *model.translator, method));
  method.share_dropped = share_dropped(*model.translator);
  put_progress("scores and their intervals");
  const EvaluationScores scores = scores_of(evaluation, options.part, method, training);
  put(options.json ? json_text_of(scores) : text_of(scores));
  if (!options.out.empty()) write_scores(scores, options.out);
  const std::string text = figures(evaluation, scores, options.out);
  if (!options.json) put("\n" + text);
  if (options.json && !options.out.empty()) put_progress(text);
  report_dropped_choices(*model.translator);
  return 0;
}

}  // namespace

Command add_evaluate(CLI::App& root) {
  auto options = std::make_shared<EvaluationOptions>();
  CLI::App* app = add_subcommand(root, "evaluate", "Score a model on held-out text, beside baselines", kNotes);
  add_model_options(*app, options->model);
  app->add_option("--corpus", options->corpus, "The folder of the corpus [the one that the model was trained on]")
      ->type_name("DIR");
  app->add_option("--part", options->part, "dev or test [test]")->type_name("PART");
  add_count_option(*app, "--most", options->most, "Rows of each direction at most, the first ones; all without it");
  add_search_options(*app, options->model);
  app->add_option("--out", options->out, "Write translations, references and scores here")->type_name("DIR");
  app->add_flag("--json", options->json, "Write the scores as JSON");
  return {app, [options] { return evaluate(*options); }};
}

}  // namespace gshard
