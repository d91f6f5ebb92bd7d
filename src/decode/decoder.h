// A model on its devices, for translating: programs of the sizes that are asked for, compiled when they are first
// needed, which share the weights.
//
//   Decoder decoder({.model = folder.config().transformer});
//   decoder.load_weights(folder.weights_path());
//   decoder.encode(sources, {.rows = 8, .source_length = 32, .texts = 4, .target_length = 32});
//   const StepResult next = decoder.step(tokens, 0, seen);
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "decode/programs.h"
#include "runtime/compiled_model.h"

namespace gshard {

struct DecoderOptions {
  TransformerOptions model = {};
  MeshLayout layout = {};
  Numerics numerics = {};
  // Tokens that an expert takes, in shares of an even spread. With 0 it takes all that choose it: what becomes of a
  // sentence does not depend on the others of its batch.
  double expert_capacity = 0;
};

// Choices of experts, and those that found no place.
struct ChoiceCounts {
  double sent = 0;
  double dropped = 0;
  double share_dropped() const { return sent > 0 ? dropped / sent : 0; }
};

// Token ids in rows of one length, kPadding behind the end of each.
struct TokenRows {
  int64_t rows = 0;
  int64_t length = 0;
  std::vector<int32_t> tokens;

  TokenRows(int64_t rows, int64_t length) : rows(rows), length(length), tokens(static_cast<size_t>(rows * length)) {}
  void set(int64_t row, std::span<const int32_t> ids);
};

// What a step says of each text of each row.
struct StepResult {
  int64_t candidates = 0;                 // by text
  std::vector<int32_t> tokens;            // [rows,texts,candidates], the likeliest first
  std::vector<double> log_probabilities;  // the same
  std::vector<double> ends;               // [rows,texts]: of kEnd
};

// One thread may use it at a time.
class Decoder {
 public:
  explicit Decoder(const DecoderOptions& options);
  ~Decoder();

  const DecoderOptions& options() const { return options_; }
  // The weights that it needs, by name.
  const std::map<std::string, Shape>& weights() const { return weights_; }
  // Throws Error(program) where one is missing or of another shape.
  void set_weights(NamedArrays weights);
  // Those of an archive (runtime/array_archive.h). Throws Error(program) with the path and the array's name where it
  // lacks one, or one is damaged or of another shape.
  void load_weights(const std::string& path);
  // Those of a model in training: the same memory where they lie on the devices alike. Until drop_weights() a step of
  // training writes its new weights elsewhere.
  void share_weights(const CompiledModel& model);
  void drop_weights();

  // Begins a batch of size.rows sources, each with room for size.texts texts of size.target_length tokens.
  void encode(const TokenRows& sources, const DecodingSize& size);
  // One more token of each text, kPadding for none: tokens [rows,texts], and what each sees, [rows,texts,room * texts].
  StepResult step(std::span<const int32_t> tokens, int64_t step, std::span<const uint8_t> seen);
  // The batch goes on with these rows of it, which become the first of size.rows, and with room for size.target_length
  // tokens, no fewer than before. All else of the size stays as it is.
  void go_on(const DecodingSize& size, std::span<const int64_t> rows);
  const DecodingSize& size() const { return size_; }

  // The logarithms of the probabilities of targets, kEnd behind each; NaN where the model makes one.
  std::vector<double> score(const TokenRows& sources, const TokenRows& targets);

  // Since it was made.
  const ChoiceCounts& choices() const { return choices_; }

 private:
  using Write = ModelProgram (*)(const DecodingSize&, const TransformerOptions&, ModelOptions);
  CompiledModel& program(const char* name, Write write, const DecodingSize& size);
  CompiledModel& encoder(const DecodingSize& size);
  CompiledModel& stepper(const DecodingSize& size);
  void give_weights(CompiledModel& model) const;
  void count_choices(const NamedArrays& results);

  DecoderOptions options_;
  std::map<std::string, Shape> weights_;
  NamedArrays arrays_;
  const CompiledModel* trained_ = nullptr;
  std::map<std::pair<std::string, DecodingSize>, std::unique_ptr<CompiledModel>> programs_;
  DecodingSize size_;
  ChoiceCounts choices_;
};

}  // namespace gshard
