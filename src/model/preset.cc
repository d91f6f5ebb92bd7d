#include "model/preset.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace gshard {
namespace {

// Section 4 and appendix A.2 of the paper; what it leaves open (length of sequences, group size, label smoothing, the
// weights of losses) as its authors' implementation has it.
TransformerOptions paper_model(int64_t layers) {
  TransformerOptions options;
  options.source_vocabulary = 64000;
  options.target_vocabulary = 32000;
  options.encoder_layers = layers / 2;
  options.decoder_layers = layers / 2;
  options.size = 1024;
  options.hidden = 8192;
  options.attention = {.heads = 16, .key_size = 128, .dropout = 0.1};
  options.moe_every = 0;
  options.dropout = 0.1;
  options.loss = {.label_smoothing = 0.1, .z_loss = 1e-4};
  return options;
}

struct PaperRow {
  const char* label;
  int64_t experts;
  int64_t layers;
  int64_t batch_tokens;
};

Preset paper_preset(const PaperRow& row) {
  constexpr int64_t kLength = 512;
  Preset preset;
  preset.name = fmt::format("moe-{}e-{}l", row.experts, row.layers);
  preset.description = fmt::format("MoE({}E,{}L) of the paper, {}", row.experts, row.layers, row.label);
  preset.model = paper_model(row.layers);
  preset.model.moe_every = 2;
  preset.model.moe = {.gating = {.experts = row.experts}, .hidden = 8192, .group_size = 1024};
  preset.batch = {row.batch_tokens / kLength, kLength};
  preset.devices = row.experts;
  // The paper's largest was trained with activations of 16 bits.
  if (row.layers == 60) preset.numerics = Numerics::mixed();
  return preset;
}

Preset dense_preset() {
  Preset preset;
  preset.name = "dense-96l";
  preset.description = "T(96L) of the paper, 2.3B";
  preset.model = paper_model(96);
  preset.model.attention.key_size = 64;  // with 128 it would be 2.9B
  preset.batch = {8192, 512};
  preset.devices = 2048;
  return preset;
}

struct SmallRow {
  const char* name;
  int64_t size;
  int64_t layers;
  int64_t experts;
};

Preset small_preset(const SmallRow& row) {
  Preset preset;
  preset.name = row.name;
  preset.description = fmt::format("MoE({}E,{}L) of size {} for one machine", row.experts, row.layers, row.size);
  preset.model = paper_model(row.layers);
  preset.model.source_vocabulary = 8000;
  preset.model.target_vocabulary = 8000;
  preset.model.size = row.size;
  preset.model.hidden = 4 * row.size;
  preset.model.attention = {.heads = row.size / 32, .key_size = 32, .dropout = 0.1};
  preset.model.moe_every = 2;
  preset.model.moe = {.gating = {.experts = row.experts}, .hidden = 4 * row.size, .group_size = 128};
  preset.batch = {32, 64};
  preset.devices = std::min<int64_t>(row.experts, 4);
  return preset;
}

std::vector<Preset> all_presets() {
  constexpr int64_t kMillion = int64_t{1} << 20;
  std::vector<Preset> all;
  for (const SmallRow& row : {SmallRow{"tiny", 64, 4, 4}, {"small", 256, 6, 8}, {"base", 512, 12, 16}}) {
    all.push_back(small_preset(row));
  }
  for (const PaperRow& row : {PaperRow{"12.5B", 128, 12, kMillion},
                              {"37B", 128, 36, kMillion},
                              {"50B", 512, 12, kMillion},
                              {"150B", 512, 36, kMillion},
                              {"200B", 2048, 12, 4 * kMillion},
                              {"600B", 2048, 36, 4 * kMillion},
                              {"1T", 2048, 60, 4 * kMillion}}) {
    all.push_back(paper_preset(row));
  }
  all.push_back(dense_preset());
  return all;
}

}  // namespace

std::span<const Preset> presets() {
  static const std::vector<Preset> all = all_presets();
  return all;
}

const Preset& preset_of(std::string_view name) {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) {
    if (preset.name == name) return preset;
    names.push_back(preset.name);
  }
  throw Error::usage(fmt::format("there is no model '{}'; there are {}", name, fmt::join(names, ", ")));
}

ModelProgram train_step_of(const Preset& preset, const MeshLayout& layout) {
  const ModelOptions options{.layout = layout, .numerics = preset.numerics};
  return train_step(preset.name, options,
                    [&](Model& model) { return translation_model(model, preset.batch, preset.model); });
}

int64_t weight_count(const ModelProgram& program, std::string_view scope) {
  int64_t count = 0;
  for (const Parameter& parameter : program.parameters) {
    const bool within =
        scope.empty() || parameter.name == scope || parameter.name.starts_with(fmt::format("{}/", scope));
    if (parameter.role == Role::weight && within) count += parameter.shape.element_count();
  }
  return count;
}

}  // namespace gshard
