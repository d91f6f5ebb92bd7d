#include "model/preset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "ops/table.h"
#include "run.h"
#include "runtime/prepare.h"
#include "shard/partition.h"

namespace gshard {
namespace {

// Counts of the paper's Table 1 in units of 2^30, rounded as there; T(96L)'s in units of 10^9.
TEST(Preset, ParametersAreThoseOfTable1) {
  const std::map<std::string, double> labels = {{"moe-128e-12l", 12.5}, {"moe-128e-36l", 37},   {"moe-512e-12l", 50},
                                                {"moe-512e-36l", 150},  {"moe-2048e-12l", 200}, {"moe-2048e-36l", 600},
                                                {"moe-2048e-60l", 1000}};
  for (const auto& [name, label] : labels) {
    const Preset& preset = preset_of(name);
    const ModelProgram program = train_step_of(preset, {});
    const double count = static_cast<double>(weight_count(program));
    EXPECT_NEAR(count / (1 << 30) / label, 1, 0.04) << name;
    // Every other layer's experts, of 2 * 1024 * 8192 numbers each.
    const auto moe_layers = static_cast<double>(preset.model.encoder_layers / 2 + preset.model.decoder_layers / 2);
    const double experts = moe_layers * static_cast<double>(preset.model.moe.gating.experts) * 2 * 1024 * 8192;
    EXPECT_LT(count - experts, 1.6e9) << name;
  }
  EXPECT_NEAR(static_cast<double>(weight_count(train_step_of(preset_of("dense-96l"), {}))), 2.3e9, 0.05e9);
}

TEST(Preset, ScopesCountTheirOwnWeights) {
  const ModelProgram program = train_step_of(preset_of("tiny"), {});
  EXPECT_EQ(weight_count(program), weight_count(program, "encoder") + weight_count(program, "decoder"));
  EXPECT_EQ(weight_count(program, "encoder/layer_1/moe"), 4 * 2 * 64 * 256 + 64 * 4 + 64);
  EXPECT_THAT(error_of([] { preset_of("large"); }), testing::StartsWith("there is no model 'large'; there are tiny,"));
}

std::map<Op, int64_t> collectives_of(const Module& module) {
  std::map<Op, int64_t> counts;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (has(row_of(instruction->op()).traits, Traits::collective)) ++counts[instruction->op()];
    }
  }
  return counts;
}

int64_t bytes_per_device(const ModelProgram& program, const MeshLayout& layout, Role role) {
  int64_t bytes = 0;
  for (const Parameter& parameter : program.parameters) {
    if (parameter.role != role) continue;
    bytes += parameter.shape.with_dims(part_sizes(parameter, layout)).byte_size();
  }
  return bytes;
}

int64_t held_parameter_bytes(const Module& module, const ModelProgram& program, Role role) {
  int64_t bytes = 0;
  for (size_t p = 0; p < program.parameters.size(); ++p) {
    if (program.parameters[p].role == role) bytes += module.entry()->parameter(p)->shape().byte_size();
  }
  return bytes;
}

// The paper's largest that was evaluated: 600 billion parameters over 2,048 devices.
TEST(Preset, SixHundredBillionParametersOver2048Devices) {
  for (const MeshLayout& layout : {MeshLayout::experts(2048), MeshLayout::mixed(2048, 8)}) {
    const ModelProgram program = train_step_of(preset_of("moe-2048e-36l"), layout);
    const Partitioned parts = partition(*prepare(*program.module));
    const std::map<Op, int64_t> collectives = collectives_of(*parts.module);
    // Each of 18 layers sends tokens to their experts and back, and their gradients the other way.
    EXPECT_EQ(collectives.at(Op::all_to_all), 18 * 4);
    // What is left are sums: gradients, losses, metrics, products of cut hidden units.
    for (const auto& [op, count] : collectives) EXPECT_TRUE(op == Op::all_to_all || op == Op::all_reduce);
    for (const Role role : {Role::weight, Role::state}) {
      EXPECT_EQ(held_parameter_bytes(*parts.module, program, role), bytes_per_device(program, layout, role));
    }
    // One expert of each of 18 layers, and what is no expert's.
    if (layout.devices() != 2048) continue;
    const int64_t experts = int64_t{18} * 2048 * 2 * 1024 * 8192;
    const int64_t own = (weight_count(program) - experts + experts / 2048) * 4;
    EXPECT_EQ(bytes_per_device(program, layout, Role::weight), own);
  }
}

}  // namespace
}  // namespace gshard
