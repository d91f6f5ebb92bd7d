#include "train/train_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/ceil_div.h"

namespace gshard {

std::vector<Setting> settings_of(TrainConfig& c) {
  const Bounds positive{.low = 1};
  const Bounds natural{.low = 0};
  const Bounds share{.low = 0, .high = 1};
  const Bounds forgetting{.low = 0, .high = 0.99999};  // at 1 a mean never begins, and correcting that divides 0 by 0
  std::vector<Setting> list = {
      {"corpus", &c.corpus, "the folder that 'gshard corpus' made"},
      {"output", &c.output, "the folder of the run: its checkpoints, model and metrics"},
      {"init_from", &c.init_from, "the folder of a model to begin with; \"\" for none"},
      {"seed", &c.seed, "of first weights, order of data, dropout", natural},
      {"devices", &c.devices, "among which each step is divided", positive},
      {"mesh", &c.mesh, "axes of the devices, as {data = 2, expert = 2}; {} for one axis", positive},
      {"layout",
       one_of(&c.layout,
              {{"experts", LayoutName::experts}, {"data", LayoutName::data}, {"tensor", LayoutName::tensor}}),
       "without a mesh: experts and batch (the paper's), the batch alone, or heads and hidden units over the devices"},
      {"precision",
       one_of(&c.precision,
              {{"auto", NumberPrecision::automatic}, {"f32", NumberPrecision::f32}, {"bf16", NumberPrecision::bf16}}),
       "of activations and products; auto is bf16 where the CPU has it"},
  };
  for (Setting& setting : settings_of(c.model)) list.push_back(std::move(setting));
  const std::vector<Setting> rest = {
      {"batch.rows", &c.rows, "of source_length and target_length tokens in a step", positive},
      {"batch.micro_batches", &c.micro_batches, "parts of a step's rows, one after the other to save memory", positive},
      {"batch.temperature", &c.temperature, "of sampling: p ~ n^(1/T)", {.low = 0.01}},
      {"batch.long_pairs", one_of(&c.long_pairs, {{"drop", LongPairs::drop}, {"cut", LongPairs::cut}}),
       "what becomes of pairs longer than a row"},

      {"optimizer.rule", one_of(&c.rule, {{"adam", OptimizerRule::adam}, {"adafactor", OptimizerRule::adafactor}}), ""},
      {"optimizer.rate", &c.rate, "the highest learning rate; of adafactor relative to the weights", natural},
      {"optimizer.decay",
       one_of(&c.decay, {{"linear", Decay::linear}, {"cosine", Decay::cosine}, {"inverse_root", Decay::inverse_root}}),
       "how the rate falls to 0 over the budget; inverse_root: it falls with the steps alone"},
      {"optimizer.warmup", &c.warmup, "the share of the budget in which the rate rises", {.low = 0, .high = 0.99}},
      {"optimizer.least_warmup", &c.least_warmup, "steps in which it rises at least", natural},
      {"optimizer.clip_norm", &c.clip_norm, "the most that the gradient's norm may be; 0 for any", natural},
      {"optimizer.beta1", &c.beta1, "of adam", forgetting},
      {"optimizer.beta2", &c.beta2, "of adam", forgetting},
      {"optimizer.weight_decay", &c.weight_decay, "of adam", natural},

      {"loss.label_smoothing", &c.label_smoothing, "probability that is spread over all tokens", share},
      {"loss.z_loss", &c.z_loss, "weight of the squared log of the sum of exponentials", natural},
      {"loss.balance", &c.balance, "weight of the loss that balances experts", natural},
      {"loss.balance_first", &c.balance_first, "the same in the first steps", natural},
      {"loss.balance_steps", &c.balance_steps, "how many those are", natural},

      {"stop.steps", &c.stop_steps, "the budget; 0 for none. What is reached first ends the run", natural},
      {"stop.tokens", &c.stop_tokens, "target tokens, without padding", natural},
      {"stop.minutes", &c.stop_minutes, "of training, summed over resumes", natural},
      {"stop.patience", &c.patience, "evaluations without a better loss; 0 for any number", natural},

      {"evaluate.every", &c.evaluate_every, "steps; 0 for the end alone", natural},
      {"evaluate.pairs", &c.evaluate_pairs, "of dev whose loss is computed", positive},
      {"evaluate.bleu_sentences", &c.bleu_sentences, "of dev that are translated; 0 for none", natural},
      {"evaluate.share", &c.evaluate_share, "the most of the time that translating takes; losses are not in it", share},

      {"checkpoint.minutes", &c.checkpoint_minutes, "between checkpoints, beside those at evaluations", natural},
      {"checkpoint.keep", &c.keep, "the newest so many, and the best", positive},
      {"checkpoint.average", &c.average, "the model is the mean of the last so many checkpoints", positive},
  };
  list.insert(list.end(), rest.begin(), rest.end());
  return list;
}

namespace {

constexpr std::array<std::string_view, 3> kAxes = {"data", "expert", "model"};

void check_budget(const TrainConfig& c, const Settings& settings) {
  if (c.stop_steps > 0 || c.stop_tokens > 0 || c.stop_minutes > 0) return;
  throw settings.error("stop", "the run has no budget; say stop = {minutes = 6}, or steps, or tokens");
}

void check_patience(const TrainConfig& c, const Settings& settings) {
  if (c.patience == 0 || c.evaluate_every > 0) return;
  throw settings.error("stop.patience", fmt::format("stop.patience is {} and evaluate.every is 0: nothing is evaluated "
                                                    "before the end; say evaluate.every = 250, or another number",
                                                    c.patience));
}

void check_mesh(const TrainConfig& c, const Settings& settings) {
  if (c.mesh.empty()) return;
  // That of "experts" is what a resolved config says beside any mesh.
  if (c.layout != LayoutName::experts) {
    throw settings.error("layout", "the names of a mesh's axes say what they cut; leave out layout, or the mesh");
  }
  int64_t devices = 1;
  for (const auto& [axis, size] : c.mesh) {
    devices *= size;
    if (std::ranges::find(kAxes, axis) != kAxes.end()) continue;
    throw settings.error(
        "mesh", fmt::format("the mesh has an axis '{}'; those that are known are {}", axis, fmt::join(kAxes, ", ")));
  }
  if (devices == c.devices) return;
  throw settings.error("mesh", fmt::format("the mesh has {} devices and 'devices' is {}", devices, c.devices));
}

void check_rows(const TrainConfig& c, const MeshLayout& layout, const Settings& settings) {
  const int64_t parts = layout.parts("batch") * c.micro_batches;
  if (c.rows % parts == 0) return;
  const std::string micro = c.micro_batches == 1 ? "" : fmt::format(" in {} micro-batches", c.micro_batches);
  throw settings.error("batch.rows", fmt::format("{} rows cannot be divided among {} devices{}; take {}", c.rows,
                                                 parts / c.micro_batches, micro, ceil_div(c.rows, parts) * parts));
}

// Groups are cut from the whole batch, of sources and of targets.
void check_groups(const TrainConfig& c, const MeshLayout& layout, const Settings& settings) {
  if (c.model.transformer.moe_every == 0 || c.model.transformer.moe.gating.experts == 0) return;
  const int64_t size = c.model.transformer.moe.group_size;
  const int64_t parts = layout.parts("group");
  const int64_t rows = c.rows / c.micro_batches;
  for (const auto& [length, side] : {std::pair{c.model.source_length, "source"}, {c.model.target_length, "target"}}) {
    const int64_t tokens = rows * length;
    if (tokens % size == 0 && tokens / size % parts == 0) continue;
    throw settings.error("model.group_size",
                         fmt::format("{} rows of {} {} tokens are no whole number of groups of {} on each of {} "
                                     "devices; take a divisor of {}",
                                     rows, length, side, size, parts, tokens / std::gcd(tokens, parts)));
  }
}

}  // namespace

MeshLayout layout_of(const TrainConfig& config) {
  if (config.mesh.empty()) {
    switch (config.layout) {
      case LayoutName::experts:
        return MeshLayout::experts(config.devices);
      case LayoutName::data:
        return MeshLayout::data(config.devices);
      case LayoutName::tensor:
        return MeshLayout::tensor(config.devices);
    }
  }
  std::vector<MeshAxis> axes;
  std::string tokens, experts;
  std::map<std::string, std::string> cuts;
  for (const auto& [axis, size] : config.mesh) {
    axes.push_back({axis, size});
    if (axis == "model") {
      for (const char* dim : {"heads", "ff", "vocab"}) cuts.emplace(dim, axis);
    } else {
      tokens += (tokens.empty() ? "" : "+") + axis;
      if (experts.empty() || axis == "expert") experts = axis;
    }
  }
  if (!tokens.empty()) cuts.merge(std::map<std::string, std::string>{{"batch", tokens}, {"group", tokens}});
  if (!experts.empty()) cuts.emplace("expert", experts);
  return MeshLayout(Mesh(axes), std::move(cuts));
}

void check(const TrainConfig& config, const Settings& settings) {
  check(config.model, settings);
  check_budget(config, settings);
  check_patience(config, settings);
  check_mesh(config, settings);
  const MeshLayout layout = layout_of(config);
  check_rows(config, layout, settings);
  check_groups(config, layout, settings);
}

}  // namespace gshard
