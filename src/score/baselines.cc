#include "score/baselines.h"

#include <fmt/format.h>

#include "base/error.h"
#include "corpus/text_lines.h"
#include "score/nearest_neighbour.h"

namespace gshard {
namespace {

std::vector<BaselineRow> rows_of(const std::string& path) {
  std::vector<BaselineRow> rows;
  TextLines lines(path);
  for (std::string line; lines.next(line);) {
    auto pair = parse_row(line);
    if (!pair) throw Error::program("this row has not four columns; import the corpus again").at(lines.position(1));
    rows.push_back({std::move(*pair), ""});
  }
  if (rows.empty()) throw Error::program(path + ": nothing is held out to be measured");
  return rows;
}

bool is_of(const TextPair& pair, const LanguagePair& direction) {
  return pair.source_language == direction.source && pair.target_language == direction.target;
}

// Fills in the nearest translations of one direction's rows.
void answer(std::vector<BaselineRow>& rows, const std::string& training, const LanguagePair& direction) {
  NearestNeighbour memory(direction.source);
  std::vector<std::string> translations;
  TextLines lines(training);
  for (std::string line; lines.next(line);) {
    auto pair = parse_row(line);
    if (!pair || !is_of(*pair, direction)) continue;
    memory.add(pair->source);
    translations.push_back(std::move(pair->target));
  }
  memory.finish();
  for (BaselineRow& row : rows) {
    if (!is_of(row.pair, direction)) continue;
    if (const auto found = memory.find(row.pair.source)) row.nearest = translations[static_cast<size_t>(*found)];
  }
}

}  // namespace

std::vector<BaselineRow> baselines(const std::string& folder, Part part, const Progress& progress) {
  const CorpusSummary summary = read_corpus(folder);
  std::vector<BaselineRow> rows = rows_of(part_path(folder, part));
  for (const DirectionCounts& counts : directions_of(summary)) {
    if (counts.pairs[static_cast<size_t>(part)] == 0 || counts.pairs[0] == 0) continue;
    progress(fmt::format("nearest neighbours of {}", counts.direction.name()));
    answer(rows, part_path(folder, Part::train), counts.direction);
  }
  return rows;
}

}  // namespace gshard
