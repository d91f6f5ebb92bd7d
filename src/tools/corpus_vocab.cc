// gshard corpus vocab: the subword vocabulary of a corpus.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>

#include "base/cores.h"
#include "base/error.h"
#include "corpus/make_vocabulary.h"
#include "tools/corpus.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "One vocabulary for both sides, or with --source-size and --target-size one for each. Pieces are\n"
    "learnt from lines sampled with p ~ n^(1/T) over languages; what has no piece is spelt in bytes.\n"
    "\n"
    "Examples:\n"
    "  gshard corpus vocab corpus --size 8000\n"
    "  gshard corpus vocab corpus --source-size 24000 --target-size 8000";

struct Options {
  std::string folder;
  int32_t size = 0;
  int32_t source_size = 0;
  int32_t target_size = 0;
  VocabularyPlan plan;
};

int make(Options options) {
  const bool separate = options.source_size > 0 || options.target_size > 0;
  if (separate && options.size > 0)
    throw Error::usage("--size is of a shared vocabulary; give it or the other two sizes");
  if (separate && (options.source_size <= 0 || options.target_size <= 0)) {
    throw Error::usage("--source-size and --target-size go together");
  }
  options.plan.shared = !separate;
  options.plan.source_size = separate ? options.source_size : options.size > 0 ? options.size : 32000;
  options.plan.target_size = options.target_size;
  if (!(options.plan.temperature > 0)) throw Error::usage("--temperature must be above 0");
  if (options.plan.lines <= 0) throw Error::usage("--lines must be above 0");
  options.plan.threads = usable_cores();
  const Vocabularies made = make_vocabularies(options.folder, options.plan, put_progress);
  put(made.shared ? fmt::format("{} pieces for both sides\n", with_separators(made.source.size()))
                  : fmt::format("{} pieces for sources, {} for targets\n", with_separators(made.source.size()),
                                with_separators(made.target.size())));
  return 0;
}

}  // namespace

Command add_corpus_vocab(CLI::App& corpus) {
  auto o = std::make_shared<Options>();
  CLI::App* app = add_subcommand(corpus, "vocab", "Learn the subword vocabulary of a corpus", kNotes);
  const CLI::Range size(int32_t{1}, int32_t{1'000'000});  // SentencePiece begins with a million at most
  app->add_option("DIR", o->folder, "The folder of the corpus")->required();
  app->add_option("--size", o->size, "Pieces of a vocabulary for both sides [32000]")->type_name("N")->check(size);
  app->add_option("--source-size", o->source_size, "Pieces of the sources' own vocabulary")
      ->type_name("N")
      ->check(size);
  app->add_option("--target-size", o->target_size, "Pieces of the targets' own vocabulary")
      ->type_name("N")
      ->check(size);
  app->add_option("--temperature", o->plan.temperature, "T of the sampling; 1 takes languages as large as they are [5]")
      ->type_name("T");
  app->add_option("--lines", o->plan.lines, "The most lines to learn from, of each side [750000]")->type_name("N");
  app->add_flag("--source-tags", o->plan.tags_source, "A token before each source says its language");
  return {app, [o] { return make(*o); }};
}

}  // namespace gshard
