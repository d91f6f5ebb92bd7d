// What a model scores on held-out rows, beside the two answers that need no model.
//
//   const Evaluation evaluation(rows);
//   for (const RowGroup& group : evaluation.directions()) show(evaluation.score(group));
//   show(evaluation.average("average", evaluation.directions()));
//
// Intervals are of 95 %, by bootstrap over the distinct target sentences of the rows concerned (bootstrap.h), and all
// systems are resampled together.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "corpus/text_pair.h"
#include "score/bleu.h"
#include "score/bootstrap.h"
#include "score/chrf.h"

namespace gshard {

struct EvaluatedRow {
  TextPair pair;
  std::string hypothesis;  // the model's
  std::string nearest;     // the translation of the most similar source that trains
};

// Who answers: the model, the source itself, the nearest neighbour.
enum class System : uint8_t { model, copy, nearest };
inline constexpr size_t kSystems = 3;

// Some of the rows, by their numbers.
struct RowGroup {
  std::string name;
  std::vector<size_t> rows;
};

struct GroupScores {
  std::string name;
  size_t rows = 0;
  size_t sentences = 0;                            // distinct targets
  std::string sha256;                              // of the rows as they stand in a corpus, in their order
  std::array<ScoredInterval, kSystems> bleu = {};  // by System
  std::array<ScoredInterval, kSystems> chrf = {};
  ScoredInterval bleu_over_nearest;  // the model's - the nearest neighbour's
  ScoredInterval chrf_over_copy;     // the model's - the copy's
};

// Directions with most training pairs, fewest, and those between, on the sentences that most of them have. Scores by
// size of the data would else be scores by kind of text.
struct Thirds {
  size_t least_directions = 0;  // that a sentence stands in
  std::array<GroupScores, 3> scores;
};

class Evaluation {
 public:
  explicit Evaluation(std::vector<EvaluatedRow> rows);

  const std::vector<EvaluatedRow>& rows() const { return rows_; }
  // Sorted by name: "de-en"; by where the text is from.
  std::vector<RowGroup> directions() const;
  std::vector<RowGroup> origins() const;

  // Of all rows of a group together.
  GroupScores score(const RowGroup& group) const { return average(group.name, {group}); }
  // The means of the groups' scores.
  GroupScores average(const std::string& name, const std::vector<RowGroup>& groups) const;
  // Nothing where fewer than three directions share sentences. `training` has the pairs that train, by direction.
  std::optional<Thirds> thirds(const std::map<std::string, int64_t>& training) const;

 private:
  struct RowCounts {
    std::array<BleuCounts, kSystems> bleu;
    std::array<ChrfCounts, kSystems> chrf;
  };

  std::vector<EvaluatedRow> rows_;
  std::vector<RowCounts> counts_;
};

}  // namespace gshard
