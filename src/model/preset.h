// Models by name: those of the GShard paper's Table 1, and small ones for one machine.
//
//   const Preset& preset = preset_of("moe-2048e-36l");
//   ModelProgram step = train_step_of(preset, MeshLayout::experts(2048));      // 600 billion parameters, no number
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/train_step.h"
#include "model/transformer.h"

namespace gshard {

struct Preset {
  std::string name;         // "moe-2048e-36l"
  std::string description;  // "MoE(2048E,36L), 600B"
  TransformerOptions model;
  BatchSize batch;
  int64_t devices = 1;  // that the paper trained it on
  Numerics numerics = {};
};

std::span<const Preset> presets();
// Throws Error(usage) that lists the names where there is none of this one.
const Preset& preset_of(std::string_view name);

// A step of its training by the paper's optimiser.
ModelProgram train_step_of(const Preset& preset, const MeshLayout& layout);

// Numbers in the weights, and those of them in a scope's parameters: "encoder", "encoder/layer_1/moe".
int64_t weight_count(const ModelProgram& program, std::string_view scope = "");

}  // namespace gshard
