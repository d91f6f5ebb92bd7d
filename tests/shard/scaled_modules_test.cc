// The real modules at the scale that can be run here, on the mesh that they were written for and on others.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "eval/arguments.h"
#include "runtime/file.h"
#include "runtime/prepare.h"
#include "shard/against_the_whole.h"
#include "shard/trials.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

struct Case {
  std::string module;
  std::string mesh;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.module << " on " << c.mesh; }

// Each on the axis that it is annotated for, with 2, 4 and 8 devices, and on two axes in three ways.
std::vector<Case> cases() {
  struct Meshes {
    const char* module;
    const char* axis;
    std::array<std::array<const char*, 2>, 3> pairs;
  };
  static constexpr Meshes kMeshes[] = {
      {"mixtral_8x7b_train", "fsdp", {{{"fsdp", "tensor"}, {"fsdp", "expert"}, {"fsdp=1,data", "tensor"}}}},
      {"llama3_8b_train", "fsdp", {{{"fsdp", "tensor"}, {"fsdp", "tensor_sequence"}, {"fsdp=1,data", "context"}}}},
      {"qwen3_14b_prefill", "tensor", {{{"fsdp", "tensor"}, {"tensor", "autoregressive"}, {"data", "tensor"}}}},
      {"mixtral_8x7b_generate", "tensor", {{{"fsdp", "tensor"}, {"expert", "tensor"}, {"data", "tensor"}}}}};
  std::vector<Case> all;
  for (const Meshes& meshes : kMeshes) {
    for (const char* size : {"2", "4", "8"}) all.push_back({meshes.module, std::string(meshes.axis) + "=" + size});
    for (const auto& [a, b] : meshes.pairs) {
      for (const auto& [m, n] : {std::pair("2", "2"), std::pair("2", "4"), std::pair("4", "2")})
        all.push_back({meshes.module, std::string(a) + "=" + m + "," + b + "=" + n});
    }
  }
  return all;
}

// Eight devices on two axes take seconds each.
bool is_for_the_long_form(const Case& c) {
  return c.mesh.find(',') != std::string::npos && c.mesh.find('4') != std::string::npos;
}

class ScaledModules : public testing::TestWithParam<Case> {};

TEST_P(ScaledModules, AreTheSameHoweverTheyAreCut) {
  if (is_for_the_long_form(GetParam()) && !is_long_form()) GTEST_SKIP() << "in the long form only";
  const std::filesystem::path path = std::filesystem::path(GSHARD_HLO_DIR) / "scaled" / (GetParam().module + ".hlo");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const auto module = parse_module(read_text(path), path.string());
  verify(*module);
  PartitionOptions options;
  options.mesh = parse_mesh(GetParam().mesh);
  const Verdict verdict = against_the_whole(*prepare(*module), random_arguments(*module, 1), Numbers::widened, options);
  EXPECT_EQ(verdict.kind, Verdict::Kind::same) << verdict.text.substr(0, 2000);
}

INSTANTIATE_TEST_SUITE_P(Shard, ScaledModules, testing::ValuesIn(cases()), [](const auto& info) {
  std::string name = info.param.module + "_on_" + info.param.mesh;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '=' || c == ','; }, '_');
  return name;
});

}  // namespace
}  // namespace gshard
