#include "eval/simulate.h"

#include <gtest/gtest.h>

#include "text/parse.h"

namespace gshard {
namespace {

Literal numbers(std::vector<int32_t> values) {
  Literal literal{Shape(DType::s32, {static_cast<int64_t>(values.size())})};
  std::copy(values.begin(), values.end(), literal.mutable_values<int32_t>().begin());
  return literal;
}

std::vector<int32_t> values_of(const Literal& literal) {
  const auto values = literal.values<int32_t>();
  return {values.begin(), values.end()};
}

constexpr const char* kSum =
    "sum {\n  a = s32[] parameter(0)\n  b = s32[] parameter(1)\n  ROOT c = s32[] add(a, b)\n}\n";

// Runs `body` on every device with x = {10 * device, 10 * device + 1}.
std::vector<std::vector<int32_t>> run(const std::string& header, const std::string& body, int64_t devices) {
  const auto module =
      parse_module("HloModule m" + header + "\n" + kSum + "ENTRY e {\n  x = s32[2] parameter(0)\n" + body + "}\n");
  std::vector<std::vector<Literal>> arguments;
  for (int32_t device = 0; device < devices; ++device) arguments.push_back({numbers({10 * device, 10 * device + 1})});
  std::vector<std::vector<int32_t>> results;
  for (const Literal& result : simulate(*module, arguments)) results.push_back(values_of(result));
  return results;
}

using Results = std::vector<std::vector<int32_t>>;

TEST(Simulate, ReducesOverGroupsOfPartitions) {
  EXPECT_EQ(run(", num_partitions=4",
                "  ROOT y = s32[2] all-reduce(x), channel_id=1, replica_groups={{0,1},{2,3}}, "
                "use_global_device_ids=true, to_apply=sum\n",
                4),
            (Results{{10, 12}, {10, 12}, {50, 52}, {50, 52}}));
  // The same groups as an iota, and strided ones.
  EXPECT_EQ(run(", num_partitions=4",
                "  ROOT y = s32[2] all-reduce(x), channel_id=1, replica_groups=[2,2]<=[2,2]T(1,0), "
                "use_global_device_ids=true, to_apply=sum\n",
                4),
            (Results{{20, 22}, {40, 42}, {20, 22}, {40, 42}}));
}

TEST(Simulate, TellsReplicasFromPartitions) {
  const std::string header = ", replica_count=2, num_partitions=2";
  // Without a channel: over replicas, each partition by itself. Devices are replica * 2 + partition.
  EXPECT_EQ(run(header, "  ROOT y = s32[2] all-reduce(x), replica_groups={}, to_apply=sum\n", 4),
            (Results{{20, 22}, {40, 42}, {20, 22}, {40, 42}}));
  // With a channel and no global ids: over the replicas listed and all of their partitions.
  EXPECT_EQ(run(header, "  ROOT y = s32[2] all-reduce(x), channel_id=1, replica_groups={{0},{1}}, to_apply=sum\n", 4),
            (Results{{10, 12}, {10, 12}, {50, 52}, {50, 52}}));
}

TEST(Simulate, MovesPartsBetweenDevices) {
  EXPECT_EQ(run(", num_partitions=2",
                "  ROOT y = s32[4] all-gather(x), channel_id=1, replica_groups={{0,1}}, use_global_device_ids=true, "
                "dimensions={0}\n",
                2),
            (Results{{0, 1, 10, 11}, {0, 1, 10, 11}}));
  EXPECT_EQ(run(", num_partitions=2",
                "  ROOT y = s32[1] reduce-scatter(x), channel_id=1, replica_groups={{0,1}}, "
                "use_global_device_ids=true, dimensions={0}, to_apply=sum\n",
                2),
            (Results{{10}, {12}}));
  EXPECT_EQ(run(", num_partitions=2",
                "  ROOT y = s32[2] all-to-all(x), channel_id=1, replica_groups={{0,1}}, dimensions={0}\n", 2),
            (Results{{0, 10}, {1, 11}}));
  EXPECT_EQ(run(", num_partitions=3",
                "  ROOT y = s32[2] collective-permute(x), channel_id=1, source_target_pairs={{0,1},{1,2}}\n", 3),
            (Results{{0, 0}, {0, 1}, {10, 11}}));
}

TEST(Simulate, PairsOfDevicesThatThereAreNotAreNamed) {
  try {
    run(", num_partitions=3",
        "  ROOT y = s32[2] collective-permute(x), channel_id=1, source_target_pairs={{0,1},{5,2}}\n", 3);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("its pairs name device 5 of 3"), std::string::npos) << error.what();
  }
}

// Device 0 goes into a branch with another collective than the others.
TEST(Simulate, NamesBothSidesOfAMismatch) {
  const auto module = parse_module(std::string("HloModule m, num_partitions=2\n") + kSum + R"(
first {
  p = s32[2] parameter(0)
  ROOT one = s32[2] all-reduce(p), channel_id=1, replica_groups={{0,1}}, use_global_device_ids=true, to_apply=sum
}
second {
  p = s32[2] parameter(0)
  ROOT other = s32[2] all-reduce(p), channel_id=2, replica_groups={{0,1}}, use_global_device_ids=true, to_apply=sum
}
ENTRY e {
  x = s32[2] parameter(0)
  id = u32[] partition-id()
  zero = u32[] constant(0)
  is_first = pred[] compare(id, zero), direction=EQ
  ROOT y = s32[2] conditional(is_first, x, x), true_computation=first, false_computation=second
}
)");
  const std::vector<std::vector<Literal>> arguments(2, {numbers({1, 2})});
  try {
    simulate(*module, arguments);
    FAIL() << "ran";
  } catch (const Error& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find("device 0 at %one"), std::string::npos) << what;
    EXPECT_NE(what.find("device 1 at %other"), std::string::npos) << what;
  }
}

// A device that ends or fails must not leave the others waiting.
TEST(Simulate, AFailureStopsTheOthers) {
  const auto module = parse_module(std::string("HloModule m, num_partitions=2\n") + kSum + R"(
bad {
  p = s32[2] parameter(0)
  ROOT broken = s32[2] custom-call(p), custom_call_target="mystery"
}
good {
  p = s32[2] parameter(0)
  ROOT sum = s32[2] all-reduce(p), channel_id=1, replica_groups={{0,1}}, use_global_device_ids=true, to_apply=sum
}
ENTRY e {
  x = s32[2] parameter(0)
  id = u32[] partition-id()
  zero = u32[] constant(0)
  is_first = pred[] compare(id, zero), direction=EQ
  ROOT y = s32[2] conditional(is_first, x, x), true_computation=bad, false_computation=good
}
)");
  const std::vector<std::vector<Literal>> arguments(2, {numbers({1, 2})});
  EXPECT_THROW(simulate(*module, arguments), Error);
}

}  // namespace
}  // namespace gshard
