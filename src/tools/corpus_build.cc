// gshard corpus build: the token files of a corpus.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "corpus/build_tokens.h"
#include "base/cores.h"
#include "tools/corpus.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Writes train.tokens, dev.tokens and test.tokens beside the text, with checksums. They are read\n"
    "through a memory map and may be larger than the memory.\n"
    "\n"
    "Example:\n"
    "  gshard corpus build corpus";

std::string per_pair(int64_t tokens, int64_t pairs) {
  return pairs == 0 ? "" : fmt::format("{:.1f}", static_cast<double>(tokens) / static_cast<double>(pairs));
}

int build(const std::string& folder, const std::string& vocabulary) {
  const BuildPlan plan{usable_cores(), vocabulary};
  Table table({{"part"},
               {"pairs", Align::right},
               {"source tokens", Align::right},
               {"a pair", Align::right},
               {"target tokens", Align::right},
               {"a pair", Align::right},
               {"bytes", Align::right}});
  for (const BuiltPart& part : build_tokens(folder, plan, put_progress)) {
    const int64_t tokens = part.source_tokens + part.target_tokens;
    const double bytes = tokens == 0 ? 0 : 100 * static_cast<double>(part.byte_tokens) / static_cast<double>(tokens);
    table.add({std::string(name_of(part.part)), with_separators(part.pairs), with_separators(part.source_tokens),
               per_pair(part.source_tokens, part.pairs), with_separators(part.target_tokens),
               per_pair(part.target_tokens, part.pairs), fmt::format("{:.2f}%", bytes)});
  }
  put(table.text());
  return 0;
}

}  // namespace

Command add_corpus_build(CLI::App& corpus) {
  auto folder = std::make_shared<std::string>();
  auto vocabulary = std::make_shared<std::string>();
  CLI::App* app = add_subcommand(corpus, "build", "Write the token files that training reads", kNotes);
  app->add_option("DIR", *folder, "The folder of the corpus")->required();
  app->add_option("--vocab", *vocabulary, "Use the vocabulary of another folder, as fine-tuning does")
      ->type_name("DIR");
  return {app, [folder, vocabulary] { return build(*folder, *vocabulary); }};
}

}  // namespace gshard
