#include "text/verify.h"

#include <array>
#include <unordered_map>
#include <unordered_set>

#include "ops/table.h"
#include "text/verify_parts.h"

namespace gshard {

Error error_at(const Instruction& instruction, const std::string& message) {
  std::string where = " (%" + instruction.name();
  if (const std::string source = model_source_of(instruction); !source.empty()) where += ", from " + source;
  Error error = Error::program(message + where + ")");
  if (instruction.text_line() == 0) return error;
  const std::string& file = instruction.parent()->parent()->file();
  return std::move(error).at({file, instruction.text_line(), instruction.text_column(), ""});
}

Error error_in(const Module& module, const std::string& message) {
  Error error = Error::program(message);
  if (module.file().empty()) return error;
  return std::move(error).at({module.file(), 0, 0, ""});
}

namespace {

using ComputationPositions = std::unordered_map<const Computation*, size_t>;

std::string about(const Instruction& i, const std::string& message) {
  return std::string(keyword_of(i.op())) + ": " + message;
}

void verify_parameter(const Instruction& i) {
  const auto number = static_cast<size_t>(i.attrs<ParameterAttrs>().number);
  const auto& parameters = i.parent()->parameters();
  if (number >= parameters.size() || parameters[number] != &i) {
    throw error_at(i, about(i, "the number " + std::to_string(number) + " stands twice in %" + i.parent()->name()));
  }
}

void verify_order(const Instruction& i) {
  const auto stands_before = [&](const Instruction* other) {
    return other->parent() == i.parent() && other->index() < i.index();
  };
  for (const Instruction* operand : i.operands()) {
    if (!stands_before(operand)) {
      throw error_at(i,
                     about(i, "operand %" + operand->name() + " does not stand before it in %" + i.parent()->name()));
    }
  }
  for (const Instruction* before : i.control_predecessors()) {
    if (!stands_before(before)) {
      throw error_at(i, about(i, "control predecessor %" + before->name() + " does not stand before it in %" +
                                     i.parent()->name()));
    }
  }
}

void verify_callees(const Instruction& i, const ComputationPositions& positions) {
  const size_t own = positions.at(i.parent());
  for (const Computation* callee : i.callees()) {
    const auto found = positions.find(callee);
    if (found == positions.end() || found->second >= own) {
      throw error_at(i, about(i, "the called computation %" + callee->name() + " does not stand before %" +
                                     i.parent()->name() + " in the module"));
    }
  }
}

// Halves of asynchronous ops: the first must be the operand of the second.
struct Halves {
  Op second;
  Op first;
  Op also_first;
};
constexpr std::array kHalves = {
    Halves{Op::all_gather_done, Op::all_gather_start, Op::all_gather_start},
    Halves{Op::all_reduce_done, Op::all_reduce_start, Op::all_reduce_start},
    Halves{Op::async_update, Op::async_start, Op::async_update},
    Halves{Op::async_done, Op::async_start, Op::async_update},
    Halves{Op::collective_permute_done, Op::collective_permute_start, Op::collective_permute_start},
    Halves{Op::copy_done, Op::copy_start, Op::copy_start},
};

void verify_halves(const Instruction& i) {
  for (const Halves& halves : kHalves) {
    if (halves.second != i.op()) continue;
    const Op op = i.operand(0)->op();
    if (op == halves.first || op == halves.also_first) return;
    throw error_at(i, about(i, "operand 0 is the result of " + std::string(keyword_of(op)) + ", must be that of " +
                                   std::string(keyword_of(halves.first))));
  }
}

void verify_type(const Instruction& i) {
  Shape inferred;
  try {
    inferred = infer_shape(i);
  } catch (const Error& error) {
    throw error_at(i, error.what());
  }
  if (inferred == i.shape()) return;
  throw error_at(
      i, about(i, "the result is declared as " + i.shape().to_string() + ", but must be " + inferred.to_string()));
}

void verify_computation(const Computation& computation, const ComputationPositions& positions) {
  const Module& module = *computation.parent();
  if (computation.root() == nullptr) throw error_in(module, "computation %" + computation.name() + " has no root");
  std::unordered_set<std::string_view> names;
  names.reserve(computation.size());
  for (const auto& owned : computation.instructions()) {
    const Instruction& i = *owned;
    if (!names.insert(i.name()).second) {
      throw error_at(i, about(i, "the name %" + i.name() + " stands twice in %" + computation.name()));
    }
    verify_order(i);
    verify_callees(i, positions);
    if (i.op() == Op::parameter) verify_parameter(i);
    verify_type(i);
    verify_halves(i);
    verify_sharding(i);
  }
  const auto& parameters = computation.parameters();
  for (size_t n = 0; n < parameters.size(); ++n) {
    if (parameters[n] != nullptr) continue;
    throw error_in(module, "computation %" + computation.name() + " has no parameter " + std::to_string(n) + " of " +
                               std::to_string(parameters.size()));
  }
  if (computation.root()->parent() != &computation) {
    throw error_in(module, "the root %" + computation.root()->name() + " of computation %" + computation.name() +
                               " stands in another computation");
  }
}

}  // namespace

void verify(const Module& module) {
  ComputationPositions positions;
  std::unordered_set<std::string_view> names;
  for (const auto& computation : module.computations()) {
    positions.emplace(computation.get(), positions.size());
    if (!names.insert(computation->name()).second) {
      throw error_in(module, "two computations are called %" + computation->name());
    }
  }
  for (const auto& computation : module.computations()) verify_computation(*computation, positions);
  if (!positions.contains(module.entry())) throw error_in(module, "the module has no entry computation");
  verify_header(module);
}

}  // namespace gshard
