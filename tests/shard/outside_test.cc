// What comes from or goes to outside of the program, and calls of functions by name.
#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "eval/arguments.h"
#include "eval/simulate.h"
#include "shard/checked.h"
#include "text/parse.h"
#include "text/print.h"

namespace gshard {
namespace {

std::string refusal_of(const std::string& text) {
  try {
    partition(*parse_module(text));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Outside, EveryDeviceIsFedTheSame) {
  checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  token = token[] after-all()
  fed = (f32[9,2], token[]) infeed(token)
  x = f32[9,2] get-tuple-element(fed), index=0
  after = token[] get-tuple-element(fed), index=1
  y = f32[9,2] add(x, x), sharding={devices=[4,1]<=[4]}
  out = token[] outfeed(y, after), outfeed_shape=f32[9,2]
  ROOT r = f32[9,2] negate(y)
}
)");
}

// What is fed may be annotated, and fed in each round of a loop: the devices see what the whole program sees, in its
// order, and put out what it puts out.
constexpr const char* kFedInParts = R"(
HloModule m, num_partitions=4
body {
  state = (s32[], f32[9,2], token[]) parameter(0)
  n = s32[] get-tuple-element(state), index=0
  sum = f32[9,2] get-tuple-element(state), index=1
  token = token[] get-tuple-element(state), index=2
  fed = ((f32[9,2], s32[9]), token[]) infeed(token), sharding={{devices=[2,2]<=[4]}, {devices=[4]<=[4]}, {replicated}}
  data = (f32[9,2], s32[9]) get-tuple-element(fed), index=0
  x = f32[9,2] get-tuple-element(data), index=0
  rows = s32[9] get-tuple-element(data), index=1
  after = token[] get-tuple-element(fed), index=1
  scaled = f32[9] convert(rows)
  scales = f32[9,2] broadcast(scaled), dimensions={0}
  y = f32[9,2] multiply(x, scales)
  out = token[] outfeed(y, after), outfeed_shape=f32[9,2]
  more = f32[9,2] add(sum, y)
  one = s32[] constant(1)
  next = s32[] add(n, one)
  ROOT r = (s32[], f32[9,2], token[]) tuple(next, more, out)
}
condition {
  state = (s32[], f32[9,2], token[]) parameter(0)
  n = s32[] get-tuple-element(state), index=0
  three = s32[] constant(3)
  ROOT c = pred[] compare(n, three), direction=LT
}
ENTRY e {
  token = token[] after-all()
  x = f32[9,2] parameter(0), sharding={devices=[4,1]<=[4]}
  none = s32[] constant(0)
  state = (s32[], f32[9,2], token[]) tuple(none, x, token)
  loop = (s32[], f32[9,2], token[]) while(state), condition=condition, body=body
  ROOT s = f32[9,2] get-tuple-element(loop), index=1
}
)";

TEST(Outside, EveryDeviceIsFedItsPartOfTheSame) { checked(kFedInParts); }

TEST(Outside, EveryDevicePutsOutTheWhole) {
  const auto module = parse_module(kFedInParts);
  const std::vector<Literal> arguments = random_arguments(*module, 1);
  std::vector<Literal> expected;
  EvaluateOptions options;
  options.observe = [&](const Instruction& i, Literal& value) {
    if (i.name() == "y") expected.push_back(value);
  };
  evaluate(*module, arguments, options);
  ASSERT_EQ(expected.size(), 3u);

  const Partitioned program = partition(*module);
  std::mutex mutex;
  std::map<int64_t, std::vector<Literal>> latest;  // by device: what the outfeed reads
  simulate(*program.module, scatter_arguments(program, arguments), {},
           [&](int64_t device, const Instruction& i, const Literal& value) {
             const std::scoped_lock lock(mutex);
             for (const auto& reader : i.parent()->instructions()) {
               if (reader->op() == Op::outfeed && reader->operand(0) == &i) latest[device].push_back(value);
             }
           });
  ASSERT_EQ(latest.size(), 4u);
  for (const auto& [device, values] : latest) EXPECT_TRUE(values == expected) << "device " << device;
}

TEST(Outside, PeersOfAnotherProgramAreRefused) {
  const std::string refusal = refusal_of(R"(
HloModule m, num_partitions=2
ENTRY e {
  x = f32[4] parameter(0), sharding={devices=[2]<=[2]}
  token = token[] after-all()
  sent = (f32[4], u32[], token[]) send(x, token), channel_id=1
  done = token[] send-done(sent), channel_id=1
  ROOT r = f32[4] negate(x)
}
)");
  EXPECT_NE(refusal.find("send: %sent has a side effect"), std::string::npos) << refusal;
}

TEST(Outside, CallsThatAreKnownAreCut) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  x = f32[9,3] parameter(0), sharding={devices=[4,1]<=[4]}
  y = f32[9,3] custom-call(x), custom_call_target="mhlo.erf"
  z = f32[9,3] custom-call(y), custom_call_target="MoveToHost"
  ROOT r = f32[9,3] custom-call(z), custom_call_target="mhlo.cosh"
}
)");
  EXPECT_EQ(program.reshards.size(), 0u) << print(*program.module);
}

TEST(Outside, CallsThatNobodyKnowsAreRefused) {
  const std::string refusal = refusal_of(R"(
HloModule m, num_partitions=2
ENTRY e {
  x = f32[4] parameter(0), sharding={devices=[2]<=[2]}
  ROOT y = f32[4] custom-call(x), custom_call_target="mystery"
}
)");
  EXPECT_NE(refusal.find("custom-call: %y calls \"mystery\""), std::string::npos) << refusal;
}

TEST(Outside, StatefulNumbersAreTheSameOnAllDevices) {
  checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  low = f32[] constant(0)
  high = f32[] constant(1)
  x = f32[9] rng(low, high), distribution=rng_uniform, sharding={devices=[4]<=[4]}
  state = u64[2] rng-get-and-update-state(), delta=3
  ROOT r = (f32[9], u64[2]) tuple(x, state)
}
)");
}

// Only their batches may be cut.
TEST(Outside, AlgorithmsOnMatricesKeepThemWhole) {
  const Partitioned program = checked(R"(
HloModule m, num_partitions=4
ENTRY e {
  a = f32[5,3,3] parameter(0), sharding={devices=[4,1,1]<=[4]}
  b = f32[5,3,2] parameter(1), sharding={devices=[4,1,1]<=[4]}
  s = f32[5,8] parameter(2), sharding={devices=[4,1]<=[4]}
  x = f32[5,3,2] triangular-solve(a, b), left_side=true, lower=true, unit_diagonal=true, transpose_a=NO_TRANSPOSE
  f = c64[5,5] fft(s), fft_type=RFFT, fft_length={8}
  t = f32[5,3,3] transpose(a), dimensions={0,2,1}
  square = f32[5,3,3] dot(a, t), lhs_batch_dims={0}, lhs_contracting_dims={2}, rhs_batch_dims={0}, rhs_contracting_dims={1}
  row = s32[5,3,3] iota(), iota_dimension=1
  column = s32[5,3,3] iota(), iota_dimension=2
  diagonal = pred[5,3,3] compare(row, column), direction=EQ
  ten = f32[] constant(10)
  zero = f32[] constant(0)
  tens = f32[5,3,3] broadcast(ten), dimensions={}
  zeros = f32[5,3,3] broadcast(zero), dimensions={}
  shift = f32[5,3,3] select(diagonal, tens, zeros)
  positive = f32[5,3,3] add(square, shift)
  c = f32[5,3,3] cholesky(positive), lower=true
  ROOT r = (f32[5,3,2], c64[5,5], f32[5,3,3]) tuple(x, f, c)
}
)");
  EXPECT_EQ(program.reshards.size(), 0u) << print(*program.module);
}

// What replicas add they hold in the same parts.
TEST(Outside, ReplicasAddPartByPart) {
  const Partitioned program = partition(*parse_module(R"(
HloModule m, num_partitions=4, replica_count=2
add {
  a = f32[] parameter(0)
  b = f32[] parameter(1)
  ROOT r = f32[] add(a, b)
}
ENTRY e {
  x = f32[9,4] parameter(0), sharding={devices=[4,1]<=[4]}
  ROOT t = f32[9,4] all-reduce(x), replica_groups={}, to_apply=add
}
)"));
  EXPECT_EQ(count(program, Op::all_gather), 0u);
}

}  // namespace
}  // namespace gshard
