// What a device alone does with collectives, transfers and custom calls, and how an environment replaces it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "run_text.h"

namespace gshard {
namespace {

using testing::HasSubstr;

const std::string kAdd = R"(
add {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}
)";

std::string collective(const std::string& result_and_op, const std::string& attributes) {
  return value_of("  x = f32[2] constant({1, 2})\n  ROOT y = " + result_and_op + "(x), " + attributes, kAdd);
}

TEST(OneDevice, CollectivesOverOneParticipantChangeNothing) {
  EXPECT_EQ(collective("f32[2] all-reduce", "replica_groups={{0}}, to_apply=add"), "{1, 2}");
  EXPECT_EQ(collective("f32[2] all-gather", "replica_groups={{0}}, dimensions={0}"), "{1, 2}");
  EXPECT_EQ(collective("f32[2] reduce-scatter", "replica_groups={{0}}, dimensions={0}, to_apply=add"), "{1, 2}");
  EXPECT_EQ(collective("f32[2] all-to-all", "replica_groups={{0}}, dimensions={0}"), "{1, 2}");
  EXPECT_EQ(collective("(f32[2]) all-to-all", "replica_groups={{0}}"), "{1, 2}");
  EXPECT_EQ(collective("f32[2] collective-broadcast", "replica_groups={{0}}"), "{1, 2}");
  EXPECT_EQ(collective("f32[2] collective-permute", "source_target_pairs={{0,0}}"), "{1, 2}");
  EXPECT_EQ(collective("f32[2] collective-permute", "source_target_pairs={{0,1}}"), "{0, 0}");
}

TEST(OneDevice, AsynchronousFormsGiveTheSame) {
  const std::string x = "  x = f32[2] constant({1, 2})\n";
  EXPECT_EQ(value_of(x + "  s = f32[2] all-reduce-start(x), replica_groups={{0}}, to_apply=add\n"
                         "  ROOT d = f32[2] all-reduce-done(s)",
                     kAdd),
            "{1, 2}");
  EXPECT_EQ(value_of(x + "  s = (f32[2], f32[2]) all-gather-start(x), replica_groups={{0}}, dimensions={0}\n"
                         "  ROOT d = f32[2] all-gather-done(s)"),
            "{1, 2}");
  EXPECT_EQ(
      value_of(x + "  s = (f32[2], f32[2], u32[], u32[]) collective-permute-start(x), source_target_pairs={{0,0}}\n"
                   "  ROOT d = f32[2] collective-permute-done(s)"),
      "{1, 2}");
}

TEST(OneDevice, CollectivesThatNeedOthersSaySo) {
  const std::string x = "  x = f32[2] constant({1, 2})\n";
  EXPECT_THAT(error_of(x + "  ROOT y = f32[8] all-gather(x), replica_groups={{0,1,2,3}}, dimensions={0}"),
              HasSubstr("makes f32[8] of f32[2], which takes more than one device"));
  EXPECT_THAT(error_of(x + "  ROOT y = f32[2] collective-permute(x), source_target_pairs={{1,0},{0,1}}"),
              HasSubstr("device 0 receives from device 1, but is alone"));
}

TEST(OneDevice, RaggedAllToAllCopiesRows) {
  const std::string entry = R"(
  x = f32[4] constant({1, 2, 3, 4})
  y = f32[5] constant({0, 0, 0, 0, 0})
  from = s32[1] constant({1})
  count = s32[1] constant({SIZE})
  to = s32[1] constant({2})
  ROOT r = f32[5] ragged-all-to-all(x, y, from, count, to, count), replica_groups={{0}})";
  const auto with_size = [&](const std::string& size) {
    std::string text = entry;
    return text.replace(text.find("SIZE"), 4, size);
  };
  EXPECT_EQ(value_of(with_size("3")), "{0, 0, 2, 3, 4}");
  EXPECT_THAT(error_of(with_size("4")), HasSubstr("rows 1 to 5 of 4 do not fit at row 2 of 5"));
}

TEST(OneDevice, IsNumberZero) {
  EXPECT_EQ(value_of("  p = u32[] partition-id()\n  r = u32[] replica-id()\n  ROOT t = (u32[], u32[]) tuple(p, r)"),
            "0 ; 0");
}

TEST(OneDevice, InfeedAndRecvAreMadeUpFromTheSeed) {
  const std::string entry = R"(
  token = token[] after-all()
  first = ((f32[3], s32[2]), token[]) infeed(token)
  second = ((f32[3], s32[2]), token[]) infeed(token)
  a = (f32[3], s32[2]) get-tuple-element(first), index=0
  b = (f32[3], s32[2]) get-tuple-element(second), index=0
  r = (f32[2], u32[], token[]) recv(token), channel_id=1
  d = (f32[2], token[]) recv-done(r), channel_id=1
  c = f32[2] get-tuple-element(d), index=0
  ROOT t = ((f32[3], s32[2]), (f32[3], s32[2]), f32[2]) tuple(a, b, c))";
  const Literal values = run(entry);
  for (const float x : values.elements()[0].elements()[0].values<float>()) {
    EXPECT_GT(x, 0.5);
    EXPECT_LT(x, 1.5);
  }
  for (const int32_t x : values.elements()[0].elements()[1].values<int32_t>()) EXPECT_EQ(x & 1, x);
  EXPECT_FALSE(values.elements()[0] == values.elements()[1]);
  EXPECT_EQ(run(entry), values);
}

// ---- environments of one's own ------------------------------------------------------------------------------------

class Recorder : public Environment {
 public:
  int64_t partition_id() const override { return 3; }
  Literal collective(const Instruction&, const Shape& result, std::span<const Literal>) override {
    return Literal(result);
  }
  Literal infeed(const Instruction&, const Shape&) override {
    return literal_of<float>(Shape(DType::f32, {2}), {5, 6});
  }
  void outfeed(const Instruction&, const Literal& value) override { out += text_of(value); }
  void send(const Instruction&, const Literal& value) override { sent += text_of(value); }

  std::string out;
  std::string sent;
};

TEST(Environment, IsAskedForEverythingFromOutside) {
  Recorder recorder;
  EvaluateOptions options;
  options.environment = &recorder;
  EXPECT_EQ(value_of(R"(
  token = token[] after-all()
  in = (f32[2], token[]) infeed(token)
  x = f32[2] get-tuple-element(in), index=0
  o = token[] outfeed(x, token), outfeed_shape=f32[2]
  s = (f32[2], u32[], token[]) send(x, token), channel_id=2
  sd = token[] send-done(s), channel_id=2
  g = f32[8] all-gather(x), replica_groups={{0,1,2,3}}, dimensions={0}
  p = u32[] partition-id()
  ROOT t = (f32[2], f32[8], u32[]) tuple(x, g, p))",
                     "", {}, options),
            "{5, 6} ; {0, 0, 0, 0, 0, 0, 0, 0} ; 3");
  EXPECT_EQ(recorder.out, "{5, 6}");
  EXPECT_EQ(recorder.sent, "{5, 6}");
}

// ---- custom calls -------------------------------------------------------------------------------------------------

TEST(CustomCall, ShardingHintsPassTheValue) {
  for (const std::string target : {"Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape",
                                   "xla.sdy.FuncResultSharding", "annotate_device_placement", "MoveToHost"}) {
    EXPECT_EQ(apply("f32[2] custom-call", {"f32[2] {1, 2}"}, "custom_call_target=\"" + target + "\""), "{1, 2}");
  }
}

TEST(CustomCall, OtherShapesTakeMoreDevices) {
  EXPECT_THAT(error_of("  x = f32[2] constant({1, 2})\n"
                       "  ROOT y = f32[1] custom-call(x), custom_call_target=\"SPMDFullToShardShape\""),
              HasSubstr("SPMDFullToShardShape makes f32[1] of (f32[2]), which takes more than one device"));
}

TEST(CustomCall, PointwiseFunctionsUnderTheirOldNames) {
  EXPECT_EQ(apply("f32[2] custom-call", {"f32[2] {0, 1}"}, "custom_call_target=\"mhlo.erf\""),
            apply("f32[2] erf", {"f32[2] {0, 1}"}));
  EXPECT_EQ(apply("f32[1] custom-call", {"f32[1] {0.5}"}, "custom_call_target=\"mhlo.tan\""),
            apply("f32[1] tan", {"f32[1] {0.5}"}));
}

}  // namespace
}  // namespace gshard
