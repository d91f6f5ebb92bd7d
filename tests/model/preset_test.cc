#include "model/preset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "ops/table.h"
#include "run.h"
#include "runtime/large_values.h"
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

// How many arrays of each type go through each kind of collective, "all-reduce f32[1024]"; several may go at once.
std::map<std::string, int64_t> sent_by(const Module& module) {
  std::map<std::string, int64_t> counts;
  for (const auto& computation : module.computations()) {
    for (const auto& instruction : computation->instructions()) {
      if (!has(row_of(instruction->op()).traits, Traits::collective)) continue;
      const std::string kind(keyword_of(instruction->op()));
      for (const Instruction* operand : instruction->operands()) {
        Shape shape = operand->shape().without_layout();
        // Of tokens on their way to and from experts their number tells what they are.
        if (instruction->op() == Op::all_to_all) shape = Shape(shape.type(), {shape.element_count()});
        ++counts[kind + " " + shape.to_string()];
      }
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

// What a step of MoE(2048E,36L) sends on 2,048 devices, from the model alone: weights that all devices hold whole have
// gradients that are summed over them, tokens go to their experts and back, and their gradients the other way.
std::map<std::string, int64_t> expected_on_2048() {
  constexpr int64_t kMixtures = 18;             // every other one of 18 layers of the encoder and 18 of the decoder
  constexpr int64_t kAttentions = 54;           // of the encoder, of the decoder to itself and to the encoder
  constexpr int64_t kTokens = 2 * 2048 * 1024;  // numbers of a device: 2 groups, 1 slot in each of 2,048 experts
  return {
      {"all-reduce f32[1024,16,128]", 3 * kAttentions},  // q, k and v
      {"all-reduce f32[16,128,1024]", kAttentions},      // out
      {"all-reduce f32[1024,8192]", 18},                 // wi of feed-forward layers
      {"all-reduce f32[8192,1024]", 18},                 // wo
      {"all-reduce f32[1024,2048]", kMixtures},          // gates
      {"all-reduce f32[1024]", kAttentions + 36 + 2},    // scales of norms: before each part of a layer, and last
      {"all-reduce f32[64000,1024]", 1},                 // embeddings of source and target
      {"all-reduce f32[32000,1024]", 1},
      {"all-reduce f32[2048]", kMixtures},  // tokens per expert
      // Of each mixture the tokens that are sent, the entropy and the balance, and how many tokens source and target
      // have; of its wi and wo the root mean squares of value and update; the norm of all gradients; tokens, loss,
      // likelihood and accuracy.
      {"all-reduce f32[]", 3 * kMixtures + 2 + 2 * 2 * kMixtures + 1 + 4},
      {"all-to-all f32[" + std::to_string(kTokens) + "]", 4 * kMixtures},
  };
}

TEST(Preset, SixHundredBillionParametersSendWhatTheModelSays) {
  const ModelProgram program = train_step_of(preset_of("moe-2048e-36l"), MeshLayout::experts(2048));
  EXPECT_EQ(sent_by(*partition(*prepare(*program.module)).module), expected_on_2048());
}

// With embeddings cut too nothing large is held whole, and what else is sent goes on as before.
TEST(Preset, NothingLargeIsHeldWholeOn2048Devices) {
  for (const MeshLayout& layout : {MeshLayout::nothing_whole(2048), MeshLayout::nothing_whole(2048, 8)}) {
    const ModelProgram program = train_step_of(preset_of("moe-2048e-36l"), layout);
    const std::unique_ptr<Module> prepared = prepare(*program.module);
    const Partitioned parts = partition(*prepared);
    EXPECT_THAT(large_values(parts, 64 << 20, 1.0 / 64), testing::IsEmpty());
    const std::map<std::string, int64_t> sent = sent_by(*parts.module);
    for (const auto& [what, count] : sent) {
      for (const char* table : {"[64000,1024]", "[32000,1024]"}) EXPECT_EQ(what.find(table), what.npos) << what;
    }
    if (layout.devices() != 2048) continue;
    // The sum over the vocabulary of the gradient of what it was multiplied with goes to where it is wanted.
    EXPECT_EQ(sent.count("all-reduce f32[256,512,512]"), 0);
    EXPECT_EQ(sent.at("reduce-scatter f32[256,512,512]"), 1);
    for (const auto& [what, count] : expected_on_2048()) {
      const bool is_of_tables = what.find("000,1024]") != what.npos || what == "all-reduce f32[]";
      if (is_of_tables) continue;
      EXPECT_EQ(sent.contains(what) ? sent.at(what) : 0, count) << what;
    }
  }
}

// The paper's largest that was evaluated: 600 billion parameters over 2,048 devices.
TEST(Preset, SixHundredBillionParametersOver2048Devices) {
  for (const MeshLayout& layout : {MeshLayout::experts(2048), MeshLayout::mixed(2048, 8)}) {
    const ModelProgram program = train_step_of(preset_of("moe-2048e-36l"), layout);
    const Partitioned parts = partition(*prepare(*program.module));
    int64_t exchanges = 0;
    for (const auto& [what, count] : sent_by(*parts.module)) {
      // What is no exchange of tokens are sums: gradients, losses, metrics, products of cut hidden units.
      EXPECT_TRUE(what.starts_with("all-to-all") || what.starts_with("all-reduce")) << what;
      if (what.starts_with("all-to-all")) exchanges += count;
    }
    EXPECT_EQ(exchanges, 18 * 4);
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
