// gshard corpus fetch: real text, many languages to English, out of Debian's packages.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/split.h"
#include "corpus/fetched.h"
#include "tools/child_process.h"
#include "tools/corpus.h"
#include "tools/shipped_file.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Sources: lo (strings of LibreOffice), lohelp (its manual), firefox, ddtp (descriptions of Debian's\n"
    "packages), wesnoth (a game; 278 MB); and example, the small text that comes with gshard and is also\n"
    "taken where there is no apt or no network, with all of its eight languages whatever LIST says.\n"
    "Packages are downloaded and read, never installed: no root, and apt's state is kept under DIR/fetch.\n"
    "What was interrupted goes on when run again.\n"
    "Sentences are held out by a hash of the English, for all languages alike; DIR/manifest.json says\n"
    "where each row is from. Licences are those of the packages: keep the text to yourself.\n"
    "\n"
    "Examples:\n"
    "  gshard corpus fetch --languages de,fr,ja -o corpus\n"
    "  gshard corpus fetch --languages de,fr,ja -o new --manifest corpus/manifest.json";

// What the script's exit codes mean; it has told the reason of each.
constexpr int kWrongUsage = 2;
constexpr int kNoApt = 10;
constexpr int kNoDownloads = 11;
constexpr int kStopped = 128;  // above: by a signal, to the script or to us

constexpr const char* kExample = "example";

struct Options {
  std::string folder;
  std::string languages;
  std::string sources = "lo,lohelp,firefox,ddtp";
  std::string manifest;
};

void check_languages(const Options& options) {
  for (const std::string& language : split(options.languages, ',')) {
    if (is_language_name(language)) continue;
    throw Error::usage(fmt::format("--languages: '{}' is no name of a language; write them as de,fr,pt_BR", language));
  }
}

// Whether the text is the one that comes with gshard.
bool takes_example(const Options& options) {
  const std::vector<std::string> sources = split(options.sources, ',');
  if (std::ranges::find(sources, kExample) == sources.end()) return false;
  if (sources.size() > 1) throw Error::usage("--sources: the example is taken alone, without other sources");
  if (!options.manifest.empty()) {
    throw Error::usage("--manifest is of Debian's packages, of which the example has none");
  }
  return true;
}

// The text that comes with gshard, with the split that it has.
CorpusSummary import_example(const Options& options) {
  ImportPlan plan{options.folder, {}, {}, {}};
  for (const Part part : kParts) {
    plan.inputs.push_back({shipped_file(fmt::format("examples/corpus/{}.tsv.zst", name_of(part))), "", {}, part});
  }
  const CorpusSummary summary = import_corpus(plan, put_progress);
  std::vector<std::string> missing = split(options.languages, ',');
  for (const DirectionCounts& d : directions_of(summary)) std::erase(missing, d.direction.source);
  if (!missing.empty()) spdlog::warn("the example text has no {}", fmt::join(missing, ", "));
  return summary;
}

// Where nothing can be had, the example takes its place, but never the place of a corpus that is there.
CorpusSummary import_example_instead(const Options& options, int code) {
  const char* reason = code == kNoApt ? "without apt no packages can be fetched" : "nothing could be downloaded";
  if (std::filesystem::exists(options.folder + "/corpus.json")) {
    throw Error::program(fmt::format("{}; the corpus in {} stays as it is", reason, options.folder));
  }
  spdlog::warn("{}; taking the small example text (MPL-2.0) instead. 'gshard corpus import' takes text of your own",
               reason);
  return import_example(options);
}

std::string text_of(const ManifestChanges& changes) {
  Table table({{"package"}, {"then"}, {"now"}, {"rows then", Align::right}, {"now", Align::right}});
  for (const PackageChange& p : changes.packages) {
    if (p.version_then == p.version_now && p.rows_then == p.rows_now) continue;
    table.add({p.package, p.version_then, p.version_now.empty() ? "not fetched" : p.version_now,
               with_separators(p.rows_then), with_separators(p.rows_now)});
  }
  std::string text = table.empty() ? "every package is as it was\n" : table.text();
  for (const HeldOutChange& h : changes.held_out) {
    text += fmt::format("{}: {} of {} sentences and {} of {} rows can no longer be had\n", name_of(h.part),
                        with_separators(h.sentences_lost), with_separators(h.sentences_then),
                        with_separators(h.rows_lost), with_separators(h.rows_then));
  }
  return text;
}

std::string work_of(const Options& options) { return options.folder + "/fetch"; }

int run_script(const Options& options) {
  std::vector<std::string> words = {"python3",         shipped_file("scripts/fetch_corpus.py"),
                                    work_of(options),  "--languages",
                                    options.languages, "--sources",
                                    options.sources};
  if (!spdlog::should_log(spdlog::level::warn)) words.emplace_back("--quiet");
  return run_command(words);
}

CorpusSummary import_fetched(const Options& options) {
  const std::vector<FetchedPackage> packages = read_packages(work_of(options));
  const CorpusSummary summary = import_corpus(import_plan_of(work_of(options), packages, options.folder), put_progress);
  write_manifest(options.folder, packages, summary);
  if (!options.manifest.empty()) put(text_of(compare_manifests(options.manifest, options.folder)));
  return summary;
}

// The corpus after the script ended with this code.
CorpusSummary import_after(int code, const Options& options) {
  if (code == kNoApt || code == kNoDownloads) return import_example_instead(options, code);
  if (code != 0) throw Error::program("the text is not complete; run the same command again to go on");
  return import_fetched(options);
}

int fetch(const Options& options) {
  check_languages(options);
  const bool shipped = takes_example(options);
  const int code = shipped ? 0 : run_script(options);
  if (code == kWrongUsage || code > kStopped) return code;
  const CorpusSummary summary = shipped ? import_example(options) : import_after(code, options);
  put(import_report(summary));
  warn_of_unmeasured(summary);
  return 0;
}

}  // namespace

Command add_corpus_fetch(CLI::App& corpus) {
  auto options = std::make_shared<Options>();
  CLI::App* app = add_subcommand(corpus, "fetch", "Fetch real text in many languages from Debian's packages", kNotes);
  app->add_option("-o,--out", options->folder, "The folder of the corpus")->required()->type_name("DIR");
  app->add_option("--languages", options->languages, "The languages to translate from, as de,fr,pt_BR")
      ->required()
      ->type_name("LIST");
  app->add_option("--sources", options->sources, "Where the text is from [lo,lohelp,firefox,ddtp]")->type_name("LIST");
  app->add_option("--manifest", options->manifest, "Say which rows of an earlier corpus can no longer be had")
      ->type_name("FILE");
  return {app, [options] { return fetch(*options); }};
}

}  // namespace gshard
