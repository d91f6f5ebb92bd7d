// The subcommands of `gshard corpus`, one file each.
#pragma once

#include <string>

#include "corpus/corpus.h"
#include "corpus/import.h"
#include "tools/command.h"

namespace gshard {

Command add_corpus_import(CLI::App& corpus);
Command add_corpus_fetch(CLI::App& corpus);
Command add_corpus_vocab(CLI::App& corpus);
Command add_corpus_build(CLI::App& corpus);
Command add_corpus_stats(CLI::App& corpus);
Command add_corpus_baselines(CLI::App& corpus);

// What import and fetch say when they are done: rows dropped by rule, rows kept by part.
std::string import_report(const CorpusSummary& summary);
// Warns on stderr of directions of which nothing is held out to measure them by.
void warn_of_unmeasured(const CorpusSummary& summary);

}  // namespace gshard
