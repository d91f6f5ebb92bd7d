#include "text/print.h"

#include <algorithm>
#include <unordered_set>

#include "ops/table.h"
#include "text/async.h"
#include "text/quote.h"
#include "text/write.h"

namespace gshard {
namespace {

using InPlace = std::unordered_set<const Computation*>;

// The async-start at the head of a chain of updates and a done.
const Instruction* start_of(const Instruction& instruction) {
  const Instruction* at = &instruction;
  while (at->op() == Op::async_done || at->op() == Op::async_update) {
    if (at->operand_count() != 1) return nullptr;
    at = at->operand(0);
  }
  return at->op() == Op::async_start && at->callees().size() == 1 ? at : nullptr;
}

// ---- instructions ---------------------------------------------------------------------------------------------------

class InstructionWriter {
 public:
  // Without `in_place`, whatever can be written short is.
  InstructionWriter(std::string& out, const PrintOptions& options, const InPlace* in_place)
      : out_(out), options_(options), in_place_(in_place) {}

  void write(const Instruction& instruction) {
    out_.append("%").append(instruction.name()).append(" = ");
    write_shape(out_, instruction.shape(), ShapeStyle::full);
    out_ += ' ';
    const Instruction* wrapped = wrapped_operation(instruction);
    write_opcode(instruction, wrapped);
    out_ += '(';
    write_operands(instruction);
    out_ += ')';
    if (wrapped == nullptr) {
      write_own_attributes(instruction);
    } else {
      write_attributes(out_, instruction.op(), instruction.attributes(), AttributePlace::before_callees);
      if (instruction.op() == Op::async_start) write_own_attributes(*wrapped);
    }
    write_notes(instruction);
  }

 private:
  // The operation that an asynchronous instruction stands for, where the text is to name it instead.
  const Instruction* wrapped_operation(const Instruction& instruction) const {
    const Instruction* start = start_of(instruction);
    if (start == nullptr) return nullptr;
    const Computation* callee = start->callees()[0];
    return in_place_ == nullptr || in_place_->contains(callee) ? sole_operation(*callee) : nullptr;
  }

  void write_opcode(const Instruction& instruction, const Instruction* wrapped) {
    if (wrapped == nullptr) {
      out_ += keyword_of(instruction.op());
      return;
    }
    out_ += keyword_of(wrapped->op());
    out_ += keyword_of(instruction.op()).substr(std::string_view("async").size());
  }

  void write_operands(const Instruction& instruction) {
    if (instruction.op() == Op::parameter) {
      write_integer(out_, instruction.attrs<ParameterAttrs>().number);
    } else if (instruction.op() == Op::constant) {
      write_literal(out_, instruction.attrs<ConstantAttrs>().value, options_);
    } else {
      write_indexed_list(out_, instruction.operands(),
                         [&](const Instruction* operand) { out_.append("%").append(operand->name()); });
    }
  }

  // Those of the op, and the computations that it calls.
  void write_own_attributes(const Instruction& instruction) {
    write_attributes(out_, instruction.op(), instruction.attributes(), AttributePlace::before_callees);
    write_callees(instruction);
    write_attributes(out_, instruction.op(), instruction.attributes(), AttributePlace::after_callees);
  }

  void write_callees(const Instruction& instruction) {
    const auto& callees = instruction.callees();
    if (callees.empty()) return;
    if (instruction.op() == Op::conditional && instruction.operand(0)->shape().type() == DType::pred) {
      write_callee("true_computation", callees[0]);
      write_callee("false_computation", callees[1]);
      return;
    }
    std::string_view rest = row_of(instruction.op()).callees;
    for (size_t i = 0; i < callees.size() && !rest.empty();) {
      const size_t end = std::min(rest.find(' '), rest.size());
      std::string_view keyword = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (keyword.back() == '*') {
        keyword.remove_suffix(1);
        write_callee_list(keyword, instruction, i);
        return;
      }
      if (keyword.back() == '?') keyword.remove_suffix(1);
      write_callee(keyword, callees[i++]);
    }
  }

  void write_callee(std::string_view keyword, const Computation* callee) {
    out_.append(", ").append(keyword).append("=%").append(callee->name());
  }

  void write_callee_list(std::string_view keyword, const Instruction& instruction, size_t first) {
    out_.append(", ").append(keyword).append("={");
    for (size_t i = first; i < instruction.callees().size(); ++i) {
      out_.append(i > first ? ", %" : "%").append(instruction.callees()[i]->name());
    }
    out_ += '}';
  }

  void write_notes(const Instruction& instruction) {
    const Notes& notes = instruction.notes();
    if (notes.sharding != nullptr) {
      out_ += ", sharding=";
      write_sharding(out_, *notes.sharding);
    }
    if (notes.frontend_attributes != nullptr) {
      out_ += ", frontend_attributes=";
      write_frontend_attributes(out_, *notes.frontend_attributes);
    }
    if (!instruction.control_predecessors().empty()) {
      out_ += ", control-predecessors={";
      write_list(out_, instruction.control_predecessors(), ", ",
                 [&](const Instruction* before) { out_.append("%").append(before->name()); });
      out_ += '}';
    }
    if (notes.statistics != nullptr) out_.append(", statistics=").append(*notes.statistics);
    if (notes.origin != nullptr) out_.append(", origin=").append(*notes.origin);
    if (options_.metadata && notes.metadata != nullptr) {
      out_ += ", metadata=";
      write_metadata(out_, *notes.metadata);
    }
    if (notes.backend_config != nullptr) out_.append(", backend_config=").append(*notes.backend_config);
  }

  std::string& out_;
  const PrintOptions& options_;
  const InPlace* in_place_;
};

// ---- computations ---------------------------------------------------------------------------------------------------

void write_signature(std::string& out, const Computation& computation) {
  out += " (";
  write_list(out, computation.parameters(), ", ", [&](const Instruction* parameter) {
    out.append(parameter->name()).append(": ");
    write_shape(out, parameter->shape(), ShapeStyle::bare);
  });
  out += ") -> ";
  write_shape(out, computation.root()->shape(), ShapeStyle::bare);
}

void write_computation(std::string& out, const Computation& computation, const PrintOptions& options,
                       const InPlace& in_place) {
  if (computation.parent()->entry() == &computation) out += "ENTRY ";
  out.append("%").append(computation.name());
  write_signature(out, computation);
  out += " {\n";
  InstructionWriter writer(out, options, &in_place);
  for (const auto& instruction : computation.instructions()) {
    out += instruction.get() == computation.root() ? "  ROOT " : "  ";
    writer.write(*instruction);
    out += '\n';
  }
  out += '}';
  if (!computation.execution_thread().empty()) {
    out += ", execution_thread=";
    append_quoted(out, computation.execution_thread());
  }
  out += "\n\n";
}

}  // namespace

std::string print(const Module& module, const PrintOptions& options) {
  std::string out;
  write_header(out, module);
  if (options.metadata) write_source_tables(out, module.source_tables());
  const auto in_place = computations_in_place(module);
  for (const auto& computation : module.computations()) {
    if (!in_place.contains(computation.get())) write_computation(out, *computation, options, in_place);
  }
  return out;
}

std::string print(const Instruction& instruction, const PrintOptions& options) {
  std::string out;
  InstructionWriter(out, options, nullptr).write(instruction);
  return out;
}

std::string print(const Shape& shape) {
  std::string out;
  write_shape(out, shape, ShapeStyle::full);
  return out;
}

std::string print(const HloSharding& sharding) {
  std::string out;
  write_sharding(out, sharding);
  return out;
}

std::string print(const Literal& literal) {
  std::string out;
  write_literal(out, literal, {});
  return out;
}

}  // namespace gshard
