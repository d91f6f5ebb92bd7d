// gshard corpus: text for training translation, from raw files to batches.
#include "tools/corpus.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include "tools/table.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kSteps =
    "The steps, one after another; all of them work on one folder:\n"
    "  gshard corpus import mine.tsv.gz -o corpus       or fetch\n"
    "  gshard corpus vocab corpus --size 8000\n"
    "  gshard corpus build corpus\n"
    "  gshard corpus stats corpus";

}  // namespace

std::vector<Command> add_corpus(CLI::App& root) {
  CLI::App* app = add_subcommand(root, "corpus", "Prepare text for training translation", kSteps);
  app->require_subcommand(0, 1);
  return {add_corpus_fetch(*app), add_corpus_import(*app), add_corpus_vocab(*app),
          add_corpus_build(*app), add_corpus_stats(*app),  add_corpus_baselines(*app)};
}

std::string import_report(const CorpusSummary& summary) {
  DropCounts dropped;
  int64_t read = 0;
  for (const FileCounts& file : summary.files) {
    dropped.add(file.dropped);
    read += file.read;
  }
  std::string text = fmt::format("{} rows read, {} kept, {} dropped\n", with_separators(read),
                                 with_separators(read - dropped.total()), with_separators(dropped.total()));
  Table table({{"rule"}, {"dropped", Align::right}, {"what it drops"}});
  for (size_t i = 0; i < kDropCount; ++i) {
    const auto drop = static_cast<Drop>(i);
    if (dropped[drop] == 0) continue;
    table.add({std::string(name_of(drop)), with_separators(dropped[drop]), std::string(meaning_of(drop))});
  }
  if (!table.empty()) text += table.text();
  text += fmt::format("train {}, dev {}, test {} pairs; {} did not train because their sentence is held out\n",
                      with_separators(summary.pairs(Part::train)), with_separators(summary.pairs(Part::dev)),
                      with_separators(summary.pairs(Part::test)), with_separators(summary.held_out.removed));
  if (summary.repeats > 0) {
    text += fmt::format("{} more did not train because their target stands in pairs that do\n", with_separators(summary.repeats));
  }
  return text;
}

void warn_of_unmeasured(const CorpusSummary& summary) {
  for (const Part part : {Part::dev, Part::test}) {
    const std::vector<std::string> names = without_rows(summary, part);
    if (names.empty()) continue;
    spdlog::warn("no {} pairs for {}; give some with --{}, or hold out more with --hold-out", name_of(part),
                 fmt::join(names, ", "), name_of(part));
  }
}

}  // namespace gshard
