// What an executable does, step by step, on buffers whose places are fixed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/cpu/convolution.h"
#include "backend/cpu/fuse.h"
#include "backend/cpu/jit.h"
#include "backend/cpu/plan_dots.h"
#include "backend/cpu/pool.h"
#include "backend/cpu/routine.h"
#include "backend/cpu/timeline.h"
#include "comm/comm.h"
#include "eval/collectives.h"
#include "eval/evaluator.h"
#include "ops/cost.h"

namespace gshard::cpu {

using Buffer = int;

// A run of memory: in the arena, or an argument, a result or a constant.
struct BufferInfo {
  enum class Kind : uint8_t { arena, argument, result, constant };
  Kind kind = Kind::arena;
  int64_t bytes = 0;
  size_t number = 0;              // of the argument's or result's leaf
  Literal constant = {};          // its value
  int64_t first_use = INT64_MAX;  // times of the steps between which it must stay
  int64_t last_use = -1;
  int64_t offset = 0;  // in the arena
  Leaf leaf = {};      // the value that it was made for, for reports
};

// What one device runs with.
struct Frame {
  std::vector<std::byte*> at;  // by buffer
  Evaluator* evaluator;        // for what has no fast path
  Pool* pool;
  Timeline* timeline = nullptr;    // null where nobody wants to know what runs when
  Comm* comm = nullptr;            // to the other devices, where there are any
  std::vector<Event> events = {};  // by collective: what was started and is awaited later
};

class Step {
 public:
  explicit Step(const Instruction* what) : what_(what) {}
  virtual ~Step() = default;
  virtual void run(Frame& frame) const = 0;
  // What it is made of, for people: "kernel of 4 instructions".
  virtual std::string describe() const = 0;
  // One of the instructions that it computes; may be null.
  const Instruction* what() const { return what_; }
  // The instructions that it computes by itself.
  virtual std::vector<const Instruction*> computes() const { return {what_}; }
  // Bytes between memory and cores in one run.
  virtual double traffic(const Costs& costs) const;
  // What the JIT is to compile for it, and what it compiled.
  virtual std::vector<const Kernel*> kernels() const { return {}; }
  virtual void set_functions(std::span<const KernelFunction>) {}

 private:
  const Instruction* what_;
};
using Steps = std::vector<std::unique_ptr<Step>>;

class KernelStep : public Step {
 public:
  KernelStep(const Instruction* what, const Group* group, std::vector<Buffer> arguments)
      : Step(what), group_(group), arguments_(std::move(arguments)) {}
  void run(Frame& frame) const override;
  std::string describe() const override;
  std::vector<const Instruction*> computes() const override;
  double traffic(const Costs& costs) const override;
  std::vector<const Kernel*> kernels() const override { return {&group_->kernel}; }
  void set_functions(std::span<const KernelFunction> functions) override;

 private:
  const Group* group_;
  std::vector<Buffer> arguments_;
  KernelFunction function_ = nullptr;
  int64_t row_step_ = 1;  // rows and lanes of one part
  int64_t lane_step_ = 1;
  int64_t rows_ = 1;
  int64_t lanes_ = 1;
};

class MatmulStep : public Step {
 public:
  struct Buffers {
    Buffer lhs;
    Buffer rhs;
    Buffer bias;  // -1 where there is none
    Buffer result;
  };
  MatmulStep(const DotPlan& plan, const Buffers& buffers);
  void run(Frame& frame) const override;
  std::string describe() const override;

 private:
  const Instruction* output_;
  Matmul matmul_;
  Buffers buffers_;
  int64_t lhs_offset_;  // bytes
  int64_t rhs_offset_;
  int64_t bias_offset_;
};

class ConvolutionStep : public Step {
 public:
  struct Buffers {
    Buffer lhs;
    Buffer rhs;
    Buffer result;
    Buffer workspace;
  };
  ConvolutionStep(const Instruction* what, Convolution convolution, const Buffers& buffers)
      : Step(what), convolution_(std::move(convolution)), buffers_(buffers) {}
  void run(Frame& frame) const override;
  std::string describe() const override { return convolution_.describe(); }

 private:
  Convolution convolution_;
  Buffers buffers_;
};

class RoutineStep : public Step {
 public:
  RoutineStep(const Instruction* what, std::unique_ptr<Routine> routine, std::vector<Buffer> operands,
              std::vector<Buffer> results, Buffer workspace)
      : Step(what),
        routine_(std::move(routine)),
        operands_(std::move(operands)),
        results_(std::move(results)),
        workspace_(workspace) {}
  void run(Frame& frame) const override;
  std::string describe() const override { return routine_->describe(); }
  std::vector<const Kernel*> kernels() const override { return std::as_const(*routine_).kernels(); }
  void set_functions(std::span<const KernelFunction> functions) override { routine_->set_functions(functions); }

 private:
  std::unique_ptr<Routine> routine_;
  std::vector<Buffer> operands_;
  std::vector<Buffer> results_;
  Buffer workspace_;  // -1 where it needs none
};

// Runs the evaluator's kernel on copies.
class EvaluateStep : public Step {
 public:
  EvaluateStep(const Instruction* what, std::vector<Buffer> operands, std::vector<Buffer> results)
      : Step(what), operands_(std::move(operands)), results_(std::move(results)) {}
  void run(Frame& frame) const override;
  std::string describe() const override;

 private:
  std::vector<Buffer> operands_;  // leaves of all operands; -1 for tokens
  std::vector<Buffer> results_;
};

class CopyStep : public Step {
 public:
  CopyStep(Buffer from, Buffer to, int64_t bytes) : Step(nullptr), from_(from), to_(to), bytes_(bytes) {}
  void run(Frame& frame) const override;
  std::string describe() const override;
  std::vector<const Instruction*> computes() const override { return {}; }
  double traffic(const Costs&) const override { return 2 * static_cast<double>(bytes_); }

 private:
  Buffer from_;
  Buffer to_;
  int64_t bytes_;
};

class WhileStep : public Step {
 public:
  WhileStep(const Instruction* what, Steps condition, Buffer predicate, Steps body)
      : Step(what), condition_(std::move(condition)), predicate_(predicate), body_(std::move(body)) {}
  void run(Frame& frame) const override;
  std::string describe() const override { return "loop"; }
  std::vector<const Instruction*> computes() const override { return {}; }
  const Steps& condition() const { return condition_; }
  const Steps& body() const { return body_; }

 private:
  Steps condition_;
  Buffer predicate_;
  Steps body_;
};

class BranchStep : public Step {
 public:
  BranchStep(const Instruction* what, Buffer index, std::vector<Steps> branches)
      : Step(what), index_(index), branches_(std::move(branches)) {}
  void run(Frame& frame) const override;
  std::string describe() const override { return "branches"; }
  std::vector<const Instruction*> computes() const override { return {}; }
  const std::vector<Steps>& branches() const { return branches_; }

 private:
  Buffer index_;
  std::vector<Steps> branches_;
};

void run(const Steps& steps, Frame& frame);
// Runs the parts of a step on the threads of the pool.
void run_parts(const Step& step, Frame& frame, int64_t parts, const std::function<void(int64_t)>& part);
// Calls f for every step, those inside of loops and branches too.
template <class F>
void for_each_step(const Steps& steps, F&& f) {
  for (const auto& step : steps) {
    f(*step);
    if (const auto* loop = dynamic_cast<const WhileStep*>(step.get())) {
      for_each_step(loop->condition(), f);
      for_each_step(loop->body(), f);
    } else if (const auto* branch = dynamic_cast<const BranchStep*>(step.get())) {
      for (const Steps& inner : branch->branches()) for_each_step(inner, f);
    }
  }
}

// A whole module, lowered.
struct Program {
  DeviceGrid grid;
  Steps steps;
  std::vector<BufferInfo> buffers;
  std::vector<Buffer> arguments;  // by leaf of the parameters; -1 for tokens
  std::vector<Buffer> results;    // by leaf of the result; -1 for tokens
  // By leaf of the result: the leaf of the parameters whose memory it is written into; -1 for none.
  std::vector<int> donors;
  int64_t arena_bytes = 0;
  std::vector<Collective> collectives;
  std::vector<std::unique_ptr<Fusion>> fusions;  // own the groups
};

// Whether each instruction is a step of its own, which is followed by one that looks for NaN.
enum class NanChecks : uint8_t { off, on };

// Lowers the entry of a module without calls and fusions, for the devices of a grid. On one device collectives are
// over one participant.
Program lower(const Module& module, const DeviceGrid& grid, NanChecks checks = NanChecks::off);

// Gives every arena buffer its offset: buffers whose times overlap never share bytes.
void assign_offsets(Program& program);

}  // namespace gshard::cpu
