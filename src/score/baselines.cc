#include "score/baselines.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"
#include "corpus/text_lines.h"
#include "score/nearest_neighbour.h"

namespace gshard {
namespace {

// Fills in the nearest translations of one direction's rows.
void answer(std::vector<BaselineRow>& rows, const std::string& training, const LanguagePair& direction) {
  NearestNeighbour memory(direction.source);
  std::vector<std::string> translations;
  const std::string begin = direction.source + '\t' + direction.target + '\t';
  TextLines lines(training);
  for (std::string line; lines.next(line);) {
    if (!line.starts_with(begin)) continue;  // the other directions' rows are most of the text
    auto pair = parse_row(line);
    if (!pair) continue;
    memory.add(pair->source);
    translations.push_back(std::move(pair->target));
  }
  memory.finish();
  for (BaselineRow& row : rows) {
    if (direction_of(row.pair) != direction) continue;
    if (const auto found = memory.find(row.pair.source)) row.nearest = translations[static_cast<size_t>(*found)];
  }
}

}  // namespace

std::vector<BaselineRow> held_out_rows(const std::string& folder, Part part) {
  read_corpus(folder);  // says what is missing where it is none
  const std::string path = part_path(folder, part);
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

void answer_nearest(std::vector<BaselineRow>& rows, const std::string& folder, const Progress& progress) {
  std::set<LanguagePair> asked;
  for (const BaselineRow& row : rows) asked.insert(direction_of(row.pair));
  for (const DirectionCounts& counts : directions_of(read_corpus(folder))) {
    if (counts.pairs[static_cast<size_t>(Part::train)] == 0 || !asked.contains(counts.direction)) continue;
    progress(fmt::format("nearest neighbours of {}", counts.direction.name()));
    answer(rows, part_path(folder, Part::train), counts.direction);
  }
}

}  // namespace gshard
