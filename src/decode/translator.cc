#include "decode/translator.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "corpus/vocabulary.h"

namespace gshard {
namespace {

constexpr int64_t kFewRows = 8;       // of a batch for a few sources, or for the last ones of a larger batch
constexpr int64_t kLeastSource = 16;  // the shortest rooms that programs are made for
constexpr int64_t kLeastTarget = 32;

// Rooms grow by doubling, so that few programs serve all lengths.
int64_t room_for(int64_t tokens, int64_t least, int64_t most) {
  const auto doubled = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max(tokens, least))));
  return std::min(doubled, most);
}

int64_t rounded_up(int64_t rows, int64_t parts) { return (rows + parts - 1) / parts * parts; }

void check_length(const Tokens& tokens, size_t number, const char* what, int64_t most) {
  const auto length = static_cast<int64_t>(tokens.size());
  if (length > 0 && length <= most) return;
  throw Error::program(fmt::format("{} {} has {} tokens, must have 1 to {}", what, number, length, most));
}

NextTokens next_of(const StepResult& result, size_t text) {
  const auto count = static_cast<size_t>(result.candidates);
  return {std::span(result.tokens).subspan(text * count, count),
          std::span(result.log_probabilities).subspan(text * count, count), result.ends[text]};
}

// Weights that are not finite make every probability NaN.
void check_finite(double log_probability) {
  if (!std::isnan(log_probability)) return;
  throw Error::program("the model's probabilities are no numbers: its weights are not finite");
}

// Some of the texts, by their numbers, in the first of so many rows, which have room for the longest.
TokenRows in_rows(const std::vector<Tokens>& texts, const std::vector<size_t>& numbers, int64_t rows, int64_t least,
                  int64_t most) {
  size_t longest = 0;
  for (const size_t i : numbers) longest = std::max(longest, texts[i].size());
  TokenRows laid(rows, room_for(static_cast<int64_t>(longest), least, most));
  for (size_t row = 0; row < numbers.size(); ++row) laid.set(static_cast<int64_t>(row), texts[numbers[row]]);
  return laid;
}

// A batch that is being translated. Once few of its sources are left they go on in a batch of `few` rows.
class Batch {
 public:
  Batch(Decoder& decoder, std::vector<BeamSearch> searches, int64_t few)
      : decoder_(decoder), searches_(std::move(searches)), few_(few) {
    for (size_t i = 0; i < searches_.size(); ++i) rows_.push_back(i);
  }

  void run(int64_t most) {
    for (int64_t step = 0; !is_done(); ++step) {
      leave_out_what_is_done();
      if (step == decoder_.size().target_length) make_room(room_for(step + 1, kLeastTarget, most));
      advance(step);
    }
  }

  const std::vector<BeamSearch>& searches() const { return searches_; }

 private:
  bool is_done() const {
    return std::ranges::all_of(searches_, [](const BeamSearch& search) { return search.is_done(); });
  }

  void leave_out_what_is_done() {
    if (decoder_.size().rows <= few_) return;
    std::vector<int64_t> kept;
    std::vector<size_t> left;
    for (size_t row = 0; row < rows_.size(); ++row) {
      if (searches_[rows_[row]].is_done()) continue;
      kept.push_back(static_cast<int64_t>(row));
      left.push_back(rows_[row]);
    }
    if (static_cast<int64_t>(kept.size()) > few_) return;
    DecodingSize smaller = decoder_.size();
    smaller.rows = few_;
    decoder_.go_on(smaller, kept);
    rows_ = std::move(left);
  }

  void make_room(int64_t target_length) {
    DecodingSize longer = decoder_.size();
    longer.target_length = target_length;
    std::vector<int64_t> all(static_cast<size_t>(longer.rows));
    std::iota(all.begin(), all.end(), 0);
    decoder_.go_on(longer, all);
  }

  void advance(int64_t step) {
    const DecodingSize& size = decoder_.size();
    const auto texts = static_cast<size_t>(size.texts);
    const int64_t width = size.target_length * size.texts;
    std::vector<int32_t> tokens(static_cast<size_t>(size.rows) * texts, kPadding);
    std::vector<uint8_t> seen(tokens.size() * static_cast<size_t>(width));
    for (size_t row = 0; row < rows_.size(); ++row) {
      const BeamSearch& search = searches_[rows_[row]];
      search.put_tokens(std::span(tokens).subspan(row * texts, texts));
      search.mark_seen(std::span(seen).subspan(row * texts * static_cast<size_t>(width)), width);
    }
    const StepResult result = decoder_.step(tokens, step, seen);
    for (size_t row = 0; row < rows_.size(); ++row) {
      BeamSearch& search = searches_[rows_[row]];
      if (search.is_done()) continue;
      std::vector<NextTokens> next;
      for (size_t text = row * texts; text < (row + 1) * texts && tokens[text] != kPadding; ++text) {
        next.push_back(next_of(result, text));
        check_finite(next.back().end);
      }
      search.advance(next);
    }
  }

  Decoder& decoder_;
  std::vector<BeamSearch> searches_;
  const int64_t few_;
  std::vector<size_t> rows_;  // of the batch: the search that each belongs to
};

}  // namespace

Translator::Translator(const TranslatorOptions& options) : options_(options), decoder_(options.decoder) {
  if (options.search.beam < 1) throw Error::usage(fmt::format("beam: {}, must be 1 at least", options.search.beam));
}

// By room, and within it by length: texts of about one length end at about one time.
std::vector<Translator::Numbers> Translator::batches_of(const std::vector<Tokens>& sources,
                                                        const std::vector<int64_t>& lengths) const {
  Numbers order(sources.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto room = [&](size_t i) { return room_for(lengths[i], kLeastSource, options_.source_length); };
  std::ranges::stable_sort(order, {}, [&](size_t i) { return lengths[i]; });
  std::vector<Numbers> batches;
  for (const size_t i : order) {
    const bool begins = batches.empty() || static_cast<int64_t>(batches.back().size()) == options_.rows ||
                        room(batches.back().front()) != room(i);
    if (begins) batches.emplace_back();
    batches.back().push_back(i);
  }
  return batches;
}

int64_t Translator::few_rows() const {
  return rounded_up(std::min(kFewRows, options_.rows), options_.decoder.layout.parts("batch"));
}

int64_t Translator::rows_for(const Numbers& batch) const {
  if (static_cast<int64_t>(batch.size()) <= few_rows()) return few_rows();
  return rounded_up(options_.rows, options_.decoder.layout.parts("batch"));
}

BeamSearch Translator::search_for(const Tokens& source) const {
  const auto wanted = static_cast<int64_t>(options_.search.length_factor * static_cast<double>(source.size()));
  const int64_t longest = std::min(wanted + options_.search.length_extra, options_.target_length - 1);
  return BeamSearch(options_.search, std::max<int64_t>(longest, 1));
}

void Translator::translate_batch(const std::vector<Tokens>& sources, const Numbers& batch,
                                 std::vector<std::vector<Hypothesis>>& found) {
  std::vector<BeamSearch> searches;
  for (const size_t i : batch) searches.push_back(search_for(sources[i]));
  const TokenRows rows = in_rows(sources, batch, rows_for(batch), kLeastSource, options_.source_length);
  decoder_.encode(rows, {.rows = rows.rows,
                         .source_length = rows.length,
                         .texts = options_.search.beam,
                         .target_length = std::min(kLeastTarget, options_.target_length)});
  Batch running(decoder_, std::move(searches), few_rows());
  running.run(options_.target_length);
  for (size_t row = 0; row < batch.size(); ++row) found[batch[row]] = running.searches()[row].best();
}

std::vector<std::vector<Hypothesis>> Translator::translate(const std::vector<Tokens>& sources) {
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < sources.size(); ++i) {
    check_length(sources[i], i, "source", options_.source_length);
    lengths.push_back(static_cast<int64_t>(sources[i].size()));
  }
  std::vector<std::vector<Hypothesis>> found(sources.size());
  for (const Numbers& batch : batches_of(sources, lengths)) translate_batch(sources, batch, found);
  return found;
}

std::vector<double> Translator::score(const std::vector<Tokens>& sources, const std::vector<Tokens>& targets) {
  GSHARD_CHECK(sources.size() == targets.size());
  std::vector<int64_t> lengths;
  for (size_t i = 0; i < sources.size(); ++i) {
    check_length(sources[i], i, "source", options_.source_length);
    check_length(targets[i], i, "target", options_.target_length);
    lengths.push_back(static_cast<int64_t>(sources[i].size()));
  }
  std::vector<double> scores(sources.size());
  for (const Numbers& batch : batches_of(sources, lengths)) {
    const int64_t rows = rows_for(batch);
    const std::vector<double> scored =
        decoder_.score(in_rows(sources, batch, rows, kLeastSource, options_.source_length),
                       in_rows(targets, batch, rows, kLeastTarget, options_.target_length));
    for (size_t row = 0; row < batch.size(); ++row) {
      check_finite(scored[row]);
      scores[batch[row]] = scored[row];
    }
  }
  return scores;
}

}  // namespace gshard
