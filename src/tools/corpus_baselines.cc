// gshard corpus baselines: what copying the source and the nearest neighbour score.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "base/error.h"
#include "score/baselines.h"
#include "score/bootstrap.h"
#include "tools/corpus.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Copying gives the source back; nearest gives the translation of the training sentence whose source\n"
    "is most similar (cosine of tf-idf weights of character 4-grams). BLEU and chrF++ are computed as\n"
    "sacrebleu computes them. Intervals are of 95 %, by bootstrap over distinct target sentences. The\n"
    "figures compare runs on this text only, never with WMT or FLORES.\n"
    "\n"
    "Example:\n"
    "  gshard corpus baselines corpus";

// Scores of some of the rows.
struct Scored {
  size_t rows = 0;
  size_t sentences = 0;
  double copy_bleu = 0;
  double copy_chrf = 0;
  ScoredInterval nearest_bleu;
  ScoredInterval nearest_chrf;
};

Scored score(const std::vector<const BaselineRow*>& rows) {
  std::vector<std::string> references;
  std::vector<BleuCounts> nearest_bleu;
  std::vector<ChrfCounts> nearest_chrf;
  BleuCounts copy_bleu;
  ChrfCounts copy_chrf;
  for (const BaselineRow* row : rows) {
    references.push_back(row->pair.target);
    copy_bleu.add(bleu_counts(row->pair.source, row->pair.target));
    copy_chrf.add(chrf_counts(row->pair.source, row->pair.target));
    nearest_bleu.push_back(bleu_counts(row->nearest, row->pair.target));
    nearest_chrf.push_back(chrf_counts(row->nearest, row->pair.target));
  }
  const Clusters clusters(references);
  return {rows.size(),
          clusters.size(),
          bleu(copy_bleu),
          chrf(copy_chrf),
          bleu_with_interval(clusters, nearest_bleu, 0),
          chrf_with_interval(clusters, nearest_chrf, 0)};
}

std::string with_range(const ScoredInterval& s) {
  return fmt::format("{:.1f} [{:.1f}, {:.1f}]", s.score, s.interval.low, s.interval.high);
}

void add_row(Table& table, const std::string& name, const Scored& s) {
  table.add({name, with_separators(static_cast<int64_t>(s.rows)), with_separators(static_cast<int64_t>(s.sentences)),
             fmt::format("{:.1f}", s.copy_bleu), fmt::format("{:.1f}", s.copy_chrf), with_range(s.nearest_bleu),
             with_range(s.nearest_chrf)});
}

int show(const std::string& folder, const std::string& part_name) {
  if (part_name != "dev" && part_name != "test") {
    throw Error::usage(fmt::format("--part: '{}' is none of dev, test", part_name));
  }
  const std::vector<BaselineRow> rows = baselines(folder, part_name == "dev" ? Part::dev : Part::test, put_progress);
  std::map<std::string, std::vector<const BaselineRow*>> languages, origins;
  for (const BaselineRow& row : rows) {
    languages[row.pair.source_language + "-" + row.pair.target_language].push_back(&row);
    origins[row.pair.origin].push_back(&row);
  }
  Table table({{part_name},
               {"rows", Align::right},
               {"sentences", Align::right},
               {"copy BLEU", Align::right},
               {"chrF++", Align::right},
               {"nearest BLEU", Align::right},
               {"chrF++", Align::right}});
  for (const auto* groups : {&languages, &origins}) {
    for (const auto& [name, group] : *groups) add_row(table, name, score(group));
  }
  put(table.text() + "these figures compare runs on this text only, never with WMT or FLORES\n");
  return 0;
}

}  // namespace

Command add_corpus_baselines(CLI::App& corpus) {
  auto folder = std::make_shared<std::string>();
  auto part = std::make_shared<std::string>("test");
  CLI::App* app = add_subcommand(corpus, "baselines", "Score what a model must be better than", kNotes);
  app->add_option("DIR", *folder, "The folder of the corpus")->required();
  app->add_option("--part", *part, "dev or test [test]")->type_name("PART");
  return {app, [folder, part] { return show(*folder, *part); }};
}

}  // namespace gshard
