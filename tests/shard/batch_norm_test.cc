// Batch norms, cut along what they add up: all that is sent are sums by feature.
#include <gtest/gtest.h>

#include "runtime/check.h"
#include "shard/checked.h"
#include "text/parse.h"

namespace gshard {
namespace {

constexpr const char* kTraining = R"(
HloModule training, num_partitions=4
ENTRY main {
  x = TYPE[8,6,16] parameter(0), sharding=CUT
  scale = TYPE[16] parameter(1)
  offset = TYPE[16] parameter(2)
  gradient = TYPE[8,6,16] parameter(3), sharding=CUT
  t = (TYPE[8,6,16], TYPE[16], TYPE[16]) batch-norm-training(x, scale, offset), epsilon=0.001, feature_index=2
  y = TYPE[8,6,16] get-tuple-element(t), index=0
  mean = TYPE[16] get-tuple-element(t), index=1
  variance = TYPE[16] get-tuple-element(t), index=2
  z = TYPE[8,6,16] batch-norm-inference(y, scale, offset, mean, variance), epsilon=0.01, feature_index=2
  g = (TYPE[8,6,16], TYPE[16], TYPE[16]) batch-norm-grad(x, scale, mean, variance, gradient), epsilon=0.001, feature_index=2
  dx = TYPE[8,6,16] get-tuple-element(g), index=0
  dscale = TYPE[16] get-tuple-element(g), index=1
  doffset = TYPE[16] get-tuple-element(g), index=2
  ROOT r = (TYPE[8,6,16], TYPE[8,6,16], TYPE[16], TYPE[16]) tuple(z, dx, dscale, doffset)
}
)";

std::string training(const std::string& type, const std::string& cut) {
  std::string text = kTraining;
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"TYPE", type}, {"CUT", cut}}) {
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from)) text.replace(at, from.size(), to);
  }
  return text;
}

class BatchNorm : public testing::TestWithParam<const char*> {};

TEST_P(BatchNorm, AddsUpSumsByFeatureOnly) {
  for (const char* type : {"f32", "bf16", "f64"}) {
    const CheckReport report = check(*parse_module(training(type, GetParam())), CheckOptions());
    EXPECT_TRUE(report.passed()) << type;
    EXPECT_LT(report.largest_error(), 1e-9) << type;
    EXPECT_GT(count(report.program, Op::all_reduce), 0u);
    EXPECT_LE(largest_result(report.program, Op::all_reduce), 2 * 16);
    EXPECT_EQ(count(report.program, Op::all_gather), 0u);
    EXPECT_EQ(count(report.program, Op::all_to_all), 0u);
    EXPECT_EQ(count(report.program, Op::collective_permute), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(Cut, BatchNorm,
                         testing::Values("{devices=[4,1,1]<=[4]}",    // examples
                                         "{devices=[1,4,1]<=[4]}",    // places, unevenly
                                         "{devices=[2,2,1]<=[4]}"));  // both

TEST(BatchNormByFeature, SendsNothing) {
  const CheckReport report = check(*parse_module(training("f32", "{devices=[1,1,4]<=[4]}")), CheckOptions());
  EXPECT_TRUE(report.passed());
  EXPECT_EQ(count(report.program, Op::all_reduce), 0u);
}

}  // namespace
}  // namespace gshard
