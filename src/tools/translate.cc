// gshard translate: lines in, lines out.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "tools/line_source.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/translation.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Each line of the input gives one line of the output, in order; an empty line gives an empty line.\n"
    "Lines that are longer than what the model was trained on are cut at ends of sentences, and the\n"
    "translations of the parts joined. A sentence that is too long by itself is cut between words, with\n"
    "a warning, and so is a translation that gets too long. What a line becomes does not depend on the\n"
    "other lines.\n"
    "\n"
    "With --json each line is an object: its translation, and of each part that it was cut into the\n"
    "source and the n-best list, with scores, log-probabilities (natural) and numbers of tokens.\n"
    "\n"
    "Examples:\n"
    "  gshard translate --model run/model < de.txt > en.txt\n"
    "  gshard translate --model run/model --from de --json --n-best 4 < de.txt";

struct TranslateOptions {
  TranslationArguments model;
  std::string from;
  std::string to;
  bool json = false;
  int64_t n_best = 1;
};

// Lines that are translated together: one at first, for whoever writes lines slowly waits for its answer, then many, so
// that those of a batch have about one length.
constexpr size_t kFirstLines = 1;
constexpr size_t kMostLines = 1024;

using Json = nlohmann::ordered_json;

Json json_of(const TranslatedPart& part, int64_t n_best) {
  Json list = Json::array();
  for (const TranslatedText& text : part.n_best) {
    if (static_cast<int64_t>(list.size()) == n_best) break;
    list.push_back({{"text", text.text},
                    {"score", text.score},
                    {"log_probability", text.log_probability},
                    {"tokens", text.tokens},
                    {"cut", text.is_cut}});
  }
  return {{"source", part.source}, {"n_best", list}};
}

std::string json_line(const TranslatedLine& line, int64_t n_best) {
  Json parts = Json::array();
  for (const TranslatedPart& part : line.parts) parts.push_back(json_of(part, n_best));
  return Json{{"translation", line.text()}, {"parts", parts}}.dump();
}

void warn_of_cuts(const std::vector<TranslatedLine>& lines, size_t before, int64_t most) {
  for (size_t i = 0; i < lines.size(); ++i) {
    const size_t number = before + i + 1;
    if (lines[i].cut_inside_sentences) {
      spdlog::warn("line {}: a sentence of more than {} tokens was cut within", number, most);
    }
    if (const auto tokens = lines[i].cut_at()) {
      spdlog::warn("line {}: its translation reached the most tokens that are written for it ({}) and may lack its end",
                   number, *tokens);
    }
  }
}

int translate(const TranslateOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const LoadedModel model = load_model(options.model);
  const LanguagePair direction = direction_of(model.folder, options.from, options.to);
  LineSource source(0);
  size_t done = 0;
  for (size_t window = kFirstLines;; window = std::min(8 * window, kMostLines)) {
    const std::vector<std::string> lines = source.next(window);
    if (lines.empty()) break;
    const std::vector<TranslatedLine> translated = model.translator->translate(lines, direction);
    warn_of_cuts(translated, done, model.folder.config().source_length);
    std::string text;
    for (const TranslatedLine& line : translated) {
      text += (options.json ? json_line(line, options.n_best) : line.text()) + "\n";
    }
    put(text);
    done += lines.size();
  }
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  spdlog::info("{} lines in {:.1f} s", with_separators(static_cast<int64_t>(done)), passed.count());
  report_dropped_choices(*model.translator);
  return 0;
}

}  // namespace

Command add_translate(CLI::App& root) {
  auto options = std::make_shared<TranslateOptions>();
  CLI::App* app = add_subcommand(root, "translate", "Translate lines of standard input", kNotes);
  add_model_options(*app, options->model);
  app->add_option("--from", options->from, "The language of the lines, where the model has to be told")
      ->type_name("LANGUAGE");
  app->add_option("--to", options->to, "The language to translate into, where there is more than one")
      ->type_name("LANGUAGE");
  add_search_options(*app, options->model);
  CLI::Option* json = app->add_flag("--json", options->json, "Write a line of JSON for each line, with scores");
  app->add_option("--n-best", options->n_best, "Translations of each part in the JSON, no more than the beam [1]")
      ->type_name("N")
      ->check(CLI::Range(1, 64))
      ->needs(json);
  return {app, [options] { return translate(*options); }};
}

}  // namespace gshard
