#include "eval/evaluator.h"

#include <algorithm>
#include <map>

#include "base/memory_budget.h"
#include "base/random.h"
#include "eval/elements.h"
#include "eval/lane_program.h"

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
    std::vector<bool> dies;      // per operand: its value is not read after this use
    bool takes_element = false;  // get-tuple-element: the element is not read later, but others may be
    bool unused = false;         // nothing reads the result
    Dims unread_elements;        // of a tuple that is only taken apart: elements that nothing takes
  };
  std::vector<Step> steps;

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
  if (plan == nullptr) plan = std::make_unique<Plan>(computation);
  return *plan;
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

void Evaluator::check_stop() const {
  if (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed)) {
    throw evaluation_error(*current_, "stopped");
  }
}

Literal Evaluator::call(const Computation& computation, std::vector<Literal> arguments) {
  const Level level(depth_);
  if (depth_ > kMaxDepth) {
    throw evaluation_error(*current_, "calls nest deeper than " + std::to_string(kMaxDepth) + " levels");
  }
  Frame frame(computation, plan_of(computation), std::move(arguments));
  for (const auto& instruction : computation.instructions()) {
    current_ = instruction.get();
    check_stop();
    Literal value = Frame::forwards(*instruction)
                        ? frame.forward(*instruction)
                        : kernel_of(instruction->op())(*instruction, frame.operands_of(*instruction), *this);
    if (!(value.shape() == instruction->shape())) {
      throw evaluation_error(*instruction, "its value is " + value.shape().to_string() + ", declared is " +
                                               instruction->shape().to_string());
    }
    if (options_.observe && unobserved_ == 0) options_.observe(*instruction, value);
    frame.set(*instruction, std::move(value));
  }
  return frame.take_root();
}

Literal Evaluator::call_unobserved(const Computation& computation, std::vector<Literal> arguments) {
  const Level level(unobserved_);
  return call(computation, std::move(arguments));
}

// ---- lifted calls -----------------------------------------------------------------------------------------------

LaneProgram& Evaluator::lanes_of(const Computation& computation) {
  std::unique_ptr<LaneProgram>& program = lane_programs_[&computation];
  if (program == nullptr) program = std::make_unique<LaneProgram>(*this, computation);
  return *program;
}

std::vector<Literal> Evaluator::call_lifted(const Computation& computation, std::vector<Literal> arguments,
                                            int64_t count) {
  LaneProgram& program = lanes_of(computation);
  const auto lanes = static_cast<int64_t>(LaneProgram::kLanes);
  std::vector<Literal> results;
  std::vector<std::byte*> to;
  for (const DType type : program.result_types()) {
    results.push_back(Literal::uninitialized(Shape(type, {count})));
    to.push_back(results.back().mutable_bytes());
  }
  // What is the same for all lanes is spread over one run.
  std::vector<int64_t> from_steps;
  std::vector<const std::byte*> from;
  for (Literal& argument : arguments) {
    const bool uniform = argument.shape().is_scalar();
    const DType type = argument.shape().type();
    if (uniform) argument = filled(Shape(type, {std::min(count, lanes)}), argument);
    from_steps.push_back(uniform ? 0 : lanes * bytes_of(type));
    from.push_back(argument.bytes());
  }
  for (int64_t first = 0; first < count; first += lanes) {
    check_stop();
    program.run(from, to, static_cast<size_t>(std::min(lanes, count - first)));
    for (size_t i = 0; i < from.size(); ++i) from[i] += from_steps[i];
    for (size_t j = 0; j < to.size(); ++j) to[j] += lanes * bytes_of(program.result_types()[j]);
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
    throw evaluation_error(*parameters[i], "argument " + std::to_string(i) + " is " + arguments[i].shape().to_string() +
                                               ", the parameter is " + parameters[i]->shape().to_string());
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
