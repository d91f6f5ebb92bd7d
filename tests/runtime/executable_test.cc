// Programs on devices: values stay where they are, donated ones are updated in place, the others are kept.
#include "runtime/executable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "runtime/prepare.h"
#include "text/parse.h"
#include "text/verify.h"

namespace gshard {
namespace {

using ::testing::HasSubstr;

// w - 0.5 * sum over rows of x, cut over 4 devices; the new w stands where the old one was.
constexpr const char* kStep = R"(HloModule step, input_output_alias={ {0}: (0, {}, may-alias) }, num_partitions=4

add {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT c = f32[] add(a, b)
}

ENTRY main {
  w = f32[8] parameter(0)
  x = f32[6,8] parameter(1), sharding={devices=[2,2]<=[4]}
  zero = f32[] constant(0)
  half = f32[] constant(0.5)
  halves = f32[8] broadcast(half), dimensions={}
  sum = f32[8] reduce(x, zero), dimensions={0}, to_apply=add
  step = f32[8] multiply(sum, halves)
  new = f32[8] subtract(w, step), sharding={devices=[2,2]<=[2,2]T(1,0) last_tile_dim_replicate}
  loss = f32[] reduce(new, zero), dimensions={0}, to_apply=add
  ROOT r = (f32[8], f32[]) tuple(new, loss)
}
)";

Literal counted(const Shape& shape) {
  Literal literal(shape);
  std::iota(literal.mutable_values<float>().begin(), literal.mutable_values<float>().end(), 1.0F);
  return literal;
}

const Literal kW = counted(Shape(DType::f32, {8}));
const Literal kX = counted(Shape(DType::f32, {6, 8}));

std::unique_ptr<Module> step_module() {
  auto module = parse_module(kStep);
  verify(*module);
  return module;
}

// What `steps` steps give, on four devices or on one.
std::pair<Literal, Literal> trained(const Executable& step, int steps) {
  std::vector<DeviceArray> state = {step.put(0, kW)};
  Literal loss;
  for (int i = 0; i < steps; ++i) {
    state.push_back(step.put(1, kX));
    state = step.run(std::move(state));
    loss = step.get(1, state.back());
    state.pop_back();
  }
  return {step.get(0, state[0]), loss};
}

TEST(Executable, ATrainingLoopIsTheSameOnAllBackendsAndDevices) {
  const auto module = step_module();
  const auto expected = trained(Executable(Devices(1, {.backend = Backend::reference}), *module), 3);
  for (const Backend backend : {Backend::cpu, Backend::reference}) {
    EXPECT_EQ(trained(Executable(Devices(1, {.backend = backend}), *module), 3), expected);
    EXPECT_EQ(trained(Executable(Devices(4, {.backend = backend}), partition(*prepare(*module))), 3), expected);
  }
}

TEST(Executable, WhatIsMovedInIsUpdatedWhereItIs) {
  const Executable step(Devices(4), partition(*prepare(*step_module())));
  ASSERT_EQ(step.donor_of(0), 0);
  ASSERT_EQ(step.donor_of(1), -1);
  std::vector<DeviceArray> arguments = step.put_all(std::vector<Literal>{kW, kX});
  std::vector<const std::byte*> places;
  for (const Buffer& shard : arguments[0].shards) places.push_back(shard.host_bytes());
  const std::vector<DeviceArray> results = step.run(std::move(arguments));
  for (size_t device = 0; device < 4; ++device) EXPECT_EQ(results[0].shards[device].host_bytes(), places[device]);
}

TEST(Executable, WhatSomebodyHoldsIsKept) {
  const Executable step(Devices(4), partition(*prepare(*step_module())));
  const DeviceArray w = step.put(0, kW);
  const DeviceArray x = step.put(1, kX);
  const auto first = step.run({w, x});
  const auto second = step.run({w, x});
  EXPECT_EQ(step.get(0, first[0]), step.get(0, second[0]));
  EXPECT_EQ(step.get(0, w), kW);
  // One array as two values.
  const auto module = parse_module(R"(HloModule twice, input_output_alias={ {}: (0, {}, may-alias) }
ENTRY main {
  a = f32[8] parameter(0)
  b = f32[8] parameter(1)
  c = f32[8] add(a, b)
  ROOT d = f32[8] multiply(c, b)
}
)");
  const Executable twice(Devices(1), *module);
  DeviceArray both = twice.put(0, kW);
  const Literal got = twice.get_all(twice.run({both, std::move(both)}));
  EXPECT_EQ(got, evaluate(*module, std::vector<Literal>{kW, kW}));
}

TEST(Executable, MemoryOfTheCallersIsReadWhereItIsAndNeverWritten) {
  const auto module = step_module();
  const Executable step(Devices(1), *module);
  std::vector<float> w = {1, 2, 3, 4, 5, 6, 7, 8};
  const DeviceArray x = {{Buffer::borrowed(kX.shape(), kX.bytes())}};
  EXPECT_EQ(x.shards[0].host_bytes(), kX.bytes());
  const auto results = step.run({{{Buffer::borrowed(kW.shape(), reinterpret_cast<const std::byte*>(w.data()))}}, x});
  EXPECT_EQ(w, (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(step.get_all(results), evaluate(*module, std::vector<Literal>{kW, kX}));
}

TEST(Executable, WhatAllDevicesReadWholeIsHeldOnce) {
  const auto module = parse_module(R"(HloModule m, num_partitions=2
ENTRY main {
  x = f32[8] parameter(0), sharding={devices=[2]<=[2]}
  table = f32[8] parameter(1), sharding={replicated}
  sorted = f32[8] reverse(table), dimensions={0}
  ROOT y = f32[8] add(x, sorted)
}
)");
  const Executable program(Devices(2), partition(*prepare(*module)));
  const DeviceArray table = program.put(1, kW);
  EXPECT_EQ(table.shards[0].host_bytes(), kW.bytes());
  EXPECT_EQ(table.shards[1].host_bytes(), kW.bytes());
  EXPECT_EQ(program.get_all(program.run({program.put(0, kW), table})), evaluate(*module, std::vector<Literal>{kW, kW}));
}

TEST(Executable, ResultsFindTheMemoryThatOthersLeft) {
  const Devices devices(1);
  const Shape shape(DType::f32, {1000});
  const std::byte* place = devices.allocate(shape).host_bytes();
  EXPECT_EQ(devices.allocate(shape).host_bytes(), place);
  const Buffer kept = devices.allocate(shape);
  EXPECT_NE(devices.allocate(shape).host_bytes(), kept.host_bytes());
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Executable, WhatDoesNotFitIsNamed) {
  const auto module = step_module();
  EXPECT_THAT(error_of([&] { Executable(Devices(2), partition(*prepare(*module))); }),
              HasSubstr("the program is for 4 devices, there are 2"));
  const Executable step(Devices(4), partition(*prepare(*module)));
  EXPECT_THAT(error_of([&] { step.put(0, kX); }),
              HasSubstr("argument 0 is f32[6,8], the program takes f32[8]"));
  EXPECT_THAT(error_of([&] { step.run({step.put(0, kW)}); }), HasSubstr("1 arguments for a program of 2"));
  EXPECT_THAT(error_of([&] {
                step.run({step.put(0, kW), {{Buffer(kX)}}});
              }),
              HasSubstr("argument 1 is on 1 devices, the program on 4"));
  const DeviceArray wrong{std::vector<Buffer>(4, Buffer(kX))};
  EXPECT_THAT(error_of([&] { step.run({step.put(0, kW), wrong}); }), HasSubstr("is f32[6,8]"));
}

}  // namespace
}  // namespace gshard
