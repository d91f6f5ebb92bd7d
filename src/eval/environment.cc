// One device alone: what Environment does by default, and the ops that talk to it.
#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "eval/dispatch.h"
#include "eval/elements.h"
#include "eval/evaluator.h"

namespace gshard {
namespace {

// ---- made-up values ---------------------------------------------------------------------------------------------

Literal made_up_array(const Shape& shape, uint64_t seed) {
  const int64_t fan_in = shape.rank() >= 2 ? std::max<int64_t>(shape.dim(shape.rank() - 2), 1) : 1;
  const double scale = 1 / std::sqrt(static_cast<double>(fan_in));
  if (!is_floating(shape.type()) && !is_complex(shape.type())) {
    Literal bits{Shape(DType::u8, shape.dims())};
    const std::span<uint8_t> values = bits.mutable_values<uint8_t>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(random_bits(seed, i) & 1);
    return convert_elements(bits, shape.type());
  }
  Literal numbers = Literal::uninitialized(Shape(DType::f32, shape.dims()));
  const std::span<float> values = numbers.mutable_values<float>();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>((unit_interval(random_bits(seed, i)) + 0.5) * scale);
  }
  return convert_elements(numbers, shape.type());
}

// ---- collectives over one participant ---------------------------------------------------------------------------

Literal one_or_tuple(const Shape& result, std::span<const Literal> values) {
  if (!result.is_tuple()) return values[0];
  return Literal::tuple({values.begin(), values.end()});
}

// The value that this device receives: its own where a pair says so, zeros where no pair sends it any.
Literal permuted(const Instruction& instruction, const Shape& result, std::span<const Literal> operands, int64_t id) {
  for (const auto& [source, target] : instruction.attrs<CollectivePermuteAttrs>().source_target_pairs.list()) {
    if (target != id) continue;
    if (source == id) return one_or_tuple(result, operands);
    throw evaluation_error(instruction, "device " + std::to_string(id) + " receives from device " +
                                            std::to_string(source) + ", but is alone");
  }
  return Literal(result);
}

// Copies runs of rows from operand 0 into operand 1: operands 2 to 5 hold input offsets, sizes to send, output
// offsets and sizes to receive, one of each per participant.
Literal ragged_copy(const Instruction& instruction, std::span<const Literal> operands) {
  Literal result = operands[1];
  const int64_t in_rows = operands[0].shape().dim(0);
  const int64_t out_rows = result.shape().dim(0);
  const int64_t row_bytes = out_rows == 0 ? 0 : result.byte_size() / out_rows;
  std::byte* out = result.mutable_bytes();
  for (size_t i = 0; i < static_cast<size_t>(operands[2].shape().element_count()); ++i) {
    const int64_t from = integer_at(operands[2], i);
    const int64_t count = integer_at(operands[3], i);
    const int64_t to = integer_at(operands[4], i);
    if (from < 0 || to < 0 || count < 0 || from > in_rows - count || to > out_rows - count) {
      throw evaluation_error(instruction, "rows " + std::to_string(from) + " to " + std::to_string(from + count) +
                                              " of " + std::to_string(in_rows) + " do not fit at row " +
                                              std::to_string(to) + " of " + std::to_string(out_rows));
    }
    std::copy_n(operands[0].bytes() + from * row_bytes, count * row_bytes, out + to * row_bytes);
  }
  return result;
}

std::vector<Literal> with_token(Literal data) {
  std::vector<Literal> elements;
  elements.push_back(std::move(data));
  elements.emplace_back(Shape::token());
  return elements;
}

}  // namespace

Literal made_up_value(const Shape& shape, uint64_t seed) {
  if (!shape.is_tuple()) return shape.is_array() ? made_up_array(shape, seed) : Literal(shape);
  std::vector<Literal> elements;
  for (size_t i = 0; i < shape.tuple_size(); ++i) {
    elements.push_back(made_up_value(shape.element(i), random_bits(seed, i)));
  }
  return Literal::tuple(std::move(elements));
}

Literal Environment::collective(const Instruction& instruction, const Shape& result,
                                std::span<const Literal> operands) {
  const Op op = instruction.op();
  if (op == Op::ragged_all_to_all) return ragged_copy(instruction, operands);
  Literal own = one_or_tuple(result, operands);
  if (!(own.shape() == result)) {
    throw evaluation_error(instruction, "makes " + result.to_string() + " of " + own.shape().to_string() +
                                            ", which takes more than one device");
  }
  if (op != Op::collective_permute && op != Op::collective_permute_start) return own;
  const bool is_partition = instruction.attrs<CollectivePermuteAttrs>().channel_id.has_value();
  return permuted(instruction, result, operands, is_partition ? partition_id() : replica_id());
}

Literal Environment::infeed(const Instruction&, const Shape& data) {
  return made_up_value(data, random_bits(seed_, ++made_up_));
}
Literal Environment::recv(const Instruction&, const Shape& data) {
  return made_up_value(data, random_bits(seed_, ++made_up_));
}
void Environment::outfeed(const Instruction&, const Literal&) {}
void Environment::send(const Instruction&, const Literal&) {}

// ---- kernels ----------------------------------------------------------------------------------------------------

#define GSHARD_COLLECTIVE(op)                                                                            \
  Literal eval_##op(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) { \
    return evaluator.environment().collective(instruction, instruction.shape(), operands);               \
  }
GSHARD_COLLECTIVE(all_gather)
GSHARD_COLLECTIVE(all_reduce)
GSHARD_COLLECTIVE(all_reduce_start)
GSHARD_COLLECTIVE(all_to_all)
GSHARD_COLLECTIVE(collective_broadcast)
GSHARD_COLLECTIVE(collective_permute)
GSHARD_COLLECTIVE(ragged_all_to_all)
GSHARD_COLLECTIVE(reduce_scatter)
#undef GSHARD_COLLECTIVE

namespace {

// (operands, results, contexts...), whose second part the -done form takes out.
Literal start_collective(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  const Shape& state = instruction.shape();
  std::vector<Literal> elements;
  elements.push_back(one_or_tuple(state.element(0), operands));
  elements.push_back(evaluator.environment().collective(instruction, state.element(1), operands));
  for (size_t i = 2; i < state.tuple_size(); ++i) elements.emplace_back(state.element(i));
  return Literal::tuple(std::move(elements));
}

}  // namespace

Literal eval_all_gather_start(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  return start_collective(instruction, operands, evaluator);
}
Literal eval_all_gather_done(const Instruction&, std::span<Literal> operands, Evaluator&) {
  return operands[0].take_element(1);
}
Literal eval_all_reduce_done(const Instruction&, std::span<Literal> operands, Evaluator&) {
  return std::move(operands[0]);
}
Literal eval_collective_permute_start(const Instruction& instruction, std::span<Literal> operands,
                                      Evaluator& evaluator) {
  return start_collective(instruction, operands, evaluator);
}
Literal eval_collective_permute_done(const Instruction&, std::span<Literal> operands, Evaluator&) {
  return operands[0].take_element(1);
}

Literal eval_partition_id(const Instruction&, std::span<Literal>, Evaluator& evaluator) {
  return Literal::scalar(DType::u32, static_cast<uint32_t>(evaluator.environment().partition_id()));
}
Literal eval_replica_id(const Instruction&, std::span<Literal>, Evaluator& evaluator) {
  return Literal::scalar(DType::u32, static_cast<uint32_t>(evaluator.environment().replica_id()));
}

Literal eval_infeed(const Instruction& instruction, std::span<Literal>, Evaluator& evaluator) {
  return Literal::tuple(with_token(evaluator.environment().infeed(instruction, instruction.shape().element(0))));
}
Literal eval_outfeed(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  evaluator.environment().outfeed(instruction, operands[0]);
  return Literal(Shape::token());
}

// (data, context, token).
Literal eval_send(const Instruction& instruction, std::span<Literal> operands, Evaluator& evaluator) {
  evaluator.environment().send(instruction, operands[0]);
  return Literal::tuple({operands[0], Literal(Shape(DType::u32)), Literal(Shape::token())});
}
Literal eval_recv(const Instruction& instruction, std::span<Literal>, Evaluator& evaluator) {
  Literal data = evaluator.environment().recv(instruction, instruction.shape().element(0));
  return Literal::tuple({std::move(data), Literal(Shape(DType::u32)), Literal(Shape::token())});
}
Literal eval_send_done(const Instruction&, std::span<Literal>, Evaluator&) { return Literal(Shape::token()); }
Literal eval_recv_done(const Instruction&, std::span<Literal> operands, Evaluator&) {
  return Literal::tuple(with_token(operands[0].take_element(0)));
}

}  // namespace gshard
