#include "eval/evaluator.h"

#include <algorithm>
#include <map>

#include "base/memory_budget.h"
#include "base/random.h"
#include "eval/dispatch.h"
#include "eval/elements.h"

namespace gshard {
namespace {

// Far above what models nest, far below what the stack holds.
constexpr int kMaxDepth = 500;

// Counts a level of nesting for as long as it lives.
class Level {
 public:
  explicit Level(int& depth) : depth_(depth) { ++depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  ~Level() { --depth_; }

 private:
  int& depth_;
};

std::string described(const Instruction& instruction, const std::string& what) {
  std::string text = "%" + instruction.name() + " = " + std::string(keyword_of(instruction.op())) + ": " + what;
  if (const std::string source = model_source_of(instruction); !source.empty()) text += " (from " + source + ")";
  return text;
}

Error placed(Error error, const Instruction& instruction) {
  const Module* module = instruction.parent() != nullptr ? instruction.parent()->parent() : nullptr;
  if (module == nullptr || instruction.text_line() == 0) return error;
  return std::move(error).at({module->file(), instruction.text_line(), instruction.text_column(), ""});
}

}  // namespace

Error evaluation_error(const Instruction& instruction, const std::string& what) {
  return placed(Error::program(described(instruction, what)), instruction);
}

// ---- plans ------------------------------------------------------------------------------------------------------

// What is known of each instruction of a computation before it runs.
struct Evaluator::Plan {
  struct Step {
    std::vector<bool> dies;          // per operand: its value is not read after this use
    bool takes_element = false;      // get-tuple-element: the element is not read later, but others may be
    bool unused = false;             // nothing reads the result
    Dims unread_elements;            // of a tuple that is only taken apart: elements that nothing takes
  };
  std::vector<Step> steps;
  // Every instruction is one that call_lifted can run over many elements at once.
  bool liftable = false;

  explicit Plan(const Computation& computation);

 private:
  // The last uses of one value, as indices of instructions.
  struct Uses {
    int64_t last = -1;
    int64_t last_whole = -1;             // other than by get-tuple-element
    std::map<int64_t, int64_t> element;  // by get-tuple-element
  };
  static std::vector<Uses> uses_of(const Computation& computation);
};

std::vector<Evaluator::Plan::Uses> Evaluator::Plan::uses_of(const Computation& computation) {
  std::vector<Uses> uses(computation.size());
  for (const auto& user : computation.instructions()) {
    const auto at = static_cast<int64_t>(user->index());
    for (const Instruction* operand : user->operands()) {
      Uses& of = uses[operand->index()];
      of.last = at;
      if (user->op() == Op::get_tuple_element) {
        of.element[user->attrs<TupleIndexAttrs>().index] = at;
      } else {
        of.last_whole = at;
      }
    }
  }
  Uses& root = uses[computation.root()->index()];
  root.last = root.last_whole = static_cast<int64_t>(computation.size());
  return uses;
}

Evaluator::Plan::Plan(const Computation& computation) : steps(computation.size()) {
  const std::vector<Uses> uses = uses_of(computation);
  for (const auto& instruction : computation.instructions()) {
    Step& step = steps[instruction->index()];
    const auto at = static_cast<int64_t>(instruction->index());
    const Instruction::Operands& operands = instruction->operands();
    step.dies.resize(operands.size());
    for (size_t i = 0; i < operands.size(); ++i) {
      const bool last_of_these = std::find(operands.begin() + i + 1, operands.end(), operands[i]) == operands.end();
      step.dies[i] = last_of_these && uses[operands[i]->index()].last == at;
    }
    if (instruction->op() == Op::get_tuple_element) {
      const Uses& of = uses[operands[0]->index()];
      step.takes_element = of.last_whole < at && of.element.at(instruction->attrs<TupleIndexAttrs>().index) == at;
    }
    const Uses& own = uses[instruction->index()];
    step.unused = own.last < 0;
    if (own.last_whole < 0 && !step.unused) {
      for (size_t i = 0; i < instruction->shape().tuple_size(); ++i) {
        const auto element = static_cast<int64_t>(i);
        if (!own.element.contains(element)) step.unread_elements.push_back(element);
      }
    }
  }
}

const Evaluator::Plan& Evaluator::plan_of(const Computation& computation) {
  std::unique_ptr<Plan>& plan = plans_[&computation];
  if (plan != nullptr) return *plan;
  auto made = std::make_unique<Plan>(computation);
  const auto is_scalars = [](const Shape& shape) {
    return shape.is_scalar() ||
           (shape.is_tuple() && std::all_of(shape.elements().begin(), shape.elements().end(),
                                            [](const Shape& element) { return element.is_scalar(); }));
  };
  made->liftable = std::all_of(
      computation.instructions().begin(), computation.instructions().end(), [&](const auto& instruction) {
        if (!is_scalars(instruction->shape())) return false;
        switch (instruction->op()) {
          case Op::parameter:
          case Op::constant:
          case Op::tuple:
          case Op::get_tuple_element: return true;
          case Op::call:
          case Op::fusion: return plan_of(*instruction->callees()[0]).liftable;
          default: return is_lane_wise(instruction->op());
        }
      });
  // plan_of was called for callees meanwhile, so the reference from above may be stale.
  return *(plans_[&computation] = std::move(made));
}

// ---- the values of one running computation ----------------------------------------------------------------------

class Evaluator::Frame {
 public:
  Frame(const Computation& computation, const Plan& plan, std::vector<Literal> arguments)
      : computation_(computation), plan_(plan), arguments_(std::move(arguments)), values_(computation.size()) {}

  // Whether the instruction only passes on what the frame has already.
  static bool forwards(const Instruction& instruction) {
    return instruction.op() == Op::parameter || instruction.op() == Op::get_tuple_element;
  }

  Literal forward(const Instruction& instruction) {
    if (instruction.op() == Op::parameter) {
      return std::move(arguments_[static_cast<size_t>(instruction.attrs<ParameterAttrs>().number)]);
    }
    const auto element = static_cast<size_t>(instruction.attrs<TupleIndexAttrs>().index);
    const Plan::Step& step = step_of(instruction);
    Literal& tuple = values_[instruction.operand(0)->index()];
    Literal value = step.takes_element ? tuple.take_element(element) : tuple.elements()[element];
    if (step.dies[0]) tuple = Literal();
    return value;
  }

  std::span<Literal> operands_of(const Instruction& instruction) {
    operands_.clear();
    for (size_t i = 0; i < instruction.operand_count(); ++i) {
      Literal& value = values_[instruction.operand(i)->index()];
      if (step_of(instruction).dies[i]) {
        operands_.push_back(std::move(value));
      } else {
        operands_.push_back(value);
      }
    }
    return operands_;
  }

  void set(const Instruction& instruction, Literal value) {
    operands_.clear();
    const Plan::Step& step = step_of(instruction);
    if (step.unused) return;
    for (int64_t element : step.unread_elements) value.take_element(static_cast<size_t>(element));
    values_[instruction.index()] = std::move(value);
  }

  Literal take_root() { return std::move(values_[computation_.root()->index()]); }

 private:
  const Plan::Step& step_of(const Instruction& instruction) const { return plan_.steps[instruction.index()]; }

  const Computation& computation_;
  const Plan& plan_;
  std::vector<Literal> arguments_;
  std::vector<Literal> values_;    // by the instruction's index
  std::vector<Literal> operands_;  // of the instruction that runs
};

// ---- the walk ---------------------------------------------------------------------------------------------------

Evaluator::Evaluator(const EvaluateOptions& options) : options_(options), environment_(options.environment) {
  if (environment_ == nullptr) {
    own_environment_ = std::make_unique<Environment>(options.seed);
    environment_ = own_environment_.get();
  }
  random_state_ = {random_at(~uint64_t{0}), random_at(~uint64_t{1})};
}

Evaluator::~Evaluator() = default;

uint64_t Evaluator::random_at(uint64_t index) const { return random_bits(options_.seed, index); }

std::array<uint64_t, 2> Evaluator::advance_random_state(uint64_t delta) {
  const std::array<uint64_t, 2> before = random_state_;
  random_state_[1] += __builtin_add_overflow(before[0], delta, &random_state_[0]) ? 1 : 0;
  return before;
}

void Evaluator::begin(const Instruction& instruction) {
  current_ = &instruction;
  if (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed)) {
    throw evaluation_error(instruction, "stopped");
  }
}

Literal Evaluator::call(const Computation& computation, std::vector<Literal> arguments) {
  const Level level(depth_);
  if (depth_ > kMaxDepth) {
    throw evaluation_error(*current_, "calls nest deeper than " + std::to_string(kMaxDepth) + " levels");
  }
  Frame frame(computation, plan_of(computation), std::move(arguments));
  for (const auto& instruction : computation.instructions()) {
    begin(*instruction);
    Literal value = Frame::forwards(*instruction)
                        ? frame.forward(*instruction)
                        : kernel_of(instruction->op())(*instruction, frame.operands_of(*instruction), *this);
    if (!(value.shape() == instruction->shape())) {
      throw evaluation_error(*instruction, "its value is " + value.shape().to_string() + ", declared is " +
                                               instruction->shape().to_string());
    }
    if (options_.observe && lifted_ == 0) options_.observe(*instruction, value);
    frame.set(*instruction, std::move(value));
  }
  return frame.take_root();
}

// ---- lifted calls -----------------------------------------------------------------------------------------------

namespace {

std::vector<Literal> parts_of(Literal value) {
  if (value.shape().is_tuple()) return std::move(value).take_elements();
  std::vector<Literal> parts;
  parts.push_back(std::move(value));
  return parts;
}

void copy_element(const Literal& from, size_t from_index, Literal& to, size_t to_index) {
  with_bytes(from.shape().type(),
             [&]<class T>() { to.mutable_values<T>()[to_index] = from.values<T>()[from_index]; });
}

}  // namespace

std::vector<Literal> Evaluator::call_lifted(const Computation& computation, std::vector<Literal> arguments,
                                            int64_t count) {
  const Level level(lifted_);
  if (lifted_ > kMaxDepth) {
    throw evaluation_error(*current_, "calls nest deeper than " + std::to_string(kMaxDepth) + " levels");
  }
  const Plan& plan = plan_of(computation);
  if (!plan.liftable) return call_lane_by_lane(computation, arguments, count);

  Frame frame(computation, plan, std::move(arguments));
  for (const auto& instruction : computation.instructions()) {
    begin(*instruction);
    if (Frame::forwards(*instruction)) {
      frame.set(*instruction, frame.forward(*instruction));
      continue;
    }
    const std::span<Literal> operands = frame.operands_of(*instruction);
    if (instruction->op() == Op::call || instruction->op() == Op::fusion) {
      std::vector<Literal> inner(std::make_move_iterator(operands.begin()), std::make_move_iterator(operands.end()));
      std::vector<Literal> results = call_lifted(*instruction->callees()[0], std::move(inner), count);
      const bool is_tuple = instruction->shape().is_tuple();
      frame.set(*instruction, is_tuple ? Literal::tuple(std::move(results)) : std::move(results[0]));
    } else {
      frame.set(*instruction, kernel_of(instruction->op())(*instruction, operands, *this));
    }
  }
  std::vector<Literal> results = parts_of(frame.take_root());
  for (Literal& result : results) {
    if (result.shape().is_scalar()) result = filled(Shape(result.shape().type(), {count}), result);
  }
  return results;
}

std::vector<Literal> Evaluator::call_lane_by_lane(const Computation& computation, std::span<const Literal> arguments,
                                                  int64_t count) {
  std::vector<Literal> results;
  const Shape& root = computation.root()->shape();
  for (const Shape& shape : root.is_tuple() ? root.elements() : std::vector<Shape>{root}) {
    results.push_back(Literal::uninitialized(Shape(shape.type(), {count})));
  }
  for (size_t lane = 0; lane < static_cast<size_t>(count); ++lane) {
    std::vector<Literal> scalars;
    for (const Literal& argument : arguments) {
      scalars.push_back(Literal::uninitialized(Shape(argument.shape().type())));
      copy_element(argument, argument.shape().is_scalar() ? 0 : lane, scalars.back(), 0);
    }
    const std::vector<Literal> parts = parts_of(call(computation, std::move(scalars)));
    for (size_t i = 0; i < parts.size(); ++i) copy_element(parts[i], 0, results[i], lane);
  }
  return results;
}

// ---- from outside -----------------------------------------------------------------------------------------------

Literal evaluate(const Module& module, std::span<const Literal> arguments, const EvaluateOptions& options) {
  return evaluate(*module.entry(), arguments, options);
}

Literal evaluate(const Computation& computation, std::span<const Literal> arguments, const EvaluateOptions& options) {
  const auto& parameters = computation.parameters();
  if (parameters.size() != arguments.size()) {
    throw Error::program("%" + computation.name() + " has " + std::to_string(parameters.size()) + " parameters, got " +
                         std::to_string(arguments.size()) + " arguments");
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].shape() == parameters[i]->shape()) continue;
    throw evaluation_error(*parameters[i], "argument " + std::to_string(i) + " is " +
                                               arguments[i].shape().to_string() + ", the parameter is " +
                                               parameters[i]->shape().to_string());
  }
  const MemoryBudget::Scope scope(options.memory_limit);
  Evaluator evaluator(options);
  try {
    return evaluator.call(computation, {arguments.begin(), arguments.end()});
  } catch (const Error& error) {
    // Kernels name the instruction themselves; a literal that cannot be held does not know it.
    if (error.kind() != ErrorKind::memory || evaluator.current() == nullptr) throw;
    const Instruction& instruction = *evaluator.current();
    throw placed(Error::memory(described(instruction, error.what())), instruction);
  }
}

}  // namespace gshard
