// gshard corpus stats: the size of each language and origin.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "corpus/batch_reader.h"
#include "corpus/sampler.h"
#include "corpus/token_file.h"
#include "tools/corpus.h"
#include "tools/table.h"
#include "tools/terminal.h"
#include "tools/usage.h"

namespace gshard {
namespace {

constexpr const char* kNotes =
    "Words are those of the training targets. 'sampled' is the share that training draws from a language\n"
    "at temperature T: p ~ n^(1/T).\n"
    "\n"
    "Examples:\n"
    "  gshard corpus stats corpus\n"
    "  gshard corpus stats corpus --rows 96x64\n"
    "  gshard corpus stats corpus --json | jq .train";

struct TokenCounts {
  int64_t source = 0;
  int64_t target = 0;
};

// Of the training pairs; empty where the tokens have not been built, or of another text.
std::map<LanguagePair, TokenCounts> token_counts(const std::string& folder, const CorpusSummary& summary) {
  const std::string path = token_path(folder, Part::train);
  if (!std::filesystem::exists(path)) return {};
  const TokenFile tokens(path);
  if (tokens.corpus_sha256() != summary.sha256_of_all()) return {};
  std::map<LanguagePair, TokenCounts> counts;
  for (const auto& range : tokens.directions()) {
    TokenCounts& of = counts[range.direction];
    for (int64_t pair = range.first; pair < range.first + range.count; ++pair) {
      const TokenFile::Lengths lengths = tokens.lengths(pair);
      of.source += lengths.source;
      of.target += lengths.target;
    }
  }
  return counts;
}

std::string per(int64_t whole, int64_t parts) {
  return parts == 0 ? "" : fmt::format("{:.1f}", static_cast<double>(whole) / static_cast<double>(parts));
}

std::string share(double part, double whole) { return whole > 0 ? fmt::format("{:.1f}%", 100 * part / whole) : ""; }

std::vector<std::string> size_cells(const std::array<int64_t, kParts.size()>& pairs, int64_t words) {
  std::vector<std::string> cells;
  for (const int64_t count : pairs) cells.push_back(with_separators(count));
  cells.push_back(with_separators(words));
  cells.push_back(per(words, pairs[0]));
  return cells;
}

std::vector<Column> size_columns(const std::string& first) {
  return {{first},
          {"train", Align::right},
          {"dev", Align::right},
          {"test", Align::right},
          {"words", Align::right},
          {"a pair", Align::right}};
}

std::string language_table(const CorpusSummary& summary, const std::map<LanguagePair, TokenCounts>& tokens,
                           double temperature) {
  std::vector<Column> columns = size_columns("languages");
  columns.insert(columns.end(), {{"share", Align::right}, {"sampled", Align::right}});
  if (!tokens.empty())
    columns.insert(columns.end(), {{"source tokens", Align::right}, {"target tokens", Align::right}});
  Table table(columns);
  const std::vector<DirectionCounts> directions = directions_of(summary);
  std::vector<int64_t> trained;
  for (const DirectionCounts& d : directions) trained.push_back(d.pairs[0]);
  const std::vector<double> weights = sampling_weights(trained, temperature);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (size_t i = 0; i < directions.size(); ++i) {
    const DirectionCounts& d = directions[i];
    std::vector<std::string> cells = {d.direction.name()};
    for (std::string& cell : size_cells(d.pairs, d.words)) cells.push_back(std::move(cell));
    cells.push_back(share(static_cast<double>(d.pairs[0]), static_cast<double>(summary.pairs(Part::train))));
    cells.push_back(share(weights[i], total));
    if (!tokens.empty()) {
      const auto found = tokens.find(d.direction);
      const TokenCounts counts = found == tokens.end() ? TokenCounts{} : found->second;
      cells.push_back(with_separators(counts.source));
      cells.push_back(with_separators(counts.target));
    }
    table.add(std::move(cells));
  }
  return table.text();
}

std::string origin_table(const CorpusSummary& summary) {
  struct Sizes {
    std::array<int64_t, kParts.size()> pairs{};
    int64_t words = 0;
    int64_t directions = 0;
  };
  std::map<std::string, Sizes> origins;
  for (const OriginCounts& counts : summary.origins) {
    Sizes& sizes = origins[counts.origin];
    for (size_t i = 0; i < kParts.size(); ++i) sizes.pairs[i] += counts.pairs[i];
    sizes.words += counts.words;
    ++sizes.directions;
  }
  std::vector<Column> columns = size_columns("origin");
  columns.push_back({"languages", Align::right});
  Table table(columns);
  for (const auto& [origin, sizes] : origins) {
    std::vector<std::string> cells = {origin};
    for (std::string& cell : size_cells(sizes.pairs, sizes.words)) cells.push_back(std::move(cell));
    cells.push_back(with_separators(sizes.directions));
    table.add(std::move(cells));
  }
  return table.text();
}

std::string json_of(const CorpusSummary& summary) {
  using Json = nlohmann::ordered_json;
  Json origins = Json::array();
  for (const OriginCounts& o : summary.origins) {
    origins.push_back({{"source", o.source_language},
                       {"target", o.target_language},
                       {"origin", o.origin},
                       {"train", o.pairs[0]},
                       {"dev", o.pairs[1]},
                       {"test", o.pairs[2]},
                       {"words", o.words}});
  }
  const Json json = {{"sha256", summary.sha256_of_all()}, {"train", summary.pairs(Part::train)},
                     {"dev", summary.pairs(Part::dev)},   {"test", summary.pairs(Part::test)},
                     {"test_sha256", summary.sha256[2]},  {"origins", origins}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// How rows of such lengths would be filled, found by filling some.
std::string packing_text(const std::string& folder, const std::string& lengths, double temperature) {
  constexpr int kBatches = 100;
  BatchOptions options{.rows = 64, .temperature = temperature};
  char end = 0;
  if (std::sscanf(lengths.c_str(), "%" SCNd64 "x%" SCNd64 "%c", &options.source_length, &options.target_length, &end) !=
      2) {
    throw Error::usage(
        fmt::format("--rows: '{}' are no lengths of a row; write source and target tokens as 96x64", lengths));
  }
  const std::string path = token_path(folder, Part::train);
  if (!std::filesystem::exists(path)) {
    throw Error::program(fmt::format("{0} has no tokens; 'gshard corpus build {0}' makes them", folder));
  }
  const TokenFile tokens(path);
  BatchReader reader(tokens, options);
  const auto start = std::chrono::steady_clock::now();
  int64_t pairs = 0, count = 0;
  for (int i = 0; i < kBatches; ++i) {
    const Batch batch = reader.next();
    pairs += batch.pairs;
    count += batch.source_tokens + batch.target_tokens;
  }
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  const PaddingShares padding = reader.padding();
  return fmt::format(
      "rows of {} source and {} target tokens hold {:.1f} pairs; padding is {:.1f}% of sources and {:.1f}% of targets\n"
      "{} of {} pairs are longer than a row; one thread prepares {} tokens a second\n",
      options.source_length, options.target_length, static_cast<double>(pairs) / (kBatches * options.rows),
      100 * padding.source, 100 * padding.target, with_separators(reader.long_pairs()), with_separators(tokens.pairs()),
      human_count(static_cast<double>(count) / passed.count()));
}

int show(const std::string& folder, double temperature, bool as_json) {
  if (!(temperature > 0)) throw Error::usage("--temperature must be above 0");
  const CorpusSummary summary = read_corpus(folder);
  if (as_json) {
    put(json_of(summary));
    return 0;
  }
  put(import_report(summary) + "\n" + language_table(summary, token_counts(folder, summary), temperature) + "\n" +
      origin_table(summary));
  return 0;
}

}  // namespace

Command add_corpus_stats(CLI::App& corpus) {
  auto folder = std::make_shared<std::string>();
  auto temperature = std::make_shared<double>(5);
  auto as_json = std::make_shared<bool>(false);
  auto rows = std::make_shared<std::string>();
  CLI::App* app = add_subcommand(corpus, "stats", "Show the size of each language and origin", kNotes);
  app->add_option("DIR", *folder, "The folder of the corpus")->required();
  app->add_option("--temperature", *temperature, "T of the sampling [5]")->type_name("T");
  app->add_flag("--json", *as_json, "Write JSON");
  app->add_option("--rows", *rows, "Say how well rows of such lengths are filled, as 96x64")->type_name("SxT");
  return {app, [=] {
            if (rows->empty()) return show(*folder, *temperature, *as_json);
            if (*as_json) throw Error::usage("--json is of the sizes of languages: give it without --rows");
            put(packing_text(*folder, *rows, *temperature));
            return 0;
          }};
}

}  // namespace gshard
