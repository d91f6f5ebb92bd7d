// The settings of a training, as a config file says them.
//
//   TrainConfig config;
//   Settings settings(settings_of(config));
//   settings.read("demo.toml");
//   settings.override_with("stop.minutes=2");
//   check(config, settings);
#pragma once

#include <string>
#include <vector>

#include "corpus/batch_reader.h"
#include "decode/model_config.h"
#include "model/mesh_layout.h"
#include "train/budget.h"

namespace gshard {

enum class NumberPrecision : uint8_t { automatic, f32, bf16 };
enum class OptimizerRule : uint8_t { adam, adafactor };
enum class LayoutName : uint8_t { experts, data, tensor };

struct TrainConfig {
  std::string corpus = "corpus";
  std::string output = "run";
  std::string init_from;
  int64_t seed = 1;

  ModelConfig model;

  int64_t devices = 1;
  NamedCounts mesh;
  LayoutName layout = LayoutName::experts;
  NumberPrecision precision = NumberPrecision::automatic;

  int64_t rows = 32;
  int64_t micro_batches = 1;
  double temperature = 5;
  LongPairs long_pairs = LongPairs::drop;

  OptimizerRule rule = OptimizerRule::adam;
  double rate = 1e-3;
  Decay decay = Decay::linear;
  double warmup = 0.05;
  int64_t least_warmup = 200;
  double clip_norm = 1;
  double beta1 = 0.9;
  double beta2 = 0.98;
  double weight_decay = 0;
  double label_smoothing = 0.1;
  double z_loss = 0;
  double balance_first = 0.05;
  int64_t balance_steps = 500;
  double balance = 0.01;

  int64_t stop_steps = 0;
  int64_t stop_tokens = 0;
  double stop_minutes = 0;
  int64_t patience = 0;

  int64_t evaluate_every = 250;
  int64_t evaluate_pairs = 1000;
  int64_t bleu_sentences = 512;
  double evaluate_share = 0.05;

  double checkpoint_minutes = 5;
  int64_t keep = 2;
  int64_t average = 1;
};

std::vector<Setting> settings_of(TrainConfig& config);

// How the model lies on the devices. The axes of a mesh are known by their names: "data" and "expert" cut the batch and
// groups of tokens, "expert" the experts too (or "data" without it), "model" heads, hidden units and the vocabulary.
MeshLayout layout_of(const TrainConfig& config);

// Throws Error(usage), with the place of the setting that is to blame, where settings do not go together.
void check(const TrainConfig& config, const Settings& settings);

}  // namespace gshard
