// gshard corpus import: a corpus of text files of one's own.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "tools/corpus.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

std::string notes() {
  std::string text =
      "A TSV file has the columns source language, target language, source, target, and if wanted\n"
      "origin (where the text is from) and document; gzip and zstd are read as they are. Some sentences\n"
      "are held out for dev and test by a hash of their words, in all languages alike. Rules of cleaning,\n"
      "each of which --keep turns off:\n";
  for (size_t i = static_cast<size_t>(Drop::control); i < kDropCount; ++i) {
    const auto drop = static_cast<Drop>(i);
    text += fmt::format("  {:<11} {}\n", name_of(drop), meaning_of(drop));
  }
  return text +
         "\n"
         "Examples:\n"
         "  gshard corpus import mine.tsv.gz -o corpus\n"
         "  gshard corpus import --pair de:en europarl.de europarl.en -o corpus --dev newstest.tsv";
}

struct Options {
  std::string folder;
  std::vector<std::string> files;
  std::vector<std::string> pairs;  // language:language, file, file, and so on
  std::vector<std::string> dev;
  std::vector<std::string> test;
  std::vector<std::string> keep;
  uint64_t hold_out = 10;
  uint64_t held_rows = 200;
  uint64_t most_repeats = 0;
  CleaningLimits limits;
};

LanguagePair direction_of(const std::string& text) {
  if (const auto direction = parse_direction(text)) return *direction;
  throw Error::usage(fmt::format("--pair: '{}' is no pair of languages; write them as de:en", text));
}

std::vector<ImportInput> inputs_of(const Options& options) {
  std::vector<ImportInput> inputs;
  for (const std::string& file : options.files) inputs.push_back({file, "", {}, std::nullopt});
  for (size_t i = 0; i < options.pairs.size(); i += 3) {
    inputs.push_back({options.pairs[i + 1], options.pairs[i + 2], direction_of(options.pairs[i]), std::nullopt});
  }
  if (inputs.empty())
    throw Error::usage("nothing to import: give a TSV file, or --pair (see 'gshard help corpus import')");
  for (const std::string& file : options.dev) inputs.push_back({file, "", {}, Part::dev});
  for (const std::string& file : options.test) inputs.push_back({file, "", {}, Part::test});
  return inputs;
}

Drop rule_of(const std::string& name, const CLI::App& app) {
  std::vector<std::string> names;
  for (size_t i = static_cast<size_t>(Drop::control); i < kDropCount; ++i) {
    names.emplace_back(name_of(static_cast<Drop>(i)));
  }
  if (std::find(names.begin(), names.end(), name) == names.end()) throw unknown_word("rule", name, names, app);
  return *drop_of_name(name);
}

HoldOutPlan hold_out_of(const Options& options) {
  if (options.hold_out > 400) {
    throw Error::usage(
        fmt::format("--hold-out: {} of a thousand for dev and as many for test leave too little; "
                    "400 is the most",
                    options.hold_out));
  }
  HoldOutPlan plan;
  plan.share.dev_per_mille = options.dev.empty() ? static_cast<int>(options.hold_out) : 0;
  plan.share.test_per_mille = options.test.empty() ? static_cast<int>(options.hold_out) : 0;
  plan.most_rows = static_cast<int64_t>(std::min<uint64_t>(options.held_rows, 1'000'000));
  return plan;
}

int import_files(const Options& options, const CLI::App& app) {
  if (!(options.limits.most_ratio > 0)) throw Error::usage("--max-ratio must be above 0");  // NaN is not
  ImportPlan plan{options.folder, inputs_of(options), options.limits, hold_out_of(options),
                  static_cast<int64_t>(std::min<uint64_t>(options.most_repeats, 1'000'000))};
  for (const std::string& name : options.keep) plan.cleaning.off.push_back(rule_of(name, app));
  const CorpusSummary summary = import_corpus(plan, put_progress);
  put(import_report(summary));
  warn_of_unmeasured(summary);
  return 0;
}

}  // namespace

Command add_corpus_import(CLI::App& corpus) {
  auto options = std::make_shared<Options>();
  CLI::App* app =
      add_subcommand(corpus, "import", "Make a corpus of text files: clean, hold out dev and test", notes());
  app->add_option("FILE", options->files, "TSV of pairs; '-' is standard input");
  app->add_option("-o,--out", options->folder, "The folder of the corpus")->required()->type_name("DIR");
  app->add_option("--pair", options->pairs, "Two plain files whose lines are translations, as de:en FILE FILE")
      ->type_name("FROM:TO FILE FILE")
      ->type_size(3)
      ->allow_extra_args(false)  // what follows is a FILE, here and below
      ->take_all();
  app->add_option("--dev", options->dev, "TSV to measure by while training, in place of held-out text")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app->add_option("--test", options->test, "TSV to measure by at the end")->allow_extra_args(false)->type_name("FILE");
  add_count_option(*app, "--hold-out", options->hold_out,
                   "Of a thousand sentences or documents, those held out for dev, and as many for test [10]");
  add_count_option(*app, "--held-rows", options->held_rows, "The most pairs of dev and test per direction [200]");
  add_count_option(*app, "--max-repeats", options->most_repeats,
                   "Of the training pairs that have one target sentence, the most that are kept [all]");
  app->add_option("--max-words", options->limits.most_words, "Longer targets are dropped [120]")->type_name("N");
  app->add_option("--max-characters", options->limits.most_characters, "Longer sides are dropped [1200]")
      ->type_name("N");
  app->add_option("--max-ratio", options->limits.most_ratio,
                  "Source longer than this many times the target is dropped [4]")
      ->type_name("X");
  app->add_option("--keep", options->keep, "A rule that is to drop nothing")
      ->allow_extra_args(false)
      ->type_name("RULE");
  return {app, [options, app] { return import_files(*options, *app); }};
}

}  // namespace gshard
