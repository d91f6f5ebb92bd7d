// gshard corpus baselines: what copying the source and the nearest neighbour score.
#include <CLI/CLI.hpp>

#include "score/baselines.h"
#include "tools/corpus.h"
#include "tools/evaluation_scores.h"
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

int show(const std::string& folder, const std::string& part) {
  std::vector<BaselineRow> rows = held_out_rows(folder, measured_part(part));
  answer_nearest(rows, folder, put_progress);
  std::vector<EvaluatedRow> answered;
  for (BaselineRow& row : rows) answered.push_back({std::move(row.pair), "", std::move(row.nearest)});
  put(baselines_text_of(Evaluation(std::move(answered)), part));
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
