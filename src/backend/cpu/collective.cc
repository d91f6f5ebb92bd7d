#include "backend/cpu/collective.h"

#include <fmt/format.h>

#include <cstring>

#include "eval/reduce.h"
#include "ops/reducer.h"

namespace gshard::cpu {
namespace {

Collective::Kind kind_of(const Instruction& instruction) {
  switch (instruction.op()) {
    case Op::all_reduce:
    case Op::all_reduce_start:
      return Collective::Kind::all_reduce;
    case Op::reduce_scatter:
      return Collective::Kind::reduce_scatter;
    case Op::all_gather:
    case Op::all_gather_start:
      return Collective::Kind::all_gather;
    case Op::all_to_all:
      return instruction.attrs<CollectiveAttrs>().dimensions.empty() ? Collective::Kind::swap
                                                                     : Collective::Kind::all_to_all;
    case Op::collective_broadcast:
      return Collective::Kind::broadcast;
    case Op::collective_permute:
    case Op::collective_permute_start:
      return Collective::Kind::permute;
    default:
      GSHARD_CHECK(false, instruction.name());
  }
}

// An operand as the kind sees it; `members` is the size of a group.
Collective::Array array_of(const Instruction& instruction, Collective::Kind kind, const Shape& shape, int64_t members) {
  Collective::Array array{1, shape.element_count(), bytes_of(shape.type())};
  const bool has_dimension = kind == Collective::Kind::reduce_scatter || kind == Collective::Kind::all_gather ||
                             kind == Collective::Kind::all_to_all;
  if (!has_dimension || array.inner == 0) return array;
  const auto dim = static_cast<size_t>(instruction.attrs<CollectiveAttrs>().dimensions[0]);
  for (size_t d = 0; d < dim; ++d) array.outer *= shape.dim(d);
  array.inner /= array.outer;
  if (kind != Collective::Kind::all_gather) array.inner /= members;
  return array;
}

// How elements of a type are combined: by loops where the reducer is a usual one, else by running it.
Collective::Reduce reduce_by(const Computation& reducer, DType type) {
  if (const Reducer usual = reducer_of(reducer); has_meaning(usual, type)) {
    return [usual, type](std::span<const std::byte* const> inputs, int64_t count, std::byte* result) {
      combine_block(usual, type, inputs, static_cast<size_t>(count), result);
    };
  }
  return [&reducer, type](std::span<const std::byte* const> inputs, int64_t count, std::byte* result) {
    const Shape shape(type, {count});
    const auto bytes = static_cast<size_t>(shape.byte_size());
    Evaluator evaluator(EvaluateOptions{});
    std::vector<Literal> arguments(2);
    for (const std::byte* input : inputs) {
      arguments[1] = Literal::uninitialized(shape);
      std::memcpy(arguments[1].mutable_bytes(), input, bytes);
      arguments[0] = input == inputs[0] ? arguments[1] : evaluator.call_lifted(reducer, arguments, count)[0];
    }
    std::memcpy(result, arguments[0].bytes(), bytes);
  };
}

std::vector<int64_t> sources_of(const Instruction& instruction, const DeviceGrid& grid) {
  const auto& attrs = instruction.attrs<CollectivePermuteAttrs>();
  std::vector<int64_t> sources(static_cast<size_t>(grid.count()), -1);
  expect_pairs_within(instruction, grid);
  const int64_t step = attrs.channel_id ? 1 : grid.partitions;  // between devices of neighbouring ids
  const int64_t others = attrs.channel_id ? grid.replicas : grid.partitions;
  const int64_t other_step = attrs.channel_id ? grid.partitions : 1;
  for (const auto& [source, target] : attrs.source_target_pairs.list()) {
    for (int64_t i = 0; i < others; ++i) {
      sources[static_cast<size_t>(target * step + i * other_step)] = source * step + i * other_step;
    }
  }
  return sources;
}

// "sum.3 (model.py:12)", for messages: passes may have given other names than the text's.
std::string name_and_place(const Instruction& instruction) {
  const std::string source = model_source_of(instruction);
  if (!source.empty()) return fmt::format("{} ({})", instruction.name(), source);
  if (instruction.text_line() == 0) return instruction.name();
  return fmt::format("{} (line {})", instruction.name(), instruction.text_line());
}

}  // namespace

Collective collective_of(const Instruction& instruction, const DeviceGrid& grid) {
  Collective collective;
  collective.kind = kind_of(instruction);
  collective.name = name_and_place(instruction);
  collective.groups = groups_of(instruction, grid);
  const int64_t members = collective.groups.empty() ? 1 : static_cast<int64_t>(collective.groups[0].size());
  for (const Instruction* operand : instruction.operands()) {
    const Shape& shape = operand->shape();
    collective.arrays.push_back(array_of(instruction, collective.kind, shape, members));
    if (instruction.callees().size() > 0) {
      collective.reduce.push_back(reduce_by(*instruction.callees()[0], shape.type()));
    }
  }
  if (collective.kind == Collective::Kind::permute) {
    const auto& slices = instruction.attrs<CollectivePermuteAttrs>().slice_sizes;
    if (!slices.text.empty()) throw evaluation_error(instruction, "moves slices in place, which no device here can");
    collective.sources = sources_of(instruction, grid);
  }
  return collective;
}

void CollectiveStep::run(Frame& frame) const {
  SmallVector<const std::byte*, 16> send;
  SmallVector<std::byte*, 16> recv;
  for (const Buffer buffer : operands_) send.push_back(frame.at[static_cast<size_t>(buffer)]);
  for (const Buffer buffer : results_) recv.push_back(frame.at[static_cast<size_t>(buffer)]);
  frame.evaluator->check_stop();
  const Event event = frame.comm->start(number_, {send.begin(), send.end()}, {recv.begin(), recv.end()});
  if (end_ == End::waits) return event.wait();
  frame.events[number_] = event;
}

std::string CollectiveStep::describe() const {
  return fmt::format("{} {} of {} arrays", keyword_of(what()->op()), what()->name(), operands_.size());
}

void WaitStep::run(Frame& frame) const { frame.events[number_].wait(); }

std::string WaitStep::describe() const { return fmt::format("wait for {}", what()->operand(0)->name()); }

void DeviceIdStep::run(Frame& frame) const {
  Environment& environment = frame.evaluator->environment();
  const bool is_partition = what()->op() == Op::partition_id;
  const auto id = static_cast<uint32_t>(is_partition ? environment.partition_id() : environment.replica_id());
  std::memcpy(frame.at[static_cast<size_t>(result_)], &id, sizeof(id));
}

std::string DeviceIdStep::describe() const { return fmt::format("{}", keyword_of(what()->op())); }

}  // namespace gshard::cpu
