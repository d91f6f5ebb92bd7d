// Lowering of what moves values between devices. What a collective reads and writes stays untouched until all members
// of its group have passed it: until its step has waited, or, of a -start form, until the step of its -done form has.
#include "backend/cpu/collective.h"
#include "backend/cpu/lowering.h"

namespace gshard::cpu {
namespace {

// The leaves of a -start form's value that its -done form gives: their first one.
size_t first_result(const Instruction& start) {
  return start.op() == Op::all_reduce_start ? 0 : leaf_count(start.shape().element(0));
}

bool is_done(Op op) {
  return op == Op::all_gather_done || op == Op::all_reduce_done || op == Op::collective_permute_done;
}

// Whether each result may take the place of its operand.
bool may_be_in_place(Collective::Kind kind) {
  return kind == Collective::Kind::all_reduce || kind == Collective::Kind::broadcast;
}

}  // namespace

bool is_start(Op op) {
  return op == Op::all_gather_start || op == Op::all_reduce_start || op == Op::collective_permute_start;
}

void Scope::lower_between_devices(const Instruction& x) {
  if (moves_between_devices(x.op())) return lower_collective(x);
  if (is_done(x.op())) return lower_collective_done(x);
  if (x.op() == Op::partition_id || x.op() == Op::replica_id) return lower_device_id(x);
  lower_routine(x);
}

// Whether the -done form waits, and not the -start form: where it is the only one to read it.
bool Scope::is_awaited_later(const Instruction& start) const {
  if (!is_start(start.op()) || &start == computation_.root()) return false;
  const UserTable table(computation_);
  const auto users = table.users_of(start);
  return users.size() == 1 && is_done(users[0]->op());
}

void Scope::lower_collective(const Instruction& x) {
  const size_t number = lowering_.channel_of(x);
  const bool in_place = may_be_in_place(lowering_.program.collectives[number].kind);
  std::vector<Buffer> operands;
  for_each_input(x, [&](const Leaf& leaf) { operands.push_back(buffer_of(leaf)); });
  const size_t first = is_start(x.op()) ? first_result(x) : 0;
  // What a -start form gives beside its results: its operands, and numbers that nobody reads.
  for (size_t k = 0; k < first; ++k) bind({&x, k}, operands[k]);
  std::vector<Buffer> results;
  for (size_t k = 0; k < operands.size(); ++k) {
    const Leaf operand = resolve({x.operand(k)});
    std::vector<Leaf> reusable;
    if (in_place && uses_.at(operand) == 1) reusable.push_back(operand);
    results.push_back(output_for({&x, first + k}, reusable));
  }
  ++lowering_.now;
  for (Buffer buffer : operands) touch(buffer);
  for (Buffer buffer : results) touch(buffer);
  for (size_t k = first + operands.size(); k < leaf_count(x.shape()); ++k) touch(output_for({&x, k}, {}));
  const bool later = is_awaited_later(x);
  if (later) hold_operands(x, operands);
  for_each_input(x, [&](const Leaf& leaf) { release(leaf); });
  add<CollectiveStep>(&x, number, std::move(operands), std::move(results),
                      later ? CollectiveStep::End::goes_on : CollectiveStep::End::waits);
}

// Under names of leaves that the value of the -start form has not.
void Scope::hold_operands(const Instruction& start, const std::vector<Buffer>& operands) {
  for (size_t k = 0; k < operands.size(); ++k) {
    const Leaf held{&start, leaf_count(start.shape()) + k};
    uses_[held] = 1;
    bind(held, operands[k]);
  }
}

void Scope::lower_collective_done(const Instruction& x) {
  const Instruction& start = *x.operand(0);
  ++lowering_.now;
  if (is_awaited_later(start)) {
    for (size_t k = 0; k < start.operand_count(); ++k) {
      const Leaf held{&start, leaf_count(start.shape()) + k};
      touch(buffer_of(held));
      release(held);
    }
    add<WaitStep>(&x, lowering_.channel_of(start));
  }
  const Shape& state = start.shape();
  const size_t first = x.op() == Op::all_reduce_done ? 0 : leaf_count(state.element(0));
  for (size_t part = 0; part < leaf_count(x.shape()); ++part) {
    const Buffer buffer = buffer_of(resolve({&start, first + part}));
    touch(buffer);
    bind({&x, part}, buffer);
  }
  for_each_input(x, [&](const Leaf& leaf) { release(leaf); });
}

void Scope::lower_device_id(const Instruction& x) {
  const Buffer result = output_for({&x}, {});
  ++lowering_.now;
  touch(result);
  add<DeviceIdStep>(&x, result);
}

size_t Lowering::channel_of(const Instruction& collective) {
  const auto [entry, is_new] = channels_.try_emplace(&collective, program.collectives.size());
  if (is_new) program.collectives.push_back(collective_of(collective, program.grid));
  return entry->second;
}

}  // namespace gshard::cpu
