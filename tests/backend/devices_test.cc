// Several devices on the CPU backend: collectives give the bits that the simulator gives, buffers stay until all have
// passed them, and a device that fails or waits for nobody stops the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/executable.h"
#include "eval/arguments.h"
#include "eval/simulate.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

std::vector<std::vector<Literal>> arguments_of_devices(const Module& module) {
  std::vector<std::vector<Literal>> arguments;
  for (int64_t device = 0; device < grid_of(module).count(); ++device) {
    arguments.push_back(random_arguments(module, static_cast<uint64_t>(device) + 1, {Signs::both}));
  }
  return arguments;
}

std::unique_ptr<Module> read(const std::string& text) {
  auto module = parse_module(text);
  verify(*module);
  return module;
}

// Runs a program twice on so many threads; "" where the results are the bits of the simulator's.
std::string difference_from_simulator(const Module& module, int threads) {
  const auto program = cpu::Executable::compile(module, {.threads = threads, .grid = grid_of(module)});
  const auto arguments = arguments_of_devices(module);
  const std::vector<Literal> expected = simulate(module, arguments);
  for (int run = 0; run < 2; ++run) {
    const std::vector<Literal> got = program->run_all(arguments);
    for (size_t device = 0; device < got.size(); ++device) {
      if (!(got[device] == expected[device])) {
        return "device " + std::to_string(device) + " on " + std::to_string(threads) + " threads";
      }
    }
  }
  return "";
}

constexpr const char* kReducers = R"(
sum {
  a = TYPE[] parameter(0)
  b = TYPE[] parameter(1)
  ROOT c = TYPE[] add(a, b)
}
largest {
  a = TYPE[] parameter(0)
  b = TYPE[] parameter(1)
  ROOT c = TYPE[] maximum(a, b)
}
less {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = pred[] compare(a, b), direction=LT
}
strange {
  a = TYPE[] parameter(0)
  b = TYPE[] parameter(1)
  d = TYPE[] add(a, a)
  ROOT c = TYPE[] add(d, b)
}
)";

// A program of `devices` partitions (or `header`) whose entry is `body`, with TYPE replaced by a type.
std::unique_ptr<Module> program_of(const std::string& header, const std::string& body, const std::string& type) {
  std::string text = "HloModule m, " + header + "\n" + kReducers + "ENTRY e {\n" + body + "}\n";
  for (size_t at; (at = text.find("TYPE")) != std::string::npos;) text.replace(at, 4, type);
  return read(text);
}

class Collectives : public ::testing::TestWithParam<const char*> {
 protected:
  void expect_equal(const std::string& header, const std::string& body) const {
    const auto module = program_of(header, body, GetParam());
    EXPECT_EQ(difference_from_simulator(*module, 1), "") << body;
    EXPECT_EQ(difference_from_simulator(*module, 3), "") << body;
  }
};

INSTANTIATE_TEST_SUITE_P(Types, Collectives, ::testing::Values("f32", "bf16", "s32", "f64", "pred", "c64", "u4"));

constexpr const char* kFour = "num_partitions=4";
constexpr const char* kGrid = "replica_count=2, num_partitions=2";

TEST_P(Collectives, AllReduce) {
  const std::string x = "  x = TYPE[37,500] parameter(0)\n";
  const std::string all = "channel_id=1, use_global_device_ids=true, to_apply=sum\n";
  expect_equal(kFour, x + "  ROOT y = TYPE[37,500] all-reduce(x), replica_groups={{0,1,2,3}}, " + all);
  expect_equal(kFour, x + "  ROOT y = TYPE[37,500] all-reduce(x), replica_groups={{2,0},{1,3}}, " + all);
  expect_equal(kFour, x + "  ROOT y = TYPE[37,500] all-reduce(x), replica_groups={{0,3,1},{2}}, " + all);
  expect_equal(kFour, x + "  ROOT y = TYPE[37,500] all-reduce(x), replica_groups={{0,1}}, " + all);
  // Groups of replicas, and of replicas with all of their partitions.
  expect_equal(kGrid, x + "  ROOT y = TYPE[37,500] all-reduce(x), replica_groups={}, to_apply=sum\n");
  expect_equal(kGrid,
               x + "  ROOT y = TYPE[37,500] all-reduce(x), channel_id=1, replica_groups={{1},{0}}, to_apply=sum\n");
}

TEST_P(Collectives, AllReduceOfSeveralBySeveralReducers) {
  expect_equal(kFour, R"(
  x = TYPE[9] parameter(0)
  y = TYPE[3,70000] parameter(1)
  z = TYPE[0,4] parameter(2)
  ROOT r = (TYPE[9], TYPE[3,70000], TYPE[0,4]) all-reduce(x, y, z), channel_id=1, replica_groups=[2,2]<=[2,2]T(1,0), use_global_device_ids=true, to_apply=sum
)");
  if (GetParam() == std::string("c64") || GetParam() == std::string("pred")) return;
  for (const char* reducer : {"largest", "strange"}) {
    expect_equal(kFour,
                 std::string("  x = TYPE[9,1000] parameter(0)\n  ROOT y = TYPE[9,1000] all-reduce(x), channel_id=1, "
                             "replica_groups={{0,1,2,3}}, use_global_device_ids=true, to_apply=") +
                     reducer + "\n");
  }
}

TEST_P(Collectives, ReduceScatter) {
  for (const char* dimension : {"0", "1"}) {
    const std::string result = dimension[0] == '0' ? "TYPE[3,80]" : "TYPE[12,20]";
    expect_equal(kFour, "  x = TYPE[12,80] parameter(0)\n  ROOT y = " + result +
                            " reduce-scatter(x), channel_id=1, replica_groups={{3,2,1,0}}, "
                            "use_global_device_ids=true, dimensions={" +
                            dimension + "}, to_apply=sum\n");
  }
  expect_equal(kFour, R"(
  x = TYPE[60000] parameter(0)
  ROOT y = TYPE[30000] reduce-scatter(x), channel_id=1, replica_groups={{0,2},{1,3}}, use_global_device_ids=true, dimensions={0}, to_apply=sum
)");
}

TEST_P(Collectives, AllGather) {
  for (const char* dimension : {"0", "1", "2"}) {
    std::string result = dimension[0] == '0'   ? "TYPE[8,5,300]"
                         : dimension[0] == '1' ? "TYPE[4,10,300]"
                                               : "TYPE[4,5,600]";
    expect_equal(kFour, "  x = TYPE[4,5,300] parameter(0)\n  ROOT y = " + result +
                            " all-gather(x), channel_id=1, replica_groups={{3,0},{1,2}}, use_global_device_ids=true, "
                            "dimensions={" +
                            dimension + "}\n");
  }
  // Devices that are in no group.
  expect_equal(kFour, R"(
  x = TYPE[50000] parameter(0)
  ROOT y = TYPE[100000] all-gather(x), channel_id=1, replica_groups={{0,1}}, use_global_device_ids=true, dimensions={0}
)");
}

TEST_P(Collectives, AllToAll) {
  expect_equal(kFour, R"(
  x = TYPE[8,12,7] parameter(0)
  y = TYPE[8,12,7] all-to-all(x), channel_id=1, replica_groups={{0,1,2,3}}, dimensions={0}
  ROOT z = TYPE[8,12,7] all-to-all(y), channel_id=2, replica_groups={{0,2},{3,1}}, dimensions={1}
)");
  expect_equal(kFour, R"(
  x = TYPE[300] parameter(0)
  y = TYPE[300] parameter(1)
  ROOT z = (TYPE[300], TYPE[300]) all-to-all(x, y), channel_id=1, replica_groups={{0,2},{3,1}}
)");
}

TEST_P(Collectives, PermuteAndBroadcast) {
  expect_equal(kFour, R"(
  x = TYPE[70000] parameter(0)
  y = TYPE[70000] collective-permute(x), channel_id=1, source_target_pairs={{0,1},{1,2},{2,3},{3,0}}
  ROOT z = TYPE[70000] collective-permute(y), channel_id=2, source_target_pairs={{0,2},{3,3}}
)");
  expect_equal(kGrid, R"(
  x = TYPE[7] parameter(0)
  y = TYPE[7] collective-permute(x), source_target_pairs={{0,1},{1,0}}
  ROOT z = TYPE[7] collective-permute(y), channel_id=2, source_target_pairs={{1,0}}
)");
  expect_equal(kFour, R"(
  x = TYPE[7] parameter(0)
  ROOT z = TYPE[7] collective-broadcast(x), channel_id=1, replica_groups={{2,1,0}}
)");
}

TEST_P(Collectives, StartAndDone) {
  expect_equal(kFour, R"(
  x = TYPE[8,3] parameter(0)
  a = TYPE[8,3] all-reduce-start(x), channel_id=1, replica_groups={{0,1,2,3}}, use_global_device_ids=true, to_apply=sum
  g = (TYPE[8,3], TYPE[16,3]) all-gather-start(x), channel_id=2, replica_groups={{0,1},{2,3}}, use_global_device_ids=true, dimensions={0}
  p = (TYPE[8,3], TYPE[8,3], u32[], u32[]) collective-permute-start(x), channel_id=3, source_target_pairs={{0,1},{1,2},{2,3},{3,0}}
  pd = TYPE[8,3] collective-permute-done(p)
  gd = TYPE[16,3] all-gather-done(g)
  ad = TYPE[8,3] all-reduce-done(a)
  ROOT r = (TYPE[8,3], TYPE[16,3], TYPE[8,3]) tuple(ad, gd, pd)
)");
}

// ---- the life of buffers ------------------------------------------------------------------------------------------

// What is read and written between the start and the end of a collective must not be where other values are put: the
// program makes many short-lived ones of the same size on the way.
TEST(Devices, BuffersOfACollectiveStayUntilItIsDone) {
  const auto module = program_of("num_partitions=3", R"(
  x = TYPE[40000] parameter(0)
  one = TYPE[] constant(1)
  ones = TYPE[40000] broadcast(one), dimensions={}
  a = TYPE[40000] negate(x)
  start = (TYPE[40000], TYPE[120000]) all-gather-start(a), channel_id=1, replica_groups={{0,1,2}}, use_global_device_ids=true, dimensions={0}
  b = TYPE[40000] sort(x), dimensions={0}, to_apply=less
  c = TYPE[40000] multiply(b, ones)
  d = TYPE[40000] sort(c), dimensions={0}, to_apply=less
  e = TYPE[40000] add(d, ones)
  f = TYPE[40000] all-reduce(e), channel_id=2, replica_groups={{0,1,2}}, use_global_device_ids=true, to_apply=sum
  g = TYPE[40000] sort(f), dimensions={0}, to_apply=less
  h = TYPE[40000] collective-permute(g), channel_id=3, source_target_pairs={{0,1},{1,2},{2,0}}
  done = TYPE[120000] all-gather-done(start)
  ROOT r = (TYPE[40000], TYPE[120000]) tuple(h, done)
)",
                                 "f32");
  EXPECT_EQ(difference_from_simulator(*module, 2), "");
}

// A ring: each round overwrites what another device may still be reading.
TEST(Devices, ALoopOfPermutesIsARing) {
  const auto module = read(R"(HloModule m, num_partitions=4
body {
  s = (s32[], f32[30000], f32[30000]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  x = f32[30000] get-tuple-element(s), index=1
  sum = f32[30000] get-tuple-element(s), index=2
  one = s32[] constant(1)
  next = s32[] add(i, one)
  moved = f32[30000] collective-permute(x), channel_id=1, source_target_pairs={{0,1},{1,2},{2,3},{3,0}}
  half = f32[30000] multiply(sum, moved)
  more = f32[30000] add(half, x)
  ROOT r = (s32[], f32[30000], f32[30000]) tuple(next, moved, more)
}
condition {
  s = (s32[], f32[30000], f32[30000]) parameter(0)
  i = s32[] get-tuple-element(s), index=0
  n = s32[] constant(7)
  ROOT c = pred[] compare(i, n), direction=LT
}
ENTRY e {
  x = f32[30000] parameter(0)
  zero = s32[] constant(0)
  s = (s32[], f32[30000], f32[30000]) tuple(zero, x, x)
  ROOT w = (s32[], f32[30000], f32[30000]) while(s), condition=condition, body=body
}
)");
  EXPECT_EQ(difference_from_simulator(*module, 2), "");
}

// ---- errors -------------------------------------------------------------------------------------------------------

std::string error_of(const Module& module) {
  const auto program = cpu::Executable::compile(module, {.threads = 2, .grid = grid_of(module)});
  std::string text;
  // The second run does not remember the first.
  for (int run = 0; run < 2; ++run) {
    try {
      program->run_all(arguments_of_devices(module));
      return "";
    } catch (const Error& error) {
      text = error.what();
    }
  }
  return text;
}

// Device 0 runs `first`, the others run `second`.
std::unique_ptr<Module> forked(const std::string& first, const std::string& second) {
  return read(
      "HloModule m, num_partitions=3\n"
      "sum {\n  a = f32[] parameter(0)\n  b = f32[] parameter(1)\n  ROOT c = f32[] add(a, b)\n}\n"
      "first {\n  p = f32[2] parameter(0)\n" +
      first + "}\n" + "second {\n  p = f32[2] parameter(0)\n" + second + "}\n" + R"(
ENTRY e {
  x = f32[2] parameter(0)
  id = u32[] partition-id()
  zero = u32[] constant(0)
  is_first = pred[] compare(id, zero), direction=EQ
  ROOT y = f32[2] conditional(is_first, x, x), true_computation=first, false_computation=second
}
)");
}

constexpr const char* kAll = ", replica_groups={{0,1,2}}, use_global_device_ids=true, to_apply=sum\n";

TEST(Devices, BothSidesOfAMismatchAreNamed) {
  const auto module = forked(std::string("  ROOT one = f32[2] all-reduce(p), channel_id=1") + kAll,
                             std::string("  ROOT other = f32[2] all-reduce(p), channel_id=2") + kAll);
  const std::string error = error_of(*module);
  EXPECT_THAT(error, ContainsRegex(": device 0 at %one \\(line [0-9]+\\), devices 1-2 at %other \\(line [0-9]+\\)$"));
}

TEST(Devices, OneThatEndsLeavesNobodyWaiting) {
  const auto module = forked("  ROOT none = f32[2] negate(p)\n",
                             std::string("  ROOT other = f32[2] all-reduce(p), channel_id=2") + kAll);
  EXPECT_THAT(error_of(*module),
              ContainsRegex("devices 1-2 at %other \\(line [0-9]+\\); the other devices have ended$"));
}

TEST(Devices, AFailureStopsTheOthers) {
  const auto module = forked("  ROOT broken = f32[2] custom-call(p), custom_call_target=\"mystery\"\n",
                             std::string("  ROOT other = f32[2] all-reduce(p), channel_id=2") + kAll);
  EXPECT_THAT(error_of(*module), HasSubstr("mystery"));
}

TEST(Devices, GroupsOfDevicesThatThereAreNotAreNamed) {
  const auto module = program_of("num_partitions=2", R"(
  x = f32[2] parameter(0)
  ROOT y = f32[2] all-reduce(x), channel_id=1, replica_groups={{0,1},{2,3}}, use_global_device_ids=true, to_apply=sum
)",
                                 "f32");
  EXPECT_THROW(cpu::Executable::compile(*module, {.grid = grid_of(*module)}), Error);
}

TEST(Devices, PairsOfDevicesThatThereAreNotAreNamed) {
  const auto refusal_of = [](const std::string& header, const std::string& attributes) -> std::string {
    const auto module = program_of(
        header, "  x = f32[2] parameter(0)\n  ROOT y = f32[2] collective-permute(x), " + attributes + "\n", "f32");
    try {
      cpu::Executable::compile(*module, {.grid = grid_of(*module)});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal_of("replica_count=4", "source_target_pairs={{0,1},{7,2}}"),
              HasSubstr("its pairs name device 7 of 4"));
  // Of partitions, of which there are two.
  EXPECT_THAT(refusal_of(kGrid, "channel_id=1, source_target_pairs={{0,2}}"), HasSubstr("device 2 of 2"));
  EXPECT_EQ(refusal_of(kGrid, "channel_id=1, source_target_pairs={{1,0}}"), "");
}

}  // namespace
}  // namespace gshard
