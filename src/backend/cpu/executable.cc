#include "backend/cpu/executable.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "backend/cpu/prepare_dots.h"
#include "backend/cpu/program.h"

namespace gshard::cpu {

namespace {

struct FreeArena {
  void operator()(std::byte* at) const { std::free(at); }
};
using Arena = std::unique_ptr<std::byte, FreeArena>;

Arena make_arena(int64_t bytes) {
  constexpr size_t kPage = 4096;
  const size_t size = (static_cast<size_t>(bytes) + kPage - 1) / kPage * kPage;
  if (size == 0) return nullptr;
  Arena arena(static_cast<std::byte*>(std::aligned_alloc(kPage, size)));
  if (arena == nullptr) throw Error::memory("no room for the values of the program");
  return arena;
}

// Arenas that no run uses: pages that were touched once stay.
class IdleArenas {
 public:
  Arena take(int64_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Arena arena = std::move(idle_.back());
        idle_.pop_back();
        return arena;
      }
    }
    return make_arena(bytes);
  }
  void give_back(Arena arena) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(arena));
  }

 private:
  std::mutex mutex_;
  std::vector<Arena> idle_;
};

}  // namespace

struct Executable::State {
  std::unique_ptr<Module> module;
  Jit jit;
  Program program;
  std::unique_ptr<Pool> pool;
  IdleArenas arenas;
};

namespace {

int thread_count(const CompileOptions& options) {
  return options.threads > 0 ? options.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

void compile_kernels(Jit& jit, Program& program, int threads) {
  std::vector<KernelStep*> steps;
  std::vector<const Kernel*> kernels;
  for_each_step(program.steps, [&](const Step& step) {
    if (const auto* kernel = dynamic_cast<const KernelStep*>(&step)) {
      steps.push_back(const_cast<KernelStep*>(kernel));
      kernels.push_back(&kernel->group().kernel);
    }
  });
  const std::vector<KernelFunction> functions = jit.compile(kernels, threads);
  for (size_t i = 0; i < steps.size(); ++i) steps[i]->set_function(functions[i]);
}

void add_leaves(Literal value, std::vector<Literal>& leaves) {
  if (!value.shape().is_tuple()) {
    leaves.push_back(std::move(value));
    return;
  }
  for (Literal& element : std::move(value).take_elements()) add_leaves(std::move(element), leaves);
}

Literal assemble(const Shape& shape, std::vector<Literal>& leaves, size_t& next) {
  if (!shape.is_tuple()) return std::move(leaves[next++]);
  std::vector<Literal> elements;
  for (const Shape& element : shape.elements()) elements.push_back(assemble(element, leaves, next));
  return Literal::tuple(std::move(elements));
}

StepReport report_of(const Step& step, const Costs& costs) {
  StepReport report{step.what(), step.describe()};
  report.has_steps = step.what() != nullptr && step.computes().empty();
  report.bytes = step.traffic(costs);
  for (const Instruction* x : step.computes()) {
    const double flops = costs.of(*x).flops;
    report.flops += flops;
    const bool is_product = x->op() == Op::dot || x->op() == Op::convolution;
    if (is_product && x->operand(0)->shape().type() == DType::bf16) report.bf16_flops += flops;
  }
  return report;
}

// The entries of a timeline by the numbers of their steps, in order of time.
Trace trace_of(const Timeline& timeline, const Steps& steps) {
  std::unordered_map<const Step*, size_t> numbers;
  for_each_step(steps, [&](const Step& step) { numbers.emplace(&step, numbers.size()); });
  Trace trace;
  for (const Timeline::Entry& e : timeline.entries()) trace.push_back({numbers.at(e.step), e.thread, e.begin, e.end});
  std::stable_sort(trace.begin(), trace.end(), [](const Slice& a, const Slice& b) { return a.begin < b.begin; });
  return trace;
}

}  // namespace

Executable::Executable(std::unique_ptr<State> state) : state_(std::move(state)) {}
Executable::~Executable() = default;

std::unique_ptr<Executable> Executable::compile(const Module& module, const CompileOptions& options) {
  auto state = std::make_unique<State>();
  state->module = module.clone();
  prepare_dots(*state->module);
  state->program = lower(*state->module);
  assign_offsets(state->program);
  compile_kernels(state->jit, state->program, thread_count(options));
  state->pool = std::make_unique<Pool>(thread_count(options));
  return std::unique_ptr<Executable>(new Executable(std::move(state)));
}

int64_t Executable::arena_bytes() const { return state_->program.arena_bytes; }

std::vector<StepReport> Executable::steps() const {
  const Costs costs(*state_->module);
  std::vector<StepReport> reports;
  for_each_step(state_->program.steps, [&](const Step& step) { reports.push_back(report_of(step, costs)); });
  return reports;
}

Literal Executable::run(std::vector<Literal> arguments, const EvaluateOptions& options, Trace* trace) const {
  const Program& program = state_->program;
  const Computation& entry = *state_->module->entry();
  if (arguments.size() != entry.parameters().size()) {
    throw Error::program("the program has " + std::to_string(entry.parameters().size()) + " parameters, not " +
                         std::to_string(arguments.size()));
  }
  std::vector<Literal> leaves;
  for (size_t p = 0; p < arguments.size(); ++p) {
    if (arguments[p].shape() != entry.parameter(p)->shape()) {
      throw Error::program("argument " + std::to_string(p) + " is " + arguments[p].shape().to_string() +
                           ", but parameter " + entry.parameter(p)->name() + " is " +
                           entry.parameter(p)->shape().to_string());
    }
    add_leaves(std::move(arguments[p]), leaves);
  }
  const Shape& result_shape = entry.root()->shape();
  Evaluator evaluator(options);
  Arena arena = state_->arenas.take(program.arena_bytes);
  Frame frame{std::vector<std::byte*>(program.buffers.size()), &evaluator, state_->pool.get()};
  for (size_t b = 0; b < program.buffers.size(); ++b) {
    const BufferInfo& info = program.buffers[b];
    if (info.kind == BufferInfo::Kind::arena) frame.at[b] = arena.get() + info.offset;
    if (info.kind == BufferInfo::Kind::constant) frame.at[b] = const_cast<std::byte*>(info.constant.bytes());
    if (info.kind == BufferInfo::Kind::argument) frame.at[b] = const_cast<std::byte*>(leaves[info.number].bytes());
  }
  std::vector<Literal> results(program.results.size());
  for (size_t r = 0; r < results.size(); ++r) {
    const Buffer buffer = program.results[r];
    if (buffer < 0) {
      results[r] = Literal(Shape::token());
      continue;
    }
    const int donor = program.donors[r];
    if (donor >= 0) {
      results[r] = std::move(leaves[static_cast<size_t>(donor)]);
    } else {
      results[r] = Literal::uninitialized(leaf_of(result_shape, r));
    }
    frame.at[static_cast<size_t>(buffer)] = results[r].mutable_bytes();
  }
  Timeline timeline;
  if (trace != nullptr) frame.timeline = &timeline;
  gshard::cpu::run(program.steps, frame);
  state_->arenas.give_back(std::move(arena));
  if (trace != nullptr) *trace = trace_of(timeline, program.steps);
  size_t next = 0;
  return assemble(result_shape, results, next);
}

}  // namespace gshard::cpu
